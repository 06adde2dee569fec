//! Orders from people to the running process, as the control socket accepts them.

use super::setup;
use super::{Broken, World};
use lifeboat::domain::id::{BackupId, PolicyName, SourceId};
use lifeboat::domain::policy::Settings;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::driver::{Basis, Driver};
use lifeboat::planner::orders::{
    self as rules, BackupOrder, CancelOrder, HoldOrder, PauseOrder, ReleaseOrder, ResumeOrder,
};
use std::time::Duration;

pub(super) use lifeboat::planner::orders::Order;

impl World {
    pub(super) fn order(&mut self, drawn: setup::DrawnOrder) -> Result<(), Broken> {
        let now = self.host_now();
        let Some(Basis { settings, state }) = self.driver.as_ref().map(Driver::basis) else { return Ok(()) };
        let verdict = if matches!(drawn, setup::DrawnOrder::ConfirmDeletions) {
            let looked_at = rules::braked(state);
            Ok(rules::confirm_deletions(settings, state, &looked_at, now))
        } else {
            let order = match drawn {
                setup::DrawnOrder::Again => self.last_order.clone(),
                _ => spelled(drawn, settings, state, now),
            };
            let Some(order) = order else { return Ok(()) };
            let verdict = rules::decide(settings, state, &order, now);
            self.last_order = Some(order);
            verdict
        };
        match verdict {
            Ok(granted) => {
                self.note(format_args!("  {}", granted.says));
                self.checks.ordered(matches!(drawn, setup::DrawnOrder::ConfirmDeletions));
                self.drive(|driver, world| {
                    driver.take_in(granted.changes, world)?;
                    world.commit_and_go_on(driver)
                })?;
            }
            Err(refusal) => self.note(format_args!("  refused: {refusal}")),
        }
        self.checks.ordered(false);
        Ok(())
    }

    /// No policy stays paused once the trouble is over.
    pub(super) fn resume_all(&mut self) -> Result<(), Broken> {
        let now = self.host_now();
        self.drive(|driver, world| {
            let names: Vec<PolicyName> = driver.settings.policies.keys().cloned().collect();
            for policy in names {
                let order = Order::Resume(ResumeOrder { policy });
                let granted = rules::decide(&driver.settings, &driver.state, &order, now);
                driver.take_in(granted.map(|granted| granted.changes).unwrap_or_default(), world)?;
            }
            Ok(())
        })
    }
}

/// An order in full, about something that there is.
fn spelled(drawn: setup::DrawnOrder, settings: &Settings, state: &State, now: Time) -> Option<Order> {
    let of = |choice: u64, length: usize| (choice % (length.max(1) as u64)) as usize;
    let policy = |choice: u64| settings.policies.values().nth(of(choice, settings.policies.len()));
    let point = |choice: u64| -> Option<BackupId> {
        let all: Vec<&BackupId> = state.places.values().flat_map(|known| known.points.keys()).collect();
        all.get(of(choice, all.len())).map(|id| (*id).clone())
    };
    Some(match drawn {
        setup::DrawnOrder::Backup(choice) => {
            let policy = policy(choice)?;
            let source: Option<SourceId> = policy.sources.get(of(choice >> 8, policy.sources.len())).cloned();
            Order::Backup(BackupOrder { policy: policy.name.clone(), source, at: now })
        }
        setup::DrawnOrder::Pause(choice, for_ms) => {
            let until = Some(now.plus(Duration::from_millis(for_ms.unsigned_abs())));
            Order::Pause(PauseOrder { policy: policy(choice)?.name.clone(), until, reason: None })
        }
        setup::DrawnOrder::Resume(choice) => Order::Resume(ResumeOrder { policy: policy(choice)?.name.clone() }),
        setup::DrawnOrder::Hold(choice) => {
            Order::Hold(HoldOrder { backup: point(choice)?, reason: Some("audit".to_owned()) })
        }
        setup::DrawnOrder::Release(choice) => Order::Release(ReleaseOrder { backup: point(choice)? }),
        setup::DrawnOrder::Cancel(choice) => {
            Order::Cancel(CancelOrder { policy: policy(choice)?.name.clone(), source: None, at: None })
        }
        setup::DrawnOrder::Again | setup::DrawnOrder::ConfirmDeletions => return None,
    })
}

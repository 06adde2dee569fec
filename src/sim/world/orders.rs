//! Orders from people to the running process, as the control socket accepts them.

use super::setup;
use super::{Broken, World};
use crate::domain::id::{BackupId, PolicyName, SourceId};
use crate::domain::policy::Settings;
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::planner::orders::{
    self as rules, BackupOrder, CancelOrder, HoldOrder, PauseOrder, ReleaseOrder, ResumeOrder,
};
use std::time::Duration;

pub(super) use crate::planner::orders::Order;

impl World {
    pub(super) fn order(&mut self, drawn: setup::DrawnOrder) -> Result<(), Broken> {
        let now = self.host_now();
        let Some(host) = &self.host else { return Ok(()) };
        let verdict = if matches!(drawn, setup::DrawnOrder::ConfirmDeletions) {
            let looked_at = rules::braked(&host.state);
            Ok(rules::confirm_deletions(&host.settings, &host.state, &looked_at, now))
        } else {
            let order = match drawn {
                setup::DrawnOrder::Again => self.last_order.clone(),
                _ => spelled(drawn, &host.settings, &host.state, now),
            };
            let Some(order) = order else { return Ok(()) };
            let verdict = rules::decide(&host.settings, &host.state, &order, now);
            self.last_order = Some(order);
            verdict
        };
        match verdict {
            Ok(granted) => {
                self.note(format_args!("  {}", granted.says));
                self.checks.ordered(matches!(drawn, setup::DrawnOrder::ConfirmDeletions));
                self.take_in(granted.changes)?;
                if self.boundary()? && self.commit()? {
                    self.round()?;
                }
            }
            Err(refusal) => self.note(format_args!("  refused: {refusal}")),
        }
        self.checks.ordered(false);
        Ok(())
    }

    /// No policy stays paused once the trouble is over.
    pub(super) fn resume_all(&mut self) -> Result<(), Broken> {
        let now = self.host_now();
        let Some(host) = &self.host else { return Ok(()) };
        let names: Vec<PolicyName> = host.settings.policies.keys().cloned().collect();
        for policy in names {
            let Some(host) = &self.host else { return Ok(()) };
            let order = Order::Resume(ResumeOrder { policy });
            let changes = rules::decide(&host.settings, &host.state, &order, now).map(|granted| granted.changes);
            self.take_in(changes.unwrap_or_default())?;
        }
        Ok(())
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

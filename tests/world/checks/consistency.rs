//! Promises 3 and 6: the process believes what FSx held when last read, and a restarted process believes the same.

use super::super::setup::DAY_MS;
use super::armed::{Armed, Check};
use super::created::Created;
use super::flow::Flow;
use super::{Broken, View};
use lifeboat::domain::evidence::Objection;
use lifeboat::domain::id::AccountRegion;
use lifeboat::domain::point::{Lifecycle as Seen, RecoveryPoint};
use lifeboat::domain::state::State;
use lifeboat::sim::cloud::{CopySubject, Lifecycle};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Consistency {
    believed: Option<State>,
}

impl Consistency {
    pub(super) fn died(&mut self, state: Option<&State>) {
        self.believed = state.cloned();
    }

    /// What was on disk when the process died is what the next one knows.
    pub(super) fn started(&mut self, state: &State, armed: &Armed) -> Result<(), Broken> {
        let Some(believed) = self.believed.take() else { return Ok(()) };
        let wrong = |what: String| Err(Check::SameAfterRestart.broken(format!("after a restart {what}")));
        for (key, before) in &believed.sources {
            armed.count(Check::SameAfterRestart);
            let Some(after) = state.sources.get(key) else { return wrong(format!("{key} is forgotten")) };
            if (&before.membership, &before.open, before.departed) != (&after.membership, &after.open, after.departed) {
                return wrong(format!("{key}: {before:?} became {after:?}"));
            }
            let asks = |of: &lifeboat::domain::state::SourceState| {
                let brief = |pending: &lifeboat::domain::state::PendingRequest| {
                    (pending.attempt, pending.open, pending.sent, pending.failures, pending.request.clone())
                };
                of.pending_requests
                    .iter()
                    .map(|(slot, pending)| (slot.clone(), brief(pending)))
                    .collect::<BTreeMap<_, _>>()
            };
            if asks(before) != asks(after) {
                return wrong(format!(
                    "{key}: its asks {:?} became {:?}",
                    before.pending_requests, after.pending_requests
                ));
            }
            let points = |of: &lifeboat::domain::state::SourceState| {
                let there = of.points.iter().filter(|point| point.lifecycle != Seen::Deleted);
                there.map(|point| (point.id.clone(), (point.lifecycle, point.attempt))).collect::<BTreeMap<_, _>>()
            };
            if points(before) != points(after) {
                return wrong(format!("{key}: its points {:?} became {:?}", points(before), points(after)));
            }
        }
        if believed.counters != state.counters {
            return wrong(format!("the totals {:?} became {:?}", believed.counters, state.counters));
        }
        Ok(())
    }

    /// No recovery point is claimed that FSx does not have, none is overlooked for long.
    pub(super) fn inspected(&mut self, view: &View<'_>, flow: &Flow, created: &Created) -> Result<(), Broken> {
        let Some((place, what)) = view.state.quarantined.iter().next() else {
            return recovery_points(view, flow, created);
        };
        Err(Check::StateIsLegal.broken(format!("{place} is set aside: {what}")))
    }
}

fn recovery_points(view: &View<'_>, flow: &Flow, created: &Created) -> Result<(), Broken> {
    let mut by_place: BTreeMap<&AccountRegion, bool> = BTreeMap::new();
    let mut undisturbed = |place| *by_place.entry(place).or_insert_with(|| flow.undisturbed(view, &[place]));
    for source in view.state.sources.values() {
        for target in source.points.targets() {
            // What is in doubt is shown as unknown as long as nobody is found who can tell, for days at most.
            let unknown = |point: &RecoveryPoint| {
                let account = &point.place.account;
                point.remarks.in_doubt(view.host_now)
                    && point.remarks.missing_since.is_some_and(|since| {
                        let lasted = view.host_now.since(since).as_millis() as i64;
                        !view.state.proven_after(account, since) && lasted < 4 * DAY_MS
                    })
            };
            let Some(point) = source.points.available(target).rev().find(|point| !unknown(point)) else { continue };
            let id = &point.id;
            let place = &point.place;
            let found = view.cloud.find_backup(place.account.as_str(), place.region.as_str(), id.as_str());
            let true_now = found.is_some_and(|(_, backup)| backup.lifecycle == Lifecycle::Available);
            if !undisturbed(place) {
                continue;
            }
            view.armed.count(Check::ClaimIsTrue);
            if !true_now {
                let is = found.map(|(_, backup)| backup.lifecycle);
                let what = format!("{id} in {place} is claimed as AVAILABLE and is {is:?}");
                return Err(Check::ClaimIsTrue.broken(what));
            }
        }
    }
    let since_ms = view.now_ms - flow.grace_period_ms(view);
    let (made_since_ms, settled_ms) = (since_ms - 3 * DAY_MS, view.now_ms - flow.listed_within_ms(view));
    for (backup, place, id) in created.since(view.cloud, made_since_ms) {
        let settled = backup.lifecycle == Lifecycle::Available && backup.ended_ms.is_some_and(|at_ms| at_ms < since_ms);
        if !settled || !undisturbed(place) {
            continue;
        }
        view.armed.count(Check::KnownSoon);
        // Nearly all are known, which is cheap to see.
        if view.state.point(place, id).is_some_and(|point| point.lifecycle == Seen::Available)
            || !created.undisputed(view.cloud, backup, made_since_ms, settled_ms)
        {
            continue;
        }
        // What nothing but its tags says to be ours is left to a person, where AWS lets copies name another file system.
        let unconfirmed = view.state.place(place).and_then(|known| known.disputes.get(id)).is_some_and(|dispute| {
            matches!(dispute.objection, Objection::Unconfirmed(_))
                && view.cloud.settings().copies_file_system == CopySubject::Other
        });
        // A tag of its backup that was put right is seen where that lies.
        let disputed = view.state.place(place).is_some_and(|known| known.disputes.contains_key(id));
        let home = backup.source_region.as_deref();
        let home = home.map(|region| AccountRegion { account: place.account.clone(), region: region.into() });
        if unconfirmed || (disputed && home.is_some_and(|home| !flow.undisturbed(view, &[&home]))) {
            continue;
        }
        let watched = view.settings.policies.values().any(|policy| {
            policy.account == place.account
                && (policy.region == place.region || policy.destination(&place.region).is_some())
        });
        if watched {
            return Err(Check::KnownSoon.broken(format!("{id} in {place} is AVAILABLE for long and not known to be")));
        }
    }
    Ok(())
}

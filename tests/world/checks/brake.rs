//! The brake: what a route loses within any 24 hours, beyond the points that were added, waits for a person if it is
//! too much.

use super::super::setup::DAY_MS;
use super::armed::Check;
use super::created::Created;
use super::{Broken, View, Work, work_of};
use lifeboat::domain::change::Change;
use lifeboat::domain::id::{AccountRegion, SourceKey};
use lifeboat::sim::cloud::{Backup, BackupIx, Lifecycle};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The process's clock and the wire may be late by so much.
const LATE_MS: i64 = 600_000;
/// As many may go in a day, or this share of what was held.
const POINTS: usize = 2;
const ONE_IN: usize = 5;

/// What a route held at a moment at which some of it went, by FSx's inventory.
struct Moment {
    at_ms: i64,
    held: BTreeSet<BackupIx>,
}

#[derive(Default)]
pub(super) struct Brake {
    moments: BTreeMap<Work, VecDeque<Moment>>,
    /// What Lifeboat decided to delete of its own accord.
    going: BTreeSet<BackupIx>,
    /// And what a person let it.
    confirmed: BTreeSet<BackupIx>,
}

impl Brake {
    pub(super) fn database_lost(&mut self) {
        self.moments.clear();
        self.going.clear();
    }

    pub(super) fn clock_set(&mut self) {
        self.moments.clear();
    }

    /// `gone_unseen`: a person deleted it, which may not be known yet.
    pub(super) fn committed(
        &mut self,
        changes: &[Change],
        view: &View<'_>,
        created: &Created,
        confirmed: bool,
        gone_unseen: impl Fn(&Backup, BackupIx) -> bool,
    ) -> Result<(), Broken> {
        let mut routes: BTreeMap<Work, BTreeSet<BackupIx>> = BTreeMap::new();
        for change in changes {
            let (Change::DeletionPlanned { place, id, .. } | Change::DeletionCancelled { place, id, .. }) = change
            else {
                continue;
            };
            let found = view.cloud.find_backup(place.account.as_str(), place.region.as_str(), id.as_str());
            let Some((at, backup)) = found else { continue };
            if matches!(change, Change::DeletionCancelled { .. }) {
                self.going.remove(&at);
                self.confirmed.remove(&at);
            } else if backup.lifecycle != Lifecycle::Available {
                // A record of a failure is no recovery point.
            } else if confirmed {
                self.confirmed.insert(at);
            } else if let Some(work) = work_of(backup) {
                // Of a route, whatever the occurrence.
                routes.entry(Work { trigger: "", occurrence: "", ..work }.owned()).or_default().insert(at);
            }
        }
        for (route, now_going) in routes {
            let key = SourceKey { account: route.account.as_str().into(), source: route.source.as_str().into() };
            let held: BTreeSet<BackupIx> = created
                .all(&key)
                .filter(|(_, to)| *to == route.copy_to.as_deref())
                .map(|(at, _)| at)
                .filter(|at| !self.going.contains(at) && !self.confirmed.contains(at))
                .filter(|at| {
                    let backup = view.cloud.backup(*at);
                    (backup.lifecycle == Lifecycle::Available && seen(view, backup)) || gone_unseen(backup, *at)
                })
                .collect();
            self.going.extend(&now_going);
            let stays: BTreeSet<BackupIx> = held.difference(&now_going).copied().collect();
            let moments = self.moments.entry(route).or_default();
            moments.push_back(Moment { at_ms: view.now_ms, held });
            while moments.front().is_some_and(|moment| moment.at_ms <= view.now_ms - DAY_MS + LATE_MS) {
                moments.pop_front();
            }
            for moment in moments.iter() {
                view.armed.count(Check::Brake);
                let lost = moment.held.iter().filter(|at| self.going.contains(at)).count();
                let came = stays.difference(&moment.held).count();
                let (beyond, held) = (lost.saturating_sub(came), moment.held.len());
                if beyond > POINTS && beyond * ONE_IN > held {
                    let hours = (view.now_ms - moment.at_ms) / 3_600_000;
                    let what =
                        format!("{lost} of {held} points of {key} go within {hours} h, {came} came, without a person");
                    return Err(Check::Brake.broken(what));
                }
            }
        }
        Ok(())
    }
}

/// Whether its end was seen: what ended a moment ago comes new when it is.
fn seen(view: &View<'_>, backup: &Backup) -> bool {
    let place = AccountRegion { account: backup.account.as_str().into(), region: backup.region.as_str().into() };
    let known = view.state.point(&place, &backup.id.as_str().into());
    known.is_some_and(|known| !known.lifecycle.in_flight())
}

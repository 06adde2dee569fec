//! How near routes are to missing their RPO, and which of two goes first by any sound rule (promise 9).

use super::armed::Check;
use super::created::Created;
use super::flow::Flow;
use super::{Broken, View};
use lifeboat::domain::action::{Call, Request};
use lifeboat::domain::id::{AccountRegion, BackupId, SourceKey, Target, Trigger};
use lifeboat::domain::plan::{Plan, Reason};
use lifeboat::domain::policy::Policy;
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::Lifecycle;
use std::collections::BTreeSet;

/// No route gets a slot while another waits that is clearly nearer to missing its RPO, and would gain by it. Which
/// others wait is FSx's to tell, and where the plan says so itself, the plan's.
pub(super) fn planned(plan: &Plan, view: &View<'_>, created: &Created, flow: &Flow) -> Result<(), Broken> {
    for action in &plan.actions {
        let Call::Make { key, request } = &action.call else { continue };
        let again = view.state.pending_request(key).is_some_and(|ask| ask.open);
        let ordered = key.occurrence.trigger == Trigger::Manual || key.source.source.is_volume();
        // A copy of another than the newest was ordered, or is on hold, and counts from then on.
        let newest = created.newest_backup(view.cloud, &key.source, i64::MAX);
        let older = |backup: &BackupId| newest.is_some_and(|newest| newest.id != backup.as_str());
        if again
            || ordered
            || matches!(&**request, Request::CopyBackup { backup, .. } if older(backup))
            || !matches!(**request, Request::CopyBackup { .. })
            || !flow.undisturbed(view, &[&action.place])
        {
            continue;
        }
        let urgency = |of: &SourceKey| Urgency::of(view, created, of, &action.place, flow.database_created_ms);
        let Some(mine) = urgency(&key.source) else { continue };
        let said = plan.waiting.iter().filter(|other| {
            other.reason == Reason::Slot
                && other.source.account == action.place.account
                && other.destination.as_ref() == Some(&action.place.region)
                && !other.source.source.is_volume()
        });
        let mut waits: BTreeSet<SourceKey> = said.map(|other| other.source.clone()).collect();
        waits.extend(
            flow.waiting(view, created, &action.place)
                .into_iter()
                .filter(|other| !asked(plan, view, other, &action.place) && !refused(plan, other, &action.place)),
        );
        if waits.is_empty() {
            continue;
        }
        let others: Vec<_> = waits.iter().map(|other| (other, urgency(other))).collect();
        let policies = view.settings.policies.values().filter(|policy| policy.account == action.place.account);
        let routes = policies.filter(|policy| policy.destination(&action.place.region).is_some());
        let took_ms = routes.flat_map(Policy::source_keys).filter_map(|key| Some(urgency(&key)?.took_ms)).sum();
        let roomy = roomy(view.now_ms, mine, &others, took_ms);
        for (other, theirs) in others {
            let Some(theirs) = theirs else { continue };
            view.armed.count(Check::NearestFirst);
            if theirs.goes_before(mine, roomy) {
                let place = &action.place;
                let what = format!("{} gets a slot in {place} before {other}, which is nearer to its deadline", key);
                return Err(Check::NearestFirst.broken(what));
            }
        }
    }
    Ok(())
}

/// Whether a copy of a source to a place is asked for already, or goes along.
fn asked(plan: &Plan, view: &View<'_>, of: &SourceKey, there: &AccountRegion) -> bool {
    let to = Target::Copy(there.region.clone());
    let now = plan
        .actions
        .iter()
        .any(|action| matches!(&action.call, Call::Make { key, .. } if key.source == *of && key.target == to));
    let open = || {
        let source = view.state.sources.get(of);
        source.is_some_and(|source| source.pending_requests.iter().any(|((_, target), ask)| *target == to && ask.open))
    };
    now || open()
}

/// Whether AWS refused to take the copy of a source a moment ago, though there was a slot: by the plan's word, since nothing at
/// AWS tells. The slot does not wait for it.
fn refused(plan: &Plan, of: &SourceKey, there: &AccountRegion) -> bool {
    plan.waiting.iter().any(|waits| {
        waits.reason == Reason::Backoff && waits.source == *of && waits.destination.as_ref() == Some(&there.region)
    })
}

/// How a route stands that made a promise and has copies already.
#[derive(Clone, Copy)]
struct Urgency {
    /// When it misses its RPO.
    deadline_ms: i64,
    /// How long its last copy took, or seemed to take: the end of one that ended while no process ran is seen late, and
    /// nothing at AWS tells when that was.
    took_ms: i64,
    /// One of them began in the life of this database. Of older ones nothing at AWS tells how long they took.
    told: bool,
    /// For how much longer the next one keeps the promise.
    buys_ms: i64,
}

impl Urgency {
    fn of(
        view: &View<'_>,
        created: &Created,
        key: &SourceKey,
        there: &AccountRegion,
        database_created_ms: i64,
    ) -> Option<Self> {
        let policy = view.settings.policies.values().find(|policy| policy.source_keys().any(|of| of == *key))?;
        let rpo_ms = policy.destination(&there.region)?.rpo.or(policy.rpo)?.as_millis() as i64;
        let backup = created.newest_backup(view.cloud, key, i64::MAX)?;
        let made = || created.copies(view.cloud, key, there.region.as_str()).take(50);
        let newest = || made().filter(|copy| copy.lifecycle == Lifecycle::Available);
        // Age counts from the creation of the backup, which the copy's tag tells.
        let taken = newest().filter_map(|copy| Time::parse_rfc3339(copy.tags.get("lifeboat:taken")?));
        let deadline_ms = taken.max()?.millis() + rpo_ms;
        let took_ms = newest().find_map(|copy| Some(copy.ended_ms? - copy.created_ms))?;
        let took_ms = took_ms.max(seemed_to_take_ms(view, key, there));
        let buys_ms = backup.created_ms + rpo_ms - deadline_ms.max(view.now_ms + took_ms);
        let told = newest().any(|copy| copy.created_ms >= database_created_ms);
        Some(Self { deadline_ms, took_ms, told, buys_ms })
    }

    /// Whether it goes first by any sound rule: it is nearer to its deadline by more than both copies can take, and either
    /// all promises can be kept (`roomy`) or it gains much more by the slot.
    fn goes_before(self, other: Self, roomy: bool) -> bool {
        let both_ms = self.took_ms + other.took_ms;
        let gains_more = self.took_ms <= 2 * other.took_ms && self.buys_ms > 0 && self.buys_ms >= 4 * other.buys_ms;
        let told = self.told && other.told;
        told && self.deadline_ms + 2 * both_ms < other.deadline_ms && (roomy || gains_more)
    }
}

/// The longest that a copy of a route seemed to take, by when its end was first seen.
fn seemed_to_take_ms(view: &View<'_>, key: &SourceKey, there: &AccountRegion) -> i64 {
    let Some(source) = view.state.sources.get(key) else { return 0 };
    let seen = source.points.iter().filter(|copy| copy.place == *there && copy.available() && copy.origin.is_some());
    let took = seen.filter_map(|copy| Some(copy.settled_at?.since(copy.created_at).as_millis() as i64));
    took.max().unwrap_or(0)
}

/// Whether all that wait for a lane meet their RPO in whatever order they go, even behind all that may be under way:
/// copies of all its routes take so long.
fn roomy(now_ms: i64, mine: Urgency, others: &[(&SourceKey, Option<Urgency>)], took_ms: i64) -> bool {
    let mut earliest_ms = mine.deadline_ms;
    for (_, theirs) in others {
        let Some(theirs) = theirs else { return false };
        earliest_ms = earliest_ms.min(theirs.deadline_ms);
    }
    now_ms + 3 * took_ms < earliest_ms
}

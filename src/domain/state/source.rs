//! What is known about one source.

use super::*;
use crate::domain::change::OccurrenceOutcome;
use crate::domain::deletion::Loss;
use crate::domain::fault::FaultClass;
use crate::domain::lane::FileSystemKind;
use crate::domain::limits::{AHEAD_TOLERATED, PUT_OFF_AT_MOST, TOKEN_TRUSTED_FOR};

/// One source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceState {
    /// Where its file system is.
    pub region: Region,
    /// The policy that names it, if any.
    pub membership: Option<Membership>,
    /// The newest scheduled occurrence ever recorded or seen at AWS.
    pub cursor: Option<Time>,
    /// Occurrences that have not ended.
    pub open: BTreeMap<Occurrence, OccurrenceRecord>,
    /// The outcomes of the latest on-demand occurrences, so that a repeated order is recognised.
    pub orders_ended: BTreeMap<Time, OccurrenceOutcome>,
    /// The open occurrences that a person cancelled, and when: nothing more is requested for them.
    pub cancelled: BTreeMap<Occurrence, Time>,
    /// Intents that are not fulfilled.
    pub pending_requests: BTreeMap<(Occurrence, Target), PendingRequest>,
    /// Backups and copies.
    pub points: RecoveryPoints,
    /// The points in flight.
    pub in_flight: BTreeSet<(Occurrence, Target, BackupId)>,
    /// Targets with a permanent refusal, whatever the occurrence: the fault, and when to retry. Cleared by a restart
    /// and by a reload, after which a retry may succeed.
    pub blocked: BTreeMap<Target, (Fault, Time)>,
    /// Work that was requested again after lost responses and then seen to have failed, with the time of the last
    /// request: it may have created another object that no listing shows yet. Not stored, since a new process lists
    /// before it requests.
    pub unsure: BTreeMap<(Occurrence, Target), Time>,
    /// Deletions of each target within a day that count for the brake, oldest first.
    pub losses: BTreeMap<Target, Vec<Loss>>,
    /// It was in a policy and left it.
    pub departed: bool,
    /// What AWS reports about the file system or volume.
    pub lookup: SourceLookup,
    /// When retention reviews it next: its key in [`State::reviews`].
    pub review_at: Time,
}

/// The membership of a source in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The policy.
    pub policy: PolicyName,
    /// Its routes.
    pub destinations: Vec<Region>,
    /// Occurrences after this time count.
    pub since: Time,
    /// It was in a policy before, left it, and came back: what AWS shows from before does not make older occurrences
    /// due.
    pub returned: bool,
    /// The schedules in effect, each until the next begins, oldest first; the last is the policy's. Earlier ones stay
    /// until everything that came due under them is recorded. Empty: unknown, as in a database created before schedules
    /// were stored.
    pub lines: Vec<Line>,
}

/// What DescribeFileSystems or DescribeVolumes reports; each process asks again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceLookup {
    /// The facts, and when they were requested.
    pub facts: Option<(Time, SourceFacts)>,
    /// The last failure, and when the lookup was sent.
    pub fault: Option<(Time, Fault)>,
    /// Failures in a row.
    pub failures: u32,
    /// Earliest time of the next try.
    pub not_before: Time,
    /// The largest batch that may contain it, because a larger one was refused.
    pub batch: Option<usize>,
    /// A lookup was sent and has not returned; after `not_before` it is considered lost.
    pub under_way: bool,
}

impl SourceLookup {
    /// After a reload, permanent refusals may be retried.
    pub(super) fn worth_another_try(&mut self) {
        if self.waits_for_a_person() {
            self.not_before = Time::ZERO;
        }
    }

    /// The number of consecutive failures including this one. A transient failure after a permanent one starts again:
    /// the long backoff of the latter does not apply to it.
    #[must_use]
    pub fn failures_with(&self, fault: &Fault) -> u32 {
        let lasts =
            |fault: &Fault| matches!(fault.class, FaultClass::Missing | FaultClass::Denied | FaultClass::Permanent);
        if self.fault.as_ref().is_some_and(|(_, before)| lasts(before)) && !lasts(fault) {
            1
        } else {
            self.failures.saturating_add(1)
        }
    }

    /// The account on record responds again: failures from another account's responses prove nothing.
    pub(super) fn forgive(&mut self, now: Time) {
        if !self.under_way && self.fault.is_some() {
            self.not_before = self.not_before.min(now);
        }
    }

    fn waits_for_a_person(&self) -> bool {
        !self.under_way && self.fault.as_ref().is_some_and(|(_, fault)| fault.class.needs_a_person())
    }
}

impl SourceState {
    /// A source of which only the Region is known.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self {
            region,
            membership: None,
            cursor: None,
            open: BTreeMap::new(),
            orders_ended: BTreeMap::new(),
            cancelled: BTreeMap::new(),
            pending_requests: BTreeMap::new(),
            points: RecoveryPoints::default(),
            in_flight: BTreeSet::new(),
            blocked: BTreeMap::new(),
            unsure: BTreeMap::new(),
            losses: BTreeMap::new(),
            departed: false,
            lookup: SourceLookup::default(),
            review_at: Time::NEVER,
        }
    }

    /// Replaces the schedules.
    pub(super) fn rescheduled(&mut self, key: &SourceKey, lines: &[Line]) -> Result<(), IllegalChange> {
        let membership = self.membership.as_mut();
        let membership = membership
            .ok_or_else(|| IllegalChange { what: format!("{key} is in no policy, and so has no schedule") })?;
        lines.clone_into(&mut membership.lines);
        Ok(())
    }

    /// The points of one work.
    pub fn points_of(
        &self,
        occurrence: Occurrence,
        target: &Target,
    ) -> impl DoubleEndedIterator<Item = &RecoveryPoint> + Clone + use<'_> {
        self.points.of(occurrence, target).iter().map(Box::as_ref)
    }

    /// The good point of one work: of two, the earlier one, then the one with the lower id.
    #[must_use]
    pub fn good_point(&self, occurrence: Occurrence, target: &Target) -> Option<&RecoveryPoint> {
        Self::good_one(self.points.of(occurrence, target))
    }

    /// The good one among the points of one work.
    #[must_use]
    pub fn good_one(made: &[Box<RecoveryPoint>]) -> Option<&RecoveryPoint> {
        let good = made.iter().map(Box::as_ref).filter(|point| point.good());
        good.min_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)))
    }

    /// The highest attempt known for one work; 0 if there is none.
    #[must_use]
    pub fn highest_attempt(&self, occurrence: Occurrence, target: &Target) -> u32 {
        self.points_of(occurrence, target).map(|point| point.attempt).max().unwrap_or(0)
    }

    /// How many attempts of one work are known to have FAILED or to have been deleted.
    #[must_use]
    pub fn failed_attempts(&self, key: &WorkKey) -> u32 {
        let failed = self.points_of(key.occurrence, &key.target).filter(|point| !point.good());
        u32::try_from(failed.count()).unwrap_or(u32::MAX)
    }

    /// Whether a copy shows that the backup of an occurrence existed, although this database has never seen it.
    #[must_use]
    pub fn had_a_backup(&self, occurrence: Occurrence) -> bool {
        let backups = self.points_of(occurrence, &Target::Backup);
        let seen = |backup: &BackupId| backups.clone().any(|point| point.id == *backup);
        let copies = self.points.of_occurrence(occurrence).iter().filter(|copy| copy.good() && !copy.remarks.disputed);
        copies.filter_map(|copy| copy.origin.as_ref()).any(|origin| !seen(&origin.backup))
    }

    /// The newest recovery point of a target, by the age of its data.
    #[must_use]
    pub fn newest(&self, target: &Target) -> Option<&RecoveryPoint> {
        self.points.available(target).next_back()
    }

    /// When the data of a target's newest recovery point was taken.
    #[must_use]
    pub fn newest_taken_at(&self, target: &Target) -> Option<Time> {
        self.newest(target).map(RecoveryPoint::taken_at)
    }

    /// The points in flight, oldest occurrence first.
    pub fn in_flight(&self) -> impl Iterator<Item = &RecoveryPoint> {
        self.in_flight
            .iter()
            .filter_map(|(occurrence, target, id)| self.points_of(*occurrence, target).find(|point| point.id == *id))
    }

    /// The newest scheduled occurrence up to now that is known to be dealt with, recorded or seen at AWS. One in the
    /// future was made under a wrong clock and says nothing about those before it, now or after it came due.
    #[must_use]
    pub fn dealt_with(&self, now: Time) -> Option<Time> {
        let of_schedule = self.points.iter().rev().filter(|point| point.occurrence.trigger == Trigger::Schedule);
        let mut in_time = of_schedule.filter(|point| point.occurrence.at <= now && !made_ahead_of_time(point));
        self.cursor.max(in_time.next().map(|point| point.occurrence.at))
    }

    /// Whether an occurrence is open or has points.
    #[must_use]
    pub fn knows(&self, occurrence: Occurrence) -> bool {
        self.open.contains_key(&occurrence) || !self.points.of_occurrence(occurrence).is_empty()
    }

    /// The file system type of an occurrence's backup, or of the source if there is no backup.
    #[must_use]
    pub fn kind_of_backup(&self, occurrence: Occurrence) -> FileSystemKind {
        let source_looked_up = self.lookup.facts.as_ref().map_or(FileSystemKind::Other, |(_, facts)| facts.kind);
        self.good_point(occurrence, &Target::Backup).map_or(source_looked_up, |point| point.kind)
    }

    /// Whether a destination lacks the newest backup.
    #[must_use]
    pub fn lagging(&self) -> bool {
        let (Some(membership), Some(newest)) = (&self.membership, self.newest(&Target::Backup)) else { return false };
        membership.destinations.iter().any(|region| {
            self.newest_taken_at(&Target::Copy(region.clone())).is_none_or(|taken_at| taken_at < newest.taken_at())
        })
    }

    /// Whether a round has to visit it.
    #[must_use]
    pub fn active(&self) -> bool {
        !self.open.is_empty() || !self.pending_requests.is_empty() || !self.in_flight.is_empty() || self.lagging()
    }

    /// Whether it has a permanent refusal, which a new policy may resolve.
    pub(super) fn waits_for_a_reload(&self) -> bool {
        !self.blocked.is_empty() || self.lookup.waits_for_a_person()
    }

    /// Forgets deleted points that no longer matter. They count attempts and show that an object existed, so they are
    /// kept while another attempt is possible: the occurrence is open, its backup can still be copied, or it was made
    /// ahead of time and may come due.
    pub(super) fn forget_deleted(&mut self, occurrence: Occurrence) {
        let early = self.points.of_occurrence(occurrence).iter().any(|point| made_ahead_of_time(point));
        if !early && !self.may_go_on(occurrence) {
            self.points.forget_deleted(occurrence);
        }
    }

    fn may_go_on(&self, occurrence: Occurrence) -> bool {
        let backups = self.points.of(occurrence, &Target::Backup);
        self.open.contains_key(&occurrence) || backups.iter().any(|backup| backup.lifecycle != Lifecycle::Deleted)
    }

    /// The same for every occurrence when a process begins; a running process needs them, because it may adopt an ended
    /// occurrence again. Anything made ahead of time has certainly come due once AWS made something later and the
    /// schedule is past it.
    pub(super) fn forget_all_deleted(&mut self) {
        let deleted = self.points.iter().filter(|point| point.lifecycle == Lifecycle::Deleted);
        let occurrences: BTreeSet<Occurrence> = deleted.map(|point| point.occurrence).collect();
        let there = self.points.iter().filter(|point| point.lifecycle != Lifecycle::Deleted);
        let newest = there.map(|point| point.created_at).max();
        for occurrence in occurrences {
            let early = self.points.of_occurrence(occurrence).iter().any(|point| made_ahead_of_time(point));
            let came_due = newest.min(self.cursor) >= Some(occurrence.at);
            if (!early || came_due) && !self.may_go_on(occurrence) {
                self.points.forget_deleted(occurrence);
            }
        }
    }

    /// Whether AWS is known to have nothing of it.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        self.points.iter().all(|point| point.lifecycle == Lifecycle::Deleted)
    }

    /// The newest open scheduled occurrence up to now.
    #[must_use]
    pub fn newest_open(&self, now: Time) -> Option<Occurrence> {
        self.open.keys().rev().find(|of| of.trigger == Trigger::Schedule && of.at <= now).copied()
    }

    /// Removes times in the future after the clock went back.
    pub(super) fn clock_went_back(&mut self, to: Time) {
        self.cursor = self.cursor.map(|cursor| cursor.min(to.plus(AHEAD_TOLERATED)));
        if let Some(membership) = &mut self.membership {
            membership.since = membership.since.min(to);
            for line in &mut membership.lines {
                line.since = line.since.map(|since| since.min(to));
            }
        }
        for pending in self.pending_requests.values_mut() {
            if pending.last_asked_at > to {
                // It is unknown how long ago it was requested: assume long enough to need proof.
                pending.last_asked_at = to;
                pending.first_asked_at = pending.first_asked_at.min(to.minus(TOKEN_TRUSTED_FOR));
            }
            pending.not_before = pending.not_before.min(to.plus(PUT_OFF_AT_MOST));
        }
        for (_, not_before) in self.blocked.values_mut() {
            *not_before = (*not_before).min(to.plus(PUT_OFF_AT_MOST));
        }
        for losses in self.losses.values_mut() {
            for loss in losses.iter_mut() {
                *loss = Loss { lost_at: loss.lost_at.min(to), came_at: loss.came_at.min(to) };
            }
            losses.sort_unstable();
        }
        self.points.clock_went_back(to);
        let lookup = &mut self.lookup;
        lookup.not_before = lookup.not_before.min(to);
        if let Some((at, _)) = &mut lookup.facts {
            *at = (*at).min(to);
        }
    }
}

/// Whether AWS created it long before its occurrence was due. That happens under a wrong clock; once the clock is
/// right, the occurrence comes due again and must be recognised as dealt with.
fn made_ahead_of_time(point: &RecoveryPoint) -> bool {
    point.occurrence.trigger == Trigger::Schedule && point.created_at.plus(AHEAD_TOLERATED) < point.occurrence.at
}

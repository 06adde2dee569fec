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
    /// The policy that names it, while one does.
    pub membership: Option<Membership>,
    /// The newest scheduled occurrence that was ever recorded here or seen at AWS.
    pub cursor: Option<Time>,
    /// Occurrences that have not ended.
    pub open: BTreeMap<Occurrence, OccurrenceRecord>,
    /// How the latest occurrences that a person asked for ended, so that a request repeated after that is known.
    pub orders_ended: BTreeMap<Time, OccurrenceOutcome>,
    /// Those among the open ones that a person cancelled, and when: nothing more is asked for them.
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
    /// What was asked for again after answers were lost, and of which something was seen to have failed, with when it was
    /// last asked for: the last request may have made another, which no listing shows yet. Known to this process alone, since
    /// the next one reads the state before it asks.
    pub unsure: BTreeMap<(Occurrence, Target), Time>,
    /// Deletions of each target within a day that the brake counts, oldest first.
    pub losses: BTreeMap<Target, Vec<Loss>>,
    /// It was in a policy and departed from it.
    pub departed: bool,
    /// What AWS said of the file system or volume.
    pub lookup: SourceLookup,
    /// When retention reviews it next: its key in [`State::reviews`].
    pub review_at: Time,
}

/// The membership of a source in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Which policy.
    pub policy: PolicyName,
    /// Its routes.
    pub destinations: Vec<Region>,
    /// Occurrences count from here.
    pub since: Time,
    /// It was in a policy before, departed, and came back: what AWS shows from before does not make older occurrences
    /// due.
    pub returned: bool,
    /// The schedules that count, each from its time until that of the next, oldest first: the last is what the policy
    /// says. Before it stand only those of which what came due is not all on record. Empty: not known, as in a database
    /// that was made before schedules were kept.
    pub lines: Vec<Line>,
}

/// What is known from DescribeFileSystems or DescribeVolumes; found out anew by every process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceLookup {
    /// What AWS said, and when it was asked.
    pub facts: Option<(Time, SourceFacts)>,
    /// The last failure, and when it was asked.
    pub fault: Option<(Time, Fault)>,
    /// Failures in a row.
    pub failures: u32,
    /// Not again before.
    pub not_before: Time,
    /// At most so many in one call: a batch with it was refused.
    pub batch: Option<usize>,
    /// It was asked and has not answered; after `not_before` that answer is not waited for any more.
    pub under_way: bool,
}

impl SourceLookup {
    /// A reload: what was refused for good may be mended.
    pub(super) fn worth_another_try(&mut self) {
        if self.waits_for_a_person() {
            self.not_before = Time::ZERO;
        }
    }

    /// How many failures in a row this one makes. What passes by itself begins anew after what does not: the long pause of
    /// the one is no measure for the other.
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

    /// The account on record answers again: what failed while another one did told nothing.
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
    /// Nothing known but where it is.
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

    /// Other schedules hold.
    pub(super) fn rescheduled(&mut self, key: &SourceKey, lines: &[Line]) -> Result<(), IllegalChange> {
        let membership = self.membership.as_mut();
        let membership = membership
            .ok_or_else(|| IllegalChange { what: format!("{key} is in no policy, and so has no schedule") })?;
        lines.clone_into(&mut membership.lines);
        Ok(())
    }

    /// The points made for one work.
    pub fn points_of(
        &self,
        occurrence: Occurrence,
        target: &Target,
    ) -> impl DoubleEndedIterator<Item = &RecoveryPoint> + Clone + use<'_> {
        self.points.of(occurrence, target).iter().map(Box::as_ref)
    }

    /// The good point of one work: of two, the earlier, then the lower id, is the one.
    #[must_use]
    pub fn good_point(&self, occurrence: Occurrence, target: &Target) -> Option<&RecoveryPoint> {
        Self::good_one(self.points.of(occurrence, target))
    }

    /// The good one among the points made for one work.
    #[must_use]
    pub fn good_one(made: &[Box<RecoveryPoint>]) -> Option<&RecoveryPoint> {
        let good = made.iter().map(Box::as_ref).filter(|point| point.good());
        good.min_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)))
    }

    /// The highest attempt known of one work; 0 if none was.
    #[must_use]
    pub fn highest_attempt(&self, occurrence: Occurrence, target: &Target) -> u32 {
        self.points_of(occurrence, target).map(|point| point.attempt).max().unwrap_or(0)
    }

    /// How many attempts of one work are known to have FAILED, or to have been deleted.
    #[must_use]
    pub fn failed_attempts(&self, key: &WorkKey) -> u32 {
        let failed = self.points_of(key.occurrence, &key.target).filter(|point| !point.good());
        u32::try_from(failed.count()).unwrap_or(u32::MAX)
    }

    /// Whether a copy tells that the backup of an occurrence was made, which this database has never seen: it is gone since
    /// before it.
    #[must_use]
    pub fn had_a_backup(&self, occurrence: Occurrence) -> bool {
        let backups = self.points_of(occurrence, &Target::Backup);
        let seen = |backup: &BackupId| backups.clone().any(|point| point.id == *backup);
        let copies = self.points.of_occurrence(occurrence).iter().filter(|copy| copy.good() && !copy.remarks.disputed);
        copies.filter_map(|copy| copy.origin.as_ref()).any(|origin| !seen(&origin.backup))
    }

    /// The newest recovery point of a target, by when its data was taken.
    #[must_use]
    pub fn newest(&self, target: &Target) -> Option<&RecoveryPoint> {
        self.points.available(target).next_back()
    }

    /// When the data of the newest recovery point of a target was taken.
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

    /// The newest scheduled occurrence up to now that is known to have been dealt with, recorded or seen at AWS. What
    /// lies ahead was made while the clock was wrong and says nothing about what comes before it, now or once it has come
    /// due.
    #[must_use]
    pub fn dealt_with(&self, now: Time) -> Option<Time> {
        let of_schedule = self.points.iter().rev().filter(|point| point.occurrence.trigger == Trigger::Schedule);
        let mut in_time = of_schedule.filter(|point| point.occurrence.at <= now && !made_ahead_of_time(point));
        self.cursor.max(in_time.next().map(|point| point.occurrence.at))
    }

    /// Whether an occurrence is open, or anything was made for it.
    #[must_use]
    pub fn knows(&self, occurrence: Occurrence) -> bool {
        self.open.contains_key(&occurrence) || !self.points.of_occurrence(occurrence).is_empty()
    }

    /// The type of the file system that a backup was made of; as looked up if there is no such backup.
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

    /// Whether a round has to look at it.
    #[must_use]
    pub fn active(&self) -> bool {
        !self.open.is_empty() || !self.pending_requests.is_empty() || !self.in_flight.is_empty() || self.lagging()
    }

    /// Whether anything of it was refused for good, which a new policy may mend.
    pub(super) fn waits_for_a_reload(&self) -> bool {
        !self.blocked.is_empty() || self.lookup.waits_for_a_person()
    }

    /// What was deleted counts its attempt, and tells that it was there, only as long as another attempt is possible: while
    /// the occurrence is open, or its backup is there to be copied, or it may yet come due, having been made ahead of time.
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

    /// The same for every occurrence, as a process begins: while one ran, an occurrence that ended could be adopted again.
    /// By now what was made ahead of time may have come due for certain: AWS made something later, and the schedule is
    /// past it.
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

    /// Whether nothing of it is at AWS, as far as is known.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        self.points.iter().all(|point| point.lifecycle == Lifecycle::Deleted)
    }

    /// The newest open scheduled occurrence up to now.
    #[must_use]
    pub fn newest_open(&self, now: Time) -> Option<Occurrence> {
        self.open.keys().rev().find(|of| of.trigger == Trigger::Schedule && of.at <= now).copied()
    }

    /// Times in the future mean nothing any more.
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
                // How long ago it was asked can no longer be told: long enough to need proof.
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

/// Whether AWS made it long before the occurrence was due that it is for. A clock that was wrong brought that about, and
/// once it is right the occurrence comes due once more, and must be known to have been dealt with.
fn made_ahead_of_time(point: &RecoveryPoint) -> bool {
    point.occurrence.trigger == Trigger::Schedule && point.created_at.plus(AHEAD_TOLERATED) < point.occurrence.at
}

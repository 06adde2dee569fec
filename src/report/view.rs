//! The parts of a snapshot: a route, a Region, a backup in flight.

use crate::domain::id::{AccountId, BackupId, PolicyName, Region, SourceId, SourceKey};
use crate::domain::time::Time;
use crate::domain::timekeeper::Timekeeping;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The RPO status of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RpoStatus {
    /// The newest recovery point is younger than the RPO.
    Met,
    /// The route has no RPO.
    #[serde(rename = "no_promise")]
    NoRpo,
    /// AWS's inventory there is too old to tell, or AWS has stopped showing the newest recovery point.
    Unknown,
    /// The newest recovery point is older than the RPO, or there is none.
    Late,
}

impl RpoStatus {
    /// The name shown to people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NoRpo => "no RPO",
            Self::Unknown => "unknown",
            Self::Late => "late",
        }
    }
}

/// The result of the last load of the policy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Whether the last file was accepted.
    pub successful: bool,
    /// When a file was last accepted.
    pub succeeded_at: Time,
    /// What was wrong with the last file, if it was rejected.
    pub problem: Option<String>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyView {
    /// Its name.
    pub policy: PolicyName,
    /// Its account.
    pub account: AccountId,
    /// Its sources' Region.
    pub region: Region,
    /// Its schedule as written.
    pub schedule: String,
    /// Its time zone.
    pub timezone: String,
    /// The time between two occurrences.
    pub interval_seconds: u64,
    /// When it fires next.
    pub next_at: Option<Time>,
    /// The number of its sources.
    pub sources: usize,
    /// What a person should know about the sources that it selects by tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// The pause, if a person paused it; it may have ended since the snapshot was taken.
    #[serde(default)]
    pub paused: Option<PauseView>,
}

impl PolicyView {
    /// Whether its tags were looked for and nothing carries them, or the search is refused before anything was found.
    #[must_use]
    pub fn selects_nothing(&self) -> bool {
        self.sources == 0 && !self.remarks.is_empty()
    }

    /// The pause, if it is in effect at `now`.
    #[must_use]
    pub fn paused_at(&self, now: Time) -> Option<&PauseView> {
        self.paused.as_ref().filter(|pause| pause.until.is_none_or(|until| now < until))
    }
}

/// A pause of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseView {
    /// Its beginning.
    pub since: Time,
    /// Its end; `None`: until a person ends it.
    pub until: Option<Time>,
    /// The reason given by that person.
    pub reason: Option<String>,
}

/// A source in one Region: its own, or a destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteView {
    /// The policy.
    pub policy: PolicyName,
    /// The account.
    pub account: AccountId,
    /// The source.
    pub source: SourceId,
    /// The Region of these recovery points.
    pub region: Region,
    /// Whether that is a destination rather than the source's own Region.
    pub copy: bool,
    /// Its RPO status.
    pub standing: RpoStatus,
    /// The RPO.
    pub rpo_seconds: Option<u64>,
    /// When the data of the newest recovery point was taken.
    pub newest_taken_at: Option<Time>,
    /// The newest recovery point.
    pub newest: Option<BackupId>,
    /// Since when it is late, if it is.
    #[serde(default)]
    pub late_since: Option<Time>,
    /// The number of recovery points.
    pub recovery_points: usize,
    /// AWS does not confirm the time, so the age is unknown.
    #[serde(default)]
    pub time_unknown: bool,
    /// Since when AWS has not shown the newest recovery point, if nobody can tell whether it is gone.
    #[serde(default)]
    pub in_doubt_since: Option<Time>,
    /// What the next one waits for.
    pub waiting: Option<WaitingView>,
}

impl RouteView {
    /// The age of the newest recovery point at `now`.
    #[must_use]
    pub fn age(&self, now: Time) -> Option<Duration> {
        self.newest_taken_at.map(|taken_at| now.since(taken_at))
    }

    /// The RPO status at `now`, which may be later than the snapshot: a point may have become too old since.
    #[must_use]
    pub fn standing_at(&self, now: Time) -> RpoStatus {
        match (self.age(now), self.rpo_seconds) {
            _ if self.time_unknown => self.standing,
            (Some(age), Some(rpo)) if age > Duration::from_secs(rpo) => RpoStatus::Late,
            _ => self.standing,
        }
    }
}

/// What something waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// The reason in one word.
    pub reason: String,
    /// The reason in words.
    pub detail: String,
    /// Until when, if known.
    pub until: Option<Time>,
}

/// A backup or copy in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlightView {
    /// The source.
    pub source: SourceId,
    /// The account.
    pub account: AccountId,
    /// The Region in which it is made.
    pub region: Region,
    /// Whether it is a copy.
    pub copy: bool,
    /// Its id.
    pub id: BackupId,
    /// The occurrence that it is for.
    pub occurrence_at: Time,
    /// Its lifecycle state in AWS's terms.
    pub lifecycle: String,
    /// Progress, 0 to 100, if AWS reports it.
    pub progress_percent: Option<u8>,
    /// AWS's CreationTime.
    pub created_at: Time,
}

/// What is known about the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockView {
    /// AWS agrees with the host's clock. While it does not, nothing is opened, missed, deleted or forgotten.
    pub confirmed: bool,
    /// The host's clock minus AWS's, as last measured.
    pub offset_seconds: Option<f64>,
}

impl Default for ClockView {
    fn default() -> Self {
        Self::of(&Timekeeping::default())
    }
}

impl ClockView {
    /// Converts it for display.
    #[must_use]
    pub fn of(known: &Timekeeping) -> Self {
        Self { confirmed: known.confirmed(), offset_seconds: known.offset_ms.map(|offset| offset as f64 / 1000.0) }
    }
}

impl RouteView {
    /// Hides the age, since the time is not confirmed.
    pub(super) fn without_a_clock(&mut self) {
        if self.standing != RpoStatus::NoRpo {
            self.standing = RpoStatus::Unknown;
        }
        (self.time_unknown, self.late_since) = (true, None);
    }
}

/// An account in a Region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountRegionView {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// When AWS's inventory there was last read.
    pub last_seen: Option<Time>,
    /// Whether that is too long ago to rely on.
    pub stale: bool,
    /// The age at which it becomes stale.
    #[serde(default)]
    pub stale_after_seconds: Option<u64>,
    /// The error, while calls fail there.
    pub trouble: Option<String>,
    /// Backups of ours in flight.
    pub backups_in_flight: u32,
    /// Copies of ours in flight.
    pub copies_in_flight: u32,
    /// Copies of others in flight, as last seen.
    pub other_copies_in_flight: u32,
    /// Of all these copies, those of ONTAP volumes, which occupy no slot in the shared lane.
    #[serde(default)]
    pub ontap_copies_in_flight: u32,
    /// Slots of the lane that Windows, Lustre and OpenZFS share; `None` if nothing is copied there.
    pub copy_slots: Option<u32>,
    /// Backups that count towards the quota, at the last listing.
    pub user_backups: u64,
    /// AWS's default quota of them, the smallest of the types kept there; `None` if no type is known. It may have been
    /// raised.
    #[serde(default)]
    pub user_backups_quota: Option<u64>,
    /// Pages of the last listing.
    pub listing_pages: u32,
    /// Whether this process has listed this account and Region completely; otherwise everything known comes from the
    /// database.
    #[serde(default)]
    pub read_whole: bool,
    /// Copies that wait, by reason.
    pub copies_waiting: BTreeMap<String, u32>,
    /// What needs a person here, by kind.
    #[serde(default)]
    pub needs_person: BTreeMap<String, u32>,
}

impl AccountRegionView {
    /// Whether AWS's inventory here was read too long before `now` to rely on.
    #[must_use]
    pub fn stale_at(&self, now: Time) -> bool {
        let after = self.stale_after_seconds.map(Duration::from_secs);
        self.stale || self.last_seen.zip(after).is_some_and(|(seen, after)| now.since(seen) > after)
    }
}

/// A finding of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingView {
    /// `warning` or `error`.
    pub severity: String,
    /// The source.
    pub source: SourceKey,
    /// The finding in words.
    pub what: String,
}

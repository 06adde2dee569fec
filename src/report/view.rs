//! The parts of a snapshot: a route, a Region, a backup in flight.

use crate::domain::id::{AccountAlias, BackupId, PolicyName, Region, SourceId, SourceKey};
use crate::domain::time::Time;
use crate::domain::timekeeper::Timekeeping;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How a route stands against its RPO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RpoStatus {
    /// The newest recovery point is younger than the RPO.
    Met,
    /// The route has no RPO.
    #[serde(rename = "no_promise")]
    NoRpo,
    /// AWS's inventory there was not read for too long to say.
    Unknown,
    /// The newest recovery point is older than the RPO, or there is none.
    Late,
}

impl RpoStatus {
    /// The word shown to people.
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

/// How the last load of the policy file went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// Whether the last one took over.
    pub successful: bool,
    /// When one last took over.
    pub succeeded_at: Time,
    /// What was wrong with one that did not.
    pub problem: Option<String>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyView {
    /// Its name.
    pub policy: PolicyName,
    /// Its account.
    pub account: AccountAlias,
    /// Its sources' Region.
    pub region: Region,
    /// Its schedule as written.
    pub schedule: String,
    /// Its time zone.
    pub timezone: String,
    /// From one occurrence to the next.
    pub interval_seconds: u64,
    /// When it fires next.
    pub next_at: Option<Time>,
    /// How many sources it names.
    pub sources: usize,
    /// That a person paused it; it may have ended since the snapshot was taken.
    #[serde(default)]
    pub paused: Option<PauseView>,
}

impl PolicyView {
    /// The pause, if it goes on at `now`.
    #[must_use]
    pub fn paused_at(&self, now: Time) -> Option<&PauseView> {
        self.paused.as_ref().filter(|pause| pause.until.is_none_or(|until| now < until))
    }
}

/// A pause of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseView {
    /// Since when.
    pub since: Time,
    /// Until when; `None`: until a person ends it.
    pub until: Option<Time>,
    /// Why, in that person's words.
    pub reason: Option<String>,
}

/// A source in one Region: its own, or a destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteView {
    /// The policy.
    pub policy: PolicyName,
    /// The account.
    pub account: AccountAlias,
    /// The source.
    pub source: SourceId,
    /// The Region of these recovery points.
    pub region: Region,
    /// Whether that is a destination rather than the source's own Region.
    pub copy: bool,
    /// How it stands.
    pub standing: RpoStatus,
    /// The RPO.
    pub rpo_seconds: Option<u64>,
    /// When the data of the newest recovery point was taken.
    pub newest_taken_at: Option<Time>,
    /// The newest recovery point.
    pub newest: Option<BackupId>,
    /// Since when it is late, while it is.
    #[serde(default)]
    pub late_since: Option<Time>,
    /// How many recovery points there are.
    pub recovery_points: usize,
    /// AWS does not confirm the time, so the age is unknown.
    #[serde(default)]
    pub time_unknown: bool,
    /// What the next one waits for.
    pub waiting: Option<WaitingView>,
}

impl RouteView {
    /// How old the newest recovery point is at `now`.
    #[must_use]
    pub fn age(&self, now: Time) -> Option<Duration> {
        self.newest_taken_at.map(|taken_at| now.since(taken_at))
    }

    /// How it stands at `now`, which may be later than the snapshot: a point that was young enough may have grown too old
    /// since.
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
    /// One word.
    pub reason: String,
    /// In words.
    pub detail: String,
    /// Until when, if that is known.
    pub until: Option<Time>,
}

/// A backup or copy in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlightView {
    /// The source.
    pub source: SourceId,
    /// The account.
    pub account: AccountAlias,
    /// The Region that it is made in.
    pub region: Region,
    /// Whether it is a copy.
    pub copy: bool,
    /// Its id.
    pub id: BackupId,
    /// The occurrence that it is for.
    pub occurrence_at: Time,
    /// AWS's word for where it stands.
    pub lifecycle: String,
    /// 0 to 100, where AWS says.
    pub progress_percent: Option<u8>,
    /// When AWS began it.
    pub created_at: Time,
}

/// What is known of the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockView {
    /// AWS agrees with the host's clock. While it does not, nothing is opened, missed, deleted or forgotten.
    pub confirmed: bool,
    /// The host's clock minus AWS's, as last heard.
    pub offset_seconds: Option<f64>,
}

impl Default for ClockView {
    fn default() -> Self {
        Self::of(&Timekeeping::default())
    }
}

impl ClockView {
    /// As people read it.
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
    pub account: AccountAlias,
    /// The Region.
    pub region: Region,
    /// When AWS's inventory there was last read.
    pub last_seen: Option<Time>,
    /// Whether that is too long ago to rely on.
    pub stale: bool,
    /// After how long it is stale.
    #[serde(default)]
    pub stale_after_seconds: Option<u64>,
    /// What is wrong with it, while calls fail there.
    pub trouble: Option<String>,
    /// Backups of ours in flight.
    pub backups_in_flight: u32,
    /// Copies of ours in flight.
    pub copies_in_flight: u32,
    /// Copies of others in flight, as last seen.
    pub other_copies_in_flight: u32,
    /// Of all these copies, those of ONTAP volumes, which take no place in the lane of the others.
    #[serde(default)]
    pub ontap_copies_in_flight: u32,
    /// Places in the lane that Windows, Lustre and OpenZFS share; `None` where nothing is copied to.
    pub copy_slots: Option<u32>,
    /// Backups that count towards the quota, at the last listing.
    pub user_backups: u64,
    /// AWS's default quota of them, the smallest of the types kept there; `None` where no type is known. It may have been raised.
    #[serde(default)]
    pub user_backups_quota: Option<u64>,
    /// Pages of the last listing.
    pub listing_pages: u32,
    /// Whether this process has listed this account and Region completely, so that what is known does not come from the
    /// database alone.
    #[serde(default)]
    pub read_whole: bool,
    /// Copies that wait, by reason.
    pub copies_waiting: BTreeMap<String, u32>,
    /// What waits for a person here, by kind.
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
    /// What.
    pub what: String,
}

//! Which faults occur between a caller and FSx, and inside FSx, and when.
//!
//! **The problem.** The failures that matter (a response lost after the request was applied, a Region that accepts
//! connections and never answers, a forgotten token) cannot be produced at AWS on demand.
//!
//! **The solution.** Each is a line of TOML, for all Regions or some, for all operations or some, for all time or a
//! period; every decision is determined by the seed, with sockets or without.
//!
//! [`HELP`] is the users' reference; a test checks that it has the same names as the fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cloud::error::ApiError;
use super::cloud::settings::Settings;
use super::rng::Rng;

mod check;
mod delivery;
mod help;

pub use delivery::{CallDelivery, Decision, InjectedFault};
pub use help::HELP;

/// All faults, and the behaviour of FSx meanwhile. If empty, FSx is quiet and realistic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// The model's own behaviour; absent: unchanged.
    pub cloud: Option<Settings>,
    /// The faults. Each call is checked against all of them, in this order.
    pub fault: Vec<Fault>,
}

/// One fault, or several with the same period. Percentages are of the calls that it covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Accounts that it covers; none: all.
    pub accounts: Vec<String>,
    /// Regions that it covers (of the call: for copies the destination); none: all.
    pub regions: Vec<String>,
    /// Operations that it covers; none: all.
    pub operations: Vec<String>,
    /// When it begins, s after the faults were put in force.
    pub from_seconds: f64,
    /// When it ends, s after the faults were put in force; absent: never.
    pub until_seconds: Option<f64>,

    /// Every response is delayed by this, ms. The operation is performed at once.
    pub latency_ms: u64,
    /// Maximum additional random delay, ms.
    pub latency_jitter_ms: u64,
    /// The connection is accepted, but nothing is performed or answered.
    pub black_hole_percent: f64,
    /// The operation is performed, but never answered.
    pub silent_percent: f64,
    /// The connection is closed before the operation.
    pub close_before_percent: f64,
    /// The connection is closed after the operation: the response is lost.
    pub close_after_percent: f64,
    /// `ThrottlingException` "Rate exceeded" (400).
    pub throttle_percent: f64,
    /// A token bucket for each account, Region and operation: requests per second of the caller's clock beyond which
    /// calls are throttled; 0: no bucket.
    pub requests_per_second: f64,
    /// How many requests the bucket holds.
    pub burst: f64,
    /// Refuses with this code before the operation, such as `AccessDeniedException`, `OptInRequired`,
    /// `ExpiredTokenException`.
    pub refuse: Option<String>,
    /// Percentage of calls that are refused so.
    pub refuse_percent: f64,
    /// The HTTP status of the refusal; absent: that of the code.
    pub refuse_status: Option<u16>,
    /// `InternalServerError` (500), the operation not performed.
    pub error_before_percent: f64,
    /// `InternalServerError` (500), the operation performed.
    pub error_after_percent: f64,
    /// `ServiceUnavailable` (503), the operation not performed.
    pub unavailable_percent: f64,
    /// 502 with a page of HTML, the operation not performed.
    pub html_percent: f64,
    /// 403 with an empty body, the operation not performed.
    pub forbidden_percent: f64,
    /// 200 with an empty body, the operation performed.
    pub empty_percent: f64,
    /// 200 with half of the response, the operation performed.
    pub truncated_percent: f64,
    /// The error of the header `Date`, s.
    pub date_skew_seconds: i64,
    /// The error of every CreationTime of a backup in responses, s.
    pub creation_time_skew_seconds: i64,

    // What follows happens inside FSx, and depends on the operation that starts it: CreateBackup or CopyBackup,
    // DescribeBackups for the lag, and DeleteBackup for restores.
    /// Percentage of backups that end FAILED.
    pub fail_backup_percent: f64,
    /// Percentage of copies that end FAILED.
    pub fail_copy_percent: f64,
    /// Percentage of backups that stay CREATING.
    pub stuck_backup_percent: f64,
    /// Percentage of copies that stay COPYING.
    pub stuck_copy_percent: f64,
    /// When stuck work ends FAILED, h of FSx's own time; 0: never.
    pub stuck_hours: f64,
    /// Backups and copies that start in this period take this many times as long.
    pub slow_factor: f64,
    /// Copies per hour (of FSx's own time) that other principals request in each Region covered.
    pub other_copies_per_hour: f64,
    /// Backups per hour that other principals take of the file systems in each Region covered.
    pub other_backups_per_hour: f64,
    /// Slots of each covered lane that are occupied by copies that no listing shows.
    pub unseen_copies: u32,
    /// Percentage of repeated requests whose token is not remembered.
    pub forget_token_percent: f64,
    /// Percentage of the AVAILABLE backups that are being restored: DeleteBackup is refused with `BackupRestoring`.
    pub restoring_percent: f64,
    /// Keys (ARNs) that cannot be used: requests with them are refused, and copies that end in this period fail.
    pub disabled_keys: Vec<String>,
    /// New backups are missing from listings for this long, s of FSx's own time.
    pub list_lag_seconds: f64,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            accounts: Vec::new(),
            regions: Vec::new(),
            operations: Vec::new(),
            from_seconds: 0.0,
            until_seconds: None,
            latency_ms: 0,
            latency_jitter_ms: 0,
            black_hole_percent: 0.0,
            silent_percent: 0.0,
            close_before_percent: 0.0,
            close_after_percent: 0.0,
            throttle_percent: 0.0,
            requests_per_second: 0.0,
            burst: 10.0,
            refuse: None,
            refuse_percent: 100.0,
            refuse_status: None,
            error_before_percent: 0.0,
            error_after_percent: 0.0,
            unavailable_percent: 0.0,
            html_percent: 0.0,
            forbidden_percent: 0.0,
            empty_percent: 0.0,
            truncated_percent: 0.0,
            date_skew_seconds: 0,
            creation_time_skew_seconds: 0,
            fail_backup_percent: 0.0,
            fail_copy_percent: 0.0,
            stuck_backup_percent: 0.0,
            stuck_copy_percent: 0.0,
            stuck_hours: 0.0,
            slow_factor: 1.0,
            other_copies_per_hour: 0.0,
            other_backups_per_hour: 0.0,
            unseen_copies: 0,
            forget_token_percent: 0.0,
            restoring_percent: 0.0,
            disabled_keys: Vec::new(),
            list_lag_seconds: 0.0,
        }
    }
}

/// A call, and how long after the faults were put in force.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Account.
    pub account: &'a str,
    /// Region of the call.
    pub region: &'a str,
    /// Operation.
    pub operation: &'a str,
    /// Time since the faults were put in force, ms.
    pub age_ms: i64,
}

/// The fault rates inside FSx for work that starts now.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRates {
    /// See [`Fault::fail_backup_percent`].
    pub fail_backup_percent: f64,
    /// See [`Fault::fail_copy_percent`].
    pub fail_copy_percent: f64,
    /// See [`Fault::stuck_backup_percent`].
    pub stuck_backup_percent: f64,
    /// See [`Fault::stuck_copy_percent`].
    pub stuck_copy_percent: f64,
    /// See [`Fault::stuck_hours`].
    pub stuck_hours: f64,
    /// See [`Fault::slow_factor`].
    pub slow_factor: f64,
    /// See [`Fault::other_copies_per_hour`].
    pub other_copies_per_hour: f64,
    /// See [`Fault::other_backups_per_hour`].
    pub other_backups_per_hour: f64,
    /// See [`Fault::unseen_copies`].
    pub unseen_copies: u32,
    /// See [`Fault::forget_token_percent`].
    pub forget_token_percent: f64,
    /// See [`Fault::restoring_percent`].
    pub restoring_percent: f64,
    /// See [`Fault::list_lag_seconds`].
    pub list_lag_seconds: f64,
    /// See [`Fault::disabled_keys`].
    pub disabled_keys: Vec<String>,
}

/// The random streams and the token buckets.
#[derive(Clone, Debug)]
pub struct FaultRng {
    rng: Rng,
    buckets: BTreeMap<(usize, String, String, String), Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled_ms: i64,
}

impl FaultRng {
    /// New random streams, determined by `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed, "faults"), buckets: BTreeMap::new() }
    }

    /// Fills every token bucket.
    pub fn refill(&mut self) {
        self.buckets.clear();
    }
}

impl Faults {
    /// Parses faults from TOML. An unknown name, a percentage outside 0–100 or a negative rate is an error.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let faults: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for (at, fault) in faults.fault.iter().enumerate() {
            fault.check().map_err(|what| format!("fault {} of {}: {what}", at + 1, faults.fault.len()))?;
        }
        Ok(faults)
    }

    /// Only these faults.
    #[must_use]
    pub fn of(fault: Vec<Fault>) -> Self {
        Self { cloud: None, fault }
    }

    /// Decides the faults of a call. The first fault that applies counts; latencies add up.
    pub fn decide(&self, fault_rng: &mut FaultRng, asked: &Asked<'_>) -> Decision {
        let mut decision = Decision::default();
        for (at, fault) in self.fault.iter().enumerate().filter(|(_, fault)| fault.covers(asked)) {
            let jitter_ms = match fault.latency_jitter_ms {
                0 => 0,
                most_ms => fault_rng.rng.next_u64() % most_ms,
            };
            decision.latency_ms = decision.latency_ms.saturating_add(fault.latency_ms).saturating_add(jitter_ms);
            decision.date_skew_seconds = decision.date_skew_seconds.saturating_add(fault.date_skew_seconds);
            let skew_seconds = &mut decision.creation_time_skew_seconds;
            *skew_seconds = skew_seconds.saturating_add(fault.creation_time_skew_seconds);
            let strikes = fault.strike(at, fault_rng, asked);
            if decision.delivery == CallDelivery::Served
                && let Some(delivery) = strikes
            {
                decision.delivery = delivery;
            }
        }
        decision
    }

    /// The fault rates inside FSx for work that starts now.
    #[must_use]
    pub fn fault_rates(&self, asked: &Asked<'_>) -> FaultRates {
        let mut fault_rates = FaultRates {
            fail_backup_percent: 0.0,
            fail_copy_percent: 0.0,
            stuck_backup_percent: 0.0,
            stuck_copy_percent: 0.0,
            stuck_hours: 0.0,
            slow_factor: 1.0,
            other_copies_per_hour: 0.0,
            other_backups_per_hour: 0.0,
            unseen_copies: 0,
            forget_token_percent: 0.0,
            restoring_percent: 0.0,
            list_lag_seconds: 0.0,
            disabled_keys: Vec::new(),
        };
        for fault in self.fault.iter().filter(|fault| fault.covers(asked)) {
            fault_rates.fail_backup_percent = fault_rates.fail_backup_percent.max(fault.fail_backup_percent);
            fault_rates.fail_copy_percent = fault_rates.fail_copy_percent.max(fault.fail_copy_percent);
            fault_rates.stuck_backup_percent = fault_rates.stuck_backup_percent.max(fault.stuck_backup_percent);
            fault_rates.stuck_copy_percent = fault_rates.stuck_copy_percent.max(fault.stuck_copy_percent);
            fault_rates.stuck_hours = fault_rates.stuck_hours.max(fault.stuck_hours);
            fault_rates.slow_factor *= fault.slow_factor;
            fault_rates.other_copies_per_hour += fault.other_copies_per_hour;
            fault_rates.other_backups_per_hour += fault.other_backups_per_hour;
            fault_rates.unseen_copies = fault_rates.unseen_copies.max(fault.unseen_copies);
            fault_rates.forget_token_percent = fault_rates.forget_token_percent.max(fault.forget_token_percent);
            fault_rates.restoring_percent = fault_rates.restoring_percent.max(fault.restoring_percent);
            fault_rates.list_lag_seconds = fault_rates.list_lag_seconds.max(fault.list_lag_seconds);
            fault_rates.disabled_keys.extend(fault.disabled_keys.iter().cloned());
        }
        fault_rates
    }

    /// The time from `age_ms` until a fault next begins or ends, ms.
    #[must_use]
    pub fn next_change_ms(&self, age_ms: i64) -> Option<i64> {
        self.fault
            .iter()
            .flat_map(|fault| [Some(fault.from_seconds), fault.until_seconds])
            .flatten()
            .map(|seconds| (seconds * 1_000.0).ceil() as i64)
            .filter(|at_ms| *at_ms > age_ms)
            .min()
            .map(|at_ms| at_ms - age_ms)
    }
}

impl Fault {
    fn covers(&self, asked: &Asked<'_>) -> bool {
        let names = |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
        let age_ms = asked.age_ms as f64;
        age_ms >= self.from_seconds * 1_000.0
            && self.until_seconds.is_none_or(|until| age_ms < until * 1_000.0)
            && names(&self.regions, asked.region)
            && names(&self.accounts, asked.account)
            && names(&self.operations, asked.operation)
    }

    /// The effect of this fault on a call. Every random number is drawn, so that changing one setting does not shift
    /// the others.
    fn strike(&self, at: usize, fault_rng: &mut FaultRng, asked: &Asked<'_>) -> Option<CallDelivery> {
        use CallDelivery::{After, Before};
        let refused = |code: &str| InjectedFault::Refused(ApiError::at_the_door(code));
        let dry = self.requests_per_second > 0.0 && !self.take_token(at, fault_rng, asked);
        let refusal = self.refuse.as_deref().map(|code| {
            let error = ApiError::at_the_door(code);
            let status = self.refuse_status.unwrap_or(error.status);
            (self.refuse_percent, Before(InjectedFault::Refused(error.with_status(status))))
        });
        let chances = [
            (self.black_hole_percent, Before(InjectedFault::Silence)),
            (self.close_before_percent, Before(InjectedFault::Closed)),
            (if dry { 100.0 } else { self.throttle_percent }, Before(refused("ThrottlingException"))),
            refusal.unwrap_or((0.0, CallDelivery::Served)),
            (self.error_before_percent, Before(refused("InternalServerError"))),
            (self.unavailable_percent, Before(refused("ServiceUnavailable"))),
            (self.html_percent, Before(InjectedFault::Html)),
            (self.forbidden_percent, Before(InjectedFault::Forbidden)),
            (self.silent_percent, After(InjectedFault::Silence)),
            (self.close_after_percent, After(InjectedFault::Closed)),
            (self.error_after_percent, After(refused("InternalServerError"))),
            (self.empty_percent, After(InjectedFault::Empty)),
            (self.truncated_percent, After(InjectedFault::Truncated)),
        ];
        let mut struck = None;
        for (percent, delivery) in chances {
            if fault_rng.rng.percent(percent) && struck.is_none() {
                struck = Some(delivery);
            }
        }
        struck
    }

    fn take_token(&self, at: usize, fault_rng: &mut FaultRng, asked: &Asked<'_>) -> bool {
        let key = (at, asked.account.to_owned(), asked.region.to_owned(), asked.operation.to_owned());
        let full = Bucket { tokens: self.burst.max(1.0), filled_ms: asked.age_ms };
        let bucket = fault_rng.buckets.entry(key).or_insert(full);
        let since_seconds = (asked.age_ms - bucket.filled_ms).max(0) as f64 / 1_000.0;
        bucket.tokens = (bucket.tokens + since_seconds * self.requests_per_second).min(self.burst.max(1.0));
        bucket.filled_ms = asked.age_ms;
        let enough = bucket.tokens >= 1.0;
        if enough {
            bucket.tokens -= 1.0;
        }
        enough
    }
}

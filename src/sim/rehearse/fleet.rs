//! Builds a simulated fleet for a policy, with assumed sizes where none are known.
//!
//! The result of a month depends on sizes and rates of change, which no policy file states. Whatever the database knows
//! about a source is used; the rest is drawn from the seed between bounds that the user can set.

use crate::domain::id::{AccountRegion, Region, SourceKey, Target};
use crate::domain::lane::FileSystemKind;
use crate::domain::policy::Settings;
use crate::domain::regions::{CHINA, GOVERNMENT, STANDARD};
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::sim::cloud::{self, Cloud, FileSystemSeed, FileSystemType, VolumeSeed};
use crate::sim::faults::{Fault, Faults};
use crate::sim::rng::Rng;
use crate::sim::wire;
use std::collections::BTreeMap;

const GIB: f64 = 1_073_741_824.0;

/// Assumptions about a fleet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assumed {
    /// The smallest and the largest file system, GiB of data; drawn so that each size is as likely as its double.
    pub size_gib: (f64, f64),
    /// The part of its data that changes per day, %; values from half to twice that are drawn.
    pub change_percent: f64,
    /// Copy throughput, MB per second.
    pub copy_mb_per_second: f64,
    /// Minimum duration of a copy, s (fsx-facts: six to seven minutes for almost no data).
    pub copy_floor_seconds: f64,
    /// Whether ordinary faults occur.
    pub faults: bool,
}

impl Default for Assumed {
    fn default() -> Self {
        Self {
            size_gib: (50.0, 4096.0),
            change_percent: 2.0,
            copy_mb_per_second: 100.0,
            copy_floor_seconds: 390.0,
            faults: false,
        }
    }
}

/// An FSx with every source of the policy. `state` supplies the sizes and types of sources with backups; other file
/// systems are assumed to be Windows, which has the smaller quota.
///
/// # Errors
/// A source that AWS could not have, and why.
pub fn build_fleet(
    settings: &Settings,
    state: Option<&State>,
    assumed: &Assumed,
    seed: u64,
    start: Time,
) -> Result<Cloud, String> {
    let mut rng = Rng::new(seed, "fleet");
    let habits = cloud::Settings {
        copy_bytes_per_second: assumed.copy_mb_per_second * 1e6,
        copy_floor_seconds: assumed.copy_floor_seconds,
        copies_in_flight: settings.limits.copies_in_flight.max(5),
        ontap_copies_in_flight: settings.limits.ontap_copies_in_flight.max(5),
        ..cloud::Settings::default()
    };
    let mut cloud = Cloud::new(seed).with_settings(habits);
    for policy in settings.policies.values() {
        for key in policy.source_keys() {
            let (low, high) = assumed.size_gib;
            let drawn = low * (high / low).max(1.0).powf(rng.unit()) * GIB;
            let change = assumed.change_percent / 100.0 * 0.5 * 4_f64.powf(rng.unit());
            let (kind, size) = known(state, &key);
            let used = size.map_or(drawn, |bytes| bytes as f64);
            let mut member = FileSystemSeed::new(kind);
            member.used_bytes = Some(used as u64);
            member.daily_change_bytes = Some((used * change) as u64);
            member.capacity_gib = ((used / GIB * 1.25) as u64).max(1_200);
            if kind == FileSystemType::Ontap {
                let volume = VolumeSeed {
                    id: Some(key.source.to_string()),
                    used_bytes: member.used_bytes,
                    daily_change_bytes: member.daily_change_bytes,
                    ..VolumeSeed::default()
                };
                member.volumes = vec![volume];
            } else {
                member.id = Some(key.source.to_string());
            }
            let home = AccountRegion { account: policy.account.clone(), region: policy.region.clone() };
            let (account, region) = (wire::account_of(&home), policy.region.as_str());
            let added = cloud.add_file_system_seed(start.millis(), account, region, &member);
            added.map_err(|error| format!("{}: {}", key.source, error.message))?;
        }
    }
    if assumed.faults {
        cloud.set_faults(injected_faults(silent_region(settings)), Some(start.millis()));
    }
    Ok(cloud)
}

/// The Region that stays silent for some hours with faults: the destination of most copies, the first by name of
/// several.
#[must_use]
pub fn silent_region(settings: &Settings) -> Option<&Region> {
    let mut copied: BTreeMap<&Region, usize> = BTreeMap::new();
    for policy in settings.policies.values() {
        for destination in &policy.destinations {
            *copied.entry(&destination.region).or_default() += policy.sources.len();
        }
    }
    copied.into_iter().rev().max_by_key(|(_, sources)| *sources).map(|(region, _)| region)
}

/// Whether the simulated FSx serves this Region: it refuses all others, as AWS does with Regions that are not enabled.
#[must_use]
pub fn serves(region: &Region) -> bool {
    [STANDARD, CHINA, GOVERNMENT].iter().any(|names| names.contains(&region.as_str()))
}

fn known(state: Option<&State>, key: &SourceKey) -> (FileSystemType, Option<u64>) {
    let source = state.and_then(|state| state.sources.get(key));
    let newest = source.and_then(|source| source.newest(&Target::Backup));
    let kind = match newest.map(|backup| backup.kind) {
        _ if key.source.is_volume() => FileSystemType::Ontap,
        Some(FileSystemKind::Lustre) => FileSystemType::Lustre,
        Some(FileSystemKind::OpenZfs) => FileSystemType::OpenZfs,
        _ => FileSystemType::Windows,
    };
    (kind, newest.and_then(|backup| backup.size_bytes).map(u64::from))
}

/// An ordinary month: throttled and failing calls, lost responses, backups and copies that end FAILED, copies of
/// others, every other week a day on which copies take three times as long, and once a Region that is silent for hours.
fn injected_faults(silent_region: Option<&Region>) -> Faults {
    const HOUR: f64 = 3600.0;
    const DAY: f64 = 24.0 * HOUR;
    let noise = Fault {
        latency_ms: 50,
        latency_jitter_ms: 300,
        throttle_percent: 2.0,
        error_before_percent: 0.5,
        error_after_percent: 0.2,
        close_after_percent: 0.3,
        fail_backup_percent: 1.0,
        fail_copy_percent: 1.0,
        other_copies_per_hour: 0.1,
        ..Fault::default()
    };
    let span = |from: f64, until: f64| Fault { from_seconds: from, until_seconds: Some(until), ..Fault::default() };
    let slow = (0..30).map(|nth| f64::from(nth) * 14.0 * DAY + 9.0 * DAY);
    let slow = slow.map(|from| Fault { slow_factor: 3.0, ..span(from, from + DAY) });
    // An empty list of Regions would mean all.
    let silent = silent_region.map(|region| Fault {
        regions: vec![region.to_string()],
        black_hole_percent: 100.0,
        ..span(5.0 * DAY + 7.0 * HOUR, 5.0 * DAY + 10.0 * HOUR)
    });
    Faults { cloud: None, fault: std::iter::once(noise).chain(slow).chain(silent).collect() }
}

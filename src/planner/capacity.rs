//! Whether a policy can work at all: slots against RPOs, retention against quotas; checked before and while it runs.
//!
//! A fleet can outgrow its slots without any fault: each new source adds one more copy an hour through the same five
//! slots. No call fails, but more RPOs are missed every day. So the capacity is computed in advance and reported in one
//! sentence with its numbers.
//!
//! Inputs, as [`CapacityReport`] states on each line: durations of backups and copies are learned from the recovery
//! points held ([`durations`]); if nothing was learned, the caller's values apply, otherwise [`ASSUMED_BACKUP`] and
//! [`ASSUMED_COPY`]. First copies are left out, since each happens once. Quotas are AWS's defaults and can be raised.
//!
//! It works with averages, so it reports certain overload, but not every moment at which many copies coincide.
//! `lifeboat rehearse` simulates those.

mod lanes;
mod quotas;

pub use lanes::{LaneReport, PolicyReport};
pub use quotas::QuotaReport;

use super::durations;
use crate::domain::duration::duration_text;
use crate::domain::id::{AccountId, PolicyName, Region, SourceId, SourceKey, Target};
use crate::domain::policy::{Policy, Settings};
use crate::domain::state::State;
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// The assumed duration of a backup (fsx-facts 2.1: minutes).
pub const ASSUMED_BACKUP: Duration = Duration::from_secs(10 * 60);
/// The assumed duration of an incremental copy (fsx-facts 2.1: six to seven minutes for almost no data).
pub const ASSUMED_COPY: Duration = Duration::from_secs(10 * 60);

/// Durations given by the caller, used where nothing was learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// A backup.
    pub backup: Option<Duration>,
    /// An incremental copy.
    pub copy: Option<Duration>,
}

/// The result of the capacity check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapacityReport {
    /// Every lane that several routes share, and every route that has a lane of its own, by account and Region.
    pub lanes: Vec<LaneReport>,
    /// Every Region in which points are kept, by account, Region and type.
    pub quotas: Vec<QuotaReport>,
    /// The assumed durations, if any.
    pub assumed: Option<String>,
}

/// A source and one destination.
struct Route<'a> {
    policy: &'a Policy,
    key: SourceKey,
    region: &'a Region,
    every: Duration,
    /// The longest time between two firings.
    gap: Duration,
    backup: Duration,
    copy: Duration,
    learned: bool,
    rpo: Option<Duration>,
}

/// Whether the policies can meet their RPOs with these slots and this retention. Durations and points held are taken
/// from `state`; `given` applies where nothing was learned. The cost is one pass over all routes.
#[must_use]
pub fn judge(settings: &Settings, state: Option<&State>, given: Given, now: Time) -> CapacityReport {
    let mut routes = Vec::new();
    for policy in settings.policies.values() {
        let gaps = policy.schedule.gaps(now);
        let (every, gap) = (gaps.mean, gaps.longest.map_or(gaps.mean, |(_, gap)| gap));
        for key in policy.source_keys() {
            let source = state.and_then(|state| state.sources.get(&key));
            let seen = source.and_then(|source| durations::learned(source, &Target::Backup).incremental);
            let backup = seen.or(given.backup).unwrap_or(ASSUMED_BACKUP);
            for destination in &policy.destinations {
                let target = Target::Copy(destination.region.clone());
                let seen = source.and_then(|source| durations::learned(source, &target).incremental);
                routes.push(Route {
                    policy,
                    key: key.clone(),
                    region: &destination.region,
                    every,
                    gap,
                    backup,
                    copy: seen.or(given.copy).unwrap_or(ASSUMED_COPY),
                    learned: seen.is_some(),
                    rpo: policy.rpo_in(&destination.region),
                });
            }
        }
    }
    let unlearned = routes.iter().filter(|route| !route.learned).count();
    let assumed = (unlearned > 0).then(|| {
        let (backup, copy) = (given.backup.unwrap_or(ASSUMED_BACKUP), given.copy.unwrap_or(ASSUMED_COPY));
        let source = if given.copy.is_some() { "given" } else { "assumed" };
        let (backup, copy) = (duration_text(backup), duration_text(copy));
        format!("{unlearned} of {} routes: {copy} a copy and {backup} a backup, as {source}", routes.len())
    });
    CapacityReport {
        lanes: lanes::judge(&settings.limits, routes),
        quotas: quotas::judge(settings, state, now),
        assumed,
    }
}

impl CapacityReport {
    /// The warnings, one sentence each.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        let lanes = self.lanes.iter().flat_map(|lane| &lane.warnings);
        lanes.chain(self.quotas.iter().filter_map(|quota| quota.warning.as_ref())).map(String::as_str)
    }
}

/// One sentence for each lane and quota, with warnings marked.
impl fmt::Display for CapacityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for lane in &self.lanes {
            writeln!(f, "{}", lane.summary)?;
            for warning in &lane.warnings {
                writeln!(f, "  warning: {warning}")?;
            }
        }
        for quota in &self.quotas {
            writeln!(f, "{}", quota.summary)?;
            if let Some(warning) = &quota.warning {
                writeln!(f, "  warning: {warning}")?;
            }
        }
        match &self.assumed {
            Some(assumed) => writeln!(f, "rests on {assumed}"),
            None => Ok(()),
        }
    }
}

/// “every hour”, “every 90m”.
fn every(interval: Duration) -> String {
    match duration_text(interval).as_str() {
        "1h" => "every hour".to_owned(),
        "1d" => "every day".to_owned(),
        "7d" => "every week".to_owned(),
        text => format!("every {text}"),
    }
}

/// Whole seconds, for JSON.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs()
}

/// Rounded up: to whole minutes, beyond an hour to five minutes, beyond a day to hours.
fn rounded(duration: Duration) -> Duration {
    let unit = match duration.as_secs() {
        0..=3600 => 60,
        3601..=86_400 => 300,
        _ => 3600,
    };
    Duration::from_secs(duration.as_secs().div_ceil(unit).saturating_mul(unit))
}

/// Names of policies in one line.
fn names<'a>(policies: impl Iterator<Item = &'a PolicyName>) -> String {
    policies.map(PolicyName::as_str).collect::<Vec<_>>().join(", ")
}

/// Sources in one line, shortened if there are many.
fn some_of(sources: &[SourceId]) -> String {
    const NAMED: usize = 5;
    let mut text = sources.iter().take(NAMED).map(SourceId::as_str).collect::<Vec<_>>().join(", ");
    if sources.len() > NAMED {
        text.push_str(&format!(" and {} more", sources.len() - NAMED));
    }
    text
}

/// A Region, with its account if there are several.
fn at(account: &AccountId, region: &Region, several: bool) -> String {
    if several { format!("{account}/{region}") } else { region.to_string() }
}

/// Whether these are several accounts.
fn several<'a>(accounts: impl IntoIterator<Item = &'a AccountId>) -> bool {
    accounts.into_iter().collect::<BTreeSet<_>>().len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_795_248_000);

    fn settings(policies: &[(&str, usize, &str, &str, &str)]) -> Settings {
        let mut text = String::new();
        for (nth, (name, sources, schedule, rpo, more)) in policies.iter().enumerate() {
            let ids: Vec<String> = (0..*sources).map(|number| format!("fs-{nth:08x}{number:09x}")).collect();
            text.push_str(&format!(
                "[[policy]]\nname = \"{name}\"\nregion = \"us-east-1\"\nschedule = \"{schedule}\"\nfile_systems = {ids:?}\n{rpo}\n\
                 [[policy.destination]]\nregion = \"us-west-2\"\n{more}\n"
            ));
        }
        crate::config::parse(&[("test".to_owned(), text)], NOW).unwrap().settings
    }

    fn judged(policies: &[(&str, usize, &str, &str, &str)], copy_minutes: u64) -> CapacityReport {
        let given = Given { backup: None, copy: Some(Duration::from_secs(60 * copy_minutes)) };
        judge(&settings(policies), None, given, NOW)
    }

    #[test]
    fn too_many_for_five_slots_is_said_with_the_interval_that_fits() {
        let report = judged(&[("finance", 12, "@hourly", "rpo = \"2h\"", "")], 47);
        let lane = &report.lanes[0];
        assert!((lane.needed_slots - 9.4).abs() < 0.01, "{lane:?}");
        assert_eq!(lane.policies[0].fitting_interval_seconds, 7200);
        assert!(report.warnings().next().is_some());
        let said = report.to_string();
        let sentence = "12 sources every hour at 47 min a copy need 9.4 slots in us-west-2; there are 5; every 2h fits";
        assert!(said.contains(sentence), "{said}");
        // Six of them fill five slots to 94 %: 6 × 47 ÷ 60 = 4.7.
        assert_eq!(lane.policies[0].breaking.len(), 6, "{said}");
        assert!(said.contains("47m a copy and 10m a backup, as given"), "{said}");
    }

    #[test]
    fn what_fits_is_reported_with_its_best_rpo() {
        let report = judged(&[("finance", 12, "every 2h", "rpo = \"6h\"", "")], 47);
        assert!((report.lanes[0].needed_slots - 4.7).abs() < 0.01);
        assert!(report.lanes[0].policies[0].breaking.is_empty());
        // Two hours between firings, ten minutes of backup, eleven earlier copies through five slots, its own copy:
        // 280.4 minutes.
        assert_eq!(report.lanes[0].policies[0].best_rpo_seconds, 60 * 285);
        assert!(report.lanes[0].warnings.is_empty(), "{report}");
        let tight = judged(&[("finance", 12, "every 2h", "rpo = \"4h\"", "")], 47);
        assert!(tight.lanes[0].warnings[0].contains("may be late in us-west-2"), "{tight}");
    }

    #[test]
    fn a_wide_rpo_is_met_by_skipping_backups() {
        let report = judged(&[("finance", 12, "@hourly", "rpo = \"6h\"", "")], 47);
        let lane = &report.lanes[0];
        assert!(lane.needed_slots > 5.0 && lane.needed_to_keep_slots < 5.0, "{lane:?}");
        assert!(lane.summary.contains("every RPO can still be met"), "{report}");
        assert!(lane.policies[0].breaking.is_empty());
    }

    #[test]
    fn an_rpo_that_no_number_of_slots_could_meet_is_reported() {
        let report = judged(&[("finance", 1, "@hourly", "rpo = \"80m\"", "")], 47);
        assert!(report.lanes[0].warnings.iter().any(|said| said.contains("whatever the slots")), "{report}");
    }

    #[test]
    fn the_policy_whose_rpo_costs_most_slots_is_the_one_that_misses_it() {
        let tight = ("tight", 10, "every 30m", "rpo = \"75m\"", "");
        let daily = ("daily", 40, "0 3 * * *", "rpo = \"30h\"", "");
        let report = judged(&[tight, daily], 25);
        let breaking = |nth: usize| report.lanes[0].policies[nth].breaking.len();
        assert_eq!(report.lanes[0].policies[0].policy.as_str(), "daily");
        assert_eq!(breaking(0), 0, "{report}");
        assert!(breaking(1) > 0, "{report}");
    }

    #[test]
    fn a_volume_has_slots_of_its_own() {
        let mut settings = settings(&[("finance", 12, "@hourly", "rpo = \"3h\"", "")]);
        for policy in settings.policies.values_mut() {
            policy.sources = (0..12_u32).map(|number| format!("fsvol-{number:017x}").into()).collect();
        }
        let report = judge(&settings, None, Given::default(), NOW);
        assert_eq!(report.lanes.len(), 12);
        assert!(report.lanes.iter().all(|lane| lane.slots == 1 && lane.volume.is_some()));
        assert!(report.quotas.iter().all(|quota| quota.quota == 10_000));
    }

    #[test]
    fn retention_is_held_against_the_quota_of_the_region() {
        let rules = "retain = { last = 3, daily = 7, weekly = 4 }";
        let kept = judged(&[("finance", 30, "@hourly", &format!("rpo = \"3h\"\n{rules}"), rules)], 7);
        assert_eq!(kept.quotas.len(), 2);
        // Three of the last hours, seven of the last days (the newest is also one of the three), four weeks of which
        // one overlaps.
        assert!(kept.quotas.iter().all(|quota| (30 * 11..=30 * 14).contains(&quota.holds.unwrap())), "{kept}");
        assert!(kept.quotas.iter().all(|quota| quota.warning.is_none()), "{kept}");
        let rules = "retain = { last = 24, daily = 7, weekly = 4 }";
        let wide = judged(&[("finance", 30, "@hourly", &format!("rpo = \"3h\"\n{rules}"), rules)], 7);
        let warning = wide.quotas[0].warning.as_ref().unwrap();
        assert!(warning.contains("it reaches for 16 a source"), "{warning}");
        let never = judged(&[("finance", 30, "@hourly", "rpo = \"3h\"", "")], 7);
        assert!(never.quotas[0].warning.as_ref().unwrap().contains("is reached in 16h 40m"), "{never}");
        let years = "retain = { daily = 7, yearly = 10 }";
        let years = judged(&[("finance", 1, "@daily", &format!("rpo = \"30h\"\n{years}"), years)], 7);
        assert!((16..=17).contains(&years.quotas[0].holds.unwrap()), "{years}");
    }
}

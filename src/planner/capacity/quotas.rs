//! Retention against AWS's quota of user backups.
//!
//! Copies count in the Region where they are, so a destination fills up like the source's Region. At the quota FSx
//! refuses every further backup and copy.

use super::{at, several};
use crate::domain::catalogue::FSX;
use crate::domain::counted::counted;
use crate::domain::duration::duration_text;
use crate::domain::id::{AccountId, AccountRegion, Region, SourceKey, Target};
use crate::domain::lane::FileSystemKind;
use crate::domain::policy::{Policy, Retain, Settings};
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::planner::retain::{Keep, kept_by_rules};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The number of firings to which the rules are applied; what a rule would keep beyond them is added as is.
const FIRINGS: usize = 3_000;

/// How much of one type's quota in one Region will be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuotaReport {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// The type; `OTHER`: not known yet.
    pub kind: FileSystemKind,
    /// AWS's default.
    pub quota: u64,
    /// How many points of the policies' sources retention holds there in the long run; `None`: unlimited, since
    /// something is kept forever.
    pub holds: Option<u64>,
    /// Points made per day.
    pub daily: f64,
    /// Lifeboat's points there now, if known.
    pub now: Option<u64>,
    /// A summary in one sentence.
    pub summary: String,
    /// What will go wrong, if anything.
    pub warning: Option<String>,
}

#[derive(Default)]
struct QuotaUse {
    sources: usize,
    holds: u64,
    for_ever: usize,
    daily: f64,
    now: u64,
}

/// Judges every Region.
pub(super) fn judge(settings: &Settings, state: Option<&State>, now: Time) -> Vec<QuotaReport> {
    let mut quota_uses: BTreeMap<(AccountRegion, FileSystemKind), QuotaUse> = BTreeMap::new();
    for policy in settings.policies.values() {
        let firings = firings(policy, now);
        let daily = per_day(policy, now);
        let mut rules: Vec<(&Region, Target, Option<u64>)> = Vec::new();
        let holds = |retain: Option<&Retain>| retain.map(|retain| held(policy, retain, &firings, daily));
        rules.push((&policy.region, Target::Backup, holds(policy.retain.as_ref())));
        for destination in &policy.destinations {
            let target = Target::Copy(destination.region.clone());
            rules.push((&destination.region, target, holds(destination.retain.as_ref())));
        }
        for key in policy.source_keys() {
            let kind = kind_of(state, &key);
            for (region, target, holds) in &rules {
                let place = AccountRegion { account: policy.account.clone(), region: (*region).clone() };
                let quota_use = quota_uses.entry((place, kind)).or_default();
                quota_use.sources += 1;
                quota_use.daily += daily;
                quota_use.holds += holds.unwrap_or(0);
                quota_use.for_ever += usize::from(holds.is_none());
                let source = state.and_then(|state| state.sources.get(&key));
                quota_use.now += source.map_or(0, |source| source.points.available(target).len() as u64);
            }
        }
    }
    let known = state.is_some();
    let several = several(quota_uses.keys().map(|(place, _)| &place.account));
    quota_uses.into_iter().map(|((place, kind), quota_use)| quota_use.report(place, kind, known, several)).collect()
}

/// The type in the state; a volume is always ONTAP.
fn kind_of(state: Option<&State>, key: &SourceKey) -> FileSystemKind {
    if key.source.is_volume() {
        return FileSystemKind::Ontap;
    }
    let source = state.and_then(|state| state.sources.get(key));
    let backup = source.and_then(|source| source.newest(&Target::Backup)).map(|backup| backup.kind);
    let facts = source.and_then(|source| source.lookup.facts.as_ref()).map(|(_, facts)| facts.kind);
    backup.or(facts).unwrap_or(FileSystemKind::Other)
}

/// The next firings, newest first. They stand for past ones, since retention counts from the newest.
fn firings(policy: &Policy, now: Time) -> Vec<Time> {
    let next = |time: &Time| policy.schedule.next_after(*time);
    // From a fixed hour of the year, so that the result is the same every day; not from its first hour, so that no day
    // ends with the newest point.
    let from = now.year_began().plus(Duration::from_secs(82 * 3600));
    let mut firings: Vec<Time> = std::iter::successors(next(&from), next).take(FIRINGS).collect();
    firings.reverse();
    firings
}

fn per_day(policy: &Policy, now: Time) -> f64 {
    86_400.0 / policy.schedule.gaps(now).mean.as_secs_f64().max(1.0)
}

/// The maximum number of points of a source that these rules hold in the long run.
fn held(policy: &Policy, retain: &Retain, newest_first: &[Time], daily: f64) -> u64 {
    let kept = kept_by_rules(retain, policy.schedule.zone(), newest_first);
    let mut held = kept.iter().filter(|keeps| !keeps.is_empty()).count() as u64;
    // A rule that reaches back beyond these firings keeps the rest of its number there.
    let rules = [
        ("hourly", retain.hourly),
        ("daily", retain.daily),
        ("weekly", retain.weekly),
        ("monthly", retain.monthly),
        ("yearly", retain.yearly),
    ];
    for (rule, wanted) in rules {
        let is = |keep: &&Keep| matches!(keep, Keep::Period(word, ..) if *word == rule);
        let seen = kept.iter().flatten().filter(is).count() as u64;
        held += u64::from(wanted.unwrap_or(0)).saturating_sub(seen);
    }
    let tried = newest_first.first().zip(newest_first.last()).map_or(Duration::ZERO, |(new, old)| new.since(*old));
    if let Some(beyond) = retain.within.and_then(|within| within.checked_sub(tried)).filter(|_| !tried.is_zero()) {
        held += (beyond.as_secs_f64() / 86_400.0 * daily) as u64;
    }
    let last = u64::from(retain.last.unwrap_or(0)).saturating_sub(newest_first.len() as u64);
    // The newest stays whatever the rules say.
    (held + last).max(1)
}

impl QuotaUse {
    fn report(self, place: AccountRegion, kind: FileSystemKind, known: bool, several: bool) -> QuotaReport {
        let quota = FSX.backup_quota(kind);
        let whose = match kind {
            FileSystemKind::Other => "Windows or Lustre".to_owned(),
            kind => kind.as_str().to_owned(),
        };
        let region = at(&place.account, &place.region, several);
        let holds = (self.for_ever == 0).then_some(self.holds);
        let sources = counted(self.sources, "source");
        let summary = match holds {
            Some(holds) => format!(
                "retention holds {holds} points of {sources} in {region}; AWS's quota is {quota} ({whose}), unless it was raised"
            ),
            None => format!(
                "{region} keeps every point of {}: {:.0} more a day; AWS's quota is {quota} ({whose}), unless it was raised",
                counted(self.for_ever, "source"),
                self.daily.ceil()
            ),
        };
        let each = quota / (self.sources.max(1) as u64);
        let warning = match holds {
            Some(holds) if holds > quota => Some(format!(
                "retention asks for {holds} points in {region} and AWS's quota is {quota} ({whose}): it reaches for {each} a source; \
                 keep fewer, or have AWS raise the quota"
            )),
            Some(_) => None,
            None => {
                let left = quota.saturating_sub(self.now + self.holds) as f64 / self.daily;
                let days = Duration::from_secs_f64((left * 86_400.0).min(1e10));
                (left < 366.0).then(|| {
                    let when = if left > 0.0 { format!("in {}", duration_text(days)) } else { "now".to_owned() };
                    format!(
                        "nothing is ever deleted in {region}: AWS's quota of {quota} user backups ({whose}) is reached {when}, and \
                         then every backup and copy there is refused; write `retain`"
                    )
                })
            }
        };
        let now = known.then_some(self.now);
        QuotaReport {
            account: place.account,
            region: place.region,
            kind,
            quota,
            holds,
            daily: self.daily,
            now,
            summary,
            warning,
        }
    }
}

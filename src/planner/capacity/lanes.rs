//! Slots against RPOs.

use super::{Route, at, every, names, rounded, seconds, several, some_of};
use crate::domain::counted::counted;
use crate::domain::duration::{duration_text, minutes_text};
use crate::domain::id::{AccountId, AccountRegion, PolicyName, Region, SourceId};
use crate::domain::lane::{FileSystemKind, Lane};
use crate::domain::policy::Limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Common intervals, in minutes.
const USUAL: [u64; 20] =
    [5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440, 2880, 4320, 5760, 7200, 10_080];

/// One limit on copies in flight, and whether it suffices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneReport {
    /// The account.
    pub account: AccountId,
    /// The destination.
    pub region: Region,
    /// The ONTAP volume that has this lane to itself; `None`: the lane shared by Windows, Lustre and OpenZFS.
    pub volume: Option<SourceId>,
    /// The number of copies that may be in flight.
    pub slots: u32,
    /// Average number of slots needed to copy every backup.
    pub needed_slots: f64,
    /// Average number of slots needed to meet every RPO, skipping backups where the RPO allows it.
    pub needed_to_keep_slots: f64,
    /// The policies that use it.
    pub policies: Vec<PolicyReport>,
    /// A summary in one sentence.
    pub summary: String,
    /// The warnings, one sentence each.
    pub warnings: Vec<String>,
}

/// A policy's routes through a lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// The policy.
    pub policy: PolicyName,
    /// The number of sources.
    pub sources: usize,
    /// Mean time between two firings.
    pub interval_seconds: u64,
    /// The mean duration of a copy.
    pub copy_seconds: u64,
    /// The longest copy.
    pub longest_copy_seconds: u64,
    /// The number of sources for which durations were learned.
    pub learned: usize,
    /// The RPO.
    pub rpo_seconds: Option<u64>,
    /// The shortest RPO that can be met with this schedule and these slots.
    pub best_rpo_seconds: u64,
    /// An interval at which every backup can be copied; the schedule's own if it fits.
    pub fitting_interval_seconds: u64,
    /// Sources that will miss their RPO.
    pub breaking: Vec<SourceId>,
}

/// Judges every lane.
pub(super) fn judge(limits: &Limits, routes: Vec<Route<'_>>) -> Vec<LaneReport> {
    let several = several(routes.iter().map(|route| &route.key.account));
    let mut lanes: BTreeMap<Lane, Vec<Route<'_>>> = BTreeMap::new();
    for route in routes {
        let place = AccountRegion { account: route.key.account.clone(), region: route.region.clone() };
        // The file system type does not matter: everything except ONTAP volumes shares a lane.
        let lane = match route.key.source.is_volume() {
            true => Lane::Volume(place, route.key.source.clone()),
            false => Lane::of_copy(FileSystemKind::Other, &place.account, &place.region, None).remove(0),
        };
        lanes.entry(lane).or_default().push(route);
    }
    lanes.into_iter().filter_map(|(lane, routes)| Lanes { lane, limits, routes }.report(several)).collect()
}

struct Lanes<'a, 'b> {
    lane: Lane,
    limits: &'b Limits,
    routes: Vec<Route<'a>>,
}

impl Route<'_> {
    /// The fraction of a slot needed to copy every backup.
    fn load(&self) -> f64 {
        self.copy.as_secs_f64() / self.every.as_secs_f64().max(1.0)
    }

    /// Every how many firings a copy must be made to meet the RPO; 0: it cannot be met.
    fn may_skip_to(&self) -> u64 {
        let Some(rpo) = self.rpo else { return u64::MAX };
        let room = rpo.saturating_sub(self.backup).saturating_sub(self.copy);
        if room < self.gap {
            return 0;
        }
        (room.as_millis() / self.every.as_millis().max(1)).max(1).try_into().unwrap_or(u64::MAX)
    }

    /// The fraction of a slot needed to meet the RPO.
    fn load_to_keep(&self) -> f64 {
        match (self.rpo, self.may_skip_to()) {
            (None, _) => 0.0,
            (_, skip) => self.load() / (skip.max(1) as f64),
        }
    }

    /// The highest age of the newest point if a copy waits this long for its slot and every `skip`-th backup is copied.
    fn oldest(&self, stretch: f64, waits: Duration) -> Duration {
        if stretch > 1.0 {
            // Always busy: the newest backup is up to one interval old when its turn comes.
            return self.every.mul_f64(stretch) + self.gap + self.backup + self.copy;
        }
        // A route has one copy at a time.
        let turns = self.copy.as_millis().div_ceil(self.every.as_millis().max(1)).max(1);
        let spacing = self.every.saturating_mul(u32::try_from(turns - 1).unwrap_or(u32::MAX));
        spacing + self.gap + self.backup + waits.min(self.every) + self.copy
    }
}

impl<'a> Lanes<'a, '_> {
    fn slots(&self) -> u32 {
        // A route has one copy under way at a time.
        let routes = u32::try_from(self.routes.len()).unwrap_or(u32::MAX);
        let capacity = self.lane.capacity(self.limits);
        if matches!(self.lane, Lane::Volume(..)) { capacity.min(routes) } else { capacity }
    }

    fn report(self, several: bool) -> Option<LaneReport> {
        let first = self.routes.first()?;
        let (account, region) = (first.key.account.clone(), first.region.clone());
        let slots = self.slots();
        let needed_slots: f64 = self.routes.iter().map(Route::load).sum();
        let needed_to_keep_slots: f64 = self.routes.iter().map(Route::load_to_keep).sum();
        let stretch = needed_slots / f64::from(slots);
        let outlooks = self.outlooks(stretch, f64::from(slots));
        let mut of_policies: BTreeMap<&PolicyName, Vec<(&Route<'a>, &RouteOutlook)>> = BTreeMap::new();
        for (route, outlook) in self.routes.iter().zip(&outlooks) {
            of_policies.entry(&route.policy.name).or_default().push((route, outlook));
        }
        let policies: Vec<PolicyReport> =
            of_policies.values().filter_map(|routes| of_policy(routes, stretch)).collect();
        let place = at(&account, &region, several);
        let (summary, warnings) = words(&place, slots, needed_slots, &policies);
        let warnings = warnings.into_iter().chain(self.never(&place)).chain(tight(&place, &of_policies)).collect();
        let volume = match &self.lane {
            Lane::Volume(_, volume) => Some(volume.clone()),
            _ => None,
        };
        Some(LaneReport {
            account,
            region,
            volume,
            slots,
            needed_slots,
            needed_to_keep_slots,
            policies,
            summary,
            warnings,
        })
    }

    /// The outlook of each route. Slots go where their benefit is largest, as in [`super::super::slot_priority`].
    fn outlooks(&self, stretch: f64, slots: f64) -> Vec<RouteOutlook> {
        let mut by_worth: Vec<usize> = (0..self.routes.len()).collect();
        let cost = |at: &usize| self.routes.get(*at).map_or(0.0, Route::load_to_keep);
        by_worth.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        let mut outlooks: Vec<RouteOutlook> =
            vec![RouteOutlook { oldest: Duration::ZERO, breaks: false }; self.routes.len()];
        let mut used = 0.0;
        for at in by_worth {
            let (Some(route), Some(outlook)) = (self.routes.get(at), outlooks.get_mut(at)) else { continue };
            outlook.oldest = route.oldest(stretch, self.waits(route, slots));
            let possible = route.may_skip_to() > 0;
            if possible {
                used += route.load_to_keep();
            }
            outlook.breaks = route.rpo.is_some() && (!possible || used > slots + 1e-9);
        }
        outlooks
    }

    /// How long a copy waits for those before it if all of them start at once.
    fn waits(&self, route: &Route<'_>, slots: f64) -> Duration {
        let before = self.routes.iter().filter(|other| other.rpo.is_some() && other.rpo <= route.rpo);
        let sum: Duration = before.map(|other| other.copy).sum();
        sum.saturating_sub(route.copy).div_f64(slots.max(1.0))
    }

    /// RPOs that no number of slots can meet.
    fn never(&self, place: &str) -> Option<String> {
        let never: Vec<&Route<'_>> = self.routes.iter().filter(|route| route.may_skip_to() == 0).collect();
        let worst = never.iter().max_by_key(|route| route.gap + route.backup + route.copy)?;
        let rpo = worst.rpo.map(duration_text).unwrap_or_default();
        let oldest = rounded(worst.gap + worst.backup + worst.copy);
        let sources: Vec<SourceId> = never.iter().map(|route| route.key.source.clone()).collect();
        Some(format!(
            "{} cannot meet an RPO of {rpo} in {place}, whatever the slots: {}, {} for the backup and {} for the copy make \
             {}; set that RPO or a longer one, or fire more often ({})",
            counted(never.len(), "route"),
            apart(worst),
            duration_text(worst.backup),
            duration_text(worst.copy),
            duration_text(oldest),
            some_of(&sources),
        ))
    }
}

fn apart(route: &Route<'_>) -> String {
    if route.gap == route.every {
        return format!("a firing {}", every(route.every));
    }
    format!("up to {} between firings", duration_text(route.gap))
}

#[derive(Clone, Debug)]
struct RouteOutlook {
    oldest: Duration,
    breaks: bool,
}

fn of_policy(routes: &[(&Route<'_>, &RouteOutlook)], stretch: f64) -> Option<PolicyReport> {
    let (first, _) = routes.first()?;
    let sum: Duration = routes.iter().map(|(route, _)| route.copy).sum();
    let longest = routes.iter().map(|(route, _)| route.copy).max()?;
    let best = routes.iter().map(|(_, outlook)| outlook.oldest).max()?;
    let breaking = routes.iter().filter(|(_, outlook)| outlook.breaks).map(|(route, _)| route.key.source.clone());
    Some(PolicyReport {
        policy: first.policy.name.clone(),
        sources: routes.len(),
        interval_seconds: seconds(first.every),
        copy_seconds: seconds(sum / u32::try_from(routes.len()).unwrap_or(u32::MAX)),
        longest_copy_seconds: seconds(longest),
        learned: routes.iter().filter(|(route, _)| route.learned).count(),
        rpo_seconds: first.rpo.map(seconds),
        best_rpo_seconds: seconds(rounded(best)),
        fitting_interval_seconds: seconds(fitting(first.every, stretch, longest)),
        breaking: breaking.collect(),
    })
}

/// The smallest common interval at which the lane is not overloaded.
fn fitting(interval: Duration, stretch: f64, longest: Duration) -> Duration {
    if stretch <= 1.0 && longest <= interval {
        return interval;
    }
    let least = interval.mul_f64(stretch.max(1.0)).max(longest);
    let usual = USUAL.into_iter().map(|minutes| Duration::from_secs(minutes * 60)).find(|usual| *usual >= least);
    usual.unwrap_or_else(|| rounded(least))
}

fn words(place: &str, slots: u32, needed: f64, policies: &[PolicyReport]) -> (String, Vec<String>) {
    let part = |policy: &PolicyReport| {
        let (interval, copy) = (Duration::from_secs(policy.interval_seconds), Duration::from_secs(policy.copy_seconds));
        format!("{} {} at {} a copy", counted(policy.sources, "source"), every(interval), minutes_text(copy))
    };
    let parts: Vec<String> = policies.iter().map(part).collect();
    let needs = if policies.iter().map(|policy| policy.sources).sum::<usize>() == 1 { "needs" } else { "need" };
    let demand = format!("{} {needs} {needed:.1} slots in {place}; there are {slots}", parts.join(" and "));
    let fits = |policy: &PolicyReport| every(Duration::from_secs(policy.fitting_interval_seconds));
    if needed <= f64::from(slots) + 1e-9 {
        let best = policies.iter().map(|policy| {
            format!("{} for {}", duration_text(Duration::from_secs(policy.best_rpo_seconds)), policy.policy)
        });
        return (format!("{demand}; the shortest possible RPO is {}", best.collect::<Vec<_>>().join(", ")), Vec::new());
    }
    let fitting = match policies {
        [only] => format!("{} fits", fits(only)),
        _ => format!(
            "{} fits",
            policies.iter().map(|of| format!("{} {}", of.policy, fits(of))).collect::<Vec<_>>().join(", ")
        ),
    };
    let breaking: Vec<SourceId> = policies.iter().flat_map(|policy| policy.breaking.iter().cloned()).collect();
    let has_rpo = policies.iter().any(|policy| policy.rpo_seconds.is_some());
    let outcome = if !breaking.is_empty() {
        let whose = names(policies.iter().filter(|policy| !policy.breaking.is_empty()).map(|policy| &policy.policy));
        let best =
            policies.iter().filter(|policy| !policy.breaking.is_empty()).map(|policy| policy.best_rpo_seconds).max();
        let best = duration_text(Duration::from_secs(best.unwrap_or(0)));
        format!(
            "{} of {whose} will miss their RPO, which could be {best} at best ({})",
            counted(breaking.len(), "route"),
            some_of(&breaking)
        )
    } else if has_rpo {
        "not every backup is copied, and every RPO can still be met".to_owned()
    } else {
        "not every backup is copied".to_owned()
    };
    let summary = format!("{demand}; {fitting}");
    if breaking.is_empty() {
        return (format!("{summary}; {outcome}"), Vec::new());
    }
    (summary.clone(), vec![format!("{summary}; {outcome}")])
}

/// RPOs that are met on average and missed when all copies start at once.
fn tight(place: &str, policies: &BTreeMap<&PolicyName, Vec<(&Route<'_>, &RouteOutlook)>>) -> Vec<String> {
    let late = |route: &Route<'_>, outlook: &RouteOutlook| {
        !outlook.breaks && route.rpo.is_some_and(|rpo| outlook.oldest > rpo)
    };
    let of = |(name, routes): (&&PolicyName, &Vec<(&Route<'_>, &RouteOutlook)>)| {
        let late: Vec<_> = routes.iter().filter(|(route, outlook)| late(route, outlook)).collect();
        let oldest = late.iter().map(|(_, outlook)| outlook.oldest).max()?;
        let rpo = late.first()?.0.rpo?;
        Some(format!(
            "{} of {name} may be late in {place} when many copies begin at once: up to {} old, against an RPO of {}",
            counted(late.len(), "route"),
            duration_text(rounded(oldest)),
            duration_text(rpo)
        ))
    };
    policies.iter().filter_map(of).collect()
}

//! The snapshot in the order in which a person needs it.
//!
//! On a bad day there are thousands of lines and one question: what do I have to act on? So page and terminal show the
//! same things first: what threatens everything, then the routes, worst first, each with the reason.

use crate::domain::counted::counted;
use crate::domain::duration::age_text;
use crate::domain::id::{AccountId, Region, SourceId};
use crate::domain::time::Time;
use crate::report::snapshot::{AccountRegionView, FlightView, PauseView, RouteView, RpoStatus, Snapshot};
use std::collections::BTreeMap;
use std::time::Duration;

/// Rounds are at least this frequent; an older snapshot comes from a hung daemon.
const ROUNDS_AT_LEAST_EVERY: Duration = Duration::from_secs(600);

/// The number of routes by RPO status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Within the RPO.
    pub met: usize,
    /// Older than the RPO.
    pub late: usize,
    /// The status cannot be determined.
    pub unknown: usize,
    /// The route has no RPO.
    pub no_rpo: usize,
}

impl Tally {
    /// Counts these lines.
    #[must_use]
    pub fn of(lines: &[Line<'_>]) -> Self {
        let mut tally = Self::default();
        for line in lines {
            *match line.standing {
                RpoStatus::Met => &mut tally.met,
                RpoStatus::Late => &mut tally.late,
                RpoStatus::Unknown => &mut tally.unknown,
                RpoStatus::NoRpo => &mut tally.no_rpo,
            } += 1;
        }
        tally
    }

    /// The worst status; `None` if no route has an RPO.
    #[must_use]
    pub fn worst(self) -> Option<RpoStatus> {
        match self {
            Self { late: 1.., .. } => Some(RpoStatus::Late),
            Self { unknown: 1.., .. } => Some(RpoStatus::Unknown),
            Self { met: 1.., .. } => Some(RpoStatus::Met),
            _ => None,
        }
    }

    /// The answer in one line: `12 routes: 10 met, 1 late, 1 unknown`.
    #[must_use]
    pub fn sentence(self) -> String {
        let Self { met, late, unknown, no_rpo } = self;
        let all = met + late + unknown + no_rpo;
        if all == 0 {
            return "no routes: no policy has a source".to_owned();
        }
        let parts = [(met, "met"), (late, "late"), (unknown, "unknown"), (no_rpo, "without an RPO")];
        let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        format!("{}: {}", counted(all, "route"), parts.collect::<Vec<_>>().join(", "))
    }
}

/// What needs a person, in a few words; `None` if nothing does.
#[must_use]
pub fn waits_for_a_person(snapshot: &Snapshot) -> Option<String> {
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    for (kind, count) in snapshot.places.iter().flat_map(|place| &place.needs_person) {
        *kinds.entry(kind).or_default() += count;
    }
    let waiting = kinds.iter().filter(|(_, count)| **count > 0);
    // Clock and credentials count once, in however many Regions they cause problems.
    let word = |(kind, count): (&&str, &u32)| match *kind {
        "clock" | "credentials" => (*kind).to_owned(),
        _ => format!("{} {count}", kind.replace('_', " ")),
    };
    let mut words: Vec<String> = waiting.map(word).collect();
    if !snapshot.reload.successful {
        words.push("the policy file was rejected".to_owned());
    }
    let empty = snapshot.policies.iter().filter(|policy| policy.selects_nothing());
    words.extend(empty.map(|policy| format!("policy {} protects nothing", policy.policy)));
    (!words.is_empty()).then(|| format!("needs a person: {}", words.join(", ")))
}

/// A route as displayed.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The route.
    pub route: &'a RouteView,
    /// Its index among the snapshot's routes.
    pub position: usize,
    /// Its RPO status now.
    pub standing: RpoStatus,
    /// The age of its newest recovery point now.
    pub age: Option<Duration>,
    /// The copy or backup in flight for it.
    pub flight: Option<&'a FlightView>,
    /// When its policy fires next.
    pub next_at: Option<Time>,
    /// The reason for its status, or what it waits for; empty if there is nothing to say.
    pub why: String,
}

/// Every route, the worst first: late ones by how much of their RPO is used up, then unknown ones, then those that meet
/// it, the nearest to missing it first, and last those without an RPO.
#[must_use]
pub fn lines<'a>(snapshot: &'a Snapshot, now: Time) -> Vec<Line<'a>> {
    let places: BTreeMap<(&AccountId, &Region), &AccountRegionView> =
        snapshot.places.iter().map(|place| ((&place.account, &place.region), place)).collect();
    let mut flights: BTreeMap<(&AccountId, &SourceId, &Region, bool), &FlightView> = BTreeMap::new();
    for flight in &snapshot.flights {
        let newest = flights.entry((&flight.account, &flight.source, &flight.region, flight.copy)).or_insert(flight);
        if flight.created_at > newest.created_at {
            *newest = flight;
        }
    }
    let pauses: BTreeMap<_, _> =
        snapshot.policies.iter().filter_map(|view| Some((&view.policy, view.paused_at(now)?))).collect();
    let next: BTreeMap<_, _> = snapshot.policies.iter().map(|view| (&view.policy, view.next_at)).collect();
    let line = |(position, route): (usize, &'a RouteView)| {
        let RouteView { account, source, region, copy, .. } = route;
        let flight = flights.get(&(account, source, region, *copy)).copied();
        let place = places.get(&(account, region)).copied();
        let standing = route.standing_at(now);
        Line {
            route,
            position,
            standing,
            age: route.age(now),
            flight,
            next_at: next.get(&route.policy).copied().flatten(),
            why: why(route, standing, flight, place, pauses.get(&route.policy).copied(), now),
        }
    };
    let mut lines: Vec<Line<'a>> = snapshot.routes.iter().enumerate().map(line).collect();
    lines.sort_by(|a, b| {
        let used = |line: &Line<'_>| used_up(line.age, line.route.rpo_seconds);
        rank(a.standing).cmp(&rank(b.standing)).then(used(b).total_cmp(&used(a)))
    });
    lines
}

fn rank(standing: RpoStatus) -> u8 {
    match standing {
        RpoStatus::Late => 0,
        RpoStatus::Unknown => 1,
        RpoStatus::Met => 2,
        RpoStatus::NoRpo => 3,
    }
}

/// The fraction of the RPO that the age uses up; infinite if there is no recovery point.
fn used_up(age: Option<Duration>, rpo_seconds: Option<u64>) -> f64 {
    let Some(age) = age else { return f64::INFINITY };
    age.as_secs_f64() / rpo_seconds.unwrap_or(86_400).max(1) as f64
}

fn why(
    route: &RouteView,
    standing: RpoStatus,
    flight: Option<&FlightView>,
    place: Option<&AccountRegionView>,
    pause: Option<&PauseView>,
    now: Time,
) -> String {
    let mut reasons = Vec::new();
    reasons.extend(pause.map(|pause| pause_text(pause, now)));
    let stale = place.filter(|place| place.stale);
    reasons.extend(stale.map(|place| staleness(place, now)));
    if let Some((newest, since)) = route.newest.as_ref().zip(route.in_doubt_since) {
        reasons.push(format!("AWS has not shown {newest} for {}, and nobody can tell why", age_text(now.since(since))));
    }
    if let Some(flight) = flight {
        let what = if flight.copy { "copy" } else { "backup" };
        let percent = flight.progress_percent.map_or(String::new(), |percent| format!(", {percent}%"));
        reasons.push(format!("{what} in flight for {}{percent}", age_text(now.since(flight.created_at))));
    }
    if let Some(waiting) = &route.waiting {
        // Do not repeat in the planner's words what was just said.
        let said = match waiting.reason.as_str() {
            "in_progress" => flight.is_some(),
            "paused" => pause.is_some(),
            "region" => stale.is_some_and(|place| place.trouble.is_some()),
            _ => false,
        };
        if !said {
            reasons.push(format!("{}: {}", wait_text(&waiting.reason), waiting.detail));
        }
        if let Some(until) = waiting.until.filter(|until| *until > now) {
            reasons.push(format!("next try in {}", age_text(until.since(now))));
        }
    }
    if reasons.is_empty() && standing == RpoStatus::Late && route.newest.is_none() {
        reasons.push("no recovery point yet".to_owned());
    }
    reasons.join("; ")
}

/// That a person paused a policy, for how much longer, and why.
#[must_use]
pub fn pause_text(pause: &PauseView, now: Time) -> String {
    let rest = pause.until.map_or(String::new(), |until| format!(" for {} more", age_text(until.since(now))));
    let reason = pause.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    format!("paused{rest}{reason}")
}

/// A waiting reason in words; one that this version does not know is shown unchanged.
fn wait_text(reason: &str) -> String {
    let said = match reason {
        "slot" => "waits for a free slot",
        "in_progress" => "waits for the previous one",
        "backoff" => "backs off after a failure",
        "awaiting_response" => "waits for the response",
        "listing" => "waits for a listing",
        "region" => "waits for the Region",
        "needs_person" => "needs a person",
        "spread" => "waits for its turn",
        "describe_source" => "waits for its source lookup",
        "call_limit" => "waits for the limit of calls",
        "paused" => "waits for the end of the pause",
        other => return format!("waits ({other})"),
    };
    said.to_owned()
}

/// Since when the inventory of an account and Region is stale, and why.
#[must_use]
pub fn staleness(place: &AccountRegionView, now: Time) -> String {
    let seen = match place.last_seen {
        Some(seen) => format!("{} was last read {} ago", place.region, age_text(now.since(seen))),
        None => format!("{} was not read yet", place.region),
    };
    place.trouble.as_ref().map_or_else(|| seen.clone(), |trouble| format!("{seen}: {trouble}"))
}

/// Problems that affect everything, the most serious first; empty on a good day.
#[must_use]
pub fn problems(snapshot: &Snapshot, now: Time) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(problem) = &snapshot.store_problem {
        problems.push(format!("The database cannot be written, so nothing new is asked of AWS: {problem}"));
    }
    if snapshot.live {
        let hung = hangs(snapshot, now);
        problems.extend(hung.map(|why| format!("The daemon hangs: {why}; this is what it knew then")));
    } else {
        problems.push("No daemon runs here; this is what the database holds".to_owned());
    }
    if !snapshot.reload.successful {
        let since = age_text(now.since(snapshot.reload.succeeded_at));
        let problem = snapshot.reload.problem.as_deref().unwrap_or("the log says why");
        problems.push(format!("The policy file was refused; the one loaded {since} ago stays in force: {problem}"));
    }
    let empty = snapshot.policies.iter().filter(|policy| policy.selects_nothing());
    problems.extend(empty.map(|policy| format!("Policy {}: {}", policy.policy, policy.remarks.join("; "))));
    problems
}

/// Why the daemon cannot be relied on at `now`: its rounds do not continue, though it responds.
#[must_use]
pub fn hangs(snapshot: &Snapshot, now: Time) -> Option<String> {
    let latest = snapshot.last_round_at.unwrap_or(snapshot.started_at).max(snapshot.at);
    let silent = Some(now.since(latest)).filter(|silent| snapshot.live && *silent > ROUNDS_AT_LEAST_EVERY);
    snapshot.rounds_problem.clone().or_else(|| Some(format!("it has done nothing for {}", age_text(silent?))))
}

/// The number of copies in the lane that Windows, Lustre and OpenZFS share.
#[must_use]
pub fn copies_in_lane(place: &AccountRegionView) -> u32 {
    let all = place.copies_in_flight.saturating_add(place.other_copies_in_flight);
    all.saturating_sub(place.ontap_copies_in_flight)
}

/// Names of sources and Regions as people read them: with the account only where several are shown.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    with_account: bool,
}

impl Names {
    /// For everything in these accounts.
    pub fn among<'a>(accounts: impl IntoIterator<Item = &'a AccountId>) -> Self {
        let mut accounts = accounts.into_iter();
        let first = accounts.next();
        Self { with_account: accounts.any(|account| Some(account) != first) }
    }

    /// The name of a source.
    #[must_use]
    pub fn source(self, account: &AccountId, source: &SourceId) -> String {
        if self.with_account { format!("{account}/{source}") } else { source.to_string() }
    }

    /// The name of a Region.
    #[must_use]
    pub fn region(self, account: &AccountId, region: &Region) -> String {
        if self.with_account { format!("{account}/{region}") } else { region.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{NOW, ahead, bad_day, empty, good_day};

    #[test]
    fn the_sentence_counts_what_there_is() {
        let of = |snapshot: &Snapshot| Tally::of(&lines(snapshot, NOW));
        assert_eq!(of(&good_day()).sentence(), "9 routes: 8 met, 1 without an RPO");
        assert_eq!(of(&bad_day()).sentence(), "11 routes: 4 met, 3 late, 3 unknown, 1 without an RPO");
        assert_eq!(of(&empty()).sentence(), "no routes: no policy has a source");
        assert_eq!(Tally { met: 1, ..Tally::default() }.sentence(), "1 route: 1 met");
        assert_eq!(of(&bad_day()).worst(), Some(RpoStatus::Late));
        assert_eq!((of(&good_day()).worst(), of(&empty()).worst()), (Some(RpoStatus::Met), None));
    }

    #[test]
    fn the_worst_comes_first_and_says_why() {
        let snapshot = bad_day();
        let lines = lines(&snapshot, NOW);
        let standings: Vec<RpoStatus> = lines.iter().map(|line| line.standing).collect();
        let mut sorted = standings.clone();
        sorted.sort_by_key(|standing| rank(*standing));
        assert_eq!(standings, sorted);
        assert_eq!(lines[0].route.newest, None, "nothing at all is worse than something old");
        assert_eq!(lines[0].why, "waits for a free slot: 5 of 5 copies in flight (eu-west-1)");
        assert!(lines[1].why.contains("next try in 4m"), "{}", lines[1].why);
        let unknown = lines.iter().find(|line| line.standing == RpoStatus::Unknown).unwrap();
        assert!(unknown.why.starts_with("us-west-2 was last read 2h 5m ago: RequestTimeout"), "{}", unknown.why);
    }

    #[test]
    fn a_flight_is_said_once() {
        let snapshot = good_day();
        let in_flight: Vec<String> =
            lines(&snapshot, NOW).into_iter().filter(|line| line.flight.is_some()).map(|line| line.why).collect();
        assert_eq!(in_flight, ["copy in flight for 25m, 62%", "copy in flight for 15m, 7%"]);
    }

    #[test]
    fn what_concerns_everything_is_listed() {
        assert_eq!(problems(&good_day(), NOW), Vec::<String>::new());
        let bad = problems(&bad_day(), NOW);
        assert!(bad[0].contains("disk is full") && bad[1].contains("`shedule`"), "{bad:?}");
        assert!(problems(&good_day(), ahead(3600))[0].contains("done nothing for 1h"));
        let offline = Snapshot { live: false, ..good_day() };
        assert!(problems(&offline, ahead(86_400))[0].contains("No daemon"));
    }
}

//! `lifeboat rehearse`: simulates the next weeks of a policy in seconds.

use super::{Done, Failure, PolicyFile, load, offline, runtime, terminal};
use crate::domain::counted::counted;
use crate::domain::duration::{duration_text, parse_duration};
use crate::domain::id::{PolicyName, Region};
use crate::domain::policy::Settings;
use crate::domain::time::Time;
use crate::planner::capacity::{self, Given};
use crate::sim::rehearse::Rehearsal;
use crate::sim::rehearse::fleet::{self, Assumed, build_fleet};
use crate::sim::rehearse::outcome::RouteOutcome;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A Monday. It is fixed so that the same seed gives the same weeks at any time.
const START: &str = "2026-11-02T00:00:00Z";
/// Longer ones show nothing new and take minutes.
const DAYS: std::ops::RangeInclusive<u32> = 1..=366;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    policy: PolicyFile,
    /// How many days to live through
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// When they begin
    #[arg(long, value_name = "TIME", default_value = START, value_parser = time)]
    start: Time,
    /// What chance follows from: the same seed and start give the same weeks
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    seed: u64,
    /// Let things go wrong as they do in an ordinary month
    #[arg(long)]
    faults: bool,
    /// The smallest and largest file system where the database does not know, GiB of data: `50-4096`
    #[arg(long, value_name = "GIB-GIB", value_parser = sizes)]
    sizes: Option<(f64, f64)>,
    /// How much of its data a file system changes in a day, %
    #[arg(long, value_name = "PERCENT", value_parser = positive)]
    change: Option<f64>,
    /// What a copy moves in a second, MB
    #[arg(long, value_name = "MB", value_parser = positive)]
    copy_rate: Option<f64>,
    /// What a copy takes at least: `390s`
    #[arg(long, value_name = "DURATION", value_parser = floor)]
    copy_floor: Option<f64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').parse::<f64>().ok();
    number
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| format!("`{text}` is not a number above 0"))
}

fn time(text: &str) -> Result<Time, String> {
    Time::parse_rfc3339(text).ok_or_else(|| format!("`{text}` is not a time; write for example `{START}`"))
}

fn sizes(text: &str) -> Result<(f64, f64), String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (positive(low)?, positive(high)?);
    if low <= high && high <= 1_000_000.0 {
        Ok((low, high))
    } else {
        Err(format!("`{text}` does not go from small to large"))
    }
}

fn floor(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is not a duration; write for example `390s`");
    parse_duration(text).map(|duration| duration.as_secs_f64()).filter(|seconds| *seconds >= 1.0).ok_or_else(wrong)
}

/// The result.
#[derive(Serialize)]
struct Report {
    days: u32,
    start: Time,
    seed: u64,
    faults: bool,
    assumptions: Vec<String>,
    routes: Vec<PolicyRoutes>,
    lanes: Vec<LaneUse>,
    calls_per_day: BTreeMap<&'static str, u64>,
    feasible: capacity::CapacityReport,
}

/// The routes of a policy to one Region, or its sources in their own.
#[derive(Serialize)]
struct PolicyRoutes {
    policy: PolicyName,
    region: Region,
    /// Whether it is a destination rather than the sources' own Region.
    copy: bool,
    sources: usize,
    rpo_seconds: Option<u64>,
    /// Routes that met their RPO from their first recovery point on.
    kept: usize,
    /// How long RPOs were missed after the first recovery point, summed over all routes.
    broken_seconds: u64,
    /// The age of the newest recovery point, over all routes and all the time in which there was one: median, 95th
    /// percentile and maximum; absent: there never was one.
    age_half_seconds: Option<u64>,
    age_95_percent_seconds: Option<u64>,
    age_most_seconds: Option<u64>,
    /// When the last route had its first recovery point; absent if not all have one.
    all_protected_after_seconds: Option<u64>,
    /// What the first route without one is waiting for at the end.
    waits: Option<String>,
    /// The routes that missed it for longest.
    worst: Vec<String>,
}

#[derive(Serialize)]
struct LaneUse {
    lane: String,
    slots: u32,
    used_percent: f64,
    /// As a percentage of all slot time.
    idle_while_wanted_percent: f64,
    copies: u64,
    /// Absent if none ended.
    longest_copy_seconds: Option<u64>,
}

pub(super) fn run(args: &Args) -> Done {
    let mut settings = load(&args.policy.config)?.settings;
    let (learned, database_problem) = runtime()?.block_on(offline::learn(&mut settings));
    if let Some(problem) = database_problem {
        terminal::complain(&problem);
    }
    let standard = Assumed::default();
    let assumed = Assumed {
        size_gib: args.sizes.unwrap_or(standard.size_gib),
        change_percent: args.change.unwrap_or(standard.change_percent),
        copy_mb_per_second: args.copy_rate.unwrap_or(standard.copy_mb_per_second),
        copy_floor_seconds: args.copy_floor.unwrap_or(standard.copy_floor_seconds),
        faults: args.faults,
    };
    let start = args.start;
    let days = args.days.clamp(*DAYS.start(), *DAYS.end());
    let end = start.plus(Duration::from_secs(u64::from(days) * 86_400));
    let cloud = build_fleet(&settings, learned.as_ref(), &assumed, args.seed, start).map_err(Failure::Run)?;
    let mut rehearsal = Rehearsal::new(settings, cloud, start);
    rehearsal.run_until(end).map_err(|what| Failure::Run(format!("the planner contradicts itself: {what}")))?;
    let known = learned.as_ref().map_or(0, |learned| {
        learned.sources.values().filter(|source| source.points.targets().next().is_some()).count()
    });
    let report = Report {
        days,
        start,
        seed: args.seed,
        faults: args.faults,
        assumptions: assumptions(&assumed, known, rehearsal.settings()),
        routes: routes(&rehearsal, start, end),
        lanes: lanes(&rehearsal, start, end),
        calls_per_day: rehearsal.calls().iter().map(|(name, count)| (*name, count.div_ceil(u64::from(days)))).collect(),
        feasible: capacity::judge(rehearsal.settings(), Some(rehearsal.state()), Given::default(), end),
    };
    if args.json {
        let text = serde_json::to_string_pretty(&report);
        return terminal::print(&text.map_err(|error| Failure::Run(format!("cannot write JSON: {error}")))?);
    }
    terminal::print(&text(&report))
}

fn assumptions(assumed: &Assumed, known: usize, settings: &Settings) -> Vec<String> {
    let (low, high) = assumed.size_gib;
    let mut assumptions = vec![
        format!(
            "file systems of {low} to {high} GiB, of which {} % change in a day, more or less by half (--sizes, --change); \
             sizes of {known} sources are known from the database",
            assumed.change_percent
        ),
        format!(
            "a copy takes at least {} and moves {} MB a second, within 10 % (--copy-floor, --copy-rate)",
            duration_text(Duration::from_secs_f64(assumed.copy_floor_seconds)),
            assumed.copy_mb_per_second
        ),
        "it begins with no backups and no copies, and AWS's default quotas".to_owned(),
        "AWS's own limits on the rate of calls are not known, and not in it".to_owned(),
    ];
    if let Some(region) = fleet::silent_region(settings).filter(|_| assumed.faults) {
        assumptions.push(format!(
            "throttling, lost answers, failed copies, copies of others and slow days everywhere; {region} alone is silent \
             on the sixth day for three hours (--faults)"
        ));
    }
    assumptions
}

fn routes(rehearsal: &Rehearsal, start: Time, end: Time) -> Vec<PolicyRoutes> {
    let mut groups: BTreeMap<(PolicyName, bool, Region), Vec<RouteOutcome>> = BTreeMap::new();
    for (copy, routes) in [(false, rehearsal.home_routes(start, end)), (true, rehearsal.routes(start, end))] {
        for route in routes {
            groups.entry((route.policy.clone(), copy, route.region.clone())).or_default().push(route);
        }
    }
    let after_first = |route: &RouteOutcome| match route.rpo {
        Some(_) => route.broken.saturating_sub(route.empty),
        None => Duration::ZERO,
    };
    let group = |((policy, copy, region), routes): ((PolicyName, bool, Region), Vec<RouteOutcome>)| {
        let mut by_broken: Vec<&RouteOutcome> = routes.iter().filter(|route| !after_first(route).is_zero()).collect();
        by_broken.sort_by_key(|route| std::cmp::Reverse(after_first(route)));
        let worst = by_broken.iter().take(3);
        let worst = worst.map(|route| format!("{} for {}", route.source.source, duration_text(after_first(route))));
        let ages = RouteOutcome::together(&routes);
        let age = |share: f64| ages.age_at(share).map(|age| age.as_secs());
        let empty = routes.iter().find(|route| route.copies == 0);
        let waiting = empty.and_then(|empty| {
            let mut waiting = rehearsal.waiting().iter().filter(|waiting| waiting.source == empty.source);
            waiting.find(|waiting| waiting.destination.as_ref() == Some(&region).filter(|_| copy))
        });
        PolicyRoutes {
            rpo_seconds: routes.first().and_then(|route| route.rpo).map(|rpo| rpo.as_secs()),
            sources: routes.len(),
            kept: routes.iter().filter(|route| route.copies > 0 && after_first(route).is_zero()).count(),
            broken_seconds: routes.iter().map(|route| after_first(route).as_secs()).sum(),
            age_half_seconds: age(0.5),
            age_95_percent_seconds: age(0.95),
            age_most_seconds: age(1.0),
            all_protected_after_seconds: match empty {
                Some(_) => None,
                None => routes.iter().map(|route| route.empty.as_secs()).max(),
            },
            waits: waiting.map(|waiting| format!("{} ({})", waiting.detail, waiting.source.source)),
            worst: worst.collect(),
            policy,
            region,
            copy,
        }
    };
    groups.into_iter().map(group).collect()
}

fn lanes(rehearsal: &Rehearsal, start: Time, end: Time) -> Vec<LaneUse> {
    let all = end.since(start).as_secs_f64();
    let lanes = rehearsal.lanes(start, end).into_iter();
    lanes
        .map(|lane| LaneUse {
            lane: lane.lane.to_string(),
            slots: lane.slots,
            used_percent: 100.0 * lane.used.as_secs_f64() / (all * f64::from(lane.slots)).max(1.0),
            idle_while_wanted_percent: 100.0 * lane.idle.as_secs_f64() / (all * f64::from(lane.slots)).max(1.0),
            copies: lane.copies,
            longest_copy_seconds: Some(lane.longest.as_secs()).filter(|longest| *longest > 0),
        })
        .collect()
}

fn text(report: &Report) -> String {
    let conditions = if report.faults { "with faults" } else { "nothing goes wrong" };
    let days = counted(usize::try_from(report.days).unwrap_or(usize::MAX), "day");
    let mut lines = vec![format!("{days} from {}, seed {}, {conditions}", report.start, report.seed), String::new()];
    report.routes.iter().for_each(|routes| routes_text(routes, &mut lines));
    lines.push(String::new());
    for lane in &report.lanes {
        let longest = lane.longest_copy_seconds.map(|seconds| format!(", the longest {}", span(seconds)));
        lines.push(format!(
            "{}: {:.0} % of {} slots used, {} copies{}; {:.2} % idle while a copy could begin",
            lane.lane,
            lane.used_percent,
            lane.slots,
            lane.copies,
            longest.unwrap_or_default(),
            lane.idle_while_wanted_percent
        ));
    }
    let calls: Vec<String> = report.calls_per_day.iter().map(|(name, count)| format!("{count} {name}")).collect();
    lines.push(format!("calls a day: {}", calls.join(", ")));
    lines.push(String::new());
    lines.push(report.feasible.to_string().trim_end().to_owned());
    lines.push(String::new());
    lines.push("assumed:".to_owned());
    lines.extend(report.assumptions.iter().map(|assumption| format!("  {assumption}")));
    lines.join("\n")
}

fn span(seconds: u64) -> String {
    duration_text(Duration::from_secs(seconds))
}

fn routes_text(routes: &PolicyRoutes, lines: &mut Vec<String>) {
    let rpo = routes.rpo_seconds.map_or_else(|| "no RPO".to_owned(), |seconds| format!("rpo {}", span(seconds)));
    let to = if routes.copy { " →" } else { " in" };
    let sources = counted(routes.sources, "source");
    lines.push(format!("{}{to} {}: {sources}, {rpo}", routes.policy, routes.region));
    if routes.rpo_seconds.is_some() {
        let broken = match routes.broken_seconds {
            0 => String::new(),
            seconds => format!("; broken for {} in all, longest {}", span(seconds), routes.worst.join(", ")),
        };
        let (kept, sources) = (routes.kept, routes.sources);
        lines.push(format!("  kept by {kept} of {sources} from their first recovery point on{broken}"));
    }
    lines.push(match (routes.age_half_seconds, routes.age_95_percent_seconds, routes.age_most_seconds) {
        (Some(half), Some(most_of_it), Some(most)) => {
            format!("  age: {} half of the time, {} for 95 %, {} at most", span(half), span(most_of_it), span(most))
        }
        _ => "  no recovery point at any time".to_owned(),
    });
    lines.push(match routes.all_protected_after_seconds {
        Some(seconds) => format!("  all have a recovery point after {}", span(seconds)),
        None => "  not all have a recovery point by the end".to_owned(),
    });
    if !fleet::serves(&routes.region) {
        lines.push(format!("  {} is not a Region that the simulator knows: is it spelt as AWS does?", routes.region));
    }
    lines.extend(routes.waits.as_ref().map(|waits| format!("  what is missing waits: {waits}")));
}

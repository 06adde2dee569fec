//! The planner in a world of trouble: seeds by the dozen, and what they taught, as short scripts.

#[path = "../world/mod.rs"]
mod simulated;

pub use simulated::{Tally, Violation, World, checks, disk, planner_under_test, setup};

use checks::armed::{Check, Counts};
use lifeboat::domain::policy::{CatchUp, Destination, Policy, Retain};
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::Cloud;
use lifeboat::sim::faults::Fault;
use setup::{DAY_MS, DrawnOrder, Edit, HOUR_MS, Incident, Setup};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run(setup: Setup) -> Result<Tally, Box<Violation>> {
    World::new(setup).run()
}

fn survives(setup: Setup) -> Tally {
    match World::new(setup).with_whole_trace().run() {
        Ok(tally) => tally,
        Err(violation) => panic!("{violation}"),
    }
}

#[test]
fn quiet_weeks() {
    for seed in 0..3 {
        survives(Setup::quiet(seed, 4));
    }
}

/// `LIFEBOAT_SEED=7` replays one seed with its whole trace; `LIFEBOAT_YEARS=20` goes on until the fleets of all seeds
/// together have lived so long, from seed `LIFEBOAT_FROM` on (0 unless given), on all cores. Best with `--release`.
#[test]
fn years() {
    if let Some(seed) = number("LIFEBOAT_SEED") {
        println!("{:?}", survives(Setup::draw(seed)));
        return;
    }
    let years: f64 = std::env::var("LIFEBOAT_YEARS").ok().map_or(0.1, |text| text.parse().unwrap());
    let enough_ms = (years * 365.0 * DAY_MS as f64) as i64;
    let began = std::time::Instant::now();
    let (next, sum) = (AtomicU64::new(number("LIFEBOAT_FROM").unwrap_or(0)), Mutex::new(Sum::default()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while sum.lock().unwrap().virtual_ms < enough_ms {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    // A seed that panics must say which it was.
                    let result = std::panic::catch_unwind(|| run(Setup::draw(seed)));
                    sum.lock().unwrap().add(seed, result);
                }
            });
        }
    });
    let mut sum = sum.into_inner().unwrap();
    sum.broken.sort();
    println!("{sum}, in {:.0} s", began.elapsed().as_secs_f64());
    println!("comparisons that could have failed:\n{}", sum.armed);
    if years >= ENOUGH_YEARS {
        let never: Vec<Check> = sum.armed.never().collect();
        assert!(never.is_empty(), "in {years} fleet-years these checks were never armed: {never:?}");
    }
    assert!(sum.broken.is_empty(), "{} of {} seeds broke:\n{}", sum.broken.len(), sum.seeds, sum.told());
}

/// Before and after a change that must not change what Lifeboat does, the same seeds give the same lines:
/// `LIFEBOAT_TRACES=folder cargo test --release --test model world::traces -- --ignored` writes those of a hundred seeds.
#[test]
#[ignore = "for comparing two builds: writes some hundred megabytes"]
fn traces() {
    let folder = std::path::PathBuf::from(std::env::var("LIFEBOAT_TRACES").unwrap());
    let from = number("LIFEBOAT_FROM").unwrap_or(0);
    let next = AtomicU64::new(from);
    let write_next = || {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        let is_wanted = seed < from + 100;
        if is_wanted {
            let run = World::new(Setup::draw(seed)).with_whole_trace().live();
            std::fs::write(folder.join(format!("{seed}.txt")), run.trace.join("\n")).unwrap();
        }
        is_wanted
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| while write_next() {});
        }
    });
}

/// Fleet-years within which every check finds something to compare.
const ENOUGH_YEARS: f64 = 5.0;

/// What many seeds came to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    virtual_ms: i64,
    steps: u64,
    calls: u64,
    made: u64,
    crashes: u64,
    losses: u64,
    armed: Counts,
    broken: Vec<(u64, String)>,
}

impl Sum {
    fn add(&mut self, seed: u64, result: std::thread::Result<Result<Tally, Box<Violation>>>) {
        let (tally, broken) = match result {
            Ok(Ok(tally)) => (tally, None),
            Ok(Err(violation)) => (violation.tally, Some(violation.broken.to_string())),
            Err(_) => (Tally::default(), Some("it panics".to_owned())),
        };
        if let Some(broken) = broken {
            println!("seed {seed}: {broken}");
            self.broken.push((seed, broken));
        }
        self.seeds += 1;
        self.virtual_ms += tally.virtual_ms;
        self.steps += tally.steps;
        self.calls += tally.calls;
        self.made += tally.made;
        self.crashes += tally.crashes;
        self.losses += tally.losses;
        self.armed.add(&tally.armed);
    }

    fn told(&self) -> String {
        let replay = |(seed, broken): &(u64, String)| {
            format!(
                "{broken}\n  replay: LIFEBOAT_SEED={seed} cargo test --release --test model world::years -- --nocapture\n"
            )
        };
        self.broken.iter().take(10).map(replay).collect()
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let years = self.virtual_ms as f64 / (365.0 * DAY_MS as f64);
        let Self { seeds, steps, calls, made, crashes, losses, .. } = self;
        write!(
            f,
            "{seeds} seeds, {years:.1} virtual fleet-years, {steps} steps, {calls} calls, {made} backups and copies, \
             {crashes} crashes, {losses} database losses"
        )
    }
}

/// The whole point of a seed: whoever runs it again sees the same, line by line.
#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [1, 2] {
        let run = || World::new(Setup::draw(seed)).with_whole_trace().live();
        let (first, second) = (run(), run());
        assert!(first.trace.len() > 1000, "a trace of {} lines shows nothing", first.trace.len());
        let differs = first.trace.iter().zip(&second.trace).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.trace.len(), second.trace.len(), "seed {seed}");
        assert_eq!(first.result.unwrap(), second.result.unwrap(), "seed {seed}");
        let inventory = |cloud: &Cloud| format!("{:?}", cloud.backups().collect::<Vec<_>>());
        assert!(inventory(&first.cloud) == inventory(&second.cloud), "seed {seed}: FSx's inventory differs");
    }
}

/// A quiet world in which listings take many pages, and these things happen.
fn script(seed: u64, days: i64, incidents: &[(i64, Incident)]) -> Setup {
    let mut setup = Setup::quiet(seed, days);
    setup.cloud.page_size = 5;
    setup.timetable.extend(incidents.iter().cloned());
    setup
}

/// The first listing of a new database ends half-way, with the process: what it showed must not pass for all there is.
#[test]
fn a_first_listing_cut_short_is_not_taken_for_the_whole() {
    for seed in 0..2 {
        for after_ms in (200..3000).step_by(400) {
            let lost = Incident::Crash { down_ms: 5 * HOUR_MS, lose_database: true };
            let cut = Incident::Crash { down_ms: 500, lose_database: false };
            let at_ms = 3 * DAY_MS;
            let mut setup = script(seed, 4, &[(at_ms, lost), (at_ms + 5 * HOUR_MS + after_ms, cut)]);
            for policy in setup.settings.policies.values_mut() {
                policy.start_within = Some(std::time::Duration::from_secs(3600));
            }
            survives(setup);
        }
    }
}

/// A clock that runs ahead makes what was made a moment ago look old to a listing that does not show it yet.
#[test]
fn what_a_listing_does_not_show_yet_is_not_gone() {
    for seed in 0..3 {
        // As far ahead as is borne.
        let mut setup = script(seed, 5, &[(DAY_MS, Incident::ClockStep(280_000))]);
        setup.cloud.list_lag_seconds = 110.0;
        setup.cloud.lag_hides_ids = true;
        setup.settings.daemon.poll = std::time::Duration::from_secs(15);
        survives(setup);
    }
}

/// A quiet world that must have healed when its schedules end.
fn healing(seed: u64, days: i64, incidents: &[(i64, Incident)]) -> Setup {
    let mut setup = script(seed, days, incidents);
    let calm = incidents.iter().map(|(at_ms, _)| at_ms + HOUR_MS).max().unwrap_or(0);
    setup.timetable.insert(0, (calm, Incident::FaultsEnd));
    setup
}

/// Every seed draws little of what is out of the ordinary, and all of it is drawn by some.
#[test]
fn some_seeds_draw_what_few_people_have() {
    let setups: Vec<Setup> = (0..300).map(Setup::draw).collect();
    let destinations = |setup: &Setup, has: fn(&Policy, &Destination) -> bool| {
        let policies = setup.settings.policies.values();
        policies
            .flat_map(|policy| policy.destinations.iter().map(move |of| (policy, of)))
            .any(|(policy, of)| has(policy, of))
    };
    let happens = |setup: &Setup, is: fn(&Incident) -> bool| setup.timetable.iter().any(|(_, what)| is(what));
    let policies = |setup: &Setup, has: fn(&Policy) -> bool| setup.settings.policies.values().any(has);
    type IsDrawn<'a> = &'a dyn Fn(&Setup) -> bool;
    let drawn: [(&str, IsDrawn<'_>); 9] = [
        ("a key", &|setup| destinations(setup, |_, of| of.kms_key.is_some())),
        ("another key", &|setup| happens(setup, |what| matches!(what, Incident::Edit(Edit::Rekey(_))))),
        ("a key that cannot be used", &|setup| setup.faults.fault.iter().any(|fault| !fault.disabled_keys.is_empty())),
        ("a quota", &|setup| happens(setup, |what| matches!(what, Incident::Quota(Some(_))))),
        ("a copy within a Region", &|setup| destinations(setup, |policy, of| policy.region == of.region)),
        ("another host that prunes", &|setup| !setup.settings.daemon.prune),
        ("a selection by tag", &|setup| policies(setup, |policy| policy.select.is_some())),
        ("a tag taken off", &|setup| happens(setup, |what| matches!(what, Incident::Retag(_, false)))),
        ("more sources than four", &|setup| policies(setup, |policy| policy.sources.len() > 4)),
    ];
    for (what, is_drawn) in drawn {
        let count = setups.iter().filter(|setup| is_drawn(setup)).count();
        assert!((5..120).contains(&count), "{what} in {count} of 300 seeds");
    }
}

/// AWS keeps so few backups for a day that most are refused; then a person has the quota raised.
#[test]
fn a_quota_that_is_reached_bars_nothing_for_good() {
    for seed in 0..3 {
        let quota = |most| Incident::Quota(most);
        let mut setup = healing(seed, 6, &[(30 * HOUR_MS, quota(Some(2))), (54 * HOUR_MS, quota(None))]);
        for policy in setup.settings.policies.values_mut() {
            policy.schedule = Schedule::parse("every 4h", "UTC", Time::from_millis(setup.start_ms)).unwrap();
        }
        let run = World::new(setup).live();
        let tally = run.result.unwrap_or_else(|violation| panic!("{violation}"));
        let calls = run.cloud.calls().into_iter().filter(|call| call.code == "ServiceLimitExceeded");
        let refused: u64 = calls.map(|call| call.count).sum();
        assert!(refused > tally.refused, "seed {seed}: nothing was refused for the quota");
    }
}

/// What a clock put on record while it ran ahead must not keep the real occurrences from coming due.
#[test]
fn an_hour_in_the_future_stops_nothing() {
    let forth = Incident::ClockStep(40 * DAY_MS);
    let back = Incident::ClockStep(-40 * DAY_MS);
    let crash = Incident::Crash { down_ms: HOUR_MS, lose_database: false };
    let lost = Incident::Crash { down_ms: HOUR_MS, lose_database: true };
    for seed in 0..2 {
        let at_ms = DAY_MS + 7 * HOUR_MS;
        let for_an_hour = [(at_ms, forth.clone()), (at_ms + HOUR_MS, back.clone())];
        survives(healing(seed, 6, &for_an_hour));
        for death in [&crash, &lost] {
            // Down in the middle, so that the process begins, and the database is made, in the future.
            let mut incidents = for_an_hour.to_vec();
            incidents.push((at_ms - HOUR_MS / 2, death.clone()));
            survives(healing(seed, 6, &incidents));
        }
    }
}

/// A backup begun a moment before the database was lost, that the first listing does not show yet.
#[test]
fn a_new_database_waits_for_what_listings_do_not_show_yet() {
    for seed in 0..3 {
        let mut setup = Setup::quiet(seed, 5);
        setup.cloud.list_lag_seconds = 110.0;
        let begin_ms = setup.start_ms;
        for policy in setup.settings.policies.values_mut() {
            policy.catch_up = CatchUp::None;
        }
        let schedule = setup.settings.policies.values().next().map(|policy| policy.schedule.clone());
        let mut at = Time::from_millis(begin_ms + 2 * DAY_MS);
        for _ in 0..4 {
            at = schedule.as_ref().and_then(|schedule| schedule.next_after(at)).unwrap();
            let lost = Incident::Crash { down_ms: 3000, lose_database: true };
            setup.timetable.push((at.millis() - begin_ms + 15_000, lost));
        }
        survives(setup);
    }
}

/// What a person ordered is copied to two Regions, one of them out of reach: what has arrived in the other must not be
/// pruned meanwhile, or it is made again for ever.
#[test]
fn retention_waits_for_the_end_of_an_occurrence() {
    for seed in 0..3 {
        let mut setup = healing(seed, 4, &[(30 * HOUR_MS, Incident::Order(DrawnOrder::Backup(0)))]);
        let newest_only = Some(Retain { last: Some(1), ..Retain::default() });
        for policy in setup.settings.policies.values_mut() {
            policy.schedule = Schedule::parse("every 4h", "UTC", Time::from_millis(setup.start_ms)).unwrap();
            policy.retain.clone_from(&newest_only);
            policy.destinations.iter_mut().for_each(|destination| destination.retain.clone_from(&newest_only));
        }
        // The policy that is ordered from.
        let policy = setup.settings.policies.values().next().unwrap();
        let dark = policy.destinations.last().unwrap().region.to_string();
        let black_hole = Fault { regions: vec![dark], black_hole_percent: 100.0, ..Fault::default() };
        setup.fault(29 * HOUR_MS, 60 * HOUR_MS, black_hole);
        setup.timetable[0].0 = 61 * HOUR_MS;
        assert!(setup.settings.policies.values().any(|policy| policy.destinations.len() > 1));
        survives(setup);
    }
}

/// Times of the trace at which something happened, ms after the start.
fn steps_of(setup: &Setup) -> Vec<i64> {
    let run = World::new(setup.clone()).with_whole_trace().live();
    run.result.unwrap();
    let at = |line: &String| Some(Time::parse_rfc3339(line.split(' ').next()?)?.millis() - setup.start_ms);
    let mut steps: Vec<i64> = run.trace.iter().filter_map(at).collect();
    steps.dedup();
    steps
}

/// The database is lost right after a step, whichever it is, and the source Region may be out of reach from then on: what
/// AWS holds is taken in, nothing is made twice, and work goes on where it stood.
#[test]
fn the_database_is_lost_after_any_step() {
    let mut setup = script(11, 3, &[]);
    setup.settings.daemon.poll = std::time::Duration::from_secs(300);
    let home = setup.settings.policies.values().next().unwrap().region.to_string();
    let steps = steps_of(&setup);
    let every = (steps.len() / 40).max(1);
    for (at_ms, reachable) in steps.iter().step_by(every).zip([true, false].into_iter().cycle()) {
        let lost = Incident::Crash { down_ms: 2_000, lose_database: true };
        let mut setup = setup.clone();
        setup.timetable.push((at_ms + 1, lost));
        if !reachable {
            let regions = vec![home.clone()];
            let black_hole = Fault { regions, black_hole_percent: 100.0, ..Fault::default() };
            setup.fault(at_ms + 1, at_ms + 7 * HOUR_MS, black_hole);
        }
        let tally = survives(setup);
        assert_eq!(tally.losses, 1);
    }
}

/// When every copy of a run was asked for, by source, destination and the order of its backups.
fn begun(setup: Setup) -> BTreeMap<(String, String), Vec<i64>> {
    let (start_ms, run) = (setup.start_ms, World::new(setup).live());
    run.result.unwrap();
    let mut begun: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
    for (_, backup) in run.cloud.backups() {
        begun
            .entry((backup.resource().to_owned(), backup.region.clone()))
            .or_default()
            .push(backup.created_ms - start_ms);
    }
    begun
}

/// A Region, an account or a source in trouble delays no other: in each kind of trouble, what has nothing to do with it
/// begins when it would have begun without.
#[test]
fn trouble_in_one_place_delays_no_other() {
    let mut setup = (0..).map(|seed| Setup::quiet(seed, 3)).find(stands_apart).unwrap();
    setup.cloud.duration_jitter_percent = 0.0;
    setup.slow_wire_percent = 0.0;
    let poll_ms = i64::try_from(setup.settings.daemon.poll.as_millis()).unwrap();
    let (sick, accounts): (String, BTreeSet<_>) = {
        let policies: Vec<_> = setup.settings.policies.values().collect();
        let region = policies.iter().flat_map(|policy| &policy.destinations).next().unwrap().region.to_string();
        (region, policies.iter().map(|policy| policy.account.clone()).collect())
    };
    let all = |fault: Fault| Fault { regions: vec![sick.clone()], ..fault };
    let code = |code: &str| Fault { refuse: Some(code.to_owned()), ..Fault::default() };
    let mut troubles = vec![
        ("a black hole", all(Fault { black_hole_percent: 100.0, ..Fault::default() })),
        ("silence after the deed", all(Fault { silent_percent: 100.0, ..Fault::default() })),
        ("throttling", all(Fault { throttle_percent: 100.0, ..Fault::default() })),
        ("no access", all(code("AccessDeniedException"))),
        ("old credentials", all(code("ExpiredTokenException"))),
        ("everything fails", all(Fault { fail_copy_percent: 100.0, fail_backup_percent: 100.0, ..Fault::default() })),
        ("somebody fills the slots", all(Fault { other_copies_per_hour: 60.0, ..Fault::default() })),
    ];
    if accounts.len() > 1 {
        let account = accounts.last().unwrap().to_string();
        let fault = Fault { accounts: vec![account], black_hole_percent: 100.0, ..Fault::default() };
        troubles.push(("an account that does not answer", fault));
    }
    let undisturbed = begun(setup.clone());
    for (trouble, fault) in troubles {
        let mut sick_setup = setup.clone();
        let sick_account = fault.accounts.first().cloned();
        sick_setup.fault(12 * HOUR_MS, 60 * HOUR_MS, fault);
        let healthy = |policy: &Policy| {
            let elsewhere = policy.region.as_str() != sick && sick_account.is_none();
            elsewhere || sick_account.as_ref().is_some_and(|account| policy.account.as_str() != account)
        };
        // A world whose checks would want it healed in the end: act two begins when the trouble ends.
        sick_setup.timetable.insert(0, (61 * HOUR_MS, Incident::FaultsEnd));
        let disturbed = begun(sick_setup);
        let mut compared = 0;
        for policy in setup.settings.policies.values().filter(|policy| healthy(policy)) {
            let regions = policy.destinations.iter().map(|destination| &destination.region).chain([&policy.region]);
            for region in regions.filter(|region| sick_account.is_some() || region.as_str() != sick) {
                for source in &policy.sources {
                    let route = (source.to_string(), region.to_string());
                    let (before, after) = (&undisturbed[&route], &disturbed[&route]);
                    assert_eq!(before.len(), after.len(), "{trouble}: {route:?}");
                    for (before, after) in before.iter().zip(after) {
                        let late_ms = after - before;
                        assert!(late_ms.abs() < 3 * poll_ms + 60_000, "{trouble}: {route:?} is {late_ms} ms late");
                        compared += 1;
                    }
                }
            }
        }
        assert!(compared > 10, "{trouble}: only {compared} backups and copies have nothing to do with it");
    }
}

/// Whether a good part of a fleet has nothing to do with the first destination of its first policy.
fn stands_apart(setup: &Setup) -> bool {
    let policies: Vec<_> = setup.settings.policies.values().collect();
    let Some(sick) = policies.iter().flat_map(|policy| &policy.destinations).next() else { return false };
    let accounts: BTreeSet<_> = policies.iter().map(|policy| &policy.account).collect();
    let apart = |policy: &&&Policy| {
        policy.region != sick.region && policy.destinations.iter().any(|other| other.region != sick.region)
    };
    accounts.len() > 1 && policies.iter().filter(apart).count() > 1
}

/// A policy file with a slip in it, in every state that a daemon can be in: nothing changes, before and after a restart.
#[test]
fn a_policy_that_cannot_be_loaded_changes_nothing() {
    for seed in 0..4 {
        let spoilt = |hours: i64, choice: u64| (hours * HOUR_MS, Incident::Edit(Edit::Spoil(choice)));
        let crash = Incident::Crash { down_ms: HOUR_MS, lose_database: seed % 2 == 1 };
        let mend = (50 * HOUR_MS, Incident::Edit(Edit::Same));
        let mut setup = script(seed, 4, &[spoilt(5, 0), spoilt(20, 1), spoilt(31, 2), (49 * HOUR_MS, crash), mend]);
        setup.settings.daemon.poll = std::time::Duration::from_secs(60);
        survives(setup);
    }
}

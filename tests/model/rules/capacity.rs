//! What is said beforehand of a policy: slots against promises, retention against quotas, sentence by sentence.

use super::*;
use crate::fixture::{backup, copy, of};
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::planner::capacity::{CapacityReport, Given, judge};

fn now() -> Time {
    at("2026-11-21T08:00:00Z")
}

fn fs(policy: usize, number: usize) -> SourceId {
    format!("fs-{policy:08x}{number:09x}").as_str().into()
}

/// `(name, sources, schedule, more of the policy, more of its destination)`.
type Asked<'a> = (&'a str, usize, &'a str, &'a str, &'a str);

fn policies(asked: &[Asked<'_>]) -> Settings {
    let mut text = String::new();
    for (nth, (name, sources, schedule, more, there)) in asked.iter().enumerate() {
        let ids: Vec<SourceId> = (0..*sources).map(|number| fs(nth, number)).collect();
        text.push_str(&format!(
            "[[policy]]\nname = \"{name}\"\nregion = \"us-east-1\"\nschedule = \"{schedule}\"\nfile_systems = {ids:?}\n\
             {more}\n[[policy.destination]]\nregion = \"us-west-2\"\n{there}\n",
            ids = ids.iter().map(SourceId::as_str).collect::<Vec<_>>()
        ));
    }
    lifeboat::config::parse(&[("test".to_owned(), text)], now()).unwrap().settings
}

fn judged(asked: &[Asked<'_>], copy_minutes: u32) -> CapacityReport {
    judge(&policies(asked), None, Given { backup: None, copy: Some(MINUTE * copy_minutes) }, now())
}

fn works(report: &CapacityReport) -> bool {
    report.warnings().next().is_none()
}

/// A state in which three points of each end tell how long a backup and a copy of this source take.
fn teach(state: &mut State, source: SourceId, backup_takes: Duration, copy_takes: Duration) {
    for day in 1..4 {
        let occurrence = of(&format!("2026-11-{day:02}T00:00:00Z"), Trigger::Schedule);
        let id = format!("backup-{day}-{source}");
        let settled_at = Some(occurrence.at.plus(backup_takes));
        let made = RecoveryPoint {
            settled_at,
            ..backup(&id, occurrence, Lifecycle::Available).with_provenance(|of| of.source = source.clone())
        };
        let copied = copy(&format!("copy-{day}-{source}"), &made, THERE, Lifecycle::Available);
        let settled_at = Some(copied.created_at.plus(copy_takes));
        state.apply(&Change::BackupObserved { point: Box::new(made) }).unwrap();
        state.apply(&Change::BackupObserved { point: Box::new(RecoveryPoint { settled_at, ..copied }) }).unwrap();
    }
}

/// The lines about slots, quotas left out.
fn of_lanes(report: &CapacityReport) -> Vec<String> {
    let text = report.to_string();
    let lines = text.lines().filter(|line| !line.contains("quota"));
    lines.map(|line| line.trim_start().to_owned()).collect()
}

const QUIET: &str = "retain = { last = 3 }";

#[test]
fn too_much_for_the_slots_is_said_with_what_would_fit_and_what_breaks() {
    let report = judged(&[("finance", 12, "@hourly", "rpo = \"2h\"\nretain = { last = 3 }", QUIET)], 47);
    let needs = "12 sources every hour at 47 min a copy need 9.4 slots in us-west-2; there are 5; every 2h fits";
    let breaks = "6 routes of finance will miss their RPO, which could be 3h 50m at best";
    let whose = (6..11).map(|number| fs(0, number).to_string()).collect::<Vec<_>>().join(", ");
    let rests = "rests on 12 of 12 routes: 47m a copy and 10m a backup, as given";
    let warning = format!("warning: {needs}; {breaks} ({whose} and 1 more)");
    let late = "warning: 6 routes of finance may be late in us-west-2 when many copies begin at once: up to 3h 50m old, \
                against an RPO of 2h";
    assert_eq!(of_lanes(&report), [needs, &warning, late, rests]);
    assert!(!works(&report));
    let said: Vec<&str> = report.warnings().collect();
    assert_eq!(said, [&warning, late].map(|warning| warning.trim_start_matches("warning: ")));
    // Five names are told whole. The policies that meet their RPO are not named.
    let tight = ("tight", 10, "every 30m", "rpo = \"75m\"\nretain = { last = 3 }", QUIET);
    let daily = ("daily", 40, "0 3 * * *", "rpo = \"30h\"\nretain = { last = 3 }", QUIET);
    let report = judged(&[tight, daily], 25);
    let lane = &report.lanes[0];
    assert_eq!(lane.policies.iter().map(|of| of.breaking.len()).collect::<Vec<_>>(), [0, 5], "{report}");
    let whose = (5..10).map(|number| fs(0, number).to_string()).collect::<Vec<_>>().join(", ");
    let demand = "40 sources every day at 25 min a copy and 10 sources every 30m at 25 min a copy need 9.0 slots in \
                  us-west-2; there are 5; daily every 2d, tight every 1h 30m fits";
    let demand = demand.replace("every 1h 30m", "every hour");
    let breaks = format!("5 routes of tight will miss their RPO, which could be 2h at best ({whose})");
    assert_eq!(lane.warnings[0], format!("{demand}; {breaks}"));
}

#[test]
fn what_fits_is_said_with_the_best_promise() {
    // Five hours of copies in five slots of an hour: exactly full, and not too much.
    let report = judged(&[("finance", 5, "@hourly", "rpo = \"3h\"\nretain = { last = 3 }", QUIET)], 60);
    let fits = "5 sources every hour at 60 min a copy need 5.0 slots in us-west-2; there are 5; the shortest possible RPO is 3h for \
                finance";
    assert_eq!(of_lanes(&report)[0], fits);
    assert!(works(&report), "{report}");
    assert_eq!(report.warnings().count(), 0);
    let policy = &report.lanes[0].policies[0];
    // An hour from firing to firing, ten minutes, four copies before it through five slots, and its own: 178 minutes.
    assert_eq!((policy.best_rpo_seconds, policy.breaking.len()), (10_800, 0));
    // Once it is more, the newest backup is up to an interval old when its turn comes.
    let full = judged(&[("finance", 6, "@hourly", "rpo = \"9h\"\nretain = { last = 3 }", QUIET)], 60);
    assert_eq!(full.lanes[0].policies[0].best_rpo_seconds, 12_300, "72 + 60 + 10 + 60, in whole five minutes");
    // Who goes after it does not delay it: what has no promise waits for what has.
    let without = ("archive", 20, "@daily", "retain = { last = 3 }", QUIET);
    let report = judged(&[("finance", 1, "@hourly", "rpo = \"3h\"\nretain = { last = 3 }", QUIET), without], 30);
    assert_eq!(report.lanes[0].policies[1].best_rpo_seconds, 6_000, "60 + 10 + 30: {report}");
    // In minutes up to an hour.
    let short = judged(&[("finance", 1, "every 5m", "rpo = \"1h\"\nretain = { last = 3 }", QUIET)], 4);
    assert!(short.lanes[0].summary.ends_with("the shortest possible RPO is 19m for finance"), "{short}");
    assert!(short.lanes[0].summary.starts_with("1 source every 5m at 4 min a copy needs 0.8 slots"), "{short}");
    // An interval that nobody writes stays as it is, if it fits; if a copy takes longer, it does not.
    let odd = |minutes| judged(&[("finance", 1, "every 50m", "retain = { last = 3 }", QUIET)], minutes);
    let fitting = |minutes| odd(minutes).lanes[0].policies[0].fitting_interval_seconds / 60;
    assert_eq!((fitting(10), fitting(50), fitting(51)), (50, 50, 60));
}

#[test]
fn more_than_can_be_copied_need_not_break_a_promise() {
    let keeps = judged(&[("finance", 12, "@hourly", "rpo = \"6h\"\nretain = { last = 3 }", QUIET)], 47);
    assert!(keeps.lanes[0].summary.ends_with("not every backup is copied, and every RPO can still be met"));
    let none = judged(&[("finance", 12, "@hourly", "retain = { last = 3 }", QUIET)], 47);
    assert!(none.lanes[0].summary.ends_with("every 2h fits; not every backup is copied"), "{none}");
    assert!(works(&keeps) && works(&none));
}

#[test]
fn a_promise_that_no_slots_can_keep_and_one_that_is_tight_are_told_apart() {
    let report = judged(&[("finance", 1, "@hourly", "rpo = \"80m\"\nretain = { last = 3 }", QUIET)], 47);
    let never = format!(
        "1 route cannot meet an RPO of 1h 20m in us-west-2, whatever the slots: a firing every hour, 10m for the backup and 47m for the \
         copy make 2h; set that RPO or a longer one, or fire more often ({})",
        fs(0, 0)
    );
    assert_eq!(report.lanes[0].warnings, [never]);
    assert_eq!(report.lanes[0].policies[0].breaking, [fs(0, 0)]);
    let tight = |minutes: u32, sources| {
        let rpo = format!("rpo = \"{minutes}m\"\nretain = {{ last = 3 }}");
        judged(&[("finance", sources, "@hourly", &rpo, QUIET)], 47).lanes[0].warnings.clone()
    };
    assert_eq!(tight(117, 1), [] as [&str; 0], "exactly what it takes");
    assert_eq!(tight(118, 1), [] as [&str; 0]);
    let late = "5 routes of finance may be late in us-west-2 when many copies begin at once: up to 2h 35m old, against an RPO of \
                2h";
    assert_eq!(tight(120, 5), [late]);

    // Of several the one that takes longest is told: firing, backup and copy together.
    let rpo = "rpo = \"1h\"\nretain = { last = 3 }";
    let asked = [("often", 1, "every 60m", rpo, QUIET), ("seldom", 1, "every 100m", &rpo.replace("1h", "100m"), QUIET)];
    let worst = |often: (u32, u32), seldom: (u32, u32)| {
        let mut state = State::new(now(), now());
        teach(&mut state, fs(0, 0), MINUTE * often.0, MINUTE * often.1);
        teach(&mut state, fs(1, 0), MINUTE * seldom.0, MINUTE * seldom.1);
        let report = judge(&policies(&asked), Some(&state), Given::default(), now());
        assert_eq!(report.assumed, None, "all was learned: {report}");
        let warning = report.lanes[0].warnings.iter().find(|said| said.contains("whatever the slots")).cloned();
        warning.unwrap()
    };
    let told = worst((60, 10), (5, 10));
    assert!(
        told.starts_with("2 routes cannot meet an RPO of 1h")
            && told.contains("a firing every hour, 1h for the backup"),
        "{told}"
    );
    assert!(worst((10, 58), (5, 10)).contains("a firing every hour, 10m for the backup and 58m for the copy"));
    assert!(
        worst((10, 10), (5, 10)).contains("a firing every 1h 40m, 5m for the backup and 10m for the copy make 1h 55m")
    );
}

#[test]
fn what_is_not_known_is_assumed_and_said() {
    let asked = [("finance", 2, "@daily", "retain = { last = 3 }", QUIET)];
    let assumed = |state: Option<&State>, given| judge(&policies(&asked), state, given, now()).assumed;
    let all = "2 of 2 routes: 10m a copy and 10m a backup, as assumed";
    assert_eq!(assumed(None, Given::default()).as_deref(), Some(all));
    let mut state = State::new(now(), now());
    teach(&mut state, fs(0, 0), 20 * MINUTE, 30 * MINUTE);
    let one = "1 of 2 routes: 40m a copy and 15m a backup, as given";
    let given = Given { backup: Some(15 * MINUTE), copy: Some(40 * MINUTE) };
    assert_eq!(assumed(Some(&state), given).as_deref(), Some(one));
    teach(&mut state, fs(0, 1), 20 * MINUTE, 30 * MINUTE);
    assert_eq!(assumed(Some(&state), given), None);
    // The interval of a schedule is its average over whole years: months are not alike.
    let monthly = judged(&[("finance", 1, "0 0 1 * *", "retain = { last = 3 }", QUIET)], 10);
    assert_eq!(monthly.lanes[0].policies[0].interval_seconds, 1461 * 86_400 / 48);
}

fn holds(schedule: &str, retain: &str) -> u64 {
    let rules = format!("retain = {{ {retain} }}");
    let report = judged(&[("finance", 1, schedule, &rules, &rules)], 1);
    assert_eq!(report.quotas.len(), 2);
    assert_eq!(report.quotas[0].holds, report.quotas[1].holds);
    report.quotas[0].holds.unwrap()
}

/// Rules that reach further back than was tried out hold their number all the same.
#[test]
fn what_retention_holds_in_the_long_run() {
    assert_eq!((holds("@daily", "last = 5"), holds("@daily", "daily = 7")), (5, 7));
    assert_eq!((holds("@daily", "last = 3000"), holds("@daily", "last = 4000")), (3000, 4000));
    assert_eq!((holds("every 1h", "within = '10h'"), holds("every 1h", "within = '250d'")), (11, 6001));
    assert_eq!(holds("@daily", "yearly = 30"), 30);
    assert_eq!(holds("@daily", "daily = 7, yearly = 30"), 36, "the newest day is the newest of its year");
}

/// As many points of the only source as are held, and what is said of the Region then.
fn kept(held: u32, schedule: &str, more: &str) -> (Option<u64>, Option<String>) {
    let mut state = State::new(now(), now());
    for nth in 0..held {
        let occurrence = Occurrence { at: now().minus(HOUR * (nth + 1)), trigger: Trigger::Schedule };
        let id = format!("backup-{nth}");
        let point =
            backup(&id, occurrence, Lifecycle::Available).with_provenance(|of| of.source = fs(0, nth as usize % 2));
        state.apply(&Change::BackupObserved { point: Box::new(point) }).unwrap();
    }
    let report = judge(&policies(&[("finance", 2, schedule, more, QUIET)]), Some(&state), Given::default(), now());
    let quota = report.quotas.into_iter().find(|quota| quota.region.as_str() == HOME).unwrap();
    (quota.now, quota.warning)
}

#[test]
fn a_region_that_fills_up_is_said_a_year_before() {
    let reached = |when: &str| {
        format!(
            "nothing is ever deleted in us-east-1: AWS's quota of 500 user backups (WINDOWS) is reached {when}, and then \
             every backup and copy there is refused; write `retain`"
        )
    };
    // Two sources, one backup a day each, or one in two days.
    assert_eq!(kept(10, "@daily", ""), (Some(10), Some(reached("in 245d"))));
    assert_eq!(kept(134, "every 2d", ""), (Some(134), None), "in 366 days");
    assert_eq!(kept(135, "every 2d", ""), (Some(135), Some(reached("in 365d"))));
    assert_eq!(kept(499, "@daily", "").1, Some(reached("in 12h")));
    for full in [500, 510] {
        assert_eq!(kept(full, "@daily", "").1, Some(reached("now")));
    }
    // What another policy holds in the long run takes its room too.
    let both = [("finance", 1, "@daily", "", QUIET), ("archive", 1, "@daily", "retain = { last = 100 }", QUIET)];
    let report = judged(&both, 1);
    let home = report.quotas.iter().find(|quota| quota.region.as_str() == HOME).unwrap();
    assert_eq!((home.holds, home.now), (None, None));
    assert!(home.warning.as_ref().unwrap().contains("(Windows or Lustre) is reached in 200d, and"), "{report}");
    // Exactly the quota is not too much.
    let asks =
        |sources| judged(&[("finance", sources, "@daily", "retain = { last = 10 }", "retain = { last = 1 }")], 1);
    assert_eq!(asks(50).quotas.iter().filter_map(|quota| quota.warning.clone()).count(), 0);
    let too_many = "retention asks for 510 points in us-east-1 and AWS's quota is 500 (Windows or Lustre): it reaches for 9 a \
                    source; keep fewer, or have AWS raise the quota";
    assert_eq!(asks(51).quotas[0].warning.as_deref(), Some(too_many));
}

//! The planner and the pure FSx over the real database file, which dies at every boundary between two steps: before a
//! commit, in the middle of it, between it and the first call, between two calls.

use super::file::{Death, SqliteDisk};
use crate::world::setup::{self, HOUR_MS, Incident, Setup};
use crate::world::{Tally, World};
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::time::Time;
use std::time::Duration;

/// A few hours of a small fleet in a world where nothing else goes wrong.
fn morning(seed: u64) -> Setup {
    let mut setup = Setup::quiet(seed, 1);
    setup.settings.daemon.poll = Duration::from_secs(300);
    let every = Schedule::parse("every 3h", "UTC", Time::from_millis(setup.start_ms)).unwrap();
    // Small, since there is a run for every boundary.
    while setup.settings.policies.len() > 1 {
        setup.settings.policies.pop_last();
    }
    for policy in setup.settings.policies.values_mut() {
        policy.schedule = every.clone();
        policy.start_within = None;
        policy.sources.truncate(2);
        policy.destinations.truncate(2);
    }
    // Copies of minutes: the morning has an end.
    setup.cloud.copy_bytes_per_second = 1e12;
    setup.cloud.backup_bytes_per_second = 1e12;
    setup.timetable = vec![(7 * HOUR_MS, Incident::SchedulesEnd)];
    setup.end_ms = 11 * HOUR_MS;
    setup
}

fn survives(setup: Setup, death: Death, what: &str) -> Tally {
    let disk = SqliteDisk::new(death, setup.seed);
    match World::new(setup).with_whole_trace().with_disk(Box::new(disk)).run() {
        Ok(tally) => tally,
        Err(violation) => panic!("{what}: {violation}"),
    }
}

#[test]
fn a_death_at_any_boundary_loses_nothing_and_makes_nothing_twice() {
    let seed = std::env::var("LIFEBOAT_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let undisturbed = survives(morning(seed), Death::Kill, "undisturbed");
    assert!(undisturbed.made >= 6, "{undisturbed:?}");
    for boundary in 0..undisturbed.boundaries {
        for (death, down_ms) in [(Death::Kill, 1_000), (Death::PowerCut, 400_000)] {
            let mut setup = morning(seed);
            setup.dies_at = Some(setup::Death { boundary, down_ms, lose_database: false });
            let what = format!("LIFEBOAT_SEED={seed}: {death:?} at boundary {boundary}");
            let tally = survives(setup, death, &what);
            assert_eq!((tally.crashes, tally.made), (1, undisturbed.made), "{what}");
        }
    }
    println!("{} boundaries, {} made", undisturbed.boundaries, undisturbed.made);
}

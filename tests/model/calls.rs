//! What work costs in calls, counted where they leave: whole fleets in virtual time, at AWS's proportions.

use crate::fleets::{START, rehearsal};
use lifeboat::planner::polling::listing_beat;
use lifeboat::sim::rehearse::Rehearsal;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// Calls of all kinds for a copy, but for the listings.
const CALLS_PER_COPY: f64 = 3.0;

/// A fleet with two destinations, whose copies move a given number of GB.
fn fleet(sources: u64, schedule: &str, gigabytes: u64) -> Rehearsal {
    let policy = |ids: &[String]| {
        format!(
            "[[policy]]\nname = \"all\"\nregion = \"us-east-1\"\nschedule = \"{schedule}\"\nrpo = \"500d\"\n\
             file_systems = {ids:?}\n\
             [[policy.destination]]\nregion = \"us-west-2\"\n[[policy.destination]]\nregion = \"eu-west-1\"\n"
        )
    };
    rehearsal(sources, policy, |number, member| {
        member.used_bytes = Some(gigabytes * 1_000_000_000 * (90 + 7 * number % 23) / 100);
        // Between two backups as much changes as is there.
        member.daily_change_bytes = Some(gigabytes * 1_000_000_000 * 30);
    })
}

/// The calls for a copy, when durations are known from the day before.
fn calls_per_copy(mut rehearsal: Rehearsal) -> f64 {
    let (known, end) = (START.plus(DAY), START.plus(2 * DAY));
    let so_far = |rehearsal: &Rehearsal| (rehearsal.calls().clone(), rehearsal.pages());
    rehearsal.run_until(known).unwrap();
    let (calls_before, pages_before) = so_far(&rehearsal);
    rehearsal.run_until(end).unwrap();
    let (calls, pages) = so_far(&rehearsal);
    let copies: u64 = rehearsal.routes(known, end).iter().map(|route| route.copies).sum();
    let of_all = calls.values().sum::<u64>() - calls_before.values().sum::<u64>();
    let listed = pages - pages_before;
    let used = rehearsal.lanes(known, end).iter().map(|lane| lane.used).sum::<Duration>();
    println!("{copies} copies of {:?}, {of_all} calls, {listed} of them pages of listings", used / copies as u32);
    (of_all - listed) as f64 / copies as f64
}

#[test]
fn a_copy_takes_few_calls_where_slots_are_short() {
    let calls = calls_per_copy(fleet(30, "@hourly", 110));
    assert!(calls <= CALLS_PER_COPY, "{calls:.2} calls for a copy");
}

#[test]
fn a_copy_takes_few_calls_where_slots_are_free() {
    let calls = calls_per_copy(fleet(5, "@hourly", 110));
    assert!(calls <= CALLS_PER_COPY, "{calls:.2} calls for a copy");
}

/// By how much the duration of a copy varies, it is looked at every `poll`, and that is longer where it takes longer.
#[test]
fn a_long_copy_takes_a_few_more() {
    let calls = calls_per_copy(fleet(12, "every 6h", 500));
    assert!(calls <= 2.0 * CALLS_PER_COPY, "{calls:.2} calls for a copy");
}

/// A fleet at rest is listed, and nothing else.
#[test]
fn a_fleet_at_rest_takes_a_listing_per_region_and_beat() {
    let mut rehearsal = fleet(1000, "0 0 1 * *", 1);
    let (rests, hours) = (START.plus(DAY), 12);
    rehearsal.run_until(rests).unwrap();
    let before: u64 = rehearsal.calls().values().sum();
    rehearsal.run_until(rests.plus(DAY / 24 * hours)).unwrap();
    let calls = rehearsal.calls().values().sum::<u64>() - before;
    let beat = listing_beat(rehearsal.settings().daemon.poll, 1);
    let beats = (DAY / 24 * hours).as_secs() / beat.as_secs();
    assert!(calls <= 3 * (beats + 1), "{calls} calls of three Regions in {beats} beats");
}

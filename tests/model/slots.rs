//! Slots are never idle while a copy could begin: whole fleets in virtual time, read off FSx's own inventory.

use crate::fleets::{START, rehearsal};
use lifeboat::domain::time::Time;
use lifeboat::sim::rehearse::Rehearsal;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// A fleet that is backed up once, all at one moment, and copied through five slots: copies of a quarter of an hour to
/// two hours.
fn backlog(sources: u64) -> Rehearsal {
    let policy = |ids: &[String]| {
        format!(
            "[[policy]]\nname = \"all\"\nregion = \"us-east-1\"\nschedule = \"0 9 21 11 *\"\nrpo = \"500d\"\n\
             file_systems = {ids:?}\n[[policy.destination]]\nregion = \"us-west-2\"\n"
        )
    };
    rehearsal(sources, policy, |number, member| {
        member.used_bytes = Some(125_000_000_000 * (1 + 11 * number % 13));
    })
}

/// Runs until every copy is made, and holds the makespan and the idle slots against what slots and copies allow.
fn no_slot_is_wasted(sources: u64, hours: u32) {
    let mut rehearsal = backlog(sources);
    let end = START.plus(HOUR * hours);
    rehearsal.run_until(end).unwrap();
    let routes = rehearsal.routes(START, end);
    assert_eq!(routes.iter().map(|route| route.copies).sum::<u64>(), sources, "every route has its copy");
    let lanes = rehearsal.lanes(START, end);
    let [lane] = lanes.as_slice() else { panic!("one lane: {lanes:?}") };
    assert_eq!(rehearsal.cloud().lanes().values().map(|used| used.refused).sum::<u64>(), 0, "none was refused");
    // An end is seen at the next look at the latest, and the next copy needs a call.
    let seen_after = rehearsal.settings().daemon.poll + Duration::from_secs(1);
    let poll_schedule = seen_after * u32::try_from(sources).unwrap() / lane.slots;
    let first =
        rehearsal.cloud().backups().filter(|(_, backup)| backup.is_copy()).map(|(_, copy)| copy.created_ms).min();
    let makespan = lane.last_ended.unwrap().since(Time::from_millis(first.unwrap()));
    let bound = lane.used / lane.slots + lane.longest + poll_schedule;
    assert!(makespan <= bound, "{sources} copies took {makespan:?}, and could have taken {bound:?}");
    let idle = lane.idle.as_secs_f64() / lane.wanted.as_secs_f64();
    println!("{sources} sources: makespan {makespan:?} of at most {bound:?}; {:.2} % idle", 100.0 * idle);
    assert!(idle < 0.02, "{:.2} % of the slot time was idle while a copy could begin", 100.0 * idle);
}

#[test]
fn a_hundred_sources() {
    no_slot_is_wasted(100, 60);
}

/// `cargo test --release --test model slots:: -- --ignored`
#[test]
#[ignore = "takes a minute without optimization"]
fn a_thousand_sources() {
    no_slot_is_wasted(1_000, 400);
}

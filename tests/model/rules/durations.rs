//! What a route's copies teach about the next one.

use super::*;
use crate::fixture::{backup, copy, scheduled};
use lifeboat::domain::point::RecoveryPoint;
use lifeboat::planner::durations::{Learned, learned, next_copy};

/// Copies of one hour after the other that took so long, each under its key.
fn copies(of: &[(Duration, &str)]) -> State {
    let mut state = State::new(Time::ZERO, Time::ZERO);
    for (hour, (took, kms_key)) in (0..).zip(of) {
        let made = backup(&format!("backup-{hour}"), scheduled(hour), Lifecycle::Available);
        let copied = copy(&format!("copy-{hour}"), &made, THERE, Lifecycle::Available);
        let settled_at = Some(copied.created_at.plus(*took));
        let kms_key = Some((*kms_key).into());
        state
            .apply(&Change::BackupObserved {
                point: Box::new(RecoveryPoint { settled_at, ..copied.with_provenance(|of| of.kms_key = kms_key) }),
            })
            .unwrap();
    }
    state
}

fn of(took: &[Duration]) -> Learned {
    let copies = copies(&took.iter().map(|took| (*took, "key")).collect::<Vec<_>>());
    learned(&copies.sources[&key(0)], &Target::Copy(THERE.into()))
}

#[test]
fn a_first_copy_is_one_that_took_twice_as_long() {
    let both = |full, incremental| Learned { full: Some(full), incremental: Some(incremental) };
    assert_eq!(of(&[24 * MINUTE, 12 * MINUTE]), both(24 * MINUTE, 12 * MINUTE));
    let alike = Learned { full: None, incremental: Some(23 * MINUTE) };
    assert_eq!(of(&[23 * MINUTE, 12 * MINUTE]), alike, "one of them");
}

#[test]
fn times_that_cannot_be_teach_nothing() {
    let nothing = Learned { full: None, incremental: None };
    let only = |took| Learned { full: Some(took), ..nothing };
    assert_eq!(of(&[Duration::ZERO]), nothing, "its end was not seen");
    assert_eq!(of(&[Duration::from_millis(1)]), only(Duration::from_millis(1)));
    assert_eq!(of(&[48 * HOUR]), only(48 * HOUR));
    assert_eq!(of(&[48 * HOUR + Duration::from_millis(1)]), nothing, "nobody looked for two days");
}

/// A key that comes back builds on the copies that are left under it.
#[test]
fn the_next_copy_builds_on_any_copy_under_its_key() {
    let arn = |id: &str| format!("arn:aws:kms:us-west-2:111122223333:key/{id}");
    let (old, new) = (arn("old"), arn("new"));
    let state = copies(&[(HOUR, &old), (HOUR, &new)]);
    let full = |kms_key: &str| {
        let destination = Destination {
            kms_key: Some(kms_key.to_owned()),
            ..settings(1, Time::ZERO).policies.values().next().unwrap().destinations[0].clone()
        };
        next_copy(&state.sources[&key(0)], &destination, None).full
    };
    assert_eq!([new.as_str(), &old, &arn("third")].map(full), [false, false, true]);
}

//! The real database file under the same life as the model of it, and under crashes that no model has.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends")]

#[path = "store/any_changes.rs"]
mod any_changes;
#[path = "store/busy.rs"]
mod busy;
#[path = "store/conformance.rs"]
mod conformance;
#[path = "store/crash.rs"]
mod crash;
#[path = "store/file.rs"]
mod file;
#[path = "store/lines.rs"]
mod lines;
#[path = "store/orders.rs"]
mod orders;
#[path = "store/query_plans.rs"]
mod query_plans;
#[path = "store/stuck.rs"]
mod stuck;
#[path = "store/torn.rs"]
mod torn;
#[path = "store/upgrade.rs"]
mod upgrade;

use lifeboat::domain::state::State;

/// Holds two states against each other, and shows the first thing in which they differ.
fn same(one: &State, other: &State, when: &str) {
    if one == other {
        return;
    }
    assert_eq!(one.sources.keys().collect::<Vec<_>>(), other.sources.keys().collect::<Vec<_>>(), "{when}");
    for (key, source) in &one.sources {
        assert_eq!(*source, other.sources[key], "{when}: {key}");
    }
    for (place, known) in &one.places {
        assert_eq!(Some(known), other.places.get(place), "{when}: {place}");
    }
    assert_eq!(one.totals, other.totals, "{when}");
    assert_eq!(one, other, "{when}");
}

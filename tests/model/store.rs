//! The real database file under the same life as the model of it, and under crashes that no model has.

mod any_changes;
mod busy;
mod conformance;
mod crash;
mod file;
mod lines;
mod orders;
mod query_plans;
mod stuck;
mod torn_write;
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
    assert_eq!(one.counters, other.counters, "{when}");
    assert_eq!(one, other, "{when}");
}

//! What is shown of a recovery point that AWS has stopped showing, while nobody can tell whether it is gone.

use super::*;
use crate::fixture::*;
use lifeboat::report::snapshot::{Counts, DaemonStatus, Reload, Snapshot};
use lifeboat::report::view::RpoStatus;

#[test]
fn what_is_in_doubt_keeps_no_promise_and_breaks_none() {
    let mut fixture = Fixture::new();
    let older = backup("backup-6", scheduled(6), Lifecycle::Available);
    let newer = backup("backup-9", scheduled(9), Lifecycle::Available);
    for (id, of) in [("copy-6", &older), ("copy-9", &newer)] {
        fixture.see(of);
        fixture.see(&copy(id, of, THERE, Lifecycle::Available));
    }
    let missed_at = at("2026-11-21T10:00:00Z");
    let (place, id) = (place(THERE), "copy-9".into());
    fixture.apply(Change::MissingFromListing { place, id, missing_since: Some(missed_at) });
    let mut shown = |hours: u32, now: Time| {
        fixture.policy().destinations[0].rpo = Some(HOUR * hours);
        fixture.apply(Change::InventoryRead { place: crate::talk::place(THERE), at: now });
        let reload = Reload { successful: true, succeeded_at: now, problem: None };
        let around = DaemonStatus {
            live: true,
            reload,
            store_problem: None,
            credentials_problem: None,
            last_round_at: Some(now),
            counts: Counts::default(),
        };
        let snapshot = Snapshot::take(&fixture.settings, &fixture.state, &Plan::default(), around, now);
        snapshot.routes.into_iter().find(|route| route.copy).unwrap().standing
    };
    let soon = missed_at.plus(5 * MINUTE);
    assert_eq!(shown(2, soon), RpoStatus::Met, "a second look usually decides");
    let later = missed_at.plus(7 * MINUTE);
    assert_eq!(shown(2, later), RpoStatus::Unknown);
    assert_eq!(shown(5, later), RpoStatus::Met, "the one before it is young enough");
    assert_eq!(shown(1, later), RpoStatus::Late, "too old in any case");
}

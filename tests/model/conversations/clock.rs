//! What waits while AWS does not confirm what time it is, and what does not.

use super::*;
use lifeboat::domain::timekeeper::{Timekeeping, Trust};
use lifeboat::planner::orders::{BackupOrder, Order, PauseOrder, RefusalKind, decide};

fn off(trust: Trust) -> Timekeeping {
    Timekeeping { trust, offset_ms: Some(90_000_000) }
}

/// How often each source was opened and ended.
fn decided(talk: &Talk) -> usize {
    let decides = |change: &&Change| {
        matches!(
            change,
            Change::Opened { .. }
                | Change::Closed { .. }
                | Change::DeletionPlanned { .. }
                | Change::SourceDeparted { .. }
        )
    };
    talk.changes.iter().filter(decides).count()
}

#[test]
fn work_under_way_goes_on_and_nothing_else_is_decided() {
    let mut talk = Talk::new(1);
    let backup = talk.until("CreateBackup");
    talk.state.timekeeping = off(Trust::Off);
    let made = talk.outcome(&backup);
    talk.answer(&backup, made);
    let before = decided(&talk);
    // The backup ends, and is copied: how much time passes is known.
    talk.becomes(Lifecycle::Available);
    talk.wait(MINUTE);
    talk.serve();
    let copies = |talk: &Talk| talk.at_aws.keys().filter(|(region, _)| region == THERE).count();
    assert_eq!(copies(&talk), 1);
    talk.becomes(Lifecycle::Available);
    // Three more come due, and one ends; nobody may say so.
    for _ in 0..20 {
        talk.wait(HOUR);
        talk.serve();
    }
    assert_eq!((decided(&talk), talk.at_aws.len()), (before, 2));
    // AWS agrees: what came due is caught up, newest first.
    talk.state.timekeeping = Timekeeping::default();
    talk.serve();
    let opened = |talk: &Talk| talk.at_aws.keys().filter(|(region, _)| region == HOME).count();
    assert_eq!(opened(&talk), 2);
    let ends: Vec<OccurrenceOutcome> = talk
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Closed { end, .. } => Some(*end),
            _ => None,
        })
        .collect();
    assert!(ends.contains(&OccurrenceOutcome::Completed) && !ends.contains(&OccurrenceOutcome::Failed), "{ends:?}");
}

#[test]
fn until_aws_was_heard_it_is_only_read() {
    let mut talk = Talk::new(2);
    talk.state.timekeeping.trust = Trust::Unproven { since: talk.now };
    for _ in 0..10 {
        talk.wait(HOUR);
        talk.serve();
    }
    assert_eq!((talk.at_aws.len(), decided(&talk)), (0, 0));
    assert!(talk.state.places.values().all(|known| known.listed.is_some()));
    talk.state.timekeeping = Timekeeping::default();
    for _ in 0..7 {
        talk.wait(HOUR);
        talk.serve();
    }
    assert!(talk.at_aws.len() >= 2);
}

/// Retention decides by ages.
#[test]
fn nothing_is_deleted_by_a_clock_that_is_off() {
    let mut talk = Talk::new(1);
    let pass = |talk: &mut Talk, hours: u32| {
        for _ in 0..hours * 6 {
            talk.wait(10 * MINUTE);
            talk.serve();
            talk.becomes(Lifecycle::Available);
        }
    };
    pass(&mut talk, 30);
    let held = talk.at_aws.len();
    talk.state.timekeeping = off(Trust::Off);
    talk.policy().retain = Some(Retain { last: Some(3), ..Retain::default() });
    pass(&mut talk, 240);
    let deletion_planned =
        |talk: &Talk| talk.changes.iter().any(|change| matches!(change, Change::DeletionPlanned { .. }));
    assert!(talk.at_aws.len() >= held && !deletion_planned(&talk));
    talk.state.timekeeping = Timekeeping::default();
    pass(&mut talk, 1);
    assert!(deletion_planned(&talk));
}

/// A jump has AWS asked anew, for what its answer says of the time.
#[test]
fn a_jump_has_aws_heard_soon() {
    let mut talk = Talk::new(1);
    talk.serve();
    talk.wait(3 * POLL);
    talk.serve();
    talk.state.timekeeping.trust = Trust::Doubted { since: talk.now };
    talk.wait(POLL);
    assert!(!talk.calls("DescribeBackups").is_empty());
}

#[test]
fn a_time_that_is_not_known_cannot_be_named_in_an_order() {
    let mut talk = Talk::new(1);
    talk.serve();
    let now = talk.now;
    let backup = Order::Backup(BackupOrder { policy: "finance".into(), source: None, at: now });
    let pause = Order::Pause(PauseOrder { policy: "finance".into(), until: None, reason: None });
    for order in [&backup, &pause] {
        for (known, taken) in [
            (Timekeeping { trust: Trust::Unproven { since: now }, offset_ms: None }, true),
            (off(Trust::Unproven { since: now }), false),
            (off(Trust::Off), true),
        ] {
            talk.state.timekeeping = known;
            let answered = decide(&talk.settings, &talk.state, order, now);
            assert_eq!(answered.as_ref().map_err(|refusal| refusal.kind).is_ok(), taken, "{answered:?}");
            if let Err(refusal) = answered {
                assert_eq!(refusal.kind, RefusalKind::NotNow);
            }
        }
    }
}

#[test]
fn a_clock_that_is_off_is_a_finding_for_a_person() {
    let mut talk = Talk::new(1);
    let said = |talk: &Talk| -> Vec<(Severity, String)> {
        let findings = audit(&talk.settings, &talk.state, talk.now);
        let of_it = findings.into_iter().filter(|finding| finding.what.contains("clock"));
        of_it.map(|finding| (finding.severity, finding.what)).collect()
    };
    talk.state.timekeeping.offset_ms = Some(59_000);
    assert_eq!(said(&talk), []);
    talk.state.timekeeping.offset_ms = Some(-61_000);
    assert!(matches!(&said(&talk)[..], [(Severity::Warning, what)] if what.contains("behind AWS's")));
    talk.state.timekeeping = off(Trust::Off);
    assert!(matches!(&said(&talk)[..], [(Severity::Error, what)] if what.contains("25h") || what.contains("1d 1h")));
}

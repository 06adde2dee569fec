//! What a person orders by hand, as it is answered word for word.

use super::*;
use crate::fixture::*;
use lifeboat::domain::pause::Pause;
use lifeboat::planner::orders::{
    BackupOrder, CancelOrder, Granted, HoldOrder, Order, PauseOrder, Refusal, RefusalKind, ReleaseOrder, ResumeOrder,
    decide,
};

fn noon() -> Time {
    at("2026-11-21T12:00:00Z")
}

fn order(fixture: &mut Fixture, order: &Order) -> Result<Granted, Refusal> {
    let granted = decide(&fixture.settings, &fixture.state, order, noon())?;
    granted.changes.iter().for_each(|change| fixture.apply(change.clone()));
    Ok(granted)
}

fn hold(reason: Option<&str>) -> Order {
    Order::Hold(HoldOrder { backup: "backup-6".into(), reason: reason.map(str::to_owned) })
}

fn release() -> Order {
    Order::Release(ReleaseOrder { backup: "backup-6".into() })
}

fn pause_order(reason: Option<&str>, until: Option<Time>) -> Order {
    Order::Pause(PauseOrder { policy: "finance".into(), until, reason: reason.map(str::to_owned) })
}

#[test]
fn an_order_is_known_by_its_command() {
    let backup = Order::Backup(BackupOrder { policy: "finance".into(), source: None, at: noon() });
    let resume = Order::Resume(ResumeOrder { policy: "finance".into() });
    let cancel = Order::Cancel(CancelOrder { policy: "finance".into(), source: None, at: None });
    let words = [backup, pause_order(None, None), resume, hold(None), release(), cancel].map(|order| order.word());
    assert_eq!(words, ["backup", "pause", "resume", "hold", "release", "cancel"]);
}

#[test]
fn a_reason_is_one_short_line_that_fits_a_tag() {
    let reason = |text: &str| {
        let mut fixture = Fixture::new();
        fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
        order(&mut fixture, &hold(Some(text))).map(|_| ()).map_err(|refused| (refused.kind, refused.what))
    };
    for text in ["audit 7", "é", "_.:/=+-@", "  ", &"x".repeat(256), &format!(" {} ", "é".repeat(256))] {
        assert_eq!(reason(text), Ok(()), "{text}");
    }
    let long = "a reason is one line of at most 256 characters".to_owned();
    assert_eq!(reason(&"x".repeat(257)), Err((RefusalKind::Invalid, long.clone())));
    assert_eq!(reason("a\tb"), Err((RefusalKind::Invalid, long)));
    for bad in ['!', '\'', '#', '€'] {
        let (kind, what) = reason(&format!("a{bad}b")).unwrap_err();
        assert_eq!(kind, RefusalKind::Invalid);
        assert!(what.contains(&format!("no `{bad}` in one")), "{what}");
    }
}

#[test]
fn only_so_many_pauses_may_wait_to_be_on_record() {
    let until = Some(noon().plus(HOUR));
    for (ended, taken) in [(31, true), (32, false)] {
        let mut fixture = Fixture::new();
        for nth in 0..ended {
            let since = noon().minus(HOUR * (nth + 1));
            let pause = Pause { since, until: Some(since.plus(MINUTE)), reason: None, resumed: false };
            fixture.apply(Change::Paused { policy: "finance".into(), pause });
        }
        let verdict = order(&mut fixture, &pause_order(None, None));
        assert_eq!(verdict.as_ref().err().map(|refused| refused.kind), (!taken).then_some(RefusalKind::NotNow));
        // One that is in force is set another end, however many there are.
        let since = noon().minus(30 * MINUTE);
        fixture.apply(Change::Paused {
            policy: "finance".into(),
            pause: Pause { since, until, reason: None, resumed: false },
        });
        assert!(order(&mut fixture, &pause_order(None, None)).is_ok());
    }
}

/// Of many names some are told, and how many more there are.
#[test]
fn of_many_sources_twenty_are_named() {
    for (sources, more) in [(1, None), (20, None), (21, Some(" and 1 more")), (30, Some(" and 10 more"))] {
        let what = Order::Backup(BackupOrder { policy: "finance".into(), source: Some("fs-1".into()), at: noon() });
        let refused = order(&mut Fixture::of(sources), &what).unwrap_err().what;
        assert_eq!(refused.matches("fs-0123456789abcde").count(), sources.min(20), "{refused}");
        assert_eq!(refused.contains(" more"), more.is_some(), "{refused}");
        assert!(more.is_none_or(|more| refused.ends_with(more)), "{refused}");
    }
}

//! What a person orders by hand, as it is answered word for word.

use super::*;
use crate::fixture::*;
use lifeboat::domain::id::BackupId;
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

/// An order to hold says what stood in its way until a person wants something else, and that AWS was asked to delete the
/// backup before: it may be gone already.
#[test]
fn a_hold_says_what_stands_in_its_way() {
    let mut fixture = Fixture::new();
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    let says = |fixture: &mut Fixture, what: &Order| {
        let granted = order(fixture, what).unwrap();
        (granted.changes.len(), granted.stands, granted.says)
    };
    let follows = |what: &str| format!("backup-6 in us-east-1 is {what}; its tag at AWS follows");
    let id = || BackupId::from("backup-6");
    assert_eq!(says(&mut fixture, &hold(Some("law"))), (1, false, follows("held")));
    assert_eq!(fixture.state.hold_requests[&(place(HOME), id())].hold.as_deref(), Some("law"));
    let not_before = noon().plus(MINUTE);
    let refused = Some(fault(FaultClass::Denied, "AccessDenied"));
    fixture.apply(Change::HoldTried { place: place(HOME), id: id(), fault: refused, not_before });
    let not_yet = "backup-6 in us-east-1 is held; its tag at AWS could not be set yet (AccessDenied)";
    assert_eq!(says(&mut fixture, &hold(Some("law"))), (0, false, not_yet.to_owned()));
    assert_eq!(says(&mut fixture, &hold(Some("audit"))), (1, false, follows("held")), "a new wish has not failed");
    fixture.apply(Change::HoldConfirmed { place: place(HOME), id: id() });
    let also = "; AWS was asked to delete it before";
    fixture.apply(Change::DeletionPlanned {
        place: place(HOME),
        id: id(),
        reason: String::new(),
        confirmed: false,
        at: noon(),
    });
    assert!(!says(&mut fixture.clone(), &hold(None)).2.contains(also), "decided, not asked");
    fixture.apply(Change::DeletionRequested { place: place(HOME), id: id(), at: noon() });
    assert_eq!(says(&mut fixture.clone(), &hold(None)).2, format!("{}{also}", follows("held")));
    assert!(!says(&mut fixture, &release()).2.contains(also));
}

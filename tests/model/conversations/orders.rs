//! What a person orders by hand, as it is answered word for word.

use super::fixture::*;
use super::*;
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

/// An order to hold or release says what is so, what is still to come, and what stands in its way.
#[test]
fn a_hold_says_how_far_it_is() {
    let made = backup("backup-6", scheduled(6), Lifecycle::Available);
    let mut fixture = Fixture::new();
    fixture.see(&made);
    let shown = |fixture: &mut Fixture, hold: Option<&str>| {
        fixture.see(&made.clone().with_remarks(|remarks| remarks.hold = hold.map(Into::into)));
        fixture.apply(Change::HoldConfirmed { place: place(HOME), id: "backup-6".into() });
    };
    let says = |fixture: &mut Fixture, what: &Order| {
        let granted = order(fixture, what).unwrap();
        (granted.changes.len(), granted.stands, granted.says)
    };
    let follows = |what: &str| format!("backup-6 in us-east-1 is {what}; its tag at AWS follows");
    let stands = |what: &str| format!("backup-6 in us-east-1 is {what}, and its tag at AWS says so");
    assert_eq!(says(&mut fixture, &release()), (0, true, stands("released")), "nobody holds it");
    assert_eq!(says(&mut fixture, &hold(Some("audit"))), (1, false, follows("held")));
    assert_eq!(says(&mut fixture, &hold(Some("audit"))), (0, false, follows("held")), "the same again");
    assert_eq!(says(&mut fixture, &hold(None)), (0, false, follows("held")), "without a reason: that which is there");
    assert_eq!(says(&mut fixture, &hold(Some("law"))), (1, false, follows("held")), "for another reason");
    let hold_request = &fixture.state.hold_requests[&(place(HOME), BackupId::from("backup-6"))];
    assert_eq!(hold_request.hold.as_deref(), Some("law"));
    let not_before = noon().plus(MINUTE);
    let refused = Some(fault(FaultClass::Denied, "AccessDenied"));
    fixture.apply(Change::HoldTried { place: place(HOME), id: "backup-6".into(), fault: refused, not_before });
    let not_yet = "backup-6 in us-east-1 is held; its tag at AWS could not be set yet (AccessDenied)";
    assert_eq!(says(&mut fixture, &hold(Some("law"))), (0, false, not_yet.to_owned()));
    assert_eq!(says(&mut fixture, &hold(Some("audit"))), (1, false, follows("held")), "a new wish has not failed");
    shown(&mut fixture, Some("audit"));
    assert_eq!(says(&mut fixture, &hold(Some("audit"))), (0, true, stands("held")));
    assert_eq!(says(&mut fixture, &hold(None)), (0, true, stands("held")));
    assert_eq!(says(&mut fixture, &release()), (1, false, follows("released")));
    assert_eq!(says(&mut fixture, &release()), (0, false, follows("released")));
    shown(&mut fixture, None);
    // What AWS was asked to delete may be gone already.
    let also = "; AWS was asked to delete it before";
    let id = || BackupId::from("backup-6");
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
fn a_backup_may_be_asked_for_by_a_clock_that_is_a_little_ahead() {
    let ahead = |by: Duration| {
        let order_at = noon().plus(by);
        let what = Order::Backup(BackupOrder { policy: "finance".into(), source: None, at: order_at });
        order(&mut Fixture::new(), &what).map(|granted| granted.says).map_err(|refused| refused.what)
    };
    let says = "finance: a backup of fs-0123456789abcde00 is ordered, as the occurrence of 2026-11-21T12:01:00Z";
    assert_eq!(ahead(MINUTE), Ok(says.to_owned()));
    let refused = "asked for 2026-11-21T12:01:00.001Z, which has not come yet: it is 2026-11-21T12:00:00Z";
    assert_eq!(ahead(MINUTE + Duration::from_millis(1)), Err(refused.to_owned()));
}

#[test]
fn a_pause_says_what_it_bars_and_so_many_may_wait_to_be_on_record() {
    let until = Some(noon().plus(HOUR));
    let mut fixture = Fixture::new();
    let granted = order(&mut fixture, &pause_order(Some("move"), until)).unwrap();
    let says = "finance is paused since 2026-11-21T12:00:00Z until 2026-11-21T13:00:00Z: move; \
                copies of backups that exist go on";
    assert_eq!((granted.says.as_str(), granted.changes.len()), (says, 1));
    let again = order(&mut fixture, &pause_order(None, until)).unwrap();
    assert_eq!((again.says.as_str(), again.changes.len()), (says, 0), "it stood already");
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

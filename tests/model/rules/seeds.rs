//! What seeds of the world taught that nobody had run before.

use super::answers::{began, foreign, page, told};
use super::*;
use crate::fixture::*;
use lifeboat::domain::change::AccountEvidence;
use lifeboat::domain::change::LaneEvidence;
use lifeboat::domain::id::BackupId;
use lifeboat::domain::lane::Lane;
use lifeboat::domain::point::RecoveryPoint;

fn noon() -> Time {
    at("2026-11-21T12:00:00Z")
}

fn opened(changes: &[Change]) -> Vec<Occurrence> {
    let of = changes.iter().filter_map(|change| match change {
        Change::Opened { occurrence, .. } => Some(*occurrence),
        _ => None,
    });
    of.collect()
}

/// Copies are begun, fail, and the answers get lost as well: the pauses of one work go on growing from attempt to attempt.
#[test]
fn a_work_that_fails_in_two_ways_is_asked_for_with_pauses_that_grow() {
    let mut talk = Talk::new(1);
    let create = talk.until("CreateBackup");
    let made = talk.make(&create);
    talk.answer(&create, Outcome::Made(Box::new(made)));
    talk.becomes(Lifecycle::Available);
    let (mut asked, mut tokens): (Vec<Time>, Vec<String>) = (Vec::new(), Vec::new());
    let end = talk.now.plus(6 * HOUR);
    while talk.now < end {
        let plan = talk.round();
        if talk.under_way.is_empty() {
            talk.now = plan.wake.at.max(talk.now.plus(SECOND)).min(end);
        }
        for action in std::mem::take(&mut talk.under_way) {
            let Call::Make { key: WorkKey { target: Target::Copy(_), occurrence, .. }, request } = &action.call else {
                let outcome = talk.outcome(&action);
                talk.answer(&action, outcome);
                talk.becomes(Lifecycle::Available);
                continue;
            };
            if occurrence.at == at("2026-11-21T06:00:00Z") {
                asked.push(talk.now);
            }
            // AWS knows its tokens, and what it made FAILED at once.
            if !tokens.contains(&request.token().to_string()) {
                tokens.push(request.token().to_string());
                talk.make(&action);
                talk.becomes(Lifecycle::Failed);
            }
            talk.refuse(&action, FaultClass::Unanswered);
        }
    }
    assert!(tokens.len() >= 3, "{tokens:?}");
    let in_an_hour = |from: &Time| asked.iter().filter(|at| **at >= *from && at.since(*from) < HOUR).count();
    let most = asked.iter().map(in_an_hour).max().unwrap();
    assert!(most <= 20, "{most} asks in an hour: {asked:?}");
}

/// A slot that somebody else's copy takes is not free because an answer that may be of another account does not show it.
#[test]
fn anothers_copy_is_not_over_because_nobody_says_who_does_not_show_it() {
    let mut fixture = Fixture::new();
    let (account, id) = (AccountId::own(), || BackupId::from("backup-other"));
    let others = vec![(id(), vec![Lane::Shared(place(THERE))])];
    fixture.apply(Change::Listed {
        place: place(THERE),
        began_at: noon(),
        took: Duration::ZERO,
        pages: 1,
        user_backups: 0,
        others,
        other_backups: Vec::new(),
    });
    let look = || Call::Poll { ids: vec![id()] };
    let missing = || Outcome::Failed(Fault::new(FaultClass::Missing, "BackupNotFound", ""));
    let over = |changes: &[Change]| {
        changes.contains(&Change::Lane(LaneEvidence::OtherEnded { place: place(THERE), id: id() }))
    };
    assert!(over(&told(&fixture, THERE, look(), missing(), noon())), "of no account anything is on record");
    fixture.apply(Change::AccountRecorded { account, id: "111122223333".into(), at: noon() });
    let changes = told(&fixture, THERE, look(), missing(), noon().plus(SECOND));
    let wanted = Change::ListingWanted { place: place(THERE), at: noon().plus(SECOND) };
    assert!(!over(&changes) && changes.contains(&wanted), "{changes:?}");
    let again = changes.iter().find_map(|change| match change {
        Change::PollScheduled { at, .. } => Some(*at),
        _ => None,
    });
    assert!(again >= Some(noon().plus(MINUTE)), "the listing tells: {again:?}");
    let mut named = foreign("backup-third", Lifecycle::Available);
    named.arn = Some("arn:aws:fsx:us-west-2:111122223333:backup/backup-third".into());
    let of_ours = Outcome::Polled(vec![named]);
    assert!(over(&told(&fixture, THERE, look(), of_ours, noon().plus(SECOND))), "an answer of the account tells");
}

/// Keys change between two answers: a listing that names nobody is not believed because an answer before it named the
/// account, but because one after a listing like it did.
#[test]
fn a_silent_listing_is_believed_once_the_account_was_named_after_one_like_it() {
    let mut fixture = Fixture::new();
    let others = vec![("backup-other".into(), vec![Lane::Shared(place(THERE))])];
    fixture.apply(Change::Listed {
        place: place(THERE),
        began_at: noon(),
        took: Duration::ZERO,
        pages: 1,
        user_backups: 0,
        others,
        other_backups: Vec::new(),
    });
    fixture.apply(Change::AccountRecorded { account: AccountId::own(), id: "111122223333".into(), at: noon() });
    let proven = |fixture: &mut Fixture, at| {
        fixture.apply(Change::Account(AccountEvidence::Proven { place: place(HOME), at }));
    };
    let listed = |fixture: &mut Fixture, at: Time| {
        began(fixture, THERE, at);
        let changes = page(fixture, THERE, vec![], None, at);
        changes.iter().for_each(|change| fixture.apply(change.clone()));
        changes.iter().any(|change| matches!(change, Change::Listed { .. }))
    };
    proven(&mut fixture, noon());
    assert!(!listed(&mut fixture, noon().plus(SECOND)), "named a second before");
    assert!(!listed(&mut fixture, noon().plus(90 * SECOND)), "not named since");
    proven(&mut fixture, noon().plus(100 * SECOND));
    assert!(listed(&mut fixture, noon().plus(180 * SECOND)));
    assert_eq!(fixture.state.places[&place(THERE)].silent_since, None);
    assert!(fixture.state.lanes_held().is_empty());
}

/// Begun by a clock that ran ahead, and the database that saw it begin is lost; its backup is gone, a copy is there. It comes
/// due in the life of this database, which records how it stands and makes nothing anew.
#[test]
fn what_was_begun_ahead_of_time_is_on_record_when_it_comes_due() {
    let mut fixture = Fixture::new();
    fixture.policy().schedule = Schedule::parse("every 6h", "UTC", noon()).unwrap();
    fixture.apply(Change::Synced(1));
    let due = scheduled(12);
    let gone =
        RecoveryPoint { created_at: at("2026-11-20T09:00:00Z"), ..backup("backup-12", due, Lifecycle::Available) };
    fixture.see(&copy("copy-12", &gone, THERE, Lifecycle::Available));
    let record = |now: Time| {
        let mut fixture = fixture.clone();
        fixture.listed(HOME, now.minus(MINUTE));
        let (mut record, mut made) = (Vec::new(), 0);
        loop {
            let plan = planner::plan(&fixture.settings, &fixture.state, now);
            let makes = |action: &&Action| matches!(action.call, Call::Make { .. } | Call::DescribeSources { .. });
            made += plan.actions.iter().filter(makes).count();
            if !plan.record.iter().any(Change::durable) {
                return (record, made);
            }
            plan.record.iter().for_each(|change| fixture.apply(change.clone()));
            record.extend(plan.record.into_iter().filter_map(|change| match change {
                Change::Closed { occurrence, end, .. } => Some((occurrence, end)),
                _ => None,
            }));
        }
    };
    let (record_at_six, made) = record(at("2026-11-21T06:00:00Z"));
    assert_eq!((record_at_six.len(), made), (0, 1), "what comes before it comes due as ever");
    let (record, made) = record(noon());
    assert_eq!((record.last(), made), (Some(&(due, OccurrenceOutcome::Completed)), 0), "{record:?}");
    assert!(record.iter().any(|(of, _)| *of == scheduled(6)), "{record:?}");
}

/// Another account does not show what we asked to be deleted, and says that it does not exist: it is gone once the account
/// on record has answered since.
#[test]
fn a_deletion_is_not_done_because_another_account_may_not_show_it() {
    let mut fixture = Fixture::new();
    let id = || BackupId::from("backup-6");
    fixture.see(&backup("backup-6", scheduled(6), Lifecycle::Available));
    fixture.apply(Change::AccountRecorded { account: AccountId::own(), id: "111122223333".into(), at: noon() });
    fixture.apply(Change::DeletionPlanned {
        place: place(HOME),
        id: id(),
        reason: String::new(),
        confirmed: false,
        at: noon(),
    });
    fixture.apply(Change::DeletionRequested { place: place(HOME), id: id(), at: noon() });
    let token = lifeboat::domain::id::deletion_token(&place(HOME), &id());
    let delete = || Call::Delete { id: id(), token: token.clone() };
    let look = || Call::Poll { ids: vec![id()] };
    let missing = || Outcome::Failed(Fault::new(FaultClass::Missing, "BackupNotFound", ""));
    let gone = |changes: &[Change]| changes.iter().any(|change| matches!(change, Change::BackupRemoved { .. }));
    let soon = noon().plus(SECOND);
    assert!(gone(&told(&fixture, HOME, delete(), Outcome::Deleted, soon)), "no other account can have deleted it");
    for call in [delete(), look()] {
        let mut fixture = fixture.clone();
        let changes = told(&fixture, HOME, call, missing(), soon);
        let wanted = |change: &Change| matches!(change, Change::Account(AccountEvidence::Doubted { .. }));
        assert!(!gone(&changes) && changes.iter().any(wanted), "{changes:?}");
        changes.into_iter().for_each(|change| fixture.apply(change));
        let at = noon().plus(2 * MINUTE);
        fixture.apply(Change::Account(AccountEvidence::Proven { place: place(THERE), at }));
        assert!(gone(&told(&fixture, HOME, look(), missing(), at)));
    }
}

/// A listing shows on its first page the backup of an order that was cancelled meanwhile; the order ends, and the last page
/// must not take it for one that nobody knows.
#[test]
fn an_order_that_ended_between_two_pages_is_not_adopted_with_the_last() {
    let mut fixture = Fixture::new();
    fixture.open(ordered(6));
    fixture.record_request(&key_of(ordered(6), Target::Backup), 1, noon());
    fixture.apply(Change::Cancelled { source: key(0), occurrence: ordered(6), at: noon() });
    began(&mut fixture, HOME, noon());
    let made = backup("backup-6", ordered(6), Lifecycle::Available);
    for change in page(&fixture, HOME, vec![super::answers::shown(&made)], Some("two"), noon()) {
        fixture.apply(change);
    }
    let plan = planner::plan(&fixture.settings, &fixture.state, noon());
    let closed = |change: &&Change| matches!(change, Change::Closed { end: OccurrenceOutcome::Failed, .. });
    let end = plan.record.iter().find(closed).unwrap().clone();
    let mut unended = fixture.clone();
    fixture.apply(end);
    assert_eq!(opened(&page(&fixture, HOME, vec![], None, noon())), []);
    // One of which nothing is on record is taken in.
    unended.state.sources.get_mut(&key(0)).map(std::sync::Arc::make_mut).unwrap().open.clear();
    assert_eq!(opened(&page(&unended, HOME, vec![], None, noon())), [ordered(6)]);
}

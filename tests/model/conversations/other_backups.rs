//! Answers of another account than the one on record.

use super::*;
use lifeboat::planner::audit::credentials_problem;

const OURS: &str = "111122223333";
const THEIRS: &str = "444455556666";

/// Answers everything for so long, as an account that holds what it holds.
fn live(talk: &mut Talk, time: Duration, account: &str, shows: bool) -> Vec<Action> {
    let (until, mut asked) = (talk.now.plus(time), Vec::new());
    while talk.now < until {
        let plan = talk.round();
        if talk.under_way.is_empty() {
            talk.now = plan.wake.at.max(talk.now.plus(SECOND)).min(until);
        }
        for action in std::mem::take(&mut talk.under_way) {
            let outcome = if account == OURS { named(talk.outcome(&action), OURS) } else { elsewhere(&action, shows) };
            asked.push(action.clone());
            talk.answer(&action, outcome);
        }
    }
    asked
}

fn named(mut outcome: Outcome, account: &str) -> Outcome {
    let arn = |observed: &mut ObservedBackup| {
        observed.arn = Some(format!("arn:aws:fsx:us-east-1:{account}:backup/{}", observed.id).into());
    };
    match &mut outcome {
        Outcome::Made(observed) => arn(observed),
        Outcome::Page { observed_backups, .. } | Outcome::Polled(observed_backups) => {
            observed_backups.iter_mut().for_each(arn)
        }
        Outcome::SourcesDescribed(facts) => facts.iter_mut().for_each(|facts| facts.account = Some(account.into())),
        _ => {}
    }
    outcome
}

/// Another account: nothing of ours is there, and perhaps something of its own.
fn elsewhere(action: &Action, shows: bool) -> Outcome {
    let missing = Outcome::Failed(Fault::new(FaultClass::Missing, "BackupNotFound", ""));
    match &action.call {
        Call::ListPage { .. } => {
            let theirs = ObservedBackup {
                id: "backup-theirs".into(),
                lifecycle: Lifecycle::Available,
                created_at: at("2026-01-01T00:00:00Z"),
                failure: None,
                progress_percent: None,
                size_bytes: None,
                kms_key: None,
                kind: FileSystemKind::Windows,
                volume: None,
                copied_from: None,
                arn: None,
                file_system: None,
                copied_from_region: None,
                made_as: lifeboat::domain::point::MadeAs::UserInitiated,
                tags: Tags::new().into(),
            };
            let observed_backups = if shows { vec![theirs] } else { Vec::new() };
            named(Outcome::Page { observed_backups, next_token: None }, THEIRS)
        }
        _ => missing,
    }
}

/// Three occurrences are copied, and who answers is on record.
fn protected() -> Talk {
    let mut talk = Talk::new(1);
    for _ in 0..4 {
        live(&mut talk, 3 * HOUR, OURS, false);
        talk.becomes(Lifecycle::Available);
        live(&mut talk, 10 * MINUTE, OURS, false);
        talk.becomes(Lifecycle::Available);
        live(&mut talk, 10 * MINUTE, OURS, false);
    }
    assert_eq!(talk.state.accounts[&AccountAlias::own()].id.as_str(), OURS);
    assert!(talk.state.sources[&key(0)].newest(&Target::Copy(THERE.into())).is_some());
    talk.changes.clear();
    talk
}

fn gone(talk: &Talk) -> usize {
    talk.changes.iter().filter(|change| matches!(change, Change::BackupRemoved { .. })).count()
}

/// Nothing is believed, asked for or deleted; it is said; and it heals by itself.
#[test]
fn answers_of_another_account_are_refused_until_ours_answers_again() {
    let mut talk = protected();
    let points = |talk: &Talk| talk.state.places.values().map(|known| known.points.len()).sum::<usize>();
    let before = points(&talk);
    let asked = live(&mut talk, DAY, THEIRS, true);
    assert_eq!((gone(&talk), points(&talk)), (0, before));
    let later = &asked[asked.len() / 10..];
    assert!(
        later.iter().all(|action| matches!(action.call, Call::ListPage { .. } | Call::DescribeSources { .. })),
        "{later:?}"
    );
    assert!(later.len() < 2000, "{} calls in a day", later.len());
    let foreign = talk.state.foreign(&AccountAlias::own()).unwrap();
    assert_eq!(foreign.id.as_str(), THEIRS);
    let said = credentials_problem(&talk.settings, &talk.state).unwrap();
    assert!(said.contains(OURS) && said.contains(THEIRS) && said.contains("[daemon] state"), "{said}");
    let findings = audit(&talk.settings, &talk.state, talk.now);
    let found = |finding: &lifeboat::planner::audit::Finding| {
        finding.severity == Severity::Error && finding.what.contains(THEIRS)
    };
    assert!(findings.iter().any(found), "{findings:?}");
    live(&mut talk, 20 * MINUTE, OURS, false);
    assert_eq!((gone(&talk), talk.state.foreign(&AccountAlias::own())), (0, None));
    assert_eq!(credentials_problem(&talk.settings, &talk.state), None);
    live(&mut talk, 12 * HOUR, OURS, false);
    assert!(points(&talk) > before, "and work goes on");
}

const DAY: Duration = Duration::from_secs(86_400);

/// An empty account names nobody, so its silence proves nothing.
#[test]
fn an_account_in_which_nothing_is_takes_nothing_from_the_record() {
    let mut talk = protected();
    live(&mut talk, DAY, THEIRS, false);
    assert_eq!(gone(&talk), 0);
    let deleted = talk
        .changes
        .iter()
        .any(|change| matches!(change, Change::DeletionRequested { .. } | Change::RequestNeverApplied { .. }));
    assert!(!deleted);
    live(&mut talk, HOUR, OURS, false);
    assert_eq!(gone(&talk), 0);
}

/// A file system that another account does not have is asked for again as soon as ours answers, not an hour later.
#[test]
fn what_was_not_found_in_another_account_is_asked_for_again_at_once() {
    let mut talk = protected();
    live(&mut talk, 6 * HOUR, THEIRS, true);
    let lookup = |talk: &Talk| talk.state.sources[&key(0)].lookup.clone();
    let missing = Fault::new(FaultClass::Missing, "FileSystemNotFound", "");
    let (source, at, not_before) = (key(0), talk.now, talk.now.plus(HOUR));
    talk.take_in(vec![Change::SourceLookupFailed { source, fault: missing, at, not_before, batch: None }]);
    assert!(talk.state.foreign(&AccountAlias::own()).is_some());
    live(&mut talk, 20 * MINUTE, OURS, false);
    assert_eq!(talk.state.foreign(&AccountAlias::own()), None);
    assert!(lookup(&talk).not_before < not_before, "{:?}", lookup(&talk));
}

/// What a person deleted is missed all the same, since the account proves itself by its file systems.
#[test]
fn what_was_deleted_in_our_own_account_is_found_gone_though_nothing_is_left() {
    let mut talk = protected();
    talk.policy().schedule = Schedule::parse("0 3 1 1 *", "UTC", talk.now).unwrap();
    talk.take_in(vec![Change::Synced(1)]);
    talk.at_aws.clear();
    live(&mut talk, 2 * HOUR, OURS, false);
    assert!(talk.state.places.values().all(|known| known.points.is_empty()), "{:?}", talk.state.places);
}

/// One that nothing is left in can prove itself no more; its silence is believed in the end, and costs little until then.
#[test]
fn an_account_that_nothing_is_left_in_is_believed_after_days() {
    let mut talk = protected();
    let asked = live(&mut talk, 2 * DAY, THEIRS, false);
    let poll_schedule = asked.iter().filter(|action| matches!(action.call, Call::Poll { .. })).count();
    assert!(
        poll_schedule < 6000,
        "{poll_schedule} looks in two days at {} points",
        talk.state.places.values().map(|known| known.points.len()).sum::<usize>()
    );
    assert_eq!(gone(&talk), 0);
    live(&mut talk, 2 * DAY, THEIRS, false);
    assert!(talk.state.places.values().all(|known| known.points.is_empty()), "{:?}", talk.state.places);
}

/// A Region in which nothing is left names nobody; that the keys are right again is told by another.
#[test]
fn a_region_that_is_empty_by_now_holds_up_nothing_once_the_account_answers_again() {
    let mut talk = protected();
    live(&mut talk, HOUR, THEIRS, true);
    assert!(talk.state.places.values().all(|known| known.foreign.is_some()));
    talk.at_aws.retain(|_, observed| observed.copied_from.is_none());
    live(&mut talk, 20 * MINUTE, OURS, false);
    assert_eq!(talk.state.foreign(&AccountAlias::own()), None);
    let asked = live(&mut talk, 12 * HOUR, OURS, false);
    assert!(asked.iter().any(|action| matches!(action.call, Call::Make { .. })), "and work goes on");
}

/// The account is ours again, and the last word of a Region that cannot be reached since, or refuses to be read, was that
/// of another.
#[test]
fn a_region_that_fell_silent_holds_up_no_other_once_the_account_answers_again() {
    others_go_on_beside(&Fault::new(FaultClass::Unanswered, "Timeout", "no answer in time"));
    others_go_on_beside(&Fault::new(FaultClass::Permanent, "BadRequest", "the request was refused"));
    others_go_on_beside(&Fault::new(FaultClass::Denied, "AccessDeniedException", "you may not"));
}

fn others_go_on_beside(silence: &Fault) {
    let mut talk = protected();
    live(&mut talk, HOUR, THEIRS, true);
    let (until, mut made) = (talk.now.plus(12 * HOUR), Vec::new());
    while talk.now < until {
        let plan = talk.round();
        if talk.under_way.is_empty() {
            talk.now = plan.wake.at.max(talk.now.plus(SECOND)).min(until);
        }
        for action in std::mem::take(&mut talk.under_way) {
            let outcome = if action.place.region.as_str() == THERE {
                assert!(!matches!(action.call, Call::Make { .. } | Call::Delete { .. }), "it is not believed yet");
                Outcome::Failed(silence.clone())
            } else {
                named(talk.outcome(&action), OURS)
            };
            made.extend(matches!(action.call, Call::Make { .. }).then_some(talk.now));
            talk.answer(&action, outcome);
        }
    }
    assert!(talk.state.places[&place(THERE)].foreign.is_some());
    assert_eq!(talk.state.foreign(&AccountAlias::own()), None);
    assert!(!made.is_empty(), "backups go on beside {silence}");
    live(&mut talk, 2 * HOUR, OURS, false);
    assert_eq!(talk.state.foreign_at(&place(THERE)), None);
}

/// Days of silence are days in which somebody asked, not a clock that was set forward.
#[test]
fn a_clock_that_jumps_is_not_days_of_silence() {
    let mut talk = protected();
    live(&mut talk, DAY, THEIRS, false);
    talk.now = talk.now.plus(40 * DAY);
    live(&mut talk, DAY, THEIRS, false);
    assert_eq!(gone(&talk), 0);
    live(&mut talk, HOUR, OURS, false);
    assert_eq!(gone(&talk), 0);
}

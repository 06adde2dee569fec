//! Tags that say one thing, and AWS's fields another, where a script does not show it. `tests/scripts/disputes.txt` has
//! edited tags; `forged.txt`, `unconfirmed.txt` and `misdated.txt` there have what AWS's fields contradict.

use super::*;
use lifeboat::domain::evidence::Objection;
use lifeboat::domain::id::BackupId;
use lifeboat::domain::point::{MadeAs, RecoveryPoint};
use lifeboat::domain::tags::{OCCURRENCE, ORIGIN, SOURCE, TAKEN};
use std::sync::Arc;

/// Three occurrences of two sources are copied.
fn protected() -> Talk {
    let mut talk = Talk::new(2);
    talk.serve();
    talk.now = at("2026-11-21T06:00:00Z");
    for _ in 0..3 {
        occurrence(&mut talk);
    }
    talk.changes.clear();
    talk
}

/// What comes due is made and copied, and six hours pass.
fn occurrence(talk: &mut Talk) {
    let next = talk.now.plus(6 * HOUR);
    for _ in 0..3 {
        talk.serve();
        talk.becomes(Lifecycle::Available);
        talk.wait(10 * MINUTE);
    }
    talk.serve();
    talk.now = next;
}

/// Both Regions are listed.
fn look(talk: &mut Talk) {
    talk.wait(5 * MINUTE);
    let at = talk.now;
    talk.take_in([HOME, THERE].map(|region| Change::ListingWanted { place: place(region), at }).into());
    talk.serve();
}

fn newest(talk: &Talk, target: &Target) -> RecoveryPoint {
    talk.state.sources[&key(0)].newest(target).unwrap().clone()
}

fn at_aws<'a>(talk: &'a mut Talk, point: &RecoveryPoint) -> &'a mut ObservedBackup {
    talk.at_aws.get_mut(&(point.place.region.to_string(), point.id.to_string())).unwrap()
}

fn tag(talk: &mut Talk, point: &RecoveryPoint, tag: &str, value: &str) {
    Arc::make_mut(&mut at_aws(talk, point).tags).insert(tag.to_owned(), value.to_owned());
}

fn disputed(talk: &Talk) -> Vec<(String, String)> {
    let all = talk.state.disputes();
    all.filter(|(.., dispute)| dispute.objection.certain())
        .map(|(_, id, dispute)| (id.to_string(), dispute.objection.what().to_owned()))
        .collect()
}

fn unconfirmed(talk: &Talk) -> usize {
    talk.state.disputes().filter(|(.., dispute)| matches!(dispute.objection, Objection::Unconfirmed(_))).count()
}

fn there() -> Target {
    Target::Copy(THERE.into())
}

fn forged(talk: &Talk, id: &str, like: &RecoveryPoint, of: &str) -> ObservedBackup {
    let mut forged = talk.at_aws[&(like.place.region.to_string(), like.id.to_string())].clone();
    (forged.id, forged.file_system, forged.created_at) = (id.into(), Some(of.into()), talk.now);
    let tags = Arc::make_mut(&mut forged.tags);
    tags.insert(OCCURRENCE.to_owned(), talk.now.to_string());
    forged
}

fn put(talk: &mut Talk, region: &str, observed: ObservedBackup) {
    talk.at_aws.insert((region.to_owned(), observed.id.to_string()), observed);
}

/// A moment of wrong answers must not make a point the newest for years. Since when what is on record is there is known, and
/// stays so; what is new is not counted until AWS says otherwise, and nothing of it is written anywhere.
#[test]
fn what_is_still_to_be_created_is_not_counted() {
    let mut talk = protected();
    let (backup, copy) = (newest(&talk, &Target::Backup), newest(&talk, &there()));
    let far = 50 * 24 * HOUR;
    for point in [&backup, &copy] {
        at_aws(&mut talk, point).created_at = point.created_at.plus(far);
    }
    look(&mut talk);
    assert_eq!(disputed(&talk), []);
    assert_eq!(newest(&talk, &Target::Backup).created_at, backup.created_at);
    assert_eq!(newest(&talk, &there()).taken_at(), copy.taken_at());
    // The answer to a CreateBackup says the same.
    occurrence(&mut talk);
    let backup = newest(&talk, &Target::Backup);
    let create = talk.until("CreateBackup");
    let Outcome::Made(mut made) = talk.outcome(&create) else { panic!() };
    let right = made.created_at;
    made.created_at = right.plus(far);
    let id = made.id.clone();
    talk.at_aws.insert((HOME.to_owned(), id.to_string()), (*made).clone());
    talk.answer(&create, Outcome::Made(made));
    let said = disputed(&talk);
    assert!(matches!(&said[..], [(of, what)] if *of == id.to_string() && what.contains("still to come")), "{said:?}");
    let on_record = |talk: &Talk| talk.state.point(&place(HOME), &id).map(|point| (point.created_at, point.lifecycle));
    assert_eq!(on_record(&talk), Some((talk.now, Lifecycle::Creating)), "what was asked for is there, since now");
    talk.becomes(Lifecycle::Available);
    look(&mut talk);
    assert_eq!(on_record(&talk).map(|(_, lifecycle)| lifecycle), Some(Lifecycle::Available));
    talk.serve();
    assert_eq!(newest(&talk, &Target::Backup).id, backup.id, "the one before it is the newest");
    assert!(!talk.at_aws.values().any(|shown| shown.copied_from.as_ref() == Some(&id)), "not copied");
    assert!(talk.state.places.values().all(|known| known.trouble.is_none()) && talk.calls("CreateBackup").is_empty());
    talk.at_aws.get_mut(&(HOME.to_owned(), id.to_string())).unwrap().created_at = right;
    look(&mut talk);
    talk.serve();
    assert_eq!(disputed(&talk), []);
    assert_eq!((newest(&talk, &Target::Backup).id, newest(&talk, &Target::Backup).created_at), (id.clone(), right));
    let copy = talk.at_aws.values().find(|shown| shown.copied_from.as_ref() == Some(&id)).unwrap();
    assert_eq!(copy.tags[TAKEN], right.to_string());
}

/// Copies whose file system is another than their tags say, and a new database: both Regions are being listed.
fn unlisted(talk: &mut Talk) -> usize {
    let held = talk.state.sources[&key(0)].points.available(&there()).len();
    let mine = source(0).to_string();
    for ((region, _), observed) in &mut talk.at_aws {
        if region == THERE && observed.tags[SOURCE] == mine {
            observed.file_system = Some("fs-0eeeeeeeeeeeeeee0".into());
        }
    }
    talk.now = talk.now.plus(MINUTE);
    talk.state = new_state(talk.now);
    talk.changes.clear();
    talk.round();
    held
}

/// The listing of one Region that is under way is answered.
fn lists(talk: &mut Talk, region: &str) {
    lists_at(talk, &place(region));
}

/// The same of any account; returns which listings are wanted then.
fn lists_at(talk: &mut Talk, place: &AccountRegion) -> Vec<AccountRegion> {
    let lists = |action: &Action| action.place == *place && matches!(action.call, Call::ListPage { .. });
    let at = talk.under_way.iter().position(lists).unwrap();
    let action = talk.under_way.remove(at);
    let outcome = talk.outcome(&action);
    talk.changes.clear();
    talk.answer(&action, outcome);
    let wanted = talk.changes.iter().filter_map(|change| match change {
        Change::ListingWanted { place, .. } => Some(place.clone()),
        _ => None,
    });
    wanted.collect()
}

/// What lacks a copy is copied at once: copies that waited for their backup to be seen are counted in the same moment.
#[test]
fn a_backup_that_is_found_brings_the_copies_in_that_waited_for_it() {
    let mut talk = protected();
    let like = newest(&talk, &there());
    let held = unlisted(&mut talk);
    let failed =
        talk.at_aws.iter_mut().find(|((region, _), shown)| region == THERE && shown.file_system != Some(source(1)));
    let (id, failed) = failed.map(|((_, id), shown)| (BackupId::from(id.as_str()), shown)).unwrap();
    failed.lifecycle = Lifecycle::Failed;
    // Of the same occurrence, and of a backup that nobody ever sees.
    let mut astray = ObservedBackup { id: "backup-astray".into(), ..at_aws(&mut talk, &like).clone() };
    Arc::make_mut(&mut astray.tags).insert(ORIGIN.to_owned(), format!("{HOME}/backup-gone"));
    astray.copied_from = Some("backup-gone".into());
    put(&mut talk, THERE, astray);
    lists(&mut talk, THERE);
    assert_eq!(unconfirmed(&talk), held + 1);
    let known = |talk: &Talk| talk.state.sources.get(&key(0)).map_or(0, |known| known.points.available(&there()).len());
    assert_eq!(known(&talk), 0);
    talk.now = talk.now.plus(MINUTE);
    lists(&mut talk, HOME);
    assert_eq!((unconfirmed(&talk), known(&talk), disputed(&talk)), (1, held - 1, vec![]));
    // When a good one ended is not known, and must not be taken for the moment at which it was found.
    let copies: Vec<_> = talk.state.sources[&key(0)].points.iter().filter(|point| point.origin.is_some()).collect();
    assert_eq!(copies.len(), held);
    assert!(copies.iter().all(|copy| copy.settled_at.is_some() == (copy.id == id)), "{copies:?}");
    let copied = |talk: &mut Talk| talk.calls("CopyBackup").len();
    talk.round();
    assert_eq!(copied(&mut talk), 0);
}

/// Copies of which nothing is to be seen in the Region that they say they came from wait there; both are being listed.
fn waiting_there() -> Talk {
    let mut talk = protected();
    talk.at_aws.retain(|(region, _), _| region != HOME);
    unlisted(&mut talk);
    talk
}

#[test]
fn what_waits_is_looked_at_again_for_no_other_region_and_account_and_not_when_it_is_disputed() {
    for disputed in [false, true] {
        let mut talk = waiting_there();
        for observed in talk.at_aws.values_mut().filter(|_| disputed) {
            observed.made_as = MadeAs::Automatic;
        }
        let mut others = talk.policy().clone();
        (others.name, others.account) = ("others".into(), "111122223333".into());
        others.destinations[0].region = "eu-west-1".into();
        talk.settings.policies.insert(others.name.clone(), others);
        let mut further = talk.policy().destinations[0].clone();
        further.region = "eu-west-1".into();
        talk.policy().destinations.push(further);
        talk.settings.generation = 2;
        talk.round();
        lists(&mut talk, THERE);
        let theirs = AccountRegion { account: "111122223333".into(), region: HOME.into() };
        for place in [&place("eu-west-1"), &theirs] {
            assert_eq!(lists_at(&mut talk, place), [], "{place:?}");
        }
        let wanted = if disputed { vec![] } else { vec![place(THERE)] };
        assert_eq!(lists_at(&mut talk, &place(HOME)), wanted);
    }
}

/// What a person reads of an unconfirmed copy is how it stands now.
#[test]
fn what_an_unconfirmed_copy_claims_is_kept_as_it_changes() {
    let mut talk = protected();
    let copy = newest(&talk, &there());
    talk.at_aws.retain(|(region, _), _| region != HOME);
    unlisted(&mut talk);
    at_aws(&mut talk, &copy).lifecycle = Lifecycle::Copying;
    talk.serve();
    let claim = |talk: &Talk| -> RecoveryPoint {
        let mut disputes = talk.state.disputes();
        disputes.find(|(_, id, _)| **id == copy.id).and_then(|(.., dispute)| dispute.claim.as_deref().cloned()).unwrap()
    };
    assert_eq!((claim(&talk).lifecycle, claim(&talk).occurrence), (Lifecycle::Copying, copy.occurrence));
    let since = |talk: &Talk| talk.state.disputes().find(|(_, id, _)| **id == copy.id).map(|(.., of)| of.since);
    let first = since(&talk);
    at_aws(&mut talk, &copy).lifecycle = Lifecycle::Available;
    look(&mut talk);
    assert_eq!((claim(&talk).lifecycle, since(&talk)), (Lifecycle::Available, first));
    at_aws(&mut talk, &copy).kms_key = Some("key".to_owned());
    look(&mut talk);
    assert_eq!(claim(&talk).kms_key.as_deref(), Some("key"));
    let later = copy.occurrence.at.plus(MINUTE);
    tag(&mut talk, &copy, OCCURRENCE, &later.to_string());
    look(&mut talk);
    assert_eq!(claim(&talk).occurrence.at, later);
    // A hold that a person put on it meanwhile is known when it is taken in.
    tag(&mut talk, &copy, "lifeboat:hold", "audit");
    look(&mut talk);
    assert_eq!(claim(&talk).remarks.hold.as_deref(), Some("audit"));
    talk.changes.clear();
    look(&mut talk);
    assert!(!talk.changes.iter().any(|change| matches!(change, Change::Disputed { .. })), "nothing changed");
}

/// What a copy may have been made of is remembered: backups, where there are sources.
#[test]
fn others_backups_are_remembered_in_each_region_with_sources_and_nothing_else_is() {
    let mut talk = protected();
    let mut second = talk.policy().clone();
    (second.name, second.region, second.sources) = ("second".into(), "eu-west-1".into(), vec![source(7)]);
    talk.settings.policies.insert(second.name.clone(), second);
    talk.settings.generation = 2;
    let like = newest(&talk, &Target::Backup);
    for region in [HOME, THERE, "eu-west-1"] {
        let mut theirs = forged(&talk, "backup-theirs", &like, "fs-0fffffffffffffff0");
        theirs.tags = Arc::default();
        let mut copy = ObservedBackup { id: "backup-copied".into(), ..theirs.clone() };
        copy.copied_from = Some("backup-elsewhere".into());
        put(&mut talk, region, theirs);
        put(&mut talk, region, copy);
    }
    look(&mut talk);
    let remembered = |region: &str| -> Vec<String> {
        talk.state.places[&place(region)].other_backups.keys().map(ToString::to_string).collect()
    };
    assert_eq!([HOME, THERE, "eu-west-1"].map(remembered), [vec!["backup-theirs"], vec![], vec!["backup-theirs"]]);
}

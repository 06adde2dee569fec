//! What one answer proves, weighed against a state written by hand.

use super::*;
use crate::fixture::*;
use crate::world::disk::reloaded;
use lifeboat::domain::evidence::{Evidence, confirms, stands, weigh, weigh_inventory};
use lifeboat::domain::point::{MadeAs, RecoveryPoint};
use lifeboat::domain::state::Dispute;
use lifeboat::domain::tags::{LifeboatTags, ORIGIN, Origin};
use lifeboat::domain::timekeeper::{TOLERATED, Trust};

const OTHER: &str = "fs-0fffffffffffffff0";
const VOLUME: &str = "fsvol-0123456789abcdef0";
const NOW: &str = "2026-11-21T08:00:00Z";
const DAY: Duration = Duration::from_secs(86_400);

/// An answer that shows a point of ours, and nothing that AWS may leave out.
fn shown(point: &RecoveryPoint) -> ObservedBackup {
    let lifeboat_tags = LifeboatTags {
        policy: point.policy.clone(),
        source: point.source.clone(),
        occurrence: point.occurrence,
        attempt: point.attempt,
        origin: point.origin.clone(),
        hold: None,
    };
    ObservedBackup {
        id: point.id.clone(),
        lifecycle: point.lifecycle,
        created_at: point.created_at,
        failure: None,
        progress_percent: None,
        size_bytes: None,
        kms_key: None,
        kind: point.kind,
        file_system: None,
        volume: None,
        copied_from: None,
        copied_from_region: None,
        arn: None,
        made_as: MadeAs::UserInitiated,
        tags: lifeboat_tags.write().into(),
    }
}

fn ours() -> RecoveryPoint {
    backup("backup-1", scheduled(6), Lifecycle::Available)
}

fn our_copy() -> RecoveryPoint {
    copy("backup-2", &ours(), THERE, Lifecycle::Available)
}

/// The copy, with what its tags say of where it came from put otherwise.
fn tagged_otherwise(change: impl FnMut(&mut Origin)) -> RecoveryPoint {
    let mut copy = our_copy();
    copy.origin.iter_mut().for_each(change);
    copy
}

#[test]
fn a_backup_confirms_the_copy_that_names_it_and_no_other() {
    assert!(confirms(&ours(), &our_copy()));
    let rounded = [
        tagged_otherwise(|origin| origin.taken_at = origin.taken_at.plus(SECOND)),
        tagged_otherwise(|origin| origin.taken_at = origin.taken_at.minus(SECOND)),
    ];
    assert!(rounded.iter().all(|claim| confirms(&ours(), claim)), "not every endpoint shows milliseconds");
    let others = [
        ours(),
        tagged_otherwise(|origin| origin.backup = "backup-3".into()),
        tagged_otherwise(|origin| origin.region = THERE.into()),
        tagged_otherwise(|origin| origin.taken_at = origin.taken_at.plus(2 * SECOND)),
        tagged_otherwise(|origin| origin.taken_at = origin.taken_at.minus(2 * SECOND)),
        our_copy().with_provenance(|of| of.place.account = "111122223333".into()),
        our_copy().with_provenance(|of| of.source = source(1)),
        RecoveryPoint { occurrence: ordered(6), ..our_copy() },
    ];
    for claim in &others {
        assert!(!confirms(&ours(), claim), "{claim:?}");
    }
    // A copy is copied no further.
    let of_it = tagged_otherwise(|origin| {
        *origin = Origin { region: THERE.into(), backup: "backup-2".into(), taken_at: our_copy().created_at };
    });
    let further = RecoveryPoint { id: "backup-4".into(), ..of_it };
    assert!(confirms(&RecoveryPoint { origin: None, ..our_copy() }, &further) && !confirms(&our_copy(), &further));
}

/// In a word whose it is, or what speaks against it.
fn said(fixture: &Fixture, known: Option<&RecoveryPoint>, shown: ObservedBackup) -> String {
    let region = if shown.tags.contains_key(ORIGIN) { THERE } else { HOME };
    match weigh(&fixture.state, &place(region), known, shown, at(NOW)) {
        Evidence::Ours(_) => "ours".to_owned(),
        Evidence::Objected { objection, .. } => format!("{}: {}", objection.as_str(), objection.what()),
        Evidence::Others(_) => "others'".to_owned(),
    }
}

/// A whole listing of the sources' Region that began then, and the backups of others that it showed.
fn home_was_listed(fixture: &mut Fixture, began_at: &str, other_backups: &[(&str, &str)]) {
    fixture.apply(Change::Listed {
        place: place(HOME),
        began_at: at(began_at),
        took: Duration::ZERO,
        pages: 1,
        user_backups: 0,
        others: Vec::new(),
        other_backups: other_backups.iter().map(|(id, of)| ((*id).into(), (*of).into())).collect(),
    });
}

#[test]
fn a_backup_is_of_what_awss_fields_name() {
    let fixture = Fixture::new();
    let fields = |of: &str, volume: Option<&str>, file_system: Option<&str>, kind: FileSystemKind| {
        let point = ours().with_provenance(|point| (point.source, point.kind) = (of.into(), kind));
        let (volume, file_system) = (volume.map(Into::into), file_system.map(Into::into));
        said(&fixture, None, ObservedBackup { volume, file_system, ..shown(&point) })
    };
    let mine = source(0).to_string();
    let against = |of: &str, field: &str, says: &str| {
        format!("disputed: its tag lifeboat:source says “{of}”, and AWS's {field} says “{says}”")
    };
    for kind in [FileSystemKind::Windows, FileSystemKind::Lustre, FileSystemKind::OpenZfs, FileSystemKind::Ontap] {
        for file_system in [None, Some(mine.as_str())] {
            assert_eq!(fields(&mine, None, file_system, kind), "ours");
        }
        assert_eq!(fields(&mine, None, Some(OTHER), kind), against(&mine, "FileSystemId", OTHER));
        assert_eq!(fields(&mine, Some(VOLUME), Some(&mine), kind), against(&mine, "VolumeId", VOLUME));
        assert_eq!(fields(VOLUME, Some(VOLUME), Some(OTHER), kind), "ours");
        let of_volume = fields(VOLUME, None, Some(OTHER), kind);
        if kind == FileSystemKind::Ontap {
            assert_eq!(of_volume, "ours");
        } else {
            assert_eq!(of_volume, against(VOLUME, "FileSystemType", kind.as_str()));
        }
    }
}

#[test]
fn what_aws_made_by_itself_is_not_lifeboats() {
    let fixture = Fixture::new();
    for (made_as, word) in [(MadeAs::Automatic, "“AUTOMATIC”"), (MadeAs::AwsBackup, "“AWS_BACKUP”")] {
        let told = said(&fixture, None, ObservedBackup { made_as, ..shown(&ours()) });
        assert!(told.starts_with("disputed: ") && told.contains(word), "{told}");
    }
    assert_eq!(said(&fixture, None, ObservedBackup { made_as: MadeAs::Untold, ..shown(&ours()) }), "ours");
}

#[test]
fn a_copy_is_of_the_backup_that_awss_links_name() {
    let fixture = Fixture::new();
    let linked = |backup: Option<&str>, region: Option<&str>| {
        let (copied_from, copied_from_region) = (backup.map(Into::into), region.map(Into::into));
        let file_system = Some(source(0));
        said(&fixture, None, ObservedBackup { copied_from, copied_from_region, file_system, ..shown(&our_copy()) })
    };
    assert_eq!(linked(None, None), "ours");
    assert_eq!(linked(Some("backup-1"), Some(HOME)), "ours");
    let tag = "disputed: its tag lifeboat:origin says “us-east-1/backup-1”, and";
    assert_eq!(linked(Some("backup-9"), None), format!("{tag} AWS's SourceBackupId says “backup-9”"));
    assert_eq!(linked(Some("backup-1"), Some(THERE)), format!("{tag} AWS's SourceBackupRegion says “us-west-2”"));
}

#[test]
fn a_copy_says_what_is_on_record_of_its_source_backup() {
    let mut fixture = Fixture::new();
    fixture.see(&ours());
    let of_copy = |fixture: &Fixture, claim: &RecoveryPoint| said(fixture, None, shown(claim));
    assert_eq!(of_copy(&fixture, &our_copy()), "ours");
    // Whatever a copy shows as its file system, AWS's link to a backup on record goes before it.
    let linked =
        ObservedBackup { file_system: Some(OTHER.into()), copied_from: Some("backup-1".into()), ..shown(&our_copy()) };
    assert_eq!(said(&fixture, None, linked.clone()), "ours");
    let unlinked = ObservedBackup { copied_from: None, ..linked };
    assert!(said(&fixture, None, unlinked.clone()).ends_with("AWS's FileSystemId says “fs-0fffffffffffffff0”"));
    assert_eq!(said(&fixture, Some(&our_copy()), unlinked.clone()), "ours", "what was confirmed once");
    let before = RecoveryPoint { occurrence: scheduled(7), ..our_copy() };
    let told = said(&fixture, Some(&before), unlinked);
    assert!(told.ends_with("AWS's FileSystemId says “fs-0fffffffffffffff0”"), "by other tags: {told}");
    let of_another = our_copy().with_provenance(|of| of.source = source(1));
    let told = of_copy(&fixture, &of_another);
    assert!(told.ends_with(&format!("and backup-1 is a backup of “{}”", source(0))), "{told}");
    let told = of_copy(&fixture, &RecoveryPoint { occurrence: scheduled(7), ..our_copy() });
    assert!(told.contains("lifeboat:occurrence says “2026-11-21T07:00:00Z”"), "{told}");
    for seconds in [1, 2] {
        let off = SECOND * seconds;
        for told in [
            of_copy(&fixture, &tagged_otherwise(|origin| origin.taken_at = origin.taken_at.plus(off))),
            of_copy(&fixture, &tagged_otherwise(|origin| origin.taken_at = origin.taken_at.minus(off))),
        ] {
            let disputed = told.starts_with("disputed: its tag lifeboat:taken") && told.contains("was created at");
            assert_eq!(disputed, seconds > 1, "{told}");
            assert_eq!(told == "ours", seconds == 1, "{told}");
        }
    }
    // Of one that an endpoint told no time of, the tag's word is all there is.
    let mut fixture = Fixture::new();
    fixture.see(&RecoveryPoint { created_at: Time::ZERO, ..ours() });
    assert_eq!(of_copy(&fixture, &tagged_otherwise(|origin| origin.taken_at = at("2026-11-21T03:00:00Z"))), "ours");
    // A copy is nobody's source backup.
    let mut fixture = Fixture::new();
    fixture.see(&ours());
    fixture.see(&our_copy());
    let of_copy_there = tagged_otherwise(|origin| (origin.region, origin.backup) = (THERE.into(), "backup-2".into()));
    let told = of_copy(&fixture, &RecoveryPoint { id: "backup-4".into(), ..of_copy_there });
    assert_eq!(told, "unconfirmed: its source backup us-west-2/backup-2 was not looked for yet");
}

#[test]
fn a_copy_of_somebodys_backup_is_of_the_source_of_that() {
    let mut fixture = Fixture::new();
    home_was_listed(&mut fixture, "2026-11-21T05:05:00Z", &[("backup-1", OTHER)]);
    let told = format!("us-east-1/backup-1 is a backup of “{OTHER}”");
    for known in [None, Some(&our_copy())] {
        let said = said(&fixture, known, shown(&our_copy()));
        assert!(said.starts_with("disputed: ") && said.ends_with(&told), "{said}");
    }
    // One that lost its tags is still of the source.
    home_was_listed(&mut fixture, "2026-11-21T05:05:00Z", &[("backup-1", source(0).as_str())]);
    assert_eq!(said(&fixture, None, shown(&our_copy())), "ours");
}

#[test]
fn a_copy_whose_source_backup_is_not_to_be_seen_counts_by_itself_or_waits() {
    let made = our_copy().created_at;
    let linked = ObservedBackup { copied_from: Some("backup-1".into()), ..shown(&our_copy()) };
    let shows = |of: &str| ObservedBackup { file_system: Some(of.into()), ..linked.clone() };
    let (mine, silent, other) = (shows(source(0).as_str()), linked.clone(), shows(OTHER));
    let volume = ObservedBackup { volume: Some(VOLUME.into()), ..linked.clone() };
    let word = |said: &str| said.split(':').next().unwrap_or_default().to_owned();
    for (listed_at, of_silent) in [
        (Some(made.minus(SECOND)), "unconfirmed"),
        (Some(made), "unconfirmed"),
        (Some(made.plus(SECOND)), "ours"),
        (None, "ours"),
    ] {
        let mut fixture = Fixture::new();
        match listed_at {
            Some(listed_at) => fixture.listed(HOME, listed_at),
            None => fixture.state = reloaded(&fixture.state, made),
        }
        assert_eq!(said(&fixture, None, mine.clone()), "ours", "{listed_at:?}");
        assert_eq!(word(&said(&fixture, None, silent.clone())), of_silent, "{listed_at:?}");
        for (another, field) in [(&other, "FileSystemId"), (&volume, "VolumeId")] {
            let told = said(&fixture, None, another.clone());
            assert!(told.starts_with("unconfirmed: ") && told.contains(field), "{listed_at:?}: {told}");
            assert!(told.contains("that (us-east-1/backup-1) is not to be seen"), "{listed_at:?}: {told}");
            assert_eq!(said(&fixture, Some(&our_copy()), another.clone()), "ours", "what was confirmed once");
        }
        assert_eq!(said(&fixture, Some(&our_copy()), silent.clone()), "ours", "what was confirmed once");
    }
    // The field that names the source may be the volume's.
    let mut fixture = Fixture::new();
    let of_volume = our_copy().with_provenance(|of| (of.source, of.kind) = (VOLUME.into(), FileSystemKind::Ontap));
    let told = |volume: Option<&str>| ObservedBackup { volume: volume.map(Into::into), ..shown(&of_volume) };
    fixture.listed(HOME, made);
    assert_eq!(said(&fixture, None, told(Some(VOLUME))), "ours");
    assert_eq!(word(&said(&fixture, None, told(None))), "unconfirmed");
    let of_some_volume = ObservedBackup { file_system: Some(OTHER.into()), ..told(None) };
    assert_eq!(word(&said(&fixture, None, of_some_volume)), "unconfirmed", "which of its volumes is not said");
}

#[test]
fn nothing_is_taken_after_its_copy_was_made() {
    let fixture = Fixture { state: new_state(Time::ZERO), ..Fixture::new() };
    let taken = |later: Duration, created_at: Time| {
        let claim = tagged_otherwise(|origin| origin.taken_at = our_copy().created_at.plus(later));
        said(&fixture, None, ObservedBackup { created_at, ..shown(&claim) })
    };
    let made = our_copy().created_at;
    assert_eq!((taken(SECOND, made), taken(2 * SECOND, Time::ZERO)), ("ours".to_owned(), "ours".to_owned()));
    let told = taken(2 * SECOND, made);
    assert!(told.starts_with("disputed: its tag lifeboat:taken") && told.contains("the copy was created at"), "{told}");
    // Nor after now, whatever AWS says for a moment, nor where it was believed before.
    let (far, later) = (at(NOW).plus(3 * DAY), at(NOW).plus(DAY));
    let claim = tagged_otherwise(|origin| origin.taken_at = later);
    let wrong = ObservedBackup { created_at: far, ..shown(&claim) };
    let on_record = RecoveryPoint { created_at: far, ..claim.clone() };
    for (known, answer) in [(None, wrong), (Some(&on_record), shown(&claim)), (Some(&claim), shown(&claim))] {
        let told = said(&fixture, known, answer);
        assert!(told.starts_with("disputed: its tag lifeboat:taken"), "{told}");
    }
}

fn created(at: Time) -> ObservedBackup {
    ObservedBackup { created_at: at, ..shown(&ours()) }
}

/// Since when the backup is there, where it is ours.
fn since(fixture: &Fixture, known: Option<&RecoveryPoint>, shown: ObservedBackup) -> Option<Time> {
    match weigh(&fixture.state, &place(HOME), known, shown, at(NOW)) {
        Evidence::Ours(point) => Some(point.created_at),
        _ => None,
    }
}

/// What an answer said of when the backup was created was recorded as a dispute then.
fn told_before(fixture: &mut Fixture, of: &ObservedBackup, known: Option<&RecoveryPoint>, then: Time) {
    let weighed = weigh(&fixture.state, &place(HOME), known, of.clone(), at(NOW));
    let Evidence::Objected { objection, .. } = weighed else { panic!("{weighed:?}") };
    let dispute = Some(Box::new(Dispute { objection, since: then, claim: None }));
    fixture.apply(Change::Disputed { place: place(HOME), id: of.id.clone(), dispute });
}

#[test]
fn nothing_is_created_later_than_the_tolerated_difference_from_now() {
    let mut fixture = Fixture::new();
    let soon = at(NOW).plus(TOLERATED);
    let later = soon.plus(Duration::from_millis(1));
    for (trust, known) in [
        (Trust::Confirmed, true),
        (Trust::Doubted { since: at(NOW) }, true),
        (Trust::Off, true),
        (Trust::Unproven { since: at(NOW) }, false),
    ] {
        fixture.state.timekeeping.trust = trust;
        assert_eq!(since(&fixture, None, created(soon)), Some(soon), "{trust:?}");
        let told = said(&fixture, None, created(later));
        assert_eq!(told.ends_with("and by AWS's Date that is still to come"), known, "{trust:?}: {told}");
    }
}

/// It is there, and ours; only since when is in doubt.
#[test]
fn what_is_still_to_be_created_is_on_record_as_of_now() {
    let fixture = Fixture::new();
    let far = created(at(NOW).plus(DAY));
    let Evidence::Objected { on_record, claim, shown, .. } =
        weigh(&fixture.state, &place(HOME), None, far.clone(), at(NOW))
    else {
        panic!()
    };
    assert_eq!(on_record.map(|point| (point.id.clone(), point.created_at)), Some((ours().id, at(NOW))));
    assert_eq!((claim.map(|claim| claim.created_at), *shown), (Some(far.created_at), far));
    // What its tags say wrong makes it nobody's for certain.
    let another = ObservedBackup { file_system: Some(OTHER.into()), ..created(at(NOW).plus(DAY)) };
    let weighed = weigh(&fixture.state, &place(HOME), None, another, at(NOW));
    assert!(matches!(weighed, Evidence::Objected { on_record: None, .. }), "{weighed:?}");
}

#[test]
fn a_creation_time_on_record_goes_before_one_that_is_still_to_come() {
    let mut fixture = Fixture::new();
    let far = at(NOW).plus(DAY);
    assert_eq!(since(&fixture, Some(&ours()), created(far)), Some(ours().created_at));
    // The record knows no better where it has none, or one that was still to come itself.
    for known in [Time::ZERO, far.plus(DAY)] {
        let known = RecoveryPoint { created_at: known, ..ours() };
        assert_eq!(since(&fixture, Some(&known), created(far)), None);
        assert_eq!(since(&fixture, Some(&known), created(ours().created_at)), Some(ours().created_at));
    }
    // What was first seen so is on record as of that moment, until AWS says otherwise.
    told_before(&mut fixture, &created(far), None, at(NOW));
    let known = RecoveryPoint { created_at: at(NOW), ..ours() };
    assert_eq!(since(&fixture, Some(&known), created(far)), None);
    assert_eq!(since(&fixture, Some(&known), created(ours().created_at)), Some(ours().created_at));
    // Its copy is not held against such a moment either.
    fixture.see(&known);
    told_before(&mut fixture, &created(far), None, at(NOW));
    assert_eq!(said(&fixture, None, shown(&our_copy())), "ours");
}

#[test]
fn another_creation_time_is_believed_once_it_was_told_for_a_day() {
    let known = ours();
    let off = known.created_at.minus(40 * DAY);
    for (told, believed) in [(DAY, true), (DAY.saturating_sub(Duration::from_millis(1)), false)] {
        let mut fixture = Fixture::new();
        assert!(said(&fixture, Some(&known), created(off)).ends_with("and said “2026-11-21T06:00:00Z” before"));
        told_before(&mut fixture, &created(off), Some(&known), at(NOW).minus(told));
        assert_eq!(since(&fixture, Some(&known), created(off)), believed.then_some(off));
        let other = off.minus(DAY);
        assert_eq!(since(&fixture, Some(&known), created(other)), None, "that is told since now");
        fixture.state.timekeeping.trust = Trust::Off;
        assert_eq!(since(&fixture, Some(&known), created(off)), None, "nobody knows whether it was a day");
    }
}

#[test]
fn a_creation_time_may_be_left_out_or_rounded() {
    let fixture = Fixture::new();
    let known = ours();
    for same in [known.created_at.plus(SECOND), known.created_at.minus(SECOND), Time::ZERO] {
        assert_eq!(since(&fixture, Some(&known), created(same)), Some(same));
    }
    for other in [known.created_at.plus(2 * SECOND), known.created_at.minus(2 * SECOND)] {
        assert_eq!(since(&fixture, Some(&known), created(other)), None);
    }
}

/// A point that an answer shows just as it is known may be spoken against by what was learned since.
#[test]
fn what_is_shown_unchanged_stands_only_while_nothing_speaks_against_it() {
    let mut fixture = Fixture::new();
    let of_backup =
        |fixture: &Fixture, shown: &ObservedBackup| stands(&fixture.state, &place(HOME), &ours(), shown, at(NOW));
    assert!(of_backup(&fixture, &shown(&ours())));
    assert!(!of_backup(&fixture, &created(ours().created_at.minus(DAY))));
    assert!(!of_backup(&fixture, &ObservedBackup { tags: Tags::new().into(), ..shown(&ours()) }));
    let of_copy = |fixture: &Fixture| stands(&fixture.state, &place(THERE), &our_copy(), &shown(&our_copy()), at(NOW));
    assert!(of_copy(&fixture));
    home_was_listed(&mut fixture, "2026-11-21T06:30:00Z", &[("backup-1", OTHER)]);
    assert!(!of_copy(&fixture));
}

/// Whichever Region is read first: a copy is weighed when all backups are known, those of others among them.
#[test]
fn whole_books_are_weighed_together() {
    let others = |id: &str, volume: Option<&str>, file_system: Option<&str>| ObservedBackup {
        id: id.into(),
        volume: volume.map(Into::into),
        file_system: file_system.map(Into::into),
        tags: Tags::new().into(),
        ..shown(&ours())
    };
    let copy_of = |id: &str, backup: &str| {
        let claim = tagged_otherwise(|origin| origin.backup = backup.into());
        shown(&RecoveryPoint { id: id.into(), ..claim })
    };
    let forged = ObservedBackup { id: "backup-forged".into(), file_system: Some(OTHER.into()), ..shown(&ours()) };
    let at_home = vec![
        ObservedBackup { file_system: Some(source(0)), ..shown(&ours()) },
        forged,
        others("backup-volume", Some(VOLUME), Some(OTHER)),
        others("backup-files", None, Some(OTHER)),
        others("backup-nothing", None, None),
    ];
    let there = vec![
        copy_of("copy-ours", "backup-1"),
        copy_of("copy-forged", "backup-forged"),
        copy_of("copy-volume", "backup-volume"),
        copy_of("copy-files", "backup-files"),
    ];
    let expected = [
        ("backup-forged", format!("AWS's FileSystemId says “{OTHER}”")),
        ("copy-files", format!("us-east-1/backup-files is a backup of “{OTHER}”")),
        ("copy-forged", format!("us-east-1/backup-forged is a backup of “{OTHER}”")),
        ("copy-volume", format!("us-east-1/backup-volume is a backup of “{VOLUME}”")),
    ];
    for home_first in [true, false] {
        let mut read = vec![(place(HOME), at_home.clone()), (place(THERE), there.clone())];
        if !home_first {
            read.reverse();
        }
        let state = weigh_inventory(read, at(NOW));
        let points = state.sources[&key(0)].points.iter().map(|point| point.id.to_string());
        assert_eq!(points.collect::<Vec<_>>(), ["backup-1", "copy-ours"], "{home_first}");
        let other_backups = &state.places[&place(HOME)].other_backups;
        let other_backups: Vec<_> = other_backups.iter().map(|(id, of)| (id.as_str(), of.as_str())).collect();
        let known = [("backup-files", OTHER), ("backup-forged", OTHER), ("backup-volume", VOLUME)];
        assert_eq!(other_backups, known, "{home_first}");
        let disputes = state.disputes().map(|(_, id, dispute)| (id.as_str(), dispute.objection.what()));
        let disputes: Vec<_> = disputes.collect();
        assert_eq!(disputes.len(), expected.len(), "{home_first}: {disputes:?}");
        for ((id, what), (of, end)) in disputes.iter().zip(&expected) {
            assert!(id == of && what.ends_with(end.as_str()), "{home_first} {of}: {what}");
        }
    }
}

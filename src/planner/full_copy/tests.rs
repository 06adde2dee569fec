//! Which key names are distinguished.

use super::*;
use crate::domain::change::Change;
use crate::domain::id::{AccountId, AccountRegion, Occurrence, SourceKey, Trigger};
use crate::domain::lane::FileSystemKind;
use crate::domain::point::Provenance;
use crate::domain::remarks::Remarked;
use crate::domain::state::State;
use crate::domain::tags::Origin;
use crate::domain::time::Time;
use std::time::Duration;

const A: &str = "arn:aws:kms:us-west-2:111122223333:key/aaaaaaaa-12ab-34cd-56ef-1234567890ab";
const A_ID: &str = "aaaaaaaa-12ab-34cd-56ef-1234567890ab";
const B: &str = "arn:aws:kms:us-west-2:111122223333:key/bbbbbbbb-12ab-34cd-56ef-1234567890ab";
/// The key behind aws/fsx, which AWS does not reveal.
const OWN: &str = "arn:aws:kms:us-west-2:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab";
const ALIAS: &str = "alias/dr";
const ALIAS_ARN: &str = "arn:aws:kms:us-west-2:111122223333:alias/dr";

/// Copies, oldest first: the key name in the request, if known, the ARN in AWS's response, and whether the copy still
/// exists.
fn after(copies: &[(Option<&str>, &str, bool)], wanted: Option<&str>) -> Option<FullCopy> {
    let stands = |left: bool| if left { Lifecycle::Available } else { Lifecycle::Deleted };
    let copies: Vec<_> = copies.iter().map(|(asked, key, left)| (*asked, *key, stands(*left))).collect();
    after_all(&copies, wanted)
}

/// The same with the lifecycle of each copy.
fn after_all(copies: &[(Option<&str>, &str, Lifecycle)], wanted: Option<&str>) -> Option<FullCopy> {
    let mut state = State::new(Time::ZERO, Time::ZERO);
    let key = SourceKey { account: AccountId::own(), source: "fs-0123456789abcdef0".into() };
    for (nth, (asked, key, lifecycle)) in copies.iter().enumerate() {
        let at = Time::from_secs(1_795_248_000).plus(Duration::from_secs(3600 * nth as u64));
        let copy = RecoveryPoint {
            provenance: Provenance {
                place: AccountRegion { account: AccountId::own(), region: "us-west-2".into() },
                source: "fs-0123456789abcdef0".into(),
                policy: None,
                kms_key: Some((*key).into()),
                asked_key: asked.map(Into::into),
                kind: FileSystemKind::Windows,
                carried: std::sync::Arc::default(),
            }
            .into(),
            id: format!("backup-{nth:017x}").into(),
            occurrence: Occurrence { at, trigger: Trigger::Schedule },
            attempt: 1,
            origin: Some(Origin { region: "us-east-1".into(), backup: "backup-0".into(), taken_at: at }),
            lifecycle: *lifecycle,
            created_at: at,
            settled_at: Some(at),
            progress_percent: None,
            size_bytes: None,
            remarks: Remarked::default(),
        };
        state.apply(&Change::BackupObserved { point: Box::new(copy) }).unwrap();
    }
    let destination = Destination {
        region: "us-west-2".into(),
        rpo: None,
        kms_key: wanted.map(str::to_owned),
        copy_tags: false,
        tags: crate::domain::policy::Tags::new(),
        retain: None,
    };
    let source = state.sources.get(&key).cloned().unwrap_or_else(|| SourceState::new("us-east-1".into()).into());
    next_is_full(&source, &destination)
}

fn changed(from: &str, to: &str) -> Option<FullCopy> {
    Some(FullCopy::KeyChanged { from: from.into(), to: to.into() })
}

fn renamed(from: &str, to: &str) -> Option<FullCopy> {
    Some(FullCopy::KeyRenamed { from: from.into(), to: to.into() })
}

#[test]
fn a_policy_that_did_not_change_is_never_told_of_however_the_key_is_named() {
    for (asked, key) in [(A, A), (A_ID, A), (ALIAS, A), (ALIAS_ARN, A), ("", OWN), (AWS_OWN, OWN)] {
        let policy = Some(asked).filter(|asked| !asked.is_empty());
        assert_eq!(after(&[(Some(asked), key, true)], policy), None, "{asked}");
        // After the loss of the database the names are unknown, and an alias next to an ARN proves nothing.
        assert_eq!(after(&[(None, key, true)], policy), None, "{asked}, words unknown");
        assert_eq!(after(&[(None, key, true), (Some(asked), key, true)], policy), None, "{asked}, some unknown");
    }
}

#[test]
fn other_words_for_the_same_key_are_the_same_key() {
    let names: [&[&str]; 3] = [&[A, A_ID], &[ALIAS, ALIAS_ARN], &["", AWS_OWN]];
    for (one, other) in names.iter().flat_map(|names| names.iter().flat_map(|one| names.iter().map(move |o| (one, o))))
    {
        assert!(same_words(one, other), "{one} {other}");
    }
    assert!(!same_words(A, B) && !same_words(ALIAS, "alias/other") && !same_words(ALIAS, ""));
    // An alias is replaced by the ARN that it resolved to, and the ARN by the alias.
    assert_eq!(after(&[(Some(ALIAS), A, true)], Some(A)), None);
    assert_eq!(after(&[(Some(A), A, false), (Some(ALIAS), A, true), (Some(A), A, true)], Some(ALIAS_ARN)), None);
}

#[test]
fn another_key_by_arn_is_certain_whatever_the_words_were() {
    for asked in [Some(A), Some(A_ID), Some(ALIAS), Some(""), None] {
        assert_eq!(after(&[(asked, A, true)], Some(B)), changed(A, B), "{asked:?}");
    }
    // As long as one copy under the new key exists, the next is incremental to it.
    assert_eq!(after(&[(None, B, true), (Some(A), A, true)], Some(B)), None);
    assert_eq!(after(&[(None, B, false), (Some(A), A, true)], Some(B)), changed(A, B));
}

/// A copy COPYING under the new name is the announced full one: it is not announced again.
#[test]
fn a_full_copy_under_way_is_not_announced_again() {
    let (held, moves) = (Lifecycle::Available, Lifecycle::Copying);
    for (asked, key) in [("", OWN), (ALIAS, A), (B, B)] {
        let wanted = Some(asked).filter(|asked| !asked.is_empty());
        let before = (Some("alias/old"), "arn:aws:kms:us-west-2:111122223333:key/old", held);
        assert!(after_all(&[before], wanted).is_some(), "{asked}");
        assert_eq!(after_all(&[before, (Some(asked), key, moves)], wanted), None, "{asked}");
        assert!(after_all(&[before, (Some(asked), key, Lifecycle::Failed)], wanted).is_some(), "{asked}");
    }
}

#[test]
fn another_alias_may_be_another_key_until_it_is_known_what_it_stands_for() {
    let told = after(&[(Some(ALIAS), A, true)], Some("alias/new"));
    assert_eq!(told, renamed(ALIAS, "alias/new"));
    let words = told.unwrap().announcement(&"fs-1".into(), &"us-west-2".into());
    assert_eq!(
        words,
        "the next copy of fs-1 to us-west-2 may be full: the policy named the key alias/dr and now names alias/new, \
         which may be another one"
    );
    // The name was used before, and what it resolved to is known although that copy is gone.
    assert_eq!(
        after(&[(Some("alias/new"), B, false), (Some(ALIAS), A, true)], Some("alias/new")),
        changed(A, "alias/new")
    );
    assert_eq!(after(&[(Some("alias/new"), A, false), (Some(ALIAS), A, true)], Some("alias/new")), None);
    assert_eq!(after(&[(Some("alias/new"), B, true), (Some(ALIAS), A, true)], Some("alias/new")), None);
    // Copies with unknown names are under a key whose name is known.
    assert_eq!(after(&[(None, A, true), (Some(ALIAS), A, true)], Some("alias/new")), renamed(ALIAS, "alias/new"));
    assert_eq!(
        after(&[(None, B, true), (Some(ALIAS), A, true)], Some("alias/new")),
        None,
        "B may be what it stands for"
    );
}

#[test]
fn a_key_given_up_for_none_and_the_other_way_round() {
    assert_eq!(after(&[(Some(""), OWN, true)], Some(A)), changed(OWN, A));
    assert_eq!(after(&[(Some(""), OWN, true)], Some(ALIAS)), renamed("none (aws/fsx)", ALIAS));
    assert_eq!(after(&[(Some(A), A, true)], None), renamed(A, "none (aws/fsx)"));
    assert_eq!(after(&[(Some(ALIAS), A, true)], None), renamed(ALIAS, "none (aws/fsx)"));
    // Once it is known what the default key is, the result is certain.
    assert_eq!(after(&[(Some(""), OWN, false), (Some(A), A, true)], None), changed(A, "none (aws/fsx)"));
    assert_eq!(after(&[(Some(""), OWN, true), (Some(A), A, true)], None), None);
    assert_eq!(after(&[(None, A, true)], None), None, "after the loss of the database nobody knows");
}

#[test]
fn without_copies_it_is_a_first_one_or_a_chain_that_was_lost() {
    assert_eq!(after(&[], Some(ALIAS)), Some(FullCopy::First));
    assert_eq!(after(&[(Some(ALIAS), A, false)], Some(ALIAS)), Some(FullCopy::Lost));
}

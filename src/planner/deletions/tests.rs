//! What promise 4 protects, checked by code that shares nothing with the retention verdicts, on random states.

use super::*;
use crate::domain::change::OccurrenceRecord;
use crate::domain::id::{AccountId, Occurrence, Region, Trigger};
use crate::domain::lane::FileSystemKind;
use crate::domain::point::Lifecycle;
use crate::domain::point::Provenance;
use crate::domain::policy::{CatchUp, Destination, Retain};
use crate::domain::remarks::Remarked;
use crate::domain::schedule::Schedule;
use crate::domain::tags::Origin;
use crate::planner::retain::FAILED_CLEARED_AFTER;
use std::sync::Arc;

const HOUR: Duration = Duration::from_secs(3600);

/// xorshift: sufficient for drawing, and identical everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n.max(1)
    }
    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

fn now() -> Time {
    Time::parse_rfc3339("2026-11-21T12:00:00Z").unwrap()
}

fn source() -> SourceKey {
    SourceKey { account: AccountId::own(), source: "fs-0123456789abcdef0".into() }
}

fn policy(here: Option<Retain>, there: Option<Retain>) -> Policy {
    Policy {
        name: "one".into(),
        account: AccountId::own(),
        region: "us-east-1".into(),
        sources: vec![source().source],
        select: None,
        exclude: Vec::new(),
        schedule: Schedule::parse("0 * * * *", "America/New_York", now()).unwrap(),
        spread: None,
        start_within: None,
        catch_up: CatchUp::Latest,
        rpo: None,
        tags: BTreeMap::new(),
        retain: here,
        destinations: vec![Destination {
            region: "us-west-2".into(),
            rpo: None,
            kms_key: None,
            copy_tags: false,
            tags: BTreeMap::new(),
            retain: there,
        }],
    }
}

fn settings(policy: &Policy) -> Settings {
    Settings {
        generation: 1,
        daemon: crate::domain::policy::Daemon {
            state: "state.db".into(),
            listen: ([127, 0, 0, 1], 9750).into(),
            control: "control.sock".into(),
            poll: Duration::from_secs(30),
            hosts: Vec::new(),
            prune: true,
        },
        aws: crate::domain::policy::Aws { profile: None, endpoint_url: None, requests_per_second: 4.0 },
        limits: crate::domain::policy::Limits { copies_in_flight: 5, ontap_copies_in_flight: 5 },
        notify: crate::domain::policy::Notify::default(),
        own_account: AccountId::own(),
        accounts: BTreeMap::new(),
        policies: BTreeMap::from([(policy.name.clone(), policy.clone())]),
    }
}

fn point(id: &str, at: Time, of: Option<(&str, Time)>, lifecycle: Lifecycle) -> RecoveryPoint {
    let region: Region = if of.is_some() { "us-west-2".into() } else { "us-east-1".into() };
    RecoveryPoint {
        provenance: Provenance {
            place: AccountRegion { account: AccountId::own(), region },
            source: source().source,
            policy: None,
            kms_key: None,
            kind: FileSystemKind::Windows,
            carried: Arc::default(),
            asked_key: None,
        }
        .into(),
        id: id.into(),
        occurrence: Occurrence { at, trigger: Trigger::Schedule },
        attempt: 1,
        origin: of.map(|(backup, taken_at)| Origin { region: "us-east-1".into(), backup: backup.into(), taken_at }),
        lifecycle,
        created_at: at,
        settled_at: (!lifecycle.in_flight()).then_some(at),
        progress_percent: None,
        size_bytes: None,
        remarks: Remarked::default(),
    }
}

fn watched(state: &mut State) {
    let change = Change::MembershipUpdated {
        source: source(),
        region: "us-east-1".into(),
        policy: "one".into(),
        destinations: vec!["us-west-2".into()],
        since: Time::ZERO,
    };
    state.apply(&change).unwrap();
}

fn seen(state: &mut State, point: &RecoveryPoint) {
    state.apply(&Change::BackupObserved { point: Box::new(point.clone()) }).unwrap();
}

fn rules(draw: &mut Draw) -> Option<Retain> {
    let mut some = |most: u64| draw.chance(3).then(|| draw.below(most) as u32);
    let (last, hourly, daily, weekly) = (some(4), some(6), some(5), some(4));
    let (monthly, yearly) = (some(3), some(3));
    let within = draw.chance(4).then(|| HOUR * draw.below(100) as u32);
    (!draw.chance(8)).then_some(Retain { last, within, hourly, daily, weekly, monthly, yearly })
}

/// A random state: holds, duplicates, keys, gaps, impossible times, copies under way.
fn random_state(draw: &mut Draw) -> (State, Vec<RecoveryPoint>) {
    let mut state = State::new(Time::ZERO, now());
    watched(&mut state);
    let mut points = Vec::new();
    let mut at = now().minus(HOUR * (draw.below(2000) as u32 + 50));
    for step in 0..draw.below(40) + 1 {
        at = at.plus(HOUR * (draw.below(30) as u32 + 1));
        let lifecycle = match draw.below(8) {
            0 => Lifecycle::Failed,
            1 => Lifecycle::Creating,
            _ => Lifecycle::Available,
        };
        let mut backup = point(&format!("backup-{step}"), at, None, lifecycle);
        backup.remarks.change(|remarks| remarks.hold = draw.chance(9).then(|| "audit".into()));
        if draw.chance(25) {
            backup.created_at = if draw.chance(2) { Time::ZERO } else { now().plus(HOUR * 1000) };
        }
        points.push(backup.clone());
        if draw.chance(12) {
            let mut second = backup.clone();
            second.id = format!("backup-{step}-second").as_str().into();
            second.created_at = second.created_at.plus(Duration::from_secs(draw.below(100)));
            points.push(second);
        }
        if lifecycle == Lifecycle::Available && !draw.chance(4) {
            let lifecycle = if draw.chance(6) { Lifecycle::Copying } else { Lifecycle::Available };
            let mut copy = point(&format!("copy-{step}"), at, Some((backup.id.as_str(), backup.created_at)), lifecycle);
            copy = copy.with_provenance(|of| of.kms_key = Some(format!("key-{}", draw.below(3)).into()));
            copy.remarks.change(|remarks| remarks.hold = draw.chance(9).then(Default::default));
            points.push(copy);
        }
        if draw.chance(9) {
            let record = OccurrenceRecord { policy: "one".into(), opened_at: at, caught_up: false, adopted: true };
            let occurrence = Occurrence { at, trigger: Trigger::Schedule };
            state.apply(&Change::Opened { source: source(), occurrence, record }).unwrap();
        }
    }
    for point in &points {
        seen(&mut state, point);
    }
    for point in &points {
        if draw.chance(15) {
            let (place, id) = (point.place.clone(), point.id.clone());
            state.apply(&Change::HoldRequested { place, id, hold: Some(String::new()), at: now() }).unwrap();
        }
    }
    (state, points)
}

/// Why this point must never be deleted, by promise 4 alone.
fn forbidden(state: &State, points: &[RecoveryPoint], point: &RecoveryPoint) -> Option<&'static str> {
    let there = |other: &&RecoveryPoint| other.place == point.place && other.lifecycle == Lifecycle::Available;
    let route = || points.iter().filter(there);
    let taken = |of: &RecoveryPoint| of.origin.as_ref().map_or(of.created_at, |origin| origin.taken_at);
    let sane = |of: &&RecoveryPoint| taken(of) > Time::ZERO && taken(of) <= now();
    if point.lifecycle != Lifecycle::Available {
        return Some("it is no recovery point");
    }
    if route().all(|other| taken(other) <= taken(point))
        || route().filter(sane).all(|other| taken(other) <= taken(point))
    {
        return Some("the newest of its route");
    }
    if point.remarks.hold.is_some() || state.hold_requests.contains_key(&(point.place.clone(), point.id.clone())) {
        return Some("held");
    }
    let copying = points.iter().filter(|other| other.lifecycle == Lifecycle::Copying);
    if copying.filter_map(|copy| copy.origin.as_ref()).any(|origin| origin.backup == point.id) {
        return Some("being read");
    }
    if point.origin.is_some() {
        let key = |other: &&RecoveryPoint| other.kms_key == point.kms_key;
        if route().filter(key).all(|other| taken(other) <= taken(point)) {
            return Some("the last of its key");
        }
    }
    None
}

#[test]
fn nothing_that_promise_4_protects_ever_goes() {
    let mut gone = 0;
    for seed in 1..3000 {
        let mut draw = Draw(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15));
        let (state, points) = random_state(&mut draw);
        let policy = policy(rules(&mut draw), rules(&mut draw));
        for target in targets(&policy) {
            let letting = weigh(&policy, &state, &source(), &target, now());
            let braked = letting.braked.iter().flat_map(|brake| brake.points.iter().map(|(id, _)| id));
            for id in letting.go.iter().map(|(point, _)| &point.id).chain(braked) {
                let point = points.iter().find(|point| point.id == *id).unwrap();
                assert_eq!(forbidden(&state, &points, point), None, "seed {seed}: {id}");
                gone += 1;
            }
            let (go, held) = (letting.go.len(), state.sources[&source()].points.available(&target).len());
            assert!(go <= 2 || go * 5 <= held, "seed {seed}: {go} of {held} past the brake");
        }
    }
    assert!(gone > 5000, "the draws let hardly anything go: {gone}");
}

#[test]
fn a_source_or_destination_that_left_loses_nothing() {
    let mut state = State::new(Time::ZERO, now());
    watched(&mut state);
    for hours in 1..30 {
        let at = now().minus(HOUR * hours);
        seen(&mut state, &point(&format!("backup-{hours}"), at, None, Lifecycle::Available));
        seen(&mut state, &point(&format!("copy-{hours}"), at, Some(("b", at)), Lifecycle::Available));
    }
    let mut policy = policy(
        Some(Retain { last: Some(28), ..Retain::default() }),
        Some(Retain { last: Some(28), ..Retain::default() }),
    );
    let copies = Target::Copy("us-west-2".into());
    assert_eq!(weigh(&policy, &state, &source(), &copies, now()).go.len(), 1);
    policy.destinations.clear();
    assert!(words(&policy, &state, &source(), &copies, now()).is_empty(), "nothing gives it up");
    assert!(policy_of(&settings(&policy), &state.sources[&source()]).is_some());
    state.apply(&Change::SourceDeparted { source: source() }).unwrap();
    assert!(policy_of(&settings(&policy), &state.sources[&source()]).is_none());
}

#[test]
fn what_failed_goes_after_a_day_unless_its_attempt_still_counts() {
    let mut state = State::new(Time::ZERO, now());
    watched(&mut state);
    let at = now().minus(HOUR * 30);
    let mut failed = point("backup-failed", at, None, Lifecycle::Failed);
    failed.remarks.change(|remarks| remarks.failure = Some("no space".into()));
    let record = OccurrenceRecord { policy: "one".into(), opened_at: at, caught_up: false, adopted: false };
    state.apply(&Change::Opened { source: source(), occurrence: failed.occurrence, record }).unwrap();
    seen(&mut state, &failed);
    assert!(retain::failed_to_clear(&state, &source(), now()).0.is_empty(), "its occurrence is open");
    let mut second = point("backup-good", at, None, Lifecycle::Available);
    second.attempt = 2;
    seen(&mut state, &second);
    let (clear, _) = retain::failed_to_clear(&state, &source(), now());
    assert_eq!(clear.len(), 1);
    assert_eq!(clear[0].1, "FAILED: no space");
    let early = at.plus(FAILED_CLEARED_AFTER).minus(Duration::from_secs(1));
    let (clear, next) = retain::failed_to_clear(&state, &source(), early);
    assert!(clear.is_empty());
    assert_eq!(next, at.plus(FAILED_CLEARED_AFTER));
    failed.remarks.change(|remarks| remarks.hold = Some(Default::default()));
    seen(&mut state, &failed);
    assert!(retain::failed_to_clear(&state, &source(), now()).0.is_empty(), "held");
}

#[test]
fn a_listing_that_lags_does_not_bring_back_what_was_deleted() {
    use crate::domain::action::Outcome;
    use crate::domain::point::ObservedBackup;
    let (policy, at) = (policy(None, None), now().minus(HOUR * 30));
    let settings = settings(&policy);
    let mut state = State::new(Time::ZERO, now());
    watched(&mut state);
    let backup = point("backup-1", at, None, Lifecycle::Available);
    seen(&mut state, &backup);
    let place = backup.place.clone();
    let lifeboat_tags = crate::domain::tags::LifeboatTags {
        policy: None,
        source: backup.source.clone(),
        occurrence: backup.occurrence,
        attempt: 1,
        origin: None,
        hold: None,
    };
    let shown = ObservedBackup {
        id: backup.id.clone(),
        lifecycle: Lifecycle::Available,
        created_at: at,
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
        made_as: crate::domain::point::MadeAs::UserInitiated,
        tags: lifeboat_tags.write().into(),
    };
    state.apply(&Change::BackupRemoved { place: place.clone(), id: backup.id.clone(), at: now() }).unwrap();
    state.apply(&Change::ListingBegan { place: place.clone(), at: now() }).unwrap();
    let listed = |now: Time| {
        let action = Action { place: place.clone(), call: Call::ListPage { next_token: None } };
        let page = Outcome::Page { observed_backups: vec![shown.clone()], next_token: None };
        let changes = crate::planner::process_outcome(&settings, &state, &action, page, now);
        changes.iter().any(|change| matches!(change, Change::BackupObserved { .. }))
    };
    assert!(!listed(now().plus(Duration::from_secs(100))));
    assert!(listed(now().plus(HOUR)), "what is there after all is taken in again");
}

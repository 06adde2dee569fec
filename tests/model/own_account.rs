//! The daemon's own account gets its id from the first response that names it, whatever was under way: a policy that says
//! nothing of its account comes to the same as one that has had the id from the beginning.

use lifeboat::domain::action::{CallKey, Request};
use lifeboat::domain::change::{Change, OccurrenceRecord};
use lifeboat::domain::id::{AccountId, Occurrence, SourceKey, Target, Trigger, WorkKey};
use lifeboat::domain::policy::Tags;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::{Backup, Cloud, FileSystemSeed, FileSystemType};
use lifeboat::sim::rehearse::Rehearsal;
use lifeboat::sim::{Fault, Faults};
use std::sync::Arc;
use std::time::Duration;

const START: Time = Time::from_secs(1_795_248_000);
const OWN: &str = "111122223333";

/// Three days of two policies whose calls go wrong in many ways.
fn lived(seed: u64, account: &AccountId, faults: bool) -> Rehearsal {
    let policy = |name: &str, id: &str, schedule: &str| {
        format!(
            "[[policy]]\nname = \"{name}\"\nregion = \"us-east-1\"\nschedule = \"{schedule}\"\nrpo = \"30h\"\n\
             retain = {{ last = 3 }}\nfile_systems = [\"{id}\"]\n\
             [[policy.destination]]\nregion = \"us-west-2\"\nretain = {{ last = 2 }}\n\
             [[policy.destination]]\nregion = \"eu-west-1\"\n"
        )
    };
    let text = policy("a", "fs-0123456789abcdef0", "every 4h") + &policy("b", "fs-0123456789abcdef1", "every 6h");
    let mut settings = lifeboat::config::parse(&[("test".to_owned(), text)], START).unwrap().settings;
    settings.policies.values_mut().for_each(|policy| policy.account = account.clone());
    let mut cloud = Cloud::new(seed);
    for id in ["fs-0123456789abcdef0", "fs-0123456789abcdef1"] {
        let mut member = FileSystemSeed::new(FileSystemType::Windows);
        member.id = Some(id.to_owned());
        cloud.add_file_system_seed(START.millis(), OWN, "us-east-1", &member).unwrap();
    }
    let fault = Fault {
        throttle_percent: 10.0,
        close_after_percent: 5.0,
        error_before_percent: 5.0,
        latency_jitter_ms: 8_000,
        fail_copy_percent: 10.0,
        ..Fault::default()
    };
    let fault = if faults { vec![fault] } else { Vec::new() };
    cloud.set_faults(Faults { cloud: None, fault }, Some(START.millis()));
    let mut rehearsal = Rehearsal::new(settings, cloud, START);
    rehearsal.run_until(START.plus(Duration::from_secs(3 * 86_400))).unwrap();
    rehearsal
}

#[test]
fn it_comes_to_the_same_as_if_the_id_had_been_known() {
    let made = |rehearsal: &Rehearsal| -> Vec<(String, String, i64, Option<i64>)> {
        let shown = |backup: &Backup| {
            let tags = serde_json::to_string(&*backup.tags).unwrap();
            (backup.id.clone(), tags, backup.created_ms, backup.ended_ms)
        };
        rehearsal.cloud().backups().map(|(_, backup)| shown(backup)).collect()
    };
    for seed in 0..8 {
        let (learned, known) = (lived(seed, &AccountId::own(), false), lived(seed, &OWN.into(), false));
        assert!(made(&known).len() > 40);
        assert_eq!(made(&learned), made(&known), "seed {seed}");
        // The lookup that names the account is one more.
        let mut calls = known.calls().clone();
        *calls.get_mut("DescribeFileSystems").unwrap() += 1;
        assert_eq!(*learned.calls(), calls, "seed {seed}");
        let (learned, known) = (learned.state(), known.state());
        assert_eq!(learned.own_account, Some(OWN.into()));
        assert_eq!(learned.sources, known.sources, "seed {seed}");
        for (place, there) in &known.places {
            assert_eq!(learned.places.get(place), Some(there), "seed {seed}: {place}");
        }
    }
}

#[test]
fn nothing_is_left_of_the_account_without_a_name() {
    for seed in 0..20 {
        let learned = lived(seed, &AccountId::own(), true);
        let state = learned.state();
        assert_eq!(state.own_account, Some(OWN.into()), "seed {seed}");
        let keys = state.sources.keys().map(|key| &key.account).chain(state.active.iter().map(|key| &key.account));
        let places = state.places.keys().map(|place| &place.account);
        let rpos = state.notes.rpos.keys().map(|(key, _)| &key.account);
        let reviews = state.reviews.iter().map(|(_, key)| &key.account);
        assert!(keys.chain(places).chain(rpos).chain(reviews).all(AccountId::is_named), "seed {seed}");
        let calls = state.places.values().flat_map(|known| &known.calls);
        let astray = calls.filter(|call| matches!(call, CallKey::Make(key) if !key.source.account.is_named()));
        assert_eq!(astray.count(), 0, "seed {seed}");
        assert!(learned.settings().policies.values().all(|policy| policy.account.as_str() == OWN), "seed {seed}");
    }
}

/// The database is that of a role in the account that turns out to be the daemon's own: what was open there goes on.
#[test]
fn what_a_role_left_behind_in_the_own_account_is_taken_over() {
    let occurrence = Occurrence { at: START, trigger: Trigger::Schedule };
    let source = |account: AccountId| SourceKey { account, source: "fs-0123456789abcdef0".into() };
    let of_role = source(OWN.into());
    let record = OccurrenceRecord { policy: "a".into(), opened_at: START, caught_up: false, adopted: false };
    let watched = |source: SourceKey| Change::MembershipUpdated {
        source,
        region: "us-east-1".into(),
        policy: "a".into(),
        destinations: Vec::new(),
        since: START,
    };
    let token = WorkKey { source: of_role.clone(), occurrence, target: Target::Backup }.token(1);
    let request = Request::CreateBackup { source: of_role.source.clone(), token, tags: Tags::new() };
    let key = WorkKey { source: of_role.clone(), occurrence, target: Target::Backup };
    let mut state = State::new(START, START);
    for change in [
        watched(of_role.clone()),
        Change::Opened { source: of_role.clone(), occurrence, record },
        Change::RequestRecorded { key: key.clone(), attempt: 1, request: Arc::new(request), at: START },
        Change::SourceDeparted { source: of_role.clone() },
        watched(source(AccountId::own())),
        Change::OwnAccountNamed(OWN.into(), START),
    ] {
        state.apply(&change).unwrap();
    }
    assert_eq!(state.sources.len(), 1);
    let merged = &state.sources[&of_role];
    assert!(merged.membership.is_some() && merged.open.contains_key(&occurrence));
    assert!(state.pending_request(&key).is_some_and(|pending| pending.open));
    assert!(state.active.contains(&of_role));
}

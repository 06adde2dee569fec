//! The planner, spoken to by hand: time passes, AWS answers, and what it then wants is looked at.

mod answers;
mod brakes;
mod capacity;
mod changes;
mod clock;
mod copy_selection;
mod deleted_backups;
mod disputes;
mod durations;
mod edits;
mod endings;
mod evidence;
mod fixture;
mod lanes;
mod orders;
mod other_backups;
mod prunings;
mod rounds;
mod scripts;
mod seeds;
mod stuck;

use lifeboat::domain::action::{Action, Call, Outcome, Request, SourceFacts};
use lifeboat::domain::change::{Change, OccurrenceOutcome};
use lifeboat::domain::fault::{Fault, FaultClass};
use lifeboat::domain::id::{AccountAlias, AccountRegion, Occurrence, SourceId, SourceKey, Target, Trigger, WorkKey};
use lifeboat::domain::lane::FileSystemKind;
use lifeboat::domain::plan::{Plan, Reason};
use lifeboat::domain::point::{Lifecycle, ObservedBackup};
use lifeboat::domain::policy::{Aws, CatchUp, Daemon, Destination, Limits, Notify, Policy, Retain, Settings, Tags};
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::planner;
use lifeboat::planner::audit::{Severity, audit};
use lifeboat::planner::polling::{listing_beat, stale_after};
use lifeboat::planner::retry::{pause, pause_after_failed, pause_for_place};
use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const POLL: Duration = Duration::from_secs(30);
const HOME: &str = "us-east-1";
const THERE: &str = "us-west-2";

fn at(text: &str) -> Time {
    Time::parse_rfc3339(text).unwrap()
}

fn source(number: usize) -> SourceId {
    format!("fs-0123456789abcde{number:02x}").as_str().into()
}

fn tags(of: &[(&str, &str)]) -> Tags {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn place(region: &str) -> AccountRegion {
    AccountRegion { account: AccountAlias::own(), region: region.into() }
}

fn settings(sources: usize, start: Time) -> Settings {
    let policy = Policy {
        name: "finance".into(),
        account: AccountAlias::own(),
        region: HOME.into(),
        sources: (0..sources).map(source).collect(),
        schedule: Schedule::parse("every 6h", "UTC", start).unwrap(),
        start_within: None,
        catch_up: CatchUp::Latest,
        rpo: Some(13 * HOUR),
        tags: tags(&[("team", "policy")]),
        retain: None,
        destinations: vec![Destination {
            region: THERE.into(),
            rpo: None,
            kms_key: Some("alias/dr".to_owned()),
            copy_tags: true,
            tags: tags(&[("site", "dr")]),
            retain: None,
        }],
    };
    Settings {
        generation: 1,
        daemon: Daemon {
            state: "state.db".into(),
            listen: ([127, 0, 0, 1], 9750).into(),
            control: "control.sock".into(),
            poll: POLL,
            hosts: Vec::new(),
            prune: true,
        },
        aws: Aws { profile: None, endpoint_url: None, requests_per_second: 4.0 },
        limits: Limits { copies_in_flight: 5, ontap_copies_in_flight: 5 },
        notify: Notify::default(),
        policies: [(policy.name.clone(), policy)].into(),
    }
}

/// The planner, its state, a clock, and an AWS that keeps what it was asked for.
struct Talk {
    settings: Settings,
    state: State,
    now: Time,
    under_way: Vec<Action>,
    at_aws: BTreeMap<(String, String), ObservedBackup>,
    changes: Vec<Change>,
}

impl Talk {
    /// A new database at 05:59:50, ten seconds before an occurrence.
    fn new(sources: usize) -> Self {
        let start = at("2026-11-21T05:59:50Z");
        Self {
            settings: settings(sources, start),
            state: State::new(start, start),
            now: start,
            under_way: Vec::new(),
            at_aws: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    fn policy(&mut self) -> &mut Policy {
        self.settings.policies.values_mut().next().unwrap()
    }

    fn take_in(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.state.apply(&change).unwrap_or_else(|error| panic!("{change:?}: {error}"));
            self.changes.push(change);
        }
    }

    /// Plans until there is nothing more to record; what is to be called is under way then.
    fn round(&mut self) -> Plan {
        self.take_in(Vec::new());
        for _ in 0..50 {
            let mut plan = planner::plan(&self.settings, &self.state, self.now);
            let record = std::mem::take(&mut plan.record);
            let goes_on = !record.is_empty();
            self.take_in(record);
            self.state.clock = self.now;
            self.under_way.append(&mut plan.actions);
            if !goes_on {
                return plan;
            }
        }
        panic!("the planner never rests");
    }

    fn wait(&mut self, time: Duration) -> Plan {
        self.now = self.now.plus(time);
        self.round()
    }

    /// The calls of one operation that are under way, taken out.
    fn calls(&mut self, operation: &str) -> Vec<Action> {
        let is = |action: &Action| action.call.operation() == operation;
        let (taken, rest) = self.under_way.drain(..).partition(is);
        self.under_way = rest;
        taken
    }

    fn answer(&mut self, action: &Action, outcome: Outcome) {
        let changes = planner::process_outcome(&self.settings, &self.state, action, outcome, self.now);
        self.take_in(changes);
    }

    fn refuse(&mut self, action: &Action, class: FaultClass) {
        self.answer(action, Outcome::Failed(Fault::new(class, "Refused", "so it is")));
    }

    /// What AWS does with a request that makes something.
    fn make(&mut self, action: &Action) -> ObservedBackup {
        let Call::Make { request, .. } = &action.call else { panic!("{action:?}") };
        let number = self.at_aws.len();
        let (lifecycle, tags, copied_from) = match &**request {
            Request::CreateBackup { tags, .. } => (Lifecycle::Creating, tags.clone(), None),
            Request::CopyBackup { tags, backup, .. } => (Lifecycle::Copying, tags.clone(), Some(backup.clone())),
        };
        let of = match &**request {
            Request::CreateBackup { source, .. } => Some(source.clone()),
            Request::CopyBackup { backup, .. } => {
                self.at_aws.get(&(HOME.to_owned(), backup.to_string())).and_then(|backup| backup.file_system.clone())
            }
        };
        let observed = ObservedBackup {
            id: format!("backup-0123456789abcd{number:03x}").as_str().into(),
            lifecycle,
            created_at: self.now,
            failure: None,
            progress_percent: None,
            size_bytes: None,
            kms_key: None,
            kind: FileSystemKind::Windows,
            volume: None,
            copied_from_region: copied_from.as_ref().map(|_| HOME.into()),
            copied_from,
            file_system: of,
            made_as: lifeboat::domain::point::MadeAs::UserInitiated,
            tags: tags.into(),
            arn: None,
        };
        self.at_aws.insert((action.place.region.to_string(), observed.id.to_string()), observed.clone());
        observed
    }

    fn becomes(&mut self, lifecycle: Lifecycle) {
        for observed in self.at_aws.values_mut().filter(|observed| observed.lifecycle.in_flight()) {
            observed.lifecycle = lifecycle;
        }
    }

    /// What AWS answers.
    fn outcome(&mut self, action: &Action) -> Outcome {
        let region = action.place.region.to_string();
        match &action.call {
            Call::Make { .. } => Outcome::Made(Box::new(self.make(action))),
            Call::ListPage { .. } => {
                let here = self.at_aws.iter().filter(|((of, _), _)| *of == region);
                Outcome::Page {
                    observed_backups: here.map(|(_, observed)| observed.clone()).collect(),
                    next_token: None,
                }
            }
            Call::Poll { ids } => {
                let known = ids.iter().filter_map(|id| self.at_aws.get(&(region.clone(), id.to_string())));
                Outcome::Polled(known.cloned().collect())
            }
            Call::DescribeSources { ids } => Outcome::SourcesDescribed(ids.iter().map(facts).collect()),
            Call::Delete { id, .. } => {
                self.at_aws.remove(&(region, id.to_string()));
                Outcome::Deleted
            }
            call => panic!("{call:?}"),
        }
    }

    /// Answers everything as AWS would, until nothing more is asked.
    fn serve(&mut self) {
        loop {
            self.round();
            if self.under_way.is_empty() {
                return;
            }
            for action in std::mem::take(&mut self.under_way) {
                let outcome = self.outcome(&action);
                self.answer(&action, outcome);
            }
        }
    }

    /// Lets time pass, and answers what only reads, until a call of this operation is under way; within a day.
    fn until(&mut self, operation: &str) -> Action {
        let deadline = self.now.plus(24 * HOUR);
        while self.now < deadline {
            let plan = self.round();
            if let Some(found) = self.calls(operation).into_iter().next() {
                return found;
            }
            let reads = std::mem::take(&mut self.under_way);
            if reads.is_empty() {
                self.now = plan.wake.at.max(self.now.plus(SECOND));
            }
            for action in reads {
                let outcome = self.outcome(&action);
                self.answer(&action, outcome);
            }
        }
        panic!("{operation} is never called")
    }

    /// Ready for the occurrence of six o'clock: the state is read, and it is due.
    fn at_six(sources: usize) -> Self {
        let mut talk = Self::new(sources);
        talk.serve();
        talk.now = at("2026-11-21T06:00:00Z");
        talk.round();
        talk
    }

    /// The same, with the sources looked up: the backups are asked for.
    fn asking(sources: usize) -> Self {
        let mut talk = Self::at_six(sources);
        for lookup in talk.calls("DescribeFileSystems") {
            let Call::DescribeSources { ids } = &lookup.call else { panic!("{lookup:?}") };
            let found = ids.iter().map(facts).collect();
            talk.answer(&lookup, Outcome::SourcesDescribed(found));
        }
        talk.round();
        talk
    }

    fn ended(&self) -> Vec<(String, OccurrenceOutcome, String)> {
        let ended = self.changes.iter().filter_map(|change| match change {
            Change::Closed { occurrence, end, reason, .. } => Some((occurrence.at.to_string(), *end, reason.clone())),
            _ => None,
        });
        ended.collect()
    }
}

fn facts(id: &SourceId) -> SourceFacts {
    SourceFacts {
        source: id.clone(),
        kind: FileSystemKind::Windows,
        lifecycle: "AVAILABLE".to_owned(),
        tags: tags(&[("team", "own"), ("floor", "2"), ("aws:x", "y")]),
        name: None,
        account: None,
    }
}

fn key(number: usize) -> SourceKey {
    SourceKey { account: AccountAlias::own(), source: source(number) }
}

fn work(number: usize, target: Target) -> WorkKey {
    let occurrence = Occurrence { at: at("2026-11-21T06:00:00Z"), trigger: Trigger::Schedule };
    WorkKey { source: key(number), occurrence, target }
}

fn tagged(tags: &Tags, key: &str) -> Option<String> {
    tags.get(key).cloned()
}

/// From a new database to a completed occurrence, request by request.
#[test]
fn a_day_as_it_should_be() {
    let mut talk = Talk::new(1);
    let plan = talk.round();
    assert_eq!(plan.wake.at, at("2026-11-21T06:00:00Z"), "{:?}", plan.wake);
    let lists: Vec<String> = talk.under_way.iter().map(|action| action.place.region.to_string()).collect();
    assert_eq!((lists.len(), talk.under_way[0].call.operation()), (2, "DescribeBackups"), "{lists:?}");
    talk.serve();
    talk.wait(9 * SECOND);
    assert!(talk.under_way.is_empty() && talk.ended().is_empty(), "{:?}", talk.under_way);
    talk.wait(SECOND);
    let look_ups = talk.calls("DescribeFileSystems");
    assert_eq!(look_ups.len(), 1);
    talk.answer(&look_ups[0], Outcome::SourcesDescribed(vec![facts(&source(0))]));
    talk.round();
    let creates = talk.calls("CreateBackup");
    let Call::Make { key: made, request } = &creates[0].call else { panic!("{creates:?}") };
    let Request::CreateBackup { source: of, token, tags } = &**request else { panic!("{request:?}") };
    assert_eq!((made, of, token), (&work(0, Target::Backup), &source(0), &work(0, Target::Backup).token(1)));
    assert_eq!(tagged(tags, "team").as_deref(), Some("policy"), "the policy's tags go before the source's own");
    assert_eq!((tagged(tags, "floor").as_deref(), tagged(tags, "aws:x")), (Some("2"), None));
    assert_eq!(tagged(tags, "lifeboat:attempt").as_deref(), Some("1"));
    let observed = talk.make(&creates[0]);
    talk.answer(&creates[0], Outcome::Made(Box::new(observed.clone())));
    let plan = talk.round();
    assert_eq!(plan.wake.at, talk.now.plus(POLL), "{:?}", plan.wake);
    assert!(talk.under_way.is_empty(), "one backup, asked for once");
    talk.becomes(Lifecycle::Available);
    talk.wait(POLL);
    let polls = talk.calls("DescribeBackups");
    assert_eq!(polls.len(), 1);
    let seen = talk.at_aws.values().cloned().collect();
    talk.answer(&polls[0], Outcome::Polled(seen));
    talk.round();
    let copies = talk.calls("CopyBackup");
    let Call::Make { key: made, request } = &copies[0].call else { panic!("{copies:?}") };
    let Request::CopyBackup { source_region, backup, kms_key, token, tags } = &**request else { panic!() };
    let there = Target::Copy(THERE.into());
    assert_eq!((made, token), (&work(0, there.clone()), &work(0, there.clone()).token(1)));
    assert_eq!((source_region.as_str(), backup), (HOME, &observed.id));
    assert_eq!((kms_key.as_deref(), copies[0].place.region.as_str()), (Some("alias/dr"), THERE));
    assert_eq!((tagged(tags, "site").as_deref(), tagged(tags, "floor").as_deref()), (Some("dr"), Some("2")));
    assert_eq!(tagged(tags, "lifeboat:origin"), Some(format!("{HOME}/{}", observed.id)));
    assert_eq!(tagged(tags, "lifeboat:taken"), Some(observed.created_at.to_string()));
    let copy = talk.make(&copies[0]);
    talk.answer(&copies[0], Outcome::Made(Box::new(copy)));
    assert!(talk.ended().is_empty());
    talk.round();
    talk.becomes(Lifecycle::Available);
    talk.now = talk.now.plus(POLL);
    talk.serve();
    let ended = talk.ended();
    assert_eq!((ended.len(), ended[0].1), (1, OccurrenceOutcome::Completed), "{ended:?}");
    let wake = talk.round().wake;
    assert!(wake.at > talk.now && wake.at <= at("2026-11-21T06:10:00Z"), "the next listing: {wake:?}");
    assert!(audit(&talk.settings, &talk.state, talk.now).is_empty());
}

/// Each class of refusal has its own first pause, doubles, and ends at its bound; jitter spreads it by a quarter.
#[test]
fn pauses_are_exactly_as_long_as_their_class_says() {
    use FaultClass::{
        Credentials, Denied, Missing, NoSlot, Permanent, Quota, Throttled, TokenConflict, TransientState, Unanswered,
    };
    for (classes, first, longest) in [
        (vec![Unanswered, Throttled, TokenConflict], SECOND, HOUR),
        (vec![NoSlot], POLL / 2, POLL * 7 / 4),
        (vec![TransientState], POLL, HOUR),
        (vec![Quota], 5 * MINUTE, HOUR),
        (vec![Credentials], 10 * SECOND, HOUR),
        (vec![Missing, Denied, Permanent], HOUR, HOUR),
    ] {
        for class in classes {
            let of = |failures, jitter| pause(class, failures, POLL, jitter);
            assert_eq!((of(1, 0.5), of(0, 0.5)), (first, first), "{class:?}");
            assert_eq!((of(2, 0.5), of(3, 0.5)), ((2 * first).min(longest), (4 * first).min(longest)), "{class:?}");
            assert_eq!((of(1, 0.0), of(1, 1.0)), (first * 3 / 4, (first * 5 / 4).min(longest)), "{class:?}");
            assert_eq!((of(40, 0.5), of(40, 0.0)), (longest, longest * 3 / 4), "{class:?}");
        }
    }
    for (class, longest) in [(Unanswered, MINUTE), (Throttled, MINUTE), (Credentials, 5 * MINUTE)] {
        assert_eq!((pause_for_place(class, 1, 0.5), pause_for_place(class, 4, 0.5)), (SECOND, 8 * SECOND));
        assert_eq!(pause_for_place(class, 30, 1.0), longest);
    }
    let work = work(0, Target::Backup);
    let spread = |attempts: u32| POLL.mul_f64(0.75 + 0.5 * work.jitter(attempts));
    let off = |attempts: u32, wanted: Duration| pause_after_failed(&work, attempts, POLL).abs_diff(wanted);
    assert!(off(1, spread(1)) < Duration::from_micros(1) && off(2, 2 * spread(2)) < Duration::from_micros(1));
    assert!(pause_after_failed(&work, 30, POLL) >= 6 * HOUR * 3 / 4 && pause_after_failed(&work, 30, POLL) <= 6 * HOUR);
}

#[test]
fn listings_come_as_often_as_their_pages_allow() {
    assert_eq!((listing_beat(POLL, 0), listing_beat(POLL, 5)), (20 * POLL, 20 * POLL));
    assert_eq!((listing_beat(POLL, 6), listing_beat(POLL, 100)), (24 * POLL, 400 * POLL));
    assert_eq!((stale_after(POLL, 1), stale_after(POLL, 100)), (40 * POLL + MINUTE, 800 * POLL + MINUTE));
}

/// A refusal that is definite withdraws the pending request; the same work is asked for again when its pause is over, not before.
#[test]
fn what_was_refused_is_asked_for_again_after_its_pause() {
    let mut talk = Talk::asking(1);
    let create = talk.calls("CreateBackup").remove(0);
    talk.refuse(&create, FaultClass::TransientState);
    let plan = talk.round();
    assert!(talk.under_way.is_empty());
    assert_eq!((plan.waiting.len(), plan.waiting[0].reason), (1, Reason::Backoff));
    let until = plan.waiting[0].until.unwrap();
    assert_eq!(until, talk.now.plus(pause(FaultClass::TransientState, 1, POLL, work(0, Target::Backup).jitter(1))));
    assert_eq!(plan.wake.at, until);
    talk.now = until.minus(Duration::from_millis(1));
    talk.round();
    assert!(talk.calls("CreateBackup").is_empty(), "a moment too early");
    talk.now = until;
    talk.round();
    let again = talk.calls("CreateBackup");
    let (Call::Make { request: first, .. }, Call::Make { request: second, .. }) = (&create.call, &again[0].call) else {
        panic!("{again:?}")
    };
    assert_eq!(first.token(), second.token(), "a refusal never raises the attempt");
}

/// An answer that was lost proves nothing: word for word the same again, for five minutes; then a listing must tell.
#[test]
fn a_lost_answer_is_asked_for_again_and_then_looked_for() {
    let mut talk = Talk::asking(1);
    let create = talk.calls("CreateBackup").remove(0);
    let first_asked = talk.now;
    talk.refuse(&create, FaultClass::Unanswered);
    let mut repeats = 0;
    while talk.now.since(first_asked) < 5 * MINUTE {
        let plan = talk.round();
        for again in talk.calls("CreateBackup") {
            assert_eq!(again, create, "word for word the same");
            talk.refuse(&again, FaultClass::Unanswered);
            repeats += 1;
        }
        talk.now = plan.wake.at.max(talk.now.plus(SECOND)).min(first_asked.plus(5 * MINUTE));
        // Listings do not come through either.
        for list in talk.calls("DescribeBackups") {
            talk.answer(&list, Outcome::Failed(Fault::new(FaultClass::TransientState, "Later", "")));
        }
    }
    assert!(repeats >= 2, "{repeats}");
    talk.round();
    assert!(talk.calls("CreateBackup").is_empty(), "the token may be forgotten");
    let pending = talk.state.pending_request(&work(0, Target::Backup)).unwrap();
    assert!(pending.open && pending.sent == repeats + 1);
    let last_asked = pending.last_asked_at;
    // A listing that began two minutes after the last request, and shows nothing, proves that nothing was made.
    let create_again = talk.until("CreateBackup");
    assert!(talk.now >= last_asked.plus(2 * MINUTE));
    let (Call::Make { request: first, .. }, Call::Make { request: second, .. }) = (&create.call, &create_again.call)
    else {
        panic!("{create_again:?}")
    };
    assert_eq!(first.token(), second.token(), "nothing was made, so the attempt is the same");
}

/// Three failures in a row close a place: one call at a time finds out whether it is open again.
#[test]
fn a_place_out_of_order_is_tried_one_call_at_a_time() {
    let mut talk = Talk::asking(8);
    let creates = talk.calls("CreateBackup");
    assert_eq!(creates.len(), 8);
    for (number, create) in creates.iter().enumerate() {
        talk.refuse(create, FaultClass::Throttled);
        let closed = talk.state.place(&place(HOME)).unwrap().failures;
        assert_eq!(closed, u32::try_from(number + 1).unwrap());
    }
    let plan = talk.round();
    assert!(talk.under_way.iter().all(|action| action.place != place(HOME)));
    talk.now = plan.wake.at;
    for _ in 0..20 {
        let plan = talk.round();
        let at_home: Vec<Action> = talk.under_way.drain(..).filter(|action| action.place == place(HOME)).collect();
        assert!(at_home.len() <= 1, "{at_home:?}");
        for action in at_home {
            talk.refuse(&action, FaultClass::Throttled);
        }
        talk.now = plan.wake.at.max(talk.now.plus(SECOND));
    }
    // One good answer opens it.
    let create = talk.until("CreateBackup");
    let made = talk.make(&create);
    talk.answer(&create, Outcome::Made(Box::new(made)));
    assert_eq!(talk.state.place(&place(HOME)).unwrap().failures, 0);
}

/// No more than so many calls at one place at one time, whatever there is to do.
#[test]
fn calls_at_a_place_are_bounded() {
    let mut talk = Talk::at_six(230);
    // Fifty to a call, four calls at a time.
    let look_ups = talk.calls("DescribeFileSystems");
    let sizes: Vec<usize> = look_ups
        .iter()
        .map(|action| match &action.call {
            Call::DescribeSources { ids } => ids.len(),
            _ => 0,
        })
        .collect();
    assert_eq!(sizes, [50, 50, 50, 50]);
    talk.round();
    assert!(talk.calls("DescribeFileSystems").is_empty());
    for lookup in &look_ups {
        let Call::DescribeSources { ids } = &lookup.call else { continue };
        let found = ids.iter().map(facts).collect();
        talk.answer(lookup, Outcome::SourcesDescribed(found));
    }
    let plan = talk.round();
    assert_eq!(talk.calls("CreateBackup").len(), 12);
    assert!(plan.waiting.iter().any(|wait| wait.reason == Reason::CallLimit));
}

/// A copy is asked for only while a slot of its lane is known free; the rest wait, and say for what.
#[test]
fn a_full_lane_lets_nobody_in() {
    let mut talk = Talk::asking(7);
    for create in talk.calls("CreateBackup") {
        let made = talk.make(&create);
        talk.answer(&create, Outcome::Made(Box::new(made)));
    }
    talk.round();
    talk.becomes(Lifecycle::Available);
    talk.wait(POLL);
    for poll in talk.calls("DescribeBackups") {
        let seen = talk.at_aws.values().cloned().collect();
        talk.answer(&poll, Outcome::Polled(seen));
    }
    talk.round();
    let mut copies = Vec::new();
    for _ in 0..3 {
        for copy in talk.calls("CopyBackup") {
            let made = talk.make(&copy);
            talk.answer(&copy, Outcome::Made(Box::new(made)));
            copies.push(copy);
        }
        talk.round();
    }
    let plan = talk.round();
    assert_eq!((copies.len(), talk.calls("CopyBackup").len()), (5, 0), "two at a time, and no more than five");
    let waiting: Vec<Reason> = plan.waiting.iter().map(|wait| wait.reason).collect();
    assert_eq!(waiting.iter().filter(|reason| **reason == Reason::Slot).count(), 2, "{waiting:?}");
    assert!(audit(&talk.settings, &talk.state, talk.now).is_empty(), "five of five is as it should be");
    // Ours that cannot be: more in flight than AWS allows is shown.
    talk.settings.limits.copies_in_flight = 3;
    let findings = audit(&talk.settings, &talk.state, talk.now);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].severity, findings[0].severity.as_str()), (Severity::Warning, "warning"));
    assert_eq!(findings[0].what, "5 copies in flight where AWS allows 3");
}

/// What the audit finds: a source blocked, a copy that hangs, a backup made twice.
#[test]
fn the_audit_finds_what_should_not_be() {
    let mut talk = Talk::asking(1);
    let create = talk.calls("CreateBackup").remove(0);
    let made = talk.make(&create);
    talk.answer(&create, Outcome::Made(Box::new(made)));
    talk.round();
    let findings = |talk: &Talk| -> Vec<(Severity, String)> {
        audit(&talk.settings, &talk.state, talk.now).into_iter().map(|found| (found.severity, found.what)).collect()
    };
    talk.now = talk.now.plus(48 * HOUR).minus(SECOND);
    assert!(findings(&talk).is_empty());
    talk.now = talk.now.plus(SECOND);
    let stuck = findings(&talk);
    assert_eq!((stuck.len(), stuck[0].0, stuck[0].0.as_str()), (1, Severity::Error, "error"));
    assert!(stuck[0].1.contains("backup-0123456789abcd000 in default/us-east-1 is CREATING since"), "{stuck:?}");
    let twin = talk.make(&create).into_point(&place(HOME), talk.now).unwrap();
    talk.take_in(vec![Change::BackupObserved { point: Box::new(twin) }]);
    let found = findings(&talk);
    assert!(found.iter().any(|(severity, what)| {
        *severity == Severity::Warning && what.contains("has 1 duplicates of backup-0123456789abcd000")
    }));
    talk.state.quarantined.insert(key(0), "contradicts itself".to_owned());
    assert_eq!(findings(&talk)[0], (Severity::Error, "contradicts itself".to_owned()));
}

/// Of what came due while nobody looked, the newest begins; the others end with the reason.
#[test]
fn of_several_that_came_due_the_newest_begins() {
    let mut talk = Talk::new(1);
    talk.serve();
    talk.now = at("2026-11-22T01:00:00Z");
    talk.round();
    let ended = talk.ended();
    let times: Vec<&str> = ended.iter().map(|(at, ..)| at.as_str()).collect();
    assert_eq!(times, ["2026-11-21T06:00:00Z", "2026-11-21T12:00:00Z", "2026-11-21T18:00:00Z"]);
    assert!(
        ended
            .iter()
            .all(|(_, end, reason)| *end == OccurrenceOutcome::Coalesced && reason.contains("2026-11-22T00:00:00Z"))
    );
    assert_eq!(talk.state.sources[&key(0)].open.len(), 1);

    // With a window, what is too late is missed, the newest too.
    let mut talk = Talk::new(1);
    talk.policy().start_within = Some(HOUR);
    talk.serve();
    talk.now = at("2026-11-21T13:00:00.001Z");
    talk.round();
    let ends: Vec<OccurrenceOutcome> = talk.ended().iter().map(|(_, end, _)| *end).collect();
    assert_eq!(ends, [OccurrenceOutcome::Missed, OccurrenceOutcome::Missed]);
    assert!(talk.ended()[1].2.contains("not begun within 1h"), "{:?}", talk.ended());

    // Exactly at its end, the window is open.
    let mut talk = Talk::new(1);
    talk.policy().start_within = Some(HOUR);
    talk.serve();
    talk.now = at("2026-11-21T13:00:00Z");
    talk.round();
    let ends: Vec<OccurrenceOutcome> = talk.ended().iter().map(|(_, end, _)| *end).collect();
    assert_eq!((ends, talk.state.sources[&key(0)].open.len()), (vec![OccurrenceOutcome::Missed], 1));
}

/// After an outage of half a year, the oldest share one record, which says for how many it stands.
#[test]
fn a_long_outage_is_recorded_in_bounds() {
    let mut talk = Talk::new(1);
    talk.serve();
    talk.now = talk.now.plus(200 * 24 * HOUR);
    talk.round();
    let closed: Vec<(u64, OccurrenceOutcome)> = talk
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Closed { earlier, end, .. } => Some((*earlier, *end)),
            _ => None,
        })
        .collect();
    assert_eq!(closed.len(), 500, "of eight hundred");
    assert_eq!(closed.iter().map(|(earlier, _)| earlier + 1).sum::<u64>() + 1, 800);
    assert!(closed[0].0 > 250 && closed[1..].iter().all(|(earlier, _)| *earlier == 0));
}

/// A source that leaves the policy is let go; one that comes back begins anew.
#[test]
fn sources_come_and_go_with_the_policy() {
    let mut talk = Talk::at_six(2);
    talk.policy().sources.remove(1);
    talk.settings.generation += 1;
    talk.round();
    assert!(talk.changes.iter().any(|change| *change == Change::SourceDeparted { source: key(1) }));
    assert!(talk.state.sources.get(&key(1)).is_none_or(|source| source.membership.is_none()));
    let left = talk.changes.len();
    talk.settings.generation += 1;
    talk.round();
    let again = talk.changes[left..]
        .iter()
        .any(|change| matches!(change, Change::SourceDeparted { .. } | Change::MembershipUpdated { .. }));
    assert!(!again, "the same policy changes nothing");
    talk.policy().sources.push(source(1));
    talk.settings.generation += 1;
    talk.round();
    assert!(talk.state.sources[&key(1)].membership.is_some());
    talk.policy().destinations[0].region = "eu-west-1".into();
    talk.settings.generation += 1;
    talk.round();
    let membership = talk.state.sources[&key(0)].membership.as_ref().unwrap();
    assert_eq!(membership.destinations, ["eu-west-1".into()]);
}

/// Nothing is asked of a Region whose inventory was never read, and it is said.
#[test]
fn nothing_is_asked_before_the_books_are_read() {
    let mut talk = Talk::new(1);
    talk.round();
    let lists = talk.calls("DescribeBackups");
    for list in lists.iter().filter(|list| list.place == place(HOME)) {
        talk.answer(list, Outcome::Page { observed_backups: vec![], next_token: None });
    }
    for list in lists.iter().filter(|list| list.place == place(THERE)) {
        talk.refuse(list, FaultClass::Denied);
    }
    talk.now = at("2026-11-21T06:00:00Z");
    talk.round();
    for lookup in talk.calls("DescribeFileSystems") {
        talk.answer(&lookup, Outcome::SourcesDescribed(vec![facts(&source(0))]));
    }
    talk.round();
    let create = talk.calls("CreateBackup").remove(0);
    let mut made = talk.make(&create);
    made.lifecycle = Lifecycle::Available;
    talk.answer(&create, Outcome::Made(Box::new(made)));
    let plan = talk.round();
    assert!(talk.calls("CopyBackup").is_empty());
    let wait = plan.waiting.iter().find(|wait| wait.destination.is_some()).unwrap();
    assert_eq!(wait.reason, Reason::Region, "{wait:?}");
    assert!(wait.detail.contains("us-west-2 could not be listed yet"), "{wait:?}");
}

/// What AWS made and could not finish is tried once more, as another attempt, after a pause that grows.
#[test]
fn what_failed_is_attempted_anew_after_its_pause() {
    let mut talk = Talk::asking(1);
    let of = work(0, Target::Backup);
    let mut create = talk.calls("CreateBackup").remove(0);
    for attempt in 1..4 {
        let Call::Make { request, .. } = &create.call else { panic!("{create:?}") };
        let Request::CreateBackup { token, tags, .. } = &**request else { panic!("{request:?}") };
        assert_eq!((token, tagged(tags, "lifeboat:attempt")), (&of.token(attempt), Some(attempt.to_string())));
        let made = talk.make(&create);
        talk.answer(&create, Outcome::Made(Box::new(made)));
        talk.round();
        talk.becomes(Lifecycle::Failed);
        for observed in talk.at_aws.values_mut() {
            observed.failure = Some(format!("attempt {attempt} broke"));
        }
        talk.now = talk.now.plus(POLL);
        let poll = talk.until("DescribeBackups");
        let outcome = talk.outcome(&poll);
        talk.answer(&poll, outcome);
        let failed_at = talk.now;
        let until = failed_at.plus(pause_after_failed(&of, attempt, POLL));
        let plan = talk.round();
        let wait = plan.waiting.iter().find(|wait| wait.destination.is_none()).unwrap();
        assert_eq!((wait.reason, wait.until), (Reason::Backoff, Some(until)), "{wait:?}");
        assert_eq!(wait.detail, format!("attempt {attempt} broke"));
        create = talk.until("CreateBackup");
        assert!(talk.now >= until && talk.now <= until.plus(2 * SECOND), "{} {until}", talk.now);
    }
}

/// A refusal that waiting cannot mend holds for every occurrence of the route, for an hour.
#[test]
fn what_is_refused_for_good_is_refused_for_the_next_occurrence_too() {
    let mut talk = Talk::asking(1);
    let create = talk.calls("CreateBackup").remove(0);
    talk.refuse(&create, FaultClass::Permanent);
    let refused_at = talk.now;
    let plan = talk.round();
    assert_eq!((plan.waiting[0].reason, plan.waiting[0].detail.as_str()), (Reason::NeedsPerson, "Refused: so it is"));
    let again = talk.until("CreateBackup");
    assert!((45 * MINUTE..=HOUR).contains(&talk.now.since(refused_at)), "{}", talk.now);
    talk.refuse(&again, FaultClass::TransientState);
    talk.now = at("2026-11-21T11:50:00Z");
    let again = talk.until("CreateBackup");
    talk.refuse(&again, FaultClass::Permanent);
    let refused_at = talk.now;
    assert!(refused_at < at("2026-11-21T12:00:00Z"), "{refused_at}");
    let next = talk.until("CreateBackup");
    let Call::Make { key, .. } = &next.call else { panic!("{next:?}") };
    assert_eq!(key.occurrence.at, at("2026-11-21T12:00:00Z"));
    assert!(talk.now.since(refused_at) >= 45 * MINUTE, "{} after {refused_at}", talk.now);
}

/// Tags beyond AWS's fifty are left out, and that is said; who may not look a source up still backs it up.
#[test]
fn a_source_is_backed_up_with_the_tags_that_can_be_had() {
    let mut talk = Talk::at_six(1);
    let lookup = talk.calls("DescribeFileSystems").remove(0);
    let mut many = facts(&source(0));
    many.tags = (0..60).map(|number| (format!("k{number:02}"), "v".to_owned())).collect();
    talk.answer(&lookup, Outcome::SourcesDescribed(vec![many]));
    let plan = planner::plan(&talk.settings, &talk.state, talk.now);
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    assert!(
        plan.warnings[0].starts_with("fs-0123456789abcde00: AWS allows 50 tags; left out: k"),
        "{:?}",
        plan.warnings
    );
    assert!(plan.warnings[0].ends_with(", k59"), "{:?}", plan.warnings);

    let mut talk = Talk::at_six(1);
    let lookup = talk.calls("DescribeFileSystems").remove(0);
    talk.refuse(&lookup, FaultClass::Denied);
    let plan = planner::plan(&talk.settings, &talk.state, talk.now);
    assert_eq!(plan.actions.iter().filter(|action| action.call.operation() == "CreateBackup").count(), 1);
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);

    let mut talk = Talk::at_six(1);
    let lookup = talk.calls("DescribeFileSystems").remove(0);
    talk.refuse(&lookup, FaultClass::Missing);
    let plan = talk.round();
    assert!(talk.calls("CreateBackup").is_empty());
    assert_eq!(plan.waiting[0].reason, Reason::NeedsPerson, "{:?}", plan.waiting);

    // What was looked up two minutes ago is looked up anew.
    for (age, calls) in [(2 * MINUTE - SECOND, 0), (2 * MINUTE, 1)] {
        let mut talk = Talk::at_six(1);
        let lookup = talk.calls("DescribeFileSystems").remove(0);
        talk.answer(&lookup, Outcome::SourcesDescribed(vec![facts(&source(0))]));
        talk.now = talk.now.plus(age);
        talk.round();
        assert_eq!(talk.calls("DescribeFileSystems").len(), calls, "{age:?}");
        assert_eq!(talk.calls("CreateBackup").len(), 1 - calls, "{age:?}");
    }
}

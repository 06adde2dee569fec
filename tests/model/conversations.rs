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
mod evidence;
mod fixture;
mod lanes;
mod orders;
mod prunings;
mod rounds;
mod scripts;
mod seeds;
mod stuck;

use lifeboat::domain::action::{Action, Call, Outcome, Request, SourceFacts};
use lifeboat::domain::change::{Change, OccurrenceOutcome};
use lifeboat::domain::fault::{Fault, FaultClass};
use lifeboat::domain::id::{AccountId, AccountRegion, Occurrence, SourceId, SourceKey, Target, Trigger, WorkKey};
use lifeboat::domain::lane::FileSystemKind;
use lifeboat::domain::plan::{Plan, Reason};
use lifeboat::domain::point::{Lifecycle, MadeAs, ObservedBackup};
use lifeboat::domain::policy::{Aws, CatchUp, Daemon, Destination, Limits, Notify, Policy, Settings, Tags};
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::planner;
use lifeboat::planner::audit::audit;
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
    AccountRegion { account: AccountId::own(), region: region.into() }
}

fn settings(sources: usize, start: Time) -> Settings {
    let policy = Policy {
        name: "finance".into(),
        account: AccountId::own(),
        region: HOME.into(),
        sources: (0..sources).map(source).collect(),
        select: None,
        exclude: Vec::new(),
        schedule: Schedule::parse("every 6h", "UTC", start).unwrap(),
        spread: None,
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
        own_account: AccountId::own(),
        accounts: BTreeMap::new(),
        policies: [(policy.name.clone(), policy)].into(),
    }
}

/// An empty database, which knows whose account it is of: a lookup for that alone would be in every conversation.
fn new_state(at: Time) -> State {
    State { own_account: Some(AccountId::own()), ..State::new(at, at) }
}

/// The planner, its state, a clock, and an AWS that keeps what it was asked for.
struct Talk {
    settings: Settings,
    state: State,
    now: Time,
    under_way: Vec<Action>,
    at_aws: BTreeMap<(String, String), ObservedBackup>,
    changes: Vec<Change>,
    /// The file systems and volumes at home, as a search shows them.
    fleet: BTreeMap<SourceId, SourceFacts>,
}

/// A backup as AWS shows it, of no file system and without tags.
fn made(id: &str, lifecycle: Lifecycle, created_at: Time) -> ObservedBackup {
    ObservedBackup {
        id: id.into(),
        lifecycle,
        created_at,
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
        made_as: MadeAs::UserInitiated,
        tags: Tags::new().into(),
    }
}

impl Talk {
    /// A new database at 05:59:50, ten seconds before an occurrence.
    fn new(sources: usize) -> Self {
        let start = at("2026-11-21T05:59:50Z");
        Self {
            settings: settings(sources, start),
            state: new_state(start),
            now: start,
            under_way: Vec::new(),
            at_aws: BTreeMap::new(),
            changes: Vec::new(),
            fleet: BTreeMap::new(),
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
        let id = format!("backup-0123456789abcd{number:03x}");
        let observed = ObservedBackup {
            copied_from_region: copied_from.as_ref().map(|_| HOME.into()),
            copied_from,
            file_system: of,
            tags: tags.into(),
            ..made(&id, lifecycle, self.now)
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
            Call::SearchSources { next } => {
                let of_kind = |facts: &&SourceFacts| facts.source.is_volume() == next.volumes;
                let facts = self.fleet.values().filter(of_kind).cloned().collect();
                Outcome::SourcesFound { facts, next_token: None }
            }
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
    SourceKey { account: AccountId::own(), source: source(number) }
}

fn work(number: usize, target: Target) -> WorkKey {
    let occurrence = Occurrence { at: at("2026-11-21T06:00:00Z"), trigger: Trigger::Schedule };
    WorkKey { source: key(number), occurrence, target }
}

/// A request carries the token of its work; a copy names its backup, where that is, and the key of its destination.
#[test]
fn what_a_request_carries() {
    let mut talk = Talk::new(1);
    let create = talk.until("CreateBackup");
    let Call::Make { key: made, request } = &create.call else { panic!("{create:?}") };
    let Request::CreateBackup { source: of, token, .. } = &**request else { panic!("{request:?}") };
    assert_eq!((made, of, token), (&work(0, Target::Backup), &source(0), &work(0, Target::Backup).token(1)));
    let observed = talk.make(&create);
    talk.answer(&create, Outcome::Made(Box::new(observed.clone())));
    talk.becomes(Lifecycle::Available);
    let copy = talk.until("CopyBackup");
    let Call::Make { key: made, request } = &copy.call else { panic!("{copy:?}") };
    let Request::CopyBackup { source_region, backup, kms_key, token, .. } = &**request else { panic!("{request:?}") };
    let there = work(0, Target::Copy(THERE.into()));
    assert_eq!((made, token), (&there, &there.token(1)));
    assert_eq!((source_region.as_str(), backup), (HOME, &observed.id));
    assert_eq!((kms_key.as_deref(), copy.place.region.as_str()), (Some("alias/dr"), THERE));
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

/// Tags beyond AWS's fifty are left out, and that is said.
#[test]
fn tags_beyond_fifty_are_left_out() {
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
}

/// FSx refuses a backup of an ONTAP file system: that is told from its type, before anything is asked for.
#[test]
fn an_ontap_file_system_is_told_to_name_its_volumes_before_the_call() {
    let mut talk = Talk::at_six(1);
    for lookup in talk.calls("DescribeFileSystems") {
        let found = SourceFacts { kind: FileSystemKind::Ontap, ..facts(&source(0)) };
        talk.answer(&lookup, Outcome::SourcesDescribed(vec![found]));
    }
    let plan = talk.round();
    assert!(talk.calls("CreateBackup").is_empty());
    let told = plan.waiting.iter().find(|waiting| waiting.reason == Reason::NeedsPerson).unwrap();
    assert!(told.detail.contains("name its volumes under `volumes`"), "{told:?}");
}

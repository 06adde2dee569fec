//! The planner, spoken to by hand: time passes, AWS answers, and what it then wants is looked at.

pub use lifeboat::domain::action::{Action, Call, Outcome, Request, SourceFacts};
pub use lifeboat::domain::change::{Change, OccurrenceOutcome};
pub use lifeboat::domain::fault::{Fault, FaultClass};
pub use lifeboat::domain::id::{AccountId, AccountRegion, Occurrence, SourceId, SourceKey, Target, Trigger, WorkKey};
pub use lifeboat::domain::lane::FileSystemKind;
pub use lifeboat::domain::plan::{Plan, Reason};
pub use lifeboat::domain::point::{Lifecycle, MadeAs, ObservedBackup};
pub use lifeboat::domain::policy::{Aws, CatchUp, Daemon, Destination, Limits, Notify, Policy, Settings, Tags};
pub use lifeboat::domain::schedule::Schedule;
pub use lifeboat::domain::state::State;
pub use lifeboat::domain::time::Time;
pub use lifeboat::planner;
pub use lifeboat::planner::audit::audit;
pub use lifeboat::planner::polling::{listing_beat, stale_after};
pub use lifeboat::planner::retry::{pause, pause_after_failed, pause_for_place};
pub use std::collections::BTreeMap;
pub use std::sync::Arc;
pub use std::time::Duration;

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const POLL: Duration = Duration::from_secs(30);
pub const HOME: &str = "us-east-1";
pub const THERE: &str = "us-west-2";

pub fn at(text: &str) -> Time {
    Time::parse_rfc3339(text).unwrap()
}

pub fn source(number: usize) -> SourceId {
    format!("fs-0123456789abcde{number:02x}").as_str().into()
}

pub fn tags(of: &[(&str, &str)]) -> Tags {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub fn place(region: &str) -> AccountRegion {
    AccountRegion { account: AccountId::own(), region: region.into() }
}

pub fn settings(sources: usize, start: Time) -> Settings {
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
pub fn new_state(at: Time) -> State {
    State { own_account: Some(AccountId::own()), ..State::new(at, at) }
}

/// The planner, its state, a clock, and an AWS that keeps what it was asked for.
pub struct Talk {
    pub settings: Settings,
    pub state: State,
    pub now: Time,
    pub under_way: Vec<Action>,
    pub at_aws: BTreeMap<(String, String), ObservedBackup>,
    pub changes: Vec<Change>,
    /// How far the clock is ahead of AWS's.
    pub ahead: Duration,
    /// How many ids AWS has given out.
    pub ids_given: usize,
    /// The file systems and volumes at home, as a search shows them.
    pub fleet: BTreeMap<SourceId, SourceFacts>,
}

/// A backup as AWS shows it, of no file system and without tags.
pub fn made(id: &str, lifecycle: Lifecycle, created_at: Time) -> ObservedBackup {
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
    pub fn new(sources: usize) -> Self {
        let start = at("2026-11-21T05:59:50Z");
        Self {
            settings: settings(sources, start),
            state: new_state(start),
            now: start,
            under_way: Vec::new(),
            at_aws: BTreeMap::new(),
            changes: Vec::new(),
            ahead: Duration::ZERO,
            ids_given: 0,
            fleet: BTreeMap::new(),
        }
    }

    pub fn policy(&mut self) -> &mut Policy {
        self.settings.policies.values_mut().next().unwrap()
    }

    pub fn take_in(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.state.apply(&change).unwrap_or_else(|error| panic!("{change:?}: {error}"));
            self.changes.push(change);
        }
    }

    /// Plans until there is nothing more to record; what is to be called is under way then.
    pub fn round(&mut self) -> Plan {
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

    pub fn wait(&mut self, time: Duration) -> Plan {
        self.now = self.now.plus(time);
        self.round()
    }

    /// The calls of one operation that are under way, taken out.
    pub fn calls(&mut self, operation: &str) -> Vec<Action> {
        let is = |action: &Action| action.call.operation() == operation;
        let (taken, rest) = self.under_way.drain(..).partition(is);
        self.under_way = rest;
        taken
    }

    pub fn answer(&mut self, action: &Action, outcome: Outcome) {
        let changes = planner::process_outcome(&self.settings, &self.state, action, outcome, self.now);
        self.take_in(changes);
    }

    pub fn refuse(&mut self, action: &Action, class: FaultClass) {
        self.answer(action, Outcome::Failed(Fault::new(class, "Refused", "so it is")));
    }

    /// What AWS does with a request that makes something.
    pub fn make(&mut self, action: &Action) -> ObservedBackup {
        let Call::Make { request, .. } = &action.call else { panic!("{action:?}") };
        let number = self.ids_given.max(self.at_aws.len());
        self.ids_given = number + 1;
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
            ..made(&id, lifecycle, self.now.minus(self.ahead))
        };
        self.at_aws.insert((action.place.region.to_string(), observed.id.to_string()), observed.clone());
        observed
    }

    pub fn becomes(&mut self, lifecycle: Lifecycle) {
        for observed in self.at_aws.values_mut().filter(|observed| observed.lifecycle.in_flight()) {
            observed.lifecycle = lifecycle;
        }
    }

    /// What AWS answers.
    pub fn outcome(&mut self, action: &Action) -> Outcome {
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
            Call::Hold { id, hold, .. } => {
                if let Some(observed) = self.at_aws.get_mut(&(region, id.to_string())) {
                    let tags = Arc::make_mut(&mut observed.tags);
                    match hold {
                        Some(reason) => tags.insert("lifeboat:hold".to_owned(), reason.clone()),
                        None => tags.remove("lifeboat:hold"),
                    };
                }
                Outcome::HoldSet
            }
        }
    }

    /// Answers everything as AWS would, until nothing more is asked.
    pub fn serve(&mut self) {
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
    pub fn until(&mut self, operation: &str) -> Action {
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
    pub fn at_six(sources: usize) -> Self {
        let mut talk = Self::new(sources);
        talk.serve();
        talk.now = at("2026-11-21T06:00:00Z");
        talk.round();
        talk
    }

    /// The same, with the sources looked up: the backups are asked for.
    pub fn asking(sources: usize) -> Self {
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

pub fn facts(id: &SourceId) -> SourceFacts {
    SourceFacts {
        source: id.clone(),
        kind: FileSystemKind::Windows,
        lifecycle: "AVAILABLE".to_owned(),
        tags: tags(&[("team", "own"), ("floor", "2"), ("aws:x", "y")]),
        name: None,
        account: None,
    }
}

pub fn key(number: usize) -> SourceKey {
    SourceKey { account: AccountId::own(), source: source(number) }
}

pub fn work(number: usize, target: Target) -> WorkKey {
    let occurrence = Occurrence { at: at("2026-11-21T06:00:00Z"), trigger: Trigger::Schedule };
    WorkKey { source: key(number), occurrence, target }
}

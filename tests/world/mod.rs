//! The real planner against the simulated FSx, through weeks of faults in milliseconds.
//!
//! A backup scheduler is never broken by one fault, but by two at the wrong moment: the database is lost while a
//! response is outstanding, the clock is set back between a pending request and its repeat, a Region goes silent while
//! others fill its slots. Nobody can wait for such a week, and a hand-written test only covers what its author thought
//! of. So a seed determines policy, fleet, behaviour of FSx and all faults ([`Setup`]). The planner then lives through
//! it in virtual time and crashes at any boundary between two steps. After each step the promises of Lifeboat are
//! checked against FSx's own inventory by code that shares nothing with the planner ([`checks`]). Act one has faults,
//! act two has none, in act three the schedules end. The same seed gives the same trace, byte for byte: there is no
//! thread, no clock and no other randomness here.

use checks::armed::{Armed, Check, Counts};
use checks::{Broken, Checks, View};
use disk::{Disk, Kept};
use lifeboat::domain::action::{Action, Outcome};
use lifeboat::domain::change::Change;
use lifeboat::domain::policy::Settings;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::domain::timekeeper::Timekeeper;
use lifeboat::driver::{Basis, Driver};
use lifeboat::sim::cloud::Cloud;
use lifeboat::sim::faults::Faults;
use lifeboat::sim::rng::Rng;
use lifeboat::sim::wire;
use planner_under_test::{Lifeboat, PlannerUnderTest, Reading};
use setup::{Edit, Incident, Setup, more};
use std::collections::BTreeMap;
use std::fmt;
use trace::{Brief, Came, Leaves, Trace};

pub mod checks;
mod clock;
pub mod disk;
pub mod edits;
pub mod fault_plan;
mod orders;
pub mod persons;
pub mod planner_under_test;
mod round;
pub mod setup;
pub mod trace;

/// How often the checks look at everything.
const INSPECT_EVERY_MS: i64 = 600_000;

/// How often systemd starts what does not begin.
const RESTART_EVERY_MS: i64 = 600_000;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Virtual time that passed, ms.
    pub virtual_ms: i64,
    /// Things that happened, one at a time.
    pub steps: u64,
    /// Rounds of the planner.
    pub plans: u64,
    /// Calls sent.
    pub calls: u64,
    /// Deaths of the process.
    pub crashes: u64,
    /// Losses of the database.
    pub losses: u64,
    /// Backups and copies that FSx made for Lifeboat.
    pub made: u64,
    /// Copies that FSx refused because the lane was full.
    pub refused: u64,
    /// How often each check was armed.
    pub armed: Counts,
    /// Boundaries between two steps at which the process could have died.
    pub boundaries: u64,
    /// The fingerprint of the trace.
    pub sum: u64,
}

/// A run that is over.
pub struct Run {
    /// What it came to, or the first promise that broke.
    pub result: Result<Tally, Box<Violation>>,
    /// Its lines: all of them after [`World::with_whole_trace`], else the last.
    pub trace: Vec<String>,
    /// FSx as it stands in the end.
    pub cloud: Cloud,
}

/// A broken promise.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The seed that shows it.
    pub seed: u64,
    /// When, epoch ms.
    pub at_ms: i64,
    /// Which promise, and how.
    pub broken: Broken,
    /// What the run had come to by then.
    pub tally: Tally,
    /// What happened last.
    pub tail: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.tail {
            writeln!(f, "    {line}")?;
        }
        writeln!(f, "{} at {}", self.broken, Time::from_millis(self.at_ms))?;
        write!(f, "replay: LIFEBOAT_SEED={} cargo test --test model world::years", self.seed)
    }
}

/// The process, while it lives.
struct Host {
    life: u64,
    keeper: Timekeeper,
}

enum Event {
    Happens(Incident),
    Starts,
    RequestArrives { life: u64, sent_ms: i64, action: Action },
    Answer { life: u64, action: Action, outcome: Outcome, dated: Option<clock::Dated> },
    Inspection,
}

/// A fleet, its FSx, its daemon, and what befalls them.
pub struct World {
    setup: Setup,
    cloud: Cloud,
    shown: wire::Shown,
    planner: Box<dyn PlannerUnderTest>,
    disk: Box<dyn Disk>,
    host: Option<Host>,
    /// What the process runs. It is away while it runs.
    driver: Option<Driver>,
    /// The policy file as it stands.
    file: Settings,
    /// What was ordered last.
    last_order: Option<orders::Order>,
    /// There is a slip in it: so much of it can still be read.
    legible: Option<Settings>,
    now_ms: i64,
    /// By how much the host's clock is ahead.
    ahead_ms: i64,
    /// By how much the time is ahead that Lifeboat goes by, as the checks were told.
    told_ahead_ms: i64,
    faults_ended: bool,
    /// What persons mistyped and nobody put right yet.
    mistyped: Vec<edits::Mistyped>,
    /// The generation of the policy that the checks know.
    in_force: u64,
    /// Calls go to another account, whatever Lifeboat calls it.
    other_account: round::OtherAccount,
    lives: u64,
    events: BTreeMap<(i64, u64), Box<Event>>,
    next_seq: u64,
    deaths: Rng,
    wires: Rng,
    trace: Trace,
    checks: Checks,
    armed: Armed,
    tally: Tally,
}

impl World {
    /// A world before its first step.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let mut cloud = Cloud::new(setup.seed).with_settings(setup.cloud.clone());
        for member in &setup.fleet {
            let (account, region) = (member.place.account.as_str(), member.place.region.as_str());
            // A seed that AWS would not show leaves its source unknown, which the planner has to live with as well.
            let _ = cloud.add_file_system_seed(setup.start_ms, account, region, &member.seed);
        }
        cloud.set_faults(setup.faults.clone(), Some(setup.start_ms));
        let mut world = Self {
            cloud,
            shown: wire::Shown::default(),
            planner: Box::new(Lifeboat),
            disk: Box::new(Kept::default()),
            host: None,
            driver: None,
            file: setup.settings.clone(),
            last_order: None,
            legible: None,
            now_ms: setup.start_ms,
            ahead_ms: 0,
            told_ahead_ms: 0,
            faults_ended: false,
            mistyped: Vec::new(),
            in_force: 0,
            other_account: round::OtherAccount::default(),
            lives: 0,
            events: BTreeMap::new(),
            next_seq: 0,
            deaths: Rng::new(setup.seed, "deaths"),
            wires: Rng::new(setup.seed, "wires"),
            trace: Trace::default(),
            checks: Checks::new(&setup),
            armed: Armed::default(),
            tally: Tally::default(),
            setup,
        };
        world.at(world.now_ms, Event::Starts);
        world.at(world.now_ms + INSPECT_EVERY_MS, Event::Inspection);
        for (after_ms, incident) in world.setup.timetable.clone() {
            world.at(world.setup.start_ms + after_ms, Event::Happens(incident));
        }
        world
    }

    /// The same world with other decisions in it.
    #[must_use]
    pub fn with_planner(mut self, planner: Box<dyn PlannerUnderTest>) -> Self {
        self.planner = planner;
        self
    }

    /// The same world with its state on another disk.
    #[must_use]
    pub fn with_disk(mut self, disk: Box<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// The same world, with every line of its trace kept for the case that a promise breaks.
    #[must_use]
    pub fn with_whole_trace(mut self) -> Self {
        self.trace.keep_all();
        self
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The first promise that breaks, with the seed and the last lines of the trace.
    pub fn run(self) -> Result<Tally, Box<Violation>> {
        self.live().result
    }

    /// Runs to the end, and shows all that is left.
    #[must_use]
    pub fn live(mut self) -> Run {
        let end_ms = self.setup.start_ms + self.setup.end_ms;
        let mut result = Ok(());
        while result.is_ok() {
            let woken_ms = self.driver.as_ref().map_or(i64::MAX, |driver| self.true_ms(driver.wake));
            let event_ms = self.events.first_key_value().map_or(i64::MAX, |((at_ms, _), _)| *at_ms);
            let next_ms = woken_ms.min(event_ms).max(self.now_ms);
            if next_ms > end_ms {
                break;
            }
            self.now_ms = next_ms;
            self.cloud.advance(next_ms);
            self.tally.steps += 1;
            result = if event_ms <= next_ms { self.event() } else { self.round() };
            result = result.and_then(|()| self.checks.stepped(&self.cloud, &self.armed));
        }
        self.end(result)
    }

    fn end(mut self, result: Result<(), Broken>) -> Run {
        let result = result.and_then(|()| {
            let (now, on) = (self.host_now(), self.driver.as_ref().map(Driver::basis));
            let view = on.map(|on| view(&self.cloud, now, on, &self.armed, self.now_ms));
            self.checks.rested(view.as_ref(), &self.armed)
        });
        self.tally.virtual_ms = self.now_ms - self.setup.start_ms;
        self.tally.refused = self.cloud.lanes().values().map(|used| used.refused).sum();
        self.tally.armed = self.armed.counts();
        self.tally.made = self.checks.made();
        self.tally.sum = self.trace.sum();
        let waits = result.as_ref().err().map(|_| self.waits());
        let trace: Vec<String> = self.trace.into_lines().into_iter().chain(waits.into_iter().flatten()).collect();
        let (seed, at_ms, tally) = (self.setup.seed, self.now_ms, self.tally);
        let result = match result {
            Ok(()) => Ok(tally),
            Err(broken) => Err(Box::new(Violation { seed, at_ms, broken, tally, tail: trace.clone() })),
        };
        Run { result, trace, cloud: self.cloud }
    }

    fn at(&mut self, at_ms: i64, event: Event) {
        self.next_seq += 1;
        self.events.insert((at_ms.max(self.now_ms), self.next_seq), Box::new(event));
    }

    fn note(&mut self, line: fmt::Arguments<'_>) {
        self.trace.note(format_args!("{} {line}", Time::from_millis(self.now_ms)));
    }

    fn event(&mut self) -> Result<(), Broken> {
        let Some((_, event)) = self.events.pop_first() else { return Ok(()) };
        match *event {
            Event::Happens(incident) => self.happens(incident),
            Event::Starts => self.start(),
            Event::RequestArrives { life, sent_ms, action } => self.request_arrives(life, sent_ms, action),
            Event::Answer { life, action, outcome, dated } => self.answer(life, &action, outcome, dated),
            Event::Inspection => self.inspect(),
        }
    }

    fn inspect(&mut self) -> Result<(), Broken> {
        self.at(self.now_ms + INSPECT_EVERY_MS, Event::Inspection);
        let now = self.host_now();
        match &self.driver {
            Some(driver) => self.checks.inspected(&view(&self.cloud, now, driver.basis(), &self.armed, self.now_ms)),
            None => Ok(()),
        }
    }

    fn happens(&mut self, incident: Incident) -> Result<(), Broken> {
        self.note(format_args!("! {incident:?}"));
        match incident {
            Incident::Crash { down_ms, lose_database } => self.die(down_ms, lose_database)?,
            Incident::ClockStep(by_ms) => {
                if !self.faults_ended {
                    self.ahead_ms += by_ms;
                    self.clock_set();
                }
            }
            Incident::Edit(edit) => {
                edits::edit(&mut self.file, &self.setup.settings, &edit);
                self.legible = match edit {
                    Edit::Spoil(choice) => Some(edits::legible(&self.file, choice)),
                    _ => None,
                };
                self.reload()?;
            }
            Incident::Person(person) => {
                let acted = edits::person(&mut self.cloud, &mut self.mistyped, self.now_ms, person);
                self.note(format_args!("  {acted}"));
                self.checks.person(&self.cloud, self.now_ms);
            }
            Incident::Order(order) => return self.order(order),
            Incident::Retag(choice, carries) => self.retag(choice, carries),
            Incident::Quota(most) => edits::limit_backups(&mut self.cloud, most.filter(|_| !self.faults_ended)),
            Incident::OtherAccount(other) => self.other_account_answers(other && !self.faults_ended),
            Incident::FaultsEnd => {
                self.faults_ended = true;
                self.other_account_answers(false);
                self.ahead_ms = 0;
                self.clock_set();
                self.cloud.set_faults(Faults::default(), Some(self.now_ms));
                edits::limit_backups(&mut self.cloud, None);
                edits::restore(&mut self.file, &self.setup.settings);
                for choice in 0..more::tagged(&self.setup).len() as u64 {
                    self.retag(choice, true);
                }
                self.checks.faults_ended(self.now_ms);
                self.legible = None;
                self.reload()?;
                self.resume_all()?;
            }
            Incident::SchedulesEnd => {
                let now = self.host_now();
                if let Some(on) = self.driver.as_ref().map(Driver::basis) {
                    self.checks.healed(&view(&self.cloud, now, on, &self.armed, self.now_ms))?;
                }
                edits::end_schedules(&mut self.file, now);
                self.reload()?;
            }
        }
        Ok(())
    }

    fn retag(&mut self, choice: u64, carries: bool) {
        if let Some(source) = edits::retag(&mut self.cloud, &self.setup, self.now_ms, choice, carries) {
            self.note(format_args!("  {source} carries its tag: {carries}"));
            self.checks.retagged(self.now_ms, source, carries);
        }
    }

    fn reload(&mut self) -> Result<(), Broken> {
        let now = self.host_now();
        let Some(driver) = &mut self.driver else { return Ok(()) };
        let file = match &self.legible {
            Some(legible) => Reading::Refused { legible },
            None => Reading::Good(&self.file),
        };
        if let Some(loaded) = self.planner.reload(file) {
            driver.take_over(loaded);
            driver.wake = now;
            self.in_force = driver.settings.generation;
        }
        match self.legible {
            Some(_) => self.checks.refused(&driver.settings, &self.armed),
            None => {
                self.checks.reloaded(self.now_ms, now, &driver.settings);
                Ok(())
            }
        }
    }

    fn start(&mut self) -> Result<(), Broken> {
        if self.host.is_some() {
            return Ok(());
        }
        if self.legible.is_some() {
            // With such a file it does not begin, and systemd tries again.
            self.at(self.now_ms + RESTART_EVERY_MS, Event::Starts);
            return Ok(());
        }
        let now = self.host_time();
        self.armed.count(Check::DiskServes);
        let mut state = self.disk.load(now).map_err(|error| Check::DiskServes.broken(error))?;
        self.lives += 1;
        let life = self.lives;
        self.note(format_args!("* start {life} created {}", state.created_at));
        let mut keeper = self.keeper_of_a_start();
        state.timekeeping = self.planner.time_known(&mut keeper, now, clock::steady(self.now_ms));
        self.host = Some(Host { life, keeper });
        let driver = Driver::new(self.file.clone(), state, now);
        self.checks.started(self.now_ms, now, &driver.settings, &driver.state, &self.armed)?;
        self.in_force = driver.settings.generation;
        self.driver = Some(driver);
        self.time_moved();
        if self.faults_ended { self.resume_all() } else { Ok(()) }
    }

    fn die(&mut self, down_ms: i64, lose_database: bool) -> Result<(), Broken> {
        self.host = None;
        let Some(driver) = self.driver.take() else { return Ok(()) };
        self.tally.crashes += 1;
        self.tally.losses += u64::from(lose_database);
        self.note(format_args!("* dies, down for {down_ms} ms, database lost: {lose_database}"));
        self.disk.died(driver.uncommitted()).map_err(|error| Check::DiskServes.broken(error))?;
        if lose_database {
            self.disk.lose().map_err(|error| Check::DiskServes.broken(error))?;
            self.other_account.database_lost();
        }
        self.checks.died(self.now_ms, driver.uncommitted().is_empty().then_some(&driver.state), lose_database);
        // What was on its way may still arrive at FSx, or not.
        let deaths = &mut self.deaths;
        self.events.retain(|_, event| match **event {
            Event::RequestArrives { .. } => deaths.percent(50.0),
            Event::Answer { .. } => false,
            _ => true,
        });
        self.at(self.now_ms + down_ms, Event::Starts);
        Ok(())
    }
}

fn view<'a>(cloud: &'a Cloud, host_now: Time, on: Basis<'a>, armed: &'a Armed, now_ms: i64) -> View<'a> {
    View { now_ms, host_now, cloud, state: on.state, settings: on.settings, armed }
}

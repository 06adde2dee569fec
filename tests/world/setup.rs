//! What a seed determines: the policy, the fleet, the behaviour of the cloud, and all faults and their times.
//!
//! Everything is drawn before the first step, so a failing seed can be read like a script, and a script can be written
//! by hand instead.

use super::fault_plan;
pub use super::persons::{DrawnOrder, Person};
use lifeboat::domain::id::{AccountId, AccountRegion, Region, SourceId, SourceKey};
use lifeboat::domain::policy::{Aws, CatchUp, Daemon, Destination, Limits, Notify, Policy, Retain, Settings};
use lifeboat::domain::schedule::{Schedule, ScheduleError};
use lifeboat::domain::selection::Select;
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::{self, DeletedToken, FileSystemSeed, FileSystemType, VolumeSeed};
use lifeboat::sim::faults::{Fault, Faults};
use lifeboat::sim::rng::Rng;
use std::time::Duration;

mod habits;
pub mod more;

/// An hour, ms.
pub const HOUR_MS: i64 = 3_600_000;
/// A day, ms.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The Regions of a world; the first two hold sources.
const REGIONS: [&str; 5] = ["us-east-1", "eu-central-1", "us-west-2", "eu-west-1", "ap-southeast-2"];
/// The accounts of a world, as AWS numbers them: they stand in the ARNs by which holds are tagged.
const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];
/// Schedules with their zones: plain, in step with real time, in the gaps and overlaps of DST, and with holes.
const SCHEDULES: [(&str, &str); 12] = [
    ("0 3 * * *", "America/New_York"),
    ("30 2 * * *", "Europe/Berlin"),
    ("30 1 * * *", "America/New_York"),
    ("0 */6 * * *", "America/New_York"),
    ("0 0,12 * * *", "Asia/Kolkata"),
    ("15 1,13 * * 1-5", "Europe/London"),
    ("every 6h", "UTC"),
    ("every 4h", "UTC"),
    ("every 90m", "UTC"),
    ("@hourly", "UTC"),
    ("0 2-5 * * *", "Australia/Sydney"),
    ("*/40 * * * *", "UTC"),
];
const TOKENS: [DeletedToken; 3] = [DeletedToken::Returned, DeletedToken::Forgotten, DeletedToken::NotFound];
/// More recovery points cost more time than they teach.
const MOST_POINTS: f64 = 600.0;
const MOST_POINTS_PER_DAY: f64 = 40.0;
/// 2026-09-20, so that a year begins before the clocks change.
const EARLIEST_MS: i64 = 1_789_862_400_000;

/// The other account of a world.
#[must_use]
pub fn other_account(account: &AccountId) -> AccountId {
    AccountId::from(if account.as_str() == ACCOUNTS[0] { ACCOUNTS[1] } else { ACCOUNTS[0] })
}

/// A file system and where it lies.
#[derive(Clone, Debug)]
pub struct Member {
    /// Account and Region.
    pub place: AccountRegion,
    /// What lies there.
    pub seed: FileSystemSeed,
}

/// Something that befalls the world from outside FSx.
#[derive(Clone, Debug)]
pub enum Incident {
    /// The process dies and comes back.
    Crash {
        /// Stays down for so long, ms.
        down_ms: i64,
        /// The database is lost meanwhile.
        lose_database: bool,
    },
    /// The host's clock is set by so much, ms.
    ClockStep(i64),
    /// The policy file is changed, and loaded if the process runs.
    Edit(Edit),
    /// A person does something in AWS's console.
    Person(Person),
    /// A person gives Lifeboat an order.
    Order(DrawnOrder),
    /// The credentials are those of another account from now on, or the right ones again.
    OtherAccount(bool),
    /// A person takes the tag off a source that a policy selects by it, or puts it back on. The number chooses the source.
    Retag(u64, bool),
    /// How many user backups AWS keeps of each type in each account and Region from now on; `None`: any number.
    Quota(Option<u32>),
    /// FSx stops misbehaving, the policy is complete again, the clock is right: act two.
    FaultsEnd,
    /// The schedules end: what is under way comes to rest.
    SchedulesEnd,
}

/// A change of the policy file. Numbers choose among what is there.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A source leaves.
    DropSource(u64),
    /// One that left returns.
    ReturnSource,
    /// A destination leaves a policy.
    DropDestination(u64),
    /// One that left returns.
    ReturnDestination,
    /// A policy gets another name.
    Rename(u64),
    /// A policy gets another schedule.
    Reschedule(u64, Schedule),
    /// The limit on copies in flight.
    Slots(u32),
    /// Tags and keys change: new requests differ from old ones.
    Retag(u64),
    /// The policy keeps a little less of a target: two fewer of the last ones, or one period fewer.
    KeepLess(u64),
    /// Copies of a policy are made under another key from now on, or under the same by another name.
    Rekey(u64),
    /// This host deletes what retention lets go from now on, or leaves it to another.
    Prune(bool),
    /// Nothing: the file is loaded again as it is.
    Same,
    /// A slip: the file is refused until the next change, and what can still be read of it lacks a policy.
    Spoil(u64),
}

/// A death at one certain boundary between two steps.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    /// Which, counted from 0: [`Tally::boundaries`](super::Tally::boundaries) tells how many a run has.
    pub boundary: u64,
    /// Stays down for so long, ms.
    pub down_ms: i64,
    /// The database is lost meanwhile.
    pub lose_database: bool,
}

/// A world before its first step.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What chance follows from.
    pub seed: u64,
    /// When it begins, epoch ms.
    pub start_ms: i64,
    /// The policy file, complete.
    pub settings: Settings,
    /// What is at AWS.
    pub fleet: Vec<Member>,
    /// How FSx behaves.
    pub cloud: cloud::Settings,
    /// What goes wrong in FSx until [`Incident::FaultsEnd`]; times from the start.
    pub faults: Faults,
    /// What befalls the world, ms after the start.
    pub timetable: Vec<(i64, Incident)>,
    /// The process dies at a boundary between two steps with a probability of 1/n; 0: never.
    pub crash_one_in: u64,
    /// The process dies at this very boundary as well.
    pub dies_at: Option<Death>,
    /// Share of the deaths in which the database is lost, %.
    pub loss_percent: f64,
    /// Share of calls that take many seconds each way, %.
    pub slow_wire_percent: f64,
    /// When it ends, ms after the start.
    pub end_ms: i64,
}

impl Setup {
    /// A small, quiet world: nothing goes wrong, for a number of days and two more to come to rest.
    #[must_use]
    pub fn quiet(seed: u64, days: i64) -> Self {
        let mut draw = Draw::new(seed);
        let mut setup = draw.frame(days);
        setup.timetable = vec![(days * DAY_MS, Incident::SchedulesEnd)];
        setup.end_ms = (days + 2) * DAY_MS;
        setup
    }

    /// All that a seed draws.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let days = [6, 20, 60, 180][draw.rng.below(4) as usize];
        let mut setup = draw.frame(days);
        setup.cloud = draw.cloud();
        more::sources(&mut setup);
        setup.thin();
        let days = days.min((MOST_POINTS / setup.points_per_day()) as i64).max(4);
        fault_plan::draw(&mut setup, days, &mut draw.rng);
        more::draw(&mut setup, days);
        setup
    }

    /// Takes sources out of the fleet until it can be lived through at a bearable pace.
    fn thin(&mut self) {
        while self.points_per_day() > MOST_POINTS_PER_DAY {
            let largest = self.settings.policies.values_mut().max_by_key(|policy| policy.sources.len());
            match largest.filter(|policy| policy.sources.len() > 1) {
                Some(policy) => drop(policy.sources.pop()),
                None => return,
            }
        }
    }

    /// How many backups and copies come about in a day.
    fn points_per_day(&self) -> f64 {
        let start = Time::from_millis(self.start_ms);
        let daily = |policy: &Policy| {
            let made = policy.sources.len() * (1 + policy.destinations.len());
            made as f64 * 86_400.0 / policy.schedule.longest_gap(start, 20).as_secs_f64().max(600.0)
        };
        self.settings.policies.values().map(daily).sum()
    }

    /// Every Region that the policy names.
    #[must_use]
    pub fn regions(&self) -> Vec<Region> {
        let of = |policy: &Policy| {
            let destinations = policy.destinations.iter().map(|destination| destination.region.clone());
            std::iter::once(policy.region.clone()).chain(destinations).collect::<Vec<_>>()
        };
        let mut regions: Vec<Region> = self.settings.policies.values().flat_map(of).collect();
        regions.sort();
        regions.dedup();
        regions
    }

    /// Has this go wrong in FSx from `from_ms` to `until_ms` after the start.
    pub fn fault(&mut self, from_ms: i64, until_ms: i64, fault: Fault) {
        let seconds = |ms: i64| ms as f64 / 1000.0;
        let fault = Fault { from_seconds: seconds(from_ms), until_seconds: Some(seconds(until_ms)), ..fault };
        self.faults.fault.push(fault);
    }
}

/// A schedule from the table, which has only good ones.
pub(super) fn a_schedule(rng: &mut Rng, now_ms: i64) -> Result<Schedule, ScheduleError> {
    let (text, zone) = SCHEDULES[rng.below(SCHEDULES.len() as u64) as usize];
    Schedule::parse(text, zone, Time::from_millis(now_ms))
}

/// Rules under which little enough is kept that some of it goes within days; or none.
fn retain(rng: &mut Rng) -> Option<Retain> {
    let mut rule = |percent: f64, most: u64| rng.percent(percent).then(|| 1 + rng.below(most) as u32);
    let mut rules = Retain {
        last: rule(70.0, 4),
        within: rule(20.0, 72).map(|hours| Duration::from_secs(u64::from(hours) * 3600)),
        hourly: rule(20.0, 6),
        daily: rule(40.0, 7),
        weekly: rule(20.0, 3),
        monthly: rule(10.0, 2),
        yearly: None,
    };
    if rules == Retain::default() {
        rules.last = Some(2);
    }
    rng.percent(60.0).then_some(rules)
}

struct Draw {
    seed: u64,
    rng: Rng,
}

impl Draw {
    fn new(seed: u64) -> Self {
        Self { seed, rng: Rng::new(seed, "world") }
    }

    fn frame(&mut self, days: i64) -> Setup {
        let start_ms = EARLIEST_MS + self.rng.below(200) as i64 * DAY_MS + self.rng.below(DAY_MS as u64) as i64;
        let polls = [30, 120, 300, 600, 900];
        let poll = Duration::from_secs(polls[self.rng.below(polls.len() as u64) as usize]);
        let limits = Limits {
            copies_in_flight: if self.rng.percent(70.0) { 5 } else { 1 + self.rng.below(5) as u32 },
            ontap_copies_in_flight: 5,
        };
        let mut setup = Setup {
            seed: self.seed,
            start_ms,
            settings: Settings {
                generation: 1,
                daemon: Daemon {
                    state: "state.db".into(),
                    listen: ([127, 0, 0, 1], 9750).into(),
                    control: "control.sock".into(),
                    poll,
                    hosts: Vec::new(),
                    prune: true,
                },
                aws: Aws { profile: None, endpoint_url: None, requests_per_second: 4.0 },
                limits,
                notify: Notify::default(),
                own_account: AccountId::own(),
                accounts: std::collections::BTreeMap::new(),
                policies: std::collections::BTreeMap::new(),
            },
            fleet: Vec::new(),
            cloud: cloud::Settings::default(),
            faults: Faults::default(),
            timetable: Vec::new(),
            crash_one_in: 0,
            dies_at: None,
            loss_percent: 0.0,
            slow_wire_percent: 2.0,
            end_ms: days * DAY_MS,
        };
        for number in 0..=self.rng.below(3) {
            if let Ok(policy) = self.policy(number, &mut setup) {
                setup.settings.policies.insert(policy.name.clone(), policy);
            }
        }
        setup
    }

    fn policy(&mut self, number: u64, setup: &mut Setup) -> Result<Policy, ScheduleError> {
        let rng = &mut self.rng;
        let account = AccountId::from(if rng.percent(80.0) { ACCOUNTS[0] } else { ACCOUNTS[1] });
        let home = REGIONS[rng.below(2) as usize];
        let schedule = a_schedule(rng, setup.start_ms)?;
        let gap = schedule.longest_gap(Time::from_millis(setup.start_ms), 200);
        let place = AccountRegion { account: account.clone(), region: home.into() };
        let count = 1 + rng.below(4);
        let mut sources = Vec::new();
        for _ in 0..count {
            sources.extend(self.source(&place, setup));
        }
        let rng = &mut self.rng;
        let mut regions: Vec<&str> = REGIONS.iter().copied().filter(|region| *region != home).collect();
        let mut destinations = Vec::new();
        for _ in 0..=rng.below(3) {
            let region = regions.remove(rng.below(regions.len() as u64) as usize);
            destinations.push(Destination {
                region: region.into(),
                rpo: rng.percent(50.0).then(|| gap.mul_f64(1.2 + rng.unit()) + Duration::from_secs(7200)),
                kms_key: None,
                copy_tags: rng.percent(30.0),
                tags: lifeboat::domain::policy::Tags::new(),
                retain: retain(rng),
            });
        }
        let window = [None, Some(gap.mul_f64(0.3)), Some(Duration::from_secs(7200))];
        Ok(Policy {
            name: format!("p{number}").into(),
            account,
            region: home.into(),
            sources,
            select: None,
            exclude: Vec::new(),
            schedule,
            spread: None,
            start_within: window[rng.below(3) as usize],
            catch_up: if rng.percent(75.0) { CatchUp::Latest } else { CatchUp::None },
            rpo: rng.percent(70.0).then(|| gap.mul_f64(1.1 + rng.unit()) + Duration::from_secs(7200)),
            tags: [("team".to_owned(), "storage".to_owned())].into(),
            retain: retain(rng),
            destinations,
        })
    }

    fn source(&mut self, place: &AccountRegion, setup: &mut Setup) -> Option<SourceId> {
        let kinds = [FileSystemType::Windows, FileSystemType::Lustre, FileSystemType::OpenZfs, FileSystemType::Ontap];
        let kind = kinds[self.rng.below(4) as usize];
        let number = setup.fleet.len();
        let mut seed = FileSystemSeed::new(kind);
        seed.id = Some(format!("fs-{number:017x}"));
        // From a few gigabytes to several terabytes: copies of minutes and of many hours.
        let used_bytes = (1 << 30) << self.rng.below(13);
        seed.used_bytes = Some(used_bytes);
        seed.daily_change_bytes = Some(used_bytes / (1 + self.rng.below(100)));
        seed.tags = [("dr".to_owned(), "gold".to_owned())].into();
        if kind == FileSystemType::Ontap {
            let id = format!("fsvol-{number:017x}");
            seed.volumes = vec![VolumeSeed {
                id: Some(id),
                used_bytes: Some(used_bytes),
                daily_change_bytes: seed.daily_change_bytes,
                ..VolumeSeed::default()
            }];
        }
        if self.rng.percent(15.0) {
            seed.automatic_backup_retention_days = 3;
        }
        let id = match seed.volumes.first() {
            Some(volume) => volume.id.clone(),
            None => seed.id.clone(),
        };
        setup.fleet.push(Member { place: place.clone(), seed });
        id.map(Into::into)
    }
}

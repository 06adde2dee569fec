//! Years that the planner lives through with its state in a real file: `cargo bench --bench lived`.
//!
//! The simulated world (`tests/world`, all its checks on) at its own pace, with the store of the daemon as its disk:
//! `LIFEBOAT_SOURCES` (10) daily sources with three destinations, seven kept everywhere, for `LIFEBOAT_DAYS` (400) days.
//! Told for the month that ends: what is on the disk, what this process holds, and the longest that the loop was held up
//! by one plan, one commit, and one step of forgetting.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on ends")]

#[allow(dead_code, reason = "the tests of the store use the rest")]
#[path = "../tests/model/store/file.rs"]
mod file;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/world/mod.rs"]
mod world;

use crate::world::World;
use crate::world::disk::Disk;
use crate::world::planner_under_test::PlannerUnderTest;
use crate::world::setup::{DAY_MS, Incident, Member, Setup};
use lifeboat::domain::change::Change;
use lifeboat::domain::plan::Plan;
use lifeboat::domain::policy::Settings;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::{FileSystemSeed, FileSystemType};
use lifeboat::store::sqlite::SqliteStore;
use lifeboat::store::{Horizon, Store as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_secs(86_400);

fn number(name: &str, default: i64) -> i64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The longest of each since it was last told of.
#[derive(Default)]
struct Longest {
    plan: Duration,
    commit: Duration,
    forgetting: Duration,
}

/// Lifeboat as it is, timed.
struct Timed(Arc<Mutex<Longest>>);

impl PlannerUnderTest for Timed {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let began = Instant::now();
        let plan = lifeboat::planner::plan(settings, state, now);
        let mut longest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        longest.plan = longest.plan.max(began.elapsed());
        plan
    }
}

struct File {
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    store: Option<SqliteStore>,
    longest: Arc<Mutex<Longest>>,
    commits: u64,
    began: Time,
    day: u32,
}

impl File {
    /// What the daemon does once a day beside its work, and the line of the month.
    fn midnight(&mut self, now: Time) {
        let horizon = Horizon { coarse_before: now.minus(DAY * 90), forgotten_before: now.minus(DAY * 400) };
        let mut longest = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &mut self.store {
            let mut more = true;
            while more {
                let began = Instant::now();
                more = self.runtime.block_on(store.forget(&horizon)).unwrap();
                longest.forgetting = longest.forgetting.max(began.elapsed());
            }
        }
        if self.day.is_multiple_of(30) || self.day == 365 || self.day == 400 {
            let kilobytes =
                |name: &str| std::fs::metadata(self.folder.path().join(name)).map_or(0, |file| file.len() / 1000);
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("?").trim();
            println!(
                "{:>5} {:>9} {:>9} {:>11} {:>9} {:>12.1?} {:>12.1?} {:>12.1?}",
                self.day,
                kilobytes("state.db"),
                kilobytes("state.db-wal"),
                resident,
                self.commits,
                longest.plan,
                longest.commit,
                longest.forgetting
            );
            *longest = Longest::default();
        }
    }
}

impl Disk for File {
    fn load(&mut self, started_at: Time) -> Result<State, String> {
        let (store, state) = file::open(&self.runtime, &self.folder.path().join("state.db"), started_at)?;
        self.store = Some(store);
        Ok(state)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), String> {
        let Some(store) = &mut self.store else { return Err("nothing is open".to_owned()) };
        let began = Instant::now();
        self.runtime.block_on(store.commit(changes)).map_err(|error| error.to_string())?;
        self.commits += 1;
        let mut longest = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
        longest.commit = longest.commit.max(began.elapsed());
        drop(longest);
        // The time of the world, as far as the state tells it.
        let told = changes.iter().find_map(|change| match change {
            Change::Opened { record, .. } => Some(record.opened_at),
            _ => None,
        });
        if let Some(now) = told {
            while self.began.plus(DAY * (self.day + 1)) <= now {
                self.day += 1;
                self.midnight(now);
            }
        }
        Ok(())
    }

    fn lose(&mut self) -> Result<(), String> {
        Err("this world loses nothing".to_owned())
    }
}

fn main() {
    let (sources, days) = (number("LIFEBOAT_SOURCES", 10), number("LIFEBOAT_DAYS", 400));
    let mut setup = Setup::quiet(1, days);
    setup.fleet.clear();
    let ids: Vec<String> = (0..sources).map(|number| format!("fs-{number:017x}")).collect();
    let named: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    let kept = "retain = { last = 7 }";
    let text = format!(
        "[daemon]\npoll = \"5m\"\n[[policy]]\nname = \"all\"\nregion = \"us-east-1\"\nfile_systems = [{}]\n\
         schedule = \"0 3 * * *\"\nrpo = \"30h\"\n{kept}\n[[policy.destination]]\nregion = \"us-west-2\"\n{kept}\n\
         [[policy.destination]]\nregion = \"eu-west-1\"\n{kept}\n[[policy.destination]]\nregion = \"ap-southeast-2\"\n{kept}\n",
        named.join(",")
    );
    let start = Time::from_millis(setup.start_ms);
    let loaded = lifeboat::config::parse(&[("bench".to_owned(), text)], start);
    setup.settings = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).settings;
    setup.settings.generation = 1;
    for id in ids {
        let place = lifeboat::domain::id::AccountRegion {
            account: lifeboat::domain::id::AccountId::own(),
            region: "us-east-1".into(),
        };
        let seed = FileSystemSeed { id: Some(id), ..FileSystemSeed::new(FileSystemType::Windows) };
        setup.fleet.push(Member { place, seed });
    }
    setup.timetable = vec![(days * DAY_MS, Incident::SchedulesEnd)];
    let longest = Arc::<Mutex<Longest>>::default();
    let disk = File {
        runtime: file::runtime(),
        folder: tempfile::tempdir().unwrap(),
        store: None,
        longest: longest.clone(),
        commits: 0,
        began: start,
        day: 0,
    };
    println!(
        "{sources} daily sources, three destinations, seven kept; the world's own FSx is in the resident memory too"
    );
    println!("  day   file kB    WAL kB    resident   commits longest plan longest commit  longest step of forgetting");
    let began = Instant::now();
    match World::new(setup).with_planner(Box::new(Timed(longest))).with_disk(Box::new(disk)).run() {
        Ok(tally) => println!("{} backups and copies made, {:?} in all", tally.made, began.elapsed()),
        Err(violation) => println!("{violation}"),
    }
}

//! Two daemons with one policy and no connection between them, in virtual time: AWS is the arbiter. Either is killed, loses
//! its database, or is cut off from a Region for hours while the other goes on; nothing is made twice, both come to
//! know what is there, and the fleet heals.
//!
//! `LIFEBOAT_SEED=7 cargo test --release --test model two_hosts::` replays a seed, `LIFEBOAT_SEEDS=500` lives through more.

use crate::world::disk::reloaded;
use lifeboat::domain::action::{Action, Call, Outcome};
use lifeboat::domain::change::{Change, IllegalChange};
use lifeboat::domain::id::AccountRegion;
use lifeboat::domain::policy::Settings;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::driver::{Basis, Driver, Surroundings, at_once};
use lifeboat::sim::cloud::{self, Backup, Cloud, FileSystemSeed, FileSystemType, Lifecycle};
use lifeboat::sim::{Fault, Faults, Rng, wire};
use std::collections::{BTreeMap, BTreeSet};

const START: Time = Time::from_secs(1_795_248_000);
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Trouble, then an end of it.
const TROUBLE_MS: i64 = 72 * HOUR_MS;
const CALM_MS: i64 = 12 * HOUR_MS;
const HOME: &str = "us-east-1";
const DESTINATIONS: [&str; 2] = ["us-west-2", "eu-west-1"];
const SOURCES: usize = 7;

fn settings() -> Settings {
    let ids: Vec<String> = (0..SOURCES).map(source).collect();
    let mut text = format!(
        "[daemon]\npoll = \"30s\"\n[[policy]]\nname = \"all\"\nregion = \"{HOME}\"\nschedule = \"every 2h\"\nrpo = \"9h\"\n\
         retain = {{ last = 4 }}\nfile_systems = {ids:?}\n"
    );
    for region in DESTINATIONS {
        text.push_str(&format!("[[policy.destination]]\nregion = \"{region}\"\nretain = {{ last = 3 }}\n"));
    }
    lifeboat::config::parse(&[("test".to_owned(), text)], START).unwrap().settings
}

fn source(number: usize) -> String {
    format!("fs-0123456789abcde{number:02x}")
}

fn cloud(seed: u64) -> Cloud {
    let habits = cloud::Settings { page_size: 40, copy_bytes_per_second: 250e6, ..cloud::Settings::default() };
    let mut cloud = Cloud::new(seed).with_settings(habits);
    for number in 0..SOURCES {
        let mut member = FileSystemSeed::new(FileSystemType::Windows);
        member.id = Some(source(number));
        member.used_bytes = Some(60_000_000_000 * (1 + number as u64));
        member.daily_change_bytes = Some(60_000_000_000);
        cloud.add_file_system_seed(START.millis(), "111122223333", HOME, &member).unwrap();
    }
    let fault = Fault {
        throttle_percent: 3.0,
        close_after_percent: 3.0,
        latency_jitter_ms: 4_000,
        fail_copy_percent: 5.0,
        fail_backup_percent: 3.0,
        list_lag_seconds: 60.0,
        until_seconds: Some((TROUBLE_MS / 1000) as f64),
        ..Fault::default()
    };
    cloud.set_faults(Faults { cloud: None, fault: vec![fault] }, Some(START.millis()));
    cloud
}

/// One daemon, and what is around it.
#[derive(Default)]
struct Host {
    /// Its process, if it lives.
    driver: Option<Driver>,
    /// What is on its disk while it does not.
    disk: Option<State>,
    life: u64,
    cut_off: BTreeSet<String>,
}

enum Event {
    Starts(usize),
    Arrives { host: usize, life: u64, sent_ms: i64, action: Action },
    Answered { host: usize, life: u64, action: Action, outcome: Outcome },
    Incident,
    FaultsEnd,
}

struct Pair {
    cloud: Cloud,
    shown: wire::Shown,
    hosts: [Host; 2],
    now_ms: i64,
    calm: bool,
    events: BTreeMap<(i64, u64), Event>,
    sent: u64,
    rng: Rng,
    lines: Vec<String>,
    /// What was deleted and was the newest of its route.
    wrongly_deleted: Vec<String>,
}

/// What the driver of one host sees.
struct Around<'a> {
    pair: &'a mut Pair,
    host: usize,
}

impl Surroundings for Around<'_> {
    type Stop = String;

    const PLANS_IN_A_ROW: usize = 500;

    fn now(&mut self, _state: &mut State) -> Time {
        Time::from_millis(self.pair.now_ms)
    }

    fn illegal(&mut self, change: &Change, error: &IllegalChange) -> Result<(), String> {
        Err(format!("illegal: {error}: {change:?}"))
    }

    async fn commit(&mut self, _on: Basis<'_>, _changes: &[Change]) -> Result<bool, String> {
        Ok(true)
    }

    fn start(&mut self, _on: Basis<'_>, action: Action) -> Result<(), String> {
        let (host, pair) = (self.host, &mut *self.pair);
        let life = pair.hosts[host].life;
        let there_ms = 5 + pair.rng.below(400) as i64;
        let sent_ms = pair.now_ms;
        pair.at(sent_ms + there_ms, Event::Arrives { host, life, sent_ms, action });
        Ok(())
    }

    fn restless(&mut self) -> Result<(), String> {
        Err("the planner does not come to rest".to_owned())
    }
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut pair = Self {
            cloud: cloud(seed),
            shown: wire::Shown::default(),
            hosts: [Host::default(), Host::default()],
            now_ms: START.millis(),
            calm: false,
            events: BTreeMap::new(),
            sent: 0,
            rng: Rng::new(seed, "two hosts"),
            lines: Vec::new(),
            wrongly_deleted: Vec::new(),
        };
        for host in 0..2 {
            let first_ms = pair.now_ms + pair.rng.below(90 * MINUTE_MS as u64) as i64;
            pair.at(first_ms, Event::Starts(host));
        }
        pair.at(pair.now_ms + HOUR_MS, Event::Incident);
        pair.at(pair.now_ms + TROUBLE_MS, Event::FaultsEnd);
        pair
    }

    fn at(&mut self, at_ms: i64, event: Event) {
        self.sent += 1;
        self.events.insert((at_ms.max(self.now_ms), self.sent), event);
    }

    fn note(&mut self, line: String) {
        self.lines.push(format!("{} {line}", Time::from_millis(self.now_ms)));
    }

    fn live(&mut self) -> Result<(), String> {
        let end_ms = START.millis() + TROUBLE_MS + CALM_MS;
        loop {
            let wakes = |host: &Host| host.driver.as_ref().map_or(i64::MAX, |driver| driver.wake.millis());
            let [one, other] = [wakes(&self.hosts[0]), wakes(&self.hosts[1])];
            let event_ms = self.events.first_key_value().map_or(i64::MAX, |((at_ms, _), _)| *at_ms);
            let next_ms = one.min(other).min(event_ms).max(self.now_ms);
            if next_ms > end_ms {
                return Ok(());
            }
            self.now_ms = next_ms;
            self.cloud.advance(next_ms);
            if event_ms <= next_ms {
                let Some((_, event)) = self.events.pop_first() else { continue };
                self.happens(event)?;
            } else {
                self.run(usize::from(other < one), |_, _| Ok(()))?;
            }
        }
    }

    /// Lets the process of a host do something, then whatever follows from it.
    fn run(
        &mut self,
        host: usize,
        work: impl FnOnce(&mut Driver, &mut Around<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let Some(mut driver) = self.hosts[host].driver.take() else { return Ok(()) };
        let around = &mut Around { pair: self, host };
        work(&mut driver, around)?;
        at_once(driver.commit(around)).unwrap_or_else(|| Err("it waits".to_owned()))?;
        at_once(driver.round(around)).unwrap_or_else(|| Err("it waits".to_owned()))?;
        self.hosts[host].driver = Some(driver);
        Ok(())
    }

    fn happens(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Starts(host) => {
                let now = Time::from_millis(self.now_ms);
                let state = match self.hosts[host].disk.take() {
                    Some(kept) => reloaded(&kept, now),
                    None => State::new(now, now),
                };
                self.hosts[host].life += 1;
                self.note(format!("host {host} starts"));
                self.hosts[host].driver = Some(Driver::new(settings(), state, now));
                self.run(host, |_, _| Ok(()))
            }
            Event::Arrives { host, life, sent_ms, action } => {
                self.arrives(host, life, sent_ms, action);
                Ok(())
            }
            Event::Answered { host, life, action, outcome } => {
                if self.hosts[host].life != life {
                    return Ok(());
                }
                let now = Time::from_millis(self.now_ms);
                self.run(host, |driver, around| driver.answered(&action, outcome, now, around))
            }
            Event::Incident if self.calm => Ok(()),
            Event::Incident => {
                let pause_ms = 10 * MINUTE_MS + self.rng.below(3 * HOUR_MS as u64) as i64;
                self.at(self.now_ms + pause_ms, Event::Incident);
                self.incident();
                Ok(())
            }
            Event::FaultsEnd => {
                self.calm = true;
                self.hosts.iter_mut().for_each(|host| host.cut_off.clear());
                Ok(())
            }
        }
    }

    fn arrives(&mut self, host: usize, life: u64, sent_ms: i64, action: Action) {
        let cut = self.hosts[host].cut_off.contains(action.place.region.as_str());
        let timeout_ms = sent_ms + wire::ANSWER_WITHIN_MS;
        // Of a connection that breaks, a request may still come through.
        if cut && !self.rng.percent(20.0) {
            self.at(timeout_ms, Event::Answered { host, life, action, outcome: Outcome::Failed(wire::no_answer()) });
            return;
        }
        let (made, deleted) = (self.cloud.backups_made(), self.cloud.deletions().len());
        let served = wire::serve(&mut self.cloud, &mut self.shown, self.now_ms, &action);
        if self.cloud.backups_made() > made
            && let Call::Make { key, request } = &action.call
        {
            self.note(format!("host {host} made {key} by {}", request.token()));
        }
        let gone: Vec<_> = self.cloud.deletions()[deleted..].iter().map(|at| self.cloud.backup(*at)).collect();
        let newest = |gone: &&&Backup| gone.failure.is_none() && !self.has_newer(gone);
        let wrongly: Vec<String> =
            gone.iter().filter(newest).map(|gone| format!("{} {:?}", gone.id, gone.tags)).collect();
        self.wrongly_deleted.extend(wrongly);
        let answered_ms = self.now_ms + served.latency_ms + 5 + self.rng.below(400) as i64;
        let lost = cut || answered_ms > timeout_ms;
        let (at_ms, outcome) =
            if lost { (timeout_ms, Outcome::Failed(wire::no_answer())) } else { (answered_ms, served.outcome) };
        self.at(at_ms, Event::Answered { host, life, action, outcome });
    }

    /// Whether a route has a newer recovery point than this one.
    fn has_newer(&self, than: &Backup) -> bool {
        self.cloud.backups().any(|(_, other)| {
            other.region == than.region
                && other.resource() == than.resource()
                && other.is_copy() == than.is_copy()
                && other.lifecycle == Lifecycle::Available
                && other.taken_ms > than.taken_ms
        })
    }

    fn incident(&mut self) {
        let host = self.rng.below(2) as usize;
        let hosts = if self.rng.percent(15.0) { vec![0, 1] } else { vec![host] };
        for host in hosts {
            if self.rng.percent(55.0) {
                self.kill(host);
            } else {
                let regions = [HOME, DESTINATIONS[0], DESTINATIONS[1]];
                self.hosts[host].cut_off.clear();
                for region in regions {
                    if self.rng.percent(40.0) {
                        self.hosts[host].cut_off.insert(region.to_owned());
                    }
                }
                self.note(format!("host {host} is cut off from {:?}", self.hosts[host].cut_off));
            }
        }
    }

    fn kill(&mut self, host: usize) {
        let Some(driver) = self.hosts[host].driver.take() else { return };
        let lost = self.rng.percent(25.0);
        self.hosts[host].disk = (!lost).then_some(driver.state);
        self.hosts[host].life += 1;
        let downs = [10, 5 * 60, 20 * 60, 2 * 3600, 7 * 3600];
        let down_ms = 1_000 * downs[self.rng.below(5) as usize];
        self.note(format!("host {host} is killed for {} s, database lost: {lost}", down_ms / 1000));
        self.at(self.now_ms + down_ms, Event::Starts(host));
    }
}

/// What a backup is for, by its tags.
fn work_of(backup: &Backup) -> Option<(String, String, String, String)> {
    let tag = |name: &str| backup.tags.get(name).cloned();
    let at = tag("lifeboat:occurrence")?;
    Some((tag("lifeboat:source")?, at, tag("lifeboat:trigger")?, backup.region.clone()))
}

/// Promise 2, for both together.
fn nothing_twice(cloud: &Cloud) -> Result<(), String> {
    let mut good: BTreeMap<_, Vec<&Backup>> = BTreeMap::new();
    for (_, backup) in cloud.backups().filter(|(_, backup)| backup.failure.is_none()) {
        if let Some(work) = work_of(backup) {
            good.entry(work).or_default().push(backup);
        }
    }
    match good.iter().find(|(_, made)| made.len() > 1) {
        None => Ok(()),
        Some((work, made)) => {
            let made = made.iter().map(|backup| {
                let (created, gone) = (Time::from_millis(backup.created_ms), backup.deleted_ms.map(Time::from_millis));
                format!("{} created {created} deleted {gone:?} tags {:?}", backup.id, backup.tags)
            });
            Err(format!("{work:?} was made twice: {}", made.collect::<Vec<_>>().join("; ")))
        }
    }
}

/// Every route has what could be copied, and both hosts know it.
fn healed(pair: &Pair) -> Result<(), String> {
    for number in 0..SOURCES {
        let source = source(number);
        let newest = |region: &str| {
            let here = pair.cloud.backups().map(|(_, backup)| backup).filter(|backup| {
                backup.region == region && backup.resource() == source && backup.lifecycle == Lifecycle::Available
            });
            here.max_by_key(|backup| backup.taken_ms)
        };
        for region in [HOME, DESTINATIONS[0], DESTINATIONS[1]] {
            let newest = newest(region).ok_or_else(|| format!("{source} has no recovery point in {region}"))?;
            let age_ms = pair.now_ms - newest.taken_ms;
            if age_ms > 9 * HOUR_MS {
                return Err(format!("{source} in {region} is {} min old", age_ms / MINUTE_MS));
            }
            for (nth, host) in pair.hosts.iter().enumerate() {
                let driver = host.driver.as_ref().ok_or_else(|| format!("host {nth} is down"))?;
                let place = AccountRegion { account: "111122223333".into(), region: region.into() };
                let known = driver.state.point(&place, &newest.id.as_str().into()).is_some();
                let fresh = pair.now_ms - newest.created_ms < 30 * MINUTE_MS;
                if !known && !fresh {
                    return Err(format!("host {nth} does not know {} of {source} in {region}", newest.id));
                }
            }
        }
    }
    Ok(())
}

fn lived(seed: u64) -> Result<Pair, String> {
    let mut pair = Pair::new(seed);
    let told = |pair: &Pair, why: String| {
        if std::env::var_os("LIFEBOAT_SEED").is_some() {
            pair.lines.iter().for_each(|line| println!("{line}"));
        }
        format!("LIFEBOAT_SEED={seed}: {why}")
    };
    pair.live().map_err(|why| told(&pair, why))?;
    if !pair.wrongly_deleted.is_empty() {
        return Err(told(&pair, format!("the newest of a route was deleted: {:?}", pair.wrongly_deleted)));
    }
    nothing_twice(&pair.cloud).and_then(|()| healed(&pair)).map_err(|why| told(&pair, why))?;
    Ok(pair)
}

#[test]
fn two_hosts_make_nothing_twice_and_take_over_from_each_other() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("LIFEBOAT_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let from = number("LIFEBOAT_FROM").unwrap_or(0);
            from..from + number("LIFEBOAT_SEEDS").unwrap_or(12)
        }
    };
    let (mut made, mut broken) = (0, Vec::new());
    for seed in seeds {
        match lived(seed) {
            Ok(pair) => made += pair.cloud.backups_made(),
            Err(why) => broken.push(why),
        }
    }
    assert!(broken.is_empty(), "{} broke:\n{}", broken.len(), broken.join("\n"));
    assert!(made > 1_000, "{made} backups and copies in all");
}

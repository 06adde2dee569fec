//! What the order of slots is worth: `cargo bench --bench order`.
//!
//! One Region in virtual time, five days from the first backup on: the real planner against the simulated FSx, the same
//! fleet under three orders of its slots and nothing else changed:
//!
//! - **time left**: Lifeboat's own ([`lifeboat::planner::slot_priority`]);
//! - **first come**: the route that has lacked a copy for the longest;
//! - **oldest point**: the route whose newest recovery point is the oldest.
//!
//! A copy takes six and a half minutes and what it moves at 100 MB a second. File systems change by 1 to 10 % of their size
//! a day. How many slots a fleet *needs* is reckoned as `lifeboat check` does: to keep every promise, backups being
//! skipped where the promise allows it. Each seed draws a fleet for each of four situations:
//!
//! - **night**: five slots, 0.35 to 0.9 of them needed over the day. Most file systems are backed up daily, by one to three
//!   policies that fire within two hours, the first between 22 and 3 o'clock; a day and 2 to 12 hours are promised, and their
//!   copies keep all slots busy for 6 to 14 hours. The others are backed up every 1 to 4 hours. Sizes are 50 GB to 4 TB.
//!   Counted are the last three nights, up to the morning. Some such nights can be got through without a broken promise and some cannot, in
//!   whatever order: that is drawn, not chosen.
//! - **outage**: two slots (as if others held the rest, so that a run is short), 0.5 to 0.9 of them needed; every 1 to 12
//!   hours; 20 GB to 1 TB. After two days the destination is silent for twelve hours, so that everything wants to be copied
//!   at once. Counted from the end of the outage, since nothing helps before.
//! - **overload**: as before, but 1.1 to 2.5 times the slots are needed, for good. Counted are the last three days.
//! - **new fleet**: as in the outage, without it; nothing was copied before, so every route begins with a copy of
//!   everything. Counted from the start.
//!
//! What is promised where backups are more often than daily: one and a half, two or three times from one backup to the next,
//! and half an hour. In all but the new fleet the first copies are made on the first day at fifty times the speed: they come
//! once, and whoever gets them done late would be counted as if that were the order of every day.
//!
//! The daemon looks every two minutes here (otherwise every half one), so that a run is short: 5 to 15 % of the slot time pass
//! before the end of a copy is seen, under every order alike.
//!
//! Counted from FSx's own inventory: for how long promises were broken, all routes together, and how many routes broke theirs
//! (of the new fleet: after two days). `LIFEBOAT_SEEDS=40` runs more, `LIFEBOAT_SITUATION=outage` one situation alone. Every
//! core takes one fleet at a time.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a bench that cannot go on ends")]

#[path = "../tests/model/slot_orders.rs"]
mod slot_orders;

use lifeboat::domain::time::Time;
use lifeboat::planner::slot_priority::{SlotOrder, TIME_LEFT};
use lifeboat::sim::cloud::{Cloud, FileSystemSeed, FileSystemType, Settings};
use lifeboat::sim::faults::Faults;
use lifeboat::sim::rehearse::Rehearsal;
use lifeboat::sim::rng::Rng;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const START: Time = Time::from_secs(1_795_248_000);
const DAY: Duration = Duration::from_secs(86_400);
const DAYS: u32 = 5;
/// By then a fleet has its first copies and the planner knows how long copies take.
const SETTLED: u32 = 2;
const HOUR_SECONDS: f64 = 3600.0;
const DAY_SECONDS: f64 = 86_400.0;
const COPY_BYTES_PER_SECOND: f64 = 100e6;
const COPY_FLOOR_SECONDS: f64 = 390.0;
/// From the firing until the backup is seen, s.
const BACKUP_SECONDS: f64 = 300.0;
const ORDERS: [(SlotOrder, &str); 3] =
    [(TIME_LEFT, "time left"), (slot_orders::first_come, "first come"), (slot_orders::oldest_point, "oldest point")];

/// How long the destination is silent.
const OUTAGE: Duration = Duration::from_secs(12 * 3600);

/// What a fleet lives through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Situation {
    Night,
    Outage,
    Overload,
    NewFleet,
}

const SITUATIONS: [Situation; 4] = [Situation::Night, Situation::Outage, Situation::Overload, Situation::NewFleet];

impl Situation {
    fn name(self) -> &'static str {
        match self {
            Self::Night => "night",
            Self::Outage => "outage",
            Self::Overload => "overload",
            Self::NewFleet => "new fleet",
        }
    }

    fn slots(self) -> f64 {
        if self == Self::Night { 5.0 } else { 2.0 }
    }

    /// From when on broken promises are counted.
    fn counted_from(self) -> Time {
        match self {
            Self::NewFleet => START,
            Self::Outage => START.plus(DAY * SETTLED).plus(OUTAGE),
            // The evening: by then each has been copied once at the usual speed, so that it is known how long that takes.
            Self::Night => START.plus(DAY * SETTLED).plus(DAY / 2),
            Self::Overload => START.plus(DAY * SETTLED),
        }
    }

    fn faults(self) -> String {
        let mut faults = String::new();
        if self != Self::NewFleet {
            faults.push_str("[[fault]]\noperations = [\"CopyBackup\"]\nuntil_seconds = 86400\nslow_factor = 0.02\n");
        }
        if self == Self::Outage {
            let (from, until) = (SETTLED * 86_400, u64::from(SETTLED) * 86_400 + OUTAGE.as_secs());
            faults.push_str(&format!(
                "[[fault]]\nregions = [\"us-west-2\"]\nfrom_seconds = {from}\nuntil_seconds = {until}\nblack_hole_percent = 100\n"
            ));
        }
        faults
    }
}

/// What one order came to.
#[derive(Clone, Default)]
struct Came {
    hours_broken: f64,
    routes_broken: usize,
    copies: u64,
    idle_percent: f64,
    /// By what was promised, in minutes.
    hours_by_rpo: BTreeMap<u64, f64>,
}

/// File systems that are backed up and promised alike.
struct Tier {
    schedule: String,
    every_seconds: f64,
    promise_seconds: f64,
    members: Vec<String>,
}

impl Tier {
    /// Backed up every `hours`, with an RPO of `times` as long and half an hour.
    fn every(hours: u64, times: f64) -> Self {
        Self {
            schedule: format!("every {hours}h"),
            every_seconds: hours as f64 * HOUR_SECONDS,
            promise_seconds: hours as f64 * HOUR_SECONDS * times + HOUR_SECONDS / 2.0,
            members: Vec::new(),
        }
    }

    /// Backed up daily at that hour.
    fn daily(hour: u64, promise_hours: u64) -> Self {
        Self {
            schedule: format!("0 {} * * *", hour % 24),
            every_seconds: DAY_SECONDS,
            promise_seconds: promise_hours as f64 * HOUR_SECONDS,
            members: Vec::new(),
        }
    }

    /// How many slots a member needs that changes by so much a day: as many backups are skipped as its promise allows.
    fn needs(&self, daily_bytes: f64) -> f64 {
        let takes = |apart: f64| COPY_FLOOR_SECONDS + daily_bytes * apart / DAY_SECONDS / COPY_BYTES_PER_SECOND;
        let room = self.promise_seconds - BACKUP_SECONDS - takes(self.every_seconds);
        let apart = self.every_seconds * (room / self.every_seconds).floor().max(1.0);
        takes(apart) / apart
    }
}

struct Drawn {
    policy: String,
    fleet: Vec<FileSystemSeed>,
    needed: f64,
}

/// A fleet as it is drawn.
struct Draw {
    rng: Rng,
    tiers: Vec<Tier>,
    fleet: Vec<FileSystemSeed>,
    /// From the smallest to the largest, bytes.
    sizes: (f64, f64),
}

impl Draw {
    /// Adds file systems to one of these tiers each until together they need at least `slots`; returns how many they need.
    fn fill(&mut self, tiers: std::ops::Range<usize>, slots: f64) -> f64 {
        let mut needed = 0.0;
        while needed < slots {
            let tier = &mut self.tiers[tiers.start + self.rng.below(tiers.len() as u64) as usize];
            let used = self.sizes.0 * (self.sizes.1 / self.sizes.0).powf(self.rng.unit());
            let daily = used * (0.01 + 0.09 * self.rng.unit());
            needed += tier.needs(daily);
            let mut member = FileSystemSeed::new(FileSystemType::OpenZfs);
            let id = format!("fs-{:017x}", self.fleet.len());
            member.id = Some(id.clone());
            member.used_bytes = Some(used as u64);
            member.daily_change_bytes = Some(daily as u64);
            tier.members.push(id);
            self.fleet.push(member);
        }
        needed
    }

    fn tiers(&mut self, count: u64, hours: &[u64]) {
        for _ in 0..count {
            let every = hours[self.rng.below(hours.len() as u64) as usize];
            let times = [1.5, 2.0, 3.0][self.rng.below(3) as usize];
            self.tiers.push(Tier::every(every, times));
        }
    }
}

/// A fleet with its policy.
fn draw(seed: u64, situation: Situation) -> Drawn {
    let slots = situation.slots();
    let sizes = if situation == Situation::Night { (50e9, 4e12) } else { (20e9, 1e12) };
    let mut draw = Draw { rng: Rng::new(seed, "order"), tiers: Vec::new(), fleet: Vec::new(), sizes };
    let needed = if situation == Situation::Night {
        let busy_hours = 6.0 + 8.0 * draw.rng.unit();
        let nightly = busy_hours / 24.0;
        let others = 0.1 + (0.8 - nightly) * draw.rng.unit();
        let (policies, first_hour) = (1 + draw.rng.below(3), 22 + draw.rng.below(6));
        for _ in 0..policies {
            let tier = Tier::daily(first_hour + draw.rng.below(3), 26 + draw.rng.below(11));
            draw.tiers.push(tier);
        }
        let dailies = draw.tiers.len();
        draw.tiers(4, &[1, 1, 2, 4]);
        draw.fill(0..dailies, nightly * slots) + draw.fill(dailies..dailies + 4, others * slots)
    } else {
        let wanted = match situation {
            Situation::Overload => 1.1 + 1.4 * draw.rng.unit(),
            _ => 0.5 + 0.4 * draw.rng.unit(),
        };
        draw.tiers(8, &[1, 1, 2, 2, 3, 4, 6, 12]);
        draw.fill(0..8, wanted * slots)
    };
    let mut policy = format!("[daemon]\npoll = \"120s\"\n[limits]\ncopies_in_flight = {slots}\n");
    for (number, tier) in draw.tiers.iter().enumerate().filter(|(_, tier)| !tier.members.is_empty()) {
        // Copies held teach how long copies take, and backups held tell first come for how long one is lacking; more would
        // only make listings long.
        policy.push_str(&format!(
            "[[policy]]\nname = \"p{number}\"\nregion = \"us-east-1\"\nschedule = \"{}\"\nrpo = \"{}s\"\nretain = {{ last = 24 }}\n\
             file_systems = {:?}\n[[policy.destination]]\nregion = \"us-west-2\"\nretain = {{ last = 7 }}\n",
            tier.schedule, tier.promise_seconds, tier.members
        ));
    }
    Drawn { policy, fleet: draw.fleet, needed: needed / slots }
}

fn live(seed: u64, situation: Situation, drawn: &Drawn, order: SlotOrder) -> Came {
    let parsed = lifeboat::config::parse(&[("bench".to_owned(), drawn.policy.clone())], START);
    let settings = parsed.expect("the policy of the bench is good").settings;
    let mut cloud = Cloud::new(seed).with_settings(Settings {
        copy_bytes_per_second: COPY_BYTES_PER_SECOND,
        copy_floor_seconds: COPY_FLOOR_SECONDS,
        openzfs_backups: 1_000_000,
        page_size: 1_000,
        ..Settings::default()
    });
    for member in &drawn.fleet {
        cloud.add_file_system_seed(START.millis(), "111122223333", "us-east-1", member).expect("a fleet that AWS has");
    }
    cloud.set_faults(Faults::from_toml(&situation.faults()).expect("faults"), Some(START.millis()));
    let (from, end) = (situation.counted_from(), START.plus(DAY * DAYS));
    let mut rehearsal = Rehearsal::new(settings, cloud, START).in_order(order);
    rehearsal.run_until(end).expect("the planner does not contradict itself");
    let routes = rehearsal.routes(from, end);
    let settled = rehearsal.routes(from.max(START.plus(DAY * SETTLED)), end);
    let lanes = rehearsal.lanes(from, end);
    let mut hours_by_rpo = BTreeMap::new();
    for route in &routes {
        let minutes = route.rpo.unwrap_or_default().as_secs() / 60;
        *hours_by_rpo.entry(minutes).or_default() += route.broken.as_secs_f64() / HOUR_SECONDS;
    }
    Came {
        hours_broken: hours_by_rpo.values().sum(),
        routes_broken: settled.iter().filter(|route| !route.broken.is_zero()).count(),
        copies: routes.iter().map(|route| route.copies).sum(),
        idle_percent: lanes
            .iter()
            .map(|lane| 100.0 * lane.idle.as_secs_f64() / lane.wanted.as_secs_f64().max(1.0))
            .fold(0.0, f64::max),
        hours_by_rpo,
    }
}

fn main() {
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return;
    }
    let seeds = std::env::var("LIFEBOAT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_u64);
    let only = std::env::var("LIFEBOAT_SITUATION").ok();
    let mut all = [Came::default(), Came::default(), Came::default()];
    for situation in SITUATIONS.into_iter().filter(|one| only.as_ref().is_none_or(|only| only == one.name())) {
        for (sum, came) in all.iter_mut().zip(compare(situation, seeds)) {
            sum.add(&came);
        }
    }
    println!("\nall situations   {}", shown(&all));
}

/// Every seed's fleet under every order, as many at a time as there are cores.
fn live_all(situation: Situation, seeds: u64) -> Vec<(Drawn, [Came; 3])> {
    let next = AtomicU64::new(0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut lived: Vec<(u64, (Drawn, [Came; 3]))> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let mine = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                    mine.take_while(|seed| *seed < seeds)
                        .map(|seed| {
                            let drawn = draw(seed, situation);
                            let came = ORDERS.map(|(order, _)| live(seed, situation, &drawn, order));
                            (seed, (drawn, came))
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a fleet lives")).collect()
    });
    lived.sort_unstable_by_key(|(seed, _)| *seed);
    lived.into_iter().map(|(_, lived)| lived).collect()
}

impl Came {
    fn add(&mut self, other: &Self) {
        self.hours_broken += other.hours_broken;
        self.routes_broken += other.routes_broken;
        self.copies += other.copies;
        self.idle_percent = self.idle_percent.max(other.idle_percent);
        for (rpo, hours) in &other.hours_by_rpo {
            *self.hours_by_rpo.entry(*rpo).or_default() += hours;
        }
    }

    fn hours_where(&self, promised: impl Fn(f64) -> bool) -> f64 {
        self.hours_by_rpo.iter().filter(|(minutes, _)| promised(**minutes as f64 / 60.0)).map(|(_, hours)| hours).sum()
    }
}

fn shown(came: &[Came; 3]) -> String {
    came.iter().map(|came| format!("{:>12.0} h ({:>4})", came.hours_broken, came.routes_broken)).collect()
}

fn compare(situation: Situation, seeds: u64) -> [Came; 3] {
    println!("\n{}: hours in breach, all routes together (routes with a broken promise)\n", situation.name());
    println!("seed routes need {}", ORDERS.map(|(_, name)| format!("{name:>21}")).concat());
    let mut sums = [Came::default(), Came::default(), Came::default()];
    let mut lost = Vec::new();
    for (seed, (drawn, came)) in live_all(situation, seeds).into_iter().enumerate() {
        println!("{seed:>4} {:>6} {:>4.2} {}", drawn.fleet.len(), drawn.needed, shown(&came));
        for (sum, came) in sums.iter_mut().zip(&came) {
            sum.add(came);
        }
        lost.extend(
            came.iter()
                .zip(ORDERS)
                .skip(1)
                .filter_map(|(other, (_, name))| loses(&came[0], other, name))
                .map(|how| format!("seed {seed}: {how}")),
        );
    }
    println!("\n sum             {}", shown(&sums));
    for ((_, name), sum) in ORDERS.iter().zip(&sums) {
        println!(
            "{name}: {:.0} % of first come's; {:.0} h of promises under a day, {:.0} h of others; {} copies; at worst {:.1} % of slot \
             time free while a copy could begin",
            100.0 * sum.hours_broken / sums[1].hours_broken.max(1.0),
            sum.hours_where(|promised| promised < 24.0),
            sum.hours_where(|promised| promised >= 24.0),
            sum.copies,
            sum.idle_percent
        );
    }
    println!("seeds that lose: {}", if lost.is_empty() { "none".to_owned() } else { lost.join("\n  ") });
    sums
}

/// By how much ours is worse than another order, and where, if it is.
fn loses(ours: &Came, other: &Came, name: &str) -> Option<String> {
    let more = ours.hours_broken - other.hours_broken;
    let worse = ours.hours_by_rpo.iter().map(|(minutes, hours)| {
        (hours - other.hours_by_rpo.get(minutes).copied().unwrap_or_default(), *minutes as f64 / 60.0)
    });
    let (most, rpo) = worse.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (more > 0.0).then(|| {
        format!(
            "{more:.0} h more than {name}, most of it ({most:.0} h) on what is promised {rpo:.1} h; copies: {} against {}",
            ours.copies, other.copies
        )
    })
}

//! What the order of slots is worth: `cargo bench --bench order`.
//!
//! One Region with two slots (as if others held the rest, so that a run is short), five days from the first backup on, in
//! virtual time. Each seed draws a fleet: file systems of 20 GB to 1 TB that change 1 to 10 % a day, under eight
//! policies that fire every hour to twice a day; a copy takes six and a half minutes and what it moves at 100 MB a second.
//! It lives through one of two situations:
//!
//! - **outage**: the slots suffice (0.5 to 0.9 of them are needed), and after two days the destination is silent for twelve
//!   hours, so that everything wants to be copied at once. Counted from the end of the outage, since nothing helps before.
//! - **overload**: just keeping every promise would need 1.1 to 2.5 times what the slots give, for good. Counted from the start.
//!
//! The same fleet lives under three orders of its slots, all else being the real planner:
//!
//! - **time left**: Lifeboat's own ([`lifeboat::planner::turns`]);
//! - **first come**: the route that has lacked a copy for the longest;
//! - **oldest point**: the route whose newest recovery point is the oldest.
//!
//! Counted from FSx's own books: for how long promises were broken, all routes together, and how many routes broke theirs
//! at all after that (in an overload after two days). `LIFEBOAT_SEEDS=40` runs more, `LIFEBOAT_SITUATION=outage` one situation alone.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a bench that cannot go on ends")]

use lifeboat::domain::time::Time;
use lifeboat::planner::turns::Order;
use lifeboat::sim::cloud::{Cloud, FileSystemSeed, FileSystemType, Settings};
use lifeboat::sim::faults::Faults;
use lifeboat::sim::rehearse::Rehearsal;
use lifeboat::sim::rng::Rng;
use std::time::Duration;

const START: Time = Time::from_secs(1_795_248_000);
const DAY: Duration = Duration::from_secs(86_400);
const DAYS: u32 = 5;
/// From here on routes are counted as broken; the time that promises are broken is counted from the start.
const SETTLED: u32 = 2;
const SLOTS: f64 = 2.0;
const COPY_BYTES_PER_SECOND: f64 = 100e6;
const COPY_FLOOR_SECONDS: f64 = 390.0;
const ORDERS: [(Order, &str); 3] =
    [(Order::TimeLeft, "time left"), (Order::FirstCome, "first come"), (Order::OldestPoint, "oldest point")];

/// How long the destination is silent.
const OUTAGE: Duration = Duration::from_secs(12 * 3600);

/// What a fleet lives through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Situation {
    Outage,
    Overload,
}

impl Situation {
    fn name(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Overload => "overload",
        }
    }
}

/// What one order came to.
#[derive(Clone, Copy, Default)]
struct Came {
    hours_broken: f64,
    routes_broken: usize,
    copies: u64,
    idle_percent: f64,
}

struct Drawn {
    policy: String,
    fleet: Vec<FileSystemSeed>,
    load: f64,
}

/// A fleet with its policy.
fn draw(seed: u64, situation: Situation) -> Drawn {
    let mut rng = Rng::new(seed, "order");
    let wanted = match situation {
        Situation::Outage => 0.5 + 0.4 * rng.unit(),
        Situation::Overload => 1.1 + 1.4 * rng.unit(),
    };
    let mut policies: Vec<(u64, Duration, Vec<String>)> = Vec::new();
    for _ in 0..8 {
        let hours = [1, 1, 2, 2, 3, 4, 6, 12][rng.below(8) as usize];
        let spread = [1.5, 2.0, 3.0][rng.below(3) as usize];
        let promise = Duration::from_secs(hours * 3600).mul_f64(spread) + Duration::from_secs(1800);
        policies.push((hours, promise, Vec::new()));
    }
    let (mut fleet, mut load) = (Vec::new(), 0.0);
    while load < wanted * SLOTS {
        let (hours, promise, members) = &mut policies[rng.below(8) as usize];
        let used = 20e9 * 50_f64.powf(rng.unit());
        let daily = used * (0.01 + 0.09 * rng.unit());
        let takes = COPY_FLOOR_SECONDS + daily * (*hours as f64) / 24.0 / COPY_BYTES_PER_SECOND;
        load += takes / (promise.as_secs_f64() - 300.0 - takes).max(*hours as f64 * 3600.0);
        let mut member = FileSystemSeed::new(FileSystemType::OpenZfs);
        let id = format!("fs-{:017x}", fleet.len());
        member.id = Some(id.clone());
        member.used_bytes = Some(used as u64);
        member.daily_change_bytes = Some(daily as u64);
        members.push(id);
        fleet.push(member);
    }
    let mut policy = "[daemon]\npoll = \"120s\"\n[limits]\ncopies_in_flight = 2\n".to_owned();
    for (number, (hours, promise, members)) in policies.iter().enumerate().filter(|(_, (.., who))| !who.is_empty()) {
        policy.push_str(&format!(
            "[[policy]]\nname = \"p{number}\"\nregion = \"us-east-1\"\nschedule = \"every {hours}h\"\nrpo = \"{}s\"\n\
             file_systems = {members:?}\n[[policy.destination]]\nregion = \"us-west-2\"\n",
            promise.as_secs()
        ));
    }
    Drawn { policy, fleet, load: load / SLOTS }
}

fn live(seed: u64, situation: Situation, drawn: &Drawn, order: Order) -> Came {
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
        cloud.add_file_system_seed(START.millis(), "default", "us-east-1", member).expect("a fleet that AWS has");
    }
    if situation == Situation::Outage {
        let (from, until) = (SETTLED * 86_400, u64::from(SETTLED) * 86_400 + OUTAGE.as_secs());
        let silent = format!(
            "[[fault]]\nregions = [\"us-west-2\"]\nfrom_seconds = {from}\nuntil_seconds = {until}\nblack_hole_percent = 100\n"
        );
        cloud.set_faults(Faults::from_toml(&silent).expect("a fault"), Some(START.millis()));
    }
    let end = START.plus(DAY * DAYS);
    let counted_from = if situation == Situation::Outage { START.plus(DAY * SETTLED).plus(OUTAGE) } else { START };
    let mut rehearsal = Rehearsal::new(settings, cloud, START).in_order(order);
    rehearsal.run_until(end).expect("the planner does not contradict itself");
    let routes = rehearsal.routes(counted_from, end);
    let settled = rehearsal.routes(START.plus(DAY * SETTLED).max(counted_from), end);
    let lanes = rehearsal.lanes(START, end);
    let share = |lane: &lifeboat::sim::rehearse::outcome::LaneOutcome| {
        100.0 * lane.idle.as_secs_f64() / lane.wanted.as_secs_f64().max(1.0)
    };
    Came {
        hours_broken: routes.iter().map(|route| route.broken.as_secs_f64()).sum::<f64>() / 3600.0,
        routes_broken: settled.iter().filter(|route| !route.broken.is_zero()).count(),
        copies: routes.iter().map(|route| route.copies).sum(),
        idle_percent: lanes.iter().map(share).fold(0.0, f64::max),
    }
}

fn main() {
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return;
    }
    let seeds = std::env::var("LIFEBOAT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_u64);
    let only = std::env::var("LIFEBOAT_SITUATION").ok();
    for situation in [Situation::Outage, Situation::Overload] {
        if only.as_ref().is_none_or(|only| only == situation.name()) {
            compare(situation, seeds);
        }
    }
}

fn compare(situation: Situation, seeds: u64) {
    println!("\n{}: hours in breach, all routes together (routes with a broken promise)\n", situation.name());
    println!("seed routes load  {}", ORDERS.map(|(_, name)| format!("{name:>20}")).concat());
    let mut sums = [Came::default(); 3];
    let mut lost = Vec::new();
    for seed in 0..seeds {
        let drawn = draw(seed, situation);
        let came = ORDERS.map(|(order, _)| live(seed, situation, &drawn, order));
        let shown = came.map(|came| format!("{:>13.0} h ({:>3})", came.hours_broken, came.routes_broken));
        println!("{seed:>4} {:>6} {:>4.2}  {}", drawn.fleet.len(), drawn.load, shown.concat());
        for (sum, came) in sums.iter_mut().zip(came) {
            sum.hours_broken += came.hours_broken;
            sum.routes_broken += came.routes_broken;
            sum.copies += came.copies;
            sum.idle_percent = sum.idle_percent.max(came.idle_percent);
        }
        for (other, (_, name)) in came.iter().zip(ORDERS).skip(1) {
            if came[0].hours_broken > other.hours_broken {
                lost.push(format!(
                    "seed {seed}: {:.0} h more than {name}; copies made: {} against {}",
                    came[0].hours_broken - other.hours_broken,
                    came[0].copies,
                    other.copies
                ));
            }
        }
    }
    let shown = sums.map(|sum| format!("{:>13.0} h ({:>3})", sum.hours_broken, sum.routes_broken));
    println!("\n sum              {}", shown.concat());
    for ((_, name), sum) in ORDERS.iter().zip(sums) {
        let share = 100.0 * sum.hours_broken / sums[0].hours_broken.max(1.0);
        println!(
            "{name}: {share:.0} %; {} copies; at worst {:.2} % of slot time idle while a copy could begin",
            sum.copies, sum.idle_percent
        );
    }
    println!("\nseeds that lose: {}", if lost.is_empty() { "none".to_owned() } else { lost.join("\n  ") });
}

//! The random fault plan: act one has faults, act two has none.

use super::setup::{DAY_MS, DrawnOrder, Edit, HOUR_MS, Incident, Person, Setup, a_schedule};
use lifeboat::domain::policy::Retain;
use lifeboat::sim::faults::Fault;
use lifeboat::sim::rng::Rng;

/// How long act two has to heal what act one broke: a stuck copy, a pause after a failure, a queue for slots.
const ACT_TWO_MS: i64 = 4 * DAY_MS;
/// How long the last act has to come to rest.
const ACT_THREE_MS: i64 = 2 * DAY_MS;

/// Draws the troubles of `days` days, and the quiet after them.
pub fn draw(setup: &mut Setup, days: i64, rng: &mut Rng) {
    let act_one_ms = days * DAY_MS;
    mild(setup, act_one_ms, rng);
    for _ in 0..rng.below(6) {
        severe(setup, act_one_ms, rng);
    }
    deaths(setup, act_one_ms, rng);
    other_principals(setup, act_one_ms);
    clocks(setup, act_one_ms, rng);
    let edits = if rng.percent(50.0) { rng.below(12) } else { 0 };
    for _ in 0..edits {
        let at_ms = moment(act_one_ms, rng);
        if let Some(edit) = edit(setup, rng) {
            setup.timetable.push((at_ms, Incident::Edit(edit)));
        }
    }
    let persons = if rng.percent(40.0) { rng.below(40) } else { 0 };
    for _ in 0..persons {
        let at_ms = moment(act_one_ms, rng);
        let choice = rng.next_u64();
        let person = match rng.below(10) {
            0 => Person::Untags(choice),
            1 => Person::Holds(choice),
            2 | 3 => Person::Copies(choice),
            4 | 5 => Person::Forges(choice),
            _ => Person::Deletes(choice),
        };
        setup.timetable.push((at_ms, Incident::Person(person)));
    }
    let orders = if rng.percent(50.0) { rng.below(30) } else { 0 };
    for _ in 0..orders {
        let at_ms = moment(act_one_ms, rng);
        setup.timetable.push((at_ms, Incident::Order(order(rng))));
    }
    setup.timetable.push((act_one_ms, Incident::FaultsEnd));
    setup.timetable.push((act_one_ms + ACT_TWO_MS, Incident::SchedulesEnd));
    setup.end_ms = act_one_ms + ACT_TWO_MS + ACT_THREE_MS;
}

pub(super) fn moment(within_ms: i64, rng: &mut Rng) -> i64 {
    rng.below(within_ms.unsigned_abs()) as i64
}

/// The everyday noise of a large service.
fn mild(setup: &mut Setup, act_one_ms: i64, rng: &mut Rng) {
    let level = [0.0, 0.5, 2.0, 6.0][rng.below(4) as usize];
    let of = |rng: &mut Rng| rng.unit() * level;
    let fault = Fault {
        close_before_percent: of(rng),
        close_after_percent: of(rng),
        throttle_percent: of(rng),
        error_before_percent: of(rng),
        error_after_percent: of(rng),
        unavailable_percent: of(rng),
        silent_percent: of(rng),
        html_percent: of(rng) / 4.0,
        empty_percent: of(rng) / 4.0,
        truncated_percent: of(rng) / 4.0,
        fail_backup_percent: of(rng),
        fail_copy_percent: of(rng),
        other_copies_per_hour: if rng.percent(40.0) { rng.unit() * 4.0 } else { 0.0 },
        other_backups_per_hour: if rng.percent(30.0) { rng.unit() * 0.3 } else { 0.0 },
        ..Fault::default()
    };
    setup.fault(0, act_one_ms, fault);
    restores(setup, act_one_ms);
    closed(setup, act_one_ms);
    misdated(setup, act_one_ms);
    mistyped(setup, act_one_ms);
    unseen(setup, act_one_ms);
    cancels(setup, act_one_ms);
    steps(setup, act_one_ms);
}

/// In some worlds some backups are being restored for a while. From numbers of its own, so that the rest of a seed stays.
fn restores(setup: &mut Setup, act_one_ms: i64) {
    let mut rng = Rng::new(setup.seed, "restores");
    if rng.percent(30.0) {
        let from_ms = moment(act_one_ms, &mut rng);
        let until_ms = (from_ms + moment(2 * DAY_MS, &mut rng)).min(act_one_ms);
        let restoring_percent = 10.0 + rng.unit() * 90.0;
        setup.fault(from_ms, until_ms, Fault { restoring_percent, ..Fault::default() });
    }
}

/// In some worlds a destination refuses to be listed for long, in AWS's various words, or does nothing at all for us.
fn closed(setup: &mut Setup, act_one_ms: i64) {
    let mut rng = Rng::new(setup.seed, "closed");
    let policies = setup.settings.policies.values();
    let destinations: Vec<String> =
        policies.flat_map(|policy| &policy.destinations).map(|destination| destination.region.to_string()).collect();
    let Some(region) = rng.pick(&destinations).filter(|_| rng.percent(20.0)).cloned() else { return };
    let from_ms = if rng.percent(50.0) { 0 } else { moment(act_one_ms, &mut rng) };
    let until_ms = (from_ms + DAY_MS + moment(12 * DAY_MS, &mut rng)).min(act_one_ms);
    let codes = ["BadRequest", "AccessDeniedException", "SomethingNew", "OptInRequired"];
    let refuse = codes[rng.below(4) as usize].to_owned();
    let operations = if rng.percent(50.0) { vec!["DescribeBackups".to_owned()] } else { Vec::new() };
    let fault =
        Fault { regions: vec![region], operations, refuse: Some(refuse), refuse_percent: 100.0, ..Fault::default() };
    setup.fault(from_ms, until_ms, fault);
}

/// In some worlds a person mistypes our tags, and a person puts them right, or nobody does.
fn mistyped(setup: &mut Setup, act_one_ms: i64) {
    let mut rng = Rng::new(setup.seed, "mistyped");
    let slips = if rng.percent(30.0) { 1 + rng.below(6) } else { 0 };
    for _ in 0..slips {
        let at_ms = moment(act_one_ms, &mut rng);
        setup.timetable.push((at_ms, Incident::Person(Person::Edits(rng.next_u64()))));
        if rng.percent(70.0) {
            let mended_ms = (at_ms + moment(3 * DAY_MS, &mut rng)).min(act_one_ms);
            setup.timetable.push((mended_ms, Incident::Person(Person::Mends)));
        }
    }
}

/// In some worlds answers show for a while that all backups, known or new, will only be created in the future.
fn misdated(setup: &mut Setup, act_one_ms: i64) {
    let mut rng = Rng::new(setup.seed, "misdated");
    if !rng.percent(25.0) {
        return;
    }
    let policies = setup.settings.policies.values();
    let regions = policies.flat_map(|policy| {
        let there = policy.destinations.iter().map(|destination| &destination.region);
        there.chain([&policy.region]).map(ToString::to_string)
    });
    let regions: Vec<String> = regions.collect();
    let region = rng.pick(&regions).filter(|_| rng.percent(60.0)).cloned();
    let from_ms = moment(act_one_ms, &mut rng);
    let until_ms = (from_ms + HOUR_MS / 4 + moment(12 * HOUR_MS, &mut rng)).min(act_one_ms);
    let creation_time_skew_seconds = [40 * 86_400, 5 * 365 * 86_400][rng.below(2) as usize];
    let regions = region.into_iter().collect();
    setup.fault(from_ms, until_ms, Fault { regions, creation_time_skew_seconds, ..Fault::default() });
}

/// In some worlds copies that no listing shows take slots for a while.
fn unseen(setup: &mut Setup, act_one_ms: i64) {
    let mut rng = Rng::new(setup.seed, "unseen copies");
    let spells = if rng.percent(40.0) { 1 + rng.below(3) } else { 0 };
    for _ in 0..spells {
        let from_ms = moment(act_one_ms, &mut rng);
        let lengths = [HOUR_MS / 6, 2 * HOUR_MS, 12 * HOUR_MS, 2 * DAY_MS];
        let until_ms = (from_ms + lengths[rng.below(4) as usize]).min(act_one_ms);
        let unseen_copies = if rng.percent(60.0) { 5 } else { 1 + rng.below(4) as u32 };
        setup.fault(from_ms, until_ms, Fault { unseen_copies, ..Fault::default() });
    }
}

/// In some worlds a person lets a policy keep less and less, a little at a time, within an hour.
fn steps(setup: &mut Setup, act_one_ms: i64) {
    let mut rng = Rng::new(setup.seed, "step by step");
    let policies = setup.settings.policies.len() as u64;
    if !rng.percent(30.0) || policies == 0 {
        return;
    }
    let (policy, target) = (rng.below(policies), rng.below(4));
    let choice = policy | (target << 8);
    if let Some(policy) = setup.settings.policies.values_mut().nth(policy as usize) {
        // Enough that it takes steps to get to nothing.
        let last = Some(8 + rng.below(16) as u32);
        let kept = Some(Retain { last, ..Retain::default() });
        policy.retain.clone_from(&kept);
        policy.destinations.iter_mut().for_each(|destination| destination.retain.clone_from(&kept));
    }
    for _ in 0..1 + rng.below(2) {
        let from_ms = act_one_ms / 4 + moment(act_one_ms / 2, &mut rng);
        for _ in 0..3 + rng.below(7) {
            let at_ms = (from_ms + moment(HOUR_MS, &mut rng)).min(act_one_ms);
            setup.timetable.push((at_ms, Incident::Edit(Edit::KeepLess(choice))));
        }
    }
}

/// In some worlds a person gives up what a person ordered.
fn cancels(setup: &mut Setup, act_one_ms: i64) {
    let mut rng = Rng::new(setup.seed, "cancels");
    let cancels = if rng.percent(30.0) { rng.below(8) } else { 0 };
    for _ in 0..cancels {
        let (at_ms, choice) = (moment(act_one_ms, &mut rng), rng.next_u64());
        setup.timetable.push((at_ms, Incident::Order(DrawnOrder::Backup(choice))));
        let after_ms = moment(2 * HOUR_MS, &mut rng);
        setup.timetable.push(((at_ms + after_ms).min(act_one_ms), Incident::Order(DrawnOrder::Cancel(choice))));
    }
}

/// In some worlds the credentials are for a while those of another account. Not where databases are lost: with its record
/// of the account, nobody could know whose answers those are.
fn other_principals(setup: &mut Setup, act_one_ms: i64) {
    let mut rng = Rng::new(setup.seed, "other account");
    if setup.loss_percent == 0.0 && rng.percent(40.0) {
        let from_ms = moment(act_one_ms, &mut rng);
        let until_ms = (from_ms + HOUR_MS + moment(2 * DAY_MS, &mut rng)).min(act_one_ms);
        setup.timetable.push((from_ms, Incident::OtherAccount(true)));
        setup.timetable.push((until_ms, Incident::OtherAccount(false)));
    }
}

/// One bad spell, of one Region more often than not.
fn severe(setup: &mut Setup, act_one_ms: i64, rng: &mut Rng) {
    let from_ms = moment(act_one_ms, rng);
    let lengths = [HOUR_MS / 3, 3 * HOUR_MS, 12 * HOUR_MS, 3 * DAY_MS];
    let until_ms = (from_ms + lengths[rng.below(4) as usize]).min(act_one_ms);
    let regions = setup.regions();
    let region = rng.pick(&regions).filter(|_| rng.percent(75.0)).map(ToString::to_string);
    let most = 20.0 + rng.unit() * 80.0;
    let refuse = |code: &str| Fault { refuse: Some(code.to_owned()), refuse_percent: 100.0, ..Fault::default() };
    let kind = match rng.below(12) {
        0 => Fault { black_hole_percent: 100.0, ..Fault::default() },
        1 => Fault { close_after_percent: most, ..Fault::default() },
        2 => Fault { silent_percent: most, operations: makes(), ..Fault::default() },
        3 => Fault { throttle_percent: most, ..Fault::default() },
        4 => refuse("ExpiredTokenException"),
        5 => refuse("AccessDeniedException"),
        6 => Fault { error_after_percent: most, error_before_percent: most / 2.0, ..Fault::default() },
        7 => Fault { fail_copy_percent: most, fail_backup_percent: most, ..Fault::default() },
        8 => Fault {
            stuck_copy_percent: most / 2.0,
            stuck_backup_percent: most / 8.0,
            stuck_hours: 20.0 + rng.unit() * 40.0,
            ..Fault::default()
        },
        9 => Fault { other_copies_per_hour: 30.0, ..Fault::default() },
        10 => Fault { slow_factor: 8.0, latency_ms: 12_000, latency_jitter_ms: 16_000, ..Fault::default() },
        _ => Fault { close_after_percent: 100.0, operations: makes(), ..Fault::default() },
    };
    let mut accounts: Vec<String> = Vec::new();
    if region.is_none() && rng.percent(60.0) {
        let all: Vec<_> = setup.settings.policies.values().map(|policy| policy.account.to_string()).collect();
        accounts.extend(rng.pick(&all).cloned());
    }
    let regions = region.into_iter().collect();
    setup.fault(from_ms, until_ms, Fault { accounts, regions, ..kind });
}

fn makes() -> Vec<String> {
    vec!["CreateBackup".into(), "CopyBackup".into()]
}

fn deaths(setup: &mut Setup, act_one_ms: i64, rng: &mut Rng) {
    setup.crash_one_in = [0, 0, 3000, 400, 90][rng.below(5) as usize];
    setup.loss_percent = [0.0, 5.0, 40.0][rng.below(3) as usize];
    setup.slow_wire_percent = [0.5, 2.0, 10.0][rng.below(3) as usize];
    for _ in 0..rng.below(4) {
        let down_ms = match rng.below(4) {
            0 => 20_000,
            1 => HOUR_MS / 2,
            2 => 9 * HOUR_MS,
            _ => 2 * DAY_MS,
        };
        let lose_database = rng.percent(setup.loss_percent);
        setup.timetable.push((moment(act_one_ms, rng), Incident::Crash { down_ms, lose_database }));
    }
}

fn clocks(setup: &mut Setup, act_one_ms: i64, rng: &mut Rng) {
    if rng.percent(60.0) {
        return;
    }
    for _ in 0..=rng.below(3) {
        let step_ms = match rng.below(4) {
            0 => 1_000 + rng.below(30_000) as i64,
            1 => 60_000 + rng.below(600_000) as i64,
            2 => HOUR_MS,
            _ => 40 * DAY_MS,
        };
        let step_ms = if rng.percent(50.0) { step_ms } else { -step_ms };
        let at_ms = moment(act_one_ms, rng);
        let for_ms = [60_000, HOUR_MS, 20 * HOUR_MS][rng.below(3) as usize];
        setup.timetable.push((at_ms, Incident::ClockStep(step_ms)));
        setup.timetable.push(((at_ms + for_ms).min(act_one_ms), Incident::ClockStep(-step_ms)));
    }
}

fn order(rng: &mut Rng) -> DrawnOrder {
    let choice = rng.next_u64();
    match rng.below(10) {
        0..3 => DrawnOrder::Backup(choice),
        3 => DrawnOrder::Again,
        4 => DrawnOrder::Pause(choice, (1 + rng.below(20)) as i64 * HOUR_MS),
        5 => DrawnOrder::Resume(choice),
        6 | 7 => DrawnOrder::Hold(choice),
        8 => DrawnOrder::Release(choice),
        _ => DrawnOrder::ConfirmDeletions,
    }
}

fn edit(setup: &Setup, rng: &mut Rng) -> Option<Edit> {
    Some(match rng.below(11) {
        0 | 1 => Edit::DropSource(rng.next_u64()),
        2 | 3 => Edit::ReturnSource,
        4 => Edit::DropDestination(rng.next_u64()),
        5 => Edit::ReturnDestination,
        6 => Edit::Rename(rng.next_u64()),
        7 => Edit::Reschedule(rng.next_u64(), a_schedule(rng, setup.start_ms).ok()?),
        8 => Edit::Slots(1 + rng.below(5) as u32),
        9 if rng.percent(50.0) => Edit::Same,
        10 => Edit::Spoil(rng.next_u64()),
        _ => Edit::Retag(rng.next_u64()),
    })
}

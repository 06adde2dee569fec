//! Faults planted in the planner, each of which the simulated world must find: a check that finds nothing proves
//! nothing.
//!
//! Each bends one rule of the real planner, through the seams of the world. It is caught if in some drawn seed one of the
//! checks that [`proof`] names for it breaks; the planner as it is must survive the very same seeds. To run it over more
//! seeds, or to see what each fault costs, or one whose name has these words in it:
//! `LIFEBOAT_FAULT=brake LIFEBOAT_SEEDS=50 cargo test --release --test model mutants:: -- --nocapture`.

use crate::proof;
use crate::world::World;
use crate::world::checks::armed::Check;
use crate::world::disk::{Disk, Kept};
use crate::world::planner_under_test::{Lifeboat, PlannerUnderTest, Reading};
use crate::world::setup::{DAY_MS, DrawnOrder, Edit, HOUR_MS, Incident, Person, Setup, more};
use endings::*;
use lifeboat::domain::action::{Action, Call, Outcome, Request};
use lifeboat::domain::change::LaneEvidence;
use lifeboat::domain::change::{Change, IllegalChange, OccurrenceOutcome, OccurrenceRecord};
use lifeboat::domain::id::{AccountRegion, Occurrence, SourceKey, Target, Trigger, account_of_arn, deletion_token};
use lifeboat::domain::intent::{Creation, Intent};
use lifeboat::domain::plan::Plan;
use lifeboat::domain::point::{Lifecycle, ObservedBackup};
use lifeboat::domain::policy::{Retain, Settings};
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::domain::timekeeper::{Timekeeper, Timekeeping};
use lifeboat::driver::Basis;
use lifeboat::planner;
use lifeboat::sim::faults::Fault;
use retention::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

mod endings;
mod retention;

/// Seeds that a fault may take.
const SEEDS: u64 = 40;

pub struct Mutant {
    /// The rule that is bent, and how. Which checks may find it stands in [`proof`](crate::proof).
    pub fault: &'static str,
    /// What a seed draws.
    setup: Draw,
    world: fn(World) -> World,
}

pub const MUTANTS: [Mutant; 53] = [
    Mutant {
        fault: "a fresh token after an unknown answer",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(FreshToken)),
    },
    Mutant {
        fault: "slots counted without others' copies",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(BlindToOthers)),
    },
    Mutant {
        fault: "a source backup deleted under a copy",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(DeletesWhatIsRead)),
    },
    Mutant {
        fault: "an occurrence opened again after the clock went back",
        setup: Draw::Clock,
        world: |world| world.with_planner(Box::new(OpensAgain::default())),
    },
    Mutant {
        fault: "a copy of a backup that is not AVAILABLE",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(Hasty)),
    },
    Mutant {
        fault: "an illegal change applied",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(Lawless::default())),
    },
    Mutant {
        fault: "the intent committed after the call",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(CallsFirst)),
    },
    Mutant {
        fault: "adoption that ignores tags",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(BlindToTags)),
    },
    Mutant {
        fault: "tags believed over what AWS's fields say",
        setup: Draw::Forged,
        world: |world| world.with_planner(Box::new(BelievesTags)),
    },
    Mutant {
        fault: "a coalesced occurrence not recorded",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(ForgetsCoalesced)),
    },
    Mutant {
        fault: "what a listing does not show taken for lost",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(MissingIsLost)),
    },
    Mutant {
        fault: "first come, first served, whatever was promised",
        setup: Draw::ManySources,
        world: |world| world.with_planner(Box::new(FirstComeFirstServed)),
    },
    Mutant {
        fault: "repeats without a pause",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(NeverPauses)),
    },
    Mutant {
        fault: "one Region in trouble holds up all",
        setup: Draw::Dark,
        world: |world| world.with_planner(Box::new(AllForOne)),
    },
    Mutant {
        fault: "a refused policy runs as far as it can be read",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(TakesWhatItCanRead)),
    },
    Mutant {
        fault: "a commit that keeps all but the last change",
        setup: Draw::InjectedFault,
        world: |world| world.with_disk(Box::new(Forgetful::default())),
    },
    Mutant {
        fault: "a FAILED attempt is never tried again",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(GivesUp)),
    },
    Mutant {
        fault: "answers of another account believed",
        setup: Draw::Strange,
        world: |world| world.with_planner(Box::new(BelievesAnybody)),
    },
    Mutant {
        fault: "a refusal for want of a slot per route",
        setup: Draw::Unseen,
        world: |world| world.with_planner(Box::new(NeverClosesALane)),
    },
    Mutant {
        fault: "a refused listing repeated without a pause",
        setup: Draw::Refused,
        world: |world| world.with_planner(Box::new(ListsWithoutPause)),
    },
    Mutant {
        fault: "no pruning beside a destination that cannot be listed",
        setup: Draw::Refused,
        world: |world| world.with_planner(Box::new(PrunesNothingInTheDark)),
    },
    Mutant {
        fault: "the brake by the round",
        setup: Draw::Steps,
        world: |world| world.with_planner(Box::new(NeverLooksBack)),
    },
    Mutant {
        fault: "what a person cancelled goes on",
        setup: Draw::Cancelled,
        world: |world| world.with_planner(Box::new(NeverCancels)),
    },
    Mutant {
        fault: "an edited schedule holds from the beginning",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(HeldForEver)),
    },
    Mutant {
        fault: "the host's clock believed, whatever AWS says",
        setup: Draw::Jumps,
        world: |world| world.with_planner(Box::new(BelievesTheClock)),
    },
    Mutant {
        fault: "the newest copy deleted",
        setup: Draw::Held,
        world: |world| world.with_planner(Box::new(DeletesTheNewest::default())),
    },
    Mutant { fault: "holds ignored", setup: Draw::Held, world: |world| world.with_planner(Box::new(KnowsNoHolds)) },
    Mutant {
        fault: "tags that a person took off still believed",
        setup: Draw::Untagged,
        world: |world| world.with_planner(Box::new(ReadsTagsOnce::default())),
    },
    Mutant { fault: "the brake ignored", setup: Draw::Steps, world: |world| world.with_planner(Box::new(NeverBrakes)) },
    Mutant {
        fault: "what no policy names cleared away",
        setup: Draw::Left,
        world: |world| world.with_planner(Box::new(ClearsAwayWhatLeft::default())),
    },
    Mutant {
        fault: "retention by the clock",
        setup: Draw::Paused,
        world: |world| world.with_planner(Box::new(CountsFromTheClock::default())),
    },
    Mutant {
        fault: "the rules ignored",
        setup: Draw::Held,
        world: |world| world.with_planner(Box::new(KeepsNone::default())),
    },
    Mutant {
        fault: "the last copy under a key let go",
        setup: Draw::Keys,
        world: |world| world.with_planner(Box::new(BlindToKeys)),
    },
    Mutant {
        fault: "what a person deleted claimed on",
        setup: Draw::Gone,
        world: |world| world.with_planner(Box::new(MissesNothing)),
    },
    Mutant {
        fault: "no answer taken for a refusal",
        setup: Draw::Silent,
        world: |world| world.with_planner(Box::new(TakesSilenceForNo)),
    },
    Mutant {
        fault: "pruning though another host does",
        setup: Draw::Elsewhere,
        world: |world| world.with_planner(Box::new(PrunesAnyway)),
    },
    Mutant {
        fault: "a deletion called without its intent on disk",
        setup: Draw::Held,
        world: |world| world.with_planner(Box::new(DeletesUnrecorded)),
    },
    Mutant {
        fault: "what ended not seen to end",
        setup: Draw::Held,
        world: |world| world.with_planner(Box::new(SeesNoEnd)),
    },
    Mutant {
        fault: "what gave way called completed",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(CallsItDone)),
    },
    Mutant {
        fault: "a copy that was let go made again",
        setup: Draw::FewCopies,
        world: |world| world.with_planner(Box::new(MakesAgain::default())),
    },
    Mutant {
        fault: "a hold that AWS refused given up",
        setup: Draw::Untaggable,
        world: |world| world.with_planner(Box::new(HoldsByHearsay)),
    },
    Mutant {
        fault: "no copy anywhere while a Region is in trouble",
        setup: Draw::Dark,
        world: |world| world.with_planner(Box::new(CopiesAllOrNothing)),
    },
    Mutant {
        fault: "a refused deletion repeated without a pause",
        setup: Draw::Undeletable,
        world: |world| world.with_planner(Box::new(DeletesWithoutPause)),
    },
    Mutant {
        fault: "what waits looked at without end",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(NeverRests)),
    },
    Mutant {
        fault: "a source that was refused skipped for good",
        setup: Draw::Healing,
        world: |world| world.with_planner(Box::new(SkipsForGood::default())),
    },
    Mutant {
        fault: "a destination that refused struck out",
        setup: Draw::Healing,
        world: |world| world.with_planner(Box::new(StrikesOut::default())),
    },
    Mutant {
        fault: "a destination that refused struck out at the end",
        setup: Draw::Ending,
        world: |world| world.with_planner(Box::new(StrikesOut::default())),
    },
    Mutant {
        fault: "a copy that was refused awaited for ever",
        setup: Draw::Ending,
        world: |world| world.with_planner(Box::new(WaitsForEver::default())),
    },
    Mutant {
        fault: "copies under a key that the policy no longer names",
        setup: Draw::Keys,
        world: |world| world.with_planner(Box::new(ReadsKeysOnce::default())),
    },
    Mutant {
        fault: "the last source of a search overlooked",
        setup: Draw::Tagged,
        world: |world| world.with_planner(Box::new(OverlooksTheLast)),
    },
    Mutant {
        fault: "an ask without an answer left open",
        setup: Draw::Unanswered,
        world: |world| world.with_planner(Box::new(LeavesOpen)),
    },
    Mutant {
        fault: "an end put on record twice",
        setup: Draw::InjectedFault,
        world: |world| world.with_planner(Box::new(RecordsTwice::default())),
    },
    Mutant {
        fault: "a database that is full",
        setup: Draw::InjectedFault,
        world: |world| world.with_disk(Box::new(FullDisk::default())),
    },
];

/// What the worlds are drawn from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Draw {
    /// As the sweeps draw them.
    InjectedFault,
    /// Quiet ones in which many routes wait for one slot.
    ManySources,
    /// Quiet ones whose clock is set back again and again, by as much as is borne.
    Clock,
    /// Quiet ones whose clock is a day off for an hour, again and again.
    Jumps,
    /// Quiet ones in which one Region does not answer for two days.
    Dark,
    /// Quiet ones whose credentials are those of another account for half a day.
    Strange,
    /// Quiet ones in which a destination refuses to be listed from the beginning.
    Refused,
    /// Quiet ones in which copies that no listing shows fill every lane for half a day.
    Unseen,
    /// Quiet ones in which a policy keeps two fewer nine times within an hour.
    Steps,
    /// Quiet ones in which copies are refused, and what a person ordered is cancelled.
    Cancelled,
    /// Quiet ones that keep two of everything, and a person holds one now and then.
    Held,
    /// Quiet ones that keep two of everything, and a person takes our tags off one now and then.
    Untagged,
    /// Quiet ones that keep two of everything, and a person backs up another file system with our tags now and then.
    Forged,
    /// Quiet ones that a source leaves.
    Left,
    /// Quiet ones that keep a day, and are paused after the first.
    Paused,
    /// Quiet ones that keep two of everything, and copy under another key from the second day on.
    Keys,
    /// Quiet ones that keep two copies and many backups.
    FewCopies,
    /// Quiet ones that keep everything, and in which no hold can be written on a point for three days.
    Untaggable,
    /// Quiet ones that keep two of everything, and in which nothing can be deleted for half a day.
    Undeletable,
    /// Quiet ones that must heal after the first day, in which a destination refuses copies and all backups are refused at
    /// first, though the file is loaded all the time.
    Healing,
    /// Quiet ones in which a destination refuses the last copies, and the file is loaded all the time.
    Ending,
    /// Quiet ones in which the last copies are made without an answer.
    Unanswered,
    /// Quiet ones that keep two of everything, and in which another host prunes.
    Elsewhere,
    /// Quiet ones with a backup every twelve hours, of which a person deletes most at once.
    Gone,
    /// Quiet ones whose policies select their sources by tag.
    Tagged,
    /// Quiet ones with one slot, in which half the answers to asks for copies are lost.
    Silent,
}

impl Draw {
    fn of(self, seed: u64) -> Setup {
        match self {
            Self::InjectedFault => Setup::draw(seed),
            Self::ManySources => many_sources(seed),
            Self::Tagged => {
                let mut setup = Setup::quiet(seed, 3);
                for policy in setup.settings.policies.keys().cloned().collect::<Vec<_>>() {
                    more::select_by_tag(&mut setup, &policy, 0);
                }
                setup
            }
            Self::Clock => {
                let mut setup = Setup::quiet(seed, 3);
                // What is begun ends before the clock is set back, and AWS is heard at once.
                (setup.cloud.copy_floor_seconds, setup.cloud.copy_bytes_per_second) = (10.0, 1e12);
                (setup.cloud.backup_floor_seconds, setup.cloud.backup_bytes_per_second) = (10.0, 1e12);
                setup.settings.daemon.poll = Duration::from_secs(15);
                let back = |seconds: i64| [(seconds * 1000, -270_000), ((seconds + 480) * 1000, 270_000)];
                let steps = (5 * 3600..60 * 3600).step_by(967).flat_map(back);
                setup.timetable.extend(steps.map(|(at_ms, by_ms)| (at_ms, Incident::ClockStep(by_ms))));
                setup
            }
            Self::Jumps => {
                let mut setup = Setup::quiet(seed, 3);
                let jump = |hours| [(hours * HOUR_MS, DAY_MS), ((hours + 1) * HOUR_MS, -DAY_MS)];
                let steps = (5..60).step_by(5).flat_map(jump);
                setup.timetable.extend(steps.map(|(at_ms, by_ms)| (at_ms, Incident::ClockStep(by_ms))));
                setup
            }
            Self::Dark => {
                let mut setup = Setup::quiet(seed, 4);
                let policies = setup.settings.policies.values();
                let dark = policies.flat_map(|policy| &policy.destinations).next().unwrap().region.to_string();
                let fault = Fault { regions: vec![dark], black_hole_percent: 100.0, ..Fault::default() };
                setup.fault(12 * HOUR_MS, 60 * HOUR_MS, fault);
                setup
            }
            Self::Strange => {
                let mut setup = Setup::quiet(seed, 4);
                setup.timetable.push((30 * HOUR_MS, Incident::OtherAccount(true)));
                setup.timetable.push((42 * HOUR_MS, Incident::OtherAccount(false)));
                setup
            }
            Self::Refused => {
                let mut setup = Setup::quiet(seed, 6);
                refuse(&mut setup, "BadRequest", "DescribeBackups", 6 * DAY_MS);
                for policy in setup.settings.policies.values_mut() {
                    policy.retain = Some(Retain { last: Some(3), ..Retain::default() });
                }
                setup
            }
            Self::Unseen => {
                let mut setup = Setup::quiet(seed, 3);
                setup.fault(30 * HOUR_MS, 42 * HOUR_MS, Fault { unseen_copies: 5, ..Fault::default() });
                setup
            }
            Self::Steps => {
                let mut setup = Setup::quiet(seed, 3);
                for policy in setup.settings.policies.values_mut() {
                    policy.schedule = Schedule::parse("every 90m", "UTC", Time::from_millis(setup.start_ms)).unwrap();
                    policy.retain = Some(Retain { last: Some(20), ..Retain::default() });
                }
                for step in 0..9 {
                    let at_ms = 60 * HOUR_MS + step * HOUR_MS / 10;
                    let edits = (0..setup.settings.policies.len() as u64).map(Edit::KeepLess);
                    setup.timetable.extend(edits.map(|edit| (at_ms, Incident::Edit(edit))));
                }
                setup
            }
            Self::Cancelled => {
                let mut setup = Setup::quiet(seed, 3);
                refuse(&mut setup, "InvalidDestinationKmsKey", "CopyBackup", 3 * DAY_MS);
                for hour in (6..48).step_by(6) {
                    let order = |order| Incident::Order(order);
                    setup.timetable.push((hour * HOUR_MS, order(DrawnOrder::Backup(seed))));
                    setup.timetable.push((hour * HOUR_MS + HOUR_MS, order(DrawnOrder::Cancel(seed))));
                }
                setup
            }
            Self::Held => {
                let order = |choice| Incident::Order(DrawnOrder::Hold(choice));
                now_and_then(keeps_two(seed), order)
            }
            Self::Untagged => now_and_then(keeps_two(seed), |choice| Incident::Person(Person::Untags(choice))),
            Self::Forged => now_and_then(keeps_two(seed), |choice| Incident::Person(Person::Forges(choice))),
            Self::Gone => {
                let mut setup = keeps_two(seed);
                setup.settings.daemon.poll = Duration::from_secs(30);
                for policy in setup.settings.policies.values_mut() {
                    policy.schedule = Schedule::parse("every 12h", "UTC", Time::from_millis(setup.start_ms)).unwrap();
                }
                let deletes = (0..20).map(|choice| Incident::Person(Person::Deletes(seed + choice * 7919)));
                setup.timetable.extend(deletes.map(|deletes| (39 * HOUR_MS, deletes)));
                setup
            }
            Self::Left => {
                let mut setup = Setup::quiet(seed, 3);
                let drop = (0..setup.settings.policies.len() as u64).map(|at| Incident::Edit(Edit::DropSource(at)));
                setup.timetable.extend(drop.map(|drop| (40 * HOUR_MS, drop)));
                setup
            }
            Self::Paused => {
                let mut setup = keeps(seed, &Retain { within: Some(Duration::from_secs(86_400)), ..Retain::default() });
                let pause = |at| Incident::Order(DrawnOrder::Pause(at, 36 * HOUR_MS));
                let policies = 0..setup.settings.policies.len() as u64;
                setup.timetable.extend(policies.map(|at| (30 * HOUR_MS, pause(at))));
                setup
            }
            Self::Keys => {
                let mut setup = keeps_two(seed);
                let edits = (0..setup.settings.policies.len() as u64).map(Edit::Rekey);
                setup.timetable.extend(edits.map(|edit| (24 * HOUR_MS, Incident::Edit(edit))));
                setup
            }
            Self::FewCopies => {
                let mut setup = keeps_two(seed);
                for policy in setup.settings.policies.values_mut() {
                    policy.retain = Some(Retain { last: Some(20), ..Retain::default() });
                }
                setup
            }
            Self::Untaggable => {
                let mut setup = now_and_then(Setup::quiet(seed, 3), |choice| Incident::Order(DrawnOrder::Hold(choice)));
                for policy in setup.settings.policies.values_mut() {
                    policy.retain = None;
                    policy.destinations.iter_mut().for_each(|destination| destination.retain = None);
                }
                refuse_everywhere(&mut setup, "TagResource", 3 * DAY_MS);
                setup
            }
            Self::Undeletable => {
                let mut setup = keeps_two(seed);
                setup.settings.daemon.poll = Duration::from_secs(30);
                refuse_everywhere(&mut setup, "DeleteBackup", DAY_MS / 2);
                setup
            }
            Self::Healing => {
                let mut setup = Setup::quiet(seed, 8);
                refuse(&mut setup, "InvalidDestinationKmsKey", "CopyBackup", DAY_MS);
                refuse_everywhere(&mut setup, "CreateBackup", DAY_MS / 2);
                setup.timetable.push((2 * DAY_MS, Incident::FaultsEnd));
                loads_all_the_time(&mut setup, DAY_MS);
                setup
            }
            Self::Ending => {
                let mut setup = Setup::quiet(seed, 3);
                every_90_minutes(&mut setup);
                refuse(&mut setup, "InvalidDestinationKmsKey", "CopyBackup", 3 * DAY_MS);
                setup.faults.fault.iter_mut().for_each(|fault| fault.from_seconds = 2.5 * 86_400.0);
                loads_all_the_time(&mut setup, 60 * HOUR_MS);
                setup
            }
            Self::Unanswered => {
                let mut setup = Setup::quiet(seed, 3);
                every_90_minutes(&mut setup);
                // Few enough that there is a slot for each, also for what is never known to have ended.
                setup.settings.limits.copies_in_flight = 5;
                setup.settings.policies.values_mut().for_each(|policy| policy.sources.truncate(1));
                setup.cloud.backup_bytes_per_second = 1e12;
                setup.cloud.copy_floor_seconds = 7200.0;
                // By then the last backup is known, and what is asked for is its copy.
                let (gap_ms, schedules_end_ms) = (HOUR_MS * 3 / 2, setup.start_ms + 3 * DAY_MS);
                let known_ms = schedules_end_ms - schedules_end_ms % gap_ms - setup.start_ms + HOUR_MS / 2;
                let operations = vec!["CopyBackup".to_owned()];
                let silent = Fault { operations, silent_percent: 100.0, ..Fault::default() };
                setup.fault(known_ms, 5 * DAY_MS, silent);
                setup
            }
            Self::Elsewhere => {
                let mut setup = keeps_two(seed);
                setup.settings.daemon.prune = false;
                setup
            }
            Self::Silent => {
                let mut setup = Setup::quiet(seed, 3);
                every_90_minutes(&mut setup);
                setup.settings.limits.copies_in_flight = 1;
                setup.cloud.copies_in_flight = 1;
                let operations = vec!["CopyBackup".to_owned()];
                setup.fault(0, 3 * DAY_MS, Fault { operations, silent_percent: 50.0, ..Fault::default() });
                setup
            }
        }
    }
}

fn every_90_minutes(setup: &mut Setup) {
    for policy in setup.settings.policies.values_mut() {
        policy.schedule = Schedule::parse("every 90m", "UTC", Time::from_millis(setup.start_ms)).unwrap();
    }
}

fn keeps_two(seed: u64) -> Setup {
    keeps(seed, &Retain { last: Some(2), ..Retain::default() })
}

fn keeps(seed: u64, retain: &Retain) -> Setup {
    let mut setup = Setup::quiet(seed, 3);
    every_90_minutes(&mut setup);
    for policy in setup.settings.policies.values_mut() {
        policy.retain = Some(retain.clone());
        policy.destinations.iter_mut().for_each(|destination| destination.retain = Some(retain.clone()));
    }
    setup
}

/// Every third hour from the twelfth on, each time with another choice.
fn now_and_then(mut setup: Setup, incident: impl Fn(u64) -> Incident) -> Setup {
    for hour in (12..60).step_by(3) {
        setup.timetable.push((hour * HOUR_MS, incident(setup.seed + hour as u64 * 7919)));
    }
    setup
}

/// One destination refuses one operation from the beginning.
fn refuse(setup: &mut Setup, code: &str, operation: &str, until_ms: i64) {
    let policies = setup.settings.policies.values();
    let region = policies.flat_map(|policy| &policy.destinations).next().unwrap().region.to_string();
    let refuse = Some(code.to_owned());
    let operations = vec![operation.to_owned()];
    let fault = Fault { regions: vec![region], operations, refuse, refuse_percent: 100.0, ..Fault::default() };
    setup.fault(0, until_ms, fault);
}

/// One operation is denied everywhere from the beginning.
fn refuse_everywhere(setup: &mut Setup, operation: &str, until_ms: i64) {
    let (operations, refuse) = (vec![operation.to_owned()], Some("AccessDeniedException".to_owned()));
    setup.fault(0, until_ms, Fault { operations, refuse, refuse_percent: 100.0, ..Fault::default() });
}

/// The policy file is loaded every half hour to the end, after which what goes on is given time to.
fn loads_all_the_time(setup: &mut Setup, from_ms: i64) {
    let times = (from_ms..setup.end_ms).step_by(HOUR_MS as usize / 2);
    setup.timetable.extend(times.map(|at_ms| (at_ms, Incident::Edit(Edit::Same))));
}

/// Backups of a day and backups of six hours come due together, and one copy at a time is made of them. There is time
/// enough for all, but not in any order.
fn many_sources(seed: u64) -> Setup {
    let two = |setup: &Setup| {
        let policies = setup.settings.policies.values();
        let files = policies.filter(|policy| policy.sources.iter().filter(|source| !source.is_volume()).count() > 1);
        let accounts: Vec<_> = files.map(|policy| &policy.account).collect();
        accounts.len() > 1 && accounts.iter().all(|account| *account == accounts[0])
    };
    let mut setup = (seed * 1000..).map(|seed| Setup::quiet(seed, 4)).find(two).unwrap();
    setup.settings.daemon.poll = Duration::from_secs(30);
    setup.settings.limits.copies_in_flight = 1;
    setup.cloud.copies_in_flight = 1;
    setup.cloud.copy_floor_seconds = 720.0;
    setup.cloud.copy_bytes_per_second = 1e12;
    setup.cloud.backup_bytes_per_second = 1e12;
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
    for (at, policy) in setup.settings.policies.values_mut().enumerate() {
        let (line, rpo) = if at % 2 == 0 { ("50 5 * * *", hours(60)) } else { ("0 */6 * * *", hours(12)) };
        policy.schedule = Schedule::parse(line, "UTC", Time::from_millis(setup.start_ms)).unwrap();
        policy.rpo = rpo;
        policy.start_within = None;
        policy.sources.retain(|source| !source.is_volume());
        policy.destinations.truncate(1);
        policy.destinations[0].region = "us-west-2".into();
        policy.destinations[0].rpo = rpo;
    }
    setup
}

/// What one fault took to be found.
struct Caught {
    seed: u64,
    virtual_ms: i64,
    said: String,
}

/// A violation tells as much as megabytes.
fn cut(said: &str) -> String {
    said.chars().take(300).collect()
}

fn hunt(mutant: &Mutant, seeds: u64) -> Result<Caught, String> {
    let mut virtual_ms = 0;
    let checks: Vec<Check> = proof::checks_of(mutant.fault).collect();
    for seed in 0..seeds {
        match (mutant.world)(World::new(mutant.setup.of(seed))).run() {
            Ok(tally) => virtual_ms += tally.virtual_ms,
            Err(violation) if checks.contains(&violation.broken.check) => {
                virtual_ms += violation.tally.virtual_ms;
                let said = format!("{:?}: {}", violation.broken.check, cut(&violation.broken.to_string()));
                return Ok(Caught { seed, virtual_ms, said });
            }
            Err(violation) => {
                return Err(format!(
                    "seed {seed}: {:?} finds it: {}",
                    violation.broken.check,
                    cut(&violation.broken.to_string())
                ));
            }
        }
    }
    Err(format!("not found in {seeds} seeds"))
}

/// All of them, on all cores.
fn each<T: Send + Sync, R: Send>(of: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let worker = || {
            let mut mine = Vec::new();
            while let Some((at, one)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, of.get(at)?)))
            {
                mine.push((at, work(one)));
            }
            mine
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[test]
fn every_planted_fault_is_found_and_the_planner_as_it_is_survives() {
    let seeds = std::env::var("LIFEBOAT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let mut wrong = Vec::new();
    let mut same_seeds: BTreeSet<(Draw, u64)> = BTreeSet::new();
    let only = std::env::var("LIFEBOAT_FAULT").unwrap_or_default();
    let chosen: Vec<&Mutant> = MUTANTS.iter().filter(|mutant| mutant.fault.contains(&only)).collect();
    for (mutant, found) in chosen.iter().zip(each(&chosen, |mutant| hunt(mutant, seeds))) {
        match found {
            Ok(Caught { seed, virtual_ms, said }) => {
                let days = virtual_ms as f64 / DAY_MS as f64;
                println!("{}: seeds 0 to {seed}, {days:.1} virtual days. {said}", mutant.fault);
                same_seeds.extend((0..=seed).map(|seed| (mutant.setup, seed)));
            }
            Err(problem) => wrong.push(format!("{}: {problem}", mutant.fault)),
        }
    }
    let same_seeds: Vec<(Draw, u64)> = same_seeds.into_iter().collect();
    let honest = |(setup, seed): &(Draw, u64)| World::new(setup.of(*seed)).with_planner(Box::new(Lifeboat)).run();
    for violation in each(&same_seeds, honest).into_iter().filter_map(Result::err) {
        wrong.push(format!("nothing planted, seed {}: {}", violation.seed, cut(&violation.broken.to_string())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A search shows one source fewer than there are.
struct OverlooksTheLast;

impl PlannerUnderTest for OverlooksTheLast {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, mut outcome: Outcome, now: Time) -> Vec<Change> {
        if let Outcome::SourcesFound { facts, next_token: None } = &mut outcome {
            facts.pop();
        }
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// What the policy says now is taken to have been said from the beginning.
struct HeldForEver;

impl PlannerUnderTest for HeldForEver {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        for change in &mut plan.record {
            if let Change::Rescheduled { lines, .. } = change {
                lines.drain(..lines.len() - 1);
                lines[0].since = None;
            }
        }
        plan
    }
}

/// A repeat of an open request carries a token of its own.
struct FreshToken;

impl PlannerUnderTest for FreshToken {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let fresh = |key, request: &mut Arc<Request>| {
            let Some(pending) = state.pending_request(key).filter(|pending| pending.open) else { return };
            let (Request::CreateBackup { token, .. } | Request::CopyBackup { token, .. }) = Arc::make_mut(request);
            *token = format!("{token}-{}", pending.sent).into();
        };
        for change in &mut plan.record {
            if let Change::RequestRecorded { key, request, .. } = change {
                fresh(key, request);
            }
        }
        for action in &mut plan.actions {
            if let Call::Make { key, request } = &mut action.call {
                fresh(key, request);
            }
        }
        plan
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        state.apply(change).or_else(|error| force_ask(state, change).ok_or(error))
    }
}

/// Puts an intent into the state that the state would refuse.
fn force_ask(state: &mut State, change: &Change) -> Option<()> {
    let Change::RequestRecorded { key, attempt, request, at } = change else { return None };
    let source = state.source_to_restore(&key.source)?;
    let slot = (key.occurrence, key.target.clone());
    let before = source.pending_requests.get(&slot).filter(|pending| pending.open);
    let creation = Creation {
        attempt: *attempt,
        request: request.clone(),
        open: true,
        first_asked_at: before.map_or(*at, |pending| pending.first_asked_at),
        last_asked_at: *at,
        sent: before.map_or(0, |pending| pending.sent) + 1,
    };
    let failures = before.map_or(0, |pending| pending.failures);
    let pending = Intent { failures, not_before: *at, ..Intent::of(creation) };
    source.pending_requests.insert(slot, pending);
    state.reindex(&key.source);
    Some(())
}

/// Others' copies take no place in a lane.
struct BlindToOthers;

impl PlannerUnderTest for BlindToOthers {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut state = state.clone();
        for known in state.places.values_mut() {
            known.others.clear();
        }
        planner::plan(settings, &state, now)
    }
}

/// A backup whose copy was asked for has done its work.
struct DeletesWhatIsRead;

impl PlannerUnderTest for DeletesWhatIsRead {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let read = |action: &Action| match &action.call {
            Call::Make { request, .. } => match &**request {
                Request::CopyBackup { source_region, backup, .. } => Some((
                    AccountRegion { account: action.place.account.clone(), region: source_region.clone() },
                    backup.clone(),
                )),
                Request::CreateBackup { .. } => None,
            },
            _ => None,
        };
        let read: Vec<_> = plan.actions.iter().filter_map(read).collect();
        for (place, id) in read {
            plan.record.push(Change::DeletionRequested { place: place.clone(), id: id.clone(), at: now });
            let token = deletion_token(&place, &id);
            plan.actions.push(Action { place, call: Call::Delete { id, token } });
        }
        plan
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        state.apply(change).or_else(|error| match change {
            Change::DeletionRequested { .. } => Ok(()),
            _ => Err(error),
        })
    }
}

/// An occurrence that the clock passes a second time opens a second time.
#[derive(Default)]
struct OpensAgain {
    opened: BTreeMap<(SourceKey, Occurrence), OccurrenceRecord>,
    again: BTreeMap<(SourceKey, Occurrence), OccurrenceRecord>,
}

impl PlannerUnderTest for OpensAgain {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let due = self.again.extract_if(.., |(_, occurrence), _| occurrence.at <= now);
        for ((source, occurrence), record) in due {
            if state.sources.get(&source).is_some_and(|known| !known.open.contains_key(&occurrence)) {
                plan.record.push(Change::Opened { source, occurrence, record });
            }
        }
        plan
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        match change {
            Change::Opened { source, occurrence, record } => {
                if occurrence.trigger == Trigger::Schedule {
                    self.opened.insert((source.clone(), *occurrence), record.clone());
                }
                if state.apply(change).is_err()
                    && let Some(known) = state.source_to_restore(source)
                {
                    known.open.insert(*occurrence, record.clone());
                    state.reindex(source);
                }
                Ok(())
            }
            Change::ClockWentBack(to) => {
                let ahead = self.opened.iter().filter(|((_, occurrence), _)| occurrence.at > *to);
                self.again.extend(ahead.map(|(key, record)| (key.clone(), record.clone())));
                state.apply(change)
            }
            _ => state.apply(change),
        }
    }
}

/// Copies what is still being made.
struct Hasty;

impl PlannerUnderTest for Hasty {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        if plan.record.iter().any(Change::durable) {
            return plan;
        }
        let mut early = state.clone();
        for source in early.sources.values_mut().map(std::sync::Arc::make_mut) {
            let in_flight: Vec<_> =
                source.in_flight.iter().filter(|(_, target, _)| *target == Target::Backup).cloned().collect();
            for (occurrence, target, id) in in_flight {
                let mut point = source.points_of(occurrence, &target).find(|point| point.id == id).unwrap().clone();
                point.lifecycle = Lifecycle::Available;
                source.points.put(Box::new(point));
            }
        }
        // Of the plan for that world only the copies.
        let copies = planner::plan(settings, &early, now);
        let copy = |action: &Action| matches!(&action.call, Call::Make { key, .. } if key.target != Target::Backup);
        plan.actions.extend(copies.actions.into_iter().filter(copy));
        plan.record.extend(copies.record.into_iter().filter(|change| match change {
            Change::RequestRecorded { key, .. } => key.target != Target::Backup,
            Change::Sent { call: lifeboat::domain::action::CallKey::Make(key), .. } => key.target != Target::Backup,
            _ => false,
        }));
        plan
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        state.apply(change).or_else(|error| force_ask(state, change).ok_or(error))
    }
}

/// Records an end a second time now and then, and takes in whatever it is given.
#[derive(Default)]
struct Lawless {
    closed: Vec<Change>,
}

impl PlannerUnderTest for Lawless {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        if self.closed.len() >= 5 {
            plan.record.push(self.closed.remove(0));
            self.closed.clear();
        }
        plan
    }

    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        if matches!(change, Change::Closed { .. }) {
            self.closed.push(change.clone());
        }
        let _ = state.apply(change);
        Ok(())
    }
}

/// Each route finds out for itself that a lane is full.
struct NeverClosesALane;

impl PlannerUnderTest for NeverClosesALane {
    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        if matches!(change, Change::Lane(LaneEvidence::Refused { .. })) { Ok(()) } else { state.apply(change) }
    }
}

/// What went before this round is forgotten.
struct NeverLooksBack;

impl PlannerUnderTest for NeverLooksBack {
    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        state.apply(change)?;
        if matches!(change, Change::BackupRemoved { .. }) {
            for source in state.sources.values_mut().filter(|source| !source.losses.is_empty()) {
                Arc::make_mut(source).losses.clear();
            }
        }
        Ok(())
    }
}

struct CallsFirst;

impl PlannerUnderTest for CallsFirst {
    fn calls_first(&self) -> bool {
        true
    }
}

/// What listings show of ours is not recognised.
struct BlindToTags;

impl PlannerUnderTest for BlindToTags {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, mut outcome: Outcome, now: Time) -> Vec<Change> {
        if let Outcome::Page { observed_backups, .. } = &mut outcome {
            for observed in observed_backups.iter_mut().filter(|seen| on.state.point(&action.place, &seen.id).is_none())
            {
                std::sync::Arc::make_mut(&mut observed.tags).retain(|key, _| !key.starts_with("lifeboat:"));
            }
        }
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// Whatever carries our tags is ours.
struct BelievesTags;

impl PlannerUnderTest for BelievesTags {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, mut outcome: Outcome, now: Time) -> Vec<Change> {
        if let Outcome::Page { observed_backups, .. } | Outcome::Polled(observed_backups) = &mut outcome {
            for observed in observed_backups {
                (observed.file_system, observed.volume) = (None, None);
            }
        }
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// What never began needs no record.
struct ForgetsCoalesced;

impl PlannerUnderTest for ForgetsCoalesced {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        plan.record.retain(|change| match change {
            Change::Closed { source, occurrence, end: OccurrenceOutcome::Coalesced, .. } => {
                state.sources.get(source).is_some_and(|known| known.open.contains_key(occurrence))
            }
            _ => true,
        });
        plan
    }
}

/// What a complete listing does not show is gone.
struct MissingIsLost;

impl PlannerUnderTest for MissingIsLost {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        let shown: Option<Vec<_>> = match &outcome {
            Outcome::Page { observed_backups, next_token: None } => {
                Some(observed_backups.iter().map(|seen| seen.id.clone()).collect())
            }
            _ => None,
        };
        let mut changes = planner::process_outcome(on.settings, on.state, action, outcome, now);
        changes.retain(|change| !matches!(change, Change::MissingFromListing { missing_since: Some(_), .. }));
        let known = on.state.place(&action.place);
        if let (Some(shown), Some(known)) = (shown, known)
            && let Some(listing) = &known.listing
        {
            for id in known.points.keys().filter(|id| !listing.shown.ours.contains(*id) && !shown.contains(*id)) {
                changes.push(Change::BackupRemoved { place: action.place.clone(), id: id.clone(), at: now });
            }
        }
        changes
    }
}

/// Slots go to who has waited longest.
struct FirstComeFirstServed;

impl PlannerUnderTest for FirstComeFirstServed {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        planner::plan_in_order(settings, state, now, crate::slot_orders::first_come)
    }
}

/// What failed is asked for again at once.
struct NeverPauses;

impl PlannerUnderTest for NeverPauses {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        let mut changes = planner::process_outcome(on.settings, on.state, action, outcome, now);
        for change in &mut changes {
            if let Change::RequestFailed { not_before, .. } = change {
                *not_before = now;
            }
        }
        changes
    }
}

/// While a Region does not answer, nothing new is asked for anywhere.
struct AllForOne;

impl PlannerUnderTest for AllForOne {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let in_trouble = state.places.values().any(|known| known.failures >= 3);
        if in_trouble {
            let make = |action: &Action| matches!(action.call, Call::Make { .. });
            plan.actions.retain(|action| !make(action));
            plan.record.retain(|change| match change {
                Change::RequestRecorded { .. } => false,
                Change::Sent { call, .. } => !matches!(call, lifeboat::domain::action::CallKey::Make(_)),
                _ => true,
            });
            plan.wake.earlier(now.plus(std::time::Duration::from_secs(60)), "a Region is in trouble");
        }
        plan
    }
}

/// Half a policy is better than none.
struct TakesWhatItCanRead;

impl PlannerUnderTest for TakesWhatItCanRead {
    fn reload(&mut self, file: Reading<'_>) -> Option<Settings> {
        let (Reading::Good(settings) | Reading::Refused { legible: settings }) = file;
        Some(settings.clone())
    }
}

/// A disk that loses the end of what it was given.
#[derive(Default)]
struct Forgetful {
    tables: Kept,
}

impl Disk for Forgetful {
    fn load(&mut self, started_at: Time) -> Result<State, String> {
        self.tables.load(started_at)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), String> {
        self.tables.commit(&changes[..changes.len().saturating_sub(1)])
    }

    fn lose(&mut self) -> Result<(), String> {
        self.tables.lose()
    }
}

/// What FAILED once stays as it is.
struct GivesUp;

impl PlannerUnderTest for GivesUp {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let again = |key: &lifeboat::domain::id::WorkKey| {
            let highest =
                |source: &lifeboat::domain::state::SourceState| source.highest_attempt(key.occurrence, &key.target);
            state.sources.get(&key.source).is_some_and(|source| highest(source) > 0)
        };
        plan.actions.retain(|action| !matches!(&action.call, Call::Make { key, .. } if again(key)));
        plan.record.retain(|change| match change {
            Change::RequestRecorded { key, .. }
            | Change::Sent { call: lifeboat::domain::action::CallKey::Make(key), .. } => !again(key),
            _ => true,
        });
        plan.wake.earlier(now.plus(std::time::Duration::from_secs(600)), "anything new");
        plan
    }
}

/// Whoever answers is taken for the account on record.
struct BelievesAnybody;

impl PlannerUnderTest for BelievesAnybody {
    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        match change {
            Change::AccountRecorded { .. } => Ok(()),
            _ => state.apply(change),
        }
    }

    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        let account = &action.place.account;
        let as_ours = |observed: &mut ObservedBackup| {
            let arn = observed.arn.as_deref().and_then(|arn| Some((arn, account_of_arn(arn)?)));
            observed.arn = arn.map(|(arn, other)| arn.replace(other, account.as_str()).into());
        };
        let mut outcome = outcome;
        match &mut outcome {
            Outcome::Made(observed) => as_ours(observed),
            Outcome::Page { observed_backups, .. } | Outcome::Polled(observed_backups) => {
                observed_backups.iter_mut().for_each(as_ours);
            }
            Outcome::SourcesDescribed(facts) | Outcome::SourcesFound { facts, .. } => {
                facts.iter_mut().for_each(|facts| facts.account = Some(account.clone()));
            }
            _ => {}
        }
        planner::process_outcome(on.settings, on.state, action, outcome, now)
    }
}

/// A refused listing is repeated at once.
struct ListsWithoutPause;

impl PlannerUnderTest for ListsWithoutPause {
    fn process_outcome(&mut self, on: Basis<'_>, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        let mut changes = planner::process_outcome(on.settings, on.state, action, outcome, now);
        for change in &mut changes {
            if let Change::ListingStalled { not_before, .. } = change {
                *not_before = now.plus(Duration::from_secs(1));
            }
        }
        changes
    }
}

/// As long as a destination was never listed, nothing is deleted at the source.
struct PrunesNothingInTheDark;

impl PlannerUnderTest for PrunesNothingInTheDark {
    fn plan(&mut self, settings: &Settings, state: &State, now: Time) -> Plan {
        let mut plan = planner::plan(settings, state, now);
        let dark = planner::polling::places_of(settings)
            .any(|place| state.place(&place).is_none_or(|known| known.listed.is_none()));
        if dark {
            plan.record.retain(|change| !matches!(change, Change::DeletionPlanned { .. }));
            for change in &mut plan.record {
                if let Change::Reviewed { braked, .. } = change {
                    braked.clear();
                }
            }
        }
        plan
    }
}

/// Takes an order to cancel, and goes on.
struct NeverCancels;

impl PlannerUnderTest for NeverCancels {
    fn apply(&mut self, state: &mut State, change: &Change) -> Result<(), IllegalChange> {
        match change {
            Change::Cancelled { .. } => Ok(()),
            _ => state.apply(change),
        }
    }
}

/// Time is what the host's clock shows.
struct BelievesTheClock;

impl PlannerUnderTest for BelievesTheClock {
    fn time_known(&mut self, keeper: &mut Timekeeper, host: Time, steady: Duration) -> Timekeeping {
        *keeper = Timekeeper::new(host, steady);
        Timekeeping::default()
    }
}

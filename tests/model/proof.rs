//! What proves each promise: the checks that hold the simulated world to it, where each stands, and the faults planted in
//! the planner that it was seen to catch.
//!
//! The table is the whole of it. A check or a fault that it does not name fails here, and so does a name that nothing bears;
//! a fault that another check finds than it says fails in [`mutants`](crate::mutants); a check that was never armed in
//! some years of fleets fails in [`world::years`](crate::world).

use crate::mutants::MUTANTS;
use crate::world::checks::armed::Check;
use std::collections::BTreeSet;

/// One check.
struct Row {
    /// The number of the promise in the contract, or what else must hold.
    promise: &'static str,
    check: Check,
    /// File under `tests/world/` and function.
    place: &'static str,
    /// Planted faults that it may be the one to find.
    faults: &'static [&'static str],
}

const fn row(promise: &'static str, check: Check, place: &'static str, faults: &'static [&'static str]) -> Row {
    Row { promise, check, place, faults }
}

#[rustfmt::skip]
const PROOF: [Row; 51] = [
    row("1", Check::LaneHasRoom, "checks/lanes.rs::sent", &["slots counted without others' copies", "no answer taken for a refusal", "what a listing does not show taken for lost"]),
    row("2", Check::MadeOnce, "checks/created.rs::stepped", &["a fresh token after an unknown answer", "adoption that ignores tags", "tags believed over what AWS's fields say", "what a listing does not show taken for lost"]),
    row("2", Check::NotMadeAgain, "checks/created.rs::stepped", &["a copy that was let go made again"]),
    row("2", Check::CopiesWhatIsDone, "checks/making.rs::sent", &["a copy of a backup that is not AVAILABLE"]),
    row("3", Check::MakeOnDisk, "checks/making.rs::sent", &["the intent committed after the call"]),
    row("3", Check::DeletionOnDisk, "checks/making.rs::sent", &["a deletion called without its intent on disk"]),
    row("3", Check::SameAfterRestart, "checks/consistency.rs::started", &["a fresh token after an unknown answer", "a commit that keeps all but the last change"]),
    row("3", Check::HoldAtAws, "checks/retention.rs::rested", &["a hold that AWS refused given up"]),
    row("4", Check::NotCalledWhileRead, "checks.rs::sent", &["a source backup deleted under a copy"]),
    row("4", Check::NotRead, "checks/retention.rs::deleted", &["a source backup deleted under a copy"]),
    row("4", Check::Ours, "checks/retention.rs::deleted", &["tags believed over what AWS's fields say", "tags that a person took off still believed"]),
    row("4", Check::NotHeld, "checks/retention.rs::deleted", &["holds ignored"]),
    row("4", Check::SourceNamed, "checks/retention.rs::deleted", &["what no policy names cleared away"]),
    row("4", Check::NotTheNewest, "checks/retention.rs::deleted", &["the newest copy deleted"]),
    row("4", Check::NotTheLastOfItsKey, "checks/retention.rs::deleted", &["the last copy under a key let go"]),
    row("4", Check::NotKeptByRule, "checks/retention.rs::deleted", &["retention by the clock", "the rules ignored"]),
    row("4", Check::LeftToAnotherHost, "checks/retention.rs::planned", &["pruning though another host does"]),
    row("the brake", Check::Brake, "checks/brake.rs::committed", &["the brake by the round", "the brake ignored"]),
    row("the policy", Check::UnderItsKey, "checks/making.rs::under_its_key", &["copies under a key that the policy no longer names"]),
    row("the policy", Check::SelectsByTag, "checks/selection.rs::inspected", &["the last source of a search overlooked"]),
    row("the clock", Check::NotByAWrongClock, "checks/clock.rs::committed", &["the host's clock believed, whatever AWS says"]),
    row("5", Check::OpenedOnce, "checks/outcomes.rs::committed", &["an occurrence opened again after the clock went back"]),
    row("5", Check::ClosedOnce, "checks/outcomes.rs::committed", &["an illegal change applied"]),
    row("5", Check::WasScheduled, "checks/lines.rs::scheduled", &["an edited schedule holds from the beginning"]),
    row("5", Check::OnRecord, "checks/outcomes.rs::inspected", &["a coalesced occurrence not recorded"]),
    row("5", Check::CancelledEnds, "checks/outcomes.rs::cancelled_end", &["what a person cancelled goes on"]),
    row("5", Check::CompletedIsTrue, "checks/outcomes.rs::judged", &["what gave way called completed"]),
    row("5", Check::MissedIsTrue, "checks/outcomes.rs::judged", &["adoption that ignores tags"]),
    row("5", Check::AllEnded, "checks/outcomes.rs::rested", &["a copy that was refused awaited for ever"]),
    row("6", Check::ClaimIsTrue, "checks/consistency.rs::recovery_points", &["what a person deleted claimed on"]),
    row("6", Check::NotByAnother, "checks/other_account.rs::inspected", &["answers of another account believed"]),
    row("6", Check::KnownSoon, "checks/consistency.rs::recovery_points", &["what ended not seen to end", "adoption that ignores tags"]),
    row("7", Check::BackupBesideTrouble, "checks/flow.rs::backup_goes_on", &["one Region in trouble holds up all"]),
    row("7", Check::CopyBesideTrouble, "checks/flow.rs::copy_goes_on", &["no copy anywhere while a Region is in trouble"]),
    row("7", Check::PrunedBesideTrouble, "checks/kept_points.rs::inspected", &["no pruning beside a destination that cannot be listed"]),
    row("8", Check::BackupGoesOn, "checks/flow.rs::backup_goes_on", &["a FAILED attempt is never tried again"]),
    row("8", Check::AskedSeldom, "checks/call_rate.rs::sent", &["repeats without a pause"]),
    row("8", Check::DeletedSeldom, "checks/call_rate.rs::sent", &["a refused deletion repeated without a pause"]),
    row("8", Check::ReadSeldom, "checks/call_rate.rs::sent", &["a refused listing repeated without a pause"]),
    row("8", Check::LaneClosed, "checks/call_rate.rs::delivered", &["a refusal for want of a slot per route"]),
    row("8", Check::ComesToRest, "round.rs::planned", &["what waits looked at without end"]),
    row("9", Check::CopyGoesOn, "checks/flow.rs::copy_goes_on", &["a FAILED attempt is never tried again"]),
    row("9", Check::NearestFirst, "checks/urgency.rs::planned", &["first come, first served, whatever was promised"]),
    row("9", Check::BackupHeals, "checks/flow.rs::healed", &["a source that was refused skipped for good"]),
    row("9", Check::CopyHeals, "checks/flow.rs::healed", &["a destination that refused struck out"]),
    row("9", Check::CopiedInTheEnd, "checks/flow.rs::rested", &["a destination that refused struck out at the end"]),
    row("9", Check::NothingAskedInTheEnd, "checks/flow.rs::rested", &["an ask without an answer left open"]),
    row("9", Check::AliveInTheEnd, "checks.rs::rested", &[]),
    row("10", Check::RefusedChangesNothing, "checks.rs::unmoved", &["a refused policy runs as far as it can be read"]),
    row("the state", Check::StateIsLegal, "round.rs::illegal", &["an end put on record twice"]),
    row("the store", Check::DiskServes, "round.rs::kept", &["a database that is full"]),
];

/// The checks that may find a planted fault.
pub fn checks_of(fault: &str) -> impl Iterator<Item = Check> {
    PROOF.iter().filter(move |row| row.faults.contains(&fault)).map(|row| row.check)
}

#[test]
fn every_check_and_every_planted_fault_is_in_the_table() {
    let named: Vec<Check> = PROOF.iter().map(|row| row.check).collect();
    for check in Check::ALL {
        assert_eq!(named.iter().filter(|named| *named == check).count(), 1, "{check:?}");
    }
    let mutants: BTreeSet<&str> = MUTANTS.iter().map(|mutants| mutants.fault).collect();
    let caught: BTreeSet<&str> = PROOF.iter().flat_map(|row| row.faults).copied().collect();
    assert_eq!(mutants, caught);
    assert_eq!(mutants.len(), MUTANTS.len(), "two faults have one name");
}

#[test]
fn every_promise_has_a_check_and_a_planted_fault() {
    for promise in 1..=10 {
        let rows: Vec<&Row> = PROOF.iter().filter(|row| row.promise == promise.to_string()).collect();
        assert!(!rows.is_empty(), "promise {promise} is held by nothing");
        assert!(rows.iter().any(|row| !row.faults.is_empty()), "nothing shows that promise {promise} is held");
    }
}

#[test]
fn every_check_stands_where_the_table_says() {
    for Row { promise, check, place, .. } in PROOF {
        assert_eq!(check.promise(), promise, "{check:?}");
        let (file, function) = place.split_once("::").unwrap();
        let text = std::fs::read_to_string(format!("tests/world/{file}")).unwrap();
        let is_head =
            |line: &str| line.contains(&format!("fn {function}(")) || line.contains(&format!("fn {function}<"));
        let from = text.lines().position(is_head).unwrap_or_else(|| panic!("there is no {place}"));
        let head = text.lines().nth(from).unwrap_or_default();
        let end = format!("{}}}", &head[..head.len() - head.trim_start().len()]);
        let body = text.lines().skip(from).take_while(|line| *line != end);
        assert!(body.collect::<String>().contains(&format!("Check::{check:?}")), "{check:?} is not in {place}");
    }
}

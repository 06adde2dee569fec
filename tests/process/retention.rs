//! Retention through the real binary: what goes, what stays whatever the rules say, and what waits for a person.

use crate::support::{Bench, FILE_SYSTEMS, lifecycle, wait_until, work_of};
use lifeboat::sim::cloud::BackupFacts;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const NEVER: &str = "0 0 1 1 *";

fn policy(schedule: &str, retain: &str, there: &str) -> String {
    format!(
        "[[policy]]\nname = \"one\"\nregion = \"us-east-1\"\nfile_systems = [\"{}\"]\nschedule = \"{schedule}\"\n{retain}\n\
         [[policy.destination]]\nregion = \"us-west-2\"\n{there}\n",
        FILE_SYSTEMS[0]
    )
}

/// What is there and good in a Region, oldest first.
fn held(bench: &Bench, region: &str) -> Vec<BackupFacts> {
    let mut held: Vec<BackupFacts> = bench.inventory().backups;
    held.retain(|b| {
        b.deleted_ms.is_none() && b.region == region && lifecycle(b) == "AVAILABLE" && work_of(b).is_some()
    });
    held.sort_by_key(|backup| backup.created_ms);
    held
}

/// Runs until that number of copies was made, then fires no more and waits for quiet.
fn fill(bench: &Bench, retain: &str, there: &str, copies: usize) -> crate::support::Daemon {
    bench.write_policy(&policy("* * * * * *", retain, there));
    let daemon = bench.daemon();
    let made =
        || bench.inventory().backups.iter().filter(|b| b.region == "us-west-2" && lifecycle(b) != "COPYING").count();
    wait_until("enough copies", SOON, || made() >= copies);
    bench.write_policy(&policy(NEVER, retain, there));
    daemon.signal("HUP");
    wait_until("nothing in flight", SOON, || {
        bench
            .inventory()
            .backups
            .iter()
            .all(|backup| matches!(lifecycle(backup).as_str(), "AVAILABLE" | "FAILED" | "DELETED"))
    });
    daemon
}

#[test]
fn both_ends_keep_what_their_rules_say_and_history_knows_the_rest() {
    let bench = Bench::new(2000.0, "");
    let daemon = fill(&bench, "retain = { last = 2 }", "retain = { last = 3 }", 7);
    wait_until("two backups", SOON, || held(&bench, "us-east-1").len() == 2);
    wait_until("three copies", SOON, || held(&bench, "us-west-2").len() == 3);
    let deleted: Vec<BackupFacts> = bench.inventory().backups.into_iter().filter(|b| b.deleted_ms.is_some()).collect();
    let newest_deleted = deleted.iter().filter(|b| b.region == "us-west-2").map(|b| b.created_ms).max();
    let oldest_held = held(&bench, "us-west-2").first().map(|b| b.created_ms);
    assert!(newest_deleted < oldest_held, "the oldest went");
    let count = |region: &str| {
        bench.metric(&format!("lifeboat_deletions_total{{policy=\"one\",region=\"{region}\",result=\"deleted\"}}"))
    };
    let gone = |region: &str| deleted.iter().filter(|backup| backup.region == region).count() as f64;
    wait_until("counted", SOON, || ["us-east-1", "us-west-2"].iter().all(|region| count(region) == Some(gone(region))));
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(SOON), 0);
}

#[test]
fn what_goes_at_once_waits_for_a_person() {
    let bench = Bench::new(2000.0, "");
    let daemon = fill(&bench, "", "", 6);
    let before = held(&bench, "us-east-1").len();
    assert!(before >= 6);
    bench.write_policy(&policy(NEVER, "retain = { last = 1 }", "retain = { last = 1 }"));
    daemon.signal("HUP");
    let braked = || bench.metric("lifeboat_audit_findings{severity=\"error\"}");
    wait_until("the brake", SOON, || braked() == Some(2.0));
    // The log is written beside the loop: a line may come after what the metric shows.
    let said = || bench.log().lines().filter(|line| line.contains("ERROR") && line.contains("braked")).count();
    wait_until("the lines", SOON, || said() >= 2);
    assert_eq!(said(), 2, "once for each route");
    assert_eq!(held(&bench, "us-east-1").len(), before, "nothing went");
    assert!(bench.inventory().backups.iter().all(|backup| backup.deleted_ms.is_none()));
}

/// Nine reloads in half a minute, each of two points fewer: the brake counts them together, across restarts, and lets go
/// what a person confirms.
#[test]
fn small_steps_add_up_and_wait_for_a_person() {
    let bench = Bench::new(2000.0, "");
    let mut daemon = fill(&bench, "", "", 20);
    let copies = held(&bench, "us-west-2").len();
    assert!(copies >= 20);
    let deleted =
        || bench.inventory().backups.iter().filter(|b| b.deleted_ms.is_some() && b.region == "us-west-2").count();
    let fifth = copies / 5;
    for step in 1..10 {
        let there = format!("retain = {{ last = {} }}", copies - 2 * step);
        bench.write_policy(&policy(NEVER, "", &there));
        if step % 3 == 0 {
            daemon.signal("TERM");
            assert_eq!(daemon.exit_code(SOON), 0);
            daemon = bench.daemon();
        } else {
            daemon.signal("HUP");
        }
        std::thread::sleep(Duration::from_secs(3));
    }
    let waits = || to_confirm(&json(&bench.run(&["plan", "--json"]))).len();
    wait_until("the rest waits", SOON, || waits() + deleted() == 18);
    assert!((2..=fifth.max(2)).contains(&deleted()), "{} of {copies} went without a person", deleted());
    let says = bench.run(&["status"]);
    assert!(stdout(&says).contains("held within a day"), "{says:?}");
    let confirmed = bench.run(&["reload", "--confirm-deletions"]);
    assert!(confirmed.status.success(), "{confirmed:?}");
    wait_until("all that was confirmed is gone", SOON, || deleted() == 18);
    // It does not count what a person let go.
    bench.write_policy(&policy(NEVER, "", &format!("retain = {{ last = {} }}", copies - 19)));
    daemon.signal("HUP");
    wait_until("one more goes by itself", SOON, || deleted() == 19 || waits() > 0);
}

#[test]
fn a_refusal_to_delete_a_backup_under_a_copy_waits_in_both_wordings() {
    for (wording, code) in [("modelled", "BackupBeingCopied"), ("bad_request", "BadRequest")] {
        let bench = Bench::new(500.0, &format!("[cloud]\ndelete_delay_seconds = 300\nbeing_copied = \"{wording}\"\n"));
        let _daemon = fill(&bench, "retain = { last = 1 }", "", 4);
        wait_until("one backup", SOON, || held(&bench, "us-east-1").len() == 1);
        let asked = |code: &str| {
            let labels = format!("operation=\"DeleteBackup\",region=\"us-east-1\",code=\"{code}\"");
            bench.metric(&format!("lifeboat_aws_requests_total{{{labels}}}")).unwrap_or(0.0)
        };
        let deleted = || bench.inventory().backups.iter().filter(|b| b.deleted_ms.is_some()).count() as f64;
        wait_until("each was deleted by one call that AWS granted", SOON, || asked("OK") == deleted());
        assert!(asked(code) > 0.0, "AWS refused in these words");
    }
}

#[test]
fn a_backup_that_is_being_restored_waits_until_the_restore_is_over() {
    let restoring = "[[fault]]\nregions = [\"us-east-1\"]\nrestoring_percent = 100\n";
    let bench = Bench::new(2000.0, restoring);
    let _daemon = fill(&bench, "retain = { last = 1 }", "retain = { last = 1 }", 4);
    let asked = |code: &str| {
        let labels = format!("operation=\"DeleteBackup\",region=\"us-east-1\",code=\"{code}\"");
        bench.metric(&format!("lifeboat_aws_requests_total{{{labels}}}")).unwrap_or(0.0)
    };
    wait_until("one copy: the other Region is not kept waiting", SOON, || held(&bench, "us-west-2").len() == 1);
    wait_until("it came back after the first refusal", SOON, || asked("BackupRestoring") > 3.0);
    let made = held(&bench, "us-east-1").len();
    assert!(made > 1 && asked("OK") == 0.0, "none is gone");
    let deletions = json(&bench.run(&["plan", "--json"]))["deletions"].take();
    let waits = |deletion: &&serde_json::Value| deletion.to_string().contains("BackupRestoring");
    assert!(deletions.as_array().unwrap().iter().any(|deletion| waits(&deletion)), "{deletions}");
    bench.set_faults("");
    wait_until("one backup", SOON, || held(&bench, "us-east-1").len() == 1);
    assert_eq!(
        bench.inventory().backups.iter().filter(|b| b.region == "us-east-1" && b.deleted_ms.is_some()).count(),
        made - 1
    );
}

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &std::process::Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The ids that wait for a person, as `plan` shows them.
fn to_confirm(plan: &serde_json::Value) -> std::collections::BTreeSet<String> {
    let deletions = plan["deletions"].as_array().unwrap().iter();
    deletions.filter(|of| of["stage"] == "braked").map(|of| of["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn plan_shows_the_very_set_that_is_confirmed_and_a_hold_outlives_everything() {
    let bench = Bench::new(2000.0, "");
    let daemon = fill(&bench, "", "", 7);
    let oldest = held(&bench, "us-west-2").first().unwrap().id.clone();
    let hold = bench.run(&["hold", &oldest, "--reason", "audit 7"]);
    assert!(hold.status.success(), "{hold:?}");
    let tagged = || bench.inventory().backups.iter().any(|b| b.id == oldest && b.tags.contains_key("lifeboat:hold"));
    wait_until("the tag", SOON, tagged);
    // A changed file, before it takes over.
    bench.write_policy(&policy(NEVER, "retain = { last = 2 }", "retain = { last = 2 }"));
    let against = bench.run(&["plan", "--against", "running"]);
    assert!(stdout(&against).contains("would delete"), "{}", stdout(&against));
    assert!(stdout(&against).contains("after a person confirmed it"), "{}", stdout(&against));
    assert!(to_confirm(&json(&bench.run(&["plan", "--json"]))).is_empty(), "the running policy deletes nothing");
    daemon.signal("HUP");
    wait_until("the brake", SOON, || !to_confirm(&json(&bench.run(&["plan", "--json"]))).is_empty());
    let expected = to_confirm(&json(&bench.run(&["plan", "--json"])));
    assert!(!expected.contains(&oldest), "held");
    assert!(stdout(&bench.run(&["plan", "--kept"])).contains("held"));
    let confirmed = bench.run(&["reload", "--confirm-deletions"]);
    assert!(confirmed.status.success(), "{confirmed:?}");
    let gone = || -> std::collections::BTreeSet<String> {
        bench.inventory().backups.into_iter().filter(|b| b.deleted_ms.is_some()).map(|b| b.id).collect()
    };
    wait_until("all that was confirmed is gone", SOON, || gone() == expected);
    assert_eq!(held(&bench, "us-east-1").len(), 2);
    assert_eq!(held(&bench, "us-west-2").len(), 3, "two and the held one");
    // The hold is at AWS: a new database knows it.
    daemon.kill();
    bench.lose_database();
    let daemon = bench.daemon();
    wait_until("known again", SOON, || stdout(&bench.run(&["points", "--json"])).contains("audit 7"));
    let release = bench.run(&["release", &oldest]);
    assert!(release.status.success(), "{release:?}");
    daemon.kill();
    bench.age_database(Duration::from_secs(180));
    let _daemon = bench.daemon();
    wait_until("released, and so given up", SOON, || gone().contains(&oldest));
}

#[test]
fn plan_needs_neither_daemon_nor_database() {
    let bench = Bench::new(1.0, "");
    bench.write_policy(&policy("0 3 * * *", "retain = { daily = 7 }", ""));
    let plan = bench.run(&["plan"]);
    assert!(plan.status.success(), "{plan:?}");
    assert!(stdout(&plan).contains("0 3 * * *"), "{}", stdout(&plan));
    assert_eq!(bench.run(&["plan", "--against", "running"]).status.code(), Some(1));
}

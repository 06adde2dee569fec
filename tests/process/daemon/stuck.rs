//! One that is stuck holds up nothing else: closed destinations, refused readings, orders that cannot be done.

use super::*;
use lifeboat::sim::cloud::BackupFacts;

/// A schedule that fires every other second, pruned to the newest two on both ends.
fn pruned() -> String {
    let line = "region = \"us-west-2\"\n";
    one_source("*/2 * * * * *", "retain = { last = 2 }").replace(line, &format!("{line}retain = {{ last = 2 }}\n"))
}

fn refused(code: &str, operation: &str) -> String {
    format!(
        "[[fault]]\nregions = [\"eu-west-1\"]\noperations = [\"{operation}\"]\nrefuse = \"{code}\"\nrefuse_percent = 100\n"
    )
}

fn errors(bench: &Bench, words: &str) -> usize {
    bench.log().lines().filter(|line| line.contains("ERROR") && line.contains(words)).count()
}

/// Requests of this kind that were answered with this code.
fn answered(bench: &Bench, operation: &str, code: &str) -> f64 {
    let labels = format!("operation=\"{operation}\",region=\"eu-west-1\",code=\"{code}\"");
    bench.metric(&format!("lifeboat_aws_requests_total{{{labels}}}")).unwrap_or(0.0)
}

#[test]
fn a_destination_that_cannot_be_listed_stops_no_pruning_at_the_source() {
    let bench = Bench::new(2000.0, &refused("AccessDeniedException", "DescribeBackups"));
    bench.write_policy(&pruned());
    let daemon = bench.daemon();
    wait_until("the database is there", SOON, || bench.get("/healthz").is_some());
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(SOON), 0);
    // A day later: what was made since is read by no copy that only an earlier database knew of.
    bench.age_database(Duration::from_secs(86_400));
    std::fs::remove_file(bench.path("log")).unwrap();
    let _daemon = bench.daemon();
    let deleted = |region: &str| {
        let there = |backup: &&BackupFacts| backup.region == region && lifecycle(backup) == "DELETED";
        bench.inventory().backups.iter().filter(there).count()
    };
    wait_until("pruned at the source and at the other end", SOON, || {
        // What came together in the first minute waits to be confirmed.
        bench.run(&["reload", "--confirm-deletions"]);
        deleted("us-east-1") > 2 && deleted("us-west-2") > 2
    });
    assert_eq!(errors(&bench, "eu-west-1"), 1, "one line for a person: {}", bench.log());
    let said = stdout(&bench.run(&["status"]));
    assert!(said.contains("AccessDenied"), "{said}");
}

#[test]
fn a_listing_that_is_refused_is_said_and_paced_whatever_the_code() {
    let bench = Bench::new(2000.0, &refused("BadRequest", "DescribeBackups"));
    bench.write_policy(&one_source("*/2 * * * * *", ""));
    let daemon = bench.daemon();
    wait_until("refused", SOON, || answered(&bench, "DescribeBackups", "BadRequest") > 0.0);
    wait_until("shown", SOON, || stdout(&bench.run(&["status"])).contains("BadRequest"));
    let copied = || bench.inventory().backups.iter().filter(|backup| backup.region == "us-west-2").count();
    wait_until("work elsewhere goes on", SOON, || copied() > 4);
    let told = bench.log().lines().filter(|line| line.contains("eu-west-1") && line.contains("BadRequest")).count();
    assert_eq!(told, 1, "{}", bench.log());
    let asked = answered(&bench, "DescribeBackups", "BadRequest");
    assert!(asked < 8.0, "{asked} times within seconds");
    // A reload tries at once.
    bench.set_faults("");
    daemon.signal("HUP");
    wait_until("read again", SOON, || answered(&bench, "DescribeBackups", "OK") > 0.0);
    wait_until("copied", SOON, || bench.inventory().backups.iter().any(|backup| backup.region == "eu-west-1"));
}

#[test]
fn a_look_up_that_was_denied_is_asked_again_after_a_reload() {
    let denied = refused("AccessDeniedException", "DescribeFileSystems").replace("eu-west-1", "us-east-1");
    let bench = Bench::new(2000.0, &denied);
    bench.write_policy(&one_source("*/2 * * * * *", ""));
    let daemon = bench.daemon();
    wait_until("said", SOON, || errors(&bench, "AccessDenied") > 0);
    bench.set_faults("");
    daemon.signal("HUP");
    wait_until("looked up", SOON, || {
        let labels = "operation=\"DescribeFileSystems\",region=\"us-east-1\",code=\"OK\"";
        bench.metric(&format!("lifeboat_aws_requests_total{{{labels}}}")) > Some(0.0)
    });
}

#[test]
fn an_order_that_a_destination_refuses_is_cancelled_and_ends_as_failed() {
    let bench = Bench::new(2000.0, &refused("AccessDeniedException", "CopyBackup"));
    bench.write_policy(&one_source(NEVER, ""));
    let _daemon = bench.daemon();
    ready(&bench);
    let given = bench.run(&["backup", "one"]);
    assert!(given.status.success(), "{}", stderr(&given));
    wait_until("its copy is refused", SOON, || answered(&bench, "CopyBackup", "AccessDeniedException") > 0.0);
    let wrong = bench.run(&["cancel", "other"]);
    assert!(!wrong.status.success() && stderr(&wrong).contains("other"), "{}", stderr(&wrong));
    let given = bench.run(&["cancel", "one"]);
    assert!(given.status.success(), "{}", stderr(&given));
    let history = || stdout(&bench.run(&["history"]));
    wait_until("ended", SOON, || history().contains("cancelled by a person"));
    assert!(history().contains("failed"), "{}", history());
    let nothing = bench.run(&["cancel", "one"]);
    assert!(stdout(&nothing).contains("open any more"), "{} {}", stdout(&nothing), stderr(&nothing));
    let available = |backup: &&BackupFacts| lifecycle(backup) == "AVAILABLE";
    assert!(bench.inventory().backups.iter().any(|backup| available(&backup)), "what was made stays");
}

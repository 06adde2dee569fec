//! Sources in other accounts, through AssumeRole: sessions are renewed, an account that cannot be entered is alone with
//! that, and what an account is called in a policy file does not matter.

use crate::support::{Bench, lifecycle, nothing_made_twice, wait_until};
use lifeboat::sim::cloud::BackupFacts;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const ACCOUNTS: [&str; 3] = ["222233334444", "333344445555", "444455556666"];
const NAMES: [&str; 3] = ["finance", "research", "archive"];

/// A file system in each account, and roles that want an external id.
fn fleet(more_of_a_role: &str) -> String {
    let of = |(nth, account): (usize, &&str)| {
        format!(
            "[[file_system]]\naccount = \"{account}\"\nid = \"{}\"\ntype = \"WINDOWS\"\ncapacity_gib = 32\n\
             used_bytes = 1_000_000_000\ntags = {{ dr = \"gold\" }}\n[[role]]\narn = \"{}\"\n\
             trusts = [\"111122223333\"]\nexternal_id = \"2c9f-lifeboat\"\n{more_of_a_role}\n",
            source(nth),
            role(account)
        )
    };
    ACCOUNTS.iter().enumerate().map(of).collect()
}

fn source(nth: usize) -> String {
    format!("fs-0a1b2c3d4e5f7000{nth}")
}

fn role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/lifeboat")
}

fn account(name: &str, account: &str) -> String {
    format!("[accounts.{name}]\nrole_arn = \"{}\"\nexternal_id = \"2c9f-lifeboat\"\n", role(account))
}

/// A policy that selects by tag in an account.
fn policy(name: &str, account: &str, schedule: &str) -> String {
    format!(
        "[[policy]]\nname = \"{name}\"\n{account}\nregion = \"us-east-1\"\nselect = {{ dr = \"gold\" }}\n\
         schedule = \"{schedule}\"\nrpo = \"1h\"\n[[policy.destination]]\nregion = \"us-west-2\"\n"
    )
}

fn all_three(schedule: &str) -> String {
    let accounts = NAMES.iter().zip(ACCOUNTS).map(|(name, id)| account(name, id));
    let policies = NAMES.iter().map(|name| policy(name, &format!("account = \"{name}\""), schedule));
    accounts.chain(policies).collect()
}

fn copies(bench: &Bench, account: &str) -> usize {
    let copied = |b: &&BackupFacts| b.account == account && b.region == "us-west-2" && lifecycle(b) == "AVAILABLE";
    bench.inventory().backups.iter().filter(copied).count()
}

fn sessions(bench: &Bench) -> u64 {
    let calls = bench.inventory().calls;
    calls.iter().filter(|call| call.operation == "AssumeRole" && call.code == "OK").map(|call| call.count).sum()
}

#[test]
fn an_account_that_cannot_be_entered_is_alone_with_that() {
    let denied = "[[fault]]\naccounts = [\"444455556666\"]\noperations = [\"AssumeRole\"]\nrefuse = \"AccessDenied\"\n";
    let bench = Bench::with_fleet(&fleet(""), 2000.0, denied);
    bench.write_policy(&all_three("*/2 * * * * *"));
    let _daemon = bench.daemon();
    wait_until("two accounts are protected", SOON, || ACCOUNTS[..2].iter().all(|id| copies(&bench, id) > 2));
    let needs = |account: &str| {
        bench.metric(&format!(
            "lifeboat_needs_person{{account=\"{account}\",region=\"us-east-1\",what=\"credentials\"}}"
        ))
    };
    wait_until("the third waits for a person", SOON, || needs(ACCOUNTS[2]) == Some(1.0));
    assert_eq!((needs(ACCOUNTS[0]), copies(&bench, ACCOUNTS[2])), (Some(0.0), 0));
    assert!(bench.get("/readyz").is_some(), "the others are good");
    let status = String::from_utf8(bench.run(&["status"]).stdout).unwrap();
    assert!(status.contains("account \"archive\" cannot be entered"), "{status}");
    assert_eq!(
        bench.run(&["status", "--check"]).status.code(),
        Some(1),
        "it is not known what is to be protected there"
    );
    wait_until("it is told", SOON, || bench.log().contains("cannot be entered"));
    assert_eq!(bench.log().matches("cannot be entered").count(), 1, "once: {}", bench.log());
    let told = bench.log().lines().filter(|line| line.contains("AccessDenied")).count();
    assert_eq!(told, 1, "not by the SDK as well: {}", bench.log());
    // Each account by itself, from the database and from AWS.
    for arguments in
        [&["points", "--json", "--account", "research"][..], &["points", "--aws", "--json", "--account", "research"]]
    {
        let points: serde_json::Value = serde_json::from_slice(&bench.run(arguments).stdout).unwrap();
        let points = points.as_array().unwrap();
        assert!(!points.is_empty() && points.iter().all(|point| point["account"] == ACCOUNTS[1]), "{points:?}");
    }
    let refused = bench.run(&["points", "--aws", "--account", "archive"]);
    assert_eq!((refused.status.code(), refused.stdout.as_slice()), (Some(1), &b"Nothing could be read.\n"[..]));
    let unknown = bench.run(&["points", "--account", "reserch"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    bench.set_faults("");
    wait_until("the third is entered", Duration::from_secs(90), || copies(&bench, ACCOUNTS[2]) > 0);
    nothing_made_twice(&bench.inventory());
}

#[test]
fn sessions_are_renewed_without_a_gap() {
    let bench = Bench::with_fleet(&fleet("session_seconds = 4"), 2000.0, "");
    bench.write_policy(&all_three("* * * * * *"));
    let _daemon = bench.daemon();
    wait_until("sessions came and went", SOON, || sessions(&bench) > 15 && copies(&bench, ACCOUNTS[0]) > 8);
    assert_eq!(expired(&bench), Some(0));
    assert!(!bench.log().contains("ERROR"), "{}", bench.log());
}

/// Requests that were refused because their session was over.
fn expired(bench: &Bench) -> Option<usize> {
    let answered = |line: &&str| line.contains("code=\"ExpiredTokenException\"");
    let metrics = bench.get("/metrics")?;
    Some(metrics.lines().filter(answered).filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum())
}

/// The host's clock is behind AWS's, say: what a session says of its own end is not true.
#[test]
fn a_session_that_ends_before_its_time_is_renewed_at_once() {
    let bench = Bench::with_fleet(&fleet("session_ends_after_seconds = 12"), 2000.0, "");
    bench.write_policy(&all_three("* * * * * *"));
    let _daemon = bench.daemon();
    wait_until("sessions ended", SOON, || expired(&bench) > Some(5) && copies(&bench, ACCOUNTS[0]) > 15);
    assert!(!bench.log().contains("ERROR"), "{}", bench.log());
}

#[test]
fn what_an_account_is_called_makes_nothing_twice() {
    let bench = Bench::with_fleet(&fleet(""), 2000.0, "");
    let id = ACCOUNTS[0];
    // Nothing comes due by itself.
    let policy = |account: &str| policy("finance", account, "0 0 1 1 *").replace("rpo = \"1h\"\n", "");
    let by_role = |name: &str| account(name, id) + &policy(&format!("account = \"{name}\""));
    bench.write_policy(&by_role("finance"));
    let daemon = bench.daemon();
    let row = "lifeboat_recovery_points{policy=\"finance\",source=\"fs-0a1b2c3d4e5f70000\",region=\"us-west-2\"}";
    let order = || bench.run(&["backup", "finance"]);
    wait_until("an order is taken", SOON, || order().status.success());
    wait_until("the copy", SOON, || bench.metric(row) >= Some(1.0));
    daemon.kill();
    let made = bench.inventory().backups.len();
    // Under another name, with the same database.
    bench.write_policy(&by_role("prod"));
    let daemon = bench.daemon();
    wait_until("what is known stays known", SOON, || bench.metric(row) >= Some(1.0));
    daemon.kill();
    // On another host, whose own account it is.
    bench.lose_database();
    bench.write_policy(&policy(""));
    let log = std::fs::File::options().append(true).open(bench.path("log")).unwrap();
    let mut command = bench.command(&["run"]);
    command.env("AWS_ACCESS_KEY_ID", format!("AKIA{id}TEST")).stderr(log);
    let daemon = crate::support::Daemon { child: command.spawn().unwrap() };
    wait_until("what is there is adopted", SOON, || bench.metric(row) >= Some(1.0));
    let mine = format!("lifeboat_last_seen_timestamp_seconds{{account=\"{id}\",region=\"us-west-2\"}}");
    assert!(bench.metric(&mine) > Some(0.0), "its account is known by its id");
    drop(daemon);
    nothing_made_twice(&bench.inventory());
    assert_eq!(bench.inventory().backups.len(), made, "nothing was made again");
}

#[test]
fn a_role_of_an_account_that_left_the_policy_is_not_replaced_by_our_own_credentials() {
    let bench = Bench::with_fleet(&fleet(""), 2000.0, "");
    let two = account("finance", ACCOUNTS[0]) + &account("research", ACCOUNTS[1]);
    let both = two
        + &policy("finance", "account = \"finance\"", "*/2 * * * * *")
        + &policy("research", "account = \"research\"", "*/2 * * * * *");
    bench.write_policy(&both);
    let _daemon = bench.daemon();
    wait_until("both are protected", SOON, || ACCOUNTS[..2].iter().all(|id| copies(&bench, id) > 1));
    bench.write_policy(
        &(account("finance", ACCOUNTS[0]) + &policy("finance", "account = \"finance\"", "*/2 * * * * *")),
    );
    assert!(bench.run(&["reload"]).status.success());
    let before = copies(&bench, ACCOUNTS[0]);
    wait_until("the other goes on", SOON, || copies(&bench, ACCOUNTS[0]) > before + 2);
    let calls = bench.inventory().calls;
    let astray: u64 = calls
        .iter()
        .filter(|call| call.account == "111122223333" && call.operation != "AssumeRole")
        .map(|call| call.count)
        .sum();
    assert_eq!(astray, 0, "no call went to the daemon's own account: {calls:?}");
}

//! Tags that contradict AWS or the record, through the real binary.

use super::*;
use lifeboat::sim::Endpoint;
use lifeboat::sim::cloud::BackupFacts;
use serde_json::{Value, json};

/// As whoever may use the account does it by hand.
fn by_hand(bench: &Bench, region: &str, operation: &str, body: &Value) -> Value {
    let account = &bench.inventory().backups[0].account.clone();
    let cloud = bench.endpoint.cloud();
    let answer = cloud.lock().unwrap().call(Endpoint::now_ms(), account, region, operation, body);
    answer.unwrap_or_else(|error| panic!("{operation}: {error:?}"))
}

fn tag(bench: &Bench, backup: &BackupFacts, key: &str, value: &str) {
    let arn = format!("arn:aws:fsx:{}:{}:backup/{}", backup.region, backup.account, backup.id);
    by_hand(bench, &backup.region, "TagResource", &json!({"ResourceARN": arn, "Tags": [{"Key": key, "Value": value}]}));
}

fn available(bench: &Bench, region: &str) -> Vec<BackupFacts> {
    let inventory = bench.inventory().backups;
    inventory.into_iter().filter(|backup| backup.region == region && lifecycle(backup) == "AVAILABLE").collect()
}

fn disputed(bench: &Bench) -> f64 {
    let of = |region: &str| {
        let series = format!("lifeboat_needs_person{{account=\"111122223333\",region=\"{region}\",what=\"disputed\"}}");
        bench.metric(&series).unwrap_or(0.0)
    };
    of("us-east-1") + of("us-west-2")
}

fn shown(bench: &Bench, id: &str) -> Option<Value> {
    let points: Vec<Value> = serde_json::from_str(&stdout(&bench.run(&["points", "--json"]))).unwrap();
    points.into_iter().find(|point| point["id"] == id)
}

#[test]
fn edited_and_forged_tags_are_said_once_and_cost_nothing_else() {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&one_source("*/3 * * * * *", "retain = { last = 3 }"));
    let daemon = bench.daemon();
    wait_until("copies", SOON, || available(&bench, "us-west-2").len() > 1);
    // A date that a person mistypes, on one of ours.
    let ours = available(&bench, "us-west-2").pop().unwrap();
    let right = ours.tags["lifeboat:taken"].clone();
    tag(&bench, &ours, "lifeboat:taken", "2031-01-01T00:00:00Z");
    // A backup of another file system, with everything that ours carry.
    let like = available(&bench, "us-east-1").pop().unwrap();
    let tags: Vec<Value> = like.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    let made = by_hand(&bench, "us-east-1", "CreateBackup", &json!({"FileSystemId": FILE_SYSTEMS[3], "Tags": tags}));
    let forged = made["Backup"]["BackupId"].as_str().unwrap().to_owned();
    wait_until("both are disputed", SOON, || disputed(&bench) == 2.0);
    for (id, words) in [(&ours.id, ["lifeboat:taken", "2031"]), (&forged, ["lifeboat:source", FILE_SYSTEMS[3]])] {
        let lines = |bench: &Bench| -> Vec<String> {
            let log = bench.log();
            log.lines().filter(|line| line.contains("ERROR") && line.contains(id.as_str())).map(str::to_owned).collect()
        };
        wait_until("said", SOON, || !lines(&bench).is_empty());
        assert_eq!(lines(&bench).len(), 1, "{:?}", lines(&bench));
        assert!(words.iter().all(|word| lines(&bench)[0].contains(word)), "{:?}", lines(&bench));
        let status = stdout(&bench.run(&["status"]));
        assert!(status.contains(id.as_str()), "{status}");
    }
    // All routes meet their RPO, and yet a monitor is told.
    let check = || bench.run(&["status", "--check"]);
    wait_until("a warning", SOON, || check().status.code() == Some(1));
    let line = stdout(&check());
    assert!(line.starts_with("WARNING: ") && line.contains("needs a person: disputed 2"), "{line}");
    wait_until("shown", SOON, || shown(&bench, &forged).is_some());
    let point = shown(&bench, &ours.id).unwrap();
    assert!(point["disputed"].as_str().unwrap().contains("lifeboat:taken") && point["restore"].is_null(), "{point}");
    // Everything goes on, and neither is copied, pruned or taken for the newest.
    let newest = || available(&bench, "us-west-2").iter().map(|copy| copy.tags["lifeboat:taken"].clone()).max();
    let before = newest();
    tag(&bench, &ours, "lifeboat:taken", "2031-01-01T00:00:01Z");
    let copies = available(&bench, "us-west-2").len();
    wait_until("further copies", SOON, || available(&bench, "us-west-2").len() > copies || newest() != before);
    let inventory = bench.inventory();
    assert!(
        !inventory.backups.iter().any(|backup| backup.source_id.as_deref() == Some(forged.as_str())),
        "not copied on"
    );
    for id in [&ours.id, &forged] {
        assert!(inventory.backups.iter().any(|backup| backup.id == **id && lifecycle(backup) != "DELETED"), "{id}");
    }
    // Known across a restart, from the first moment.
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(SOON), 0);
    assert!(shown(&bench, &ours.id).unwrap()["disputed"].is_string());
    let _daemon = bench.daemon();
    wait_until("still disputed", SOON, || disputed(&bench) == 2.0);
    // What says when it was made in no way that can be read is shown as well, also where there is no record of it.
    tag(&bench, &ours, "lifeboat:occurrence", "0000-01-01T00:00:00Z");
    let from_aws: Vec<Value> = serde_json::from_str(&stdout(&bench.run(&["points", "--aws", "--json"]))).unwrap();
    let entry = from_aws.iter().find(|point| point["id"] == *ours.id).unwrap();
    assert!(entry["disputed"].as_str().unwrap().contains("lifeboat:occurrence"), "{entry}");
    assert!(stdout(&bench.run(&["points", "--aws"])).contains(&ours.id));
    tag(&bench, &ours, "lifeboat:occurrence", &ours.tags["lifeboat:occurrence"]);
    // Put right, and deleted by hand.
    tag(&bench, &ours, "lifeboat:taken", &right);
    by_hand(&bench, "us-east-1", "DeleteBackup", &json!({"BackupId": forged}));
    wait_until("nothing is disputed", SOON, || disputed(&bench) == 0.0);
    nothing_made_twice(&bench.inventory());
}

/// Answers that show for a moment that everything will only be created next month.
#[test]
fn a_moment_of_wrong_answers_is_over_when_it_is_over() {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&one_source("*/3 * * * * *", ""));
    let daemon = bench.daemon();
    wait_until("copies", SOON, || available(&bench, "us-west-2").len() > 1);
    bench.set_faults("[[fault]]\ncreation_time_skew_seconds = 2592000\n");
    wait_until("disputed", SOON, || disputed(&bench) > 1.0);
    bench.set_faults("");
    wait_until("healed", SOON, || disputed(&bench) == 0.0);
    let copies = available(&bench, "us-west-2").len();
    wait_until("further copies", SOON, || available(&bench, "us-west-2").len() > copies + 1);
    let now = lifeboat::domain::time::Time::from_millis(Endpoint::now_ms()).to_string();
    let inventory = bench.inventory();
    let taken = inventory.backups.iter().filter_map(|backup| backup.tags.get("lifeboat:taken"));
    assert!(taken.clone().count() > 2 && taken.into_iter().all(|taken| *taken < now));
    nothing_made_twice(&inventory);
    drop(daemon);
}

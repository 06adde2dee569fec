//! `check` and `rehearse` say what will become of a policy before it runs.

use assert_cmd::Command;
use serde_json::Value;
use std::path::PathBuf;

/// A policy of hourly copies in a folder of its own, whose database does not exist.
fn policy(folder: &tempfile::TempDir, sources: usize, rpo: &str) -> PathBuf {
    let ids: Vec<String> = (0..sources).map(|number| format!("fs-{number:017x}")).collect();
    let text = format!(
        "[daemon]\nstate = \"{}/state.db\"\n[[policy]]\nname = \"finance\"\nregion = \"us-east-1\"\nschedule = \"@hourly\"\nrpo = \"{rpo}\"\n\
         file_systems = {ids:?}\nretain = {{ last = 3 }}\n[[policy.destination]]\nregion = \"us-west-2\"\nretain = {{ last = 3 }}\n",
        folder.path().display()
    );
    let file = folder.path().join("lifeboat.toml");
    std::fs::write(&file, text).unwrap();
    file
}

fn lifeboat(file: &PathBuf, args: &[&str]) -> (String, i32) {
    let output = Command::cargo_bin("lifeboat").unwrap().args(args).arg("--config").arg(file).output().unwrap();
    (
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap(),
    )
}

#[test]
fn check_says_what_cannot_work_with_the_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let file = policy(&folder, 12, "2h");
    let (said, code) = lifeboat(&file, &["check", "--copy-duration", "47m"]);
    assert_eq!(code, 0, "{said}");
    let sentence = "12 sources every hour at 47 min a copy need 9.4 slots in us-west-2; there are 5; every 2h fits";
    assert!(said.contains(sentence), "{said}");
    let (said, _) = lifeboat(&file, &["check", "--copy-duration", "47m", "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    let lane = &report["feasible"]["lanes"][0];
    assert_eq!((lane["slots"].as_u64(), lane["region"].as_str()), (Some(5), Some("us-west-2")), "{said}");
    assert_eq!(lane["policies"][0]["fitting_interval_seconds"].as_u64(), Some(7200), "{said}");
    let (said, code) = lifeboat(&file, &["check", "--copy-duration", "soon"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("write for example `47m`"), "{said}");
}

#[test]
fn a_rehearsal_foretells_who_keeps_the_promise_and_repeats_itself() {
    let folder = tempfile::tempdir().unwrap();
    let roomy = policy(&folder, 3, "3h");
    let small = ["rehearse", "--days", "2", "--seed", "3", "--sizes", "50-100", "--json"];
    let (said, code) = lifeboat(&roomy, &small);
    assert_eq!(code, 0, "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    let routes = &report["routes"][0];
    assert_eq!((routes["sources"].as_u64(), routes["kept"].as_u64()), (Some(3), Some(3)), "{said}");
    assert_eq!(report["feasible"]["assumed"], Value::Null, "everything was learned: {said}");
    assert!(report["calls_per_day"]["CopyBackup"].as_u64().unwrap() >= 60, "{said}");
    assert!(report["lanes"][0]["idle_while_wanted_percent"].as_f64().unwrap() < 2.0, "{said}");

    let crowded = policy(&folder, 30, "2h");
    let slow = ["rehearse", "--days", "2", "--seed", "3", "--sizes", "50-100", "--copy-floor", "47m"];
    let (said, code) = lifeboat(&crowded, &slow);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("broken for") && said.contains("will miss their RPO"), "{said}");
    let (again, _) = lifeboat(&crowded, &slow);
    assert_eq!(said, again, "the same seed tells the same story");
    let (other, _) = lifeboat(&crowded, &[&slow[..], &["--start", "2026-03-01T00:00:00Z"]].concat());
    assert!(other.contains("from 2026-03-01T00:00:00Z") && !said.contains("from 2026-03-01"), "{other}");
    let (refused, code) = lifeboat(&crowded, &["rehearse", "--start", "soon"]);
    assert!(code == 2 && refused.contains("2026-11-02T00:00:00Z"), "{refused}");
}

#[test]
fn a_rehearsal_judges_the_sources_own_region_and_says_why_a_route_has_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let file = policy(&folder, 2, "3h");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("us-west-2", "us-wset-2")).unwrap();
    let (said, code) = lifeboat(&file, &["rehearse", "--days", "2", "--sizes", "50-100"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("finance in us-east-1: 2 sources, rpo 3h\n  kept by 2 of 2"), "{said}");
    assert!(!said.contains("0ms") && !said.contains(" 0s"), "what is not there has no age: {said}");
    let unprotected = said.split("finance → us-wset-2").nth(1).unwrap();
    assert!(unprotected.contains("no recovery point at any time"), "{said}");
    assert!(
        unprotected.contains("what is missing waits: ") && unprotected.contains("us-wset-2 is not a Region"),
        "{said}"
    );
    let (said, _) = lifeboat(&file, &["rehearse", "--days", "2", "--sizes", "50-100", "--json"]);
    let json = said.split_once('{').map(|(_, json)| format!("{{{json}")).unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    let none = report["routes"].as_array().unwrap().iter().find(|route| route["region"] == "us-wset-2").unwrap();
    assert_eq!(none["age_most_seconds"], Value::Null, "{none}");
}

#[test]
fn faults_of_a_rehearsal_silence_one_region_and_not_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = policy(&folder, 3, "4h");
    let (said, code) = lifeboat(&file, &["rehearse", "--days", "7", "--sizes", "50-100", "--faults", "--json"]);
    assert_eq!(code, 0, "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    let age = |region: &str| {
        let routes = report["routes"].as_array().unwrap();
        routes.iter().find(|route| route["region"] == region).unwrap()["age_most_seconds"].as_u64().unwrap()
    };
    let silent: Vec<bool> = ["us-east-1", "us-west-2"].map(|region| age(region) > 4 * 3600).into();
    assert_eq!(silent, [false, true], "the destination alone is silent for three hours: {said}");
    let assumed = report["assumptions"].to_string();
    assert!(assumed.contains("us-west-2") && assumed.contains("silent"), "{assumed}");
}

#[test]
fn a_database_that_cannot_be_read_is_said_by_those_who_would_learn_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = policy(&folder, 1, "3h");
    for command in ["check", "rehearse"] {
        let (said, code) = lifeboat(&file, &[command]);
        assert!(code == 0 && !said.contains("state.db"), "none is there yet, and none is needed: {said}");
    }
    std::fs::write(folder.path().join("state.db"), "this is no database, whatever its name may say").unwrap();
    for command in ["check", "rehearse"] {
        let (said, code) = lifeboat(&file, &[command]);
        assert!(code == 0 && said.contains("state.db") && said.contains("not in it"), "{command}: {said}");
    }
}

#[test]
fn what_there_is_one_of_is_said_in_the_singular() {
    let folder = tempfile::tempdir().unwrap();
    let (said, _) = lifeboat(&policy(&folder, 1, "3h"), &["check"]);
    assert!(said.contains("good. 1 policy, 1 source, 1 route."), "{said}");
    let (said, _) = lifeboat(&policy(&folder, 2, "3h"), &["check"]);
    assert!(said.contains("good. 1 policy, 2 sources, 2 routes."), "{said}");
    let (said, _) = lifeboat(&policy(&folder, 1, "3h"), &["rehearse", "--days", "1"]);
    assert!(said.contains("1 day from ") && said.contains(": 1 source, rpo"), "{said}");
}

#[test]
fn a_mistyped_region_is_warned_of_whatever_the_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let file = policy(&folder, 1, "3h");
    let text = std::fs::read_to_string(&file).unwrap();
    for more in ["", "[aws]\nendpoint_url = \"http://127.0.0.1:1\"\n"] {
        std::fs::write(&file, format!("{text}{more}").replace("us-west-2", "us-wset-2")).unwrap();
        let (said, code) = lifeboat(&file, &["check"]);
        assert_eq!(code, 0, "a Region may be newer than this program: {said}");
        assert!(said.contains("us-wset-2") && said.contains("did you mean `us-west-2`?"), "{said}");
    }
}

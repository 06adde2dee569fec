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
    assert!(said.contains("broken for") && said.contains("will break their promise"), "{said}");
    // But for the times, which go by the clock, the same seed tells the same story.
    let (again, _) = lifeboat(&crowded, &slow);
    let verdict = |said: &str| {
        said.lines().find(|line| line.contains("kept by")).map(|line| line.split(';').next().unwrap().to_owned())
    };
    assert_eq!(verdict(&said), verdict(&again));
}

#[test]
fn what_there_is_one_of_is_said_in_the_singular() {
    let folder = tempfile::tempdir().unwrap();
    let (said, _) = lifeboat(&policy(&folder, 1, "3h"), &["check"]);
    assert!(said.contains("good. 1 policy, 1 source, 1 route."), "{said}");
    let (said, _) = lifeboat(&policy(&folder, 2, "3h"), &["check"]);
    assert!(said.contains("good. 1 policy, 2 sources, 2 routes."), "{said}");
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

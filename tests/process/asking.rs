//! Commands that ask a daemon: what they make of an answer that is long, late, old, or of a file that was changed.

use crate::support::{Bench, FILE_SYSTEMS, wait_until};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn policy(more: &str) -> String {
    format!(
        "[[policy]]\nname = \"finance\"\nregion = \"us-east-1\"\nfile_systems = [\"{}\"]\nschedule = \"0 3 * * *\"\n\
         rpo = \"26h\"\n{more}[[policy.destination]]\nregion = \"us-west-2\"\nrpo = \"30h\"\n",
        FILE_SYSTEMS[0]
    )
}

#[test]
fn plan_against_running_tells_every_setting_that_changes_and_no_secret() {
    let bench = Bench::new(1.0, "");
    let notify = "[notify]\nwebhook = \"http://127.0.0.1:1/hook/S3CRET-ONE\"\n";
    let file = bench.write_policy(&format!("{notify}{}", policy("tags = { team = \"it\" }\n")));
    let _daemon = bench.daemon();
    wait_until("ready", SOON, || bench.get("/readyz").is_some());
    let written = std::fs::read_to_string(&file).unwrap();
    let against = || {
        let output = bench.run(&["plan", "--against", "running"]);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let nothing = against();
    let mut untold = Vec::new();
    for (from, to, told) in [
        ("team = \"it\"", "team = \"finance\"", "policy finance: tags"),
        ("rpo = \"26h\"\n", "rpo = \"26h\"\nstart_within = \"2h\"\n", "policy finance: start_within"),
        ("rpo = \"26h\"\n", "rpo = \"26h\"\ncatch_up = \"none\"\n", "policy finance: catch_up"),
        ("rpo = \"30h\"\n", "rpo = \"30h\"\ncopy_tags = true\n", "policy finance: copy_tags in us-west-2"),
        ("rpo = \"30h\"\n", "rpo = \"30h\"\ntags = { tier = \"dr\" }\n", "policy finance: tags in us-west-2"),
        ("poll = \"200ms\"", "poll = \"1s\"", "[daemon] poll from `200ms` to `1s`"),
        ("poll = \"200ms\"", "poll = \"200ms\"\nprune = false", "[daemon] prune"),
        ("poll = \"200ms\"", "poll = \"200ms\"\nhosts = [\"here.example.com\"]", "[daemon] hosts"),
        ("requests_per_second = 200", "requests_per_second = 100", "[aws] requests_per_second"),
        ("[notify]", "[limits]\ncopies_in_flight = 3\n[notify]", "[limits] copies_in_flight from `5` to `3`"),
        ("[notify]", "[limits]\nontap_copies_in_flight = 3\n[notify]", "[limits] ontap_copies_in_flight"),
        ("S3CRET-ONE", "S3CRET-TWO", "[notify] webhook"),
        ("[notify]\n", "[notify]\nheartbeat = \"http://127.0.0.1:1/S3CRET\"\n", "[notify] heartbeat"),
    ] {
        assert!(written.contains(from), "{from}");
        std::fs::write(&file, written.replace(from, to)).unwrap();
        let said = against();
        if said == nothing || !said.contains(told) {
            untold.push((told, said.clone()));
        }
        assert!(!said.contains("S3CRET"), "{said}");
    }
    assert!(untold.is_empty(), "{untold:#?}");
    assert!(!bench.get("/api/v1/plan").unwrap().contains("S3CRET"));
}

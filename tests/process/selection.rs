//! Sources by tag, through the real binary: what carries the tag is protected, and nothing leaves by mistake.

use crate::support::{Bench, FILE_SYSTEMS, VOLUME, lifecycle, wait_until};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const OFTEN: &str = "*/2 * * * * *";

fn gold(more: &str) -> String {
    format!(
        "[[policy]]\nname = \"gold\"\nregion = \"us-east-1\"\nselect = {{ dr = [\"gold\", \"platinum\"] }}\n{more}\
         schedule = \"{OFTEN}\"\nrpo = \"1h\"\n[[policy.destination]]\nregion = \"us-west-2\"\n"
    )
}

/// Does what a person does in AWS's console: tags a source of us-east-1, or takes the tag off.
fn tag(bench: &Bench, id: &str, value: Option<&str>) {
    let cloud = bench.endpoint.cloud();
    let mut cloud = cloud.lock().unwrap();
    let mut call = |operation: &str, body: serde_json::Value| {
        cloud.call(lifeboat::sim::Endpoint::now_ms(), "111122223333", "us-east-1", operation, &body).unwrap()
    };
    let shown = if id == VOLUME {
        call("DescribeVolumes", json!({ "VolumeIds": [id] }))["Volumes"][0].clone()
    } else {
        call("DescribeFileSystems", json!({ "FileSystemIds": [id] }))["FileSystems"][0].clone()
    };
    let arn = &shown["ResourceARN"];
    match value {
        Some(value) => call("TagResource", json!({ "ResourceARN": arn, "Tags": [{ "Key": "dr", "Value": value }] })),
        None => call("UntagResource", json!({ "ResourceARN": arn, "TagKeys": ["dr"] })),
    };
}

fn copied(bench: &Bench, source: &str) -> bool {
    let inventory = bench.inventory();
    inventory.backups.iter().any(|b| b.resource == source && b.region == "us-west-2" && lifecycle(b) == "AVAILABLE")
}

fn sources(bench: &Bench) -> Option<f64> {
    bench.metric("lifeboat_policy_sources{policy=\"gold\"}")
}

#[test]
fn what_carries_the_tag_is_protected_and_leaves_after_two_searches_without_it() {
    let bench = Bench::new(2000.0, "");
    tag(&bench, FILE_SYSTEMS[0], Some("gold"));
    tag(&bench, FILE_SYSTEMS[1], Some("silver"));
    tag(&bench, FILE_SYSTEMS[2], Some("gold"));
    bench.write_policy(&gold(&format!("exclude = [\"{}\"]\n", FILE_SYSTEMS[2])));
    let daemon = bench.daemon();
    wait_until("the first copy", SOON, || copied(&bench, FILE_SYSTEMS[0]));
    assert_eq!(sources(&bench), Some(1.0));
    // More appear: a file system and a volume, by its own tag.
    tag(&bench, FILE_SYSTEMS[3], Some("platinum"));
    tag(&bench, VOLUME, Some("gold"));
    wait_until("both", SOON, || copied(&bench, FILE_SYSTEMS[3]) && copied(&bench, VOLUME));
    assert_eq!(sources(&bench), Some(3.0));
    // One leaves, as the log says; the rest stays, through a restart too.
    tag(&bench, FILE_SYSTEMS[3], None);
    wait_until("it leaves", SOON, || sources(&bench) == Some(2.0));
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(SOON), 0);
    bench.set_faults(
        "[[fault]]\noperations = [\"DescribeFileSystems\", \"DescribeVolumes\"]\nrefuse = \"AccessDeniedException\"\n",
    );
    let _daemon = bench.daemon();
    let refused = || bench.log().matches("cannot be looked up").count();
    wait_until("the refusal is told", SOON, || refused() > 0);
    assert_eq!((sources(&bench), refused()), (Some(2.0), 1), "{}", bench.log());
    let inventory = bench.inventory();
    for never in [FILE_SYSTEMS[1], FILE_SYSTEMS[2]] {
        assert!(inventory.backups.iter().all(|backup| backup.resource != never), "{never} was not asked for");
    }
    let kept = |b: &&lifeboat::sim::cloud::BackupFacts| b.resource == FILE_SYSTEMS[3] && lifecycle(b) == "AVAILABLE";
    assert!(inventory.backups.iter().any(|b| kept(&b)), "what left keeps its recovery points");
}

#[test]
fn a_selection_that_finds_nothing_says_so_everywhere() {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&gold(""));
    let _daemon = bench.daemon();
    let text = |arguments: &[&str]| String::from_utf8(bench.run(arguments).stdout).unwrap();
    wait_until("status says so", SOON, || text(&["status"]).contains("it protects nothing"));
    assert_eq!(bench.run(&["status", "--check"]).status.code(), Some(1), "{}", text(&["status", "--check"]));
    assert_eq!(sources(&bench), Some(0.0));
    wait_until("the page says so", SOON, || bench.get("/").is_some_and(|page| page.contains("it protects nothing")));
    wait_until("one line", SOON, || bench.log().contains("policy gold: it protects nothing"));
    tag(&bench, FILE_SYSTEMS[0], Some("gold"));
    wait_until("it is protected", SOON, || copied(&bench, FILE_SYSTEMS[0]));
    assert!(!text(&["status"]).contains("it protects nothing"));
}

#[test]
fn plan_tells_what_a_changed_selection_adds_and_drops() {
    let bench = Bench::new(2000.0, "");
    tag(&bench, FILE_SYSTEMS[0], Some("gold"));
    tag(&bench, FILE_SYSTEMS[1], Some("silver"));
    let path = bench.write_policy(&gold(""));
    let _daemon = bench.daemon();
    wait_until("the first copy", SOON, || copied(&bench, FILE_SYSTEMS[0]));
    let silver = std::fs::read_to_string(&path).unwrap().replace("[\"gold\", \"platinum\"]", "\"silver\"");
    let draft = bench.path("draft.toml");
    std::fs::write(&draft, silver).unwrap();
    let output = bench.run(&["plan", "--config", draft.to_str().unwrap(), "--against", "running"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(FILE_SYSTEMS[0]) && text.contains(FILE_SYSTEMS[1]), "{text}");
}

#[test]
fn what_several_policies_claim_belongs_to_one_of_them_and_the_others_say_so() {
    let bench = Bench::new(2000.0, "");
    for id in &FILE_SYSTEMS[..2] {
        tag(&bench, id, Some("gold"));
    }
    let of = |name: &str, sources: &str| {
        format!(
            "[[policy]]\nname = \"{name}\"\nregion = \"us-east-1\"\n{sources}\nschedule = \"{OFTEN}\"\n\
             [[policy.destination]]\nregion = \"us-west-2\"\n"
        )
    };
    let select = "select = { dr = \"*\" }";
    let named = format!("file_systems = [\"{}\"]", FILE_SYSTEMS[0]);
    bench.write_policy(&[of("a", select), of("b", select), of("c", &named)].concat());
    let _daemon = bench.daemon();
    let sources = |name: &str| bench.metric(&format!("lifeboat_policy_sources{{policy=\"{name}\"}}"));
    wait_until("each has one owner", SOON, || {
        [sources("a"), sources("b"), sources("c")] == [Some(1.0), Some(0.0), Some(1.0)]
    });
    let status = || String::from_utf8(bench.run(&["status"]).stdout).unwrap();
    let told = |id: &str, owner: &str| format!("{id} is selected too, and stays with policy {owner}");
    wait_until("status says whose they are", SOON, || {
        let status = status();
        let nothing =
            status.contains("b: it protects nothing: what carries dr = * in us-east-1 belongs to other policies");
        nothing && status.contains(&told(FILE_SYSTEMS[0], "c")) && status.contains(&told(FILE_SYSTEMS[1], "a"))
    });
    wait_until("the log does too", SOON, || bench.log().contains(&told(FILE_SYSTEMS[1], "a")));
}

//! Answers that no AWS would give: a broken proxy, a newer API, an endpoint in the wrong hands.

use super::endpoint::{Hostile, answer, ok};
use super::fuzz_rng::{below, each_case, one, text};
use super::offline::Offline;
use aws_credential_types::Credentials;
use lifeboat::domain::action::{Action, Call, Outcome, Request, SourceFacts};
use lifeboat::domain::id::{AccountRegion, Occurrence, SourceKey, Target, Trigger, WorkKey};
use lifeboat::domain::point::ObservedBackup;
use lifeboat::domain::policy::{Aws, Tags};
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::engine::Engines;
use lifeboat::engine::{Answer, Engine as _};
use lifeboat::sim::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SOURCE: &str = "fs-0123456789abcdef0";
const VOLUME: &str = "fsvol-0123456789abcdef0";
const BACKUP: &str = "backup-0123456789abcdef0";

/// More than fifty of one's own, which is all that AWS allows, and what AWS adds.
const TAGS_MAX: usize = 200;

fn now() -> Time {
    Time::parse_rfc3339("2026-11-21T08:00:00Z").unwrap()
}

fn place() -> AccountRegion {
    AccountRegion { account: "default".into(), region: "us-east-1".into() }
}

fn engine(runtime: &tokio::runtime::Runtime, endpoint: &Hostile) -> Engines {
    let aws = Aws {
        profile: None,
        endpoint_url: Some(format!("http://{}", endpoint.address)),
        requests_per_second: 10_000.0,
    };
    let credentials = Credentials::new("AKIA111122223333TEST", "secret", None, None, "test");
    runtime.block_on(Engines::new(&aws, &BTreeMap::new(), None, Some(credentials)))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn make(target: Target, request: Request) -> Action {
    let source = SourceKey { account: "default".into(), source: SOURCE.into() };
    let occurrence = Occurrence { at: Time::from_secs(1_795_240_800), trigger: Trigger::Schedule };
    let key = WorkKey { source, occurrence, target };
    Action { place: place(), call: Call::Make { key, request: Arc::new(request) } }
}

/// Every kind of call.
fn actions() -> Vec<Action> {
    let lookup = |id: &str| Action { place: place(), call: Call::DescribeSources { ids: vec![id.into()] } };
    let hold = |hold: Option<&str>| Action {
        place: place(),
        call: Call::Hold {
            id: BACKUP.into(),
            arn: format!("arn:aws:fsx:us-east-1:111122223333:backup/{BACKUP}"),
            hold: hold.map(str::to_owned),
        },
    };
    let copy = Request::CopyBackup {
        source_region: "us-west-2".into(),
        backup: BACKUP.into(),
        kms_key: None,
        token: "lb1-1".into(),
        tags: Tags::new(),
    };
    vec![
        make(Target::Backup, Request::CreateBackup { source: SOURCE.into(), token: "lb1-1".into(), tags: Tags::new() }),
        make(Target::Copy("us-east-1".into()), copy),
        Action { place: place(), call: Call::ListPage { next_token: None } },
        Action { place: place(), call: Call::ListPage { next_token: Some("page-2".to_owned()) } },
        Action { place: place(), call: Call::Poll { ids: vec![BACKUP.into()] } },
        lookup(SOURCE),
        lookup(VOLUME),
        Action { place: place(), call: Call::Delete { id: BACKUP.into(), token: "lb1-2".into() } },
        hold(Some("audit")),
        hold(None),
    ]
}

fn tags(of: &[(&str, &str)]) -> Value {
    of.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// A backup as AWS shows it; `number` makes it another one.
fn backup(number: u64, copy: bool) -> Value {
    let mut own = vec![
        ("lifeboat:source", SOURCE),
        ("lifeboat:occurrence", "2026-11-21T06:00:00Z"),
        ("lifeboat:trigger", "schedule"),
        ("lifeboat:attempt", "1"),
        ("lifeboat:policy", "finance"),
        ("Name", "finance"),
    ];
    if copy {
        own.extend([
            ("lifeboat:origin", "us-west-2/backup-0123456789abcdef0"),
            ("lifeboat:taken", "2026-11-21T06:00:01Z"),
        ]);
    }
    let mut backup = json!({
        "BackupId": format!("backup-0123456789abcde{number:02x}"),
        "Lifecycle": "AVAILABLE",
        "Type": "USER_INITIATED",
        "ProgressPercent": 100,
        "CreationTime": 1_795_240_801.25,
        "KmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/1",
        "ResourceARN": format!("arn:aws:fsx:us-east-1:111122223333:backup/backup-0123456789abcde{number:02x}"),
        "OwnerId": "111122223333",
        "ResourceType": "FILE_SYSTEM",
        "SizeInBytes": 1_000_000_000_u64,
        "FailureDetails": { "Message": "Backup failed. Please delete the backup and try again." },
        "Tags": tags(&own),
        "FileSystem": file_system(),
        "Volume": volume(),
    });
    if copy {
        backup["SourceBackupId"] = json!(BACKUP);
        backup["SourceBackupRegion"] = json!("us-west-2");
    }
    backup
}

fn file_system() -> Value {
    json!({
        "FileSystemId": SOURCE, "FileSystemType": "WINDOWS", "Lifecycle": "AVAILABLE", "StorageCapacity": 32,
        "CreationTime": 1_700_000_000.5, "SubnetIds": ["subnet-1"], "Tags": tags(&[("Name", "home"), ("team", "it")]),
        "WindowsConfiguration": { "DeploymentType": "SINGLE_AZ_2", "ThroughputCapacity": 32 },
    })
}

fn volume() -> Value {
    json!({
        "VolumeId": VOLUME, "VolumeType": "ONTAP", "Lifecycle": "CREATED", "Name": "vol1", "FileSystemId": SOURCE,
        "CreationTime": 1_700_000_000, "OntapConfiguration": { "OntapVolumeType": "RW", "SizeInMegabytes": 1024 },
    })
}

/// What a well-behaved AWS would say.
fn good(operation: &str, rng: &mut Rng) -> Value {
    let copy = rng.percent(30.0);
    match operation {
        "DescribeBackups" => {
            let backups: Vec<Value> = (0..1 + rng.below(4)).map(|number| backup(number, copy)).collect();
            json!({ "Backups": backups, "NextToken": "cGFnZQ==" })
        }
        "DescribeFileSystems" => json!({ "FileSystems": [file_system(), file_system()] }),
        "DescribeVolumes" => json!({ "Volumes": [volume()] }),
        "DeleteBackup" => json!({ "BackupId": BACKUP, "Lifecycle": "DELETED" }),
        "TagResource" | "UntagResource" => json!({}),
        _ => json!({ "Backup": backup(0, copy) }),
    }
}

fn refusal(rng: &mut Rng) -> Value {
    let codes = ["BadRequest", "ServiceLimitExceeded", "BackupNotFound", "InternalServerError", "FileSystemNotFound"];
    let code = if rng.percent(30.0) { text(rng) } else { one(rng, &codes).to_owned() };
    json!({ "__type": code, "Message": "is being copied", "Limit": "TOTAL_IN_PROGRESS_COPY_BACKUPS", "Parameter": "x" })
}

/// Something that is not what stood here.
fn odd_value(rng: &mut Rng) -> Value {
    let texts = ["", "UNKNOWN_TO_ALL", "DELETED", "fs-1", "backup-0", "schedule", "2026-11-21T06:00:00Z", "-1", "null"];
    match rng.below(11) {
        0 => Value::Null,
        1 => json!(rng.next_u64() as i64),
        2 => one(rng, &[json!(-1), json!(0), json!(u64::MAX), json!(i64::MIN), json!(1e300), json!(-1e18), json!(0.5)]),
        3 => json!(rng.percent(50.0)),
        4 => json!([]),
        5 => json!({}),
        6 => json!("x".repeat(100_000)),
        7 => json!(text(rng)),
        8 => json!([{ "Key": "lifeboat:hold" }, null, 7, "x"]),
        9 => (0..300).map(|n| json!({ "Key": format!("k{n}"), "Value": "v".repeat(300) })).collect(),
        _ => json!(one(rng, &texts)),
    }
}

/// Puts something else in one place of the tree, takes it away, or gives it another name.
fn harm(value: &mut Value, rng: &mut Rng) {
    let size = match value {
        Value::Object(members) => members.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    };
    if size == 0 || rng.percent(8.0) {
        *value = odd_value(rng);
        return;
    }
    let at = below(rng, size);
    let leaf = rng.percent(35.0);
    match value {
        Value::Object(members) => {
            let key = members.keys().nth(at).unwrap().clone();
            match rng.below(3) {
                0 if leaf => drop(members.remove(&key)),
                1 if leaf => {
                    let moved = members.remove(&key).unwrap();
                    members.insert(text(rng), moved);
                }
                _ if leaf => members[&key] = odd_value(rng),
                _ => harm(&mut members[&key], rng),
            }
        }
        Value::Array(items) if leaf && rng.percent(30.0) => {
            let copy = items[at].clone();
            items.extend(std::iter::repeat_n(copy, 1 + below(rng, 40)));
        }
        Value::Array(items) => harm(&mut items[at], rng),
        _ => {}
    }
}

/// The bytes on the wire for a body.
fn sent(body: &Value, rng: &mut Rng) -> Vec<u8> {
    let text = body.to_string();
    let status = if body.get("__type").is_some() { "400 Bad Request" } else { "200 OK" };
    let json = "application/x-amz-json-1.1";
    if rng.percent(65.0) {
        return answer(status, json, "", text.as_bytes());
    }
    let cut = {
        let mut at = below(rng, text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        &text[..at]
    };
    match rng.below(14) {
        0 => answer(status, json, "", cut.as_bytes()),
        1 => answer(status, "text/html", "", b"<html><h1>502 Bad Gateway</h1></html>"),
        2 => answer(status, one(rng, &["", "text/plain", "application/cbor", "\u{1f4a9}"]), "", text.as_bytes()),
        3 => answer(
            one(
                rng,
                &[
                    "204 No",
                    "301 Moved",
                    "403 No",
                    "404 No",
                    "429 Slow",
                    "500 Oh",
                    "503 Oh",
                    "599 Oh",
                    "100 Go",
                    "101 Switch",
                ],
            ),
            json,
            "",
            cut.as_bytes(),
        ),
        4 => answer(status, json, "", "[".repeat(50_000).as_bytes()),
        5 => answer(status, json, "", format!("{}{}", "{\"Backups\":".repeat(20_000), "}".repeat(20_000)).as_bytes()),
        6 => answer(status, json, "", &[b"\xff\xfe\x00", text.as_bytes()].concat()),
        7 => answer(status, json, "", format!("{text}{text}").as_bytes()),
        8 => answer(status, json, &format!("x-amzn-ErrorType: {}\r\n", "E".repeat(5000)), b""),
        9 => answer(
            status,
            json,
            "Content-Encoding: gzip\r\nx-amz-retry-after: -5\r\nDate: Fri, 31 Dec 9999 23:59:59 GMT\r\n",
            text.as_bytes(),
        ),
        10 => {
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{cut}", text.len()).into_bytes()
        }
        11 => {
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n{text}\r\n").into_bytes()
        }
        12 => one(
            rng,
            &[
                Vec::new(),
                b"\0".to_vec(),
                b"HTTP/9.9 200\r\n\r\n".to_vec(),
                b"SSH-2.0-x\r\n".to_vec(),
                b"HTTP/1.1 200 OK\r\n".to_vec(),
            ],
        ),
        _ => answer(status, json, &format!("X-Long: {}\r\n", "h".repeat(below(rng, 20_000))), text.as_bytes()),
    }
}

fn printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn tags_are_kept_small(tags: &Tags) {
    assert!(tags.len() <= TAGS_MAX, "{} tags", tags.len());
    for (key, value) in tags {
        assert!(key.chars().count() <= 128 && value.chars().count() <= 256, "{key}");
        assert!(printable(key) && printable(value), "{key:?} {value:?}");
    }
}

fn is_sound(observed: &ObservedBackup) {
    let id = observed.id.as_str();
    assert!((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    assert!(observed.progress_percent.is_none_or(|percent| percent <= 100));
    let created = observed.created_at;
    assert!(created == Time::ZERO || !created.to_string().starts_with('@'), "{created}");
    assert!(observed.failure.as_ref().is_none_or(|text| text.chars().count() <= 500 && printable(text)));
    assert!(observed.kms_key.as_ref().is_none_or(|key| key.chars().count() <= 2048 && printable(key)));
    assert!(observed.arn.as_ref().is_none_or(|arn| arn.chars().count() <= 512 && printable(arn)));
    for id in observed.volume.iter().map(|id| id.as_str()).chain(observed.copied_from.iter().map(|id| id.as_str())) {
        assert!(id.len() <= 128 && printable(id), "{id:?}");
    }
    tags_are_kept_small(&observed.tags);
}

fn facts_are_sound(facts: &SourceFacts) {
    assert!(facts.source.as_str().len() <= 128 && printable(facts.source.as_str()), "{:?}", facts.source);
    assert!(facts.lifecycle.len() <= 128 && printable(&facts.lifecycle), "{:?}", facts.lifecycle);
    assert!(facts.name.as_ref().is_none_or(|name| name.chars().count() <= 256 && printable(name)), "{:?}", facts.name);
    tags_are_kept_small(&facts.tags);
}

/// Whatever came back is of bounded size, harmless to show, and of the kind that was asked for.
fn answer_is_sound(action: &Action, answer: &Answer) {
    assert!((1..=50).contains(&answer.requests.len()), "{} requests", answer.requests.len());
    match (&answer.outcome, &action.call) {
        (Outcome::Failed(fault), _) => {
            assert!(!fault.code.is_empty() && fault.code.chars().count() <= 80 && printable(&fault.code), "{fault:?}");
            assert!(fault.message.chars().count() <= 500 && printable(&fault.message), "{fault:?}");
        }
        (Outcome::Made(observed), Call::Make { .. }) => is_sound(observed),
        (Outcome::Page { observed_backups, next_token }, Call::ListPage { .. }) => {
            observed_backups.iter().for_each(is_sound);
            assert!(next_token.as_ref().is_none_or(|token| (1..=4096).contains(&token.len())));
        }
        (Outcome::Polled(observed_backups), Call::Poll { .. }) => observed_backups.iter().for_each(is_sound),
        (Outcome::SourcesDescribed(facts), Call::DescribeSources { .. }) => facts.iter().for_each(facts_are_sound),
        (Outcome::Deleted, Call::Delete { .. }) | (Outcome::HoldSet, Call::Hold { .. }) => {}
        (outcome, call) => panic!("{outcome:?} to {call:?}"),
    }
    for sent in &answer.requests {
        assert!(!sent.code.is_empty() && sent.code.chars().count() <= 80 && printable(&sent.code), "{sent:?}");
    }
}

#[test]
fn no_answer_brings_the_engine_or_the_planner_down() {
    let (runtime, endpoint) = (runtime(), Hostile::new());
    let engine = engine(&runtime, &endpoint);
    each_case("no_answer_brings_the_engine_or_the_planner_down", 300, move |rng| {
        let mut offline = Offline::new(State::new(now(), now()));
        let plan = offline.round(now());
        drop(plan);
        for step in 0..4 {
            let action = one(rng, &actions());
            // Drawn beforehand: a `Poll` may ask again and again.
            let mut body = if rng.percent(20.0) { refusal(rng) } else { good(action.call.operation(), rng) };
            for _ in 0..rng.below(4) {
                harm(&mut body, rng);
            }
            let bytes = sent(&body, rng);
            endpoint.says(move |_, _| bytes.clone());
            let began = Instant::now();
            let answer = runtime.block_on(engine.call(&action));
            answer_is_sound(&action, &answer);
            assert!(began.elapsed() < Duration::from_secs(45), "{action:?} took {:?}", began.elapsed());
            let at = now().plus(Duration::from_secs(60 * step));
            offline.process_outcome(&action, answer.outcome, at);
            let plan = offline.round(at);
            let drawn = offline.draw(&plan, at);
            assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "what is drawn speaks to the terminal");
        }
    });
}

/// One answer to one listing, as a hundred machines' worth of memory is not spent on it.
#[test]
fn a_large_answer_is_read_or_refused() {
    let (runtime, endpoint) = (runtime(), Hostile::new());
    let engine = engine(&runtime, &endpoint);
    let list = Action { place: place(), call: Call::ListPage { next_token: None } };
    let mut rng = Rng::new(1, "large");
    // Ten megabytes of good backups are a large account; of anything else, a fault.
    let many: Vec<Value> = (0..9000).map(|number| backup(number % 256, false)).collect();
    let many = json!({ "Backups": many }).to_string();
    assert!(many.len() > 10_000_000);
    let token = json!({ "Backups": [], "NextToken": "t".repeat(10_000_000) }).to_string();
    let key = {
        let mut body = good("DescribeBackups", &mut rng);
        body["Backups"][0]["KmsKeyId"] = json!("k".repeat(10_000_000));
        body.to_string()
    };
    for (body, readable) in [(many, true), (token, false), (key, true), (" ".repeat(12_000_000), false)] {
        let start = body[..40].to_owned();
        endpoint.says(move |_, _| ok(&body));
        let answer = runtime.block_on(engine.call(&list));
        answer_is_sound(&list, &answer);
        assert_eq!(matches!(answer.outcome, Outcome::Page { .. }), readable, "{start}: {:?}", answer.requests);
    }
}

/// One answer in the last second of the calendar; the next ones must not pay for it.
#[test]
fn a_clock_beyond_belief_is_not_gone_by() {
    let (runtime, endpoint) = (runtime(), Hostile::new());
    let engine = engine(&runtime, &endpoint);
    let list = Action { place: place(), call: Call::ListPage { next_token: None } };
    for date in ["Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Sat, 01 Jan 0000 00:00:00 GMT"] {
        let body = good("DescribeBackups", &mut Rng::new(1, "date")).to_string();
        let bytes = answer("200 OK", "application/x-amz-json-1.1", &format!("Date: {date}\r\n"), body.as_bytes());
        endpoint.says(move |_, _| bytes.clone());
        for _ in 0..2 {
            let answer = runtime.block_on(engine.call(&list));
            assert!(matches!(answer.outcome, Outcome::Page { .. }), "{date}: {answer:?}");
        }
    }
}

/// A success without a body says nothing about what is there: taken for an empty list, it would make all that is held look
/// gone, and be asked for once more.
#[test]
fn an_answer_without_its_list_is_no_empty_list() {
    let (runtime, endpoint) = (runtime(), Hostile::new());
    let engine = engine(&runtime, &endpoint);
    for action in actions() {
        let (Call::ListPage { .. } | Call::Poll { .. } | Call::DescribeSources { .. }) = action.call else { continue };
        for body in ["", "{}", "{\"Backups\":null,\"FileSystems\":null,\"Volumes\":null}"] {
            endpoint.says(move |_, _| ok(body));
            let answer = runtime.block_on(engine.call(&action));
            assert!(matches!(&answer.outcome, Outcome::Failed(fault) if fault.code == "EmptyAnswer"), "{answer:?}");
        }
        endpoint.says(|_, _| ok(r#"{"Backups":[],"FileSystems":[],"Volumes":[]}"#));
        let answer = runtime.block_on(engine.call(&action));
        assert!(!matches!(answer.outcome, Outcome::Failed(_)), "{answer:?}");
    }
}

/// A body without end must not be waited for until memory is gone.
#[test]
fn an_answer_beyond_all_measure_is_cut_off() {
    let (runtime, endpoint) = (runtime(), Hostile::new());
    let engine = engine(&runtime, &endpoint);
    let list = Action { place: place(), call: Call::ListPage { next_token: None } };
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close\r\n\r\n{\"NextToken\":\"";
    endpoint.says(move |_, _| [head.as_bytes(), &vec![b'x'; 80 << 20], b"\"}"].concat());
    let answer = runtime.block_on(engine.call(&list));
    answer_is_sound(&list, &answer);
    let Outcome::Failed(fault) = &answer.outcome else { panic!("eighty megabytes were taken in") };
    assert!(fault.message.contains("length limit exceeded"), "{fault:?}");
}

/// An endpoint that says “more” for ever, with the same mark or always another.
#[test]
fn pages_without_end_end() {
    let (runtime, endpoint) = (runtime(), Hostile::new());
    let engine = engine(&runtime, &endpoint);
    for action in actions() {
        let (Call::Poll { .. } | Call::DescribeSources { .. }) = action.call else { continue };
        for changing in [false, true] {
            endpoint.says(move |operation, count| {
                let mut body = good(operation, &mut Rng::new(1, "pages"));
                body["NextToken"] = json!(if changing { format!("page-{count}") } else { "page".to_owned() });
                ok(&body.to_string())
            });
            let answer = runtime.block_on(engine.call(&action));
            answer_is_sound(&action, &answer);
            assert!(matches!(&answer.outcome, Outcome::Failed(fault) if fault.code == "EndlessPages"), "{action:?}");
        }
    }
    // A listing is followed page by page by the planner: the same mark again ends it.
    let mut offline = Offline::new(State::new(now(), now()));
    endpoint.says(move |operation, _| ok(&good(operation, &mut Rng::new(1, "pages")).to_string()));
    let mut asked = 0;
    for minute in 0..10 {
        let at = now().plus(Duration::from_secs(60 * minute));
        for action in
            offline.round(at).actions.into_iter().filter(|action| matches!(action.call, Call::ListPage { .. }))
        {
            asked += 1;
            let answer = runtime.block_on(engine.call(&action));
            offline.process_outcome(&action, answer.outcome, at);
        }
    }
    assert!((2..=40).contains(&asked), "{asked} pages asked for in ten minutes");
    assert!(offline.state.places.values().all(|known| known.listed.is_none()), "a listing without end is no listing");
}

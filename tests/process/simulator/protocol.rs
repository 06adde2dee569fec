//! Facts 1–6: the protocol, through real HTTP, by the real SDK and by hand.

use std::net::SocketAddr;
use std::time::Duration;

use aws_sdk_fsx::Client;
use aws_sdk_fsx::config::retry::RetryConfig;
use aws_sdk_fsx::config::timeout::TimeoutConfig;
use aws_sdk_fsx::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_fsx::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_fsx::operation::RequestId;
use aws_sdk_fsx::types::{BackupLifecycle, Tag};
use lifeboat::sim::cloud::{Cloud, FileSystemSeed, FileSystemType};
use lifeboat::sim::{Endpoint, Fault, Faults};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bench::{ACCOUNT, Bench, HERE, THERE};

async fn endpoint(speed: f64, fault: Vec<Fault>) -> Endpoint {
    let cloud = Cloud::new(7).with_speed(speed);
    Endpoint::bind(SocketAddr::from(([127, 0, 0, 1], 0)), cloud, Faults::of(fault)).await.unwrap()
}

fn client(endpoint: &Endpoint, region: &str, key: &str) -> Client {
    let config = aws_sdk_fsx::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new(key, "none", None, None, "tests"))
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint.url())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(5)).build())
        .build();
    Client::from_conf(config)
}

fn seeded(endpoint: &Endpoint) -> String {
    let seed = FileSystemSeed::new(FileSystemType::Windows);
    let cloud = endpoint.cloud();
    let mut cloud = cloud.lock().unwrap();
    cloud.add_file_system_seed(Endpoint::now_ms(), ACCOUNT, HERE, &seed).unwrap().0
}

async fn becomes(client: &Client, id: &str, wanted: BackupLifecycle) -> aws_sdk_fsx::types::Backup {
    for _ in 0..2_000 {
        let answer = client.describe_backups().backup_ids(id).send().await.unwrap();
        let backup = answer.backups()[0].clone();
        if backup.lifecycle == Some(wanted.clone()) {
            return backup;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{id} did not become {wanted:?}");
}

/// Sends bytes and reads the whole answer, until the server closes.
async fn raw(endpoint: &Endpoint, request: &str) -> String {
    let mut stream = TcpStream::connect(endpoint.local_addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(target: &str, authorization: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Amz-Target: {target}\r\n{authorization}Content-Length: {length}\r\n\r\n{body}"
    )
}

const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/fsx/aws4_request, SignedHeaders=host, Signature=0\r\n";
const DESCRIBE: &str = "AWSSimbaAPIService_v20180301.DescribeBackups";

#[tokio::test]
async fn the_sdk_backs_up_copies_and_deletes() {
    let endpoint = endpoint(20_000.0, vec![]).await;
    let file_system = seeded(&endpoint);
    let [here, there] = [HERE, THERE].map(|region| client(&endpoint, region, "test"));
    let name = Tag::builder().key("Name").value("nightly").build();
    let made = here.create_backup().file_system_id(&file_system).tags(name).send().await.unwrap();
    assert!(made.request_id().is_some());
    let made = made.backup.unwrap();
    let id = made.backup_id.unwrap();
    let age = made.creation_time.unwrap().to_millis().unwrap() - Endpoint::now_ms();
    assert!(age.abs() < 5_000, "the clock is real");
    becomes(&here, &id, BackupLifecycle::Available).await;
    let copy = there.copy_backup().source_backup_id(&id).source_region(HERE).copy_tags(true).send().await.unwrap();
    let copy = becomes(&there, &copy.backup.unwrap().backup_id.unwrap(), BackupLifecycle::Available).await;
    assert_eq!(copy.source_backup_id.as_deref(), Some(id.as_str()));
    assert_eq!(copy.source_backup_region.as_deref(), Some(HERE));
    assert_eq!(copy.tags()[0].value(), Some("nightly"));
    let listed = there.describe_backups().max_results(1).send().await.unwrap();
    assert_eq!((listed.backups().len(), listed.next_token()), (1, None));
    let deleted = there.delete_backup().backup_id(copy.backup_id.unwrap()).send().await.unwrap();
    assert_eq!(deleted.lifecycle, Some(BackupLifecycle::Deleted));
    endpoint.shutdown().await;
}

#[tokio::test]
async fn fact_02_state_is_by_account_and_region() {
    let endpoint = endpoint(1.0, vec![]).await;
    let file_system = seeded(&endpoint);
    let count = async |region: &str, key: &str| {
        client(&endpoint, region, key).describe_file_systems().send().await.unwrap().file_systems().len()
    };
    assert_eq!(count(HERE, "AKIA111122223333ABCD").await, 1);
    assert_eq!(count(HERE, "anything").await, 1);
    assert_eq!(count(HERE, "AKIA444455556666ABCD").await, 0);
    assert_eq!(count(THERE, "anything").await, 0);
    let stranger = client(&endpoint, HERE, "AKIA444455556666ABCD");
    let error = stranger.create_backup().file_system_id(file_system).send().await.unwrap_err();
    assert!(error.into_service_error().is_file_system_not_found());
    let nowhere = client(&endpoint, "us-nowhere-9", "test").describe_backups().send().await.unwrap_err();
    assert_eq!(nowhere.code(), Some("UnrecognizedClientException"));
}

#[tokio::test]
async fn fact_03_errors_reach_the_sdk_with_their_members() {
    let endpoint = endpoint(1.0, vec![]).await;
    let file_system = seeded(&endpoint);
    let here = client(&endpoint, HERE, "test");
    let ask = |token: &str| here.create_backup().file_system_id(&file_system).client_request_token(token);
    let id = ask("one").send().await.unwrap().backup.unwrap().backup_id.unwrap();
    let error = ask("two").send().await.unwrap_err();
    assert!(error.into_service_error().is_backup_in_progress());
    let tag = Tag::builder().key("a").value("b").build();
    match ask("one").tags(tag).send().await.unwrap_err().into_service_error() {
        aws_sdk_fsx::operation::create_backup::CreateBackupError::IncompatibleParameterError(error) => {
            assert_eq!(error.parameter(), Some("Tags"));
        }
        other => panic!("{other:?}"),
    }
    let there = client(&endpoint, THERE, "test");
    match there.copy_backup().source_backup_id(&id).source_region(HERE).send().await.unwrap_err().into_service_error() {
        aws_sdk_fsx::operation::copy_backup::CopyBackupError::SourceBackupUnavailable(error) => {
            assert_eq!(error.backup_id(), Some(id.as_str()));
            assert!(error.message().is_some());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn facts_01_03_04_the_wire() {
    let endpoint = endpoint(1.0, vec![]).await;
    let good = raw(&endpoint, &post(DESCRIBE, SIGNED, "{}")).await.to_lowercase();
    assert!(good.starts_with("http/1.1 200"), "{good}");
    for part in ["x-amzn-requestid: ", "content-type: application/x-amz-json-1.1", "\ndate: ", "{\"backups\":[]}"] {
        assert!(good.contains(part), "{part}: {good}");
    }
    let prefix = "AWSSimbaAPIService_v20180301.";
    let table = [
        (post(&format!("{prefix}Nonsense"), SIGNED, "{}"), "400", "UnknownOperationException"),
        (post("DynamoDB_20120810.ListTables", SIGNED, "{}"), "400", "UnknownOperationException"),
        (post(DESCRIBE, "", "{}"), "403", "MissingAuthenticationTokenException"),
        (post(DESCRIBE, &SIGNED.replace("fsx", "s3"), "{}"), "403", "InvalidSignatureException"),
        (post(DESCRIBE, "Authorization: Basic x\r\n", "{}"), "400", "IncompleteSignatureException"),
        (post(DESCRIBE, SIGNED, "{"), "400", "SerializationException"),
        (post(DESCRIBE, SIGNED, "[]"), "400", "SerializationException"),
        (post(DESCRIBE, SIGNED, r#"{"MaxResults":"x"}"#), "400", "SerializationException"),
        (post(DESCRIBE, SIGNED, r#"{"MaxResults":0}"#), "400", "BadRequest"),
    ];
    for (request, status, code) in table {
        let answer = raw(&endpoint, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains(&format!("\"__type\":\"{code}\"")), "{answer}");
        assert!(answer.contains("\"Message\":"), "{answer}");
        assert!(answer.to_lowercase().contains(&format!("x-amzn-errortype: {}", code.to_lowercase())), "{answer}");
    }
}

#[test]
fn fact_05_shapes_are_checked_in_the_words_of_aws() {
    let mut bench = Bench::new();
    let long = "x".repeat(64);
    let table = [
        (
            "CopyBackup",
            json!({}),
            "1 validation error detected: Value null at 'sourceBackupId' failed to satisfy constraint: Member must not be null",
        ),
        (
            "CreateBackup",
            json!({ "FileSystemId": "fs-xyz", "ClientRequestToken": long }),
            "4 validation errors detected: Value 'fs-xyz' at 'fileSystemId' failed to satisfy constraint: \
             Member must have length greater than or equal to 11; ",
        ),
        ("CreateBackup", json!({ "FileSystemId": "fs-ABCDEF01" }), "regular expression pattern: ^(fs-[0-9a-f]{8,})$"),
        (
            "CreateBackup",
            json!({ "FileSystemId": "fs-01234567", "Tags": [{ "Key": "a;b" }] }),
            "Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null",
        ),
        (
            "DescribeBackups",
            json!({ "Filters": [{ "Name": "state" }] }),
            "Member must satisfy enum value set: [file-system-id, ",
        ),
        ("DescribeBackups", json!({ "NextToken": "abc" }), "at 'nextToken' failed to satisfy constraint"),
        (
            "DescribeBackups",
            json!({ "BackupIds": ["no"] }),
            "Value '[no]' at 'backupIds' failed to satisfy constraint: Member must satisfy constraint: [",
        ),
        (
            "DeleteBackup",
            json!({ "BackupId": "backup-0123456789abcdef0", "ClientRequestToken": "" }),
            "greater than or equal to 1",
        ),
    ];
    for (operation, body, words) in table {
        let error = bench.ask(HERE, operation, body).unwrap_err();
        assert_eq!((error.code.as_ref(), error.status), ("BadRequest", 400));
        assert!(error.message.contains(words), "{}", error.message);
    }
    // What AWS admits though it looks wrong.
    for token in ["a[b]^c\\`_", "x", &"y".repeat(63)] {
        let body = json!({ "FileSystemId": "fs-01234567", "ClientRequestToken": token });
        assert_eq!(bench.code(HERE, "CreateBackup", body), "FileSystemNotFound", "{token}");
    }
    let odd_tag = json!({ "FileSystemId": "fs-01234567", "Tags": [{ "Key": "ключ + 1", "Value": "" }] });
    assert_eq!(bench.code(HERE, "CreateBackup", odd_tag), "FileSystemNotFound");
}

#[tokio::test]
async fn fact_06_faults_on_the_wire() {
    let only = |operation: &str, change: fn(&mut Fault)| {
        let mut fault = Fault { operations: vec![operation.to_owned()], ..Fault::default() };
        change(&mut fault);
        fault
    };
    let endpoint = endpoint(
        1.0,
        vec![
            only("CreateBackup", |fault| fault.close_after_percent = 100.0),
            only("CopyBackup", |fault| fault.html_percent = 100.0),
            only("DescribeVolumes", |fault| fault.truncated_percent = 100.0),
            only("DescribeFileSystems", |fault| fault.empty_percent = 100.0),
            only("DeleteBackup", |fault| fault.forbidden_percent = 100.0),
            only("DeleteVolume", |fault| fault.throttle_percent = 100.0),
            only("DeleteFileSystem", |fault| fault.refuse = Some("OptInRequired".into())),
        ],
    )
    .await;
    let file_system = seeded(&endpoint);
    let here = client(&endpoint, HERE, "test");
    let lost = here.create_backup().file_system_id(&file_system).send().await.unwrap_err();
    assert!(matches!(lost, SdkError::DispatchFailure(_)), "{lost:?}");
    assert_eq!(here.describe_backups().send().await.unwrap().backups().len(), 1, "the deed was done");
    let html = here.copy_backup().source_backup_id("backup-0123456789abcdef0").send().await.unwrap_err();
    assert_eq!(html.raw_response().unwrap().status().as_u16(), 502);
    let half = here.describe_volumes().send().await.unwrap_err();
    assert!(matches!(half, SdkError::ResponseError(_)), "{half:?}");
    assert!(here.describe_file_systems().send().await.unwrap().file_systems().is_empty());
    let empty = here.delete_backup().backup_id("backup-0123456789abcdef0").send().await.unwrap_err();
    assert_eq!((empty.code(), empty.raw_response().unwrap().status().as_u16()), (None, 403));
    let slow = here.delete_volume().volume_id("fsvol-0123456789abcdef0").send().await.unwrap_err();
    assert_eq!(slow.code(), Some("ThrottlingException"));
    let barred = here.delete_file_system().file_system_id(&file_system).send().await.unwrap_err();
    assert_eq!((barred.code(), barred.raw_response().unwrap().status().as_u16()), (Some("OptInRequired"), 403));
}

#[tokio::test]
async fn a_black_hole_holds_one_region_and_a_put_closes_it() {
    let hole = Fault { regions: vec![THERE.into()], black_hole_percent: 100.0, ..Fault::default() };
    let endpoint = endpoint(1.0, vec![hole]).await;
    let [here, there] = [HERE, THERE].map(|region| client(&endpoint, region, "test"));
    let waiting = tokio::spawn(async move { there.describe_backups().send().await });
    here.describe_backups().send().await.unwrap();
    assert!(!waiting.is_finished());
    waiting.abort();
    let put = |text: &str| {
        let length = text.len();
        format!("PUT /_faults HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}")
    };
    assert!(raw(&endpoint, &put("[[fault]]\nwhat = 1")).await.starts_with("HTTP/1.1 400"));
    assert!(raw(&endpoint, &put("")).await.starts_with("HTTP/1.1 204"));
    client(&endpoint, THERE, "test").describe_backups().send().await.unwrap();
    endpoint.shutdown().await;
}

#[tokio::test]
async fn the_controls_tell_and_add() {
    let endpoint = endpoint(1.0, vec![]).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let fleet = "[[file_system]]\nid = 'fs-0123456789abcdef0'\ntype = 'LUSTRE'";
    let length = fleet.len();
    let seed =
        format!("POST /_seed HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{fleet}");
    assert!(raw(&endpoint, &seed).await.contains("[\"fs-0123456789abcdef0\"]"));
    let here = client(&endpoint, HERE, "test");
    here.create_backup().file_system_id("fs-0123456789abcdef0").send().await.unwrap();
    let inventory = raw(&endpoint, &get("/_books")).await;
    let inventory: serde_json::Value = serde_json::from_str(inventory.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(inventory["backups"][0]["resource"], "fs-0123456789abcdef0");
    assert_eq!(inventory["calls"][0]["operation"], "CreateBackup");
    assert!(raw(&endpoint, &get("/_faults")).await.contains("\"fault\":[]"));
    assert!(raw(&endpoint, &get("/_nothing")).await.starts_with("HTTP/1.1 404"));
    assert!(raw(&endpoint, &get("/")).await.starts_with("HTTP/1.1 404"));
    assert!(raw(&endpoint, "\u{1}\u{2}nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));
}

#[test]
fn the_command_tells_of_every_knob() {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_lifeboat")).args(["simulator", "--help"]).output().unwrap();
    // The help is broken into lines to fit the terminal.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = words(&String::from_utf8(output.stdout).unwrap());
    assert!(told.ends_with(&words(lifeboat::sim::faults::HELP)), "{told}");
}

/// A header of an answer, its name in lower case.
fn header(answer: &str, name: &str) -> Option<String> {
    let head = answer.split("\r\n\r\n").next()?;
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
}

#[tokio::test]
async fn fact_02_each_partition_has_its_own_arns() {
    let endpoint = endpoint(1.0, vec![]).await;
    for (region, partition) in [(HERE, "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")] {
        let seed = FileSystemSeed::new(FileSystemType::Windows);
        let added = endpoint.cloud().lock().unwrap().add_file_system_seed(Endpoint::now_ms(), ACCOUNT, region, &seed);
        let made = client(&endpoint, region, "test").create_backup().file_system_id(added.unwrap().0).send().await;
        let arn = made.unwrap().backup.unwrap().resource_arn.unwrap();
        assert!(arn.starts_with(&format!("arn:{partition}:fsx:{region}:{ACCOUNT}:backup/backup-")), "{arn}");
    }
}

#[tokio::test]
async fn facts_03_06_every_refusal_at_the_door_has_its_status_and_its_name_in_both_places() {
    for (code, status) in [
        ("OptInRequired", 403),
        ("InvalidClientTokenId", 403),
        ("UnrecognizedClientException", 403),
        ("ExpiredTokenException", 403),
        ("AccessDeniedException", 400),
        ("ThrottlingException", 400),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
    ] {
        let refuse = Fault { refuse: Some(code.into()), ..Fault::default() };
        let endpoint = endpoint(1.0, vec![refuse]).await;
        let answer = raw(&endpoint, &post(DESCRIBE, SIGNED, "{}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(header(&answer, "x-amzn-errortype").as_deref(), Some(code));
        assert!(header(&answer, "x-amzn-requestid").is_some_and(|id| id.len() == 36), "{answer}");
        let body: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body["__type"], code);
        assert!(body["Message"].is_string());
    }
    // The shares of calls that meet the same by chance.
    for (fault, status) in [
        (Fault { error_before_percent: 100.0, ..Fault::default() }, 500),
        (Fault { error_after_percent: 100.0, ..Fault::default() }, 500),
        (Fault { unavailable_percent: 100.0, ..Fault::default() }, 503),
        (Fault { refuse: Some("SomethingNew".into()), refuse_status: Some(418), ..Fault::default() }, 418),
    ] {
        let answer = raw(&endpoint(1.0, vec![fault]).await, &post(DESCRIBE, SIGNED, "{}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

#[tokio::test]
async fn fact_04_the_date_is_the_real_one_whatever_the_speed_unless_it_is_skewed() {
    for skew_seconds in [0_i64, -7_200, 2_300_000_000] {
        let skewed = Fault { date_skew_seconds: skew_seconds, ..Fault::default() };
        let endpoint = endpoint(1e6, vec![skewed]).await;
        let before = Endpoint::now_ms() / 1_000;
        let answer = raw(&endpoint, &post(DESCRIBE, SIGNED, "{}")).await;
        let date = header(&answer, "date").unwrap();
        let told = jiff::fmt::rfc2822::parse(&date).unwrap().timestamp().as_second();
        let after = Endpoint::now_ms() / 1_000;
        // hyper draws its own Date once a second.
        assert!((before - 1..=after + 1).contains(&(told - skew_seconds)), "{date} {skew_seconds}");
    }
    // Timestamps are numbers with milliseconds.
    let endpoint = endpoint(1.0, vec![]).await;
    let body = format!(r#"{{"FileSystemId":"{}"}}"#, seeded(&endpoint));
    let answer = raw(&endpoint, &post("AWSSimbaAPIService_v20180301.CreateBackup", SIGNED, &body)).await;
    let made: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let seconds = made["Backup"]["CreationTime"].as_f64().unwrap();
    assert!((seconds * 1e3 - Endpoint::now_ms() as f64).abs() < 60_000.0, "{seconds}");
    assert!((seconds * 1e3).fract().abs() < 1e-3 || (seconds * 1e3).fract() > 0.999, "{seconds}");
}

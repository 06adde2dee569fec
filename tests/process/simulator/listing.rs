//! Facts 24, 25, 27, 28: listings, deletions of file systems, and tags.

use std::collections::BTreeSet;

use lifeboat::sim::cloud::{FileSystemSeed, FileSystemType, Lifecycle, Settings, VolumeSeed};
use serde_json::{Value, json};

use super::bench::{ACCOUNT, Bench, DAY, HERE, HOUR, THERE, id};

/// All pages of a listing; each page's number of items, and the items.
fn list(bench: &mut Bench, operation: &str, member: &str, mut body: Value) -> (Vec<usize>, Vec<Value>) {
    let (mut sizes, mut all) = (vec![], vec![]);
    loop {
        let mut page = bench.ask(HERE, operation, body.clone()).unwrap();
        let items = page[member].as_array_mut().unwrap();
        sizes.push(items.len());
        all.append(items);
        match page.get("NextToken") {
            None => return (sizes, all),
            Some(token) => body["NextToken"] = token.clone(),
        }
        assert!(sizes.len() < 1_000);
    }
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["BackupId"].as_str().unwrap()).collect()
}

fn fleet_with_backups(settings: Settings, count: usize) -> (Bench, Vec<String>) {
    let mut bench = Bench::with(settings);
    let windows = bench.file_system(FileSystemType::Windows);
    let made = (0..count).map(|_| bench.backup(&windows)).collect();
    (bench, made)
}

#[test]
fn fact_24_pages_hold_everything_once_in_no_order() {
    let table = [
        (Settings { page_size: 7, ..Settings::default() }, false),
        (Settings { page_size: 7, short_page_percent: 60.0, empty_page_percent: 50.0, ..Settings::default() }, true),
        (Settings { page_size: 7, shuffle: false, ..Settings::default() }, false),
    ];
    for (settings, ragged) in table {
        let shuffle = settings.shuffle;
        let (mut bench, made) = fleet_with_backups(settings, 40);
        let (sizes, items) = list(&mut bench, "DescribeBackups", "Backups", json!({}));
        let seen = ids(&items);
        assert_eq!(seen.len(), 40);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 40);
        assert_eq!(seen == made, !shuffle);
        assert!(sizes.iter().all(|size| *size <= 7));
        assert_eq!(sizes.contains(&0), ragged, "{sizes:?}");
        let (sizes, _) = list(&mut bench, "DescribeBackups", "Backups", json!({ "MaxResults": 3 }));
        assert!(sizes.iter().all(|size| *size <= 3));
    }
}

#[test]
fn fact_24_a_listing_goes_on_while_backups_come_and_go() {
    let (mut bench, made) = fleet_with_backups(Settings { page_size: 10, ..Settings::default() }, 40);
    let first = bench.ask(HERE, "DescribeBackups", json!({})).unwrap();
    let mut seen: BTreeSet<String> = ids(first["Backups"].as_array().unwrap()).into_iter().map(Into::into).collect();
    bench.wait(HOUR);
    let gone: Vec<String> = made.iter().filter(|id| !seen.contains(*id)).take(5).cloned().collect();
    for id in &gone {
        bench.delete(HERE, id).unwrap();
    }
    let (_, rest) = list(&mut bench, "DescribeBackups", "Backups", json!({ "NextToken": first["NextToken"] }));
    for id in ids(&rest) {
        assert!(seen.insert(id.to_owned()), "twice: {id}");
    }
    assert!(gone.iter().all(|id| !seen.contains(id)));
    assert_eq!(seen.len(), 35);
}

#[test]
fn fact_24_a_next_token_fits_its_question_only() {
    let settings = Settings { page_size: 2, next_token_seconds: 60.0, ..Settings::default() };
    let (mut bench, _) = fleet_with_backups(settings, 5);
    let token = bench.ask(HERE, "DescribeBackups", json!({})).unwrap()["NextToken"].take();
    let filter = json!([{ "Name": "backup-type", "Values": ["AUTOMATIC"] }]);
    assert_eq!(bench.code(HERE, "DescribeBackups", json!({ "NextToken": token, "Filters": filter })), "BadRequest");
    assert_eq!(bench.code(THERE, "DescribeBackups", json!({ "NextToken": token })), "BadRequest");
    assert_eq!(bench.code(HERE, "DescribeBackups", json!({ "NextToken": "AAAA" })), "BadRequest");
    assert_eq!(bench.code(HERE, "DescribeBackups", json!({ "NextToken": token })), "OK");
    bench.wait(60_000);
    assert_eq!(bench.code(HERE, "DescribeBackups", json!({ "NextToken": token })), "BadRequest", "too old");
}

#[test]
fn a_listing_without_json_finds_the_same() {
    let (mut bench, made) = fleet_with_backups(Settings { page_size: 3, ..Settings::default() }, 7);
    let (mut seen, mut body) = (BTreeSet::new(), json!({}));
    loop {
        let (page, next) = bench.cloud.list_backups(bench.now_ms, ACCOUNT, HERE, &body).unwrap();
        seen.extend(page.into_iter().map(|at| bench.cloud.backup(at).id.clone()));
        let Some(next) = next else { break };
        body["NextToken"] = next.into();
    }
    assert_eq!(seen, made.into_iter().collect());
    let bad = bench.cloud.list_backups(bench.now_ms, ACCOUNT, HERE, &json!({ "MaxResults": 0 }));
    assert_eq!(bad.unwrap_err().code, "BadRequest");
}

#[test]
fn fact_24_ids_and_filters() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let lustre = bench.file_system(FileSystemType::Lustre);
    let volume = bench.volume(VolumeSeed::default());
    let [of_windows, of_lustre, of_volume] = [&windows, &lustre, &volume].map(|resource| bench.backup(resource));
    let filter = |name: &str, values: &[&str]| json!({ "Name": name, "Values": values });
    let table = [
        (json!([filter("file-system-id", &[&windows])]), vec![&of_windows]),
        (json!([filter("file-system-type", &["WINDOWS", "LUSTRE"])]), vec![&of_windows, &of_lustre]),
        (json!([filter("volume-id", &[&volume])]), vec![&of_volume]),
        (json!([filter("backup-type", &["USER_INITIATED"]), filter("file-system-type", &["ONTAP"])]), vec![&of_volume]),
        (json!([filter("backup-type", &["AUTOMATIC"])]), vec![]),
    ];
    for (filters, wanted) in table {
        let answer = bench.ask(HERE, "DescribeBackups", json!({ "Filters": filters })).unwrap();
        let got: BTreeSet<&str> = ids(answer["Backups"].as_array().unwrap()).into_iter().collect();
        assert_eq!(got, wanted.into_iter().map(String::as_str).collect(), "{filters}");
    }
    let bad = json!({ "Filters": [filter("file-cache-id", &["x"])] });
    assert_eq!(bench.code(HERE, "DescribeBackups", bad), "BadRequest");
    let unknown = json!({ "Filters": [filter("file-system-id", &["fs-00000000"])] });
    assert_eq!(bench.code(HERE, "DescribeBackups", unknown.clone()), "FileSystemNotFound");
    bench.cloud.settings_mut().unknown_filter_is_error = false;
    assert_eq!(bench.code(HERE, "DescribeBackups", unknown.clone()), "OK");
    // Ids win over filters; one that is unknown spoils the whole batch.
    let mut both = unknown;
    both["BackupIds"] = json!([of_windows]);
    assert_eq!(bench.code(HERE, "DescribeBackups", both), "OK");
    let mixed = json!({ "BackupIds": [of_windows, "backup-00000000000000000"] });
    assert_eq!(bench.code(HERE, "DescribeBackups", mixed), "BackupNotFound");
    let many: Vec<&String> = std::iter::repeat_n(&of_windows, 51).collect();
    assert_eq!(bench.code(HERE, "DescribeBackups", json!({ "BackupIds": many })), "BadRequest");
}

#[test]
fn fact_24_a_fresh_backup_can_be_absent_for_a_while() {
    for lag_hides_ids in [false, true] {
        let mut bench = Bench::with(Settings { list_lag_seconds: 20.0, lag_hides_ids, ..Settings::default() });
        let windows = bench.file_system(FileSystemType::Windows);
        let backup = bench.begin_backup(&windows);
        bench.wait(19_999);
        assert!(list(&mut bench, "DescribeBackups", "Backups", json!({})).1.is_empty());
        let by_id = bench.code(HERE, "DescribeBackups", json!({ "BackupIds": [backup] }));
        assert_eq!(by_id, if lag_hides_ids { "BackupNotFound" } else { "OK" });
        bench.wait(1);
        assert_eq!(list(&mut bench, "DescribeBackups", "Backups", json!({})).1.len(), 1);
    }
}

#[test]
fn fact_25_deleted_ones_vanish_and_failed_ones_stay() {
    let mut bench = Bench::new();
    let volume = bench.volume(VolumeSeed { backups_fail: true, ..VolumeSeed::default() });
    let failed = bench.backup(&volume);
    bench.wait(365 * DAY);
    assert_eq!(list(&mut bench, "DescribeBackups", "Backups", json!({})).1[0]["Lifecycle"], "FAILED");
    bench.delete(HERE, &failed).unwrap();
    assert!(list(&mut bench, "DescribeBackups", "Backups", json!({})).1.is_empty());
    let inventory = bench.cloud.inventory(bench.now_ms);
    assert_eq!(inventory.backups[0].lifecycle, Lifecycle::Deleted);
    assert!(inventory.backups[0].failure.is_some());
}

#[test]
fn fact_27_deleting_a_file_system() {
    let mut bench = Bench::new();
    let mut seed = FileSystemSeed::new(FileSystemType::Windows);
    seed.automatic_backup_retention_days = 3;
    let windows = bench.seed(&seed);
    bench.wait(10 * DAY);
    let automatic = list(&mut bench, "DescribeBackups", "Backups", json!({})).1;
    assert_eq!(automatic.len(), 3, "older ones went by themselves");
    assert!(automatic.iter().all(|backup| backup["Type"] == "AUTOMATIC"));
    let now_ms = bench.now_ms;
    bench.cloud.set_automatic_retention(now_ms, ACCOUNT, HERE, &windows, 1);
    assert_eq!(list(&mut bench, "DescribeBackups", "Backups", json!({})).1.len(), 1);

    let running = bench.begin_backup(&windows);
    let error = bench.ask(HERE, "DeleteFileSystem", json!({ "FileSystemId": windows })).unwrap_err();
    assert_eq!(error.message, "Cannot delete file system while there is a user initiated backup in progress.");
    bench.finish(HERE, &running);
    let answer = bench.ask(HERE, "DeleteFileSystem", json!({ "FileSystemId": windows })).unwrap();
    assert_eq!(answer["Lifecycle"], "DELETING");
    let last = answer["WindowsResponse"]["FinalBackupId"].as_str().unwrap().to_owned();
    bench.wait(HOUR);
    let gone = json!({ "FileSystemIds": [windows] });
    assert_eq!(bench.code(HERE, "DescribeFileSystems", gone), "FileSystemNotFound");
    let left = list(&mut bench, "DescribeBackups", "Backups", json!({})).1;
    assert_eq!(ids(&left).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([running.as_str(), &last]));

    // Lustre takes no final backup unless told to.
    let lustre = bench.file_system(FileSystemType::Lustre);
    let answer = bench.ask(HERE, "DeleteFileSystem", json!({ "FileSystemId": lustre })).unwrap();
    assert_eq!(answer, json!({ "FileSystemId": lustre, "Lifecycle": "DELETING" }));
}

#[test]
fn fact_28_file_systems_and_volumes() {
    let mut bench = Bench::new();
    let subnets = ["subnet-0123456789abcdef0"];
    let configurations = [
        ("WINDOWS", "WindowsConfiguration", json!({ "ThroughputCapacity": 32 })),
        ("LUSTRE", "LustreConfiguration", json!({ "DeploymentType": "PERSISTENT_2" })),
        ("OPENZFS", "OpenZFSConfiguration", json!({ "DeploymentType": "SINGLE_AZ_1", "ThroughputCapacity": 64 })),
        ("ONTAP", "OntapConfiguration", json!({ "DeploymentType": "SINGLE_AZ_1" })),
    ];
    for (kind, member, configuration) in configurations {
        let body =
            json!({ "FileSystemType": kind, "SubnetIds": subnets, "StorageCapacity": 1200, member: configuration });
        let made = bench.ask(HERE, "CreateFileSystem", body).unwrap()["FileSystem"].take();
        assert_eq!(made["Lifecycle"], "CREATING");
        assert!(made[member]["DeploymentType"].is_string());
        let early = bench.ask(HERE, "CreateBackup", json!({ "FileSystemId": made["FileSystemId"] })).unwrap_err();
        let words = if kind == "ONTAP" { "unsupported" } else { "is in CREATING" };
        assert!(early.message.contains(words), "{}", early.message);
    }
    let bare = json!({ "FileSystemType": "WINDOWS", "SubnetIds": subnets });
    assert_eq!(bench.code(HERE, "CreateFileSystem", bare), "MissingFileSystemConfiguration");
    let volume = json!({ "VolumeType": "ONTAP", "Name": "v", "OntapConfiguration":
        { "StorageVirtualMachineId": "svm-0123456789abcdef0", "SizeInMegabytes": 1024 } });
    let volume = bench.ask(HERE, "CreateVolume", volume).unwrap()["Volume"].take();
    assert_eq!(volume["Lifecycle"], "CREATING");
    bench.wait(HOUR);
    let (_, all) = list(&mut bench, "DescribeFileSystems", "FileSystems", json!({ "MaxResults": 1 }));
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|known| known["Lifecycle"] == "AVAILABLE"));
    let (_, volumes) = list(&mut bench, "DescribeVolumes", "Volumes", json!({}));
    let rests: BTreeSet<(&str, &str)> = volumes
        .iter()
        .map(|known| (known["VolumeType"].as_str().unwrap(), known["Lifecycle"].as_str().unwrap()))
        .collect();
    assert_eq!(rests, BTreeSet::from([("ONTAP", "CREATED"), ("OPENZFS", "AVAILABLE")]));
    let filter = json!({ "Filters": [{ "Name": "file-system-id", "Values": [volume["FileSystemId"]] }] });
    assert_eq!(list(&mut bench, "DescribeVolumes", "Volumes", filter).1.len(), 1);
    for (operation, body, code) in [
        ("DescribeFileSystems", json!({ "FileSystemIds": ["fs-00000000"] }), "FileSystemNotFound"),
        ("DescribeVolumes", json!({ "VolumeIds": ["fsvol-00000000000000000"] }), "VolumeNotFound"),
    ] {
        assert_eq!(bench.code(HERE, operation, body), code);
    }
}

#[test]
fn tags_of_resources() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let made = bench.ask(HERE, "CreateBackup", json!({ "FileSystemId": windows })).unwrap();
    let arn = made["Backup"]["ResourceARN"].clone();
    let tags: Vec<Value> = (0..50).map(|n| json!({ "Key": format!("k{n:02}"), "Value": "" })).collect();
    bench.ask(HERE, "TagResource", json!({ "ResourceARN": arn, "Tags": tags })).unwrap();
    let one_more = json!({ "ResourceARN": arn, "Tags": [{ "Key": "z", "Value": "" }] });
    assert_eq!(bench.code(HERE, "TagResource", one_more.clone()), "BadRequest");
    bench.ask(HERE, "UntagResource", json!({ "ResourceARN": arn, "TagKeys": ["k00", "unknown"] })).unwrap();
    bench.ask(HERE, "TagResource", one_more).unwrap();
    let shown = bench.describe(HERE, &id(&made));
    assert_eq!(shown["Tags"].as_array().unwrap().len(), 50);
    let (_, listed) = list(&mut bench, "ListTagsForResource", "Tags", json!({ "ResourceARN": arn, "MaxResults": 20 }));
    assert_eq!(listed.len(), 50);
    let elsewhere = format!("arn:aws:fsx:{THERE}:{ACCOUNT}:backup/{}", id(&made));
    assert_eq!(bench.code(HERE, "ListTagsForResource", json!({ "ResourceARN": elsewhere })), "ResourceNotFound");
    assert_eq!(bench.code(HERE, "ListTagsForResource", json!({ "ResourceARN": "arn:aws:s3:::b" })), "BadRequest");
}

#[test]
fn fact_24_fifty_to_a_page_and_lifecycles_as_they_are() {
    let (mut bench, _) = fleet_with_backups(Settings::default(), 51);
    let (sizes, _) = list(&mut bench, "DescribeBackups", "Backups", json!({ "MaxResults": 1_000 }));
    assert_eq!(sizes, [50, 1]);
    let empty = json!({ "Filters": [{ "Name": "backup-type", "Values": [] }] });
    assert_eq!(bench.code(HERE, "DescribeBackups", empty), "BadRequest");
    let eleven = vec![json!({ "Name": "backup-type", "Values": ["AUTOMATIC"] }); 11];
    assert_eq!(bench.code(HERE, "DescribeBackups", json!({ "Filters": eleven })), "BadRequest");
}

#[test]
fn fact_28_ids_at_most_fifty_and_every_lifecycle() {
    let mut bench = Bench::new();
    for lifecycle in
        ["AVAILABLE", "FAILED", "MISCONFIGURED", "MISCONFIGURED_UNAVAILABLE", "CREATING", "UPDATING", "DELETING"]
    {
        let seed = FileSystemSeed { lifecycle: lifecycle.into(), ..FileSystemSeed::new(FileSystemType::Windows) };
        let id = bench.seed(&seed);
        let shown = bench.ask(HERE, "DescribeFileSystems", json!({ "FileSystemIds": [id] })).unwrap();
        assert_eq!(shown["FileSystems"][0]["Lifecycle"], lifecycle);
    }
    for lifecycle in ["CREATED", "CREATING", "DELETING", "FAILED", "MISCONFIGURED", "PENDING"] {
        let id = bench.volume(VolumeSeed { lifecycle: lifecycle.into(), ..VolumeSeed::default() });
        let shown = bench.ask(HERE, "DescribeVolumes", json!({ "VolumeIds": [id] })).unwrap();
        assert_eq!(shown["Volumes"][0]["Lifecycle"], lifecycle);
        let many = vec![id; 51];
        assert_eq!(bench.code(HERE, "DescribeVolumes", json!({ "VolumeIds": many })), "BadRequest");
    }
    let known = bench.file_system(FileSystemType::Windows);
    let mixed = json!({ "FileSystemIds": [known, "fs-00000000"] });
    assert_eq!(bench.code(HERE, "DescribeFileSystems", mixed), "FileSystemNotFound");
    assert_eq!(bench.code(HERE, "DescribeFileSystems", json!({ "FileSystemIds": vec![known; 51] })), "BadRequest");
    let (sizes, _) = list(&mut bench, "DescribeVolumes", "Volumes", json!({ "MaxResults": 2 }));
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= 2), "{sizes:?}");
}

//! Whatever is asked, in whatever order: nothing panics, and what must hold holds after every step.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat::sim::cloud::{Backup, Cloud, FileSystemSeed, FileSystemType, Lane, Lifecycle, Settings, VolumeSeed};
use lifeboat::sim::{Fault, Faults, Rng};
use serde_json::{Map, Value, json};

use super::bench::{ACCOUNT, HERE, MINUTE, START_MS, THERE};

const OPERATIONS: [&str; 15] = [
    "CreateBackup",
    "CopyBackup",
    "DeleteBackup",
    "DescribeBackups",
    "DescribeFileSystems",
    "DescribeVolumes",
    "DescribeStorageVirtualMachines",
    "CreateFileSystem",
    "CreateVolume",
    "CreateStorageVirtualMachine",
    "DeleteFileSystem",
    "DeleteVolume",
    "TagResource",
    "UntagResource",
    "ListTagsForResource",
];

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[(rng.next_u64() % from.len() as u64) as usize]
}

/// A request that makes sense more often than not.
fn sensible(rng: &mut Rng, known: &[String], operation: &str) -> Value {
    let mut of = |prefix: &str| {
        let fit: Vec<&String> = known.iter().filter(|id| id.starts_with(prefix)).collect();
        if fit.is_empty() { format!("{prefix}0123456789abcdef0") } else { (*pick(rng, &fit)).clone() }
    };
    let (backup, volume, file_system) = (of("backup-"), of("fsvol-"), of("fs-"));
    let mut body = match operation {
        "CreateBackup" if rng.percent(50.0) => json!({ "VolumeId": volume }),
        "CreateBackup" => json!({ "FileSystemId": file_system }),
        "CopyBackup" => {
            json!({ "SourceBackupId": backup, "SourceRegion": pick(rng, &[HERE, THERE]) })
        }
        "DeleteBackup" => json!({ "BackupId": backup }),
        "DescribeBackups" if rng.percent(50.0) => json!({ "BackupIds": [backup] }),
        "DeleteVolume" => json!({ "VolumeId": volume }),
        "DeleteFileSystem" => json!({ "FileSystemId": file_system }),
        "CreateStorageVirtualMachine" => json!({ "FileSystemId": file_system, "Name": "s" }),
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            let arn = format!("arn:aws:fsx:{HERE}:{ACCOUNT}:backup/{backup}");
            json!({ "ResourceARN": arn, "Tags": [{ "Key": "a", "Value": "b" }], "TagKeys": ["a"] })
        }
        _ => json!({}),
    };
    if rng.percent(20.0) {
        body["ClientRequestToken"] = format!("t{}", rng.next_u64() % 20).into();
    }
    body
}

/// Anything at all under names that mean something.
fn nonsense(rng: &mut Rng, depth: u32) -> Value {
    let names = [
        "FileSystemId",
        "VolumeId",
        "BackupIds",
        "Filters",
        "Name",
        "Values",
        "Tags",
        "Key",
        "Value",
        "NextToken",
        "MaxResults",
        "SourceBackupId",
        "SourceRegion",
        "KmsKeyId",
        "CopyTags",
        "ResourceARN",
        "FileSystemType",
        "SubnetIds",
        "WindowsConfiguration",
        "OntapConfiguration",
        "OpenZFSConfiguration",
        "VolumeType",
    ];
    match rng.next_u64() % 9 {
        0 => Value::Null,
        1 => json!(rng.percent(50.0)),
        2 => json!(rng.next_u64()),
        3 => json!(-1.5e300),
        4 => json!("é".repeat((rng.next_u64() % 300) as usize)),
        5 => json!(pick(rng, &["", "fs-", "backup-ffffffff", "arn:aws:fsx:::", "ONTAP", "====", "aws:x"])),
        6 if depth > 0 => (0..rng.next_u64() % 4).map(|_| nonsense(rng, depth - 1)).collect(),
        _ if depth > 0 => {
            let mut map = Map::new();
            for _ in 0..rng.next_u64() % 5 {
                map.insert((*pick(rng, &names)).to_owned(), nonsense(rng, depth - 1));
            }
            Value::Object(map)
        }
        _ => json!({}),
    }
}

fn audit(cloud: &Cloud, settings: &Settings) {
    let (mut lanes, mut running, mut ids) = (BTreeMap::<Lane, u32>::new(), BTreeSet::new(), BTreeSet::new());
    for (_, backup) in cloud.backups() {
        assert!(ids.insert(backup.id.clone()), "an id twice");
        match backup.lifecycle {
            Lifecycle::Copying => *lanes.entry(backup.lane()).or_default() += 1,
            Lifecycle::Pending | Lifecycle::Creating | Lifecycle::Transferring => {
                let place = (backup.account.clone(), backup.region.clone());
                assert!(running.insert((place, backup.resource().to_owned())), "two backups of one source");
            }
            Lifecycle::Failed => assert!(backup.failure.is_some() && backup.ended_ms.is_some()),
            Lifecycle::Available => assert!(backup.failure.is_none() && backup.ended_ms.is_some()),
            Lifecycle::Deleted => assert!(backup.deleted_ms.is_some()),
        }
        let listed = cloud.find_backup(&backup.account, &backup.region, &backup.id).is_some();
        assert_eq!(listed, backup.lifecycle != Lifecycle::Deleted);
        let source_kept = |source: &Backup| source.lifecycle != Lifecycle::Deleted;
        if let (Lifecycle::Copying, Some(id), Some(region)) =
            (backup.lifecycle, &backup.source_id, &backup.source_region)
            && backup.by != lifeboat::sim::cloud::Principal::Other
        {
            let source = cloud.find_backup(&backup.account, region, id);
            assert!(source.is_some_and(|(_, source)| source_kept(source)), "a copy lost its source");
        }
    }
    for (lane, used) in cloud.lanes() {
        assert_eq!(used.in_flight, lanes.get(lane).copied().unwrap_or(0), "{lane:?}");
        assert!(used.in_flight <= used.peak && used.peak <= settings.copies_in_flight);
    }
}

#[test]
fn nothing_asked_in_any_order_breaks_the_model() {
    for seed in 0..4 {
        let mut rng = Rng::new(seed, "storm");
        let settings = Settings {
            copies_in_flight: 3,
            ontap_copies_in_flight: 3,
            windows_backups: 20,
            delete_while_copying: seed % 2 == 0,
            list_lag_seconds: 5.0,
            lustre_pending_seconds: 30.0,
            short_page_percent: 20.0,
            empty_page_percent: 20.0,
            page_size: 5,
            ..Settings::default()
        };
        let mut cloud = Cloud::new(seed).with_settings(settings.clone());
        let fault = Fault {
            fail_backup_percent: 10.0,
            fail_copy_percent: 10.0,
            stuck_copy_percent: 2.0,
            stuck_hours: 3.0,
            other_copies_per_hour: 2.0,
            other_backups_per_hour: 1.0,
            forget_token_percent: 10.0,
            close_after_percent: 5.0,
            throttle_percent: 5.0,
            ..Fault::default()
        };
        cloud.set_faults(Faults::of(vec![fault]), Some(START_MS));
        let mut known = vec![];
        for kind in [FileSystemType::Windows, FileSystemType::Lustre, FileSystemType::OpenZfs, FileSystemType::Ontap] {
            let mut file_system = FileSystemSeed::new(kind);
            file_system.automatic_backup_retention_days = 2;
            if kind == FileSystemType::Ontap {
                file_system.volumes = vec![VolumeSeed::default(), VolumeSeed::default()];
            }
            let (id, volumes) = cloud.add_file_system_seed(START_MS, ACCOUNT, HERE, &file_system).unwrap();
            known.push(id);
            known.extend(volumes);
        }
        let mut now_ms = START_MS;
        for step in 0..1_500 {
            now_ms += (rng.next_u64() % (6 * MINUTE as u64)) as i64;
            // File systems are deleted late, so that there is something to back up before.
            let operations = if step < 1_200 { &OPERATIONS[..10] } else { &OPERATIONS[..] };
            let operation = *pick(&mut rng, operations);
            let region = *pick(&mut rng, &[HERE, THERE]);
            let body = if rng.percent(15.0) { nonsense(&mut rng, 3) } else { sensible(&mut rng, &known, operation) };
            let served = cloud.serve(now_ms, ACCOUNT, region, operation, &body);
            if let Ok(Ok(answer)) = served.reply
                && let Some(id) = answer["Backup"]["BackupId"].as_str()
            {
                known.push(id.to_owned());
            }
            if step % 10 == 0 {
                audit(&cloud, &settings);
            }
        }
        let copies = cloud.backups().filter(|(_, backup)| backup.is_copy()).count();
        assert!(copies > 50, "the storm was worth it: {copies}");
    }
}

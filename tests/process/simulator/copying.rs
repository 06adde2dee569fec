//! Facts 15–23: copies; and 26: deletions that copies stand in the way of.

use lifeboat::sim::cloud::{
    BackupType, BeingCopied, CopySubject, FileSystemSeed, FileSystemType, KeyState, Lifecycle, RefusalCode, Settings,
    Tags, VolumeSeed,
};
use lifeboat::sim::{Fault, Faults};
use serde_json::{Value, json};

use super::bench::{ACCOUNT, Bench, DAY, HERE, HOUR, MINUTE, THERE, field, id};

fn from_here(backup: &str) -> Value {
    json!({ "SourceBackupId": backup, "SourceRegion": HERE })
}

#[test]
fn fact_15_a_copy_lives_in_the_destination() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    let answer = bench.begin_copy(&backup).unwrap();
    let copy = &answer["Backup"];
    assert_ne!(copy["BackupId"], backup.as_str());
    assert_eq!(copy["Lifecycle"], "COPYING");
    assert_eq!(copy["Type"], "USER_INITIATED");
    assert_eq!(copy["SourceBackupId"], backup.as_str());
    assert_eq!(copy["SourceBackupRegion"], HERE);
    assert_eq!(copy["FileSystem"]["FileSystemId"], windows.as_str());
    assert_eq!(copy["ResourceARN"], format!("arn:aws:fsx:{THERE}:{ACCOUNT}:backup/{}", id(&answer)));
    assert_eq!(copy["CreationTime"].as_f64().unwrap(), bench.now_ms as f64 / 1e3);
    assert!(copy.get("ProgressPercent").is_none());
    assert_eq!(bench.code(HERE, "DescribeBackups", json!({ "BackupIds": [id(&answer)] })), "BackupNotFound");
    bench.finish(THERE, &id(&answer));
    assert_eq!(bench.lifecycle(THERE, &id(&answer)), Some(Lifecycle::Available));
    // Without SourceRegion the Region of the call is meant.
    assert_eq!(bench.code(THERE, "CopyBackup", json!({ "SourceBackupId": backup })), "BackupNotFound");
    let inside = bench.ask(HERE, "CopyBackup", json!({ "SourceBackupId": backup })).unwrap();
    assert_eq!(inside["Backup"]["SourceBackupRegion"], HERE);
}

#[test]
fn what_a_copy_shows_of_its_file_system_is_a_knob() {
    for copies_file_system in [CopySubject::Kept, CopySubject::Absent, CopySubject::Other] {
        let mut bench = Bench::with(Settings { copies_file_system, ..Settings::default() });
        let windows = bench.file_system(FileSystemType::Windows);
        let backup = bench.backup(&windows);
        let answer = bench.begin_copy(&backup).unwrap();
        let shown = answer["Backup"]["FileSystem"]["FileSystemId"].as_str();
        match copies_file_system {
            CopySubject::Kept => assert_eq!(shown, Some(windows.as_str())),
            CopySubject::Absent => assert_eq!(shown, None),
            CopySubject::Other => assert!(shown.is_some_and(|shown| shown.starts_with("fs-") && shown != windows)),
        }
        assert_eq!(answer["Backup"]["SourceBackupId"], backup.as_str());
    }
}

#[test]
fn fact_16_five_slots_shared_by_three_types() {
    let mut bench = Bench::new();
    let kinds = [FileSystemType::Windows, FileSystemType::Lustre, FileSystemType::OpenZfs];
    let backups: Vec<String> = kinds
        .into_iter()
        .map(|kind| {
            let resource = bench.file_system(kind);
            bench.backup(&resource)
        })
        .collect();
    let copies: Vec<String> =
        backups.iter().cycle().take(5).map(|backup| id(&bench.begin_copy(backup).unwrap())).collect();
    let error = bench.begin_copy(&backups[0]).unwrap_err();
    assert_eq!(error.code, "ServiceLimitExceeded");
    assert_eq!(field(&error, "Limit"), "TOTAL_IN_PROGRESS_COPY_BACKUPS");
    assert_eq!(bench.code("eu-west-1", "CopyBackup", from_here(&backups[0])), "OK", "another destination");
    bench.finish(THERE, &copies[0]);
    bench.begin_copy(&backups[0]).unwrap();
    let lanes = bench.cloud.lanes();
    let used = lanes.iter().find(|(lane, _)| lane.region == THERE).unwrap().1;
    assert_eq!((used.peak, used.refused), (5, 1));
}

#[test]
fn fact_16_slots_of_ontap_are_by_volume_and_key() {
    let mut bench = Bench::with(Settings { ontap_copies_per_account: 11, ..Settings::default() });
    let [one, other] = [0, 1].map(|_| {
        let volume = bench.volume(VolumeSeed::default());
        bench.backup(&volume)
    });
    for _ in 0..5 {
        bench.begin_copy(&one).unwrap();
    }
    assert_eq!(bench.begin_copy(&one).unwrap_err().code, "ServiceLimitExceeded");
    let with_key = json!({ "SourceBackupId": one, "SourceRegion": HERE, "KmsKeyId": "alias/mine" });
    bench.ask(THERE, "CopyBackup", with_key).unwrap();
    for _ in 0..5 {
        bench.begin_copy(&other).unwrap();
    }
    // 11 of the account's 11 are taken now, whatever the lane.
    assert_eq!(bench.code("eu-west-1", "CopyBackup", from_here(&one)), "ServiceLimitExceeded");
    // The other types are not affected.
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.begin_backup(&windows);
    bench.finish(HERE, &backup);
    bench.begin_copy(&backup).unwrap();
}

#[test]
fn fact_17_the_source_must_be_there_and_available() {
    let settings = Settings { disabled_regions: vec!["ap-east-1".into()], ..Settings::default() };
    let mut bench = Bench::with(settings);
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.begin_backup(&windows);
    let error = bench.begin_copy(&backup).unwrap_err();
    assert_eq!((error.code.as_ref(), field(&error, "BackupId")), ("SourceBackupUnavailable", backup.as_str()));
    bench.finish(HERE, &backup);
    let unknown = json!({ "SourceBackupId": "backup-00000000000000000", "SourceRegion": HERE });
    assert_eq!(bench.code(THERE, "CopyBackup", unknown), "BackupNotFound");
    for region in ["cn-north-1", "us-gov-west-1", "us-nowhere-9", "ap-east-1"] {
        let body = json!({ "SourceBackupId": backup, "SourceRegion": region });
        assert_eq!(bench.code(THERE, "CopyBackup", body), "InvalidRegion", "{region}");
    }
    assert_eq!(bench.code("cn-north-1", "CopyBackup", from_here(&backup)), "InvalidRegion");
    assert_eq!(bench.code("ap-east-1", "CopyBackup", from_here(&backup)), "OptInRequired");
}

#[test]
fn fact_18_what_cannot_be_copied() {
    let mut bench = Bench::with(Settings {
        regions_without_multi_az: vec![THERE.into()],
        regions_without_copies: vec!["eu-south-2".into()],
        ..Settings::default()
    });
    let mut multi = FileSystemSeed::new(FileSystemType::Windows);
    multi.deployment_type = Some("MULTI_AZ_1".into());
    let mut tiered = FileSystemSeed::new(FileSystemType::OpenZfs);
    tiered.storage_type = "INTELLIGENT_TIERING".into();
    let [multi, tiered] = [multi, tiered].map(|seed| {
        let resource = bench.seed(&seed);
        bench.backup(&resource)
    });
    let group = bench.volume(VolumeSeed { style: "FLEXGROUP".into(), ..VolumeSeed::default() });
    let group = bench.backup(&group);
    assert_eq!(bench.begin_copy(&multi).unwrap_err().code, "IncompatibleRegionForMultiAZ");
    assert_eq!(bench.code("eu-west-1", "CopyBackup", from_here(&multi)), "OK");
    assert_eq!(bench.code("eu-south-2", "CopyBackup", from_here(&multi)), "UnsupportedOperation");
    for backup in [&tiered, &group] {
        assert_eq!(bench.begin_copy(backup).unwrap_err().code, "UnsupportedOperation");
    }
    bench.cloud.settings_mut().flexgroup_copy = RefusalCode::BadRequest;
    assert_eq!(bench.begin_copy(&group).unwrap_err().code, "BadRequest");
}

#[test]
fn fact_19_keys() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    let with_key = |key: &str| json!({ "SourceBackupId": backup, "SourceRegion": HERE, "KmsKeyId": key });
    let key = "arn:aws:kms:us-west-2:111122223333:key/12345678-1234-1234-1234-123456789012";
    bench.cloud.set_key(ACCOUNT, THERE, "alias/off", KeyState::Disabled);
    bench.cloud.set_key(ACCOUNT, THERE, "alias/pair", KeyState::Asymmetric);
    let foreign = key.replace("us-west-2", "us-east-1");
    for bad in ["alias/off", "alias/pair", "not-a-key", &foreign] {
        assert_eq!(bench.code(THERE, "CopyBackup", with_key(bad)), "InvalidDestinationKmsKey", "{bad}");
    }
    let copy = bench.ask(THERE, "CopyBackup", with_key(key)).unwrap();
    assert_eq!(copy["Backup"]["KmsKeyId"], key);
    let default = bench.begin_copy(&backup).unwrap()["Backup"]["KmsKeyId"].clone();
    assert!(default.as_str().unwrap().starts_with("arn:aws:kms:us-west-2:111122223333:key/"));
    let aws_fsx = bench.ask(THERE, "CopyBackup", with_key("alias/aws/fsx")).unwrap();
    assert_eq!(aws_fsx["Backup"]["KmsKeyId"], default);
    // The key is lost while the copy is made.
    bench.cloud.set_key(ACCOUNT, THERE, key, KeyState::Disabled);
    bench.finish(THERE, &id(&copy));
    let shown = bench.describe(THERE, &id(&copy));
    assert_eq!(shown["Lifecycle"], "FAILED");
    assert!(shown["FailureDetails"]["Message"].as_str().unwrap().contains("KMS key"));
    // The source's key is lost.
    let source_key = bench.describe(HERE, &backup)["KmsKeyId"].as_str().unwrap().to_owned();
    bench.cloud.set_key(ACCOUNT, HERE, &source_key, KeyState::Disabled);
    assert_eq!(bench.begin_copy(&backup).unwrap_err().code, "InvalidSourceKmsKey");
    bench.cloud.settings_mut().only_declared_keys = true;
    bench.cloud.set_key(ACCOUNT, HERE, &source_key, KeyState::Enabled);
    assert_eq!(bench.code(THERE, "CopyBackup", with_key("alias/unheard-of")), "InvalidDestinationKmsKey");
    bench.begin_copy(&backup).unwrap();
}

#[test]
fn fact_20_full_and_incremental() {
    let full = |bench: &Bench, copy: &str| bench.cloud.find_backup(ACCOUNT, THERE, copy).unwrap().1.full;
    for (full_after_newest_deleted, third_is_full) in [(false, false), (true, true)] {
        let mut bench = Bench::with(Settings { full_after_newest_deleted, ..Settings::default() });
        let windows = bench.file_system(FileSystemType::Windows);
        let mut copies = vec![];
        for _ in 0..2 {
            let backup = bench.backup(&windows);
            copies.push(bench.copy(&backup));
            bench.wait(DAY);
        }
        assert!(full(&bench, &copies[0]) && !full(&bench, &copies[1]));
        // The newest goes, an older one is left.
        bench.delete(THERE, &copies[1]).unwrap();
        let backup = bench.backup(&windows);
        let third = bench.copy(&backup);
        assert_eq!(full(&bench, &third), third_is_full);
        // Another key begins another chain.
        let body = json!({ "SourceBackupId": backup, "SourceRegion": HERE, "KmsKeyId": "alias/mine" });
        let keyed = id(&bench.ask(THERE, "CopyBackup", body).unwrap());
        assert!(full(&bench, &keyed));
        // No copy is left under the first key.
        bench.wait(HOUR);
        bench.delete(THERE, &copies[0]).unwrap();
        bench.delete(THERE, &third).unwrap();
        let last = bench.copy(&backup);
        assert!(full(&bench, &last));
    }
}

#[test]
fn fact_21_tags_of_copies() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let tag = |key: &str, value: &str| json!({ "Key": key, "Value": value });
    let tags: Vec<Value> = (0..30).map(|n| tag(&format!("k{n:02}"), "old")).collect();
    let made = bench.ask(HERE, "CreateBackup", json!({ "FileSystemId": windows, "Tags": tags })).unwrap();
    bench.finish(HERE, &id(&made));
    let mut body = from_here(&id(&made));
    body["CopyTags"] = true.into();
    body["Tags"] = json!([tag("k00", "new"), tag("z", "1")]);
    let copy = bench.ask(THERE, "CopyBackup", body.clone()).unwrap();
    let got = copy["Backup"]["Tags"].as_array().unwrap();
    assert_eq!(got.len(), 31);
    assert_eq!(got[0], tag("k00", "new"));
    // The sum counts, though together they are 30 different keys.
    body["Tags"] = (0..21).map(|n| tag(&format!("k{n:02}"), "new")).collect();
    assert_eq!(bench.code(THERE, "CopyBackup", body.clone()), "BadRequest");
    bench.cloud.settings_mut().too_many_tags = RefusalCode::ServiceLimitExceeded;
    let error = bench.ask(THERE, "CopyBackup", body.clone()).unwrap_err();
    assert_eq!((error.code.as_ref(), field(&error, "Limit")), ("ServiceLimitExceeded", "TOTAL_USER_TAGS"));
    body["CopyTags"] = false.into();
    let copy = bench.ask(THERE, "CopyBackup", body.clone()).unwrap();
    assert_eq!(copy["Backup"]["Tags"].as_array().unwrap().len(), 21);
    body["Tags"] = json!([tag("aws:reserved", "1")]);
    assert_eq!(bench.code(THERE, "CopyBackup", body), "BadRequest");
}

#[test]
fn fact_22_a_copy_succeeds_though_its_source_is_gone() {
    let mut bench = Bench::new();
    let volume = bench.volume(VolumeSeed::default());
    let backup = bench.backup(&volume);
    let body = json!({ "VolumeId": volume, "OntapConfiguration": { "SkipFinalBackup": true } });
    bench.ask(HERE, "DeleteVolume", body).unwrap();
    bench.wait(HOUR);
    assert_eq!(bench.code(HERE, "DescribeVolumes", json!({ "VolumeIds": [volume] })), "VolumeNotFound");
    let copy = bench.copy(&backup);
    assert_eq!(bench.lifecycle(THERE, &copy), Some(Lifecycle::Available));
}

#[test]
fn fact_23_how_long_a_copy_takes() {
    let mut bench = Bench::new();
    let small = bench.volume(VolumeSeed { used_bytes: Some(10 << 20), ..VolumeSeed::default() });
    let big = bench.volume(VolumeSeed { used_bytes: Some(2 << 40), ..VolumeSeed::default() });
    let [small, big] = [small, big].map(|volume| {
        let backup = bench.backup(&volume);
        let copy = id(&bench.begin_copy(&backup).unwrap());
        bench.finish(THERE, &copy)
    });
    assert!((5 * MINUTE..8 * MINUTE).contains(&small), "{small}");
    assert!((2 * HOUR..4 * HOUR).contains(&big), "{big}");
}

#[test]
fn fact_26_deletions_and_what_stands_in_their_way() {
    let settings = Settings { delete_delay_seconds: 300.0, ..Settings::default() };
    let mut bench = Bench::with(settings);
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.begin_backup(&windows);
    assert_eq!(bench.delete(HERE, &backup).unwrap_err().code, "BackupInProgress");
    bench.finish(HERE, &backup);
    let copy = id(&bench.begin_copy(&backup).unwrap());
    assert_eq!(bench.delete(THERE, &copy).unwrap_err().code, "BackupInProgress");
    for (knob, code) in [
        (BeingCopied::ByType, "BackupBeingCopied"),
        (BeingCopied::Modelled, "BackupBeingCopied"),
        (BeingCopied::BadRequest, "BadRequest"),
    ] {
        bench.cloud.settings_mut().being_copied = knob;
        let error = bench.delete(HERE, &backup).unwrap_err();
        assert_eq!(error.code, code);
        assert!(error.message.contains("is being copied, can't be deleted"));
        let names = if code == "BadRequest" { "" } else { backup.as_str() };
        assert_eq!(field(&error, "BackupId"), names);
    }
    bench.finish(THERE, &copy);
    bench.wait(299_000);
    assert_eq!(bench.delete(HERE, &backup).unwrap_err().code, "BadRequest", "a short delay");
    bench.wait(1_000);
    let answer = bench.delete(HERE, &backup).unwrap();
    assert_eq!(answer, json!({ "BackupId": backup, "Lifecycle": "DELETED" }));
    assert_eq!(bench.delete(HERE, &backup).unwrap_err().code, "BackupNotFound");

    let (at, _) = bench.cloud.find_backup(ACCOUNT, THERE, &copy).unwrap();
    bench.cloud.begin_restore(at, "fs-0123456789abcdef0", bench.now_ms + HOUR);
    let error = bench.delete(THERE, &copy).unwrap_err();
    assert_eq!((error.code.as_ref(), field(&error, "FileSystemId")), ("BackupRestoring", "fs-0123456789abcdef0"));
    bench.wait(HOUR);
    bench.delete(THERE, &copy).unwrap();

    let vaulted = bench.cloud.add_backup(bench.now_ms, ACCOUNT, HERE, &windows, BackupType::AwsBackup, Tags::new());
    assert_eq!(bench.delete(HERE, &vaulted.unwrap()).unwrap_err().code, "BadRequest");
}

#[test]
fn fact_26_a_copying_backup_deleted_gives_its_slot_back() {
    let mut bench = Bench::with(Settings { delete_while_copying: true, ..Settings::default() });
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    let copies: Vec<String> = (0..5).map(|_| id(&bench.begin_copy(&backup).unwrap())).collect();
    assert!(bench.begin_copy(&backup).is_err());
    bench.delete(THERE, &copies[0]).unwrap();
    bench.begin_copy(&backup).unwrap();
    bench.wait(DAY);
    let in_flight: Vec<u32> = bench.cloud.lanes().values().map(|used| used.in_flight).collect();
    assert_eq!(in_flight, [0]);
}

#[test]
fn a_stuck_copy_keeps_its_slot_and_its_source() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    let stuck = Fault { stuck_copy_percent: 100.0, ..Fault::default() };
    bench.cloud.set_faults(Faults::of(vec![stuck]), Some(bench.now_ms));
    let copy = id(&bench.begin_copy(&backup).unwrap());
    bench.wait(100 * DAY);
    assert_eq!(bench.lifecycle(THERE, &copy), Some(Lifecycle::Copying));
    assert_eq!(bench.delete(HERE, &backup).unwrap_err().code, "BackupBeingCopied");
}

#[test]
fn fact_16_a_copy_that_fails_gives_its_slot_back() {
    let defaults = Settings::default();
    let limits = [defaults.copies_in_flight, defaults.ontap_copies_in_flight, defaults.ontap_copies_per_account];
    assert_eq!(limits, [5, 5, 1_000]);
    let mut bench = Bench::with(Settings { copies_in_flight: 1, ontap_copies_in_flight: 1, ..defaults });
    let resources = [bench.file_system(FileSystemType::Windows), bench.volume(VolumeSeed::default())];
    for resource in resources {
        let backup = bench.backup(&resource);
        let fails = Fault { fail_copy_percent: 100.0, ..Fault::default() };
        bench.cloud.set_faults(Faults::of(vec![fails]), Some(bench.now_ms));
        let copy = id(&bench.begin_copy(&backup).unwrap());
        assert_eq!(bench.begin_copy(&backup).unwrap_err().code, "ServiceLimitExceeded");
        assert!(bench.finish(THERE, &copy) < MINUTE);
        assert_eq!(bench.lifecycle(THERE, &copy), Some(Lifecycle::Failed));
        assert!(bench.describe(THERE, &copy)["FailureDetails"]["Message"].is_string());
        bench.cloud.set_faults(Faults::default(), Some(bench.now_ms));
        bench.begin_copy(&backup).unwrap();
    }
}

#[test]
fn fact_17_neither_a_failed_backup_nor_a_copy_under_way_is_a_source() {
    let mut bench = Bench::new();
    let bad = bench.volume(VolumeSeed { backups_fail: true, ..VolumeSeed::default() });
    let failed = bench.backup(&bad);
    assert_eq!(bench.begin_copy(&failed).unwrap_err().code, "SourceBackupUnavailable");
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    let copy = id(&bench.begin_copy(&backup).unwrap());
    let onwards = json!({ "SourceBackupId": copy, "SourceRegion": THERE });
    assert_eq!(bench.code("eu-west-1", "CopyBackup", onwards.clone()), "SourceBackupUnavailable");
    bench.finish(THERE, &copy);
    let second = bench.ask("eu-west-1", "CopyBackup", onwards).unwrap();
    assert_eq!(second["Backup"]["SourceBackupRegion"], THERE);
    assert_eq!(second["Backup"]["FileSystem"]["FileSystemId"], windows.as_str());
    // Deleted: as if it had never been.
    bench.wait(HOUR);
    bench.delete(HERE, &backup).unwrap();
    assert_eq!(bench.begin_copy(&backup).unwrap_err().code, "BackupNotFound");
}

#[test]
fn fact_20_a_full_copy_moves_all_and_takes_as_long() {
    let mut bench = Bench::new();
    let (size, daily) = (1_u64 << 40, 1_u64 << 30);
    let mut seed = FileSystemSeed::new(FileSystemType::Windows);
    (seed.used_bytes, seed.daily_change_bytes) = (Some(size), Some(daily));
    let windows = bench.seed(&seed);
    let copy = |bench: &mut Bench, key: Option<&str>| {
        let backup = bench.backup(&windows);
        let mut body = from_here(&backup);
        if let Some(key) = key {
            body["KmsKeyId"] = key.into();
        }
        let copy = id(&bench.ask(THERE, "CopyBackup", body).unwrap());
        let took_ms = bench.finish(THERE, &copy);
        let facts = bench.cloud.find_backup(ACCOUNT, THERE, &copy).map(|(_, b)| (b.full, b.moved_bytes)).unwrap();
        let next_day = DAY - bench.now_ms % DAY;
        bench.wait(next_day);
        (facts.0, facts.1, took_ms, copy)
    };
    let first = copy(&mut bench, None);
    let second = copy(&mut bench, None);
    let keyed = copy(&mut bench, Some("alias/mine"));
    // 1 TiB at 250 MB/s is an hour and a quarter; a day's gigabyte takes no longer than the floor.
    for (full, moved_bytes, took_ms, _) in [&first, &keyed] {
        assert_eq!((*full, *moved_bytes), (true, size));
        assert!((HOUR..2 * HOUR).contains(took_ms), "{took_ms}");
    }
    assert!(!second.0 && (daily / 2..2 * daily).contains(&second.1) && second.2 < 8 * MINUTE, "{second:?}");
    // What the API does not say the state does.
    let inventory = serde_json::to_value(bench.cloud.inventory(bench.now_ms)).unwrap();
    let kept = inventory["backups"].as_array().unwrap().iter().find(|known| known["id"] == first.3.as_str()).unwrap();
    assert_eq!((&kept["full"], &kept["moved_bytes"]), (&json!(true), &json!(size)));
    let shown = bench.describe(THERE, &first.3);
    assert!(shown.as_object().unwrap().keys().all(|name| !name.to_lowercase().contains("full")));
}

#[test]
fn fact_22_a_file_system_that_is_gone_can_still_be_copied() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    let body = json!({ "FileSystemId": windows, "WindowsConfiguration": { "SkipFinalBackup": true } });
    bench.ask(HERE, "DeleteFileSystem", body).unwrap();
    bench.wait(HOUR);
    let copy = bench.copy(&backup);
    let shown = bench.describe(THERE, &copy);
    assert_eq!((&shown["Lifecycle"], &shown["FileSystem"]["FileSystemId"]), (&"AVAILABLE".into(), &windows.into()));
}

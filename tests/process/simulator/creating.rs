//! Facts 7–14: backups.

use lifeboat::sim::cloud::{
    BackupType, DeletedToken, FileSystemSeed, FileSystemType, Lifecycle, RefusalCode, Settings, Tags, VolumeSeed,
};
use serde_json::{Value, json};

use super::bench::{ACCOUNT, Bench, DAY, HERE, HOUR, MINUTE, THERE, field, id};

#[test]
fn fact_07_a_backup_begins_creating_and_outlives_its_source() {
    let mut bench = Bench::new();
    let volume = bench.volume(VolumeSeed::default());
    for (resource, kind) in [
        (bench.file_system(FileSystemType::Windows), "FILE_SYSTEM"),
        (bench.file_system(FileSystemType::Lustre), "FILE_SYSTEM"),
        (bench.file_system(FileSystemType::OpenZfs), "FILE_SYSTEM"),
        (volume, "VOLUME"),
    ] {
        let member = if kind == "VOLUME" { "VolumeId" } else { "FileSystemId" };
        let made = bench.ask(HERE, "CreateBackup", json!({ member: resource })).unwrap()["Backup"].take();
        let id = made["BackupId"].as_str().unwrap();
        assert_eq!(id.len(), "backup-".len() + 17);
        assert_eq!(made["Lifecycle"], "CREATING");
        assert_eq!(made["ProgressPercent"], 0);
        assert_eq!(made["Type"], "USER_INITIATED");
        assert_eq!(made["ResourceType"], kind);
        assert_eq!(made["OwnerId"], ACCOUNT);
        assert_eq!(made["CreationTime"].as_f64().unwrap(), bench.now_ms as f64 / 1e3);
        assert_eq!(made["ResourceARN"], format!("arn:aws:fsx:{HERE}:{ACCOUNT}:backup/{id}"));
        assert!(made["KmsKeyId"].as_str().unwrap().starts_with("arn:aws:kms:us-east-1:"));
        assert!(made["FileSystem"]["FileSystemId"].is_string());
        assert_eq!(made["Volume"]["VolumeId"].is_string(), kind == "VOLUME");
        if kind == "VOLUME" {
            bench.finish(HERE, id);
            let deleted = json!({ "VolumeId": resource, "OntapConfiguration": { "SkipFinalBackup": true } });
            bench.ask(HERE, "DeleteVolume", deleted).unwrap();
            bench.wait(HOUR);
            let kept = bench.describe(HERE, id);
            assert_eq!(kept["Volume"]["VolumeId"], resource.as_str());
            assert_eq!(kept["Volume"]["Lifecycle"], "DELETED");
        }
    }
    for body in [json!({}), json!({ "FileSystemId": "fs-01234567", "VolumeId": "fsvol-0123456789abcdef0" })] {
        assert_eq!(bench.code(HERE, "CreateBackup", body), "BadRequest");
    }
}

#[test]
fn fact_08_lifecycles_and_durations() {
    let mut bench = Bench::with(Settings { lustre_pending_seconds: 60.0, ..Settings::default() });
    let lustre = bench.file_system(FileSystemType::Lustre);
    let backup = bench.begin_backup(&lustre);
    let mut seen = vec![];
    while seen.last() != Some(&Lifecycle::Available) {
        let now = bench.lifecycle(HERE, &backup).unwrap();
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        bench.wait(10_000);
    }
    use Lifecycle::{Available, Creating, Pending, Transferring};
    assert_eq!(seen, [Pending, Creating, Transferring, Available]);
    assert_eq!(bench.describe(HERE, &backup)["ProgressPercent"], 100);

    let windows = bench.file_system(FileSystemType::Windows);
    let first = bench.begin_backup(&windows);
    let first_took = bench.finish(HERE, &first);
    bench.wait(HOUR);
    let second = bench.begin_backup(&windows);
    let second_took = bench.finish(HERE, &second);
    assert!(first_took > second_took, "{first_took} > {second_took}");
    assert!(second_took > 3 * MINUTE, "{second_took}");
    let facts = |id: &str| bench.cloud.find_backup(ACCOUNT, HERE, id).map(|(_, b)| (b.full, b.moved_bytes)).unwrap();
    assert!(facts(&first).0 && !facts(&second).0);
    assert!(facts(&first).1 > 100 * facts(&second).1);
}

#[test]
fn fact_09_one_backup_at_a_time_and_maintenance_queues() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let running = bench.begin_backup(&windows);
    let again = bench.ask(HERE, "CreateBackup", json!({ "FileSystemId": windows })).unwrap_err();
    assert_eq!(again.code, "BackupInProgress");
    assert!(again.message.starts_with("Another backup is already under way."));
    bench.finish(HERE, &running);

    let now_ms = bench.now_ms;
    bench.cloud.begin_update(ACCOUNT, HERE, &windows, now_ms + 3 * HOUR);
    let queued = bench.begin_backup(&windows);
    bench.wait(2 * HOUR);
    assert_eq!(bench.lifecycle(HERE, &queued), Some(Lifecycle::Creating));
    bench.wait(2 * HOUR);
    assert_eq!(bench.lifecycle(HERE, &queued), Some(Lifecycle::Available));

    // Two volumes of one file system do not bar each other.
    let mut seed = FileSystemSeed::new(FileSystemType::Ontap);
    seed.volumes = vec![VolumeSeed::default(), VolumeSeed::default()];
    let (_, volumes) = bench.cloud.add_file_system_seed(bench.now_ms, ACCOUNT, HERE, &seed).unwrap();
    assert!(volumes.iter().all(|volume| !bench.begin_backup(volume).is_empty()));
}

#[test]
fn fact_09_the_weekly_window_queues_and_automatic_backups_are_in_the_way() {
    // START_MS is a Saturday at 00:00: day 6.
    let mut seed = FileSystemSeed::new(FileSystemType::Windows);
    seed.weekly_maintenance_start_time = "6:00:00".into();
    seed.automatic_backup_retention_days = 7;
    seed.daily_automatic_backup_start_time = "05:00".into();
    let mut bench = Bench::with(Settings { maintenance_minutes: 30.0, ..Settings::default() });
    let windows = bench.seed(&seed);
    let queued = bench.begin_backup(&windows);
    bench.wait(30 * MINUTE);
    assert_eq!(bench.lifecycle(HERE, &queued), Some(Lifecycle::Creating));
    bench.finish(HERE, &queued);
    let taken_ms = bench.cloud.find_backup(ACCOUNT, HERE, &queued).unwrap().1.taken_ms;
    assert_eq!(taken_ms, super::bench::START_MS + 30 * MINUTE);

    let to_five = super::bench::START_MS + 5 * HOUR + 1 - bench.now_ms;
    bench.wait(to_five);
    assert_eq!(bench.code(HERE, "CreateBackup", json!({ "FileSystemId": windows })), "BackupInProgress");
}

#[test]
fn fact_10_refusals() {
    let mut bench = Bench::new();
    let seeded = |kind, change: &dyn Fn(&mut FileSystemSeed)| {
        let mut seed = FileSystemSeed::new(kind);
        change(&mut seed);
        seed
    };
    let ontap = bench.file_system(FileSystemType::Ontap);
    let failed = bench.seed(&seeded(FileSystemType::Windows, &|seed| seed.lifecycle = "FAILED".into()));
    let scratch = bench.seed(&seeded(FileSystemType::Lustre, &|seed| seed.deployment_type = Some("SCRATCH_2".into())));
    let linked = bench.seed(&seeded(FileSystemType::Lustre, &|seed| seed.linked = true));
    let mirror = bench.volume(VolumeSeed { ontap_type: "DP".into(), ..VolumeSeed::default() });
    let broken = bench.volume(VolumeSeed { lifecycle: "FAILED".into(), ..VolumeSeed::default() });
    let file_system = |id: &str| json!({ "FileSystemId": id });
    let volume = |id: &str| json!({ "VolumeId": id });
    let table: [(Value, &str, &str); 8] = [
        (file_system(&ontap), "UnsupportedOperation", "ONTAP file system backup is unsupported."),
        (volume(&mirror), "BadRequest", "Volume with type DP is not backupable."),
        (file_system(&failed), "BadRequest", "is in FAILED and the file system storage is unhealthy"),
        (volume(&broken), "BadRequest", "is in FAILED"),
        (file_system(&scratch), "BadRequest", "scratch"),
        (file_system(&linked), "BadRequest", "linked"),
        (file_system("fs-00000000"), "FileSystemNotFound", "fs-00000000"),
        (volume("fsvol-00000000000000000"), "VolumeNotFound", "fsvol-00000000000000000"),
    ];
    for (body, code, words) in table {
        let error = bench.ask(HERE, "CreateBackup", body.clone()).unwrap_err();
        assert_eq!(error.code, code, "{body}");
        assert!(error.message.contains(words), "{}", error.message);
        assert_eq!(error.status, 400);
    }
    bench.cloud.settings_mut().lustre_refusal = RefusalCode::UnsupportedOperation;
    assert_eq!(bench.code(HERE, "CreateBackup", file_system(&scratch)), "UnsupportedOperation");
}

#[test]
fn fact_10_what_is_still_creating_can_be_backed_up_later() {
    let mut bench = Bench::new();
    let mut seed = FileSystemSeed::new(FileSystemType::Windows);
    seed.lifecycle = "CREATING".into();
    let windows = bench.seed(&seed);
    let body = json!({ "FileSystemId": windows });
    let error = bench.ask(HERE, "CreateBackup", body.clone()).unwrap_err();
    assert!(error.message.starts_with("Cannot take backup while fs-"), "{}", error.message);
    bench.wait(HOUR);
    bench.ask(HERE, "CreateBackup", body).unwrap();
}

#[test]
fn fact_11_an_accepted_backup_can_fail() {
    let mut bench = Bench::new();
    let volume = bench.volume(VolumeSeed { backups_fail: true, ..VolumeSeed::default() });
    let backup = bench.begin_backup(&volume);
    assert!(bench.finish(HERE, &backup) < MINUTE);
    let shown = bench.describe(HERE, &backup);
    assert_eq!(shown["Lifecycle"], "FAILED");
    assert_eq!(shown["FailureDetails"]["Message"], "Backup failed. Please delete the backup and try again.");
    // It bars no other.
    assert_ne!(bench.begin_backup(&volume), backup);
}

#[test]
fn fact_12_tags_given_keep_the_file_systems_own_away() {
    let mut bench = Bench::new();
    let mut seed = FileSystemSeed::new(FileSystemType::Windows);
    seed.tags = Tags::from([("dr".into(), "gold".into())]);
    seed.copy_tags_to_backups = true;
    let windows = bench.seed(&seed);
    let plain = bench.ask(HERE, "CreateBackup", json!({ "FileSystemId": windows })).unwrap();
    assert_eq!(plain["Backup"]["Tags"], json!([{ "Key": "dr", "Value": "gold" }]));
    bench.finish(HERE, &id(&plain));
    let tagged = json!({ "FileSystemId": windows, "Tags": [{ "Key": "a", "Value": "b" }] });
    let tagged = bench.ask(HERE, "CreateBackup", tagged).unwrap();
    assert_eq!(tagged["Backup"]["Tags"], json!([{ "Key": "a", "Value": "b" }]));
}

#[test]
fn fact_13_tokens() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let asked = json!({ "FileSystemId": windows, "ClientRequestToken": "one" });
    let first = bench.ask(HERE, "CreateBackup", asked.clone()).unwrap();
    bench.finish(HERE, &id(&first));
    let again = bench.ask(HERE, "CreateBackup", asked.clone()).unwrap();
    assert_eq!(id(&again), id(&first));
    assert_eq!(again["Backup"]["Lifecycle"], "AVAILABLE", "its present state");

    let mut other = asked.clone();
    other["Tags"] = json!([{ "Key": "a", "Value": "b" }]);
    let error = bench.ask(HERE, "CreateBackup", other).unwrap_err();
    assert_eq!((error.code.as_ref(), field(&error, "Parameter")), ("IncompatibleParameterError", "Tags"));

    // A refusal is not remembered; another Region and another operation have tokens of their own.
    let copied = json!({ "SourceBackupId": id(&first), "ClientRequestToken": "one" });
    assert_eq!(bench.code(THERE, "CopyBackup", copied.clone()), "BackupNotFound");
    let mut copied = copied;
    copied["SourceRegion"] = HERE.into();
    let copy = id(&bench.ask(THERE, "CopyBackup", copied.clone()).unwrap());
    assert_eq!(id(&bench.ask(THERE, "CopyBackup", copied).unwrap()), copy);

    let expired = |bench: &mut Bench| id(&bench.ask(HERE, "CreateBackup", asked.clone()).unwrap());
    bench.wait(DAY - HOUR);
    assert_eq!(expired(&mut bench), id(&first));
    bench.wait(HOUR);
    assert_ne!(expired(&mut bench), id(&first), "forgotten after a day");
}

#[test]
fn fact_13_a_token_whose_backup_was_deleted() {
    for (knob, outcome) in
        [(DeletedToken::Returned, "DELETED"), (DeletedToken::Forgotten, "CREATING"), (DeletedToken::NotFound, "")]
    {
        let mut bench = Bench::with(Settings { deleted_token: knob, ..Settings::default() });
        let windows = bench.file_system(FileSystemType::Windows);
        let asked = json!({ "FileSystemId": windows, "ClientRequestToken": "one" });
        let first = id(&bench.ask(HERE, "CreateBackup", asked.clone()).unwrap());
        bench.finish(HERE, &first);
        let deleted = json!({ "BackupId": first, "ClientRequestToken": "two" });
        bench.ask(HERE, "DeleteBackup", deleted.clone()).unwrap();
        assert_eq!(bench.code(HERE, "DeleteBackup", deleted), "OK", "the same deletion again");
        match bench.ask(HERE, "CreateBackup", asked) {
            Ok(answer) => assert_eq!(answer["Backup"]["Lifecycle"], outcome),
            Err(error) => assert_eq!((error.code.as_ref(), knob), ("BackupNotFound", DeletedToken::NotFound)),
        }
    }
}

#[test]
fn fact_14_quotas() {
    for (failed_count_to_quota, after) in [(true, "ServiceLimitExceeded"), (false, "OK")] {
        let settings = Settings { ontap_backups: 2, failed_count_to_quota, ..Settings::default() };
        let mut bench = Bench::with(settings);
        let bad = bench.volume(VolumeSeed { backups_fail: true, ..VolumeSeed::default() });
        let good = bench.volume(VolumeSeed::default());
        bench.backup(&bad);
        bench.backup(&good);
        assert_eq!(bench.code(HERE, "CreateBackup", json!({ "VolumeId": good })), after);
    }
    let mut bench = Bench::with(Settings { windows_backups: 1, ..Settings::default() });
    let windows = bench.file_system(FileSystemType::Windows);
    let _backup = bench.backup(&windows);
    let error = bench.ask(HERE, "CreateBackup", json!({ "FileSystemId": windows })).unwrap_err();
    assert_eq!(field(&error, "Limit"), "TOTAL_USER_INITIATED_BACKUPS");
    // Each volume may have one of its own, beside the one of all.
    let mut bench = Bench::with(Settings { ontap_backups_per_volume: 1, ..Settings::default() });
    let (one, other) = (bench.volume(VolumeSeed::default()), bench.volume(VolumeSeed::default()));
    let first = bench.backup(&one);
    let error = bench.ask(HERE, "CreateBackup", json!({ "VolumeId": one })).unwrap_err();
    assert_eq!(field(&error, "Limit"), "TOTAL_USER_INITIATED_BACKUPS");
    let second = bench.backup(&other);
    bench.copy(&first);
    bench.copy(&second);
    assert_eq!(bench.begin_copy(&first).unwrap_err().code, "ServiceLimitExceeded");
    bench.wait(HOUR);
    bench.delete(HERE, &first).unwrap();
    bench.backup(&one);
}

#[test]
fn fact_14_quotas_by_type_and_region() {
    let mut bench = Bench::with(Settings { windows_backups: 1, ..Settings::default() });
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    // Each Region has its own, and each type.
    bench.copy(&backup);
    assert_eq!(bench.begin_copy(&backup).unwrap_err().code, "ServiceLimitExceeded");
    let lustre = bench.file_system(FileSystemType::Lustre);
    bench.backup(&lustre);
    bench.wait(HOUR);
    bench.delete(HERE, &backup).unwrap();
    bench.backup(&windows);
}

#[test]
fn fact_08_all_but_lustre_are_creating_until_they_are_available() {
    for kind in [FileSystemType::Windows, FileSystemType::OpenZfs, FileSystemType::Ontap] {
        let mut bench = Bench::with(Settings { lustre_pending_seconds: 60.0, ..Settings::default() });
        let resource = match kind {
            FileSystemType::Ontap => bench.volume(VolumeSeed::default()),
            other => bench.file_system(other),
        };
        let backup = bench.begin_backup(&resource);
        let mut seen = vec![];
        while seen.last() != Some(&Lifecycle::Available) {
            seen.push(bench.lifecycle(HERE, &backup).unwrap());
            bench.wait(1_000);
        }
        seen.dedup();
        assert_eq!(seen, [Lifecycle::Creating, Lifecycle::Available], "{kind:?}");
    }
}

#[test]
fn fact_09_an_automatic_backup_bars_for_as_long_as_it_runs_and_by_volume() {
    let mut seed = FileSystemSeed::new(FileSystemType::Ontap);
    seed.automatic_backup_retention_days = 7;
    seed.daily_automatic_backup_start_time = "00:10".into();
    let slow = VolumeSeed { used_bytes: Some(4 << 40), ..VolumeSeed::default() };
    seed.volumes = vec![slow, VolumeSeed::default()];
    let mut bench = Bench::new();
    let (_, volumes) = bench.cloud.add_file_system_seed(bench.now_ms, ACCOUNT, HERE, &seed).unwrap();
    // A user's backup that runs when the window opens keeps the automatic one away.
    bench.wait(9 * MINUTE);
    let own = bench.begin_backup(&volumes[1]);
    bench.wait(MINUTE + 1);
    let code = |bench: &mut Bench, volume: &str| bench.code(HERE, "CreateBackup", json!({ "VolumeId": volume }));
    assert_eq!(code(&mut bench, &volumes[0]), "BackupInProgress");
    bench.finish(HERE, &own);
    bench.wait(MINUTE);
    assert_eq!(code(&mut bench, &volumes[1]), "OK");
    bench.wait(3 * HOUR);
    assert_eq!(code(&mut bench, &volumes[0]), "OK");
    let of_type = |bench: &Bench, kind| bench.cloud.backups().filter(|(_, backup)| backup.kind == kind).count();
    assert_eq!((of_type(&bench, BackupType::Automatic), of_type(&bench, BackupType::UserInitiated)), (1, 3));
}

#[test]
fn fact_10_only_volumes_that_are_written_to_and_only_ontaps() {
    let mut bench = Bench::new();
    let mirror = bench.volume(VolumeSeed { ontap_type: "LS".into(), ..VolumeSeed::default() });
    let openzfs = bench.file_system(FileSystemType::OpenZfs);
    let shown = bench.ask(HERE, "DescribeFileSystems", json!({ "FileSystemIds": [openzfs] })).unwrap();
    let root = shown["FileSystems"][0]["OpenZFSConfiguration"]["RootVolumeId"].as_str().unwrap().to_owned();
    for (volume, words) in
        [(mirror, "Volume with type LS is not backupable."), (root, "Volume with type OPENZFS is not backupable.")]
    {
        let error = bench.ask(HERE, "CreateBackup", json!({ "VolumeId": volume })).unwrap_err();
        assert_eq!((error.code.as_ref(), error.message.as_str()), ("BadRequest", words));
    }
    // A volume of a file system that is not well.
    let mut seed = FileSystemSeed::new(FileSystemType::Ontap);
    (seed.lifecycle, seed.volumes) = ("FAILED".into(), vec![VolumeSeed::default()]);
    let (_, volumes) = bench.cloud.add_file_system_seed(bench.now_ms, ACCOUNT, HERE, &seed).unwrap();
    let error = bench.ask(HERE, "CreateBackup", json!({ "VolumeId": volumes[0] })).unwrap_err();
    assert!(error.message.contains("is in FAILED"), "{}", error.message);
    // One that is misconfigured is taken on, and comes to nothing.
    let mut seed = FileSystemSeed::new(FileSystemType::Windows);
    seed.lifecycle = "MISCONFIGURED".into();
    let windows = bench.seed(&seed);
    let backup = bench.backup(&windows);
    assert_eq!(bench.lifecycle(HERE, &backup), Some(Lifecycle::Failed));
}

#[test]
fn fact_12_volumes_have_their_own_tags_and_their_own_flag() {
    for (copy_tags_to_backups, wanted) in [(true, json!([{ "Key": "dr", "Value": "gold" }])), (false, json!([]))] {
        let mut bench = Bench::new();
        let tags = Tags::from([("dr".into(), "gold".into())]);
        let volume = bench.volume(VolumeSeed { tags, copy_tags_to_backups, ..VolumeSeed::default() });
        let made = bench.ask(HERE, "CreateBackup", json!({ "VolumeId": volume })).unwrap();
        assert_eq!(made["Backup"]["Tags"], wanted);
    }
}

#[test]
fn fact_13_tokens_are_by_account_and_their_memory_is_a_knob() {
    let quick = Settings { backup_floor_seconds: 60.0, backup_bytes_per_second: 1e12, ..Settings::default() };
    let mut bench = Bench::with(Settings { token_memory_seconds: 600.0, ..quick });
    let windows = bench.file_system(FileSystemType::Windows);
    let seed = FileSystemSeed { id: Some(windows.clone()), ..FileSystemSeed::new(FileSystemType::Windows) };
    bench.cloud.add_file_system_seed(bench.now_ms, "444455556666", HERE, &seed).unwrap();
    let asked = json!({ "FileSystemId": windows, "ClientRequestToken": "one" });
    let mut ask = |account: &str, at_ms: i64| {
        id(&bench.cloud.call(bench.now_ms + at_ms, account, HERE, "CreateBackup", &asked).unwrap())
    };
    let (first, other) = (ask(ACCOUNT, 0), ask("444455556666", 0));
    assert_ne!(first, other);
    assert_eq!((ask(ACCOUNT, 599_999), ask("444455556666", 599_999)), (first.clone(), other));
    assert_ne!(ask(ACCOUNT, 600_000), first);
}

#[test]
fn fact_14_what_counts_to_the_quota_and_aws_own_numbers() {
    let Settings { windows_backups, lustre_backups, openzfs_backups, ontap_backups, .. } = Settings::default();
    assert_eq!([windows_backups, lustre_backups, openzfs_backups, ontap_backups], [500, 500, 10_000, 10_000]);
    for (kind, code) in [
        (BackupType::Automatic, "OK"),
        (BackupType::UserInitiated, "ServiceLimitExceeded"),
        (BackupType::AwsBackup, "ServiceLimitExceeded"),
    ] {
        let mut bench = Bench::with(Settings { windows_backups: 1, ..Settings::default() });
        let windows = bench.file_system(FileSystemType::Windows);
        bench.cloud.add_backup(bench.now_ms, ACCOUNT, HERE, &windows, kind, Tags::new()).unwrap();
        assert_eq!(bench.code(HERE, "CreateBackup", json!({ "FileSystemId": windows })), code, "{kind:?}");
    }
}

//! What is not established about AWS: each such item is a knob, and each knob does what its words say. What is tried
//! elsewhere is named in the table of `facts.rs`.

use lifeboat::sim::cloud::{
    BackupType, BeingCopied, DeletedToken, FileSystemSeed, FileSystemType, Lifecycle, RefusalCode, Settings, Tags,
    VolumeSeed,
};
use lifeboat::sim::{Fault, Faults};
use serde_json::{Value, json};

use super::bench::{ACCOUNT, Bench, HERE, HOUR, START_MS, THERE, field, id};

/// Every way to refuse, and the code that a caller sees.
const REFUSALS: [(RefusalCode, &str); 5] = [
    (RefusalCode::BadRequest, "BadRequest"),
    (RefusalCode::UnsupportedOperation, "UnsupportedOperation"),
    (RefusalCode::ServiceLimitExceeded, "ServiceLimitExceeded"),
    (RefusalCode::InvalidRegion, "InvalidRegion"),
    (RefusalCode::Allowed, "OK"),
];

fn from_here(backup: &str) -> Value {
    json!({ "SourceBackupId": backup, "SourceRegion": HERE })
}

fn tags(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({ "Key": format!("k{n:02}"), "Value": "" })).collect()
}

/// Turns one knob through every refusal, and holds what a caller gets against it. `ask` has a bench of its own each time.
fn each_refusal(turn: fn(&mut Settings, RefusalCode), ask: impl Fn(&mut Bench) -> String) {
    for (refusal, code) in REFUSALS {
        let mut settings = Settings::default();
        turn(&mut settings, refusal);
        assert_eq!(ask(&mut Bench::with(settings)), code, "{refusal:?}");
    }
}

#[test]
fn refusals_of_backups() {
    let both = |bench: &mut Bench| {
        let volume = bench.volume(VolumeSeed::default());
        let windows = bench.file_system(FileSystemType::Windows);
        bench.code(HERE, "CreateBackup", json!({ "FileSystemId": windows, "VolumeId": volume }))
    };
    each_refusal(|settings, refusal| settings.both_or_no_target = refusal, both);
    let mut bench = Bench::with(Settings { both_or_no_target: RefusalCode::Allowed, ..Settings::default() });
    assert_eq!(bench.code(HERE, "CreateBackup", json!({})), "BadRequest", "there is nothing to be meant");

    for scratch in [false, true] {
        let lustre = |bench: &mut Bench| {
            let mut seed = FileSystemSeed::new(FileSystemType::Lustre);
            seed.linked = !scratch;
            seed.deployment_type = scratch.then(|| "SCRATCH_2".into());
            let lustre = bench.seed(&seed);
            bench.code(HERE, "CreateBackup", json!({ "FileSystemId": lustre }))
        };
        each_refusal(|settings, refusal| settings.lustre_refusal = refusal, lustre);
    }
    let reserved = |bench: &mut Bench| {
        let windows = bench.file_system(FileSystemType::Windows);
        let body = json!({ "FileSystemId": windows, "Tags": [{ "Key": "aws:backup:source", "Value": "" }] });
        bench.code(HERE, "CreateBackup", body)
    };
    each_refusal(|settings, refusal| settings.aws_tag = refusal, reserved);
}

#[test]
fn refusals_of_copies() {
    let tiered = |bench: &mut Bench| {
        let mut seed = FileSystemSeed::new(FileSystemType::OpenZfs);
        seed.storage_type = "INTELLIGENT_TIERING".into();
        let tiered = bench.seed(&seed);
        let backup = bench.backup(&tiered);
        bench.code(THERE, "CopyBackup", from_here(&backup))
    };
    each_refusal(|settings, refusal| settings.intelligent_tiering_copy = refusal, tiered);
    let group = |bench: &mut Bench| {
        let group = bench.volume(VolumeSeed { style: "FLEXGROUP".into(), ..VolumeSeed::default() });
        let backup = bench.backup(&group);
        bench.code(THERE, "CopyBackup", from_here(&backup))
    };
    each_refusal(|settings, refusal| settings.flexgroup_copy = refusal, group);
    for (kind, turn) in [
        (BackupType::Automatic, (|settings, refusal| settings.automatic_copy = refusal) as fn(&mut Settings, _)),
        (BackupType::AwsBackup, |settings, refusal| settings.aws_backup_copy = refusal),
    ] {
        let of_kind = |bench: &mut Bench| {
            let windows = bench.file_system(FileSystemType::Windows);
            let backup = bench.cloud.add_backup(bench.now_ms, ACCOUNT, HERE, &windows, kind, Tags::new()).unwrap();
            bench.code(THERE, "CopyBackup", from_here(&backup))
        };
        each_refusal(turn, of_kind);
    }
    let too_many = |bench: &mut Bench| {
        let windows = bench.file_system(FileSystemType::Windows);
        let made = bench.ask(HERE, "CreateBackup", json!({ "FileSystemId": windows, "Tags": tags(26) })).unwrap();
        bench.finish(HERE, &id(&made));
        let mut body = from_here(&id(&made));
        (body["CopyTags"], body["Tags"]) = (true.into(), tags(25).into());
        bench.code(THERE, "CopyBackup", body)
    };
    each_refusal(|settings, refusal| settings.too_many_tags = refusal, too_many);
}

#[test]
fn regions_that_are_not_enabled_and_regions_without_copies() {
    let copied_to = |bench: &mut Bench, region: &str| {
        let windows = bench.file_system(FileSystemType::Windows);
        let backup = bench.backup(&windows);
        bench.code(region, "CopyBackup", from_here(&backup))
    };
    let barred = |settings: &mut Settings, refusal| {
        (settings.regions_without_copies, settings.region_without_copies) = (vec![THERE.into()], refusal);
    };
    each_refusal(barred, |bench| copied_to(bench, THERE));
    // From a Region whose backups are still there though it was disabled since.
    let disabled = |settings: &mut Settings, refusal| settings.disabled_source_region = refusal;
    each_refusal(disabled, |bench| {
        let windows = bench.file_system(FileSystemType::Windows);
        let backup = bench.backup(&windows);
        bench.cloud.settings_mut().disabled_regions = vec![HERE.into()];
        bench.code(THERE, "CopyBackup", from_here(&backup))
    });
    for code in ["OptInRequired", "UnrecognizedClientException", "InvalidClientTokenId"] {
        let settings =
            Settings { disabled_regions: vec![THERE.into()], disabled_region_code: code.into(), ..Settings::default() };
        let mut bench = Bench::with(settings);
        let error = bench.ask(THERE, "DescribeBackups", json!({})).unwrap_err();
        assert_eq!((error.code.as_ref(), error.status), (code, 403));
        assert_eq!(copied_to(&mut bench, THERE), code);
    }
    let mut bench = Bench::with(Settings { further_regions: vec!["eu-east-9".into()], ..Settings::default() });
    assert_eq!(copied_to(&mut bench, "eu-east-9"), "OK");
}

#[test]
fn deletions_of_what_aws_backup_made() {
    let vaulted = |bench: &mut Bench| {
        let windows = bench.file_system(FileSystemType::Windows);
        let kind = BackupType::AwsBackup;
        let backup = bench.cloud.add_backup(bench.now_ms, ACCOUNT, HERE, &windows, kind, Tags::new()).unwrap();
        bench.code(HERE, "DeleteBackup", json!({ "BackupId": backup }))
    };
    each_refusal(|settings, refusal| settings.aws_backup_deletion = refusal, vaulted);
}

#[test]
fn the_wording_of_a_deletion_refused_goes_by_type_or_by_chance() {
    let refused = |bench: &mut Bench, resource: &str| {
        let backup = bench.backup(resource);
        bench.begin_copy(&backup).unwrap();
        let error = bench.delete(HERE, &backup).unwrap_err();
        assert!(error.message.contains("is being copied, can't be deleted"), "{}", error.message);
        error.code.into_owned()
    };
    let mut bench = Bench::new();
    let (volume, windows) = (bench.volume(VolumeSeed::default()), bench.file_system(FileSystemType::Windows));
    assert_eq!(refused(&mut bench, &volume), "BadRequest");
    assert_eq!(refused(&mut bench, &windows), "BackupBeingCopied");
    let mut bench = Bench::with(Settings { being_copied: BeingCopied::Either, ..Settings::default() });
    let volume = bench.volume(VolumeSeed::default());
    let backup = bench.backup(&volume);
    bench.begin_copy(&backup).unwrap();
    let mut codes: Vec<String> = (0..40).map(|_| bench.delete(HERE, &backup).unwrap_err().code.into_owned()).collect();
    codes.sort();
    codes.dedup();
    assert_eq!(codes, ["BackupBeingCopied", "BadRequest"]);
}

#[test]
fn the_delay_after_a_copy_is_a_knob() {
    for seconds in [0, 60, 300] {
        let mut bench = Bench::with(Settings { delete_delay_seconds: f64::from(seconds), ..Settings::default() });
        let windows = bench.file_system(FileSystemType::Windows);
        let backup = bench.backup(&windows);
        bench.copy(&backup);
        if seconds > 0 {
            bench.wait(i64::from(seconds) * 1_000 - 1);
            assert_eq!(bench.delete(HERE, &backup).unwrap_err().code, "BackupBeingCopied");
            bench.wait(1);
        }
        bench.delete(HERE, &backup).unwrap();
    }
}

#[test]
fn a_restore_of_one_backup_and_of_a_share_of_them() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let backups: Vec<String> = (0..40).map(|_| bench.backup(&windows)).collect();
    let restoring = Fault { restoring_percent: 50.0, until_seconds: Some(36_000.0), ..Fault::default() };
    let began_ms = bench.now_ms;
    bench.cloud.set_faults(Faults::of(vec![restoring]), Some(began_ms));
    let running = bench.begin_backup(&windows);
    assert_eq!(
        bench.delete(HERE, &running).unwrap_err().code,
        "BackupInProgress",
        "nothing restores what is not there"
    );
    let refused = |bench: &mut Bench| -> Vec<String> {
        let ask = |id: &&String| match bench.delete(HERE, id) {
            Ok(_) => false,
            Err(error) if error.code == "BackupNotFound" => false,
            Err(error) => {
                assert_eq!(error.code, "BackupRestoring");
                let file_system = field(&error, "FileSystemId");
                assert!(file_system.starts_with("fs-") && file_system.len() == 20, "{file_system}");
                true
            }
        };
        backups.iter().filter(ask).cloned().collect()
    };
    let restored = refused(&mut bench);
    assert!((10..=30).contains(&restored.len()), "{}", restored.len());
    bench.wait(HOUR);
    assert_eq!(refused(&mut bench), restored, "the same ones as long as it lasts");
    bench.now_ms = began_ms + 10 * HOUR;
    assert!(refused(&mut bench).is_empty(), "and deleted once it is over");
    // Elsewhere nothing is restored.
    let elsewhere = Fault { restoring_percent: 100.0, regions: vec![THERE.into()], ..Fault::default() };
    bench.cloud.set_faults(Faults::of(vec![elsewhere]), Some(bench.now_ms));
    let backup = bench.backup(&windows);
    let copy = bench.copy(&backup);
    bench.wait(HOUR);
    bench.delete(HERE, &backup).unwrap();
    assert_eq!(bench.delete(THERE, &copy).unwrap_err().code, "BackupRestoring");
}

#[test]
fn a_copy_that_failed_may_leave_no_record() {
    for (failed_copies_stay, left) in [(true, Some(Lifecycle::Failed)), (false, None)] {
        let mut bench = Bench::with(Settings { failed_copies_stay, windows_backups: 2, ..Settings::default() });
        let windows = bench.file_system(FileSystemType::Windows);
        let backup = bench.backup(&windows);
        let fails = Fault { fail_copy_percent: 100.0, ..Fault::default() };
        bench.cloud.set_faults(Faults::of(vec![fails]), Some(START_MS));
        let copy = bench.copy(&backup);
        assert_eq!(bench.lifecycle(THERE, &copy), left);
        assert_eq!(bench.cloud.lanes().values().map(|used| used.in_flight).sum::<u32>(), 0, "its slot is free");
        // Without a record it counts to no quota either.
        bench.copy(&backup);
        assert_eq!(bench.begin_copy(&backup).is_ok(), !failed_copies_stay);
    }
}

#[test]
fn a_token_whose_backup_failed() {
    for (failed_token, outcome) in
        [(DeletedToken::Returned, "FAILED"), (DeletedToken::Forgotten, "CREATING"), (DeletedToken::NotFound, "")]
    {
        let mut bench = Bench::with(Settings { failed_token, ..Settings::default() });
        let volume = bench.volume(VolumeSeed { backups_fail: true, ..VolumeSeed::default() });
        let asked = json!({ "VolumeId": volume, "ClientRequestToken": "one" });
        let first = id(&bench.ask(HERE, "CreateBackup", asked.clone()).unwrap());
        bench.finish(HERE, &first);
        match bench.ask(HERE, "CreateBackup", asked) {
            Ok(answer) => assert_eq!(answer["Backup"]["Lifecycle"], outcome),
            Err(error) => assert_eq!((error.code.as_ref(), failed_token), ("BackupNotFound", DeletedToken::NotFound)),
        }
    }
}

#[test]
fn a_token_may_be_blind_to_tags() {
    for (token_compares_tags, code) in [(true, "IncompatibleParameterError"), (false, "OK")] {
        let mut bench = Bench::with(Settings { token_compares_tags, ..Settings::default() });
        let windows = bench.file_system(FileSystemType::Windows);
        let mut asked = json!({ "FileSystemId": windows, "ClientRequestToken": "one" });
        let first = id(&bench.ask(HERE, "CreateBackup", asked.clone()).unwrap());
        asked["Tags"] = tags(1).into();
        assert_eq!(bench.code(HERE, "CreateBackup", asked.clone()), code);
        if code == "OK" {
            assert_eq!(id(&bench.ask(HERE, "CreateBackup", asked.clone()).unwrap()), first);
        }
        let other = bench.file_system(FileSystemType::Windows);
        asked["FileSystemId"] = other.into();
        assert_eq!(bench.code(HERE, "CreateBackup", asked), "IncompatibleParameterError");
    }
}

#[test]
fn the_limit_of_ontap_copies_may_be_told_in_other_words() {
    let full = |settings: Settings| {
        let mut bench = Bench::with(Settings { ontap_copies_in_flight: 1, ..settings });
        let volume = bench.volume(VolumeSeed::default());
        let backup = bench.backup(&volume);
        bench.begin_copy(&backup).unwrap();
        bench.begin_copy(&backup)
    };
    for (refusal, code) in REFUSALS {
        let got = full(Settings { ontap_copy_refusal: refusal, ..Settings::default() });
        assert_eq!(got.map_or_else(|error| error.code.into_owned(), |_| "OK".into()), code);
    }
    for limit in ["TOTAL_IN_PROGRESS_COPY_BACKUPS", "SOMETHING_NEW", ""] {
        let error = full(Settings { ontap_copy_limit: limit.into(), ..Settings::default() }).unwrap_err();
        assert_eq!((error.code.as_ref(), field(&error, "Limit")), ("ServiceLimitExceeded", limit));
        assert_eq!(error.body().get("Limit").is_some(), !limit.is_empty());
    }
}

#[test]
fn who_shares_the_five_slots() {
    let fill = |settings: Settings, destination: &str| {
        let mut bench = Bench::with(Settings { copies_in_flight: 2, ..settings });
        let [windows, lustre] = [FileSystemType::Windows, FileSystemType::Lustre].map(|kind| {
            let resource = bench.file_system(kind);
            bench.backup(&resource)
        });
        let mut taken = |backup: &str, region: &str| bench.code(region, "CopyBackup", from_here(backup)) == "OK";
        let first: Vec<bool> = (0..3).map(|_| taken(&windows, destination)).collect();
        (first, taken(&lustre, destination), taken(&lustre, HERE))
    };
    let two = vec![true, true, false];
    assert_eq!(fill(Settings::default(), THERE), (two.clone(), false, true));
    assert_eq!(fill(Settings { slots_by_type: true, ..Settings::default() }, THERE), (two.clone(), true, true));
    assert_eq!(fill(Settings::default(), HERE), (two, false, false), "copies within a Region count there");
    let apart = Settings { in_region_copies_take_slots: false, ..Settings::default() };
    assert_eq!(fill(apart, HERE), (vec![true; 3], true, true));
}

#[test]
fn a_copy_within_a_region_gives_back_only_what_it_took() {
    let apart = Settings { in_region_copies_take_slots: false, copies_in_flight: 1, ..Settings::default() };
    let mut bench = Bench::with(Settings { duration_jitter_percent: 0.0, ..apart });
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    let there = bench.copy(&backup);
    let inside = id(&bench.ask(HERE, "CopyBackup", json!({ "SourceBackupId": backup })).unwrap());
    bench.wait(60_000);
    let back =
        |bench: &mut Bench| bench.code(HERE, "CopyBackup", json!({ "SourceBackupId": there, "SourceRegion": THERE }));
    assert_eq!(back(&mut bench), "OK", "the one inside takes none");
    bench.finish(HERE, &inside);
    assert_eq!(back(&mut bench), "ServiceLimitExceeded", "the one that came back still has its own");
}

#[test]
fn which_of_two_refusals_comes() {
    for (limits_first, of_backup, of_copy) in
        [(false, "BackupInProgress", "SourceBackupUnavailable"), (true, "ServiceLimitExceeded", "ServiceLimitExceeded")]
    {
        let mut bench =
            Bench::with(Settings { limits_first, windows_backups: 1, copies_in_flight: 0, ..Settings::default() });
        let windows = bench.file_system(FileSystemType::Windows);
        let running = bench.begin_backup(&windows);
        assert_eq!(bench.code(HERE, "CreateBackup", json!({ "FileSystemId": windows })), of_backup);
        assert_eq!(bench.begin_copy(&running).unwrap_err().code, of_copy);
        // What does not exist has no limits.
        let nothing = json!({ "SourceBackupId": "backup-00000000000000000", "SourceRegion": HERE });
        assert_eq!(bench.code(THERE, "CopyBackup", nothing), "BackupNotFound");
    }
}

#[test]
fn filters_may_not_find_copies() {
    for (filters_find_copies, found) in [(true, 1), (false, 0)] {
        let mut bench = Bench::with(Settings { filters_find_copies, ..Settings::default() });
        let volume = bench.volume(VolumeSeed::default());
        let backup = bench.backup(&volume);
        let copy = bench.copy(&backup);
        let file_system = bench.describe(THERE, &copy)["FileSystem"]["FileSystemId"].take();
        let count = |bench: &mut Bench, region: &str, name: &str, value: &Value| {
            let body = json!({ "Filters": [{ "Name": name, "Values": [value] }] });
            bench.ask(region, "DescribeBackups", body).unwrap()["Backups"].as_array().unwrap().len()
        };
        for (name, value) in [("volume-id", &volume.clone().into()), ("file-system-id", &file_system)] {
            assert_eq!(count(&mut bench, THERE, name, value), found, "{name}");
            assert_eq!(count(&mut bench, HERE, name, value), 1, "{name}");
        }
        assert_eq!(count(&mut bench, THERE, "backup-type", &"USER_INITIATED".into()), 1);
    }
}

#[test]
fn a_key_lost_for_a_while_refuses_and_fails() {
    let key = "arn:aws:kms:us-west-2:111122223333:key/12345678-1234-1234-1234-123456789012";
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    let mut body = from_here(&backup);
    body["KmsKeyId"] = key.into();
    let copy = id(&bench.ask(THERE, "CopyBackup", body.clone()).unwrap());
    let lost = Fault { disabled_keys: vec![key.into()], until_seconds: Some(36_000.0), ..Fault::default() };
    let began_ms = bench.now_ms;
    bench.cloud.set_faults(Faults::of(vec![lost]), Some(began_ms));
    assert_eq!(bench.code(THERE, "CopyBackup", body.clone()), "InvalidDestinationKmsKey");
    bench.finish(THERE, &copy);
    assert_eq!(bench.lifecycle(THERE, &copy), Some(Lifecycle::Failed));
    bench.now_ms = began_ms + 10 * HOUR;
    let again = id(&bench.ask(THERE, "CopyBackup", body).unwrap());
    bench.finish(THERE, &again);
    assert_eq!(bench.lifecycle(THERE, &again), Some(Lifecycle::Available));
}

#[test]
fn progress_of_copies_and_volumes_that_are_full() {
    let mut bench = Bench::with(Settings { copy_progress: true, ..Settings::default() });
    let windows = bench.file_system(FileSystemType::Windows);
    let backup = bench.backup(&windows);
    let copy = bench.begin_copy(&backup).unwrap();
    assert_eq!(copy["Backup"]["ProgressPercent"], 0);
    bench.wait(120_000);
    let shown = bench.describe(THERE, &id(&copy))["ProgressPercent"].as_i64().unwrap();
    assert!((1..100).contains(&shown), "{shown}");

    let full = VolumeSeed { size_bytes: Some(1_000), used_bytes: Some(985), ..VolumeSeed::default() };
    for (full_volume_percent, ends) in
        [(98.0, Lifecycle::Failed), (99.0, Lifecycle::Available), (100.0, Lifecycle::Available)]
    {
        let mut bench = Bench::with(Settings { full_volume_percent, ..Settings::default() });
        let volume = bench.volume(full.clone());
        let backup = bench.backup(&volume);
        assert_eq!(bench.lifecycle(HERE, &backup), Some(ends), "{full_volume_percent}");
    }
}

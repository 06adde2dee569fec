//! Facts 26 and 27 in full: what may be deleted and when, final backups, and what goes with its file system or volume.

use lifeboat::sim::cloud::{BackupType, FileSystemSeed, FileSystemType, Lifecycle, Settings, Tags, VolumeSeed};
use lifeboat::sim::{Fault, Faults};
use serde_json::{Value, json};

use super::bench::{ACCOUNT, Bench, DAY, HERE, HOUR, THERE};

/// All that is left here, by id, with its type.
fn left(bench: &mut Bench) -> Vec<(String, String)> {
    let text = |backup: &Value, name: &str| backup[name].as_str().unwrap().to_owned();
    let shown = bench.ask(HERE, "DescribeBackups", json!({})).unwrap();
    let mut left: Vec<_> =
        shown["Backups"].as_array().unwrap().iter().map(|b| (text(b, "BackupId"), text(b, "Type"))).collect();
    left.sort();
    left
}

#[test]
fn fact_26_nothing_in_flight_can_be_deleted() {
    let mut bench = Bench::with(Settings { lustre_pending_seconds: 60.0, ..Settings::default() });
    let lustre = bench.file_system(FileSystemType::Lustre);
    let backup = bench.begin_backup(&lustre);
    let mut seen = vec![];
    loop {
        let now = bench.lifecycle(HERE, &backup).unwrap();
        match bench.delete(HERE, &backup) {
            Err(error) => assert_eq!((error.code.as_ref(), now.in_flight()), ("BackupInProgress", true)),
            Ok(_) => break assert_eq!(now, Lifecycle::Available),
        }
        seen.push(now);
        seen.dedup();
        bench.wait(10_000);
    }
    assert_eq!(seen, [Lifecycle::Pending, Lifecycle::Creating, Lifecycle::Transferring]);
    // What failed goes at once.
    let volume = bench.volume(VolumeSeed { backups_fail: true, ..VolumeSeed::default() });
    let failed = bench.backup(&volume);
    bench.delete(HERE, &failed).unwrap();
    // Each copy of several bars its source by itself.
    let windows = bench.file_system(FileSystemType::Windows);
    let source = bench.backup(&windows);
    let first = bench.copy(&source);
    let second = super::bench::id(&bench.begin_copy(&source).unwrap());
    bench.delete(THERE, &first).unwrap();
    assert_eq!(bench.delete(HERE, &source).unwrap_err().code, "BackupBeingCopied");
    bench.finish(THERE, &second);
    bench.wait(HOUR);
    bench.delete(HERE, &source).unwrap();
    bench.delete(THERE, &second).unwrap();
}

#[test]
fn fact_27_what_goes_with_its_file_system_or_volume_and_what_stays() {
    let mut bench = Bench::new();
    let mut seed = FileSystemSeed::new(FileSystemType::Windows);
    seed.automatic_backup_retention_days = 30;
    let windows = bench.seed(&seed);
    let vaulted = bench.cloud.add_backup(bench.now_ms, ACCOUNT, HERE, &windows, BackupType::AwsBackup, Tags::new());
    let vaulted = vaulted.unwrap();
    let own = bench.backup(&windows);
    bench.wait(2 * DAY);
    assert_eq!(left(&mut bench).iter().filter(|(_, kind)| kind == "AUTOMATIC").count(), 2);
    let known = bench.describe(HERE, &own)["FileSystem"].take();
    let body = json!({ "FileSystemId": windows, "WindowsConfiguration": { "SkipFinalBackup": true } });
    bench.ask(HERE, "DeleteFileSystem", body).unwrap();
    bench.wait(HOUR);
    let mut stays = vec![(vaulted, "AWS_BACKUP".to_owned()), (own.clone(), "USER_INITIATED".to_owned())];
    stays.sort();
    assert_eq!(left(&mut bench), stays);
    assert_eq!(bench.describe(HERE, &own)["FileSystem"], known, "remembered as it was");

    let mut seed = FileSystemSeed::new(FileSystemType::Ontap);
    seed.automatic_backup_retention_days = 30;
    seed.volumes = vec![VolumeSeed::default(), VolumeSeed::default()];
    let mut bench = Bench::new();
    let (ontap, volumes) = bench.cloud.add_file_system_seed(bench.now_ms, ACCOUNT, HERE, &seed).unwrap();
    bench.wait(DAY);
    assert_eq!(left(&mut bench).len(), 2, "each volume has its own");
    let body = json!({ "FileSystemId": ontap });
    let error = bench.ask(HERE, "DeleteFileSystem", body.clone()).unwrap_err();
    assert!(error.message.contains("while it has volumes"), "{}", error.message);
    let skip = json!({ "VolumeId": volumes[0], "OntapConfiguration": { "SkipFinalBackup": true } });
    bench.ask(HERE, "DeleteVolume", skip).unwrap();
    bench.wait(HOUR);
    let after = left(&mut bench);
    assert_eq!(after.len(), 1);
    assert_eq!(bench.describe(HERE, &after[0].0)["Volume"]["VolumeId"], volumes[1].as_str());
    // A volume takes a final backup unless told not to, with the tags given for it.
    let tags = json!([{ "Key": "last", "Value": "yes" }]);
    let body = json!({ "VolumeId": volumes[1], "OntapConfiguration": { "FinalBackupTags": tags } });
    let answer = bench.ask(HERE, "DeleteVolume", body).unwrap();
    let last = answer["OntapResponse"]["FinalBackupId"].as_str().unwrap().to_owned();
    assert_eq!(answer["OntapResponse"]["FinalBackupTags"], tags);
    bench.finish(HERE, &last);
    assert_eq!(bench.describe(HERE, &last)["Tags"], tags);
    bench.wait(HOUR);
    assert_eq!(left(&mut bench), [(last, "USER_INITIATED".to_owned())]);
    bench.ask(HERE, "DeleteFileSystem", json!({ "FileSystemId": ontap })).unwrap();
    bench.wait(HOUR);
    assert_eq!(bench.code(HERE, "DescribeFileSystems", json!({ "FileSystemIds": [ontap] })), "FileSystemNotFound");
}

#[test]
fn fact_27_final_backups() {
    use FileSystemType::{Lustre, OpenZfs, Windows};
    for (kind, configuration, response, skip, takes) in [
        (Windows, "WindowsConfiguration", "WindowsResponse", None, true),
        (Windows, "WindowsConfiguration", "WindowsResponse", Some(true), false),
        (OpenZfs, "OpenZFSConfiguration", "OpenZFSResponse", None, true),
        (OpenZfs, "OpenZFSConfiguration", "OpenZFSResponse", Some(true), false),
        (Lustre, "LustreConfiguration", "LustreResponse", None, false),
        (Lustre, "LustreConfiguration", "LustreResponse", Some(false), true),
    ] {
        let mut bench = Bench::new();
        let resource = bench.file_system(kind);
        let mut body = json!({ "FileSystemId": resource });
        if let Some(skip) = skip {
            body[configuration] = json!({ "SkipFinalBackup": skip });
        }
        let answer = bench.ask(HERE, "DeleteFileSystem", body.clone()).unwrap();
        assert_eq!(answer["Lifecycle"], "DELETING");
        assert_eq!(answer[response]["FinalBackupId"].is_string(), takes, "{kind:?} {skip:?}");
        assert_eq!(bench.ask(HERE, "DeleteFileSystem", body).unwrap()["Lifecycle"], "DELETING", "once more");
        assert_eq!(bench.code(HERE, "CreateBackup", json!({ "FileSystemId": resource })), "BadRequest");
        bench.wait(DAY);
        assert_eq!(left(&mut bench).len(), usize::from(takes));
        assert_eq!(
            bench.code(HERE, "DescribeFileSystems", json!({ "FileSystemIds": [resource] })),
            "FileSystemNotFound"
        );
    }
}

#[test]
fn fact_27_a_final_backup_that_fails_stops_the_deletion() {
    let mut bench = Bench::new();
    let windows = bench.file_system(FileSystemType::Windows);
    let volume = bench.volume(VolumeSeed { backups_fail: true, ..VolumeSeed::default() });
    bench.ask(HERE, "DeleteVolume", json!({ "VolumeId": volume })).unwrap();
    let fails = Fault { fail_backup_percent: 100.0, ..Fault::default() };
    bench.cloud.set_faults(Faults::of(vec![fails]), Some(bench.now_ms));
    bench.ask(HERE, "DeleteFileSystem", json!({ "FileSystemId": windows })).unwrap();
    bench.wait(DAY);
    let systems = bench.ask(HERE, "DescribeFileSystems", json!({ "FileSystemIds": [windows] })).unwrap();
    assert_eq!(systems["FileSystems"][0]["Lifecycle"], "AVAILABLE");
    let volumes = bench.ask(HERE, "DescribeVolumes", json!({ "VolumeIds": [volume] })).unwrap();
    assert_eq!(volumes["Volumes"][0]["Lifecycle"], "CREATED");
}

#[test]
fn fact_27_openzfs_takes_its_volumes_with_it_only_if_told_to() {
    let mut bench = Bench::new();
    let openzfs = bench.file_system(FileSystemType::OpenZfs);
    let shown = bench.ask(HERE, "DescribeFileSystems", json!({ "FileSystemIds": [openzfs] })).unwrap();
    let root = &shown["FileSystems"][0]["OpenZFSConfiguration"]["RootVolumeId"];
    let child = json!({ "VolumeType": "OPENZFS", "Name": "v", "OpenZFSConfiguration": { "ParentVolumeId": root } });
    bench.ask(HERE, "CreateVolume", child).unwrap();
    let mut body = json!({ "FileSystemId": openzfs, "OpenZFSConfiguration": { "SkipFinalBackup": true } });
    assert_eq!(bench.code(HERE, "DeleteFileSystem", body.clone()), "BadRequest");
    body["OpenZFSConfiguration"]["Options"] = json!(["DELETE_CHILD_VOLUMES_AND_SNAPSHOTS"]);
    bench.ask(HERE, "DeleteFileSystem", body).unwrap();
    bench.wait(HOUR);
    assert_eq!(bench.ask(HERE, "DescribeVolumes", json!({})).unwrap(), json!({ "Volumes": [] }));
}

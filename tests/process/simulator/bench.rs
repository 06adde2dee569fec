//! What the tests share: a cloud, a clock moved by hand, and short ways to ask.

use lifeboat::sim::cloud::{ApiError, Cloud, FileSystemSeed, FileSystemType, Lifecycle, Settings, VolumeSeed};
use serde_json::{Value, json};

pub const ACCOUNT: &str = "111122223333";
pub const HERE: &str = "us-east-1";
pub const THERE: &str = "us-west-2";
/// 2026-11-21T00:00Z, a Saturday.
pub const START_MS: i64 = 1_795_219_200_000;
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 86_400_000;

/// A cloud and the time in it.
pub struct Bench {
    pub cloud: Cloud,
    pub now_ms: i64,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        Self { cloud: Cloud::new(7).with_settings(settings), now_ms: START_MS }
    }

    pub fn ask(&mut self, region: &str, operation: &str, body: Value) -> Result<Value, ApiError> {
        self.cloud.call(self.now_ms, ACCOUNT, region, operation, &body)
    }

    pub fn code(&mut self, region: &str, operation: &str, body: Value) -> String {
        match self.ask(region, operation, body) {
            Ok(_) => "OK".into(),
            Err(error) => error.code.into_owned(),
        }
    }

    pub fn wait(&mut self, ms: i64) {
        self.now_ms = self.cloud.advance(self.now_ms + ms);
    }

    pub fn seed(&mut self, seed: &FileSystemSeed) -> String {
        self.cloud.add_file_system_seed(self.now_ms, ACCOUNT, HERE, seed).unwrap().0
    }

    pub fn file_system(&mut self, kind: FileSystemType) -> String {
        self.seed(&FileSystemSeed::new(kind))
    }

    pub fn volume(&mut self, volume: VolumeSeed) -> String {
        let mut seed = FileSystemSeed::new(FileSystemType::Ontap);
        seed.volumes = vec![volume];
        self.cloud.add_file_system_seed(self.now_ms, ACCOUNT, HERE, &seed).unwrap().1.remove(0)
    }

    /// Asks for a backup of a file system or volume; its id.
    pub fn begin_backup(&mut self, resource: &str) -> String {
        let member = if resource.starts_with("fs-") { "FileSystemId" } else { "VolumeId" };
        id(&self.ask(HERE, "CreateBackup", json!({ member: resource })).unwrap())
    }

    /// A finished backup; its id.
    pub fn backup(&mut self, resource: &str) -> String {
        let id = self.begin_backup(resource);
        self.finish(HERE, &id);
        id
    }

    pub fn begin_copy(&mut self, backup: &str) -> Result<Value, ApiError> {
        self.ask(THERE, "CopyBackup", json!({ "SourceBackupId": backup, "SourceRegion": HERE }))
    }

    /// A finished copy; its id.
    pub fn copy(&mut self, backup: &str) -> String {
        let id = id(&self.begin_copy(backup).unwrap());
        self.finish(THERE, &id);
        id
    }

    /// Lets time pass until a backup ends, and says how long that took.
    pub fn finish(&mut self, region: &str, id: &str) -> i64 {
        let ends_ms = self.cloud.find_backup(ACCOUNT, region, id).unwrap().1.ends_ms;
        let left_ms = ends_ms - self.now_ms;
        self.wait(left_ms);
        left_ms
    }

    pub fn lifecycle(&self, region: &str, id: &str) -> Option<Lifecycle> {
        Some(self.cloud.find_backup(ACCOUNT, region, id)?.1.lifecycle)
    }

    pub fn describe(&mut self, region: &str, id: &str) -> Value {
        self.ask(region, "DescribeBackups", json!({ "BackupIds": [id] })).unwrap()["Backups"][0].take()
    }

    pub fn delete(&mut self, region: &str, id: &str) -> Result<Value, ApiError> {
        self.ask(region, "DeleteBackup", json!({ "BackupId": id }))
    }
}

pub fn id(answer: &Value) -> String {
    answer["Backup"]["BackupId"].as_str().unwrap().to_owned()
}

/// A member of an error beside code and message.
pub fn field<'a>(error: &'a ApiError, name: &str) -> &'a str {
    error.fields.iter().find(|(field, _)| *field == name).map_or("", |(_, value)| value.as_str())
}

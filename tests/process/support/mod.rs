//! The real binary against the simulator over HTTP, and questions to the simulator's own inventory.

pub mod instants;
pub mod years;

use lifeboat::sim::cloud::{BackupFacts, Inventory};
use lifeboat::sim::{Cloud, Endpoint, Faults, Fleet};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_lifeboat");

/// Eight sources of all four types in us-east-1.
pub const FLEET: &str = r#"
[[file_system]]
id = "fs-0a1b2c3d4e5f60001"
type = "WINDOWS"
capacity_gib = 32
used_bytes = 1_000_000_000
tags = { Name = "home", team = "it" }
[[file_system]]
id = "fs-0a1b2c3d4e5f60002"
type = "LUSTRE"
capacity_gib = 1200
used_bytes = 1_000_000_000
[[file_system]]
id = "fs-0a1b2c3d4e5f60003"
type = "OPENZFS"
capacity_gib = 64
used_bytes = 1_000_000_000
[[file_system]]
id = "fs-0a1b2c3d4e5f60005"
type = "WINDOWS"
capacity_gib = 32
used_bytes = 1_000_000_000
[[file_system]]
id = "fs-0a1b2c3d4e5f60006"
type = "LUSTRE"
capacity_gib = 1200
used_bytes = 1_000_000_000
[[file_system]]
id = "fs-0a1b2c3d4e5f60007"
type = "OPENZFS"
capacity_gib = 64
used_bytes = 1_000_000_000
[[file_system]]
id = "fs-0a1b2c3d4e5f60008"
type = "WINDOWS"
capacity_gib = 32
used_bytes = 1_000_000_000
[[file_system]]
type = "ONTAP"
capacity_gib = 1024
[[file_system.volume]]
id = "fsvol-0a1b2c3d4e5f60004"
used_bytes = 1_000_000_000
"#;

pub const FILE_SYSTEMS: [&str; 7] = [
    "fs-0a1b2c3d4e5f60001",
    "fs-0a1b2c3d4e5f60002",
    "fs-0a1b2c3d4e5f60003",
    "fs-0a1b2c3d4e5f60005",
    "fs-0a1b2c3d4e5f60006",
    "fs-0a1b2c3d4e5f60007",
    "fs-0a1b2c3d4e5f60008",
];
pub const VOLUME: &str = "fsvol-0a1b2c3d4e5f60004";
pub const DESTINATIONS: [&str; 2] = ["us-west-2", "eu-west-1"];

/// An FSx of one's own and a folder for a daemon.
pub struct Bench {
    pub runtime: tokio::runtime::Runtime,
    pub endpoint: Endpoint,
    pub folder: TempDir,
    pub listen: SocketAddr,
}

/// An address that nobody else takes: each bench of each test process has a loopback address of its own.
pub fn free_address() -> SocketAddr {
    static TAKEN: AtomicU16 = AtomicU16::new(1);
    let (process, bench) = (std::process::id().to_be_bytes(), TAKEN.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    ([127, 1 + process[2] % 254, process[3], bench[1]], 9750 + u16::from(bench[0])).into()
}

impl Bench {
    pub fn new(speed: f64, faults: &str) -> Self {
        Self::with_fleet(FLEET, speed, faults)
    }

    pub fn with_fleet(fleet: &str, speed: f64, faults: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut cloud = Cloud::new(1).with_speed(speed);
        Fleet::from_toml(fleet).unwrap().populate(&mut cloud, Endpoint::now_ms()).unwrap();
        let faults = Faults::from_toml(faults).unwrap();
        let endpoint = runtime.block_on(Endpoint::bind(([127, 0, 0, 1], 0).into(), cloud, faults)).unwrap();
        Self {
            runtime,
            endpoint,
            // `LIFEBOAT_KEEP=1` leaves database and log behind, to look at.
            folder: tempfile::Builder::new()
                .disable_cleanup(std::env::var_os("LIFEBOAT_KEEP").is_some())
                .tempdir()
                .unwrap(),
            listen: free_address(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path("state.db")
    }

    pub fn control(&self) -> PathBuf {
        self.path("control.sock")
    }

    /// Forgets everything, as after the loss of a disk.
    pub fn lose_database(&self) {
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(self.path(name));
        }
    }

    /// What waits until a listing cannot lag any more after the birth of the database need not wait any longer. No daemon
    /// may run.
    pub fn age_database(&self, by: Duration) {
        use sqlx::{ConnectOptions as _, Connection as _};
        self.runtime.block_on(async {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database());
            let mut connection = options.connect().await.unwrap();
            let older = sqlx::query("UPDATE meta SET value = value - ? WHERE key = 'created_at'");
            older.bind(i64::try_from(by.as_millis()).unwrap()).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    /// Writes the policy file: `[daemon]` and `[aws]` for this bench, then `policies`.
    pub fn write_policy(&self, policies: &str) -> PathBuf {
        let text = format!(
            "[daemon]\nstate = \"{}\"\nlisten = \"{}\"\ncontrol = \"{}\"\npoll = \"200ms\"\n\
             [aws]\nendpoint_url = \"{}\"\nrequests_per_second = 200\n{policies}",
            self.database().display(),
            self.listen,
            self.control().display(),
            self.endpoint.url(),
        );
        let path = self.path("lifeboat.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Every source, two destinations.
    pub fn write_fleet_policy(&self, schedule: &str) -> PathBuf {
        let file_systems = FILE_SYSTEMS.map(|id| format!("\"{id}\"")).join(", ");
        self.write_policy(&format!(
            "[[policy]]\nname = \"all\"\nregion = \"us-east-1\"\nfile_systems = [{file_systems}]\n\
             volumes = [\"{VOLUME}\"]\nschedule = \"{schedule}\"\n\
             [[policy.destination]]\nregion = \"us-west-2\"\n[[policy.destination]]\nregion = \"eu-west-1\"\n"
        ))
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "AKIA111122223333TEST")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("LIFEBOAT_CONFIG", self.path("lifeboat.toml"))
            .env("TZ", "UTC");
        command
    }

    /// Starts `lifeboat run`; its log goes to a file of the bench.
    pub fn daemon(&self) -> Daemon {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let child = self.command(&["run"]).stderr(log).stdout(Stdio::null()).spawn().unwrap();
        Daemon { child }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn set_faults(&self, faults: &str) {
        let faults = Faults::from_toml(faults).unwrap();
        self.endpoint.cloud().lock().unwrap().set_faults(faults, Some(Endpoint::now_ms()));
    }

    pub fn inventory(&self) -> Inventory {
        self.endpoint.cloud().lock().unwrap().inventory(Endpoint::now_ms())
    }

    /// Asks the daemon over HTTP; `None` if it does not answer with 200.
    pub fn get(&self, path: &str) -> Option<String> {
        self.get_within(path, Duration::from_secs(5))
    }

    /// The same, with another time limit.
    pub fn get_within(&self, path: &str, limit: Duration) -> Option<String> {
        self.answer_within(path, limit).filter(|(status, _)| *status == 200).map(|(_, body)| body)
    }

    /// The status and body of an answer, whatever it says.
    pub fn answer(&self, path: &str) -> Option<(u16, String)> {
        self.answer_within(path, Duration::from_secs(5))
    }

    fn answer_within(&self, path: &str, limit: Duration) -> Option<(u16, String)> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect_timeout(&self.listen, Duration::from_secs(1)).ok()?;
        stream.set_read_timeout(Some(limit)).ok()?;
        let host = self.listen;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    pub fn status(&self) -> Option<serde_json::Value> {
        let output = self.run(&["status", "--json"]);
        serde_json::from_slice(&output.stdout).ok()
    }

    /// The value of one series, its labels in any order; `None` if it is not there.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let metrics = self.get("/metrics")?;
        let wanted = name_and_labels(series);
        let line = metrics.lines().find(|line| {
            !line.starts_with('#') && line.rsplit_once(' ').is_some_and(|(series, _)| name_and_labels(series) == wanted)
        })?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

fn name_and_labels(series: &str) -> (&str, std::collections::BTreeSet<&str>) {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    (name, labels.trim_end_matches('}').split(',').collect())
}

/// A running `lifeboat run`, killed when the test ends.
pub struct Daemon {
    pub child: Child,
}

impl Daemon {
    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    pub fn exit_code(mut self, within: Duration) -> i32 {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `ready` says so.
pub fn wait_until(what: &str, within: Duration, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !ready() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a backup is for: source, occurrence, Region, whether a copy.
pub type Work = (String, String, String, bool);

pub fn work_of(backup: &BackupFacts) -> Option<Work> {
    let tag = |key: &str| backup.tags.get(key).cloned();
    Some((
        tag("lifeboat:source")?,
        tag("lifeboat:occurrence")?,
        backup.region.clone(),
        backup.tags.contains_key("lifeboat:origin"),
    ))
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap_or_default().to_owned()
}

pub fn lifecycle(backup: &BackupFacts) -> String {
    word(&backup.lifecycle)
}

/// Promise 2: at most one good backup for each occurrence, and one good copy for each of its routes.
pub fn nothing_made_twice(inventory: &Inventory) {
    let mut good: BTreeMap<Work, Vec<&str>> = BTreeMap::new();
    for backup in inventory.backups.iter().filter(|b| b.deleted_ms.is_none() && lifecycle(b) != "FAILED") {
        if let Some(work) = work_of(backup) {
            good.entry(work).or_default().push(&backup.id);
        }
    }
    let twice: Vec<_> = good.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(twice.is_empty(), "made twice: {twice:#?}");
}

/// Promise 1: never more in flight than a lane takes.
pub fn lanes_kept(inventory: &Inventory) {
    for lane in &inventory.lanes {
        assert!(lane.used.peak <= 5, "{lane:?}");
    }
}

/// Whether the newest AVAILABLE backup of each source is AVAILABLE in every destination and nothing is in flight.
pub fn healed(inventory: &Inventory) -> bool {
    let ours = || inventory.backups.iter().filter(|b| b.deleted_ms.is_none() && work_of(b).is_some());
    if ours().any(|backup| !matches!(lifecycle(backup).as_str(), "AVAILABLE" | "FAILED")) {
        return false;
    }
    FILE_SYSTEMS.iter().chain([&VOLUME]).all(|source| {
        let available = |region: &str, copy: bool| {
            ours()
                .filter(|backup| lifecycle(backup) == "AVAILABLE" && backup.region == region)
                .filter_map(work_of)
                .filter(|work| work.0 == *source && work.3 == copy)
                .map(|work| work.1)
                .max()
        };
        let newest = available("us-east-1", false);
        newest.is_some() && DESTINATIONS.iter().all(|region| available(region, true) == newest)
    })
}

//! The real binary as a process to be measured.
#![allow(dead_code, reason = "each measurement uses what it needs")]

pub mod filled;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const DESTINATIONS: [&str; 3] = ["us-west-2", "eu-west-1", "ap-southeast-2"];

pub struct Daemon {
    child: Child,
    pub listen: SocketAddr,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that was free a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A policy for `ids` with three destinations; `daemon` and `policy` are further lines of those tables.
pub fn write_policy(folder: &Path, listen: SocketAddr, endpoint: &str, ids: &[String], daemon: &str, policy: &str) {
    let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    let destinations = DESTINATIONS.map(|region| format!("[[policy.destination]]\nregion = \"{region}\"\n"));
    let text = format!(
        "[daemon]\nstate = \"{0}/state.db\"\ncontrol = \"{0}/control.sock\"\nlisten = \"{listen}\"\n{daemon}\n\
         [aws]\nendpoint_url = \"{endpoint}\"\nrequests_per_second = 100\n\
         [[policy]]\nname = \"bench\"\nregion = \"us-east-1\"\nfile_systems = [{1}]\n{policy}\n{2}",
        folder.display(),
        ids.join(","),
        destinations.concat(),
    );
    std::fs::write(folder.join("lifeboat.toml"), text).unwrap();
}

impl Daemon {
    /// Starts on the policy in this folder; the log goes there too.
    pub fn start(folder: &Path, listen: SocketAddr) -> Self {
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_lifeboat"))
            .args(["run", "--config"])
            .arg(folder.join("lifeboat.toml"))
            .env("AWS_ACCESS_KEY_ID", "AKIA111122223333TEST")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Self { child: child.unwrap(), listen }
    }

    /// CPU time so far: user and system, from the kernel's counters in ticks of 10 ms.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// Memory in megabytes: `VmRSS` now, `VmHWM` at most so far.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    /// An answer with 200.
    pub fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.listen).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.listen).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    }

    /// The sum of all samples of these metrics, which are named without their prefix.
    pub fn sum(&self, names: &[&str]) -> f64 {
        let metrics = self.get("/metrics").unwrap_or_default();
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let name = series.split('{').next()?.strip_prefix("lifeboat_")?;
            names.contains(&name).then(|| value.parse::<f64>().ok())?
        };
        metrics.lines().filter_map(sample).sum()
    }

    /// Ends it as systemd does.
    pub fn stop(mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Waits for it; says so and ends if it does not come.
pub fn wait_until(what: &str, mut there: impl FnMut() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < Duration::from_secs(600), "{what}: not within ten minutes");
        std::thread::sleep(Duration::from_millis(100));
    }
}

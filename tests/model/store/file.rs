//! The real store as a disk of the simulated world, and the files that a crash leaves of it.

use crate::world::disk::Disk;
use lifeboat::domain::change::Change;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::sim::rng::Rng;
use lifeboat::store::Store as _;
use lifeboat::store::sqlite::SqliteStore;
use std::path::{Path, PathBuf};

/// The database and its write-ahead log, byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Files {
    pub database: Vec<u8>,
    pub log: Vec<u8>,
}

impl Files {
    pub fn of(path: &Path) -> Self {
        let read = |path: PathBuf| std::fs::read(path).unwrap_or_default();
        Self { database: read(path.to_owned()), log: read(log_of(path)) }
    }

    /// Puts them where a process that was killed would have left them: with no shared-memory file beside.
    pub fn put(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &self.database).unwrap();
        std::fs::write(log_of(path), &self.log).unwrap();
    }

    /// The log as it is when the power fails while `after` is being written over `self`: some bytes have arrived,
    /// the rest is as before. The database is untouched, since it is only written once the log is safe.
    pub fn torn(&self, after: &Self, arrived: usize) -> Self {
        let mut log = after.log[..arrived.min(after.log.len())].to_vec();
        log.extend(self.log.iter().skip(arrived));
        Self { database: self.database.clone(), log }
    }

    /// The range of bytes of the log in which `after` differs: a commit is whole when the last of them has arrived.
    pub fn written(&self, after: &Self) -> Option<(usize, usize)> {
        let differs = |at: &usize| self.log.get(*at) != after.log.get(*at);
        let first = (0..after.log.len()).find(differs)?;
        let last = (0..after.log.len()).rev().find(differs)?;
        Some((first, last))
    }
}

fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// How the process dies.
#[derive(Clone, Copy, Debug)]
pub enum Death {
    /// Killed: all that it wrote is there.
    Kill,
    /// The power fails while what was not committed yet is being written: a part of it has arrived.
    PowerCut,
}

/// The state in a real file. Each life of the process has a folder of its own, with what the one before left.
pub struct SqliteDisk {
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    lives: u32,
    store: Option<SqliteStore>,
    death: Death,
    cuts: Rng,
}

impl SqliteDisk {
    pub fn new(death: Death, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { runtime: runtime(), folder, lives: 0, store: None, death, cuts: Rng::new(seed, "cuts") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.lives.to_string()).join("state.db")
    }

    fn next_life(&mut self, left: Option<&Files>) {
        let old = self.path();
        self.store = None;
        let _ = std::fs::remove_dir_all(old.parent().unwrap());
        self.lives += 1;
        if let Some(files) = left {
            files.put(&self.path());
        }
    }
}

/// The store of this file, and what it holds.
pub fn open(runtime: &tokio::runtime::Runtime, path: &Path, started_at: Time) -> Result<(SqliteStore, State), String> {
    runtime.block_on(async {
        let mut store = SqliteStore::open(path, started_at).await.map_err(|error| error.to_string())?;
        let state = store.load(started_at).await.map_err(|error| error.to_string())?;
        Ok((store, state))
    })
}

impl Disk for SqliteDisk {
    fn load(&mut self, started_at: Time) -> Result<State, String> {
        let (store, state) = open(&self.runtime, &self.path(), started_at)?;
        self.store = Some(store);
        Ok(state)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), String> {
        let Some(store) = &mut self.store else { return Err("nothing is open".to_owned()) };
        self.runtime.block_on(store.commit(changes)).map_err(|error| error.to_string())
    }

    fn died(&mut self, uncommitted: &[Change]) -> Result<(), String> {
        if self.store.is_none() {
            return Ok(());
        }
        let mut left = Files::of(&self.path());
        if matches!(self.death, Death::PowerCut) && !uncommitted.is_empty() {
            self.commit(uncommitted)?;
            let after = Files::of(&self.path());
            if let Some((first, last)) = left.written(&after) {
                let arrived = first + self.cuts.below((last - first) as u64 + 1) as usize;
                left = left.torn(&after, arrived);
            }
        }
        self.next_life(Some(&left));
        Ok(())
    }

    fn lose(&mut self) -> Result<(), String> {
        self.next_life(None);
        Ok(())
    }
}

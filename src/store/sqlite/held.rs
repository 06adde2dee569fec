//! The open database file, compared with the file at its path.
//!
//! SQLite continues to write to a file that was removed, replaced or truncated, and what it commits there is lost with
//! the process. So device, inode and size of the file and its log are checked repeatedly. The lock that keeps a second
//! daemon out is on the file itself, whatever path leads to it.

use super::problems::from_io;
use super::{FileStanding, Result};
use crate::domain::time::Time;
use crate::store::StoreProblem;
use std::fs::{self, File, Metadata, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The mode that SQLite uses.
const MODE: u32 = 0o644;
/// Maximum number of files moved aside within one second.
const ASIDE_TRIES: u32 = 100;

/// Identifies a file and its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        let modified = (found.mtime(), found.mtime_nsec());
        Self { device: found.dev(), inode: found.ino(), size: found.size(), modified }
    }

    /// The file at a path, following links; `None` if there is none.
    fn at(path: &Path) -> std::io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(found) => Ok(Some(Self::of(&found))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    const fn same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }
}

/// The locked database file, with its stamp after our own last write.
pub(super) struct HeldFile {
    /// The path in the policy file.
    path: PathBuf,
    /// The path after following links: SQLite puts its log beside that.
    real: PathBuf,
    database: Stamp,
    log: Option<Stamp>,
    /// Kept open as long as SQLite has the file open, since closing any descriptor of a file releases SQLite's locks on
    /// it.
    _lock: File,
}

impl HeldFile {
    /// Locks the file at this path, creating an empty one if there is none.
    pub(super) fn take(path: &Path) -> Result<Self> {
        match fs::metadata(path) {
            Ok(found) => check_is_file(&found)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    fs::create_dir_all(folder).map_err(|error| from_io(&error))?;
                }
            }
            Err(error) => return Err(from_io(&error)),
        }
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false).mode(MODE);
        let file = options.open(path).map_err(|error| from_io(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreProblem::Locked),
            Err(TryLockError::Error(error)) => return Err(from_io(&error)),
        }
        let found = file.metadata().map_err(|error| from_io(&error))?;
        check_is_file(&found)?;
        let real = path.canonicalize().map_err(|error| from_io(&error))?;
        Ok(Self { path: path.to_owned(), real, database: Stamp::of(&found), log: None, _lock: file })
    }

    /// Records the stamp after our own write. A different file at the path is ignored.
    pub(super) fn written(&mut self) {
        if let Ok(Some(found)) = Stamp::at(&self.path)
            && found.same_file(&self.database)
        {
            self.database = found;
        }
        match (Stamp::at(&beside(&self.real, "-wal")), &self.log) {
            (Ok(Some(found)), Some(known)) if !found.same_file(known) => {}
            (Ok(Some(found)), _) => self.log = Some(found),
            _ => {}
        }
    }

    /// Compares the files at the path with the open ones, as our own last write left them.
    pub(super) fn standing(&self) -> FileStanding {
        let (database, log) = match (Stamp::at(&self.path), Stamp::at(&beside(&self.real, "-wal"))) {
            (Ok(database), Ok(log)) => (database, log),
            (Err(error), _) | (_, Err(error)) => return FileStanding::Unknown(from_io(&error)),
        };
        let lost = |what: &str| FileStanding::Lost(StoreProblem::Lost(what.to_owned()));
        match database {
            None => return lost("the file is gone from this path"),
            Some(found) if !found.same_file(&self.database) => return lost("another file has taken its place"),
            Some(found) if found.size < self.database.size => return lost("the file was cut short"),
            Some(_) => {}
        }
        match (&self.log, log) {
            (Some(_), None) => return lost("its write-ahead log (-wal) was removed"),
            (Some(known), Some(found)) if !found.same_file(known) => {
                return lost("another file has taken the place of its write-ahead log (-wal)");
            }
            (Some(known), Some(found)) if found.size < known.size => {
                return lost("its write-ahead log (-wal) was cut short");
            }
            _ => {}
        }
        if database == Some(self.database) && log == self.log { FileStanding::Sound } else { FileStanding::Touched }
    }

    /// Whether the file at the path is still this one, whatever its content.
    pub(super) fn is_at_its_path(&self) -> bool {
        matches!(Stamp::at(&self.path), Ok(Some(found)) if found.same_file(&self.database))
    }

    /// Moves the file and its log aside, to a name with the time.
    pub(super) fn move_aside(&self, now: Time) -> Result<PathBuf> {
        // Follow links again: they may have changed since it was opened.
        let real = self.path.canonicalize().map_err(|error| from_io(&error))?;
        let aside = free_name(&real, now)?;
        fs::rename(&real, &aside).map_err(|error| from_io(&error))?;
        // Without the log it may lack the last commits; there is no log if it was closed properly.
        let _ = fs::rename(beside(&real, "-wal"), beside(&aside, "-wal"));
        let _ = fs::remove_file(beside(&real, "-shm"));
        Ok(aside)
    }

    /// Whether the file is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.database.size == 0
    }

    /// Removes the file, which is ours and empty.
    pub(super) fn remove(self) {
        for path in [&self.real, &beside(&self.real, "-wal"), &beside(&self.real, "-shm")] {
            // Anything left is moved aside by the next attempt.
            let _ = fs::remove_file(path);
        }
    }
}

/// The path with this suffix appended.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// `state.db.aside-20261128T221005Z`, if no such file exists yet.
fn free_name(real: &Path, now: Time) -> Result<PathBuf> {
    let time: String = now.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let time = time.split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned();
    for nth in 0..ASIDE_TRIES {
        let suffix = if nth == 0 { format!(".aside-{time}Z") } else { format!(".aside-{time}Z-{nth}") };
        let aside = beside(real, &suffix);
        if fs::symlink_metadata(&aside).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(aside);
        }
    }
    Err(StoreProblem::Other("it cannot be moved aside: every name for that is taken".to_owned()))
}

fn check_is_file(found: &Metadata) -> Result<()> {
    let kind = found.file_type();
    Err(StoreProblem::NotAFile(match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "this is a directory",
        () if kind.is_fifo() => "this is a pipe",
        () if kind.is_socket() => "this is a socket",
        () => "this is a device",
    }))
}

//! Reads the policy files from disk before they are parsed.

use super::problem::{Problem, Problems, Source};
use super::secrets::Readable;
use super::{Loaded, parse, salvage_texts};
use crate::domain::policy::Settings;
use crate::domain::time::Time;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The directory beside the main file whose `*.toml` files are merged.
pub const EXTRA_DIR: &str = "lifeboat.d";
/// Maximum size of a policy file.
pub const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Maximum number of files read from [`EXTRA_DIR`].
const EXTRA_FILES_MAX: usize = 1_000;

/// Time limit of reading: a dead network file system, and some kernel files, never respond.
const READ_WITHIN: Duration = Duration::from_secs(5);
/// Maximum number of hung reads, each of which occupies a thread. Beyond it no further read is started.
const STUCK_MAX: usize = 16;
static STUCK: AtomicUsize = AtomicUsize::new(0);

/// Reads the policy file at `path` and the files of `lifeboat.d/` beside it, ordered by name. Returns within seconds,
/// whatever these files are.
///
/// Schedules are evaluated from `now` on.
///
/// # Errors
/// All problems, if any is an error.
pub fn load(path: &Path, now: Time) -> Result<Loaded, Problems> {
    let unread = |what: &str| {
        let hint = "see whether its file system answers, and whether it is a file that a person wrote";
        Problems { unread: true, ..Problems::one(Problem::of_file(&name_of(path), what, hint)) }
    };
    if STUCK.load(Ordering::SeqCst) >= STUCK_MAX {
        return Err(unread("it cannot be read: earlier attempts to read it have not come back yet"));
    }
    let (done, loaded) = mpsc::sync_channel(1);
    let owned = path.to_owned();
    // Set by the reader at its end or by the caller at its timeout; the second of them sees it.
    let over = Arc::new(AtomicBool::new(false));
    let ended = over.clone();
    let reader = thread::Builder::new().name("policy".to_owned()).spawn(move || {
        // After a timeout the receiver is gone.
        let _ = done.send(load_here(&owned, now));
        if ended.swap(true, Ordering::SeqCst) {
            STUCK.fetch_sub(1, Ordering::SeqCst);
        }
    });
    if let Err(error) = reader {
        return Err(unread(&format!("it cannot be read now: there is no thread to be had ({error})")));
    }
    match loaded.recv_timeout(READ_WITHIN) {
        Ok(loaded) => loaded,
        Err(RecvTimeoutError::Timeout) => {
            STUCK.fetch_add(1, Ordering::SeqCst);
            if over.swap(true, Ordering::SeqCst) {
                STUCK.fetch_sub(1, Ordering::SeqCst);
            }
            Err(unread(&format!("it cannot be read: nothing came within {} s", READ_WITHIN.as_secs())))
        }
        Err(RecvTimeoutError::Disconnected) => Err(unread("it cannot be read: reading it failed within this program")),
    }
}

/// The same, without a time limit.
fn load_here(path: &Path, now: Time) -> Result<Loaded, Problems> {
    let mut files = Vec::new();
    let mut unread = Vec::new();
    match read(path) {
        Ok(text) => files.push((name_of(path), text)),
        // The other files mean nothing without this one.
        Err(problem) => return Err(Problems { unread: true, ..Problems::one(*problem) }),
    }
    match extra_paths(path) {
        Ok(paths) => {
            for path in paths {
                match read(&path) {
                    Ok(text) => files.push((name_of(&path), text)),
                    Err(problem) => unread.push(*problem),
                }
            }
        }
        Err(problem) => unread.push(*problem),
    }
    if unread.is_empty() {
        return parse(&files, now);
    }
    let (mut problems, more) = match parse(&files, now) {
        Ok(_) => (Vec::new(), 0),
        Err(problems) => (problems.problems, problems.more),
    };
    unread.append(&mut problems);
    Err(Problems { problems: unread, more, unread: false })
}

/// What can be read of invalid policy files, with defaults for the rest: enough to ask a running daemon, or the
/// database it left, while a person is still correcting the file. Policies with a problem are left out. A file that
/// could not be read at all (see `problems`) is not read again.
#[must_use]
pub fn salvage(path: &Path, problems: &Problems, now: Time) -> Option<Settings> {
    if problems.unread {
        return salvage_texts(&[(name_of(path), String::new())], now);
    }
    let main = read(path).unwrap_or_default();
    let extra = extra_paths(path).unwrap_or_default();
    let mut files = vec![(name_of(path), main)];
    files.extend(extra.iter().filter_map(|path| read(path).ok().map(|text| (name_of(path), text))));
    salvage_texts(&files, now)
}

/// The `*.toml` files beside the main one, by name, without hidden files, which editors leave behind.
fn extra_paths(main: &Path) -> Result<Vec<PathBuf>, Box<Problem>> {
    let dir = main.parent().unwrap_or(Path::new("")).join(EXTRA_DIR);
    let wrong = |error: &io::Error| Box::new(unreadable(&dir, error));
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(&error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| wrong(&error))?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    if paths.len() > EXTRA_FILES_MAX {
        let what = format!("there are {} files here, more than {EXTRA_FILES_MAX}", paths.len());
        let hint = "put several policies into one file";
        return Err(Box::new(Problem::of_file(&name_of(&dir), what, hint)));
    }
    paths.sort();
    Ok(paths)
}

/// The path as shown in messages: on one line, whatever it contains.
fn name_of(path: &Path) -> String {
    path.display().to_string().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn read(path: &Path) -> Result<String, Box<Problem>> {
    let name = name_of(path);
    let refused = |what: &str, hint: &str| Box::new(Problem::of_file(&name, what, hint));
    let failed = |error: io::Error| Box::new(unreadable(path, &error));
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(refused("this is a directory", "name the policy file in it"));
    }
    if !metadata.is_file() {
        // Opening a pipe could block forever, and a device never ends.
        return Err(refused("this is not a regular file", "write the policy into a file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_MAX_BYTES {
        let what = format!("this is larger than {} MiB", FILE_MAX_BYTES / (1024 * 1024));
        return Err(refused(&what, "is it the right file? Large policies can be split into `lifeboat.d/*.toml`"));
    }
    String::from_utf8(bytes).map_err(|error| Box::new(not_utf8(&name, &error)))
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let (what, hint) = match error.kind() {
        ErrorKind::NotFound => ("there is no such file".to_owned(), "write one, or name another with `--config FILE`"),
        ErrorKind::PermissionDenied => (
            "this user may not read it".to_owned(),
            "let the user that runs Lifeboat read it, for example with `chgrp lifeboat` and `chmod g+r`",
        ),
        ErrorKind::NotADirectory => {
            ("part of this path is a file, not a directory".to_owned(), "make it a directory, or move the file away")
        }
        _ => (format!("it cannot be read: {error}"), "see that the path and the disk are sound"),
    };
    Problem::of_file(&name_of(path), what, hint)
}

fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> Problem {
    let good = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes());
    let source = Source::new(name, &Readable::of(&text), Vec::new());
    let hint = if error.as_bytes().starts_with(&[0xff, 0xfe]) || error.as_bytes().starts_with(&[0xfe, 0xff]) {
        "this looks like UTF-16: save the file as UTF-8"
    } else {
        "save the file as UTF-8, without letters of an older encoding"
    };
    let end = good + char::REPLACEMENT_CHARACTER.len_utf8();
    Problem::at(&source.location(good..end), "this is not UTF-8", hint)
}

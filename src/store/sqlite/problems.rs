//! Errors of SQLite and the operating system, grouped by what a person has to do; messages are in their own words.

use super::SAID_MAX_CHARS;
use crate::domain::fault::clean;
use crate::store::StoreProblem;
use std::io::ErrorKind;

/// Classifies an SQLite error by its result code (sqlite.org/rescode.html).
pub(super) fn from_sqlx(error: &sqlx::Error) -> StoreProblem {
    let text = clean(&error.to_string(), SAID_MAX_CHARS);
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    let text = match code.and_then(meaning) {
        Some(meaning) => format!("{text}: {meaning}"),
        None => text,
    };
    match code.map(|code| code & 0xff) {
        // 1 means a missing table or column, 19 and 20 mean rows that violate constraints or types.
        Some(1 | 11 | 19 | 20 | 26) => StoreProblem::Corrupt(text),
        Some(3 | 8 | 14 | 23) => StoreProblem::ReadOnly(text),
        Some(5 | 6) => StoreProblem::Busy(text),
        Some(13) => StoreProblem::Full(text),
        Some(10) => StoreProblem::Io(text),
        // A row of ours is missing, or has a value that this program never wrote.
        _ if matches!(error, sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. }) => {
            StoreProblem::Corrupt(text)
        }
        _ => StoreProblem::Other(text),
    }
}

/// The meaning of an extended result code; SQLite's message is the same for all codes of a group.
fn meaning(code: u32) -> Option<&'static str> {
    Some(match code {
        266 => "a read failed",
        522 => "the file is shorter than it has to be",
        778 => "a write failed",
        1034 | 1290 => "what was written could not be made to reach the disk",
        1546 => "the file could not be cut back",
        1802 => "the file could not be looked at",
        2058 | 2314 | 3850 => "a lock could not be set or lifted",
        2570 => "a file could not be removed",
        3082 => "there is too little memory",
        4618 | 4874 | 5130 | 5386 => "the shared memory beside the file could not be made",
        8458 => "the file system says that it is damaged",
        _ => return None,
    })
}

/// A name that is too long and a loop of links (ENAMETOOLONG, ELOOP), which have no name in the standard library yet.
const NO_SUCH_PATH: [i32; 2] = [36, 40];

/// The operating system's own description of a file error.
pub(super) fn from_io(error: &std::io::Error) -> StoreProblem {
    let text = clean(&error.to_string(), SAID_MAX_CHARS);
    match error.kind() {
        _ if error.raw_os_error().is_some_and(|code| NO_SUCH_PATH.contains(&code)) => {
            StoreProblem::Other(format!("there can be no file at this path: {text}"))
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreProblem::Full(text),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreProblem::ReadOnly(text),
        ErrorKind::IsADirectory => StoreProblem::NotAFile("this is a directory"),
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            StoreProblem::Other(format!("there can be no file at this path: {text}"))
        }
        _ => StoreProblem::Io(text),
    }
}

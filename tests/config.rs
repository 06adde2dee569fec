//! The samples load, the mistakes are explained, and nothing makes the reader panic.

use lifeboat::config::{self, Loaded, Problems};
use lifeboat::domain::time::Time;
use std::fs;
use std::path::{Path, PathBuf};

fn now() -> Time {
    Time::parse_rfc3339("2026-11-21T08:00:00Z").unwrap()
}

fn parse(text: &str) -> Result<Loaded, Problems> {
    config::parse(&[("lifeboat.toml".to_owned(), text.to_owned())], now())
}

/// The `*.toml` files of a directory of this repository, by name.
fn files_of(dir: &str) -> Vec<(String, PathBuf)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let mut files: Vec<(String, PathBuf)> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    files.sort();
    files
}

#[test]
fn every_sample_loads_without_a_warning() {
    let samples = files_of("config");
    assert!(!samples.is_empty());
    for (name, path) in samples {
        let loaded = config::load(&path, now()).unwrap_or_else(|problems| panic!("{name}:\n{problems}"));
        assert!(loaded.warnings.is_empty(), "{name}: {}", loaded.warnings[0]);
    }
}

/// With `UPDATE_SAVED=1` the messages are written anew instead of compared: read the difference before committing it.
#[test]
fn every_mistake_is_refused_with_its_saved_message() {
    let update = std::env::var_os("UPDATE_SAVED").is_some();
    let mistakes = files_of("tests/invalid");
    assert!(mistakes.len() >= 100);
    let mut wrong = Vec::new();
    for (name, path) in mistakes {
        let text = fs::read_to_string(&path).unwrap();
        let Err(problems) = config::parse(&[(name.clone(), text)], now()) else {
            wrong.push(format!("{name} is accepted"));
            continue;
        };
        for problem in &problems.problems {
            assert!(problem.place.is_some() && !problem.hint.is_empty(), "{name}: {problem}");
            let place = format!("{name}:{}:{}", problem.line().unwrap(), problem.column().unwrap());
            assert!(problem.render(false).contains(&place), "{place} is not drawn:\n{problem}");
        }
        let saved_path = path.with_extension("txt");
        let message = format!("{problems}\n");
        if update {
            fs::write(&saved_path, &message).unwrap();
        } else if fs::read_to_string(&saved_path).ok().as_deref() != Some(message.as_str()) {
            wrong.push(format!("{name} is not refused with the saved message but with:\n{message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

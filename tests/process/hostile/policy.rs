//! Policy files that were cut off, written twice, edited with the wrong program, or by somebody who means harm.

use super::fuzz_rng::{below, digits, each_case, one, text};
use lifeboat::config::{self, Problems, Severity};
use lifeboat::domain::time::Time;
use lifeboat::sim::Rng;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A file is read in much less, even by a program that was compiled for tests, on a busy machine.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// What is wrong with a file as a whole has no line.
const OF_THE_WHOLE_FILE: [&str; 2] = ["this is larger than", "there is no policy"];

/// Every sample and every known mistake.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = ["config", "tests/pure/invalid"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
});

fn now() -> Time {
    Time::parse_rfc3339("2026-11-21T08:00:00Z").unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// One thing happens to a file.
fn harm(file: &mut Vec<u8>, rng: &mut Rng) {
    let at = below(rng, file.len() + 1);
    match rng.below(12) {
        0 => file.truncate(at),
        1 => {
            let other = below(rng, file.len().max(1));
            if at < file.len() {
                file.swap(at, other);
            }
        }
        2 => {
            let mut all = lines(file);
            let doubled = below(rng, all.len().max(1));
            if let Some(line) = all.get(doubled).cloned() {
                all.insert(below(rng, all.len()), line);
            }
            *file = all.concat();
        }
        3 => {
            let mut all = lines(file);
            if !all.is_empty() {
                let (a, b) = (below(rng, all.len()), below(rng, all.len()));
                all.swap(a, b);
            }
            *file = all.concat();
        }
        4 => {
            let end = (at + below(rng, 40)).min(file.len());
            file.drain(at..end);
        }
        5 => insert(file, at, text(rng).as_bytes()),
        6 => insert(file, at, &[rng.next_u64() as u8]),
        7 => insert(file, at, nested(rng).as_bytes()),
        8 => value(file, &digits(rng), rng),
        9 => {
            let quoted = serde_json::to_string(&text(rng)).unwrap();
            value(file, &quoted, rng);
        }
        10 => {
            let text = nested(rng);
            value(file, &text, rng);
        }
        _ => {
            if let Some(byte) = file.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
    }
}

fn insert(file: &mut Vec<u8>, at: usize, what: &[u8]) {
    file.splice(at..at, what.iter().copied());
}

/// Puts another value behind the `=` of some line.
fn value(file: &mut Vec<u8>, value: &str, rng: &mut Rng) {
    let mut all = lines(file);
    let given: Vec<usize> = (0..all.len()).filter(|line| all[*line].contains(&b'=')).collect();
    if given.is_empty() {
        return;
    }
    let line = &mut all[given[below(rng, given.len())]];
    line.truncate(line.iter().position(|byte| *byte == b'=').unwrap() + 1);
    line.extend(format!(" {value}\n").bytes());
    *file = all.concat();
}

/// Things within things, as deep as a stack is not.
fn nested(rng: &mut Rng) -> String {
    let depth = one(rng, &[3, 81, 500, 20_000]);
    match rng.below(6) {
        0 => "[".repeat(depth),
        1 => format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
        2 => "{a=".repeat(depth),
        3 => format!("\n{}a = 1\n", "a.".repeat(depth)),
        4 => format!("\n[{}a]\n", "a.".repeat(depth)),
        _ => "[[policy]]\n".repeat(depth),
    }
}

/// Whatever is wrong is said where it is, so that it can be shown to a person.
fn well_told(problems: &Problems) {
    assert!(problems.problems.iter().any(|problem| problem.severity == Severity::Error));
    for problem in &problems.problems {
        assert!(!problem.file.is_empty() && !problem.what.is_empty() && !problem.hint.is_empty(), "{problem}");
        let placed = problem.line().is_some_and(|line| line > 0) && problem.column().is_some_and(|column| column > 0);
        assert!(placed || OF_THE_WHOLE_FILE.iter().any(|what| problem.what.starts_with(what)), "{problem}");
    }
    let drawn = problems.render(false);
    assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn:?}");
    assert!(drawn.len() < 2_000_000, "{} bytes of complaint", drawn.len());
    assert!(!problems.render(true).is_empty());
    assert!(serde_json::to_value(problems).is_ok());
}

#[test]
fn no_policy_file_brings_the_reader_down() {
    each_case("no_policy_file_brings_the_reader_down", 400, |rng| {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("lifeboat.toml");
        let files = if rng.percent(10.0) { 3 } else { 1 };
        for number in 0..files {
            let mut file = one(rng, &FILES);
            for _ in 0..1 + rng.below(5) {
                harm(&mut file, rng);
            }
            let path = if number == 0 { main.clone() } else { folder.path().join(format!("lifeboat.d/{number}.toml")) };
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        let began = Instant::now();
        match config::load(&main, now()) {
            Ok(loaded) => {
                assert!(!loaded.settings.policies.is_empty());
                loaded.warnings.iter().for_each(|warning| assert!(!warning.render(true).is_empty()));
            }
            Err(problems) => well_told(&problems),
        }
        // What a command falls back on while the file is being mended.
        if let Err(problems) = config::load(&main, now()) {
            let _ = config::salvage(&main, &problems, now());
        }
        assert!(began.elapsed() < READ_WITHIN, "took {:?}", began.elapsed());
    });
}

/// The largest file that is read at all, filled with the worst.
#[test]
fn no_large_file_takes_long() {
    for unit in [
        "[[policy]]\n",
        "[",
        "{a=",
        "a.",
        "\"",
        "x = [[[\n",
        "x = 1\n",
        "\u{202e}",
        "[[policy]]\nname=\"a\"\nschedule=\"* * * * *\"\n",
        "'''",
    ] {
        let bytes = 256 * 1024;
        let text = unit.repeat(bytes / unit.len());
        let began = Instant::now();
        let problems = config::parse(&[("lifeboat.toml".to_owned(), text)], now()).unwrap_err();
        well_told(&problems);
        assert!(began.elapsed() < READ_WITHIN, "{unit:?} took {:?}", began.elapsed());
    }
}

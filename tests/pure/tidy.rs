//! House rules, read off the source and the simulated world of the tests: who may use whom, what may not be used where, and
//! how long a file may be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Modules by layer; a module may use those on lower layers only.
const LAYERS: [(&str, u8); 10] = [
    ("domain", 1),
    ("config", 2),
    ("store", 2),
    ("engine", 2),
    ("planner", 2),
    ("driver", 3),
    ("sim", 4),
    ("report", 4),
    ("daemon", 5),
    ("cli", 6),
];

/// (words, where they are allowed, why not elsewhere)
const ONLY_IN: [(&[&str], &[&str], &str); 7] = [
    (&["Sqlite"], &["src/store/", "src/cli/logs.rs"], "which store it is, the store knows"),
    (&["FsxEngine"], &["src/engine/"], "which engine it is, the engine knows"),
    (&["aws_sdk_"], &["src/engine/"], "AWS is behind the engine"),
    (&["sqlx"], &["src/store/", "src/cli/logs.rs"], "SQL is behind the store"),
    (
        &["hyper::", "hyper_util::", "hyper_rustls::"],
        &[
            "src/report/http.rs",
            "src/report/http/",
            "src/daemon/control.rs",
            "src/daemon/notify/client.rs",
            "src/sim/endpoint.rs",
            "src/sim/endpoint/",
            "src/cli/http_client.rs",
        ],
        "HTTP stays in the HTTP files",
    ),
    (&["prometheus::"], &["src/report/metrics.rs", "src/report/metrics/"], "metrics are drawn in one place"),
    (&["croner::"], &["src/domain/schedule.rs"], "there is one calendar"),
];

/// What the pure modules may not touch.
const IMPURE: [&str; 16] = [
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "std::env",
    "std::fs",
    "TcpStream",
    "std::process",
    "std::thread",
    "tokio",
    "HashMap",
    "HashSet",
    "rand::",
    "println!",
    "tracing::",
    "async fn",
];

/// The world that drives the planner, and what it is judged by.
const WORLD: &str = "tests/world/";
/// It stands on the layer of the simulator: these modules are above it, or beside it.
const NOT_FOR_THE_WORLD: [&str; 3] = ["report", "daemon", "cli"];
/// What may judge it: the types, the calendar and the state of the simulated FSx. A checker that used a rule of the planner
/// would share its mistakes.
const FOR_CHECKS: [&str; 2] = ["domain", "sim"];

/// The longest file, without its tests.
const LINES_MAX: usize = 400;
/// Longer ones, and why.
const LONGER: [(&str, usize, &str); 3] = [
    ("src/domain/change.rs", 460, "one enum, of which each variant is documented"),
    ("tests/world/mod.rs", 450, "the world itself"),
    ("tests/world/checks/flow.rs", 450, "three promises that share what is undisturbed"),
];

struct Source {
    path: String,
    /// Its lines with their numbers, without its tests.
    code: Vec<(usize, String)>,
}

/// The lines of a text that are not of its tests, wherever those stand: what `#[cfg(test)]` marks goes up to the end of
/// that item, and what follows it is code again.
fn without_tests(text: &str) -> Vec<(usize, String)> {
    let (mut kept, mut in_tests) = (Vec::new(), false);
    for (at, line) in text.lines().enumerate() {
        if line == "#[cfg(test)]" {
            in_tests = true;
        } else if in_tests {
            let ends = line.ends_with([';', '}']) && !line.starts_with([' ', '/', '#']);
            in_tests = !ends;
        } else {
            kept.push((at + 1, line.to_owned()));
        }
    }
    kept
}

#[test]
fn what_follows_the_tests_is_read_as_well() {
    let numbers = |text: &str| without_tests(text).into_iter().map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(numbers("one\n#[cfg(test)]\nmod tests;\nfour"), [1, 4]);
    assert_eq!(numbers("one\n#[cfg(test)]\n#[path]\nmod tests {\n    fn f() {}\n}\nseven"), [1, 7]);
    assert_eq!(
        numbers("one\n#[cfg(test)]\nconst X: [u8; 2] = [\n    1,\n];\nsix\n#[cfg(test)]\nuse x;\nnine"),
        [1, 6, 9]
    );
    // Code that is compiled for tests alone and stands within an item would be read as code, and be told from it nowhere.
    for Source { path, code } in sources() {
        assert!(code.iter().all(|(_, line)| !line.contains("cfg(test)")), "{path}");
    }
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    collect(Path::new("src"), &mut paths);
    collect(Path::new(WORLD), &mut paths);
    paths.sort();
    assert!(paths.len() > 30, "the source was not found");
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            Source { path: path.display().to_string(), code: without_tests(&text) }
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// Lines that are code, with their numbers.
fn code_lines(code: &[(usize, String)]) -> impl Iterator<Item = (usize, &str)> {
    code.iter().map(|(at, line)| (*at, &**line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn module(path: &str) -> Option<&str> {
    path.strip_prefix("src/")?.split(['/', '.']).next()
}

#[test]
fn modules_use_only_lower_layers() {
    let layers: BTreeMap<&str, u8> = LAYERS.into();
    let mut wrong = Vec::new();
    for Source { path, code } in sources() {
        let Some((own, layer)) = module(&path).and_then(|module| Some((module, *layers.get(module)?))) else {
            continue;
        };
        for (line, text) in code_lines(&code) {
            for used in text.split("crate::").skip(1) {
                let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                if let Some(other) = layers.get(used)
                    && used != own
                    && *other >= layer
                {
                    wrong.push(format!("{path}:{line}: {own} uses {used}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_world_uses_nothing_above_it_and_its_checks_nothing_that_decides() {
    let (mut wrong, mut files) = (Vec::new(), 0);
    for Source { path, code } in sources().into_iter().filter(|source| source.path.starts_with(WORLD)) {
        files += 1;
        let checks = path.starts_with("tests/world/checks");
        for (line, text) in code_lines(&code) {
            for used in text.split("lifeboat::").skip(1) {
                let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                if NOT_FOR_THE_WORLD.contains(&used) || checks && !FOR_CHECKS.contains(&used) {
                    wrong.push(format!("{path}:{line}: {used}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files > 20, "the world was not found");
}

#[test]
fn outside_things_stay_behind_their_modules() {
    let mut wrong = Vec::new();
    for Source { path, code } in sources() {
        for (words, allowed, why) in ONLY_IN {
            if allowed.iter().any(|allowed| path.starts_with(allowed)) {
                continue;
            }
            for (line, text) in code_lines(&code) {
                if let Some(word) = words.iter().find(|word| text.contains(**word)) {
                    wrong.push(format!("{path}:{line}: {word}: {why}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_pure_modules_are_pure() {
    let mut wrong = Vec::new();
    for Source { path, code } in sources() {
        if ![WORLD, "src/domain/", "src/planner/"].iter().any(|pure| path.starts_with(pure)) {
            continue;
        }
        for (line, text) in code_lines(&code) {
            if let Some(word) = IMPURE.iter().find(|word| text.contains(**word)) {
                wrong.push(format!("{path}:{line}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_open_or_unsafe() {
    let mut wrong = Vec::new();
    for Source { path, code } in sources() {
        for (line, text) in code_lines(&code) {
            for word in ["todo!(", "unimplemented!(", "FIXME", "XXX", "unsafe {", "unsafe fn", "dbg!("] {
                if text.contains(word) {
                    wrong.push(format!("{path}:{line}: {word}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_can_be_read_at_one_sitting() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|source| {
            let longer = LONGER.iter().find(|(path, ..)| *path == source.path);
            source.code.len() > longer.map_or(LINES_MAX, |(_, lines, _)| *lines)
        })
        .map(|source| format!("{}: {} lines", source.path, source.code.len()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.code.first().is_some_and(|(_, line)| line.starts_with("//!")))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn names_say_what_things_are() {
    let vague: Vec<String> = sources()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| ["util", "common", "manager", "helper"].iter().any(|word| path.contains(word)))
        .collect();
    assert!(vague.is_empty(), "{}", vague.join("\n"));
}

#[test]
fn the_manual_shows_the_sample_that_is_tested() {
    let sample = std::fs::read_to_string("config/minimal.toml").unwrap();
    let policy = sample.split_once("\n\n").map_or(sample.as_str(), |(_, policy)| policy);
    assert!(std::fs::read_to_string("README.md").unwrap().contains(policy.trim()), "README.md shows another policy");
}

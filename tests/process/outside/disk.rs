//! The database is the file at its path.

use super::{SOON, quiet, ready, stderr};
use crate::support::{Bench, Daemon, free_address, wait_until};
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A daemon whose database was closed in order once, so that all of it is in the file, with a pause on record.
fn settled() -> (Bench, Daemon) {
    let bench = Bench::new(2000.0, "");
    bench.write_policy(&quiet());
    let daemon = bench.daemon();
    ready(&bench);
    assert!(bench.run(&["backup", "one", "--wait"]).status.success(), "{}", bench.log());
    assert!(bench.run(&["pause", "one", "--reason", "before"]).status.success(), "{}", bench.log());
    daemon.signal("TERM");
    assert_eq!(daemon.exit_code(SOON), 0);
    let daemon = bench.daemon();
    ready(&bench);
    (bench, daemon)
}

fn beside(bench: &Bench, suffix: &str) -> PathBuf {
    bench.path(&format!("state.db{suffix}"))
}

fn lines(bench: &Bench, words: &str) -> usize {
    bench.log().lines().filter(|line| line.contains(words)).count()
}

fn scribble(path: &Path, from: u64, bytes: usize) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    file.write_all(&vec![0xa7; bytes]).unwrap();
}

/// The reason of the pause that a next process knows of.
fn pause_after_a_kill(bench: &Bench, daemon: Daemon) -> String {
    daemon.kill();
    let again = bench.daemon();
    ready(bench);
    let status = bench.status().unwrap();
    let policy = &status["policies"][0];
    let reason = policy["paused"]["reason"].as_str().unwrap_or_default().to_owned();
    again.kill();
    reason
}

fn asides(bench: &Bench) -> Vec<String> {
    let names =
        fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".aside-") && !name.ends_with("-wal")).collect()
}

/// One thing that is done to a file.
type FileHarm = (&'static str, fn(&Path));

/// One thing that is done to a database, and whether something is left to be moved aside.
type Harm = (&'static str, fn(&Bench), bool);

#[test]
fn a_file_that_is_lost_or_changed_is_said_once_and_written_anew() {
    let harms: [Harm; 9] = [
        ("removed", |bench| bench.lose_database(), false),
        ("the file alone removed", |bench| fs::remove_file(bench.database()).unwrap(), false),
        ("cut to nothing", |bench| drop(fs::File::create(bench.database()).unwrap()), true),
        (
            "cut by a page",
            |bench| {
                let file = fs::File::options().write(true).open(bench.database()).unwrap();
                file.set_len(file.metadata().unwrap().len() - 4096).unwrap();
            },
            true,
        ),
        (
            "replaced by a copy",
            |bench| {
                fs::copy(bench.database(), bench.path("copy")).unwrap();
                fs::rename(bench.path("copy"), bench.database()).unwrap();
            },
            true,
        ),
        (
            "another file linked in its place",
            |bench| {
                fs::write(bench.path("other"), "nothing of ours").unwrap();
                fs::remove_file(bench.database()).unwrap();
                fs::hard_link(bench.path("other"), bench.database()).unwrap();
            },
            true,
        ),
        ("its log removed", |bench| fs::remove_file(beside(bench, "-wal")).unwrap(), true),
        ("its log cut", |bench| drop(fs::File::create(beside(bench, "-wal")).unwrap()), true),
        (
            "written over",
            |bench| {
                let length = fs::metadata(bench.database()).unwrap().len();
                scribble(&bench.database(), 8192, usize::try_from(length).unwrap() - 8192);
            },
            true,
        ),
    ];
    for (what, harm, leaves) in harms {
        let (bench, daemon) = settled();
        harm(&bench);
        let order = bench.run(&["pause", "one", "--reason", "after"]);
        assert!(order.status.success(), "{what}: {}\n{}", stderr(&order), bench.log());
        wait_until("ready", SOON, || bench.get("/readyz").is_some());
        assert_eq!(lines(&bench, "ERROR"), 1, "{what}: {}", bench.log());
        assert_eq!(lines(&bench, "a new database holds all that was in memory"), 1, "{what}: {}", bench.log());
        assert_eq!(asides(&bench).len(), usize::from(leaves), "{what}: {:?}", asides(&bench));
        // The state is whole: what was made is still known, without a listing.
        let points = bench.run(&["points", "--json"]);
        assert!(String::from_utf8_lossy(&points.stdout).contains("us-west-2"), "{what}: {}", stderr(&points));
        assert_eq!(pause_after_a_kill(&bench, daemon), "after", "{what}");
    }
}

#[test]
fn without_an_order_a_lost_file_is_found_within_moments() {
    let (bench, daemon) = settled();
    bench.lose_database();
    wait_until("written anew", SOON, || bench.database().exists() && lines(&bench, "a new database holds") == 1);
    // Moved away and back: the one that is there now is not the one that is open.
    fs::rename(bench.database(), bench.path("away")).unwrap();
    wait_until("written anew", SOON, || lines(&bench, "a new database holds") == 2);
    fs::rename(bench.path("away"), bench.database()).unwrap();
    wait_until("written anew", SOON, || lines(&bench, "a new database holds") == 3);
    assert_eq!(asides(&bench).len(), 1);
    ready(&bench);
    assert_eq!(pause_after_a_kill(&bench, daemon), "before");
}

#[test]
fn while_there_can_be_no_file_no_order_stands_and_it_goes_on_by_itself() {
    let (bench, daemon) = settled();
    bench.lose_database();
    fs::create_dir(bench.database()).unwrap();
    let order = bench.run(&["pause", "one", "--reason", "after"]);
    assert_eq!(order.status.code(), Some(1), "{}", stderr(&order));
    assert!(stderr(&order).contains("directory"), "{}", stderr(&order));
    wait_until("not ready", SOON, || bench.answer("/readyz").is_some_and(|(status, _)| status == 503));
    assert!(bench.answer("/readyz").unwrap().1.contains("this is a directory"));
    fs::remove_dir(bench.database()).unwrap();
    ready(&bench);
    assert_eq!(lines(&bench, "ERROR"), 1, "{}", bench.log());
    assert!(bench.run(&["pause", "one", "--reason", "after"]).status.success());
    assert_eq!(pause_after_a_kill(&bench, daemon), "after");
}

#[test]
fn a_file_that_is_touched_is_checked_and_kept() {
    let (bench, daemon) = settled();
    fs::File::options().write(true).open(bench.database()).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    assert!(bench.run(&["pause", "one", "--reason", "after"]).status.success());
    ready(&bench);
    assert_eq!((lines(&bench, "ERROR"), asides(&bench).len()), (0, 0), "{}", bench.log());
    assert_eq!(pause_after_a_kill(&bench, daemon), "after");
}

#[test]
fn a_second_daemon_is_kept_out_by_whatever_path_it_comes() {
    let bench = Bench::new(600.0, "");
    let policy = bench.write_policy(&quiet());
    let _daemon = bench.daemon();
    ready(&bench);
    fs::create_dir(bench.path("folder")).unwrap();
    symlink(bench.database(), bench.path("link.db")).unwrap();
    symlink(bench.folder.path(), bench.path("here")).unwrap();
    fs::hard_link(bench.database(), bench.path("hard.db")).unwrap();
    let _ = fs::remove_file(bench.path("state.db.lock"));
    let text = fs::read_to_string(policy).unwrap();
    for other in ["state.db", "link.db", "here/state.db", "folder/../state.db", "hard.db"] {
        let listen = free_address();
        let text = text.replace("state.db", other).replace(&bench.listen.to_string(), &listen.to_string());
        fs::write(bench.path("second.toml"), text.replace("control.sock", "second.sock")).unwrap();
        let second = bench.run(&["run", "--config", bench.path("second.toml").to_str().unwrap()]);
        assert_eq!(second.status.code(), Some(1), "{other}: {}", stderr(&second));
        assert!(stderr(&second).contains("another lifeboat"), "{other}: {}", stderr(&second));
    }
    // Whoever only reads is let in.
    let points = bench.run(&["points"]);
    assert!(points.status.success(), "{}", stderr(&points));
    assert!(bench.run(&["pause", "one"]).status.success());
}

#[test]
fn a_second_daemon_on_the_lost_path_keeps_what_it_made() {
    let bench = Bench::new(600.0, "");
    let policy = bench.write_policy(&quiet());
    let _first = bench.daemon();
    ready(&bench);
    // Nothing of the first is at the path while the second starts, which has its own listener.
    let stopped = std::process::Command::new("kill").args(["-STOP", &_first.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    bench.lose_database();
    let listen = free_address();
    let text = fs::read_to_string(policy).unwrap().replace(&bench.listen.to_string(), &listen.to_string());
    let second = bench.path("second.toml");
    fs::write(&second, text.replace("control.sock", "second.sock")).unwrap();
    let log = fs::File::create(bench.path("second.log")).unwrap();
    let child = bench.command(&["run", "--config", second.to_str().unwrap()]).stderr(log).spawn().unwrap();
    let _second = Daemon { child };
    wait_until("the second runs", SOON, || bench.path("second.sock").exists());
    assert!(bench.run(&["pause", "one", "--reason", "its own", "--config", second.to_str().unwrap()]).status.success());
    _first.signal("CONT");
    wait_until("said", SOON, || bench.answer("/readyz").is_some_and(|(_, said)| said.contains("another lifeboat")));
    let order = bench.run(&["pause", "one", "--reason", "lost"]);
    assert!(stderr(&order).contains("another lifeboat"), "{}", stderr(&order));
    assert_eq!(asides(&bench), Vec::<String>::new());
    assert!(bench.path("state.db-wal").exists(), "the log of the second is left alone");
    drop(_second);
    // Now it is nobody's.
    ready(&bench);
    assert_eq!(asides(&bench).len(), 1);
}

#[test]
fn a_corrupt_file_is_moved_aside_at_a_start_and_rebuilt_from_aws() {
    let garbage: [FileHarm; 3] = [
        ("no database", |path| fs::write(path, b"this is not a database, and somebody may want it back").unwrap()),
        ("its first page", |path| scribble(path, 0, 4096)),
        ("all but its first page", |path| {
            let length = fs::metadata(path).unwrap().len();
            scribble(path, 4096, usize::try_from(length).unwrap() - 4096);
        }),
    ];
    for (what, harm) in garbage {
        let (bench, daemon) = settled();
        daemon.signal("TERM");
        assert_eq!(daemon.exit_code(SOON), 0);
        harm(&bench.database());
        let harmed = fs::read(bench.database()).unwrap();
        let _daemon = bench.daemon();
        ready(&bench);
        let aside = asides(&bench);
        assert_eq!(aside.len(), 1, "{what}");
        assert_eq!(fs::read(bench.path(&aside[0])).unwrap(), harmed, "{what}");
        assert_eq!(lines(&bench, "ERROR"), 1, "{what}: {}", bench.log());
        assert!(bench.log().contains(&aside[0]), "{what}: it is said where it is");
        let points = || String::from_utf8_lossy(&bench.run(&["points", "--json"]).stdout).contains("us-west-2");
        wait_until("what AWS holds is known again", SOON, points);
    }
}

#[test]
fn what_cannot_be_a_database_is_told_in_its_own_words_and_nothing_is_promised() {
    let bench = Bench::new(600.0, "");
    let text = fs::read_to_string(bench.write_policy(&quiet())).unwrap();
    let state = bench.database().display().to_string();
    let pipe = bench.path("pipe.db");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink(bench.path("loop.db"), bench.path("loop.db")).unwrap();
    fs::write(bench.path("plain"), "").unwrap();
    for (path, words) in [
        (pipe.display().to_string(), "this is a pipe"),
        ("/dev/null".to_owned(), "this is a device"),
        (bench.folder.path().display().to_string(), "this is a directory"),
        (bench.path("loop.db").display().to_string(), "symbolic links"),
        (bench.path("plain/state.db").display().to_string(), "Not a directory"),
        ("/proc/state.db".to_owned(), "/proc/state.db"),
        (format!("{}/{}", bench.folder.path().display(), "x".repeat(300)), "too long"),
    ] {
        fs::write(bench.path("lifeboat.toml"), text.replace(&state, &path)).unwrap();
        let mut daemon = bench.command(&["run"]);
        let child = daemon.stderr(std::process::Stdio::piped()).spawn().unwrap();
        let mut daemon = Daemon { child };
        let mut said = String::new();
        std::io::Read::read_to_string(&mut daemon.child.stderr.take().unwrap(), &mut said).unwrap();
        assert_eq!(daemon.exit_code(Duration::from_secs(10)), 1, "{path}: {said}");
        assert!(said.contains(words) && !said.contains("by itself"), "{path}: {said}");
    }
}

//! A power cut in the middle of a commit: all of it is there afterwards, or nothing.

use super::conformance::{Deed, deeds};
use super::file::{Files, runtime};
use super::same;
use crate::world::setup::Setup;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::sim::rng::Rng;
use lifeboat::store::Store as _;
use lifeboat::store::sqlite::SqliteStore;
use std::path::Path;

/// A page in the log with its header.
const FRAME_BYTES: usize = 4096 + 24;
/// The log's own header.
const HEADER_BYTES: usize = 32;

async fn reopened(files: &Files, path: &Path, now: Time) -> State {
    files.put(path);
    let mut store = SqliteStore::open(path, now).await.unwrap();
    let state = store.load(now).await.unwrap();
    store.close().await;
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    state
}

/// Where to cut: at every frame, next to it, and anywhere.
fn cuts(first: usize, last: usize, rng: &mut Rng) -> Vec<usize> {
    let frames = (0..).map(|frame| HEADER_BYTES + frame * FRAME_BYTES).skip_while(|at| *at < first);
    let mut cuts: Vec<usize> = frames.take_while(|at| *at <= last).flat_map(|at| [at, at + 1]).collect();
    // A commit of many pages has many frames that all mean the same.
    while cuts.len() > 4 {
        cuts.remove(rng.below(cuts.len() as u64) as usize);
    }
    cuts.extend([first, last]);
    cuts.extend((0..2).map(|_| first + rng.below((last - first) as u64 + 1) as usize));
    cuts.retain(|at| *at <= last);
    cuts
}

#[test]
fn a_torn_commit_is_none() {
    let seed = std::env::var("LIFEBOAT_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    let mut rng = Rng::new(seed, "torn");
    let folder = tempfile::tempdir().unwrap();
    let (live, copy) = (folder.path().join("live.db"), folder.path().join("copy/state.db"));
    let mut tried = 0;
    runtime().block_on(async {
        let mut store = None;
        for (number, deed) in deeds(Setup::quiet(seed, 2), 120).into_iter().enumerate() {
            let changes = match deed {
                Deed::Load(now) => {
                    store = Some((SqliteStore::open(&live, now).await.unwrap(), now));
                    continue;
                }
                Deed::Commit(changes) => changes,
                Deed::Lose => continue,
            };
            let Some((store, now)) = &mut store else { panic!("a commit before the first start") };
            let before = (Files::of(&live), store.load(*now).await.unwrap());
            store.commit(&changes).await.unwrap();
            let after = (Files::of(&live), store.load(*now).await.unwrap());
            let when = format!("LIFEBOAT_SEED={seed}: commit {number}");
            same(&reopened(&after.0, &copy, *now).await, &after.1, &when);
            let Some((first, last)) = before.0.written(&after.0) else { continue };
            for arrived in cuts(first, last, &mut rng) {
                let torn = before.0.torn(&after.0, arrived);
                same(
                    &reopened(&torn, &copy, *now).await,
                    &before.1,
                    &format!("{when}, cut at {arrived} of {first} to {last}"),
                );
                tried += 1;
            }
        }
    });
    assert!(tried > 200, "{tried} cuts show too little");
}

//! Killed at any instant, with and without its database, under every kind of fault: nothing is made twice, nothing is
//! forgotten (promises 1, 2, 3 and 9). `LIFEBOAT_KILLS=300` kills more often; the seed is printed and
//! `LIFEBOAT_SEED` replays its choice of instants.

use crate::support::instants::{Instants, number};
use crate::support::{Bench, healed, lanes_kept, nothing_made_twice, wait_until};
use std::time::Duration;

/// 20 % throttled, 10 % of answers lost after the deed, 10 % 500s (half of them after the deed), 10 % of copies FAILED.
const WEATHER: &str = "[[fault]]\nthrottle_percent = 20\nclose_after_percent = 10\nerror_before_percent = 5\n\
                       error_after_percent = 5\nfail_copy_percent = 10\nfail_backup_percent = 5\n";

fn killed_again_and_again(kills: u64, faults: &str, lose_database: bool) {
    let kills = number("LIFEBOAT_KILLS").unwrap_or(kills);
    let bench = Bench::new(400.0, faults);
    let mut instants = Instants::new();
    bench.write_fleet_policy("*/2 * * * * *");
    for _ in 0..kills {
        let daemon = bench.daemon();
        // The instant is the point of this test; there is no event to wait for.
        std::thread::sleep(Duration::from_millis(30 + instants.below(700)));
        daemon.kill();
        if lose_database && instants.below(3) == 0 {
            bench.lose_database();
        }
    }
    println!("in {}", bench.folder.path().display());
    bench.set_faults("");
    let ready = || wait_until("ready", Duration::from_secs(30), || bench.get("/readyz").is_some());
    let daemon = bench.daemon();
    ready();
    daemon.kill();
    // After a loss of its database it waits two minutes for a listing that cannot lag; here none does.
    bench.age_database(Duration::from_secs(180));
    let daemon = bench.daemon();
    ready();
    wait_until("a backup of every source", Duration::from_secs(60), || {
        let inventory = bench.inventory();
        let sources: std::collections::BTreeSet<_> = inventory
            .backups
            .iter()
            .filter(|b| crate::support::lifecycle(b) == "AVAILABLE")
            .filter_map(crate::support::work_of)
            .map(|w| w.0)
            .collect();
        sources.len() == 8
    });
    // No more occurrences; what is under way comes to its end.
    bench.write_fleet_policy("0 0 1 1 *");
    daemon.signal("HUP");
    // What failed after a lost answer is made anew once a listing, begun two minutes after that, shows nothing else.
    wait_until("healed", Duration::from_secs(240), || healed(&bench.inventory()));
    let inventory = bench.inventory();
    nothing_made_twice(&inventory);
    lanes_kept(&inventory);
    wait_until("every occurrence ended", Duration::from_secs(30), || {
        let output = bench.run(&["history", "--json", "--since", "1d"]);
        let history: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        history.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(|o| o["outcome"].is_string()))
    });
    assert!(!bench.log().contains("panicked"), "{}", bench.log());
    assert!(!bench.log().contains("illegal"), "{}", bench.log());
}

#[test]
fn killed_at_any_instant() {
    killed_again_and_again(20, "", false);
}

#[test]
fn killed_with_the_loss_of_its_database() {
    killed_again_and_again(20, "", true);
}

#[test]
fn killed_in_bad_weather() {
    killed_again_and_again(20, WEATHER, false);
}

#[test]
fn killed_in_bad_weather_with_the_loss_of_its_database() {
    killed_again_and_again(20, WEATHER, true);
}

//! The planner in a world of trouble.

use lifeboat::sim::world::World;
use lifeboat::sim::world::setup::Setup;

fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn quiet() {
    for seed in 0..20 {
        if let Err(violation) = World::new(Setup::quiet(seed, 8)).run() {
            panic!("{violation}");
        }
    }
}

#[test]
fn seeds() {
    if let Some(seed) = env("LIFEBOAT_SEED") {
        match World::new(Setup::draw(seed)).with_whole_trace().run() {
            Ok(tally) => println!("{tally:?}"),
            Err(violation) => panic!("{violation}"),
        }
        return;
    }
    let from = env("LIFEBOAT_FROM").unwrap_or(0);
    let mut failed = 0;
    for seed in from..from + env("LIFEBOAT_SEEDS").unwrap_or(40) {
        let began = std::time::Instant::now();
        match World::new(Setup::draw(seed)).run() {
            Ok(tally) => println!("{seed} {:.2}s {tally:?}", began.elapsed().as_secs_f64()),
            Err(violation) => {
                println!("{seed} {:.2}s {}", began.elapsed().as_secs_f64(), violation.broken);
                failed += 1;
            }
        }
    }
    assert_eq!(failed, 0);
}

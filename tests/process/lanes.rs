//! A lane that AWS refuses, through the real binary.

use crate::support::{Bench, lanes_kept, lifecycle, nothing_made_twice, wait_until};
use std::time::{Duration, Instant};

const WAITING: usize = 12;

/// Five copies that no listing shows take every slot while twelve routes wait: FSx refuses two copies a minute, not one
/// after the other of each route; and once the slots are free, all have their turn.
#[test]
fn a_lane_that_aws_refuses_is_closed_once() {
    let ids: Vec<String> = (0..WAITING).map(|number| format!("fs-0a1b2c3d4e5f6{number:04}")).collect();
    let member = |id: &String| format!("[[file_system]]\nid = \"{id}\"\ntype = \"WINDOWS\"\ncapacity_gib = 32\n");
    let fleet: String = ids.iter().map(member).collect();
    let bench = Bench::with_fleet(&fleet, 2000.0, "[[fault]]\nregions = [\"us-west-2\"]\nunseen_copies = 5\n");
    bench.write_policy(&format!(
        "[[policy]]\nname = \"all\"\nregion = \"us-east-1\"\nfile_systems = {ids:?}\nschedule = \"0 0 1 1 *\"\n\
         [[policy.destination]]\nregion = \"us-west-2\"\n"
    ));
    let _daemon = bench.daemon();
    // Refused as long as the daemon has not taken in its sources.
    wait_until("the order", Duration::from_secs(30), || bench.run(&["backup", "all"]).status.success());
    let refused = || -> u64 { bench.inventory().lanes.iter().map(|lane| lane.used.refused).sum() };
    wait_until("the first refusal", Duration::from_secs(30), || refused() > 0);
    let (began, span) = (Instant::now(), Duration::from_secs(45));
    let waiting =
        || bench.metric("lifeboat_copies_waiting{account=\"111122223333\",region=\"us-west-2\",reason=\"slot\"}");
    wait_until("all say what they wait for", Duration::from_secs(30), || waiting() == Some(WAITING as f64));
    std::thread::sleep(span.saturating_sub(began.elapsed()));
    assert!((1..=2).contains(&refused()), "{} refused CopyBackups in {:?}", refused(), began.elapsed());
    bench.set_faults("");
    let copied =
        || bench.inventory().backups.iter().filter(|b| b.region == "us-west-2" && lifecycle(b) == "AVAILABLE").count();
    wait_until("every route has its copy", Duration::from_secs(60), || copied() == WAITING);
    assert!(refused() <= 2);
    lanes_kept(&bench.inventory());
    nothing_made_twice(&bench.inventory());
}

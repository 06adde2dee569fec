//! A policy for a fleet of OpenZFS file systems against the simulated FSx, in virtual time.

use lifeboat::domain::time::Time;
use lifeboat::sim::cloud::{Cloud, FileSystemSeed, FileSystemType, Settings};
use lifeboat::sim::rehearse::Rehearsal;

pub const START: Time = Time::from_secs(1_795_248_000);

/// `policy` writes the file for these ids; of each file system, `fill` says what is in it.
pub fn rehearsal(
    sources: u64,
    policy: impl Fn(&[String]) -> String,
    fill: impl Fn(u64, &mut FileSystemSeed),
) -> Rehearsal {
    let ids: Vec<String> = (0..sources).map(|number| format!("fs-{number:017x}")).collect();
    let settings = lifeboat::config::parse(&[("test".to_owned(), policy(&ids))], START).unwrap().settings;
    let habits = Settings { openzfs_backups: 1_000_000, page_size: 1_000, ..Settings::default() };
    let mut cloud = Cloud::new(sources).with_settings(habits);
    for (number, id) in (0..).zip(ids) {
        let mut member = FileSystemSeed::new(FileSystemType::OpenZfs);
        member.id = Some(id);
        fill(number, &mut member);
        cloud.add_file_system_seed(START.millis(), "111122223333", "us-east-1", &member).unwrap();
    }
    Rehearsal::new(settings, cloud, START)
}

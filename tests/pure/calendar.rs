//! Firings around every change of the clocks, in every zone that has one, against a table that another language's zone
//! library made (`calendar/oracle.py`): a calendar that checks itself would share its mistakes.

use jiff::tz::TimeZoneDatabase;
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::time::Time;
use std::time::Duration;

const TABLE: &str = include_str!("calendar/firings.txt");
const AROUND: Duration = Duration::from_secs(30 * 3600);

fn fnv(value: u64, number: i64) -> u64 {
    format!("{number}\n").bytes().fold(value, |value, byte| (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Their number and their hash.
fn firings(schedule: &Schedule, changes: &[Time]) -> (usize, u64) {
    let (mut count, mut hash) = (0, 0xcbf2_9ce4_8422_2325);
    for change in changes {
        let mut time = change.minus(AROUND);
        while let Some(next) = schedule.next_after(time).filter(|next| *next <= change.plus(AROUND)) {
            (count, hash) = (count + 1, fnv(hash, next.millis() / 1000));
            time = next;
        }
    }
    (count, hash)
}

/// The zones of the program are those of the table, so that it says the same on every machine.
#[test]
fn every_line_fires_as_another_library_says_around_every_change_of_every_zone() {
    let zones = TimeZoneDatabase::bundled();
    let lines: Vec<&str> = TABLE.lines().filter_map(|line| line.strip_prefix("line ")).collect();
    let (mut alike, mut changes, mut rows) = (Vec::new(), Vec::new(), 0);
    let mut wrong = Vec::new();
    for row in TABLE.lines() {
        if let Some(names) = row.strip_prefix("zones ") {
            alike = names.split(' ').collect();
        } else if let Some(times) = row.strip_prefix("changes ") {
            changes = times.split(' ').map(|time| Time::from_secs(time.parse().unwrap())).collect();
        } else if let Some(told) = row.strip_prefix("firings ") {
            rows += 1;
            for (line, told) in lines.iter().zip(told.split(' ')) {
                let (count, hash) = told.split_once(':').unwrap();
                let told = (count.parse::<usize>().unwrap(), u64::from_str_radix(hash, 16).unwrap());
                // Of the zones that change alike, the first for all lines and each for the first.
                let names = if *line == lines[0] { &alike[..] } else { &alike[..1] };
                for name in names {
                    let zone = zones.get(name).unwrap();
                    let schedule = Schedule::within(line, name, zone, changes[0].minus(AROUND)).unwrap();
                    let found = firings(&schedule, &changes);
                    if found != told {
                        wrong.push(format!("oracle.py {name} '{line}': {} firings, not {}", found.0, told.0));
                    }
                }
            }
        }
    }
    assert!(rows > 50 && lines.len() > 20, "{rows} rows of {} lines", lines.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

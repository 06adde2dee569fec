//! Cron lines, intervals and time zones as people, generators and vandals write them, at any time in history.

use super::fuzz_rng::{below, digits, each_case, one, text};
use lifeboat::domain::duration::{duration_text, parse_duration};
use lifeboat::domain::schedule::Schedule;
use lifeboat::domain::time::Time;
use lifeboat::sim::Rng;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Whatever is asked of a schedule is answered in much less.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(86_400);

static ZONES: LazyLock<Vec<String>> =
    LazyLock::new(|| jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect());

fn item(rng: &mut Rng, most: u64) -> String {
    let number = |rng: &mut Rng| rng.below(most + 2).to_string();
    match rng.below(10) {
        0 | 1 => "*".to_owned(),
        2 => format!("*/{}", number(rng)),
        3 => format!("{}-{}", number(rng), number(rng)),
        4 => format!("{}-{}/{}", number(rng), number(rng), number(rng)),
        5 => one(rng, &["L", "?", "1W", "LW", "5L", "MON#2", "JAN", "SUN-SAT", "31", "29", "+1", "#", "mon,tue", "0L"])
            .to_owned(),
        6 => digits(rng),
        _ => number(rng),
    }
}

fn cron(rng: &mut Rng) -> String {
    let most = [59, 59, 23, 31, 12, 7];
    let from = usize::from(rng.percent(70.0));
    let field = |rng: &mut Rng, most: &u64| {
        (0..1 + rng.below(3) * rng.below(2)).map(|_| item(rng, *most)).collect::<Vec<_>>().join(",")
    };
    most[from..].iter().map(|most| field(rng, most)).collect::<Vec<_>>().join(" ")
}

fn line(rng: &mut Rng) -> String {
    let line = match rng.below(8) {
        0 => format!("every {}", interval(rng)),
        1 => {
            one(rng, &["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@reboot", "@"])
                .to_owned()
        }
        2 => text(rng),
        _ => cron(rng),
    };
    if !rng.percent(15.0) {
        return line;
    }
    let mut chars: Vec<char> = line.chars().collect();
    let at = below(rng, chars.len() + 1);
    let odd: Vec<char> = text(rng).chars().take(5).collect();
    chars.splice(at..at, odd);
    chars.into_iter().collect()
}

fn interval(rng: &mut Rng) -> String {
    let unit = |rng: &mut Rng| {
        one(rng, &["s", "m", "h", "d", "w", "ms", "us", "ns", "y", "mo", "", " ", "hours", "H", "µs", "P"])
    };
    match rng.below(4) {
        0 => text(rng),
        1 => one(rng, &["PT6H", "P1D", "-PT6H", "PT0.5S", "6h ago", "-6h", "1h30", "1:30", "P400D", "PT99999999999H"])
            .to_owned(),
        _ => (0..1 + rng.below(3))
            .map(|_| format!("{}{}", digits(rng), unit(rng)))
            .collect::<Vec<_>>()
            .join(one(rng, &["", " ", ","])),
    }
}

fn zone(rng: &mut Rng) -> String {
    match rng.below(8) {
        0 => text(rng),
        1 => one(
            rng,
            &[
                "../../etc/passwd",
                "/etc/passwd",
                "UTC",
                "utc",
                "EST5EDT",
                "Etc/GMT+12",
                "posixrules",
                "localtime",
                ":UTC",
                "<+03>-3",
            ],
        )
        .to_owned(),
        _ => one(rng, &ZONES),
    }
}

/// Mostly around today; now and then where a clock that is set wrong may be.
fn moment(rng: &mut Rng) -> Time {
    match rng.below(10) {
        0 => one(
            rng,
            &[
                Time::ZERO,
                Time::NEVER,
                Time::from_millis(i64::MIN),
                Time::from_secs(253_402_300_799),
                Time::from_secs(-62_135_596_800),
            ],
        ),
        1 => Time::from_millis(rng.next_u64() as i64),
        _ => Time::from_millis(1_700_000_000_000 + rng.below(200_000_000_000) as i64),
    }
}

#[test]
fn no_schedule_fires_in_the_past_or_never_answers() {
    each_case("no_schedule_fires_in_the_past_or_never_answers", 1500, |rng| {
        let (line, zone, now) = (line(rng), zone(rng), moment(rng));
        let began = Instant::now();
        let shown = format!("{line:?} in {zone:?} at {now}");
        match Schedule::parse(&line, &zone, now) {
            Ok(schedule) => {
                let first = schedule.next_after(now).unwrap();
                assert!(first <= now.plus(DAY * 4 * 366), "{shown}: {first}");
                holds(&schedule, now, &shown);
                holds(&schedule, moment(rng), &shown);
            }
            Err(error) => assert!(!error.to_string().is_empty(), "{shown}"),
        }
        assert!(began.elapsed() < ANSWERED_WITHIN, "{shown} took {:?}", began.elapsed());
    });
}

/// What everything that asks for firings relies on, from any time on.
fn holds(schedule: &Schedule, from: Time, shown: &str) {
    let mut firings = vec![];
    let mut at = from;
    while let Some(next) = schedule.next_after(at).filter(|_| firings.len() < 40) {
        assert!(next > at, "{shown}: {next} after {at}");
        firings.push(next);
        at = next;
    }
    // Nothing lies between two neighbours, whichever time between them is asked from.
    for pair in firings.windows(2).take(3) {
        let between = Time::from_millis(pair[0].millis() + (pair[1].millis() - pair[0].millis()) / 2);
        assert_eq!(schedule.next_after(between), Some(pair[1]), "{shown}: from {between}");
        assert_eq!(schedule.next_after(pair[1].minus(Duration::from_millis(1))), Some(pair[1]), "{shown}");
        assert_eq!(schedule.latest_between(from, between), Some(pair[0]), "{shown}: up to {between}");
    }
    if let Some(last) = firings.last() {
        assert_eq!(schedule.latest_between(from, *last), Some(*last), "{shown}");
        assert_eq!(schedule.latest_between(from, from), None, "{shown}");
    }
    let longest = firings.windows(2).map(|pair| pair[1].since(pair[0])).max().unwrap_or_default();
    assert_eq!(schedule.longest_gap(from, 39), longest, "{shown}");
    if firings.len() == 40 {
        assert!(schedule.widest_gap(from).is_some_and(|(_, gap)| gap >= longest), "{shown}");
    }
}

#[test]
fn no_duration_is_more_than_it_says() {
    each_case("no_duration_is_more_than_it_says", 3000, |rng| {
        let written = interval(rng);
        let Some(duration) = parse_duration(&written) else { return };
        // What is understood can be said in the file's own words, and is understood the same again.
        let whole = Duration::from_secs(duration.as_secs());
        if !whole.is_zero() {
            let again = parse_duration(&duration_text(whole)).unwrap();
            assert!(
                again <= whole && whole - again < Duration::from_secs(86_400),
                "{written:?}: {duration:?}, {again:?}"
            );
        }
    });
}

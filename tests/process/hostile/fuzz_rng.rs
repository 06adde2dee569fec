//! Cases by number, and the nonsense that they are made of.

use lifeboat::sim::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than any case takes on a busy machine: whatever is still at it hangs.
const CASE_WITHIN: Duration = Duration::from_secs(60);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays the cases of the test `name`: `share` of them, unless the environment asks for more or for one alone.
pub fn each_case(name: &str, share: u64, case: impl Fn(&mut Rng) + Send + Sync + 'static) {
    let from = number("LIFEBOAT_FROM").unwrap_or(0);
    let seeds = match number("LIFEBOAT_SEED") {
        Some(seed) => seed..seed + 1,
        None => from..from + number("LIFEBOAT_SEEDS").unwrap_or(share),
    };
    let (tell, told) = mpsc::channel();
    let purpose = name.to_owned();
    std::thread::spawn(move || {
        for seed in seeds {
            let began = (seed, None);
            let _ = tell.send(began);
            let played = catch_unwind(AssertUnwindSafe(|| case(&mut Rng::new(seed, &purpose))));
            let _ = tell.send((seed, Some(played.is_ok())));
        }
    });
    let mut at = 0;
    loop {
        match told.recv_timeout(CASE_WITHIN) {
            Ok((seed, None | Some(true))) => at = seed,
            Ok((seed, Some(false))) => panic!("seed {seed}: LIFEBOAT_SEED={seed} cargo test --test process {name}"),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("hangs: LIFEBOAT_SEED={at} cargo test --test process {name}")
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// From 0 (included) to `end` (excluded); 0 if `end` is 0.
pub fn below(rng: &mut Rng, end: usize) -> usize {
    rng.below(end as u64) as usize
}

/// One of these.
pub fn one<T: Clone>(rng: &mut Rng, of: &[T]) -> T {
    rng.pick(of).unwrap().clone()
}

/// Characters that are seldom meant: of other scripts, without width, turning the line around, ending it, no characters.
const ODD: [&str; 24] = [
    "\0",
    "\u{1b}[2J",
    "\r",
    "\n",
    "\t",
    "\u{7f}",
    "\u{85}",
    "\u{9b}31m",
    "\u{a0}",
    "\u{feff}",
    "\u{200b}",
    "\u{200d}",
    "\u{202e}",
    "\u{2028}",
    "\u{2066}",
    "\u{fffd}",
    "\u{fffe}",
    "\u{10ffff}",
    "e\u{301}\u{301}\u{301}",
    "ﬀ",
    "İ",
    "٣",
    "👩‍👩‍👧‍👦",
    "日本",
];

/// Numbers that are seldom meant.
const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "-1",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "99999999999999999999999999999999999999",
    "1e308",
    "1e999",
    "-1e999",
    "0.1",
    "1_000",
    "0x7fffffffffffffff",
];

/// A short text of any kind.
pub fn text(rng: &mut Rng) -> String {
    match rng.below(6) {
        0 => String::new(),
        1 => one(rng, &NUMBERS).to_owned(),
        2 => (0..1 + below(rng, 6)).map(|_| one(rng, &ODD)).collect(),
        3 => "a".repeat(1 + below(rng, 3000)),
        4 => (0..below(rng, 20)).filter_map(|_| char::from_u32(rng.below(0x11_0000) as u32)).collect(),
        _ => (0..below(rng, 20)).map(|_| char::from(32 + rng.below(95) as u8)).collect(),
    }
}

/// A number as it may be written.
pub fn digits(rng: &mut Rng) -> String {
    match rng.below(3) {
        0 => one(rng, &NUMBERS).to_owned(),
        1 => (rng.next_u64() as i64).to_string(),
        _ => rng.below(100).to_string(),
    }
}

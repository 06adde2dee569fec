//! What happened, line by line: a fingerprint of all of it, and the last lines for people.
//!
//! Two runs of one seed are the same run only if they are the same byte for byte. Keeping years of lines would cost
//! more than the simulation, so each line goes into a sum and only the last are kept.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};

/// Lines that are kept.
const KEPT: usize = 400;

/// The trace of one run.
#[derive(Debug)]
pub struct Trace {
    sum: u64,
    lines: u64,
    last: VecDeque<String>,
    kept: usize,
}

impl Default for Trace {
    fn default() -> Self {
        Self { sum: 0xcbf2_9ce4_8422_2325, lines: 0, last: VecDeque::new(), kept: KEPT }
    }
}

impl Trace {
    /// Keeps every line.
    pub fn keep_all(&mut self) {
        self.kept = usize::MAX;
    }

    /// One more line.
    pub fn note(&mut self, line: fmt::Arguments<'_>) {
        let mut text = if self.last.len() >= self.kept { self.last.pop_front().unwrap_or_default() } else { String::new() };
        text.clear();
        // Writing to a string does not fail.
        let _ = text.write_fmt(line);
        for byte in text.bytes().chain([b'\n']) {
            self.sum = (self.sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.lines += 1;
        self.last.push_back(text);
    }

    /// The fingerprint of all lines so far.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// How many lines there were.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// The last lines.
    #[must_use]
    pub fn tail(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }
}

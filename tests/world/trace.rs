//! The trace of a run, line by line: a fingerprint of all lines, and the last lines for people.
//!
//! Two runs of one seed must be identical byte for byte. Storing years of lines would cost more than the simulation, so
//! each line goes into a checksum and only the last ones are kept.

use lifeboat::domain::action::{Call, Request};
use lifeboat::domain::change::Change;
use std::collections::VecDeque;
use std::fmt::{self, Write as _};

/// Lines that are kept.
const KEPT: usize = 400;

/// The trace of one run.
#[derive(Debug)]
pub struct Trace {
    sum: u64,
    last: VecDeque<String>,
    kept: usize,
}

impl Default for Trace {
    fn default() -> Self {
        Self { sum: 0xcbf2_9ce4_8422_2325, last: VecDeque::new(), kept: KEPT }
    }
}

impl Trace {
    /// Keeps every line.
    pub fn keep_all(&mut self) {
        self.kept = usize::MAX;
    }

    /// One more line.
    pub fn note(&mut self, line: fmt::Arguments<'_>) {
        let mut text =
            if self.last.len() >= self.kept { self.last.pop_front().unwrap_or_default() } else { String::new() };
        text.clear();
        // Writing to a string does not fail.
        let _ = text.write_fmt(line);
        // Eight bytes at a time: byte by byte it would be a good part of the cost of a world.
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        let last = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let last = (!rest.is_empty()).then_some(last);
        for word in words.iter().map(|word| u64::from_le_bytes(*word)).chain(last).chain([text.len() as u64]) {
            self.sum = (self.sum ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        }
        self.last.push_back(text);
    }

    /// The fingerprint of all lines so far.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// The lines that were kept.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.last.into()
    }
}

/// A change in a few words.
pub struct Brief<'a>(pub &'a Change);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Change::Opened { source, occurrence, record } => {
                let (caught_up, adopted) = (record.caught_up, record.adopted);
                write!(f, "opened {source} {} caught up {caught_up} adopted {adopted}", occurrence.at)
            }
            Change::Closed { source, occurrence, end, reason, earlier, .. } => {
                write!(f, "closed {source} {} {} ({reason}) {earlier}", occurrence.at, end.as_str())
            }
            Change::RequestRecorded { key, attempt, .. } => write!(f, "asked {key} attempt {attempt}"),
            Change::RequestFailed { key, fault, definite, not_before } => {
                write!(f, "unfulfilled {key} {} definite {definite} not before {not_before}", fault.code)
            }
            Change::RequestNeverApplied { key } => write!(f, "disproved {key}"),
            Change::RequestRetryAllowed(key) => write!(f, "retriable {key}"),
            Change::BackupObserved { point } => {
                let (id, stands) = (&point.id, point.lifecycle.as_str());
                write!(f, "seen {id} {stands} {} attempt {}", point.work_key(), point.attempt)
            }
            Change::Listed { place, began_at, pages, others, .. } => {
                write!(f, "listed {place} from {began_at} in {pages} with {} others", others.len())
            }
            Change::ListingPage { place, page, .. } => write!(f, "page of {place} with {} of ours", page.ours.len()),
            Change::PollScheduled { place, ids, at, batch } => {
                write!(f, "look again {place} at {} {at} by {batch:?}", ids.len())
            }
            Change::SourceLookedUp { facts, .. } => write!(f, "looked up {}", facts.source),
            Change::Sent { .. } | Change::Returned { .. } | Change::InventoryRead { .. } => f.write_str("a call"),
            Change::ReadAnswered { place, fault, .. } => write!(f, "reading {place}: {fault:?}"),
            Change::Checked { policy, through, .. } => {
                write!(f, "Checked {{ policy: {policy}, through: {through} }}")
            }
            other => write!(f, "{other:?}"),
        }
    }
}

/// A call in a few words.
pub struct Leaves<'a>(pub &'a Call);

impl fmt::Display for Leaves<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Call::Make { key, request } => match &**request {
                Request::CreateBackup { token, .. } => write!(f, "backs up {key} by {token}"),
                Request::CopyBackup { backup, token, .. } => write!(f, "copies {backup} for {key} by {token}"),
            },
            Call::ListPage { next_token } => write!(f, "lists, going on {}", next_token.is_some()),
            Call::Poll { ids } => {
                write!(f, "looks at {} from {}", ids.len(), ids.first().map_or("", |id| id.as_str()))
            }
            Call::DescribeSources { ids } => {
                write!(f, "looks up {} from {}", ids.len(), ids.first().map_or("", |id| id.as_str()))
            }
            Call::SearchSources { next } => write!(f, "searches for sources, volumes: {}", next.volumes),
            Call::Delete { id, .. } => write!(f, "deletes {id}"),
            Call::Hold { id, hold, .. } => write!(f, "sets the hold of {id} to {hold:?}"),
        }
    }
}

/// What came of a call in a few words, kept until its line is written.
pub enum Came {
    /// How many of what was looked at.
    Polled(usize),
    /// How many on a page, and whether there are more.
    Page(usize, bool),
    /// Anything else.
    Text(String),
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Polled(count) => write!(f, "polled {count}"),
            Self::Page(count, more) => write!(f, "page of {count}, more: {more}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

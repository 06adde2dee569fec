//! Whether the next copy of a route will be a full copy.
//!
//! AWS copies incrementally as long as an earlier copy under the same key exists in the Region (fsx-facts 5). A full
//! copy takes hours instead of minutes and occupies its slot all that time, so a person should know before it starts.
//!
//! A policy names a key by ARN, id or alias, or names none; AWS reports ARNs. So only comparable names are compared:
//! the policy's name with the names that earlier copies were requested with, and the ARN that a name last resolved to
//! with the ARNs of the copies. Comparing an alias with an ARN proves nothing, so nothing is announced then.

use crate::domain::action::Request;
use crate::domain::fault::FaultClass;
use crate::domain::id::{Region, SourceId, Target};
use crate::domain::point::{Lifecycle, RecoveryPoint};
use crate::domain::policy::Destination;
use crate::domain::state::{PendingRequest, SourceState};
use arcstr::ArcStr;
use std::collections::BTreeSet;
use std::fmt;

/// The key that AWS uses if none is named.
const AWS_OWN: &str = "alias/aws/fsx";

/// Why the next copy of a route will be full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FullCopy {
    /// The route has no copy yet.
    First,
    /// No copy is left: someone else deleted the last one.
    Lost,
    /// The existing copies are under another key.
    KeyChanged {
        /// The ARN of the newest copy's key.
        from: String,
        /// The key that the policy names.
        to: String,
    },
    /// The policy names the key differently than before; both names may mean the same key, as two aliases can.
    KeyRenamed {
        /// The name with which the newest copy was requested.
        from: String,
        /// The current name.
        to: String,
    },
}

impl FullCopy {
    /// Whether it is known that the copy will be full, rather than only possible.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        !matches!(self, Self::KeyRenamed { .. })
    }

    /// The announcement in words.
    #[must_use]
    pub fn announcement(&self, source: &SourceId, region: &Region) -> String {
        let will = if self.is_certain() { "will" } else { "may" };
        format!("the next copy of {source} to {region} {will} be full: {self}")
    }
}

impl fmt::Display for FullCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("the first copy of a route is full"),
            Self::Lost => f.write_str("no copy is left there"),
            Self::KeyChanged { from, to } => write!(f, "the key changes from {from} to {to}"),
            Self::KeyRenamed { from, to } => {
                write!(f, "the policy named the key {from} and now names {to}, which may be another one")
            }
        }
    }
}

/// The key of a copy compared with that of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// The same key: the next copy is incremental.
    Same,
    /// Another key.
    Other,
    /// Requested under another name; whether that is another key cannot be determined.
    Renamed,
    /// Unknown.
    Unknown,
}

/// Why the next copy of a source to a destination will be full; `None` if it will not, or if that is unknown.
#[must_use]
pub fn next_is_full(source: &SourceState, destination: &Destination) -> Option<FullCopy> {
    let target = Target::Copy(destination.region.clone());
    let copies = || source.points.iter().filter(|point| point.is_for(&target));
    let Some(newest) = source.newest(&target) else {
        let lost = copies().any(|copy| copy.lifecycle == Lifecycle::Deleted && copy.remarks.failure.is_none());
        return Some(if lost { FullCopy::Lost } else { FullCopy::First });
    };
    let wanted = word_of(destination);
    // A copy under way with this name is the full one itself: the next is incremental.
    let under_way = copies().filter(|copy| copy.lifecycle.in_flight());
    if under_way.chain([newest]).any(|copy| link(wanted, None, copy) == Link::Same) {
        return None;
    }
    let asked_so = |copy: &&RecoveryPoint| copy.asked_key.as_ref().is_some_and(|asked| same_words(asked, wanted));
    // What the name last resolved to, even if that copy is gone.
    let stood_for = copies().filter(asked_so).filter_map(|copy| copy.kms_key.as_deref()).next_back();
    let told: BTreeSet<&str> =
        copies().filter(|copy| copy.asked_key.is_some()).filter_map(|copy| copy.kms_key.as_deref()).collect();
    let link = |copy: &RecoveryPoint| match link(wanted, stood_for, copy) {
        // Its key is known under another name, although it was not requested with that name.
        Link::Unknown if copy.kms_key.as_deref().is_some_and(|key| told.contains(key)) => Link::Renamed,
        link => link,
    };
    let links = || copies().filter(|copy| copy.available()).map(link);
    if links().any(|link| matches!(link, Link::Same | Link::Unknown)) {
        return None;
    }
    let (named, key) = (|text: &str| if text.is_empty() { "none (aws/fsx)" } else { text }.to_owned(), &newest.kms_key);
    Some(match key {
        Some(key) if links().all(|link| link == Link::Other) => {
            FullCopy::KeyChanged { from: key.to_string(), to: named(wanted) }
        }
        _ => {
            let from = newest.asked_key.as_deref().map(named).or_else(|| key.as_deref().map(str::to_owned));
            FullCopy::KeyRenamed { from: from.unwrap_or_default(), to: named(wanted) }
        }
    })
}

/// Whether, as far as is known, the next copy can be incremental to this one.
pub(super) fn may_go_on_from(copy: &RecoveryPoint, destination: &Destination) -> bool {
    matches!(link(word_of(destination), None, copy), Link::Same | Link::Unknown)
}

/// The key name sent with a pending request for a copy. Not after a token conflict: what AWS created was requested by
/// someone else.
pub(super) fn asked_key(pending: &PendingRequest) -> Option<ArcStr> {
    let contested = pending.fault.as_ref().is_some_and(|fault| fault.class == FaultClass::TokenConflict);
    match &*pending.request {
        Request::CopyBackup { kms_key, .. } if !contested => Some(kms_key.as_deref().unwrap_or_default().into()),
        Request::CreateBackup { .. } if !contested => Some(ArcStr::new()),
        _ => None,
    }
}

/// The policy's name for the key; empty if it has none.
fn word_of(destination: &Destination) -> &str {
    destination.kms_key.as_deref().unwrap_or_default()
}

fn link(wanted: &str, stood_for: Option<&str>, copy: &RecoveryPoint) -> Link {
    let asked = copy.asked_key.as_deref();
    if asked.is_some_and(|asked| same_words(asked, wanted)) {
        return Link::Same;
    }
    let same = copy.kms_key.as_deref().and_then(|key| match stood_for {
        Some(stood_for) => same_key(stood_for, key),
        None => same_key(wanted, key),
    });
    match same {
        Some(true) => Link::Same,
        Some(false) => Link::Other,
        None if asked.is_some() => Link::Renamed,
        None => Link::Unknown,
    }
}

/// A key name without the account and Region, which are the route's: an alias or an id.
fn bare(word: &str) -> &str {
    match word.rsplit_once(':').map_or(word, |(_, name)| name) {
        "" => AWS_OWN,
        name => name.strip_prefix("key/").unwrap_or(name),
    }
}

fn same_words(one: &str, other: &str) -> bool {
    bare(one) == bare(other)
}

/// Whether two key names mean the same key; `None` if that is unknown.
fn same_key(wanted: &str, key: &str) -> Option<bool> {
    // An alias contains a slash, an id does not.
    let tells = |word: &str| !bare(word).contains('/');
    (tells(wanted) && tells(key)).then(|| same_words(wanted, key))
}

#[cfg(test)]
mod tests;

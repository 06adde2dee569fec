//! `select`: sources that a policy finds by their tags.
//!
//! A fleet changes without anyone editing the policy file. So a policy can name tags instead of ids. What AWS shows in an
//! account and Region is searched now and then; [`Fleet`] keeps what the last complete search showed, and which sources
//! the searches since then did not show.

use super::action::SourceFacts;
use super::fault::Fault;
use super::id::SourceId;
use super::lane::FileSystemKind;
use super::policy::Tags;
use super::time::Time;
use std::collections::BTreeMap;

/// A source leaves a policy after this many complete searches without it in a row (product.md, “Reload”).
pub const SEARCHES_BEFORE_LEAVING: u32 = 2;
/// A search that shows more sources in one account and Region is not believed: a bound on memory, far beyond AWS's quotas.
pub const SOURCES_PER_SEARCH_MAX: usize = 20_000;

/// The tags that a source must carry, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select {
    /// By key, the allowed values; an empty list allows any.
    pub tags: BTreeMap<String, Vec<String>>,
}

impl Select {
    /// Whether these tags satisfy it. An empty selection matches nothing.
    #[must_use]
    pub fn matches(&self, tags: &Tags) -> bool {
        let allows = |(key, allowed): (&String, &Vec<String>)| {
            tags.get(key).is_some_and(|value| allowed.is_empty() || allowed.contains(value))
        };
        !self.tags.is_empty() && self.tags.iter().all(allows)
    }

    /// `dr = gold | silver, team = *`.
    #[must_use]
    pub fn text(&self) -> String {
        let of = |(key, allowed): (&String, &Vec<String>)| match allowed.as_slice() {
            [] => format!("{key} = *"),
            allowed => format!("{key} = {}", allowed.join(" | ")),
        };
        self.tags.iter().map(of).collect::<Vec<_>>().join(", ")
    }
}

/// What the searches of an account and Region showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fleet {
    /// The last complete search.
    pub searched: Option<Searched>,
    /// The search under way.
    pub search: Option<Search>,
    /// Sources of policies that the last complete searches did not show or that no longer match, with the number of
    /// such searches in a row.
    pub missed: BTreeMap<SourceId, u32>,
    /// Earliest time of the next call.
    pub not_before: Option<Time>,
    /// Failures in a row, for the pause.
    pub failures: u32,
    /// Why the last call failed.
    pub fault: Option<Fault>,
    /// A policy was loaded since the last search began.
    pub wanted: bool,
}

impl Fleet {
    /// Removes times in the future after the clock went back.
    pub(super) fn clock_went_back(&mut self, to: Time) {
        self.not_before = self.not_before.map(|at| at.min(to));
        if let Some(searched) = &mut self.searched {
            searched.began_at = searched.began_at.min(to);
        }
        if let Some(search) = &mut self.search {
            search.began_at = search.began_at.min(to);
        }
    }
}

/// A complete search.
#[derive(Clone, Debug, PartialEq)]
pub struct Searched {
    /// When its first page was requested.
    pub began_at: Time,
    /// Its pages.
    pub pages: u32,
    /// What it showed, by id.
    pub sources: BTreeMap<SourceId, SourceFacts>,
}

/// A search under way: all file systems, then all volumes.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// When its first page was requested.
    pub began_at: Time,
    /// The pages read so far.
    pub pages: u32,
    /// The next page.
    pub next: NextPage,
    /// The pages showed an ONTAP file system, so there are volumes to look for.
    pub has_ontap: bool,
    /// What the pages showed.
    pub found: BTreeMap<SourceId, SourceFacts>,
}

/// A page of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NextPage {
    /// Volumes rather than file systems.
    pub volumes: bool,
    /// Where the previous page ended; `None` for the first.
    pub token: Option<String>,
}

/// Whether FSx can back this up as a source of its own: an ONTAP file system is backed up by the volume, and only ONTAP
/// volumes are. What is being deleted is no source.
#[must_use]
pub fn can_be_a_source(facts: &SourceFacts) -> bool {
    let ontap = facts.kind == FileSystemKind::Ontap;
    ontap == facts.source.is_volume() && facts.lifecycle != "DELETING"
}

//! What searches for sources show.

use super::*;
use crate::domain::selection::NextPage;

/// A step of a search for sources. It is not stored: a restart searches again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchEvidence {
    /// The first page is requested.
    Began {
        /// The account and Region.
        place: AccountRegion,
        /// When it happened.
        at: Time,
    },
    /// A page came; more follow.
    Page {
        /// The account and Region.
        place: AccountRegion,
        /// The sources on it.
        facts: Vec<SourceFacts>,
        /// This page or an earlier one showed an ONTAP file system.
        has_ontap: bool,
        /// The next page.
        next: NextPage,
    },
    /// The last page came.
    Complete {
        /// The account and Region.
        place: AccountRegion,
        /// The sources on the last page.
        facts: Vec<SourceFacts>,
        /// Sources of policies here that the search did not show, or that no longer match.
        missed: Vec<SourceId>,
    },
    /// A page failed.
    Stalled {
        /// The account and Region.
        place: AccountRegion,
        /// The error.
        fault: Fault,
        /// Earliest time of the next attempt.
        not_before: Time,
        /// Begin again with the first page.
        restart: bool,
    },
}

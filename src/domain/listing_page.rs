//! What a page of a listing showed.

use super::id::{BackupId, Occurrence, SourceId, SourceKey};
use super::lane::Lane;
use std::collections::BTreeSet;

/// What one page of a listing showed, except points of ours, which are taken in at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListingPage {
    /// Ours, by id.
    pub ours: BTreeSet<BackupId>,
    /// Occurrences whose backups were not known before.
    pub learned: BTreeSet<(Occurrence, SourceKey)>,
    /// Copies in flight that are not ours.
    pub others: Vec<(BackupId, Vec<Lane>)>,
    /// Backups that count towards the quota.
    pub user_backups: u64,
    /// The page names the account on record.
    pub named: bool,
    /// Objects that carry our tags and are not counted.
    pub disputed: BTreeSet<BackupId>,
    /// Backups that are not ours, each with its source.
    pub other_backups: Vec<(BackupId, SourceId)>,
}

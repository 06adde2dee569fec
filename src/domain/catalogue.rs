//! The limits of an engine, as data: which copies share a limit, and the quotas.
//!
//! The planner reads this table instead of checking which engine it is, so a new engine needs no change to the planner.
//! The figures are AWS's (fsx-facts 3.2).

use super::file_system_kind::FileSystemKind;

/// The limits of an engine.
#[derive(Debug)]
pub struct Catalogue {
    /// The limits on copies in flight. A copy counts against every limit that names its file system type.
    pub lanes: &'static [LaneRule],
    /// AWS's default quota of user backups per account and Region, by file system type.
    pub backup_quotas: &'static [(FileSystemKind, u64)],
}

/// One limit on copies in flight.
#[derive(Debug)]
pub struct LaneRule {
    /// The file system types that it counts.
    pub kinds: &'static [FileSystemKind],
    /// The scope over which it counts.
    pub scope: LaneScope,
    /// The number allowed.
    pub limit: LaneLimit,
}

/// The scope over which a limit counts copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneScope {
    /// Per account and destination Region.
    AccountRegion,
    /// Per account, destination Region and volume.
    Volume,
    /// Per account.
    Account,
}

/// The number of copies that a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneLimit {
    /// `[limits] copies_in_flight`.
    CopiesInFlight,
    /// `[limits] ontap_copies_in_flight`.
    OntapCopiesInFlight,
    /// A limit that AWS does not raise.
    Fixed(u32),
}

/// FSx's own backups and copies.
///
/// Windows, Lustre and OpenZFS share five per account and destination Region; ONTAP has five per volume, destination
/// and key, and a thousand per account. An unknown type shares the lane of the first three and has the smaller quota.
pub static FSX: Catalogue = Catalogue {
    lanes: &[
        LaneRule {
            kinds: &[FileSystemKind::Windows, FileSystemKind::Lustre, FileSystemKind::OpenZfs, FileSystemKind::Other],
            scope: LaneScope::AccountRegion,
            limit: LaneLimit::CopiesInFlight,
        },
        LaneRule { kinds: &[FileSystemKind::Ontap], scope: LaneScope::Volume, limit: LaneLimit::OntapCopiesInFlight },
        LaneRule { kinds: &[FileSystemKind::Ontap], scope: LaneScope::Account, limit: LaneLimit::Fixed(1000) },
    ],
    backup_quotas: &[
        (FileSystemKind::Windows, 500),
        (FileSystemKind::Lustre, 500),
        (FileSystemKind::OpenZfs, 10_000),
        (FileSystemKind::Ontap, 10_000),
        (FileSystemKind::Other, 500),
    ],
};

impl Catalogue {
    /// AWS's default quota of user backups per account and Region, for this type; the smallest if the type has none.
    #[must_use]
    pub fn backup_quota(&self, kind: FileSystemKind) -> u64 {
        let own = self.backup_quotas.iter().find(|(of, _)| *of == kind);
        own.or(self.backup_quotas.iter().min_by_key(|(_, quota)| quota)).map_or(0, |(_, quota)| *quota)
    }

    /// The limits against which a copy of this type counts.
    pub fn lanes_of(&self, kind: FileSystemKind) -> impl Iterator<Item = &LaneRule> {
        self.lanes.iter().filter(move |rule| rule.kinds.contains(&kind))
    }

    /// The number allowed by the limit with this scope.
    #[must_use]
    pub fn limit_of(&self, scope: LaneScope) -> Option<LaneLimit> {
        self.lanes.iter().find(|rule| rule.scope == scope).map(|rule| rule.limit)
    }
}

//! What an engine allows, as data: which copies share a limit, and what its quotas are.
//!
//! A planner that asked for an engine by its name would have to be changed for each new one. So it asks this table. The
//! figures are AWS's (fsx-facts 3.2).

use super::file_system_kind::FileSystemKind;

/// What an engine allows.
#[derive(Debug)]
pub struct Catalogue {
    /// The limits on copies in flight; a copy counts in each that its type is named in.
    pub lanes: &'static [LaneRule],
    /// AWS's default quota of user backups in an account and Region, by type.
    pub backup_quotas: &'static [(FileSystemKind, u64)],
}

/// One limit on copies in flight.
#[derive(Debug)]
pub struct LaneRule {
    /// The types that it counts.
    pub kinds: &'static [FileSystemKind],
    /// What it counts them by.
    pub scope: LaneScope,
    /// How many.
    pub limit: LaneLimit,
}

/// What a limit counts copies by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneScope {
    /// The account and the destination Region.
    AccountRegion,
    /// The same, and the volume.
    Volume,
    /// The account.
    Account,
}

/// How many copies a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneLimit {
    /// `[limits] copies_in_flight`.
    CopiesInFlight,
    /// `[limits] ontap_copies_in_flight`.
    OntapCopiesInFlight,
    /// What nobody can have raised.
    Fixed(u32),
}

/// FSx's own backups and copies.
///
/// Windows, Lustre and OpenZFS share five per account and destination Region; ONTAP has five per volume, destination and
/// key, and a thousand per account. What is not known is counted like the types that share, and has the smaller quota.
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
    /// AWS's default quota of user backups of a type, per account and Region; of a type without one, the smallest.
    #[must_use]
    pub fn backup_quota(&self, kind: FileSystemKind) -> u64 {
        let own = self.backup_quotas.iter().find(|(of, _)| *of == kind);
        own.or(self.backup_quotas.iter().min_by_key(|(_, quota)| quota)).map_or(0, |(_, quota)| *quota)
    }

    /// The limits in which a copy of this type counts.
    pub fn lanes_of(&self, kind: FileSystemKind) -> impl Iterator<Item = &LaneRule> {
        self.lanes.iter().filter(move |rule| rule.kinds.contains(&kind))
    }

    /// How many a limit of this scope allows.
    #[must_use]
    pub fn limit_of(&self, scope: LaneScope) -> Option<LaneLimit> {
        self.lanes.iter().find(|rule| rule.scope == scope).map(|rule| rule.limit)
    }
}

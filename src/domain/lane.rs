//! Lanes: the copies in one lane share one AWS limit on copies in flight.
//!
//! FSx refuses a copy when too many are in flight, and its limits differ by file system type (fsx-facts 3.2): Windows,
//! Lustre and OpenZFS share five per account and destination Region; ONTAP has five per volume, destination and key,
//! and a thousand per account. So a copy occupies a slot in one or more lanes. Only this table says in which.

pub use super::file_system_kind::FileSystemKind;

use super::catalogue::{FSX, LaneLimit, LaneRule, LaneScope};
use super::id::{AccountId, AccountRegion, Region, SourceId};
use super::policy::Limits;
use std::fmt;

/// The scope of one limit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lane {
    /// Windows, Lustre and OpenZFS copies into one Region of an account.
    Shared(AccountRegion),
    /// ONTAP copies of one volume into one Region. AWS's limit is also per key, but a policy names keys by id, ARN or
    /// alias while AWS reports ARNs. So the key is left out, which can only overcount.
    Volume(AccountRegion, SourceId),
    /// All ONTAP copies of an account.
    OntapAccount(AccountId),
}

impl Lane {
    /// The lanes in which a copy of this type occupies a slot. `volume` is the ONTAP volume, if it is one.
    #[must_use]
    pub fn of_copy(
        kind: FileSystemKind,
        account: &AccountId,
        destination: &Region,
        volume: Option<&SourceId>,
    ) -> Vec<Self> {
        let place = || AccountRegion { account: account.clone(), region: destination.clone() };
        let lane = |rule: &LaneRule| match rule.scope {
            LaneScope::AccountRegion => Some(Self::Shared(place())),
            LaneScope::Volume => Some(Self::Volume(place(), volume?.clone())),
            LaneScope::Account => Some(Self::OntapAccount(account.clone())),
        };
        FSX.lanes_of(kind).filter_map(lane).collect()
    }

    /// The maximum number of copies in flight in this lane.
    #[must_use]
    pub fn capacity(&self, limits: &Limits) -> u32 {
        let scope = match self {
            Self::Shared(_) => LaneScope::AccountRegion,
            Self::Volume(..) => LaneScope::Volume,
            Self::OntapAccount(_) => LaneScope::Account,
        };
        match FSX.limit_of(scope) {
            Some(LaneLimit::CopiesInFlight) => limits.copies_in_flight,
            Some(LaneLimit::OntapCopiesInFlight) => limits.ontap_copies_in_flight,
            Some(LaneLimit::Fixed(limit)) => limit,
            None => 0,
        }
    }

    /// The unnamed own account gets its id.
    pub(super) fn name_own(&mut self, id: &AccountId) {
        let (Self::Shared(AccountRegion { account, .. })
        | Self::Volume(AccountRegion { account, .. }, _)
        | Self::OntapAccount(account)) = self;
        account.name_own(id);
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared(place) => write!(f, "{}", place.region),
            Self::Volume(place, volume) => write!(f, "{volume} in {}", place.region),
            Self::OntapAccount(account) => write!(f, "ONTAP copies of account {account}"),
        }
    }
}

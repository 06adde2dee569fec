//! Lanes: copies in one lane share one AWS limit on copies in flight.
//!
//! FSx refuses a copy when too many are in flight, and counts them differently by file system type (fsx-facts 3.2):
//! Windows, Lustre and OpenZFS share five per account and destination Region; ONTAP has five per volume, destination
//! and key, and a thousand per account. So a copy occupies a slot in one or more lanes. Only this table says in which.

use super::id::{AccountAlias, AccountRegion, Region, SourceId};
use super::policy::Limits;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The type of a file system, as far as limits and wording depend on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FileSystemKind {
    /// FSx for Windows File Server.
    Windows,
    /// FSx for Lustre.
    Lustre,
    /// FSx for OpenZFS.
    OpenZfs,
    /// FSx for NetApp ONTAP.
    Ontap,
    /// Something this version does not know; it is counted like the three that share a lane.
    Other,
}

impl FileSystemKind {
    /// AWS's word, as in `FileSystemType`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Windows => "WINDOWS",
            Self::Lustre => "LUSTRE",
            Self::OpenZfs => "OPENZFS",
            Self::Ontap => "ONTAP",
            Self::Other => "OTHER",
        }
    }

    /// Reads AWS's word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "WINDOWS" => Self::Windows,
            "LUSTRE" => Self::Lustre,
            "OPENZFS" => Self::OpenZfs,
            "ONTAP" => Self::Ontap,
            _ => Self::Other,
        }
    }
}

/// One limit's domain.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lane {
    /// Windows, Lustre and OpenZFS copies into one Region of an account.
    Shared(AccountRegion),
    /// ONTAP copies of one volume into one Region. AWS's limit is per key as well; a policy names keys by id, ARN or
    /// alias while AWS answers with ARNs, so the key is left out, which can only count too many.
    Volume(AccountRegion, SourceId),
    /// All ONTAP copies of an account.
    OntapAccount(AccountAlias),
}

/// AWS's own limit on ONTAP copies in flight in an account (fsx-facts 3.2).
pub const ONTAP_COPIES_IN_FLIGHT_PER_ACCOUNT: u32 = 1000;

impl Lane {
    /// The lanes in which a copy of this type takes a place. `volume` is the ONTAP volume, if it is one.
    #[must_use]
    pub fn of_copy(
        kind: FileSystemKind,
        account: &AccountAlias,
        destination: &Region,
        volume: Option<&SourceId>,
    ) -> Vec<Self> {
        let place = AccountRegion { account: account.clone(), region: destination.clone() };
        match (kind, volume) {
            (FileSystemKind::Ontap, Some(volume)) => {
                vec![Self::Volume(place, volume.clone()), Self::OntapAccount(account.clone())]
            }
            (FileSystemKind::Ontap, None) => vec![Self::OntapAccount(account.clone())],
            _ => vec![Self::Shared(place)],
        }
    }

    /// How many copies may be in flight here.
    #[must_use]
    pub fn capacity(&self, limits: &Limits) -> u32 {
        match self {
            Self::Shared(_) => limits.copies_in_flight,
            Self::Volume(..) => limits.ontap_copies_in_flight,
            Self::OntapAccount(_) => ONTAP_COPIES_IN_FLIGHT_PER_ACCOUNT,
        }
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

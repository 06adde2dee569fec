//! What a response shows about the account that sent it.

use super::*;

/// What an answer showed of the account that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEvidence {
    /// It names the account on record.
    Proven {
        /// Where.
        place: AccountRegion,
        /// When.
        at: Time,
    },
    /// It names another account than the recorded one; nothing in it is believed.
    Foreign {
        /// Where.
        place: AccountRegion,
        /// The account that it names.
        id: AccountId,
        /// In words.
        fault: Fault,
        /// When.
        at: Time,
    },
    /// A place that answered for another account names nobody now, and its account has proven itself since.
    Cleared {
        /// Where.
        place: AccountRegion,
        /// When.
        at: Time,
    },
    /// A whole listing of a place names nobody and contradicts the record.
    Silent {
        /// Where.
        place: AccountRegion,
        /// When.
        at: Time,
    },
    /// It names nobody and contradicts the record, so another has to name the account.
    Doubted {
        /// Which.
        account: AccountAlias,
        /// Since when what it contradicts is in doubt.
        since: Time,
        /// When.
        at: Time,
    },
}

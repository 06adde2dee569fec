//! What a response shows about the account that sent it.

use super::*;

/// What a response shows about the account that sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEvidence {
    /// It names the account on record.
    Proven {
        /// The account and Region.
        place: AccountRegion,
        /// When it happened.
        at: Time,
    },
    /// It names another account than the one on record; nothing in it is believed.
    Foreign {
        /// The account and Region.
        place: AccountRegion,
        /// The account that it names.
        id: AccountId,
        /// The error in words.
        fault: Fault,
        /// When it happened.
        at: Time,
    },
    /// An account and Region that responded for another account now names no account, and the account has proven itself
    /// since.
    Cleared {
        /// The account and Region.
        place: AccountRegion,
        /// When it happened.
        at: Time,
    },
    /// A complete listing names no account and contradicts the record.
    Silent {
        /// The account and Region.
        place: AccountRegion,
        /// When it happened.
        at: Time,
    },
    /// A response names no account and contradicts the record, so another response has to name the account.
    Doubted {
        /// The account.
        account: AccountId,
        /// Since when the contradicted records are in doubt.
        since: Time,
        /// When it happened.
        at: Time,
    },
}

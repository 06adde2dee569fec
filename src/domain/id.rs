//! Identifiers: accounts, Regions, sources, backups, occurrences, and the token derived from them.
//!
//! An identifier must mean the same on every host that runs the same policy, even after the database is lost, because
//! AWS stores nothing else for us: the tags of a backup and the ClientRequestToken of the call that created it.
//!
//! A million recovery points hold several identifiers each, so an identifier is one pointer wide and shared by
//! everything that holds it. The exception is the id of a backup, which is stored inline: nothing shares it, and
//! separate allocations would be scattered between those of the responses and fragment the heap.

use super::time::Time;
use arcstr::ArcStr;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::fmt;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(ArcStr);

        name!(text $name);

        // Names are keys of ordered maps and are mostly compared with clones of themselves. `ArcStr` takes the shortcut
        // for identical pointers in `eq`, but not in `cmp`.
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                if ArcStr::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    };
    (text $name:ident) => {
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The 12-digit id of an AWS account, and [`AccountId::own`] as long as nothing has named the daemon's own.
    AccountId
}
name! {
    /// An AWS Region, `us-east-1`.
    Region
}
name! {
    /// A file system (`fs-…`) or an ONTAP volume (`fsvol-…`).
    SourceId
}

/// An FSx backup or copy, `backup-…`. An id of AWS's length needs no heap allocation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackupId(CompactString);

name!(text BackupId);

name! {
    /// The `name` of a `[[policy]]`.
    PolicyName
}
name! {
    /// A ClientRequestToken: 1 to 63 characters (fsx-facts 3.1).
    Token
}

impl AccountId {
    /// The account whose credentials the daemon runs with, until a response names it
    /// ([`State::own_account`](super::state::State::own_account)).
    #[must_use]
    pub fn own() -> Self {
        Self::from("default")
    }

    /// Whether this is an id, and not [`AccountId::own`].
    #[must_use]
    pub fn is_named(&self) -> bool {
        is_account_id(self.as_str())
    }

    /// Replaces [`AccountId::own`] by the id that it turned out to have. Another account stays.
    pub(super) fn name_own(&mut self, id: &Self) {
        if !self.is_named() {
            self.clone_from(id);
        }
    }
}

/// The account in an ARN, if there is one.
#[must_use]
pub fn account_of_arn(arn: &str) -> Option<&str> {
    let account = arn.strip_prefix("arn:")?.split(':').nth(3)?;
    is_account_id(account).then_some(account)
}

/// Whether this has the form of an account id: twelve digits.
#[must_use]
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl SourceId {
    /// Whether this is an ONTAP volume, which is backed up by `VolumeId`, rather than a file system.
    #[must_use]
    pub fn is_volume(&self) -> bool {
        is_volume(self.as_str())
    }
}

/// Whether this is the id of a volume.
pub(super) fn is_volume(id: &str) -> bool {
    id.starts_with("fsvol-")
}

/// One account in one Region: the scope of a rate limit, a queue of calls and a listing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AccountRegion {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
}

impl fmt::Display for AccountRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// A source in its account. Ids are unique within an account, so the Region is an attribute, not part of the key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SourceKey {
    /// The account.
    pub account: AccountId,
    /// The file system or volume.
    pub source: SourceId,
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.source)
    }
}

/// What made an occurrence due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// The policy's schedule.
    Schedule,
    /// A person, with `lifeboat backup`.
    Manual,
}

impl Trigger {
    /// The word used in tags, the database and history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
        }
    }

    /// Reads [`Trigger::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "schedule" => Some(Self::Schedule),
            "manual" => Some(Self::Manual),
            _ => None,
        }
    }
}

/// One firing of a schedule for one source, unique within that source; ordered by time first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Occurrence {
    /// The scheduled time, or the time of the request.
    pub at: Time,
    /// What made it due.
    pub trigger: Trigger,
}

/// What is to be created at AWS for an occurrence.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Target {
    /// The backup in the source's Region.
    Backup,
    /// The copy in a destination.
    Copy(Region),
}

impl Target {
    /// The destination of a copy, empty for the backup: the form used in tokens and in the database.
    #[must_use]
    pub fn destination(&self) -> &str {
        match self {
            Self::Backup => "",
            Self::Copy(region) => region.as_str(),
        }
    }

    /// The destination of a copy; `None` for the backup.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        match self {
            Self::Backup => None,
            Self::Copy(region) => Some(region),
        }
    }

    /// Reads [`Target::destination`] back.
    #[must_use]
    pub fn from_destination(text: &str) -> Self {
        if text.is_empty() { Self::Backup } else { Self::Copy(text.into()) }
    }
}

/// Identifies one thing to be created: at most one good object at AWS ever carries it (promise 2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct WorkKey {
    /// The source.
    pub source: SourceKey,
    /// The occurrence.
    pub occurrence: Occurrence,
    /// Backup or copy.
    pub target: Target,
}

impl fmt::Display for WorkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Occurrence { at, trigger } = self.occurrence;
        write!(f, "{} {} {at}", self.source, trigger.as_str())?;
        match &self.target {
            Target::Backup => Ok(()),
            Target::Copy(region) => write!(f, " → {region}"),
        }
    }
}

impl WorkKey {
    /// The ClientRequestToken of an attempt. It depends only on account, source, trigger, occurrence, destination and
    /// attempt (product.md, “What is written at AWS”), so every host with this policy uses the same one.
    #[must_use]
    pub fn token(&self, attempt: u32) -> Token {
        token_of(self.hash(attempt, "token"))
    }

    /// A number in `0.0..1.0` that depends only on this work and `salt`: jitter without randomness.
    #[must_use]
    pub fn jitter(&self, salt: u32) -> f64 {
        let hash = self.hash(salt, "jitter");
        let word = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        // Divide by 2³².
        f64::from(word) / 4_294_967_296.0
    }

    fn hash(&self, number: u32, purpose: &str) -> [u8; 32] {
        hash_of(&[
            purpose,
            self.source.account.as_str(),
            self.source.source.as_str(),
            self.occurrence.trigger.as_str(),
            &self.occurrence.at.millis().to_string(),
            self.target.destination(),
            &number.to_string(),
        ])
    }
}

/// The ClientRequestToken of a deletion; it depends only on the object.
#[must_use]
pub fn deletion_token(place: &AccountRegion, id: &BackupId) -> Token {
    token_of(hash_of(&["delete", place.account.as_str(), place.region.as_str(), id.as_str()]))
}

fn token_of(hash: [u8; 32]) -> Token {
    let mut text = String::with_capacity(44);
    text.push_str("lb2-");
    for nibble in hash[..20].iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.extend(char::from_digit(nibble.into(), 16));
    }
    Token::from(text)
}

fn hash_of(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(target: Target) -> WorkKey {
        let source = SourceKey { account: "111122223333".into(), source: "fs-0123456789abcdef0".into() };
        WorkKey {
            source,
            occurrence: Occurrence { at: Time::from_secs(1_795_248_000), trigger: Trigger::Schedule },
            target,
        }
    }

    #[test]
    fn a_token_never_changes_between_releases() {
        assert_eq!(key(Target::Backup).token(1).as_str(), "lb2-31595ffd1ac802e61f7e3fc9fa99808c543cdab3");
    }

    #[test]
    fn tokens_differ_by_destination_and_attempt_and_fit_aws() {
        let tokens = [
            key(Target::Backup).token(1),
            key(Target::Backup).token(2),
            key(Target::Copy("us-west-2".into())).token(1),
            key(Target::Copy("eu-west-1".into())).token(1),
        ];
        let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), tokens.len());
        assert!(tokens.iter().all(|t| t.as_str().len() <= 63));
    }
}

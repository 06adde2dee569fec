//! The policy file after it was read and checked.
//!
//! All values here are valid; only the `config` module creates them from text. A [`Settings`] is immutable and replaced
//! as a whole on reload.

use super::id::{AccountId, Occurrence, PolicyName, Region, SourceId, SourceKey, Trigger};
use super::schedule::Schedule;
use super::selection::Select;
use super::time::Time;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// The whole policy file.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The load count of this process: settings of the same generation are identical.
    pub generation: u64,
    /// `[daemon]`.
    pub daemon: Daemon,
    /// `[aws]`.
    pub aws: Aws,
    /// `[limits]`.
    pub limits: Limits,
    /// `[notify]`.
    pub notify: Notify,
    /// The daemon's own account: [`AccountId::own`] until a response has named it.
    pub own_account: AccountId,
    /// Every `[accounts.NAME]`, by the account that its role is in.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Every `[[policy]]`, by name.
    pub policies: BTreeMap<PolicyName, Policy>,
}

/// `[daemon]`: paths, addresses and the poll interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// The SQLite database.
    pub state: PathBuf,
    /// Where metrics and status are served.
    pub listen: SocketAddr,
    /// Host names that `listen` answers to, besides loopback and its own address.
    pub hosts: Vec<String>,
    /// The Unix socket that takes changes.
    pub control: PathBuf,
    /// How often work in flight is polled.
    pub poll: Duration,
    /// Whether this host deletes what retention no longer keeps.
    pub prune: bool,
}

/// `[aws]`: access to AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct Aws {
    /// A profile in the SDK's configuration files.
    pub profile: Option<String>,
    /// An endpoint that replaces AWS's own.
    pub endpoint_url: Option<String>,
    /// Calls per second, per account and Region, all calls together.
    pub requests_per_second: f64,
}

/// One `[accounts.NAME]`: an account that is reached by assuming a role through STS.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name in the policy file, which no key, tag or token contains.
    pub name: String,
    /// The role.
    pub role_arn: String,
    /// What the role's trust policy asks for.
    pub external_id: Option<String>,
    /// How the sessions are called in the account's CloudTrail.
    pub session_name: Option<String>,
}

/// Without the external id, which is a shared secret to some.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).field("role_arn", &self.role_arn).finish_non_exhaustive()
    }
}

/// `[limits]`: AWS's limits on copies in flight (fsx-facts 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Per account and destination Region; Windows, Lustre and OpenZFS share it.
    pub copies_in_flight: u32,
    /// Per ONTAP volume, destination Region and KMS key.
    pub ontap_copies_in_flight: u32,
}

/// `[notify]`: where notifications go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// Where events are POSTed.
    pub webhook: Option<SecretUrl>,
    /// What is pinged while every route meets its RPO.
    pub heartbeat: Option<SecretUrl>,
}

/// An `http://` or `https://` URL whose path is a secret. It is displayed without its path.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Wraps a URL that was already checked.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// The whole URL, for requests only.
    #[must_use]
    pub fn whole(&self) -> &str {
        &self.0
    }
}

/// Scheme, host and port only.
impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("https", ""));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        write!(f, "{scheme}://{host}/…")
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One `[[policy]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name, unique in the file.
    pub name: PolicyName,
    /// The account its sources are in.
    pub account: AccountId,
    /// The Region its sources are in.
    pub region: Region,
    /// File systems and volumes, in the order written, each once; then what `select` found.
    pub sources: Vec<SourceId>,
    /// Further sources by their tags.
    pub select: Option<Select>,
    /// Never sources, whatever `select` finds.
    pub exclude: Vec<SourceId>,
    /// Its schedule.
    pub schedule: Schedule,
    /// Each source's occurrence begins up to so long after its time; see [`Policy::begins_at`].
    pub spread: Option<Duration>,
    /// How long after its scheduled time an occurrence may still begin; `None`: until the next one.
    pub start_within: Option<Duration>,
    /// What happens to occurrences that came due while the daemon was not running.
    pub catch_up: CatchUp,
    /// The RPO in the source's Region.
    pub rpo: Option<Duration>,
    /// Tags for backups and copies.
    pub tags: Tags,
    /// Retention in the source's Region; `None`: everything is kept.
    pub retain: Option<Retain>,
    /// The destinations, each Region once.
    pub destinations: Vec<Destination>,
}

impl Policy {
    /// When the backup of a scheduled occurrence begins: within `spread` after its time, always equally long after for one
    /// source, on every host. A thousand file systems with one schedule then do not call AWS in the same second.
    #[must_use]
    pub fn begins_at(&self, source: &SourceId, occurrence: Occurrence) -> Time {
        let Some(spread) = self.spread.filter(|_| occurrence.trigger == Trigger::Schedule) else {
            return occurrence.at;
        };
        let hash = Sha256::digest(source.as_str());
        let part = hash.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        occurrence.at.plus(spread.mul_f64(f64::from(part) / (f64::from(u32::MAX) + 1.0)))
    }

    /// The key of each source, in the order written.
    pub fn source_keys(&self) -> impl Iterator<Item = SourceKey> + '_ {
        self.sources.iter().map(|source| SourceKey { account: self.account.clone(), source: source.clone() })
    }

    /// The destination in `region`.
    #[must_use]
    pub fn destination(&self, region: &Region) -> Option<&Destination> {
        self.destinations.iter().find(|destination| destination.region == *region)
    }

    /// The RPO for `region`, which is the source's own or a destination.
    #[must_use]
    pub fn rpo_in(&self, region: &Region) -> Option<Duration> {
        match self.destination(region) {
            Some(destination) => destination.rpo.or(self.rpo),
            None => self.rpo,
        }
    }
}

/// `catch_up`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// Begin the newest.
    Latest,
    /// Begin none.
    None,
}

/// One `[[policy.destination]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The destination Region.
    pub region: Region,
    /// The RPO of this destination; `None`: the policy's.
    pub rpo: Option<Duration>,
    /// The key that encrypts copies there; `None`: the destination's `aws/fsx`.
    pub kms_key: Option<String>,
    /// Whether the backup's own tags go onto the copy.
    pub copy_tags: bool,
    /// Tags for copies there; they override the policy's.
    pub tags: Tags,
    /// Retention in that Region; `None`: everything is kept.
    pub retain: Option<Retain>,
}

/// `retain`: a point is deleted only when no rule keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retain {
    /// Keep this many of the newest points.
    pub last: Option<u32>,
    /// Keep everything that is at most this much older than the newest point.
    pub within: Option<Duration>,
    /// Keep the last point of each of this many hours.
    pub hourly: Option<u32>,
    /// Keep the last point of each of this many days.
    pub daily: Option<u32>,
    /// Keep the last point of each of this many weeks.
    pub weekly: Option<u32>,
    /// Keep the last point of each of this many months.
    pub monthly: Option<u32>,
    /// Keep the last point of each of this many years.
    pub yearly: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_is_secret() {
        for (url, shown) in [
            ("https://hooks.example.com/services/T0/B0/x?key=y#z", "https://hooks.example.com/…"),
            ("http://user:word@[::1]:8080?x", "http://[::1]:8080/…"),
            ("https://h", "https://h/…"),
        ] {
            let url = SecretUrl::new(url);
            assert_eq!((url.to_string().as_str(), format!("{url:?}").as_str()), (shown, shown));
        }
    }
}

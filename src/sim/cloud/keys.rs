//! KMS keys, as far as FSx sees them (fact 19).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::rng::{fingerprint, mix};
use super::regions::arn_partition;
use super::{Cloud, RegionIx};

/// The state of a key declared to the simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// A usable symmetric key.
    Enabled,
    /// Disabled, pending deletion, or without FSx's grant: unusable, and copies under way with it fail.
    Disabled,
    /// An asymmetric key, which FSx cannot use.
    Asymmetric,
}

impl Cloud {
    /// Declares a key in a Region, or changes its state. `key` is an ARN, a key id or an alias.
    pub fn set_key(&mut self, account: &str, region: &str, key: &str, state: KeyState) {
        let place = self.place(account, region);
        if let Some(arn) = self.key_arn(place, key) {
            self.keys.insert(arn, state);
        }
    }

    /// The key used if none is named: the account's `aws/fsx`.
    pub(super) fn default_key(&self, place: RegionIx) -> String {
        self.derived_key(place, "alias/aws/fsx")
    }

    /// The ARN of a key named in a request, in any form; `None` if it cannot be a key of this Region.
    pub(super) fn key_arn(&self, place: RegionIx, key: &str) -> Option<String> {
        let here = &self.places[place];
        if let Some(rest) = key.strip_prefix("arn:") {
            let parts: Vec<&str> = rest.splitn(5, ':').collect();
            let [partition, "kms", region, account, name] = parts.as_slice() else {
                return None;
            };
            let fits = *partition == arn_partition(&here.region)
                && *region == here.region
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit());
            return match name.split_once('/') {
                Some(("key", id)) if fits && key_id(id) => Some(key.to_owned()),
                Some(("alias", _)) if fits => Some(self.derived_key(place, name)),
                _ => None,
            };
        }
        if key.starts_with("alias/") {
            return Some(self.derived_key(place, key));
        }
        key_id(key)
            .then(|| format!("arn:{}:kms:{}:{}:key/{key}", arn_partition(&here.region), here.region, here.account))
    }

    /// Whether FSx can use a key at this time.
    pub(super) fn key_usable(&self, place: RegionIx, arn: &str, now_ms: i64) -> bool {
        if self.fault_rates(place, "CopyBackup", now_ms).disabled_keys.iter().any(|key| key == arn) {
            return false;
        }
        match self.keys.get(arn) {
            Some(state) => *state == KeyState::Enabled,
            None => !self.settings.only_declared_keys || arn == self.default_key(place),
        }
    }

    /// The key of an alias; its id is derived from the alias, so that it is always the same.
    fn derived_key(&self, place: RegionIx, alias: &str) -> String {
        let here = &self.places[place];
        let high = fingerprint(&format!("{}/{}/{alias}", here.account, here.region));
        let low = mix(high);
        format!(
            "arn:{}:kms:{}:{}:key/{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            arn_partition(&here.region),
            here.region,
            here.account,
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff,
        )
    }
}

/// A UUID, or the id of a multi-Region key.
fn key_id(id: &str) -> bool {
    // Distinguished by length: digits with hyphens, or digits alone.
    match id.strip_prefix("mrk-") {
        Some(digits) => digits.len() == 32 && Uuid::try_parse(digits).is_ok(),
        None => id.len() == 36 && Uuid::try_parse(id).is_ok(),
    }
}

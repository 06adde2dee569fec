//! An initial fleet from a file: `lifeboat simulator --fleet FILE`.
//!
//! ```toml
//! account = "111122223333"            # default for what follows; optional
//! region  = "us-east-1"               # likewise
//!
//! [[file_system]]
//! id   = "fs-0123456789abcdef0"       # generated if left out
//! type = "WINDOWS"                    # WINDOWS, LUSTRE, OPENZFS, ONTAP
//! capacity_gib = 2048
//! tags = { dr = "gold" }
//!
//! [[file_system]]
//! type   = "ONTAP"
//! region = "eu-west-1"
//! [[file_system.volume]]
//! id = "fsvol-0123456789abcdef0"
//!
//! [[key]]                             # KMS keys that are not simply enabled
//! region = "us-west-2"
//! key    = "alias/backups"
//! state  = "disabled"                 # enabled, disabled, asymmetric
//! ```
//!
//! The other members of a file system and a volume are those of [`FileSystemSeed`] and
//! [`VolumeSeed`](super::cloud::VolumeSeed).

use serde::Deserialize;

use super::cloud::sts::Role;
use super::cloud::{Cloud, FileSystemSeed, KeyState};

/// The account of entries that name none.
pub const DEFAULT_ACCOUNT: &str = "111122223333";
const DEFAULT_REGION: &str = "us-east-1";

/// The initial content of the cloud.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fleet {
    /// Account of entries that name none; default 111122223333.
    pub account: Option<String>,
    /// Region of entries that name none; default us-east-1.
    pub region: Option<String>,
    /// File systems.
    pub file_system: Vec<Member>,
    /// Keys.
    pub key: Vec<Key>,
    /// Roles that STS knows. Without any, every role can be assumed by everybody.
    pub role: Vec<Role>,
}

/// A file system and its location.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Account; default: the fleet's.
    pub account: Option<String>,
    /// Region; default: the fleet's.
    pub region: Option<String>,
    /// The file system.
    pub seed: FileSystemSeed,
}

/// A key and its location.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Account; default: the fleet's.
    #[serde(default)]
    pub account: Option<String>,
    /// Region; default: the fleet's.
    #[serde(default)]
    pub region: Option<String>,
    /// ARN, id or alias.
    pub key: String,
    /// Its state.
    pub state: KeyState,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        // By hand, because serde cannot reject unknown members of a flattened structure.
        let mut table = toml::Table::deserialize(deserializer)?;
        let mut take = |name: &str| match table.remove(name) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(D::Error::custom(format!("{name} is not a string"))),
        };
        let (account, region) = (take("account")?, take("region")?);
        let seed = FileSystemSeed::deserialize(table).map_err(D::Error::custom)?;
        Ok(Self { account, region, seed })
    }
}

impl Fleet {
    /// Parses a fleet from TOML.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// Adds all of it to the cloud; returns the ids of file systems and volumes in the order of the file.
    ///
    /// # Errors
    /// The first member that AWS would not accept, and why.
    pub fn populate(&self, cloud: &mut Cloud, now_ms: i64) -> Result<Vec<String>, String> {
        let account = self.account.as_deref().unwrap_or(DEFAULT_ACCOUNT);
        let region = self.region.as_deref().unwrap_or(DEFAULT_REGION);
        for key in &self.key {
            let account = key.account.as_deref().unwrap_or(account);
            cloud.set_key(account, key.region.as_deref().unwrap_or(region), &key.key, key.state);
        }
        self.role.iter().for_each(|role| cloud.add_role(role.clone()));
        let mut ids = Vec::new();
        for (at, member) in self.file_system.iter().enumerate() {
            let account = member.account.as_deref().unwrap_or(account);
            let region = member.region.as_deref().unwrap_or(region);
            let (id, volumes) = cloud
                .add_file_system_seed(now_ms, account, region, &member.seed)
                .map_err(|error| format!("file_system {}: {}", at + 1, error.message))?;
            ids.push(id);
            ids.extend(volumes);
        }
        Ok(ids)
    }
}

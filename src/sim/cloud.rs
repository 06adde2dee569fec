//! FSx in many accounts and Regions, as a pure model.
//!
//! **The problem.** A scheduler of backups and copies must survive an FSx that forgets, lags, throttles and fails. No
//! AWS account does so on demand, and none in virtual time.
//!
//! **The solution.** Everything here is determined by the seed, the calls, and the times passed with them: no clock, no
//! threads, no machine randomness, no hash order. Time is passed as `now_ms` with every call; everything that came due
//! since the previous call happens first, each event at its own instant.
//!
//! It uses the JSON of the AWS API. The facts that it models are numbered in the project's notes on FSx, table (b).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use serde_json::{Value, json};

mod automatic;
mod backups;
mod copies;
mod deletion;
mod describe;
pub mod error;
mod events;
mod fleet;
mod inventory;
mod keys;
mod listing;
mod model;
mod other_principals;
mod patterns;
mod regions;
mod registry;
mod render;
mod seeding;
mod serving;
pub mod settings;
mod shapes;
pub mod sts;
mod tags;
mod tokens;
mod validate;

pub use error::ApiError;
pub use inventory::{BackupFacts, CallCount, Inventory, LaneFacts};
pub use keys::KeyState;
pub use model::{
    Backup, BackupIx, BackupType, FileSystem, FileSystemType, Lane, LaneUse, Lifecycle, Principal, RegionIx, Tags,
    Volume,
};
pub use seeding::{FileSystemSeed, VolumeSeed};
pub use serving::{Lost, Served};
pub use settings::{BeingCopied, CopySubject, DeletedToken, RefusalCode, Settings};

use super::faults::{Asked, FaultRates, FaultRng, Faults};
use super::rng::Rng;
use events::Event;
use tokens::Tokens;

/// A century: no setting may be longer.
const LONGEST_MS: f64 = 3.2e12;

/// Everything that one account has in one Region.
#[derive(Debug)]
struct SimRegion {
    account: String,
    region: String,
    file_systems: BTreeMap<String, Arc<FileSystem>>,
    volumes: BTreeMap<String, Arc<Volume>>,
    svms: BTreeMap<String, fleet::Svm>,
    /// The backups that are not deleted.
    backups: BTreeMap<String, BackupIx>,
    /// Usage of the quota of user-initiated backups.
    quota_used: BTreeMap<FileSystemType, u32>,
    /// The same per ONTAP volume.
    quota_used_by_volume: BTreeMap<String, u32>,
    resources: BTreeMap<String, Resource>,
    calls: BTreeMap<(&'static str, Cow<'static, str>), u64>,
}

/// What the backups of one file system or ONTAP volume in one Region have in common.
#[derive(Debug, Default)]
struct Resource {
    running: Option<BackupIx>,
    /// AVAILABLE backups made here, by the time of their data.
    backups: BTreeSet<(i64, BackupIx)>,
    /// AVAILABLE copies here, by key.
    copies: BTreeMap<String, Chain>,
}

/// Copies of one resource under one key: each transfers only what the previous one lacks.
#[derive(Debug, Default)]
struct Chain {
    good: BTreeSet<(i64, BackupIx)>,
    newest: Option<BackupIx>,
}

/// Every backup ever made. Backups are only added, never removed, so an index stays valid.
#[derive(Debug, Default)]
struct Arena(Vec<Backup>);

impl Index<BackupIx> for Arena {
    type Output = Backup;

    fn index(&self, at: BackupIx) -> &Backup {
        &self.0[at.0]
    }
}

impl IndexMut<BackupIx> for Arena {
    fn index_mut(&mut self, at: BackupIx) -> &mut Backup {
        &mut self.0[at.0]
    }
}

/// The accounts and Regions, which are also only added.
#[derive(Debug, Default)]
struct SimRegions(Vec<SimRegion>);

impl Index<RegionIx> for SimRegions {
    type Output = SimRegion;

    fn index(&self, at: RegionIx) -> &SimRegion {
        &self.0[at.0]
    }
}

impl IndexMut<RegionIx> for SimRegions {
    fn index_mut(&mut self, at: RegionIx) -> &mut SimRegion {
        &mut self.0[at.0]
    }
}

/// One request that was parsed and validated.
#[derive(Clone, Copy)]
struct Call<'a> {
    now_ms: i64,
    place: RegionIx,
    operation: &'static str,
    body: &'a Value,
}

/// The simulated FSx of all accounts and Regions.
#[derive(Debug)]
pub struct Cloud {
    settings: Settings,
    faults: Faults,
    faults_since_ms: Option<i64>,
    fault_rng: FaultRng,
    speed: f64,
    now_ms: i64,
    next_seq: u64,
    places: SimRegions,
    place_at: BTreeMap<String, BTreeMap<String, RegionIx>>,
    backups: Arena,
    /// In order of deletion, whoever requested it.
    deleted: Vec<BackupIx>,
    due: BTreeMap<(i64, u64), Event>,
    lanes: BTreeMap<Lane, LaneUse>,
    /// ONTAP copies in flight by account.
    ontap_copies: BTreeMap<String, u32>,
    keys: BTreeMap<String, KeyState>,
    /// Roles that STS knows, by ARN.
    roles: BTreeMap<String, sts::Role>,
    tokens: Tokens,
    ids: Rng,
    outcomes: Rng,
    orders: Rng,
    other_principals: Rng,
}

impl Cloud {
    /// An empty cloud. All random decisions are determined by `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            settings: Settings::default(),
            faults: Faults::default(),
            faults_since_ms: None,
            fault_rng: FaultRng::new(seed),
            speed: 1.0,
            now_ms: i64::MIN,
            next_seq: 0,
            places: SimRegions::default(),
            place_at: BTreeMap::new(),
            backups: Arena::default(),
            deleted: Vec::new(),
            due: BTreeMap::new(),
            lanes: BTreeMap::new(),
            ontap_copies: BTreeMap::new(),
            keys: BTreeMap::new(),
            roles: BTreeMap::new(),
            tokens: Tokens::default(),
            ids: Rng::new(seed, "ids"),
            outcomes: Rng::new(seed, "outcomes"),
            orders: Rng::new(seed, "orders"),
            other_principals: Rng::new(seed, "strangers"),
        }
    }

    /// Divides every duration of FSx's own work by `speed` (including the delete delay and the list lag). The clock is
    /// not affected. A speed that is not above 0 counts as 1.
    #[must_use]
    pub fn with_speed(mut self, speed: f64) -> Self {
        self.speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        self
    }

    /// The same cloud with other settings.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The current settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The current settings, to be changed; work under way continues as it began.
    pub const fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// The current faults.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Replaces all faults. Their timetable begins at `now_ms`, or at the first call if that is `None`.
    pub fn set_faults(&mut self, faults: Faults, now_ms: Option<i64>) {
        if let Some(settings) = &faults.cloud {
            self.settings = settings.clone();
        }
        self.faults = faults;
        self.faults_since_ms = now_ms;
        self.fault_rng.refill();
        if let Some(now_ms) = now_ms {
            let now_ms = self.advance(now_ms);
            self.call_other_principals(now_ms);
        }
    }

    /// Performs one operation of the FSx API at `now_ms` (epoch ms), without injected faults.
    ///
    /// A time before that of an earlier call counts as the earlier call's time.
    ///
    /// # Errors
    /// Any error of FSx, in its words.
    pub fn call(
        &mut self,
        now_ms: i64,
        account: &str,
        region: &str,
        operation: &str,
        body: &Value,
    ) -> Result<Value, ApiError> {
        self.admit(now_ms, account, region, operation, body, Self::dispatch)
    }

    /// Checks the operation, Region and shape of a call, performs it, and counts its result.
    fn admit<T>(
        &mut self,
        now_ms: i64,
        account: &str,
        region: &str,
        operation: &str,
        body: &Value,
        deed: fn(&mut Self, &Call<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let now_ms = self.advance(now_ms);
        if regions::partition(region, &self.settings.further_regions).is_none() {
            return Err(ApiError::at_the_door("UnrecognizedClientException"));
        }
        let place = self.place(account, region);
        let known = shapes::OPERATIONS.iter().find(|(name, _)| *name == operation);
        let answer = match known {
            None => Err(ApiError::client("UnknownOperationException", "")),
            Some(_) if self.settings.disabled_regions.iter().any(|name| name == region) => {
                Err(ApiError::at_the_door(&self.settings.disabled_region_code))
            }
            Some(&(operation, members)) => {
                validate::check(body, members).and_then(|()| deed(self, &Call { now_ms, place, operation, body }))
            }
        };
        let code = answer.as_ref().err().map_or(Cow::Borrowed("OK"), |error| error.code.clone());
        self.count(place, known.map_or("Unknown", |(name, _)| name), code);
        answer
    }

    fn dispatch(&mut self, call: &Call<'_>) -> Result<Value, ApiError> {
        match call.operation {
            "CreateBackup" => self.once(call, Self::create_backup),
            "CopyBackup" => self.once(call, Self::copy_backup),
            "DeleteBackup" => self.once(call, Self::delete_backup),
            "CreateFileSystem" => self.once(call, Self::create_file_system),
            "CreateVolume" => self.once(call, Self::create_volume),
            "CreateStorageVirtualMachine" => self.once(call, Self::create_svm),
            "DeleteFileSystem" => self.once(call, Self::delete_file_system),
            "DeleteVolume" => self.once(call, Self::delete_volume),
            "DescribeBackups" => self.describe_backups(call),
            "DescribeFileSystems" => self.describe_file_systems(call),
            "DescribeVolumes" => self.describe_volumes(call),
            "DescribeStorageVirtualMachines" => self.describe_svms(call),
            "TagResource" => self.tag_resource(call),
            "UntagResource" => self.untag_resource(call),
            "ListTagsForResource" => self.list_tags(call),
            _ => Err(ApiError::client("UnknownOperationException", "")),
        }
    }

    fn place(&mut self, account: &str, region: &str) -> RegionIx {
        if let Some(at) = self.place_at.get(account).and_then(|regions| regions.get(region)) {
            return *at;
        }
        let at = RegionIx(self.places.0.len());
        self.places.0.push(SimRegion {
            account: account.to_owned(),
            region: region.to_owned(),
            file_systems: BTreeMap::new(),
            volumes: BTreeMap::new(),
            svms: BTreeMap::new(),
            backups: BTreeMap::new(),
            quota_used: BTreeMap::new(),
            quota_used_by_volume: BTreeMap::new(),
            resources: BTreeMap::new(),
            calls: BTreeMap::new(),
        });
        self.place_at.entry(account.to_owned()).or_default().insert(region.to_owned(), at);
        if self.now_ms > i64::MIN {
            self.schedule(self.now_ms, Event::Strangers(at));
        }
        at
    }

    fn count(&mut self, place: RegionIx, operation: &'static str, code: Cow<'static, str>) {
        *self.places[place].calls.entry((operation, code)).or_default() += 1;
    }

    /// The fault rates for an operation in this account and Region at this time.
    fn fault_rates(&self, place: RegionIx, operation: &str, now_ms: i64) -> FaultRates {
        let place = &self.places[place];
        self.faults.fault_rates(&Asked {
            account: &place.account,
            region: &place.region,
            operation,
            age_ms: self.faults_age_ms(now_ms),
        })
    }

    /// How long the faults have been in force, ms.
    fn faults_age_ms(&self, now_ms: i64) -> i64 {
        self.faults_since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms))
    }

    /// Converts a duration of FSx's own work to the caller's clock, ms; limited so that adding it cannot overflow.
    fn span_ms(&self, seconds: f64) -> i64 {
        (seconds * 1_000.0 / self.speed).round().clamp(0.0, LONGEST_MS) as i64
    }

    fn next_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }
}

/// A time as the API shows it: epoch seconds with milliseconds.
fn timestamp(ms: i64) -> Value {
    json!(ms as f64 / 1_000.0)
}

/// A string member of a validated request.
fn text<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get(member).and_then(Value::as_str)
}

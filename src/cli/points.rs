//! `lifeboat points`: recovery points, each with the command that would restore it.
//!
//! In a disaster there may be neither daemon nor database nor source Region. `--aws` needs only credentials and a
//! destination that responds.

use super::account_name::account_called;
use super::{Done, Failure, PolicyFile, load_to_read, now, runtime, terminal};
use crate::domain::action::{Action, Call, Outcome};
use crate::domain::duration::duration_text;
use crate::domain::evidence::{Objection, weigh_inventory};
use crate::domain::fault::{Fault, clean};
use crate::domain::id::{AccountId, AccountRegion, BackupId, Region, SourceId, account_of_arn};
use crate::domain::lane::FileSystemKind;
use crate::domain::point::{Lifecycle, ObservedBackup, RecoveryPoint};
use crate::domain::policy::Aws;
use crate::domain::state::{Dispute, State};
use crate::domain::time::Time;
use crate::engine::Engine as _;
use crate::engine::Engines;
use crate::planner::polling::places_of;
use crate::report::triage::Names;
use crate::store::Store as _;
use crate::store::{self};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    policy: PolicyFile,
    /// Read AWS's own inventory; needs neither database nor daemon nor the source Region
    #[arg(long)]
    aws: bool,
    /// Only this source's
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// Only those in this account: `default` for the daemon's own, a name from the policy file, or its 12 digits
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only those in this Region; with --aws, may name one that no policy does, and no policy file is needed then
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Maximum number of pages read of one Region's listing.
const PAGES_MAX: usize = 20_000;
/// How often a page is requested before giving up.
const TRIES_PER_PAGE: u32 = 4;

#[derive(Serialize)]
struct PointView<'a> {
    source: &'a SourceId,
    account: &'a AccountId,
    region: &'a Region,
    id: &'a str,
    copy: bool,
    lifecycle: &'a str,
    occurrence: Time,
    taken_at: Time,
    age_seconds: u64,
    size_bytes: Option<u64>,
    kms_key: Option<&'a str>,
    kind: &'a str,
    policy: Option<&'a str>,
    hold: Option<&'a str>,
    /// What contradicts its tags: it is not counted, and must not be relied on.
    disputed: Option<&'a str>,
    /// What could not be confirmed: a person must decide whose it is.
    unconfirmed: Option<&'a str>,
    /// The command that restores it; none while it is disputed.
    restore: Option<String>,
}

/// A disputed object with unreadable tags: its source and the age of its data are unknown.
#[derive(Serialize)]
struct Unreadable {
    account: AccountId,
    region: Region,
    id: BackupId,
    disputed: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    RecoveryPoint(Box<PointView<'a>>),
    Unreadable(&'a Unreadable),
}

pub(super) fn run(args: &Args) -> Done {
    let (found, extent) = runtime()?.block_on(async {
        if args.aws { from_aws(args).await } else { from_database(args).await.map(|found| (found, Extent::All)) }
    })?;
    let FoundPoints { mut shown, mut unreadable } = found;
    let wanted = |region: &Region| args.region.is_empty() || args.region.iter().any(|name| region.as_str() == name);
    shown.retain(|Shown { point, .. }| {
        point.lifecycle == Lifecycle::Available
            && args.source.as_ref().is_none_or(|source| point.source.as_str() == source)
            && wanted(&point.place.region)
    });
    unreadable.retain(|of| args.source.is_none() && wanted(&of.region));
    shown.sort_by(|Shown { point: a, .. }, Shown { point: b, .. }| {
        (&a.source, &a.place.region, b.taken_at(), &a.id).cmp(&(&b.source, &b.place.region, a.taken_at(), &b.id))
    });
    let at = now();
    if args.json {
        let points = shown.iter().map(|shown| Entry::RecoveryPoint(Box::new(view(shown, at))));
        let entries: Vec<Entry<'_>> = points.chain(unreadable.iter().map(Entry::Unreadable)).collect();
        let text = serde_json::to_string_pretty(&entries);
        terminal::print(&text.map_err(|error| Failure::Run(format!("cannot write JSON: {error}")))?)?;
    } else {
        terminal::print(&as_text(&shown, &unreadable, extent, at))?;
    }
    Ok(if extent == Extent::Nothing { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// How much of what was asked for could be read. What could not is unknown, not empty.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    Some,
    Nothing,
}

/// A point, and what contradicts it.
struct Shown {
    point: RecoveryPoint,
    objection: Option<Objection>,
}

/// Everything to show.
struct FoundPoints {
    shown: Vec<Shown>,
    unreadable: Vec<Unreadable>,
}

/// All points of a state, disputed or not.
fn all_of(state: State) -> FoundPoints {
    let mut disputes: BTreeMap<(AccountRegion, BackupId), Dispute> = BTreeMap::new();
    for (place, id, dispute) in state.disputes() {
        disputes.insert((place.clone(), id.clone()), dispute.clone());
    }
    let mut shown = Vec::new();
    for point in state.sources.into_values().flat_map(|source| Arc::unwrap_or_clone(source).points.into_all()) {
        let dispute = disputes.remove(&(point.place.clone(), point.id.clone()));
        shown.push(Shown { point, objection: dispute.map(|dispute| dispute.objection) });
    }
    let mut unreadable = Vec::new();
    for ((AccountRegion { account, region }, id), Dispute { objection, claim, .. }) in disputes {
        match claim {
            Some(claim) => shown.push(Shown { point: *claim, objection: Some(objection) }),
            None => unreadable.push(Unreadable { account, region, id, disputed: objection.what().to_owned() }),
        }
    }
    FoundPoints { shown, unreadable }
}

async fn from_database(args: &Args) -> Result<FoundPoints, Failure> {
    let (settings, problems) = load_to_read(&args.policy.config)?;
    complain_of(problems.as_ref());
    let failed = |error: crate::store::StoreError| {
        Failure::Run(format!("{error}\nTo read AWS's own inventory instead: lifeboat points --aws"))
    };
    let mut store = store::read(&settings.daemon.state).await.map_err(failed)?;
    let state = store.load(now()).await;
    store.close().await;
    let state = state.map_err(failed)?;
    let account = args.account.as_deref().map(|name| account_called(name, &settings)).transpose()?;
    let account = account.map(|account| state.own_account.clone().filter(|_| !account.is_named()).unwrap_or(account));
    let mut found = all_of(state);
    if let Some(account) = account {
        found.shown.retain(|shown| *shown.point.account() == account);
        found.unreadable.retain(|of| of.account == account);
    }
    Ok(found)
}

/// Reads every Region concurrently; an unreachable one is reported on stderr and the others are shown. It is enough that
/// one responds, because in a disaster another may not.
async fn from_aws(args: &Args) -> Result<(FoundPoints, Extent), Failure> {
    let (aws, accounts, places) = match load_to_read(&args.policy.config) {
        Ok((settings, problems)) => {
            complain_of(problems.as_ref());
            let account = args.account.as_deref().map(|name| account_called(name, &settings)).transpose()?;
            let mut places: BTreeSet<AccountRegion> = places_of(&settings).collect();
            if let Some(account) = &account {
                places.retain(|place| place.account == *account);
            }
            let account = account.unwrap_or_else(AccountId::own);
            places.extend(args.region.iter().map(|region| place_in(&account, region)));
            if let (true, Some(problems)) = (places.is_empty(), problems) {
                return Err(problems);
            }
            (settings.aws, settings.accounts, places)
        }
        Err(_) if !args.region.is_empty() && args.account.is_none() => {
            terminal::complain("no policy file; reading the Regions named with the SDK's own settings");
            let aws = Aws { profile: None, endpoint_url: None, requests_per_second: 4.0 };
            let own = AccountId::own();
            (aws, BTreeMap::new(), args.region.iter().map(|region| place_in(&own, region)).collect())
        }
        Err(failure) => return Err(failure),
    };
    let wanted =
        |place: &AccountRegion| args.region.is_empty() || args.region.iter().any(|r| place.region.as_str() == r);
    let engine = Arc::new(Engines::new(&aws, &accounts, None, None).await);
    let readings: Vec<_> = places
        .into_iter()
        .filter(wanted)
        .map(|place| {
            let engine = engine.clone();
            tokio::spawn(async move { (place.clone(), list(&engine, &place).await) })
        })
        .collect();
    let (asked, mut read, mut at_aws) = (readings.len(), Vec::new(), None);
    for reading in readings {
        match reading.await {
            Ok((place, Ok((observed_backups, date)))) => {
                at_aws = at_aws.max(date);
                read.push((place, observed_backups));
            }
            Ok((place, Err(fault))) => {
                let whose = if place.account.is_named() { place.to_string() } else { place.region.to_string() };
                terminal::complain(&format!("{whose} cannot be read: {fault}"));
            }
            Err(error) => terminal::complain(&error.to_string()),
        }
    }
    let extent = match read.len() {
        0 => Extent::Nothing,
        some if some < asked => Extent::Some,
        _ => Extent::All,
    };
    name_own_account(&mut read);
    Ok((all_of(weigh_inventory(read, at_aws.unwrap_or_else(now))), extent))
}

fn complain_of(problems: Option<&Failure>) {
    if problems.is_some() {
        terminal::complain(
            "the policy file has problems; `lifeboat check` shows them. What can be read of it is used; name further \
             Regions with --region",
        );
    }
}

fn place_in(account: &AccountId, region: &str) -> AccountRegion {
    AccountRegion { account: account.clone(), region: region.into() }
}

/// The daemon's own account is called by the id in AWS's ARNs, if there is one.
fn name_own_account(read: &mut [(AccountRegion, Vec<ObservedBackup>)]) {
    let unnamed = read.iter().filter(|(place, _)| !place.account.is_named());
    let arn = unnamed.flat_map(|(_, backups)| backups).find_map(|backup| account_of_arn(backup.arn.as_deref()?));
    let Some(id) = arn.map(AccountId::from) else { return };
    for (place, _) in read.iter_mut().filter(|(place, _)| !place.account.is_named()) {
        place.account = id.clone();
    }
}

/// All backups in a Region, and the time at AWS, if a response contained it.
async fn list(engine: &Engines, place: &AccountRegion) -> Result<(Vec<ObservedBackup>, Option<Time>), Fault> {
    let (mut read, mut at_aws) = (Vec::new(), None);
    let mut next_token = None;
    for _ in 0..PAGES_MAX {
        let action = Action { place: place.clone(), call: Call::ListPage { next_token: next_token.clone() } };
        let mut tries = 0;
        let (observed_backups, next) = loop {
            tries += 1;
            let answer = engine.call(&action).await;
            at_aws = answer.dated.map(|dated| dated.date).or(at_aws);
            match answer.outcome {
                Outcome::Page { observed_backups, next_token } => break (observed_backups, next_token),
                Outcome::Failed(fault) if tries >= TRIES_PER_PAGE || fault.class.needs_a_person() => return Err(fault),
                _ => tokio::time::sleep(std::time::Duration::from_millis(250 << tries)).await,
            }
        };
        read.extend(observed_backups);
        match next {
            Some(next) if next_token.as_ref() != Some(&next) => next_token = Some(next),
            _ => break,
        }
    }
    Ok((read, at_aws))
}

fn view(Shown { point, objection }: &Shown, at: Time) -> PointView<'_> {
    let (mut disputed, mut unconfirmed) = (None, None);
    match objection {
        Some(Objection::Disputed(what) | Objection::Misdated(what)) => disputed = Some(what.as_str()),
        Some(Objection::Unconfirmed(what)) => unconfirmed = Some(what.as_str()),
        None => {}
    }
    PointView {
        source: &point.source,
        account: point.account(),
        region: &point.place.region,
        id: point.id.as_str(),
        copy: point.origin.is_some(),
        lifecycle: point.lifecycle.as_str(),
        occurrence: point.occurrence.at,
        taken_at: point.taken_at(),
        age_seconds: at.since(point.taken_at()).as_secs(),
        size_bytes: point.size_bytes.map(Into::into),
        kms_key: point.kms_key.as_deref(),
        kind: point.kind.as_str(),
        policy: point.policy.as_ref().map(|policy| policy.as_str()),
        hold: point.remarks.hold.as_deref(),
        restore: disputed.is_none().then(|| restore(point)),
        disputed,
        unconfirmed,
    }
}

/// The command that would restore it; parts in capitals are to be filled in (fsx-facts 7).
fn restore(point: &RecoveryPoint) -> String {
    let (region, id) = (&point.place.region, &point.id);
    let file_system = |rest: &str| {
        format!(
            "aws fsx create-file-system-from-backup --region {region} --backup-id {id} --subnet-ids SUBNET_ID{rest}"
        )
    };
    match point.kind {
        FileSystemKind::Ontap => format!(
            "aws fsx create-volume-from-backup --region {region} --backup-id {id} --name VOLUME_NAME \
             --ontap-configuration StorageVirtualMachineId=SVM_ID,JunctionPath=/VOLUME_NAME"
        ),
        FileSystemKind::Windows => file_system(" --windows-configuration ThroughputCapacity=MB_PER_SECOND"),
        FileSystemKind::OpenZfs => {
            file_system(" --open-zfs-configuration DeploymentType=DEPLOYMENT_TYPE,ThroughputCapacity=MB_PER_SECOND")
        }
        FileSystemKind::Lustre | FileSystemKind::Other => file_system(""),
    }
}

fn as_text(points: &[Shown], unreadable: &[Unreadable], extent: Extent, at: Time) -> String {
    if points.is_empty() && unreadable.is_empty() {
        let nothing = match extent {
            Extent::All => "No recovery points.",
            Extent::Some => "No recovery points in what could be read.",
            Extent::Nothing => "Nothing could be read.",
        };
        return nothing.to_owned();
    }
    let names = Names::among(points.iter().map(|shown| shown.point.account()));
    let mut text = String::new();
    let mut source = None;
    for Shown { point, objection } in points {
        if source != Some(&point.source) {
            let policy = point.policy.as_ref().map_or("", |policy| policy.as_str());
            let name = names.source(point.account(), &point.source);
            text.push_str(&format!("{name} ({}) {policy}\n", point.kind.as_str()));
            source = Some(&point.source);
        }
        let age = duration_text(at.since(point.taken_at()));
        let size = point.size_bytes.map_or_else(|| "size unknown".to_owned(), |size| bytes_text(size.into()));
        let hold = match point.remarks.hold.as_deref() {
            Some("") => "  HELD".to_owned(),
            Some(reason) => format!("  HELD: {}", clean(reason, 256)),
            None => String::new(),
        };
        let key = clean(point.kms_key.as_deref().unwrap_or("default key"), 2048);
        text.push_str(&format!(
            "  {:<14} {}  {age} old, taken {}  {size}  {key}{hold}\n",
            point.place.region,
            clean(point.id.as_str(), 128),
            point.taken_at(),
        ));
        if let Some(objection) = objection {
            text.push_str(&format!("      {}: {}\n", objection.as_str().to_uppercase(), clean(objection.what(), 512)));
        }
        if !objection.as_ref().is_some_and(Objection::certain) {
            text.push_str(&format!("      {}\n", clean(&restore(point), 1024)));
        }
    }
    if !unreadable.is_empty() {
        text.push_str("of an unknown source\n");
    }
    for Unreadable { region, id, disputed, .. } in unreadable {
        let (id, what) = (clean(id.as_str(), 128), clean(disputed, 512));
        text.push_str(&format!("  {region:<14} {id}\n      DISPUTED: {what}\n"));
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn bytes_text(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let power = (0..units.len() - 1).find(|power| bytes >> (10 * (power + 1)) == 0).unwrap_or(units.len() - 1);
    if power == 0 {
        format!("{bytes} B")
    } else {
        format!("{:.1} {}", bytes as f64 / (1u64 << (10 * power)) as f64, units[power])
    }
}

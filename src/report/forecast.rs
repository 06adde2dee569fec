//! What would happen next: occurrences, work that waits, and what retention would delete and why.
//!
//! A person who is about to change a policy, or to confirm a deletion, must see the exact set affected before anything
//! happens. The forecast depends on policy and state alone, and uses the planner's own functions.

use crate::domain::id::{AccountId, AccountRegion, BackupId, PolicyName, Region, SourceId, SourceKey, Target};
use crate::domain::plan::Plan;
use crate::domain::point::RecoveryPoint;
use crate::domain::policy::{Policy, Settings, Tags};
use crate::domain::state::{AccountRegionState, SourceState, State};
use crate::domain::time::Time;
use crate::planner::capacity::{self, Given};
use crate::planner::deletions::{policy_of, targets, weigh};
use crate::planner::full_copy;
use crate::planner::retain::{self, RetentionVerdict};
use crate::report::setting_texts::{self, SettingTexts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The number of next occurrences listed per policy.
const OCCURRENCES: usize = 3;

/// What would happen next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// When it was made.
    pub at: Time,
    /// Whether the running daemon made it, rather than the command from the database.
    pub live: bool,
    /// All settings outside policies, in the form of [`setting_texts`].
    #[serde(default)]
    pub settings: SettingTexts,
    /// Every policy, by name.
    pub policies: Vec<PolicyForecast>,
    /// Backups and copies to be made, by source.
    pub work: Vec<WorkForecast>,
    /// Deletions, including those that wait for a person, by source and Region, oldest first.
    pub deletions: Vec<DeletionForecast>,
    /// The number of recovery points that are kept.
    #[serde(default)]
    pub kept_count: u64,
    /// What searches for sources by tag showed last, by account and Region.
    #[serde(default)]
    pub searched: Vec<SearchedView>,
    /// What is kept and why, by source and Region, newest first; empty unless requested, since it lists every point.
    pub kept: Vec<KeptForecast>,
    /// What a person should know before it happens.
    pub announcements: Vec<String>,
    /// Whether slots and quotas suffice.
    pub feasible: capacity::CapacityReport,
}

/// What a search for sources showed in an account and Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchedView {
    /// The account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
    /// The tags of every file system and volume that can be a source.
    pub sources: BTreeMap<SourceId, Tags>,
}

fn searched(state: &State) -> Vec<SearchedView> {
    let view = |(place, known): (&AccountRegion, &AccountRegionState)| {
        let searched = known.fleet.as_ref()?.searched.as_ref()?;
        let sources = searched.sources.iter().map(|(id, facts)| (id.clone(), facts.tags.clone())).collect();
        Some(SearchedView { account: place.account.clone(), region: place.region.clone(), sources })
    };
    state.places.iter().filter_map(view).collect()
}

/// A policy and its next occurrences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyForecast {
    /// Its name.
    pub policy: PolicyName,
    /// Its account.
    pub account: AccountId,
    /// Its sources' Region.
    pub region: Region,
    /// Its schedule, as written.
    pub schedule: String,
    /// Its time zone.
    pub timezone: String,
    /// Its next occurrences.
    pub next_at: Vec<Time>,
    /// Its sources.
    pub sources: Vec<SourceId>,
    /// The RPO in the source's Region.
    pub rpo_seconds: Option<u64>,
    /// Retention in the source's Region, in words; empty: everything is kept.
    pub retain: String,
    /// Its destinations.
    pub destinations: Vec<DestinationForecast>,
    /// All its settings except sources and destinations.
    #[serde(default)]
    pub settings: SettingTexts,
}

/// A destination of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationForecast {
    /// The Region.
    pub region: Region,
    /// The RPO there.
    pub rpo_seconds: Option<u64>,
    /// Retention in that Region, in words; empty: everything is kept.
    pub retain: String,
    /// The key of the copies; `None`: the Region's `aws/fsx`.
    pub kms_key: Option<String>,
    /// All its settings.
    #[serde(default)]
    pub settings: SettingTexts,
}

/// A backup or copy to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkForecast {
    /// The policy.
    pub policy: PolicyName,
    /// The account.
    pub account: AccountId,
    /// The source.
    pub source: SourceId,
    /// The Region in which it is made.
    pub region: Region,
    /// Whether it is a copy rather than a backup.
    pub copy: bool,
    /// For which occurrence.
    pub occurrence_at: Time,
    /// The backup to be copied.
    pub of: Option<BackupId>,
    /// Why the copy will be full; `None`: it will not, or that is unknown.
    pub full: Option<String>,
    /// What it waits for, as far as known.
    pub waits_for: Option<String>,
}

/// The stage of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Decided and recorded; in progress.
    Decided,
    /// Would be decided now.
    Now,
    /// Waits for `lifeboat reload --confirm-deletions`.
    Braked,
    /// Would be deleted once the next occurrence has its recovery point.
    Next,
}

impl Stage {
    /// The name shown to people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "going",
            Self::Now => "now",
            Self::Braked => "to confirm",
            Self::Next => "next",
        }
    }
}

/// A backup or copy that is or would be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionForecast {
    /// The stage.
    pub stage: Stage,
    /// The account.
    pub account: AccountId,
    /// The source.
    pub source: SourceId,
    /// The Region.
    pub region: Region,
    /// The backup or copy.
    pub id: BackupId,
    /// When its data was taken.
    pub taken_at: Time,
    /// Why it is deleted.
    pub reason: String,
    /// The error of the last try, if it failed.
    pub fault: Option<String>,
}

/// A recovery point that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptForecast {
    /// The account.
    pub account: AccountId,
    /// The source.
    pub source: SourceId,
    /// The Region.
    pub region: Region,
    /// The backup or copy.
    pub id: BackupId,
    /// When its data was taken.
    pub taken_at: Time,
    /// Why it is kept.
    pub because: Vec<String>,
}

/// What each route waits for.
type Waits<'a> = BTreeMap<(&'a SourceKey, Option<&'a Region>), &'a str>;

impl Forecast {
    /// Makes the forecast. `plan` is the last complete one, which knows what waits for what; an empty one is allowed.
    /// Kept points are listed only if `kept` is set.
    #[must_use]
    pub fn of(settings: &Settings, state: &State, plan: &Plan, live: bool, kept: bool, now: Time) -> Self {
        let mut forecast = Self {
            at: now,
            live,
            settings: setting_texts::of_file(settings),
            policies: settings.policies.values().map(|policy| policy_forecast(settings, policy, state, now)).collect(),
            work: Vec::new(),
            deletions: Vec::new(),
            kept_count: 0,
            searched: searched(state),
            kept: Vec::new(),
            announcements: Vec::new(),
            feasible: capacity::judge(settings, Some(state), Given::default(), now),
        };
        let waiting = plan.waiting.iter().map(|wait| ((&wait.source, wait.destination.as_ref()), wait.detail.as_str()));
        // Of two reasons the first applies.
        let waiting: Waits<'_> = waiting.rev().collect();
        for (key, source) in &state.sources {
            let Some(policy) = policy_of(settings, source) else { continue };
            forecast.work_of(policy, key, source, &waiting);
            if settings.daemon.prune {
                forecast.retention_of(policy, state, key, kept, now);
            }
        }
        for ((place, id), deletion) in &state.deletions {
            let Some(point) = state.point(place, id) else { continue };
            let mut going = deletion_forecast(point, Stage::Decided, deletion.reason.clone());
            going.fault = deletion.fault.as_ref().map(ToString::to_string);
            forecast.deletions.push(going);
        }
        for policy in settings.policies.values() {
            if let Some(pause) = state.pause_at(&policy.name, now) {
                forecast.announcements.push(format!("{} is {}", policy.name, pause.sentence()));
            }
        }
        if !settings.daemon.prune {
            forecast.announcements.push("this host deletes nothing ([daemon] prune = false)".to_owned());
        }
        forecast.deletions.sort_by(|a, b| deletion_order(a).cmp(&deletion_order(b)));
        forecast
    }

    fn work_of(&mut self, policy: &Policy, key: &SourceKey, source: &SourceState, waiting: &Waits<'_>) {
        let waits_for =
            |destination: Option<&Region>| waiting.get(&(key, destination)).map(|detail| (*detail).to_owned());
        let work = |region: &Region, copy: bool, occurrence_at: Time| WorkForecast {
            policy: policy.name.clone(),
            account: key.account.clone(),
            source: key.source.clone(),
            region: region.clone(),
            copy,
            occurrence_at,
            of: None,
            full: None,
            waits_for: waits_for(copy.then_some(region)),
        };
        let lacks = |occurrence| source.good_point(occurrence, &Target::Backup).is_none();
        for occurrence in source.open.keys().filter(|occurrence| lacks(**occurrence)) {
            self.work.push(work(&policy.region, false, occurrence.at));
        }
        let Some(newest) = source.newest(&Target::Backup) else { return };
        for destination in &policy.destinations {
            let target = Target::Copy(destination.region.clone());
            let full = full_copy::next_is_full(source, destination);
            if let Some(full) = full.as_ref().filter(|full| **full != full_copy::FullCopy::First) {
                self.announcements.push(full.announcement(&key.source, &destination.region));
            }
            let reached = source.newest_taken_at(&target);
            if reached.is_some_and(|reached| reached >= newest.taken_at()) {
                continue;
            }
            if source.good_point(newest.occurrence, &target).is_some() {
                continue;
            }
            self.work.push(WorkForecast {
                of: Some(newest.id.clone()),
                full: full.filter(full_copy::FullCopy::is_certain).map(|full| full.to_string()),
                ..work(&destination.region, true, newest.occurrence.at)
            });
        }
    }

    fn retention_of(&mut self, policy: &Policy, state: &State, key: &SourceKey, kept: bool, now: Time) {
        let decided = |point: &RecoveryPoint| state.deletions.contains_key(&(point.place.clone(), point.id.clone()));
        for target in targets(policy) {
            let letting = weigh(policy, state, key, &target, now);
            let braked = letting.braked.is_some();
            let verdicts = retain::verdicts(policy, state, key, &target, now);
            let gone: Vec<&RetentionVerdict<'_>> =
                verdicts.iter().rev().filter(|verdict| verdict.goes() && !decided(verdict.point)).collect();
            for verdict in gone {
                let stage = if braked { Stage::Braked } else { Stage::Now };
                self.deletions.push(deletion_forecast(verdict.point, stage, verdict.reason.clone()));
            }
            let next = policy.schedule.next_after(now);
            let after = next.map(|next| retain::verdicts_after(policy, state, key, &target, next)).unwrap_or_default();
            for verdict in verdicts.iter().filter(|verdict| !verdict.goes()) {
                let goes = after.iter().rev().find(|after| after.goes() && after.point.id == verdict.point.id);
                if let Some(after) = goes {
                    self.deletions.push(deletion_forecast(after.point, Stage::Next, after.reason.clone()));
                }
                self.kept_count += 1;
                if !kept {
                    continue;
                }
                self.kept.push(KeptForecast {
                    account: key.account.clone(),
                    source: key.source.clone(),
                    region: verdict.point.place.region.clone(),
                    id: verdict.point.id.clone(),
                    taken_at: verdict.point.taken_at(),
                    because: verdict.keep.iter().map(ToString::to_string).collect(),
                });
            }
        }
    }

    /// Deletions that wait for a person's confirmation.
    pub fn braked(&self) -> impl Iterator<Item = &DeletionForecast> {
        self.deletions.iter().filter(|deletion| deletion.stage == Stage::Braked)
    }
}

fn policy_forecast(settings: &Settings, policy: &Policy, state: &State, now: Time) -> PolicyForecast {
    let mut next_at = Vec::new();
    // Nothing starts in a pause, but an occurrence due at its end does.
    let mut from = match state.pause_at(&policy.name, now).map(|pause| pause.until) {
        None => Some(now),
        Some(until) => until.map(|until| until.minus(Duration::from_millis(1))),
    };
    while let Some(next) =
        from.and_then(|from| policy.schedule.next_after(from)).filter(|_| next_at.len() < OCCURRENCES)
    {
        next_at.push(next);
        from = Some(next);
    }
    let words = |target: &Target| retain::retain_of(policy, target).map(retain::rules_text).unwrap_or_default();
    PolicyForecast {
        policy: policy.name.clone(),
        account: policy.account.clone(),
        region: policy.region.clone(),
        schedule: policy.schedule.text().to_owned(),
        timezone: policy.schedule.zone_name().to_owned(),
        next_at,
        sources: policy.sources.clone(),
        rpo_seconds: policy.rpo.map(|rpo| rpo.as_secs()),
        retain: words(&Target::Backup),
        destinations: policy
            .destinations
            .iter()
            .map(|destination| DestinationForecast {
                region: destination.region.clone(),
                rpo_seconds: policy.rpo_in(&destination.region).map(|rpo| rpo.as_secs()),
                retain: words(&Target::Copy(destination.region.clone())),
                kms_key: destination.kms_key.clone(),
                settings: setting_texts::of_destination(policy, destination),
            })
            .collect(),
        settings: setting_texts::of_policy(settings, policy),
    }
}

fn deletion_forecast(point: &RecoveryPoint, stage: Stage, reason: String) -> DeletionForecast {
    DeletionForecast {
        stage,
        account: point.place.account.clone(),
        source: point.source.clone(),
        region: point.place.region.clone(),
        id: point.id.clone(),
        taken_at: point.taken_at(),
        reason,
        fault: None,
    }
}

fn deletion_order(of: &DeletionForecast) -> (Stage, &AccountId, &SourceId, &Region, Time, &BackupId) {
    (of.stage, &of.account, &of.source, &of.region, of.taken_at, &of.id)
}

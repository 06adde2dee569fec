//! Consistency checks on the state, used in tests, after every simulated step, and in production.

use super::polling::places_of;
use super::retry::PLACE_OUT_OF_ORDER;
use crate::domain::counted::counted;
use crate::domain::duration::duration_text;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{AccountId, AccountRegion, SourceKey, Target};
use crate::domain::point::RecoveryPoint;
use crate::domain::policy::Settings;
use crate::domain::state::{AccountRegionState, State};
use crate::domain::time::Time;
use crate::domain::timekeeper::TOLD_FROM;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Warning,
    /// A person should look.
    Error,
}

impl Severity {
    /// Both, mildest first.
    pub const ALL: [Self; 2] = [Self::Warning, Self::Error];

    /// The label of `audit_findings`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its severity.
    pub severity: Severity,
    /// The source.
    pub source: SourceKey,
    /// The finding in words, naming the objects.
    pub what: String,
}

/// Checks everything active. The cost depends on what is in flight, not on what is held.
#[must_use]
pub fn audit(settings: &Settings, state: &State, now: Time) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, what) in &state.quarantined {
        findings.push(Finding { severity: Severity::Error, source: key.clone(), what: what.clone() });
    }
    for ((key, target), brake) in &state.braked {
        let of = match target {
            Target::Backup => "backups".to_owned(),
            Target::Copy(region) => format!("copies in {region}"),
        };
        let what = format!(
            "retention would delete {} of {} {of}{}: see `lifeboat plan`, then `lifeboat reload --confirm-deletions`",
            brake.points.len(),
            brake.held,
            if brake.most == brake.held {
                " at once".to_owned()
            } else {
                format!(", of {} held within a day", brake.most)
            }
        );
        findings.push(Finding { severity: Severity::Error, source: key.clone(), what });
    }
    clock(state, &mut findings);
    places(settings, state, &mut findings);
    for (place, id, dispute) in state.disputes() {
        let severity = if dispute.objection.certain() { Severity::Error } else { Severity::Warning };
        let of = dispute.claim.as_ref().map(|claim| claim.source.clone());
        let of = of.or_else(|| state.point(place, id).map(|point| point.source.clone()));
        let source = SourceKey { account: place.account.clone(), source: of.unwrap_or_else(|| id.as_str().into()) };
        let what = format!(
            "{id} in {} is {} since {}, and not counted: {}",
            place.region,
            dispute.objection.as_str(),
            dispute.since,
            dispute.objection.what()
        );
        findings.push(Finding { severity, source, what });
    }
    for (key, source) in state.active_sources() {
        for point in source.in_flight().filter(|point| point.stuck(now)) {
            let what =
                format!("{} in {} is {} since {}", point.id, point.place, point.lifecycle.as_str(), point.created_at);
            findings.push(Finding { severity: Severity::Error, source: key.clone(), what });
        }
        for occurrence in source.open.keys() {
            let copies = source
                .membership
                .iter()
                .flat_map(|membership| membership.destinations.iter().cloned().map(Target::Copy));
            for target in std::iter::once(Target::Backup).chain(copies) {
                let good: Vec<&RecoveryPoint> =
                    source.points_of(*occurrence, &target).filter(|point| point.good()).collect();
                if let [first, rest @ ..] = good.as_slice()
                    && !rest.is_empty()
                {
                    let duplicates = counted(rest.len(), "duplicate");
                    let what = format!("{} has {duplicates} of {}", occurrence.at, first.id);
                    findings.push(Finding { severity: Severity::Warning, source: key.clone(), what });
                }
            }
        }
    }
    for (lane, held) in state.lanes_held() {
        let capacity = lane.capacity(&settings.limits);
        if held > capacity {
            let key = SourceKey { account: crate::domain::id::AccountId::own(), source: format!("lane {lane}").into() };
            let what = format!("{held} copies in flight where AWS allows {capacity}");
            findings.push(Finding { severity: Severity::Warning, source: key, what });
        }
    }
    findings
}

/// Reports a difference between the host's clock and AWS's.
fn clock(state: &State, findings: &mut Vec<Finding>) {
    let Some(offset_ms) = state.timekeeping.offset_ms else { return };
    let offset = Duration::from_millis(offset_ms.unsigned_abs());
    if offset < TOLD_FROM {
        return;
    }
    let which = if offset_ms > 0 { "ahead of" } else { "behind" };
    let off = state.timekeeping.off_ms().is_some();
    let waits = if off { ": nothing is opened, missed, deleted or forgotten until it is set right" } else { "" };
    let what = format!("the host's clock is {} {which} AWS's{waits}", duration_text(offset));
    let severity = if off { Severity::Error } else { Severity::Warning };
    let source = SourceKey { account: crate::domain::id::AccountId::own(), source: "clock".into() };
    findings.push(Finding { severity, source, what });
}

/// Reports Regions of the policy whose inventory cannot be read, and what waits for them and what does not, so that
/// nobody has to learn it from a full quota.
fn places(settings: &Settings, state: &State, findings: &mut Vec<Finding>) {
    for place in places_of(settings).collect::<BTreeSet<AccountRegion>>() {
        let Some(known) = state.place(&place) else { continue };
        let refusal = known.refused_listing.as_ref().or(known.refused_polls.as_ref());
        if let Some(foreign) = &known.foreign {
            let source = SourceKey { account: place.account.clone(), source: place.region.as_str().into() };
            let what = format!("since {}: {}", foreign.since, foreign.fault.message);
            findings.push(Finding { severity: Severity::Error, source, what });
            continue;
        }
        let unwell = known.failures >= PLACE_OUT_OF_ORDER && !known.known();
        let Some(fault) = refusal.map(|refusal| &refusal.fault).or(known.unread_because().filter(|_| unwell)) else {
            continue;
        };
        let severity = if fault.class.needs_a_person() { Severity::Error } else { Severity::Warning };
        let what = unread(&place, known, fault);
        let source = SourceKey { account: place.account.clone(), source: place.region.as_str().into() };
        findings.push(Finding { severity, source, what });
    }
}

fn unread(place: &AccountRegion, known: &AccountRegionState, fault: &Fault) -> String {
    let region = &place.region;
    let since = known.refused_listing.as_ref().or(known.refused_polls.as_ref());
    let since = since.map_or(String::new(), |refusal| format!(" since {}", refusal.since));
    let waits = if known.known() {
        "what it holds is known as of the last listing"
    } else {
        "nothing is asked for there, and nothing there is pruned; other Regions go on"
    };
    format!("{region} cannot be listed{since} ({fault}): {waits}")
}

/// Why no account of the policy can be worked in: our credentials are refused in all its Regions, or are those of
/// another account. `None` if one can; what is wrong with others stands with their Regions. A Region that left the policy
/// says nothing.
#[must_use]
pub fn credentials_problem(settings: &Settings, state: &State) -> Option<String> {
    let mut by_account: BTreeMap<AccountId, Vec<AccountRegion>> = BTreeMap::new();
    for place in places_of(settings) {
        by_account.entry(place.account.clone()).or_default().push(place);
    }
    let mut first = None;
    for (account, places) in &by_account {
        let problem = match state.foreign(account) {
            Some(foreign) => foreign.fault.to_string(),
            None => refused_everywhere(state, places)?,
        };
        first.get_or_insert(problem);
    }
    first
}

/// The refusal of our credentials, if these Regions all refuse them or do not respond.
fn refused_everywhere(state: &State, places: &[AccountRegion]) -> Option<String> {
    let mut problem = None;
    for place in places {
        let (fault, _) = state.place(place)?.trouble.as_ref()?;
        if fault.class == FaultClass::Credentials && problem.is_none() {
            problem = Some(fault.to_string());
        }
    }
    problem
}

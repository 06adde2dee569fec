//! The books linted: what should not be, found in tests, after every simulated step, and in production.

use crate::domain::id::{SourceKey, Target};
use crate::domain::point::Point;
use crate::domain::policy::Settings;
use crate::domain::state::State;
use crate::domain::time::Time;

/// How bad a finding is.
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

/// Something that should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Whose.
    pub source: SourceKey,
    /// What, in words, naming the objects.
    pub what: String,
}

/// Looks through everything that is active; costs what is in flight, not what is held.
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
            "retention would delete {} of {} {of} at once: see `lifeboat plan`, then `lifeboat reload --confirm-deletions`",
            brake.points.len(),
            brake.held
        );
        findings.push(Finding { severity: Severity::Error, source: key.clone(), what });
    }
    for key in &state.active {
        let Some(source) = state.sources.get(key) else { continue };
        for point in source.in_flight().filter(|point| point.stuck(now)) {
            let what =
                format!("{} in {} is {} since {}", point.id, point.place, point.lifecycle.as_str(), point.created_at);
            findings.push(Finding { severity: Severity::Error, source: key.clone(), what });
        }
        for occurrence in source.open.keys() {
            let copies = source.watch.iter().flat_map(|watch| watch.destinations.iter().cloned().map(Target::Copy));
            for target in std::iter::once(Target::Backup).chain(copies) {
                let good: Vec<&Point> = source.points_of(*occurrence, &target).filter(|point| point.good()).collect();
                if let [first, rest @ ..] = good.as_slice()
                    && !rest.is_empty()
                {
                    let what = format!("{} has {} duplicates of {}", occurrence.at, rest.len(), first.id);
                    findings.push(Finding { severity: Severity::Warning, source: key.clone(), what });
                }
            }
        }
    }
    for (lane, held) in state.lanes_held() {
        let capacity = lane.capacity(&settings.limits);
        if held > capacity {
            let key =
                SourceKey { account: crate::domain::id::AccountName::own(), source: format!("lane {lane}").into() };
            let what = format!("{held} copies in flight where AWS allows {capacity}");
            findings.push(Finding { severity: Severity::Warning, source: key, what });
        }
    }
    findings
}

//! A state written by hand, change by change, for what a conversation reaches only by a long way round.

use crate::talk::*;
use lifeboat::domain::change::OccurrenceRecord;
use lifeboat::domain::point::{Provenance, RecoveryPoint};
use lifeboat::domain::remarks::Remarked;
use lifeboat::domain::tags::{LifeboatTags, Origin};
use std::sync::Arc;

pub const SECOND_THERE: &str = "eu-west-1";

/// Sources in a policy with one destination; both Regions were listed at 05:05, which
/// is late enough for a database made at 05:00.
#[derive(Clone)]
pub struct Fixture {
    pub settings: Settings,
    pub state: State,
}

pub fn of(time: &str, trigger: Trigger) -> Occurrence {
    Occurrence { at: at(time), trigger }
}

/// Of the schedule, at this hour of the day.
pub fn scheduled(hour: u32) -> Occurrence {
    of(&format!("2026-11-21T{hour:02}:00:00Z"), Trigger::Schedule)
}

/// Of a person, at this hour of the day.
pub fn ordered(hour: u32) -> Occurrence {
    of(&format!("2026-11-21T{hour:02}:30:00Z"), Trigger::Manual)
}

pub fn there() -> Target {
    Target::Copy(THERE.into())
}

pub fn key_of(occurrence: Occurrence, target: Target) -> WorkKey {
    WorkKey { source: key(0), occurrence, target }
}

/// A backup of an occurrence, made when it was due.
pub fn backup(id: &str, occurrence: Occurrence, lifecycle: Lifecycle) -> RecoveryPoint {
    RecoveryPoint {
        provenance: Provenance {
            place: place(HOME),
            source: source(0),
            policy: Some("finance".into()),
            kms_key: None,
            asked_key: None,
            kind: FileSystemKind::Windows,
            carried: Arc::default(),
        }
        .into(),
        id: id.into(),
        occurrence,
        attempt: 1,
        origin: None,
        lifecycle,
        created_at: occurrence.at,
        settled_at: None,
        progress_percent: None,
        size_bytes: None,
        remarks: Remarked::default(),
    }
}

/// A copy of that backup, made a minute after it.
pub fn copy(id: &str, of: &RecoveryPoint, region: &str, lifecycle: Lifecycle) -> RecoveryPoint {
    RecoveryPoint {
        id: id.into(),
        origin: Some(Origin { region: HOME.into(), backup: of.id.clone(), taken_at: of.created_at }),
        created_at: of.created_at.plus(MINUTE),
        lifecycle,
        ..of.clone().with_provenance(|of| of.place = place(region))
    }
}

pub fn fault(class: FaultClass, code: &str) -> Fault {
    Fault::new(class, code, "")
}

/// The policy is what its sources are watched by, since 05:00.
pub fn watched(settings: &Settings) -> Vec<Change> {
    let policy = &settings.policies["finance"];
    let of = |source| Change::MembershipUpdated {
        source,
        region: policy.region.clone(),
        policy: policy.name.clone(),
        destinations: policy.destinations.iter().map(|destination| destination.region.clone()).collect(),
        since: at("2026-11-21T05:00:00Z"),
    };
    policy.source_keys().map(of).chain([Change::Synced(settings.generation)]).collect()
}

/// A complete listing that shows nothing of others.
pub fn listed(region: &str, began_at: Time, pages: u32) -> Change {
    let (others, other_backups) = (Vec::new(), Vec::new());
    Change::Listed {
        place: place(region),
        began_at,
        took: Duration::ZERO,
        pages,
        user_backups: 0,
        others,
        other_backups,
    }
}

/// Asked at this time, in words of its own.
pub fn request_recorded(state: &State, of: &WorkKey, attempt: u32, at: Time) -> Change {
    let (token, occurrence) = (of.token(attempt), of.occurrence);
    let backup = state.sources[&key(0)].good_point(occurrence, &Target::Backup);
    let origin =
        backup.map(|backup| Origin { region: HOME.into(), backup: backup.id.clone(), taken_at: backup.created_at });
    let of_copy = origin.filter(|_| of.target != Target::Backup);
    let (policy, source) = (Some("finance".into()), source(0));
    let tags =
        LifeboatTags { policy, source: source.clone(), occurrence, attempt, origin: of_copy.clone(), hold: None }
            .write();
    let request = match of_copy {
        None => Request::CreateBackup { source, token, tags },
        Some(Origin { region, backup, .. }) => {
            Request::CopyBackup { source_region: region, backup, kms_key: None, token, tags }
        }
    };
    Change::RequestRecorded { key: of.clone(), attempt, request: Arc::new(request), at }
}

impl Fixture {
    pub fn new() -> Self {
        Self::of(1)
    }

    /// The same, of several sources.
    pub fn of(sources: usize) -> Self {
        let start = at("2026-11-21T05:00:00Z");
        let mut fixture = Self { settings: settings(sources, start), state: new_state(start) };
        // Nothing comes due by itself: each occurrence is in the state because a test put it there.
        fixture.policy().schedule = Schedule::parse("0 3 1 1 *", "UTC", start).unwrap();
        fixture.membership();
        for region in [HOME, THERE] {
            fixture.listed(region, start.plus(5 * MINUTE));
        }
        fixture
    }

    pub fn policy(&mut self) -> &mut Policy {
        self.settings.policies.values_mut().next().unwrap()
    }

    /// The policy as it stands now is what its sources are watched by.
    pub fn membership(&mut self) {
        watched(&self.settings).into_iter().for_each(|change| self.apply(change));
    }

    /// Copies go to a second Region as well.
    pub fn second_destination(&mut self) {
        let destinations = &mut self.policy().destinations;
        destinations.push(Destination { region: SECOND_THERE.into(), ..destinations[0].clone() });
        self.membership();
        self.listed(SECOND_THERE, at("2026-11-21T05:05:00Z"));
    }

    pub fn apply(&mut self, change: Change) {
        self.state.apply(&change).unwrap_or_else(|error| panic!("{change:?}: {error}"));
    }

    pub fn listed(&mut self, region: &str, began_at: Time) {
        self.apply(listed(region, began_at, 1));
    }

    pub fn open(&mut self, occurrence: Occurrence) {
        let (opened_at, policy) = (occurrence.at, "finance".into());
        let record = OccurrenceRecord { policy, opened_at, caught_up: false, adopted: false };
        self.apply(Change::Opened { source: key(0), occurrence, record });
    }

    pub fn see(&mut self, point: &RecoveryPoint) {
        self.apply(Change::BackupObserved { point: Box::new(point.clone()) });
    }

    /// Asked at this time, in words of its own.
    pub fn record_request(&mut self, of: &WorkKey, attempt: u32, at: Time) {
        self.apply(request_recorded(&self.state, of, attempt, at));
    }

    /// The pending request was refused for certain, and may be repeated at any time.
    pub fn refused(&mut self, of: &WorkKey, fault: Fault) {
        self.apply(Change::RequestFailed { key: of.clone(), fault, definite: true, not_before: Time::ZERO });
    }

    /// What a round decides, once what has ended is on record.
    pub fn plan(&self, now: Time) -> Plan {
        let mut fixture = self.clone();
        loop {
            let plan = planner::plan(&fixture.settings, &fixture.state, now);
            if !plan.record.iter().any(|change| matches!(change, Change::Closed { .. })) {
                return plan;
            }
            plan.record.into_iter().for_each(|change| fixture.apply(change));
        }
    }
}

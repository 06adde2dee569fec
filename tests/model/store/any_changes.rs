//! Whatever happens, what a store gives back is what of the state is durable: changes are drawn without regard to whether
//! they make sense together, and those that the state takes are committed.

use super::file::runtime;
use super::same;
use crate::world::disk::reloaded;
use lifeboat::domain::action::Request;
use lifeboat::domain::change::{Change, Counter, Forgotten, Line, OccurrenceOutcome, OccurrenceRecord};
use lifeboat::domain::evidence::Objection;
use lifeboat::domain::fault::{Fault, FaultClass};
use lifeboat::domain::id::{
    AccountId, AccountRegion, BackupId, Occurrence, Region, SourceKey, Target, Trigger, WorkKey,
};
use lifeboat::domain::lane::FileSystemKind;
use lifeboat::domain::note::{Note, Notification, RouteRpo};
use lifeboat::domain::pause::Pause;
use lifeboat::domain::point::{Lifecycle, Provenance, RecoveryPoint};
use lifeboat::domain::remarks::Remarks;
use lifeboat::domain::state::{Dispute, State};
use lifeboat::domain::tags::Origin;
use lifeboat::domain::time::Time;
use lifeboat::sim::Rng;
use lifeboat::store::Store as _;
use lifeboat::store::sqlite::SqliteStore;
use std::sync::Arc;
use std::time::Duration;

const START: Time = Time::from_secs(1_795_248_000);
const REGIONS: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];

/// Draws one thing after the other, by a clock that goes on.
struct Draw {
    rng: Rng,
    now: Time,
    /// The daemon's own account as it is called now.
    account: AccountId,
}

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.rng.below(bound)
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn time(&mut self) -> Time {
        let ahead = Duration::from_secs(self.below(7200));
        if self.chance(5) { self.now.plus(ahead) } else { self.now.minus(ahead) }
    }

    fn source(&mut self) -> SourceKey {
        SourceKey { account: self.account.clone(), source: self.one(&["fs-a", "fs-b", "fsvol-c"]).into() }
    }

    fn occurrence(&mut self) -> Occurrence {
        let trigger = if self.chance(4) { Trigger::Manual } else { Trigger::Schedule };
        Occurrence { at: START.plus(Duration::from_secs(600 * self.below(8))), trigger }
    }

    fn target(&mut self) -> Target {
        match self.one(&REGIONS) {
            "us-east-1" => Target::Backup,
            region => Target::Copy(region.into()),
        }
    }

    fn work(&mut self) -> WorkKey {
        WorkKey { source: self.source(), occurrence: self.occurrence(), target: self.target() }
    }

    /// What is named by a work and an attempt is always the same, so that changes meet.
    fn id(work: &WorkKey, attempt: u32) -> BackupId {
        format!("backup-{}", &work.token(attempt).as_str()[4..21]).as_str().into()
    }

    fn place_of(work: &WorkKey) -> AccountRegion {
        let region = work.target.region().cloned().unwrap_or_else(|| Region::from(REGIONS[0]));
        AccountRegion { account: work.source.account.clone(), region }
    }

    fn object(&mut self) -> (AccountRegion, BackupId) {
        let (work, attempt) = (self.work(), 1 + self.below(2) as u32);
        (Self::place_of(&work), Self::id(&work, attempt))
    }

    fn point(&mut self) -> RecoveryPoint {
        let (work, attempt) = (self.work(), 1 + self.below(2) as u32);
        let first = WorkKey { target: Target::Backup, ..work.clone() };
        let in_flight = if work.target == Target::Backup { Lifecycle::Creating } else { Lifecycle::Copying };
        let lifecycle = self.one(&[in_flight, Lifecycle::Available, Lifecycle::Available, Lifecycle::Failed]);
        let origin = work.target.region().map(|_| Origin {
            region: REGIONS[0].into(),
            backup: Self::id(&first, 1),
            taken_at: work.occurrence.at,
        });
        let word = |draw: &mut Self| draw.chance(3).then(|| draw.one(&["one", "two", ""]));
        RecoveryPoint {
            provenance: Provenance {
                place: Self::place_of(&work),
                source: work.source.source.clone(),
                policy: self.chance(2).then(|| "finance".into()),
                kms_key: word(self).map(Into::into),
                asked_key: word(self).map(Into::into),
                kind: self.one(&[FileSystemKind::Windows, FileSystemKind::Ontap]),
                carried: Arc::new(word(self).map(|value| ("team".to_owned(), value.to_owned())).into_iter().collect()),
            }
            .into(),
            id: Self::id(&work, attempt),
            occurrence: work.occurrence,
            attempt,
            origin,
            lifecycle,
            created_at: self.time(),
            settled_at: (!lifecycle.in_flight()).then(|| self.time()),
            progress_percent: self.chance(3).then(|| self.below(101) as u8),
            size_bytes: self.chance(2).then(|| self.below(1 << 50).into()),
            remarks: Remarks {
                hold: word(self).map(Into::into),
                failure: word(self).map(Into::into),
                missing_since: None,
                disputed: false,
            }
            .into(),
        }
    }

    fn fault(&mut self) -> Fault {
        let class = self.one(&[FaultClass::Throttled, FaultClass::Permanent, FaultClass::Missing]);
        Fault::new(class, "Code", "what AWS says")
    }

    fn record(&mut self) -> OccurrenceRecord {
        OccurrenceRecord {
            policy: self.one(&["finance", "hr"]).into(),
            opened_at: self.time(),
            caught_up: self.chance(2),
            adopted: self.chance(3),
        }
    }

    fn note(&mut self) -> Note {
        let route = (self.source(), self.target());
        let at = self.now;
        match self.below(6) {
            0 => {
                let rpo = self.chance(2).then(|| Duration::from_secs(3600));
                Note::RpoSet {
                    route,
                    route_rpo: RouteRpo { policy: "finance".into(), region: REGIONS[1].into(), rpo },
                    at,
                }
            }
            1 => Note::RpoRemoved { route, at },
            2 => Note::Late { route, since: self.time() },
            3 => Note::LateCleared { route },
            4 => {
                let id = format!("notice-{}", self.below(4));
                Note::NotificationQueued(Box::new(Notification { id, at: START, body: "{}".to_owned() }))
            }
            _ => Note::NotificationDone { id: format!("notice-{}", self.below(4)) },
        }
    }

    fn about_deletion(&mut self) -> Change {
        let (place, id) = self.object();
        let (at, not_before) = (self.now, self.time());
        match self.below(7) {
            0 => {
                let confirmed = self.chance(4);
                Change::DeletionPlanned { place, id, reason: "no rule keeps it".to_owned(), confirmed, at }
            }
            1 => Change::DeletionCancelled { place, id, reason: "a rule keeps it".to_owned() },
            2 => Change::DeletionRequested { place, id, at },
            3 => Change::DeletionFailed { place, id, fault: self.fault(), not_before },
            4 => Change::HoldRequested { place, id, hold: self.chance(2).then(|| "audit".to_owned()), at },
            5 => Change::HoldTried { place, id, fault: self.chance(2).then(|| self.fault()), not_before },
            _ => Change::HoldConfirmed { place, id },
        }
    }

    fn about_request(&mut self, state: &State) -> Change {
        let key = self.work();
        let known = state.pending_request(&key).cloned();
        match self.below(5) {
            0 | 1 => {
                let again = known.filter(|pending| pending.open && !self.chance(8));
                let attempt = again.as_ref().map_or_else(|| 1 + self.below(3) as u32, |pending| pending.attempt);
                let fresh = Request::CreateBackup {
                    source: key.source.source.clone(),
                    token: key.token(attempt),
                    tags: [("team".to_owned(), "it".to_owned())].into(),
                };
                let request = again.map_or_else(|| Arc::new(fresh), |pending| pending.request.clone());
                Change::RequestRecorded { key, attempt, request, at: self.now }
            }
            2 => {
                let (fault, definite) = (self.fault(), self.chance(2));
                Change::RequestFailed { key, fault, definite, not_before: self.time() }
            }
            3 => Change::RequestNeverApplied { key },
            _ => Change::RequestRetryAllowed(key),
        }
    }

    fn about_dispute(&mut self) -> Change {
        let (place, id) = self.object();
        if self.chance(2) {
            return Change::Disputed { place, id, dispute: None };
        }
        let objection = match self.below(3) {
            0 => Objection::Disputed("its tag says so".to_owned()),
            1 => Objection::Misdated("its tag says when".to_owned()),
            _ => Objection::Unconfirmed("nobody knows".to_owned()),
        };
        let claim = self.chance(2).then(|| RecoveryPoint { id: id.clone(), ..self.point() });
        let claim = claim.map(|claim| Box::new(claim.with_provenance(|of| of.place = place.clone())));
        Change::Disputed { place, id, dispute: Some(Box::new(Dispute { objection, since: self.time(), claim })) }
    }

    fn change(&mut self, state: &State) -> Change {
        let (source, occurrence) = (self.source(), self.occurrence());
        match self.below(21) {
            20 => self.about_dispute(),
            0 => Change::MembershipUpdated {
                source,
                region: REGIONS[0].into(),
                policy: self.one(&["finance", "hr"]).into(),
                destinations: REGIONS[1..].iter().map(|region| (*region).into()).collect(),
                since: self.time(),
            },
            1 if self.chance(3) => Change::SourceDeparted { source },
            1 if self.chance(3) => {
                let id = self.one(&["111122223333", "444455556666"]).into();
                Change::AccountRecorded { account: "777788889999".into(), id, at: self.now }
            }
            1 if self.chance(4) => Change::PeerSeen(self.time()),
            1 if self.chance(2) => {
                let line = |draw: &mut Self| Line {
                    text: draw.one(&["0 3 * * *", "every 6h"]).into(),
                    zone: "UTC".into(),
                    since: draw.chance(2).then(|| draw.time()),
                };
                let lines = (0..self.below(3)).map(|_| line(self)).collect();
                Change::Rescheduled { source, lines }
            }
            1 => Change::Cancelled { source, occurrence, at: self.now },
            2 => Change::Opened { source, occurrence, record: self.record() },
            3 => {
                let end = self.one(&OccurrenceOutcome::ALL);
                let (record, reason, earlier) = (self.record(), "so it is".to_owned(), self.below(3));
                Change::Closed { source, occurrence, record, end, reason, at: self.now, earlier }
            }
            4..=7 => self.about_request(state),
            8..=11 => Change::BackupObserved { point: Box::new(self.point()) },
            12 => {
                let (place, id) = self.object();
                Change::BackupRemoved { place, id, at: self.now }
            }
            13..=15 => self.about_deletion(),
            16 => {
                let policy = self.one(&["finance", "hr"]).into();
                let since = START.plus(Duration::from_secs(self.below(3)));
                let pause = Pause { since, until: self.chance(2).then(|| self.time()), reason: None, resumed: false };
                if self.chance(3) { Change::PauseOver { policy, since } } else { Change::Paused { policy, pause } }
            }
            17 => Change::Noted(self.note()),
            18 if self.chance(4) => Change::ClockWentBack(self.now.minus(Duration::from_secs(self.below(600)))),
            18 => Change::Counted(Counter::Copies("finance".into(), self.one(&REGIONS).into(), self.chance(2))),
            _ if self.chance(3) => Change::Forgotten(match self.below(3) {
                0 => Forgotten::Source(source),
                1 => Forgotten::AccountRegion(AccountRegion {
                    account: self.account.clone(),
                    region: self.one(&REGIONS).into(),
                }),
                _ => Forgotten::Counter(Counter::Copies("finance".into(), self.one(&REGIONS).into(), self.chance(2))),
            }),
            _ => Change::Listed {
                place: AccountRegion { account: self.account.clone(), region: self.one(&REGIONS).into() },
                began_at: self.time(),
                took: Duration::ZERO,
                pages: 1 + self.below(5) as u32,
                user_backups: self.below(600),
                others: Vec::new(),
                other_backups: Vec::new(),
            },
        }
    }
}

#[test]
fn what_a_store_gives_back_is_the_durable_part_of_the_state() {
    let mut taken = 0;
    for seed in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        runtime().block_on(async {
            let path = folder.path().join("state.db");
            let mut store = SqliteStore::open(&path, START).await.unwrap();
            let mut state = store.load(START).await.unwrap();
            let mut draw = Draw {
                rng: Rng::new(seed, "any changes"),
                now: START.plus(Duration::from_secs(3600)),
                account: AccountId::own(),
            };
            for step in 0..400 {
                draw.now = draw.now.plus(Duration::from_secs(draw.below(60)));
                // By then there is something of everything.
                let named = step == 150 + 20 * seed;
                let change = if named {
                    draw.account = "222233334444".into();
                    Change::OwnAccountNamed(draw.account.clone(), draw.now)
                } else {
                    draw.change(&state)
                };
                if state.apply(&change).is_ok() {
                    taken += 1;
                    store.commit(std::slice::from_ref(&change)).await.unwrap();
                }
                if step % 10 == 9 || named {
                    let when = format!("seed {seed}, step {step}, after {change:?}");
                    same(&reloaded(&state, draw.now), &store.load(draw.now).await.unwrap(), &when);
                }
                if step % 40 == 39 {
                    // A fresh file, written from memory alone, gives back the same.
                    let when = format!("seed {seed}, step {step}, written anew");
                    std::fs::remove_file(&path).unwrap();
                    let renewed = store.renew(&state, draw.now).await.unwrap();
                    assert!(renewed.aside.is_none(), "{when}");
                    same(&reloaded(&state, draw.now), &store.load(draw.now).await.unwrap(), &when);
                }
                if draw.chance(50) {
                    // The next process goes on from what was kept.
                    store.close().await;
                    store = SqliteStore::open(&path, draw.now).await.unwrap();
                    state = store.load(draw.now).await.unwrap();
                }
            }
            store.close().await;
        });
    }
    assert!(taken > 700, "{taken} changes make too little sense together");
}

//! Converts orders from people into changes to the state.
//!
//! An order arrives at any moment, perhaps twice, perhaps about something that no longer exists. It has no effect of
//! its own: here it becomes changes, which are committed, and the next round acts on the state. So an acknowledged
//! order survives a kill, and repeating it changes nothing.

use crate::domain::change::{Change, OccurrenceRecord};
use crate::domain::duration::duration_text;
use crate::domain::id::{BackupId, Occurrence, PolicyName, SourceId, SourceKey, Trigger};
use crate::domain::pause::Pause;
use crate::domain::policy::{Policy, Settings};
use crate::domain::state::{AccountRegionState, ORDER_REPEATED_WITHIN, State};
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

mod cancel;

mod order;
pub use order::{
    BackupOrder, CancelOrder, Granted, HoldOrder, Order, PauseOrder, Refusal, RefusalKind, ReleaseOrder, ResumeOrder,
};

/// The maximum number of open on-demand occurrences per source; it stops a script that orders in a loop.
const OPEN_BY_HAND: usize = 16;
/// How far ahead the client's clock may be.
const AHEAD: Duration = Duration::from_secs(60);
/// The largest number of pauses per policy.
const PAUSES: usize = 32;
/// The maximum length of a reason: that of a tag's value.
const REASON_CHARS: usize = 256;
/// The maximum number of names in a message.
const NAMED: usize = 20;

type Decided = Result<Granted, Refusal>;

/// Decides what an order changes.
///
/// # Errors
/// Why nothing changes.
pub fn decide(settings: &Settings, state: &State, order: &Order, now: Time) -> Decided {
    match order {
        Order::Backup(_) | Order::Pause(_) if !state.timekeeping.goes_on() && state.timekeeping.off_ms().is_some() => {
            let what =
                "the host's clock is off AWS's, so what time it is is not known; set it, then give the order again";
            Err(Refusal { kind: RefusalKind::NotNow, what: what.to_owned() })
        }
        Order::Backup(order) => backup(settings, state, order, now),
        Order::Pause(order) => pause(policy(settings, &order.policy)?, state, order, now),
        Order::Resume(order) => Ok(resume(policy(settings, &order.policy)?, state, now)),
        Order::Hold(order) => {
            let reason = reason(order.reason.as_deref())?;
            if let Some(bad) = reason.as_ref().and_then(|reason| reason.chars().find(|c| !fits_a_tag(*c))) {
                let takes = "letters, digits, spaces and _.:/=+-@";
                return Err(invalid(format!(
                    "the reason becomes a tag, and AWS takes no `{bad}` in one; it takes {takes}"
                )));
            }
            held(state, &order.backup, Some(reason.unwrap_or_default()), now)
        }
        Order::Release(order) => held(state, &order.backup, None, now),
        Order::Cancel(order) => cancel::cancel(settings, state, order, now),
    }
}

/// The deletions that the brake holds, as shown by `plan`.
#[must_use]
pub fn braked(state: &State) -> BTreeSet<BackupId> {
    state.braked.values().flat_map(|brake| brake.points.iter().map(|(id, _)| id.clone())).collect()
}

/// Confirms the deletions that the brake held when the person looked, as far as the current policy still plans them.
#[must_use]
pub fn confirm_deletions(settings: &Settings, state: &State, looked_at: &BTreeSet<BackupId>, now: Time) -> Granted {
    let mut changes = super::deletions::confirm(settings, state, now);
    let waiting = changes.len();
    changes.retain(|change| matches!(change, Change::DeletionPlanned { id, .. } if looked_at.contains(id)));
    let says = match changes.len() {
        0 if waiting > 0 => format!(
            "nothing is confirmed: {waiting} deletions wait from now on; see `lifeboat plan`, then confirm them"
        ),
        0 => "no deletions waited to be confirmed".to_owned(),
        1 => "one deletion is confirmed".to_owned(),
        count => format!("{count} deletions are confirmed"),
    };
    Granted { changes, says, ..Granted::default() }
}

fn held(state: &State, backup: &BackupId, hold: Option<String>, now: Time) -> Decided {
    let carries = |known: &AccountRegionState| known.points.contains_key(backup) || known.disputes.contains_key(backup);
    let place = state.places.iter().find(|(_, known)| carries(known));
    if let Some((place, dispute)) = place.and_then(|(place, known)| Some((place, known.disputes.get(backup)?))) {
        let what = dispute.objection.what();
        return Err(invalid(format!("{backup} in {} is {}: {what}", place.region, dispute.objection.as_str())));
    }
    let Some((place, point)) = place.and_then(|(place, _)| Some((place, state.point(place, backup)?))) else {
        let id = shown(backup.as_str());
        return Err(unknown(format!("no recovery point {id} in any Region; `lifeboat points` lists them")));
    };
    let hold_request = state.hold_requests.get(&(place.clone(), backup.clone()));
    let wished = hold_request.map_or(point.remarks.hold.as_deref(), |hold_request| hold_request.hold.as_deref());
    let is_held = hold.is_some();
    let (what, same) = match &hold {
        // A repeated hold without a reason keeps the existing reason.
        Some(reason) => ("held", wished.is_some_and(|before| reason.is_empty() || before == reason)),
        None => ("released", wished.is_none()),
    };
    let mut granted = Granted { stands: same && hold_request.is_none(), ..Granted::default() };
    if !same {
        granted.changes.push(Change::HoldRequested { place: place.clone(), id: backup.clone(), hold, at: now });
    }
    let region = &place.region;
    let fault = hold_request.filter(|_| same).and_then(|hold_request| hold_request.fault.as_ref());
    granted.barred = fault.filter(|fault| fault.class.needs_a_person()).map(ToString::to_string);
    granted.says = match fault {
        _ if granted.stands => format!("{backup} in {region} is {what}, and its tag at AWS says so"),
        Some(fault) => format!("{backup} in {region} is {what}; its tag at AWS could not be set yet ({fault})"),
        None => format!("{backup} in {region} is {what}; its tag at AWS follows"),
    };
    let deletion = state.deletions.get(&(place.clone(), backup.clone()));
    if is_held && deletion.is_some_and(|deletion| deletion.asked_at.is_some()) {
        granted.says += "; AWS was asked to delete it before";
    }
    Ok(granted)
}

fn backup(settings: &Settings, state: &State, order: &BackupOrder, now: Time) -> Decided {
    let policy = policy(settings, &order.policy)?;
    if order.at > now.plus(AHEAD) {
        return Err(invalid(format!("asked for {}, which has not come yet: it is {now}", order.at)));
    }
    let keys: Vec<SourceKey> =
        policy.source_keys().filter(|key| order.source.as_ref().is_none_or(|only| *only == key.source)).collect();
    if keys.is_empty() {
        return Err(unknown(no_source(policy, order.source.as_ref())));
    }
    let occurrence = Occurrence { at: order.at, trigger: Trigger::Manual };
    let (mut granted, mut blocked) = (Granted::default(), Vec::new());
    for key in keys {
        match of_source(policy, state, &key, occurrence, now)? {
            OrderStatus::New(change) => granted.changes.push(*change),
            OrderStatus::Known => {}
            OrderStatus::Aside(why) => {
                blocked.push(format!("{} is quarantined ({why})", key.source));
                continue;
            }
        }
        granted.sources.push(key.source);
    }
    if granted.sources.is_empty() {
        return Err(Refusal { kind: RefusalKind::NotNow, what: blocked.join("; ") });
    }
    let count = match granted.sources.as_slice() {
        [one] => one.to_string(),
        several => format!("{} sources", several.len()),
    };
    let ordered = if granted.changes.is_empty() { "was ordered before" } else { "is ordered" };
    let name = &policy.name;
    granted.says = format!("{name}: a backup of {count} {ordered}, as the occurrence of {}", order.at);
    if let Some(pause) = state.pause_at(name, now) {
        granted.says += &format!("; the policy is {}, which does not bar it", pause.sentence());
    }
    for note in blocked {
        granted.says += &format!("; not of {note}");
    }
    Ok(granted)
}

/// How a source receives an order.
enum OrderStatus {
    New(Box<Change>),
    /// The same order was received before.
    Known,
    /// The source is quarantined until a restart.
    Aside(String),
}

fn of_source(
    policy: &Policy,
    state: &State,
    key: &SourceKey,
    occurrence: Occurrence,
    now: Time,
) -> Result<OrderStatus, Refusal> {
    if let Some(why) = state.quarantined.get(key) {
        return Ok(OrderStatus::Aside(why.clone()));
    }
    let not_now = |what: String| Err(Refusal { kind: RefusalKind::NotNow, what });
    let Some(source) = state.sources.get(key) else {
        return not_now(format!("{} is not taken in yet; ask again in a moment", key.source));
    };
    if source.knows(occurrence) || source.orders_ended.contains_key(&occurrence.at) {
        return Ok(OrderStatus::Known);
    }
    // An ended order is remembered only for a limited time and must not start again afterwards.
    if now.since(occurrence.at) >= ORDER_REPEATED_WITHIN {
        let bound = duration_text(ORDER_REPEATED_WITHIN);
        return Err(invalid(format!("asked at {}, more than {bound} ago; ask anew", occurrence.at)));
    }
    let open = source.open.keys().filter(|of| of.trigger == Trigger::Manual).count();
    if open >= OPEN_BY_HAND {
        return not_now(format!("{open} backups of {} that were ordered are not done yet", key.source));
    }
    let record = OccurrenceRecord { policy: policy.name.clone(), opened_at: now, caught_up: false, adopted: false };
    Ok(OrderStatus::New(Box::new(Change::Opened { source: key.clone(), occurrence, record })))
}

fn pause(policy: &Policy, state: &State, order: &PauseOrder, now: Time) -> Decided {
    let reason = reason(order.reason.as_deref())?;
    if let Some(until) = order.until.filter(|until| *until <= now) {
        return Err(invalid(format!("a pause until {until} is over before it begins: it is {now}")));
    }
    let name = &policy.name;
    let before = state.pause_at(name, now);
    if before.is_none() && state.pauses.get(name).is_some_and(|pauses| pauses.len() >= PAUSES) {
        let what = format!("{name}: too many pauses that ended are not on record yet; ask again once AWS answers");
        return Err(Refusal { kind: RefusalKind::NotNow, what });
    }
    let since = before.map_or(now, |before| before.since);
    let reason = reason.or_else(|| before.and_then(|before| before.reason.clone()));
    let pause = Pause { since, until: order.until, reason, resumed: false };
    let says = format!("{name} is {}; copies of backups that exist go on", pause.sentence());
    let changes = match before {
        Some(before) if *before == pause => Vec::new(),
        _ => vec![Change::Paused { policy: name.clone(), pause }],
    };
    Ok(Granted { changes, says, ..Granted::default() })
}

fn resume(policy: &Policy, state: &State, now: Time) -> Granted {
    let name = &policy.name;
    let pauses = state.pauses.get(name).into_iter().flatten().filter(|pause| pause.covers(now));
    let ended = pauses.map(|pause| Pause { until: Some(now), resumed: true, ..pause.clone() });
    let changes: Vec<Change> = ended.map(|pause| Change::Paused { policy: name.clone(), pause }).collect();
    let next = policy.schedule.next_after(now).map_or(String::new(), |next| format!("; it fires next at {next}"));
    let says = if changes.is_empty() {
        format!("{name} was not paused{next}")
    } else {
        format!("{name} is resumed{next}; what came due in the pause is skipped")
    };
    Granted { changes, says, ..Granted::default() }
}

fn policy<'a>(settings: &'a Settings, name: &PolicyName) -> Result<&'a Policy, Refusal> {
    let none = || {
        let names = listed(settings.policies.keys().map(PolicyName::as_str));
        unknown(format!("no policy \"{}\"; there are: {names}", shown(name.as_str())))
    };
    settings.policies.get(name).ok_or_else(none)
}

fn no_source(policy: &Policy, source: Option<&SourceId>) -> String {
    let names = listed(policy.sources.iter().map(SourceId::as_str));
    match source {
        Some(source) => {
            format!("policy \"{}\" has no source {}; it has: {names}", policy.name, shown(source.as_str()))
        }
        None => format!("policy \"{}\" has no sources", policy.name),
    }
}

fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let text = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

/// Normalises a reason to one short line, or none.
fn reason(text: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > REASON_CHARS || text.chars().any(char::is_control) {
        return Err(invalid(format!("a reason is one line of at most {REASON_CHARS} characters")));
    }
    Ok(Some(text.to_owned()))
}

/// Whether AWS accepts this character in a tag's value (fsx-facts 3.1).
fn fits_a_tag(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

/// User input in a form that is safe to display.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).take(64).collect()
}

fn unknown(what: String) -> Refusal {
    Refusal { kind: RefusalKind::Unknown, what }
}

fn invalid(what: String) -> Refusal {
    Refusal { kind: RefusalKind::Invalid, what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::OccurrenceOutcome;
    use crate::domain::id::{AccountId, AccountRegion};
    use crate::domain::lane::FileSystemKind;
    use crate::domain::plan::Reason;
    use crate::domain::point::{Lifecycle, Provenance, RecoveryPoint};
    use crate::domain::remarks::Remarks;
    use crate::planner::plan;

    const NOON: Time = Time::from_secs(1_795_262_400);
    const SOURCE: &str = "fs-0a1b2c3d4e5f60001";
    const OTHER: &str = "fs-0a1b2c3d4e5f60002";

    fn after(minutes: u64) -> Time {
        NOON.plus(Duration::from_secs(60 * minutes))
    }

    /// A database, a policy that fires every ten minutes, and the outcomes of its occurrences.
    struct Fixture {
        settings: Settings,
        state: State,
        ended: Vec<(Time, OccurrenceOutcome, String)>,
        warnings: Vec<String>,
    }

    impl Fixture {
        fn new() -> Self {
            let state = State::new(NOON, NOON);
            let mut fixture = Self { settings: settings("hourly"), state, ended: Vec::new(), warnings: Vec::new() };
            fixture.rounds(NOON);
            fixture.listed(NOON);
            fixture.rounds(NOON);
            fixture
        }

        fn listed(&mut self, began_at: Time) {
            let place = AccountRegion { account: AccountId::own(), region: "us-east-1".into() };
            self.apply(Change::Listed {
                place,
                began_at,
                took: Duration::ZERO,
                pages: 1,
                user_backups: 0,
                others: Vec::new(),
                other_backups: Vec::new(),
            });
        }

        fn apply(&mut self, change: Change) {
            if let Change::Closed { occurrence, end, reason, .. } = &change {
                self.ended.push((occurrence.at, *end, reason.clone()));
            }
            self.state.apply(&change).unwrap();
        }

        /// Plans until no durable change is left to record; no call is made.
        fn rounds(&mut self, now: Time) {
            for _ in 0..20 {
                self.state.clock = now;
                let plan = plan(&self.settings, &self.state, now);
                self.warnings.extend(plan.warnings);
                let record: Vec<Change> = plan
                    .record
                    .into_iter()
                    .filter(|change| change.durable() || matches!(change, Change::Synced(_) | Change::Checked { .. }))
                    .filter(|change| !matches!(change, Change::RequestRecorded { .. }))
                    .collect();
                if record.is_empty() {
                    return;
                }
                record.into_iter().for_each(|change| self.apply(change));
            }
        }

        fn order(&mut self, order: Order, now: Time) -> Decided {
            let granted = decide(&self.settings, &self.state, &order, now)?;
            granted.changes.iter().for_each(|change| self.apply(change.clone()));
            Ok(granted)
        }

        fn pause(&mut self, until: Option<Time>, now: Time) -> Granted {
            let reason = Some("maintenance".to_owned());
            self.order(Order::Pause(PauseOrder { policy: "hourly".into(), until, reason }), now).unwrap()
        }

        fn resume(&mut self, now: Time) -> Granted {
            self.order(Order::Resume(ResumeOrder { policy: "hourly".into() }), now).unwrap()
        }

        fn open(&self, source: &str) -> Vec<Occurrence> {
            let key = SourceKey { account: AccountId::own(), source: source.into() };
            self.state.sources[&key].open.keys().copied().collect()
        }
    }

    fn settings(policy: &str) -> Settings {
        let text = format!(
            "[[policy]]\nname = \"{policy}\"\nregion = \"us-east-1\"\nschedule = \"*/10 * * * *\"\n\
             file_systems = [\"{SOURCE}\", \"{OTHER}\"]\n[[policy.destination]]\nregion = \"us-west-2\"\n"
        );
        let mut settings = crate::config::parse(&[("test".to_owned(), text)], NOON).unwrap().settings;
        settings.generation = 1;
        settings
    }

    fn backup(source: Option<&str>, at: Time) -> Order {
        Order::Backup(BackupOrder { policy: "hourly".into(), source: source.map(Into::into), at })
    }

    fn scheduled(fixture: &Fixture) -> Vec<Time> {
        fixture.open(SOURCE).iter().filter(|of| of.trigger == Trigger::Schedule).map(|of| of.at).collect()
    }

    #[test]
    fn what_comes_due_in_a_pause_is_skipped_and_never_begun_after_it() {
        let mut fixture = Fixture::new();
        fixture.pause(None, after(5));
        for minute in 5..=25 {
            fixture.rounds(after(minute));
        }
        let skipped: Vec<Time> = fixture.ended.iter().map(|(at, _, _)| *at).collect();
        assert_eq!(skipped, [after(10), after(10), after(20), after(20)]);
        assert!(
            fixture.ended.iter().all(|(_, end, why)| *end == OccurrenceOutcome::Skipped && why.contains("maintenance"))
        );
        let says = fixture.resume(after(28)).says;
        assert!(says.contains(&after(30).to_string()), "{says}");
        fixture.rounds(after(28));
        assert!(scheduled(&fixture).is_empty() && fixture.state.pauses.is_empty(), "{:?}", fixture.state.pauses);
        fixture.rounds(after(30));
        assert_eq!(scheduled(&fixture), [after(30)]);
    }

    #[test]
    fn a_pause_ends_by_itself_and_wakes_the_planner() {
        let mut fixture = Fixture::new();
        fixture.pause(Some(after(15)), after(1));
        fixture.rounds(after(10));
        let mut plan = crate::domain::plan::Plan::default();
        crate::planner::pauses::plan(&fixture.settings, &fixture.state, after(11), &mut plan);
        assert_eq!(plan.wake.at, after(15));
        assert!(fixture.state.pause_at(&"hourly".into(), after(14)).is_some());
        fixture.rounds(after(15));
        assert!(fixture.state.pauses.is_empty());
        fixture.rounds(after(20));
        assert_eq!((fixture.ended.len(), scheduled(&fixture)), (2, vec![after(20)]));
    }

    /// The Region did not respond or the daemon was down: an occurrence is judged by the pause at its own time.
    #[test]
    fn what_came_due_is_judged_by_the_pause_of_its_time_however_late() {
        let mut fixture = Fixture::new();
        fixture.pause(Some(after(35)), after(5));
        fixture.rounds(after(45));
        let of_source: Vec<_> = fixture.ended.iter().map(|(at, end, _)| (*at, *end)).collect();
        let skipped = |minute| (after(minute), OccurrenceOutcome::Skipped);
        assert_eq!(of_source, [10, 20, 30, 10, 20, 30].map(skipped));
        assert_eq!(scheduled(&fixture), [after(40)]);
        // Paused again at once: the first pause is forgotten only after everything is recorded; the second stays.
        fixture.rounds(after(46));
        fixture.pause(None, after(46));
        fixture.rounds(after(55));
        assert_eq!(fixture.ended.iter().filter(|(at, end, _)| (*at, *end) == skipped(50)).count(), 2);
    }

    #[test]
    fn an_occurrence_that_was_not_asked_for_is_skipped_and_one_of_a_person_goes_on() {
        let mut fixture = Fixture::new();
        fixture.rounds(after(10));
        assert_eq!(scheduled(&fixture), [after(10)]);
        let says = fixture.order(backup(Some(SOURCE), after(11)), after(11)).unwrap().says;
        assert!(!says.contains("paused"), "{says}");
        fixture.pause(None, after(12));
        fixture.rounds(after(12));
        assert!(fixture.ended.iter().all(|(at, end, _)| *at == after(10) && *end == OccurrenceOutcome::Skipped));
        assert_eq!(fixture.open(SOURCE), [Occurrence { at: after(11), trigger: Trigger::Manual }]);
        let says = fixture.order(backup(Some(OTHER), after(13)), after(13)).unwrap().says;
        assert!(says.contains("paused since") && says.contains("does not bar it"), "{says}");
        fixture.rounds(after(13));
        assert_eq!(fixture.open(OTHER).len(), 1);
    }

    #[test]
    fn a_policy_that_is_renamed_stays_paused_and_one_that_goes_takes_its_pause_with_it() {
        let mut fixture = Fixture::new();
        fixture.pause(None, after(5));
        fixture.settings = Settings { generation: 2, ..settings("renamed") };
        fixture.rounds(after(6));
        assert!(fixture.state.pause_at(&"renamed".into(), after(6)).is_some() && fixture.warnings.is_empty());
        let mut without = settings("renamed");
        without.policies.clear();
        fixture.settings = Settings { generation: 3, ..without };
        fixture.rounds(after(7));
        assert!(fixture.state.pauses.is_empty());
        assert!(fixture.warnings.iter().any(|warning| warning.contains("renamed")), "{:?}", fixture.warnings);
    }

    #[test]
    fn a_clock_that_was_ahead_lengthens_no_pause() {
        let mut fixture = Fixture::new();
        fixture.pause(Some(after(2000)), after(1000));
        fixture.apply(Change::ClockWentBack(after(5)));
        fixture.rounds(after(5));
        let pause = fixture.state.pause_at(&"hourly".into(), after(6)).unwrap();
        assert_eq!((pause.since, pause.until), (after(5), Some(after(1005))));
        fixture.resume(after(7));
        fixture.apply(Change::ClockWentBack(after(2)));
        fixture.rounds(after(2));
        assert!(fixture.state.pauses.is_empty(), "what a person ended does not begin anew: {:?}", fixture.state.pauses);
    }

    #[test]
    fn pausing_again_sets_another_end_and_keeps_the_beginning() {
        let mut fixture = Fixture::new();
        fixture.pause(Some(after(20)), after(1));
        let order = PauseOrder { policy: "hourly".into(), until: None, reason: None };
        let granted = fixture.order(Order::Pause(order.clone()), after(3)).unwrap();
        let pause = fixture.state.pause_at(&"hourly".into(), after(3)).unwrap();
        assert_eq!((pause.since, pause.until, pause.reason.as_deref()), (after(1), None, Some("maintenance")));
        assert_eq!(granted.changes.len(), 1);
        assert!(fixture.order(Order::Pause(order), after(4)).unwrap().changes.is_empty());
        assert!(fixture.resume(after(5)).says.contains("resumed"));
        assert!(fixture.resume(after(6)).says.contains("was not paused"));
    }

    #[test]
    fn an_order_that_is_repeated_is_the_same_occurrence_even_after_it_ended() {
        let mut fixture = Fixture::new();
        let first = fixture.order(backup(None, after(1)), after(1)).unwrap();
        assert_eq!((first.changes.len(), first.sources.len()), (2, 2));
        let again = fixture.order(backup(None, after(1)), after(2)).unwrap();
        assert_eq!((again.changes.len(), again.sources.len()), (0, 2));
        let (occurrence, key) = (Occurrence { at: after(1), trigger: Trigger::Manual }, SOURCE);
        let source = SourceKey { account: AccountId::own(), source: key.into() };
        let record = fixture.state.sources[&source].open[&occurrence].clone();
        let (reason, at) = ("for the test".to_owned(), after(3));
        fixture.apply(Change::Closed {
            source,
            occurrence,
            record,
            end: OccurrenceOutcome::Missed,
            reason,
            at,
            earlier: 0,
        });
        assert!(fixture.order(backup(Some(key), after(1)), after(4)).unwrap().changes.is_empty());
        assert_eq!(fixture.open(key), []);
    }

    /// Its next attempt may be hours away; scheduled occurrences must not wait for it.
    #[test]
    fn an_order_whose_backup_failed_does_not_bar_the_schedule() {
        let mut fixture = Fixture::new();
        fixture.order(backup(Some(SOURCE), after(1)), after(1)).unwrap();
        let failed = RecoveryPoint {
            provenance: Provenance {
                place: AccountRegion { account: AccountId::own(), region: "us-east-1".into() },
                source: SOURCE.into(),
                policy: Some("hourly".into()),
                kms_key: None,
                kind: FileSystemKind::Windows,
                carried: std::sync::Arc::default(),
                asked_key: None,
            }
            .into(),
            id: "backup-1".into(),
            occurrence: Occurrence { at: after(1), trigger: Trigger::Manual },
            attempt: 1,
            origin: None,
            lifecycle: Lifecycle::Failed,
            created_at: after(2),
            settled_at: Some(after(10)),
            progress_percent: None,
            size_bytes: None,
            remarks: Remarks { failure: Some("broken".into()), ..Remarks::default() }.into(),
        };
        fixture.apply(Change::BackupObserved { point: Box::new(failed) });
        let waits = |fixture: &Fixture, now: Time| {
            let plan = plan(&fixture.settings, &fixture.state, now);
            let of_source = plan.waiting.into_iter().find(|wait| wait.source.source.as_str() == SOURCE);
            of_source.map(|wait| wait.reason)
        };
        assert_eq!(waits(&fixture, after(10).minus(Duration::from_secs(1))), Some(Reason::Backoff));
        fixture.rounds(after(10));
        // This test never reads the Region's inventory; that is what the scheduled one waits for.
        assert_eq!(waits(&fixture, after(10)), Some(Reason::Listing));
    }

    #[test]
    fn orders_that_make_no_sense_say_why_and_what_there_is() {
        let mut fixture = Fixture::new();
        let unknown = |policy: &str, source: Option<&str>| {
            Order::Backup(BackupOrder { policy: policy.into(), source: source.map(Into::into), at: after(1) })
        };
        let hold = Order::Hold(HoldOrder { backup: "backup-\u{1b}[2J".into(), reason: None });
        let bad_tag = Order::Hold(HoldOrder { backup: "backup-1".into(), reason: Some("don't!".to_owned()) });
        let two_lines = PauseOrder { policy: "hourly".into(), until: None, reason: Some("a\nb".to_owned()) };
        let over = PauseOrder { policy: "hourly".into(), until: Some(after(0)), reason: None };
        use RefusalKind::{Invalid, Unknown};
        for (order, kind, says) in [
            (unknown("nobody", None), Unknown, "there are: hourly"),
            (unknown("hourly", Some("fs-1")), Unknown, SOURCE),
            (backup(None, after(3)), Invalid, "has not come yet"),
            (Order::Resume(ResumeOrder { policy: "x\u{7}".into() }), Unknown, "no policy \"x?\""),
            (Order::Pause(two_lines), Invalid, "one line"),
            (Order::Pause(over), Invalid, "over before it begins"),
            (hold, Unknown, "lifeboat points"),
            (bad_tag, Invalid, "`'`"),
        ] {
            let refused = fixture.order(order, after(1)).unwrap_err();
            assert_eq!(refused.kind, kind, "{refused}");
            assert!(refused.what.contains(says) && !refused.what.contains('\u{1b}'), "{refused}");
        }
        let late = fixture.order(backup(None, after(1)), after(12)).unwrap_err();
        assert!(late.what.contains("more than 10m ago"), "{late}");
    }

    #[test]
    fn a_script_that_asks_in_a_loop_is_stopped() {
        let mut fixture = Fixture::new();
        let give = |fixture: &mut Fixture, nth: u64| {
            let at = NOON.plus(Duration::from_millis(nth));
            fixture.order(backup(Some(SOURCE), at), after(1)).map(drop).map_err(|refused| refused.kind)
        };
        let answers: Vec<_> = (0..20).map(|nth| give(&mut fixture, nth)).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), OPEN_BY_HAND);
        assert_eq!(answers.last(), Some(&Err(RefusalKind::NotNow)));
    }
}

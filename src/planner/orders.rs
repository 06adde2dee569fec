//! What a person orders by hand, as changes to the books.
//!
//! An order arrives at any moment, perhaps twice, perhaps about something that is no more. It carries no power of its
//! own: here it becomes changes, which are committed, and the next round acts on the books. So an order outlives a kill
//! the moment it is answered, and one that is repeated changes nothing.

use super::deletions;
use crate::domain::change::{Change, Opening};
use crate::domain::id::{BackupId, Occurrence, Place, PolicyName, SourceId, SourceKey, Trigger};
use crate::domain::pause::Pause;
use crate::domain::policy::{Policy, Settings};
use crate::domain::state::{ORDER_REPEATED_WITHIN, State};
use crate::domain::time::{Time, duration_text};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// So many occurrences by hand may be open for one source; a script that asks in a loop is stopped there.
const OPEN_BY_HAND: usize = 16;
/// The clock of who asks may be ahead by so much.
const AHEAD: Duration = Duration::from_secs(60);
/// So many pauses of one policy may be in the books.
const PAUSES: usize = 32;
/// The longest reason, as long as a tag's value may be.
const REASON_CHARS: usize = 256;
/// So many names are listed in a message.
const NAMED: usize = 20;

/// What a person orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// An occurrence now.
    Backup(BackupOrder),
    /// The schedule begins nothing until further notice, or for a while.
    Pause(PauseOrder),
    /// The schedule goes on.
    Resume(ResumeOrder),
    /// A recovery point is kept until released.
    Hold(HoldOrder),
    /// It may go again.
    Release(ReleaseOrder),
}

impl Order {
    /// The word for it, as the command has it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Backup(_) => "backup",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Hold(_) => "hold",
            Self::Release(_) => "release",
        }
    }
}

/// An occurrence now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupOrder {
    /// Of which policy.
    pub policy: PolicyName,
    /// Of which of its sources; `None`: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    /// The time of asking, to the millisecond: the name of the occurrence, and the same when the order is repeated.
    pub at: Time,
}

/// The schedule begins nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseOrder {
    /// Of which policy.
    pub policy: PolicyName,
    /// Until then; `None`: until it is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The schedule goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeOrder {
    /// Of which policy.
    pub policy: PolicyName,
}

/// A recovery point is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldOrder {
    /// Which.
    pub backup: BackupId,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A recovery point may go again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseOrder {
    /// Which.
    pub backup: BackupId,
}

/// An order that stands once its changes are committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// To be applied and committed; empty if it stood already.
    pub changes: Vec<Change>,
    /// What came of it, for people.
    pub says: String,
    /// The sources that an occurrence was ordered for, new or not.
    pub sources: Vec<SourceId>,
}

/// Why an order is not carried out; nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refusal {
    /// What kind of reason.
    pub kind: RefusalKind,
    /// What, on what, and what to do.
    pub what: String,
}

/// What kind of reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// It names something that there is not.
    Unknown,
    /// It makes no sense as it stands.
    Invalid,
    /// Not now; the same order may be carried out later.
    NotNow,
}

type Verdict = Result<Granted, Refusal>;

/// Decides what an order changes.
///
/// # Errors
/// Why nothing.
pub fn decide(settings: &Settings, state: &State, order: &Order, now: Time) -> Verdict {
    match order {
        Order::Backup(order) => backup(settings, state, order, now),
        Order::Pause(order) => pause(policy(settings, &order.policy)?, state, order, now),
        Order::Resume(order) => Ok(resume(policy(settings, &order.policy)?, state, now)),
        Order::Hold(order) => {
            let reason = reason(order.reason.as_deref())?;
            held(state, &order.backup, Some(reason.unwrap_or_default()), now)
        }
        Order::Release(order) => held(state, &order.backup, None, now),
    }
}

/// Lets go what the brake on deletions holds: the very set that `plan` shows.
///
/// # Errors
/// Why nothing is confirmed.
pub fn confirm_deletions(settings: &Settings, state: &State, now: Time) -> Verdict {
    if !settings.daemon.prune {
        return Err(invalid("this host does not prune ([daemon] prune = false)".to_owned()));
    }
    let changes = deletions::confirm(settings, state, now);
    let ids: Vec<&str> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Condemned { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    let says = if ids.is_empty() {
        "no deletions wait to be confirmed".to_owned()
    } else {
        format!("{} deletions confirmed: {}", ids.len(), ids.join(", "))
    };
    Ok(Granted { changes, says, sources: Vec::new() })
}

/// A person's wish to hold a recovery point, or (`None`) to release it.
fn hold_wished(state: &State, place: &Place, backup: &BackupId, hold: Option<String>, now: Time) -> Verdict {
    let wish = state.wishes.get(&(place.clone(), backup.clone()));
    let stands = state.point(place, backup).and_then(|point| point.hold.clone());
    let wished = wish.map_or(&stands, |wish| &wish.hold);
    let new = *wished != hold;
    let says = match (&hold, new) {
        (Some(_), true) => format!("{backup} in {} is held from now on; its tag follows", place.region),
        (Some(_), false) => format!("{backup} in {} is held already", place.region),
        (None, true) => format!("{backup} in {} is let go as soon as AWS has taken its tag away", place.region),
        (None, false) => format!("{backup} in {} is not held", place.region),
    };
    let wish = Change::HoldWished { place: place.clone(), id: backup.clone(), hold, at: now };
    Ok(Granted { changes: if new { vec![wish] } else { Vec::new() }, says, sources: Vec::new() })
}

fn held(state: &State, backup: &BackupId, hold: Option<String>, now: Time) -> Verdict {
    let place = state.places.iter().find(|(_, known)| known.points.contains_key(backup)).map(|(place, _)| place);
    let Some(place) = place else {
        let id = shown(backup.as_str());
        return Err(unknown(format!("no recovery point {id} in any Region; `lifeboat points` lists them")));
    };
    if hold.as_ref().is_some_and(|reason| !reason.chars().all(fits_tag)) {
        let what = "the reason of a hold is written into a tag: letters, digits, spaces and _.:/=+-@ are allowed";
        return Err(invalid(what.to_owned()));
    }
    hold_wished(state, place, backup, hold, now)
}

fn backup(settings: &Settings, state: &State, order: &BackupOrder, now: Time) -> Verdict {
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
    let (mut granted, mut aside) = (Granted::default(), Vec::new());
    for key in keys {
        match of_source(policy, state, &key, occurrence, now)? {
            Standing::New(change) => granted.changes.push(*change),
            Standing::Known => {}
            Standing::Aside(why) => {
                aside.push(format!("{} is set aside ({why})", key.source));
                continue;
            }
        }
        granted.sources.push(key.source);
    }
    if granted.sources.is_empty() {
        return Err(Refusal { kind: RefusalKind::NotNow, what: aside.join("; ") });
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
    for note in aside {
        granted.says += &format!("; not of {note}");
    }
    Ok(granted)
}

/// How a source takes an order.
enum Standing {
    New(Box<Change>),
    /// It was ordered before.
    Known,
    /// The source is set aside until a restart.
    Aside(String),
}

fn of_source(
    policy: &Policy,
    state: &State,
    key: &SourceKey,
    occurrence: Occurrence,
    now: Time,
) -> Result<Standing, Refusal> {
    if let Some(why) = state.quarantined.get(key) {
        return Ok(Standing::Aside(why.clone()));
    }
    let not_now = |what: String| Err(Refusal { kind: RefusalKind::NotNow, what });
    let Some(source) = state.sources.get(key) else {
        return not_now(format!("{} is not taken in yet; ask again in a moment", key.source));
    };
    if source.knows(occurrence) || source.orders_ended.contains_key(&occurrence.at) {
        return Ok(Standing::Known);
    }
    // What ended is remembered for so long, and must not begin anew after that.
    if now.since(occurrence.at) >= ORDER_REPEATED_WITHIN {
        let bound = duration_text(ORDER_REPEATED_WITHIN);
        return Err(invalid(format!("asked at {}, more than {bound} ago; ask anew", occurrence.at)));
    }
    let open = source.open.keys().filter(|of| of.trigger == Trigger::Manual).count();
    if open >= OPEN_BY_HAND {
        return not_now(format!("{open} backups of {} that were ordered are not done yet", key.source));
    }
    let opening = Opening { policy: policy.name.clone(), opened_at: now, caught_up: false, adopted: false };
    Ok(Standing::New(Box::new(Change::Opened { source: key.clone(), occurrence, opening })))
}

fn pause(policy: &Policy, state: &State, order: &PauseOrder, now: Time) -> Verdict {
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
    Ok(Granted { changes, says, sources: Vec::new() })
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
    Granted { changes, says, sources: Vec::new() }
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

/// A reason as it may be kept and shown: one short line, or none.
fn reason(text: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > REASON_CHARS || text.chars().any(char::is_control) {
        return Err(invalid(format!("a reason is one line of at most {REASON_CHARS} characters")));
    }
    Ok(Some(text.to_owned()))
}

/// What AWS allows in the value of a tag (fsx-facts 3.6).
fn fits_tag(c: char) -> bool {
    c.is_alphanumeric() || " _.:/=+-@".contains(c)
}

/// What was typed, as it may be shown to anybody.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).take(64).collect()
}

fn unknown(what: String) -> Refusal {
    Refusal { kind: RefusalKind::Unknown, what }
}

fn invalid(what: String) -> Refusal {
    Refusal { kind: RefusalKind::Invalid, what }
}

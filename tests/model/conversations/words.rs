//! How a script writes times, occurrences and targets, and how changes, calls and what waits are printed.

use super::*;
use lifeboat::domain::change::{AccountEvidence, LaneEvidence, SearchEvidence};
use lifeboat::domain::occurrence_record::Counter;
use lifeboat::domain::selection::NextPage;
use lifeboat::planner::audit::Finding;
use std::collections::BTreeSet;
use std::fmt;

/// The day that a time without one is of.
const DAY: &str = "2026-11-21T";
/// What the ids of a script's sources begin with, and its backups'.
const SOURCES: (&str, &str) = ("fs-0123456789abcde", "fs-");
const BACKUPS: (&str, &str) = ("backup-0123456789abcd", "backup-");

/// With the short forms of ids and times.
pub fn shortened(text: &str) -> String {
    let text = text.replace(SOURCES.0, SOURCES.1).replace(BACKUPS.0, BACKUPS.1);
    text.replace(DAY, "").replace("default/", "")
}

/// An id as it is: `fs-00` and `backup-000` are short forms.
pub fn whole(id: &str) -> String {
    let digits = |prefix: &str, count: usize| {
        let rest = id.strip_prefix(prefix)?;
        (rest.len() == count && rest.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(rest)
    };
    if let Some(number) = digits(SOURCES.1, 2) {
        return format!("{}{number}", SOURCES.0);
    }
    digits(BACKUPS.1, 3).map_or_else(|| id.to_owned(), |number| format!("{}{number}", BACKUPS.0))
}

/// `06:00`, `06:00:01.5`, `22T06:00`, `+2m`, `-1h`, or all of it.
pub fn time(text: &str, now: Time) -> Result<Time, Box<dyn Error>> {
    if let Some(by) = text.strip_prefix('+') {
        return Ok(now.plus(duration(by)?));
    }
    if let Some(by) = text.strip_prefix('-') {
        return Ok(now.minus(duration(by)?));
    }
    if let Some(time) = Time::parse_rfc3339(text) {
        return Ok(time);
    }
    let (day, clock) = text.split_once('T').unwrap_or(("21", text));
    let seconds = if clock.matches(':').count() == 1 { ":00" } else { "" };
    let whole = format!("2026-11-{day}T{clock}{seconds}Z");
    Time::parse_rfc3339(&whole).ok_or_else(|| format!("{text} is no time").into())
}

/// `90s`, `1h 30m`, `500ms`.
pub fn duration(text: &str) -> Result<Duration, Box<dyn Error>> {
    let parsed: jiff::SignedDuration = text.parse()?;
    Ok(parsed.try_into()?)
}

/// `06:00` of the schedule, `06:30/manual` of a person.
pub fn occurrence(text: &str, now: Time) -> Result<Occurrence, Box<dyn Error>> {
    let (at, trigger) = match text.strip_suffix("/manual") {
        Some(at) => (at, Trigger::Manual),
        None => (text, Trigger::Schedule),
    };
    Ok(Occurrence { at: time(at, now)?, trigger })
}

/// `backup`, or the Region of a copy.
pub fn target(text: &str) -> Target {
    if text == "backup" { Target::Backup } else { Target::Copy(text.into()) }
}

/// `no_slot` and the others, by their names in the code.
pub fn class(text: &str) -> Result<FaultClass, Box<dyn Error>> {
    let named = |class: &FaultClass| format!("{class:?}").eq_ignore_ascii_case(&text.replace('_', ""));
    FaultClass::ALL.into_iter().find(named).ok_or_else(|| format!("there is no class {text}").into())
}

/// A file system or volume with these tags, and a type among them.
pub fn facts(id: &str, tags: &[(String, String)]) -> SourceFacts {
    let id = whole(id).as_str().into();
    let kind = tags.iter().find(|(key, _)| key == "type").map_or("WINDOWS", |(_, kind)| kind.as_str());
    let tags = tags.iter().filter(|(key, _)| key != "type").cloned().collect();
    SourceFacts { kind: FileSystemKind::parse(kind), tags, ..super::facts(&id) }
}

/// Printed lines.
pub struct Lines {
    pub text: String,
    all: bool,
}

impl Lines {
    /// `all`: those too that only count and remember.
    pub fn new(all: bool) -> Self {
        Self { text: String::new(), all }
    }

    pub fn line(&mut self, line: fmt::Arguments<'_>) {
        self.text.push_str(&format!("{line}\n"));
    }

    /// Lines of a moment, if there are any.
    pub fn at(&mut self, now: Time, lines: &str) {
        for line in lines.lines() {
            self.line(format_args!("{now} {line}"));
        }
    }

    pub fn changes(&mut self, changes: &[Change]) {
        for change in changes {
            if self.all || tells(change) {
                self.line(format_args!("{}", Told(change)));
            }
        }
    }

    pub fn calls(&mut self, calls: &[Action]) {
        for action in calls {
            self.line(format_args!("calls {}", Asked(action)));
        }
    }

    /// The calls that are not only looks.
    pub fn made_or_deleted(&mut self, calls: &[Action]) {
        let reads = |action: &Action| {
            matches!(
                action.call,
                Call::ListPage { .. } | Call::Poll { .. } | Call::DescribeSources { .. } | Call::SearchSources { .. }
            )
        };
        for action in calls.iter().filter(|action| !reads(action)) {
            self.line(format_args!("calls {}", Asked(action)));
        }
    }

    pub fn answer(&mut self, answer: &Answer<'_>) {
        self.line(format_args!("{answer}"));
    }

    pub fn waiting(&mut self, plan: &Plan) {
        for wait in &plan.waiting {
            let target = wait.destination.as_ref().map_or("backup", |region| region.as_str());
            let until = wait.until.map(|until| format!(" until {until}")).unwrap_or_default();
            self.line(format_args!("waits {} {target}: {}{until}: {}", wait.source, wait.reason, wait.detail));
        }
        for warning in &plan.warnings {
            self.line(format_args!("warns {warning}"));
        }
        if plan.wake.at == Time::NEVER {
            self.line(format_args!("wakes never"));
        } else {
            self.line(format_args!("wakes {}: {}", plan.wake.at, plan.wake.why));
        }
    }
}

/// Whether a reader of a script wants to see it; the others are printed with `[all]`.
fn tells(change: &Change) -> bool {
    !matches!(
        change,
        Change::Sent { .. }
            | Change::Returned { fault: None, .. }
            | Change::InventoryRead { .. }
            | Change::ListingBegan { .. }
            | Change::PollScheduled { .. }
            | Change::SourceLookupSent { .. }
            | Change::Checked { .. }
            | Change::Swept(_)
            | Change::Synced(_)
            | Change::Counted(_)
            | Change::Noted(_)
            | Change::Timed { .. }
            | Change::ReadAnswered { fault: None, .. }
            | Change::Search(SearchEvidence::Began { .. } | SearchEvidence::Page { .. })
            | Change::Account(AccountEvidence::Proven { .. })
    )
}

struct Of<'a>(&'a Occurrence);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.at, if self.0.trigger == Trigger::Manual { "/manual" } else { "" })
    }
}

struct Work<'a>(&'a WorkKey);

impl fmt::Display for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.0.target.region().map_or("backup", |region| region.as_str());
        write!(f, "{} {} {target}", self.0.source, Of(&self.0.occurrence))
    }
}

struct Told<'a>(&'a Change);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |ids: &[BackupId]| ids.iter().map(BackupId::as_str).collect::<Vec<_>>().join(" ");
        match self.0 {
            Change::MembershipUpdated { source, policy, destinations, since, .. } => {
                let routes: Vec<&str> = destinations.iter().map(|region| region.as_str()).collect();
                write!(f, "watches {source} by {policy}, copied to {routes:?}, since {since}")
            }
            Change::Rescheduled { source, lines } => {
                let of: Vec<String> = lines
                    .iter()
                    .map(|line| {
                        format!(
                            "{} {} since {}",
                            line.text,
                            line.zone,
                            line.since.map_or("ever".to_owned(), |at| at.to_string())
                        )
                    })
                    .collect();
                write!(f, "schedules {source}: {}", of.join("; "))
            }
            Change::SourceDeparted { source } => write!(f, "lets {source} go"),
            Change::Opened { source, occurrence, record } => {
                let caught_up = if record.caught_up { ", caught up" } else { "" };
                let adopted = if record.adopted { ", adopted" } else { "" };
                write!(f, "opens {source} {}{caught_up}{adopted}", Of(occurrence))
            }
            Change::Closed { source, occurrence, end, reason, record, earlier, .. } => {
                let caught_up = if record.caught_up { " (caught up)" } else { "" };
                let earlier = if *earlier > 0 { format!(" (and {earlier} before it)") } else { String::new() };
                write!(f, "ends {source} {} {}{caught_up}{earlier}: {reason}", Of(occurrence), end.as_str())
            }
            Change::Cancelled { source, occurrence, .. } => write!(f, "cancels {source} {}", Of(occurrence)),
            Change::RequestRecorded { key, attempt, .. } => {
                write!(f, "records request {} attempt {attempt}", Work(key))
            }
            Change::RequestFailed { key, fault, definite, not_before } => {
                let made = if *definite { "certainly not made" } else { "perhaps made" };
                write!(f, "request failed {}: {:?} {fault}: {made}, not before {not_before}", Work(key), fault.class)
            }
            Change::RequestNeverApplied { key } => write!(f, "was never made: {}", Work(key)),
            Change::RequestRetryAllowed(key) => write!(f, "may be tried again: {}", Work(key)),
            Change::BackupObserved { point } => {
                let place = &point.place;
                write!(
                    f,
                    "sees {} {} in {place} attempt {}: {}",
                    point.id,
                    point.lifecycle.as_str(),
                    point.attempt,
                    Work(&point.work_key())
                )
            }
            Change::BackupRemoved { place, id, .. } => write!(f, "knows {id} gone from {place}"),
            Change::Disputed { place, id, dispute: None } => write!(f, "disputes {id} in {place} no more"),
            Change::Disputed { place, id, dispute: Some(dispute) } => {
                write!(f, "disputes {id} in {place}: {}", dispute.objection.what())
            }
            Change::MissingFromListing { place, id, missing_since: Some(since) } => {
                write!(f, "misses {id} in {place} since {since}")
            }
            Change::MissingFromListing { place, id, missing_since: None } => {
                write!(f, "misses {id} in {place} no more")
            }
            Change::Paused { policy, pause } => write!(f, "{policy} is {}", pause.sentence()),
            Change::PauseOver { policy, since } => write!(f, "the pause of {policy} since {since} is over"),
            Change::Listed { place, pages, .. } => write!(f, "has listed {place}, {pages} pages"),
            Change::ListingPage { place, page, .. } => {
                write!(f, "has read a page of {place} with {} of ours", page.ours.len())
            }
            Change::ListingStalled { place, not_before, restart } => {
                let how = if *restart { "begins the listing of" } else { "goes on listing" };
                write!(f, "{how} {place} not before {not_before}")
            }
            Change::ListingWanted { place, at } => write!(f, "wants {place} listed from {at} on"),
            Change::PeerSeen(_) => write!(f, "notices another daemon"),
            Change::OwnAccountNamed(id, _) => write!(f, "learns that its account is {id}"),
            Change::AccountRecorded { id, .. } => write!(f, "knows its account: {id}"),
            Change::DeletionPlanned { place, id, reason, .. } => write!(f, "plans to delete {id} in {place}: {reason}"),
            Change::DeletionCancelled { place, id, reason } => write!(f, "spares {id} in {place}: {reason}"),
            Change::DeletionRequested { place, id, .. } => write!(f, "records deletion of {id} in {place}"),
            Change::DeletionFailed { place, id, fault, not_before } => {
                write!(f, "deletion failed of {id} in {place}: {:?} {fault}: not before {not_before}", fault.class)
            }
            Change::HoldRequested { place, id, hold, .. } => {
                write!(f, "wants the hold of {id} in {place} to be {hold:?}")
            }
            Change::HoldTried { place, id, fault, not_before } => match fault {
                None => write!(f, "has set the hold of {id} in {place}, not again before {not_before}"),
                Some(fault) => write!(f, "could not set the hold of {id} in {place}: {fault}: not before {not_before}"),
            },
            Change::HoldConfirmed { place, id } => write!(f, "sees the hold of {id} in {place} as wanted"),
            Change::Inspected { place, id, .. } => write!(f, "has looked at {id} in {place}"),
            Change::Reviewed { source, next, braked } => {
                let next =
                    if *next == Time::NEVER { "when something changes".to_owned() } else { format!("at {next}") };
                let waits: Vec<String> = braked
                    .iter()
                    .map(|(target, brake)| {
                        let target = target.region().map_or("backups", |region| region.as_str());
                        format!("; the brake holds {} of {} {target}", brake.points.len(), brake.held)
                    })
                    .collect();
                write!(f, "reviewed {source}, next {next}{}", waits.concat())
            }
            Change::Returned { place, fault: Some(fault), .. } => {
                write!(f, "{place} is in trouble: {:?} {fault}", fault.class)
            }
            Change::ReadAnswered { place, fault: Some(fault), .. } => {
                write!(f, "{place} refuses to be read: {:?} {fault}", fault.class)
            }
            Change::Lane(LaneEvidence::Refused { lane, until, .. }) => {
                write!(f, "closes the lane {lane} until {until}")
            }
            Change::Lane(LaneEvidence::Granted { lane, full }) => write!(f, "opens the lane {lane}, full: {full}"),
            Change::Lane(LaneEvidence::OtherEnded { place, id }) => write!(f, "another's copy {id} in {place} ended"),
            Change::SourceLookedUp { facts, .. } => {
                write!(f, "has looked up {}: {:?} {}", facts.source, facts.kind, facts.lifecycle)
            }
            Change::SourceLookupFailed { source, fault, not_before, .. } => {
                write!(f, "could not look up {source}: {:?} {fault}: not before {not_before}", fault.class)
            }
            Change::PollScheduled { place, ids: of, at, .. } => write!(f, "polls {} in {place} at {at}", ids(of)),
            Change::Search(SearchEvidence::Complete { place, missed, .. }) => {
                let missed: Vec<&str> = missed.iter().map(SourceId::as_str).collect();
                write!(f, "has searched {place}")?;
                if missed.is_empty() { Ok(()) } else { write!(f, ", without {}", missed.join(" ")) }
            }
            Change::Search(SearchEvidence::Stalled { place, fault, not_before, .. }) => {
                write!(f, "could not search {place}: {:?} {fault}: not before {not_before}", fault.class)
            }
            Change::ClockWentBack(to) => write!(f, "takes the clock back to {to}"),
            other => write!(f, "{other:?}"),
        }
    }
}

struct Asked<'a>(&'a Action);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Action { place, call } = self.0;
        write!(f, "{} in {place}", call.operation())?;
        match call {
            Call::Make { key, request } => {
                write!(f, ": {}", Work(key))?;
                match &**request {
                    Request::CreateBackup { .. } => Ok(()),
                    Request::CopyBackup { backup, .. } => write!(f, ", of {backup}"),
                }
            }
            Call::ListPage { next_token: None } => Ok(()),
            Call::ListPage { next_token: Some(token) } => write!(f, " from page {token}"),
            Call::Poll { ids } => write!(f, ": {}", ids.iter().map(BackupId::as_str).collect::<Vec<_>>().join(" ")),
            Call::DescribeSources { ids } => {
                write!(f, ": {}", ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(" "))
            }
            Call::SearchSources { next: NextPage { token: None, .. } } => f.write_str(", all"),
            Call::SearchSources { next: NextPage { token: Some(token), .. } } => write!(f, ", all, from page {token}"),
            Call::Delete { id, .. } => write!(f, ": {id}"),
            Call::Hold { id, hold, .. } => write!(f, ": {id} {hold:?}"),
        }
    }
}

/// What AWS answered to a call.
pub struct Answer<'a>(pub &'a Action, pub &'a Outcome);

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Action { place, call } = self.0;
        write!(f, "AWS {place} {}: ", call.operation())?;
        match self.1 {
            Outcome::Made(made) => write!(f, "{} {}", made.id, made.lifecycle.as_str()),
            Outcome::Page { observed_backups, next_token } => {
                let more = if next_token.is_some() { ", and more" } else { "" };
                write!(f, "{} backups{more}", observed_backups.len())
            }
            Outcome::Polled(shown) => {
                let of: Vec<String> = shown.iter().map(|of| format!("{} {}", of.id, of.lifecycle.as_str())).collect();
                f.write_str(&of.join(", "))
            }
            Outcome::SourcesDescribed(facts) | Outcome::SourcesFound { facts, .. } => {
                let of: Vec<&str> = facts.iter().map(|of| of.source.as_str()).collect();
                f.write_str(&of.join(" "))
            }
            Outcome::Deleted => f.write_str("deleted"),
            Outcome::HoldSet => f.write_str("set"),
            Outcome::Failed(fault) => write!(f, "{:?} {fault}", fault.class),
        }
    }
}

/// What is at AWS, by Region, with the tags that are ours.
pub fn at_aws(talk: &Talk) -> String {
    let mut lines = Lines::new(true);
    for ((region, id), observed) in &talk.at_aws {
        let tags: Vec<String> = observed.tags.iter().map(|(tag, value)| format!("{tag}={value}")).collect();
        lines.line(format_args!(
            "{region} {id} {} {}: {}",
            observed.lifecycle.as_str(),
            observed.created_at,
            tags.join(" ")
        ));
    }
    lines.text
}

/// What the audit found.
pub fn findings(findings: &[Finding]) -> String {
    let mut lines = Lines::new(true);
    for finding in findings {
        lines.line(format_args!("{} {}: {}", finding.severity.as_str(), finding.source, finding.what));
    }
    lines.text
}

fn counted_for(counter: &Counter) -> &str {
    match counter {
        Counter::Occurrences(policy, _)
        | Counter::Backups(policy, _)
        | Counter::Copies(policy, ..)
        | Counter::Deletions(policy, ..) => policy.as_str(),
    }
}

/// What is on record; with `all`, of whom.
pub fn state(talk: &Talk, all: bool) -> String {
    let mut lines = Lines::new(true);
    let state = &talk.state;
    if all {
        let remembered = |words: Vec<&str>| if words.is_empty() { "nothing".to_owned() } else { words.join(" ") };
        let sources = state.sources.keys().map(|key| key.source.as_str()).collect();
        let regions = state.places.keys().map(|place| place.region.as_str()).collect();
        let policies: BTreeSet<&str> = state.counters.keys().map(counted_for).collect();
        lines.line(format_args!("sources: {}", remembered(sources)));
        lines.line(format_args!("Regions: {}", remembered(regions)));
        lines.line(format_args!("policies: {}", remembered(policies.into_iter().collect())));
    }
    for (key, source) in &state.sources {
        for point in source.points.iter() {
            let (id, stands, place) = (&point.id, point.lifecycle.as_str(), &point.place);
            lines.line(format_args!("{id} {stands} in {place} attempt {}: {}", point.attempt, Work(&point.work_key())));
        }
        for occurrence in source.open.keys() {
            lines.line(format_args!("{key} {} is open", Of(occurrence)));
        }
        for ((occurrence, target), pending) in &source.pending_requests {
            let work = WorkKey { source: key.clone(), occurrence: *occurrence, target: target.clone() };
            let stands = if pending.open { "perhaps made" } else { "not made" };
            lines.line(format_args!("{} is asked for, attempt {}, {stands}", Work(&work), pending.attempt));
        }
    }
    for (place, id) in state.deletions.keys() {
        lines.line(format_args!("{id} in {place} is to be deleted"));
    }
    for (lane, held) in state.lanes_held() {
        lines.line(format_args!("{held} slots held in {lane}"));
    }
    for (place, id, dispute) in state.disputes() {
        lines.line(format_args!("{id} in {place} is disputed: {}", dispute.objection.what()));
    }
    lines.text
}

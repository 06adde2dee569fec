//! Conversations with the planner as text: `tests/scripts/*.txt` says what happens, and what the planner makes of it
//! stands below, as it was last reviewed.
//!
//! A block of commands ends with `---`; all that they print follows, up to an empty line. `(command)` prints nothing,
//! `!command` is refused, `# …` is a comment. [`Command`] lists the commands. `UPDATE_GOLDENFILES=1 cargo test --test model
//! conversations::` writes what is printed into the files, and the difference is what a reviewer reads.
//!
//! Times are of 2026-11-21 where no day is written, `22T06:00` is of another day of that month, and `+2m` is from now; what has a
//! colon stands between quotes.
//! `fs-00` is the first source, `backup-000` the first that AWS makes.

use crate::fixture;
use crate::talk::*;
use crate::world::disk::reloaded;
use at_aws::AtAws;
use goldenscript::Context;
use lifeboat::domain::id::BackupId;
use lifeboat::planner::audit::credentials_problem;
use lifeboat::planner::selection::resolve;
use policy_file::PolicyFile;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use words::{Answer, Lines};

mod at_aws;
mod by_hand;
mod orders;
mod policy_file;
mod words;

type Printed = Result<String, Box<dyn Error>>;

/// What a script can say.
#[derive(goldenscript::Command)]
enum Command {
    /// A new database: `new "05:00"`, or at 05:59:50. Nothing is at AWS; the policy file is that of [`PolicyFile::default`].
    New { at: Option<String> },
    /// The same, with what a process knows that has begun to work: the sources are watched since 05:00, both Regions were
    /// listed at 05:05, and the schedule never fires, so that each occurrence is there because the script opened it.
    Ready { sources: Option<usize> },

    /// Sets keys of the policy and has the file loaded: `policy schedule="@hourly" retain="{ last = 3 }" sources=2`. A key
    /// without a value goes.
    Policy(#[arg(optional)] Vec<(String, String)>),
    /// The same of a destination, which is added if there is none: `destination eu-west-1 rpo=2h`.
    Destination(String, #[arg(optional)] Vec<(String, String)>),
    /// A destination leaves the policy.
    RemoveDestination(String),
    /// A file system or volume exists with these tags, which a policy may select: `exists fs-00 dr=gold`. With
    /// `type=ONTAP` it is of that type.
    Exists(String, #[arg(optional)] Vec<(String, String)>),
    /// It does not exist any more.
    Vanishes(String),
    /// The policy leaves the file.
    RemovePolicy,
    /// The same of `[daemon]`.
    Daemon(Vec<(String, String)>),
    /// The same of `[limits]`.
    Limits(Vec<(String, String)>),

    /// Plans, records and plans again until nothing is to be recorded; prints all of it. The calls are under way then.
    Round,
    /// It is that time, and a round follows: `at "06:00"`.
    At(String),
    /// Time passes, and a round follows: `wait 30s`.
    Wait(String),
    /// It is that time, and nobody plans.
    Clock(String),
    /// What a round would record and call, without doing it.
    Plan,
    /// Answers every call as AWS would, until nothing more is asked.
    Serve,
    /// The same for so long, planning whenever the planner wants to be woken: `live 6h`.
    Live(String),
    /// The same, until a call of this operation is under way: `until CopyBackup`.
    Until(String),
    /// Answers calls of this operation that are under way as AWS would, all or the first few: `answer CreateBackup 2`.
    Answer { operation: String, count: Option<usize> },
    /// Refuses them: `refuse CopyBackup no_slot code=ServiceLimitExceeded`.
    Refuse {
        operation: String,
        class: String,
        count: Option<usize>,
        #[arg(key)]
        code: Option<String>,
        #[arg(key)]
        message: Option<String>,
        #[arg(key)]
        region: Option<String>,
    },

    /// AWS does what calls of this operation ask for, and the answers are lost.
    Lose(String),

    /// What is in flight at AWS, or this one, becomes AVAILABLE or FAILED: `becomes FAILED backup-000 failure="no space"`.
    Becomes {
        lifecycle: String,
        id: Option<String>,
        #[arg(key)]
        failure: Option<String>,
    },
    /// A person deletes backups at AWS, or AWS does not show them.
    Vanish(Vec<String>),
    /// AWS shows them again.
    Shows(Vec<String>),
    /// A person sets tags at AWS, or removes one: `tag backup-000 "lifeboat:taken"=x "lifeboat:hold"=`.
    Tag(String, Vec<(String, String)>),
    /// AWS's own fields of a backup or copy: `field backup-003 file_system=fs-0 copied_from= made_as=AUTOMATIC`. A field
    /// without a value is left out. Others: `copied_from_region`, `created`, `volume`, `kms_key`, `lifecycle`, `arn`.
    Field(String, Vec<(String, String)>),
    /// Somebody makes a backup or copy with the fields and tags of another, now: `forge backup-theirs backup-002 to=eu-west-1`.
    Forge {
        id: String,
        like: String,
        #[arg(key)]
        to: Option<String>,
    },
    /// What is at AWS.
    Aws,
    /// The credentials lead to another account from now on, or to ours again: `account 444455556666`. Every answer names it
    /// then; of ours nothing is there, and of its own one backup, or nothing with `empty=true`.
    Account {
        id: String,
        #[arg(key, optional)]
        empty: bool,
    },
    /// A Region answers every call like this from now on: `silent us-west-2 unanswered code=Timeout`.
    Silent {
        region: String,
        class: String,
        #[arg(key)]
        code: Option<String>,
    },
    /// It answers again.
    Heard(String),
    /// Pages of a listing show at most this number of backups from now on.
    PageSize(usize),
    /// The clock runs ahead of AWS's from now on: `ahead 960h`; `ahead 0s` sets it right.
    Ahead(String),
    /// How AWS's `Date` agrees with the clock: `timekeeping off offset=25h`, `unproven`, `doubted`, `confirmed offset="-61s"`.
    Timekeeping {
        trust: String,
        #[arg(key)]
        offset: Option<String>,
    },
    /// How many calls were answered since the last time, by operation and Region.
    Calls,

    /// An occurrence is open: `open "06:00"`, `open "06:30/manual" adopted=true`.
    Open {
        occurrence: String,
        #[arg(key, optional)]
        adopted: bool,
        #[arg(key, optional)]
        caught_up: bool,
    },
    /// A backup is on record: `see backup-6 "06:00" AVAILABLE attempt=2 created="05:00" failure="no space"`.
    See(String, String, String, #[arg(optional)] Vec<(String, String)>),
    /// A copy is on record, of a backup that is: `copy copy-6 backup-6 COPYING to=eu-west-1`.
    Copy(String, String, String, #[arg(optional)] Vec<(String, String)>),
    /// A backup or copy is known to be gone: `removed us-east-1 backup-6`.
    Removed { region: String, id: String },
    /// A request is on record as sent: `asked "06:00" us-west-2 attempt=1`.
    Asked {
        occurrence: String,
        target: String,
        #[arg(key)]
        attempt: Option<u32>,
        #[arg(key)]
        at: Option<String>,
    },
    /// It was refused for certain, and may be repeated at any time: `refused "06:00" backup denied`.
    Refused {
        occurrence: String,
        target: String,
        class: String,
        #[arg(key)]
        code: Option<String>,
    },
    /// The source could not be looked up.
    LookupFailed { class: String, code: Option<String> },
    /// A Region was listed: `listed us-west-2 at="12:00" pages=8`.
    Listed {
        region: String,
        #[arg(key)]
        at: Option<String>,
        #[arg(key)]
        pages: Option<u32>,
    },
    /// No complete listing of the Region is known.
    Unlisted(String),
    /// A listing is wanted: `listing_wanted us-west-2 at=+1s`.
    ListingWanted {
        region: String,
        #[arg(key)]
        at: Option<String>,
    },
    /// The source left its policy.
    Departed,
    /// The state of the first source contradicts itself.
    Quarantined,

    /// A person's order: `order pause until="13:00" reason=move`.
    Order(String, #[arg(optional)] Vec<(String, String)>),
    /// The process begins anew with what it committed.
    Restart,
    /// The database is lost, and the process begins anew.
    LoseDatabase,
    /// What the audit finds.
    Audit,
    /// Why AWS cannot be called at all.
    Credentials,
    /// What is on record: points, open occurrences, pending requests, deletions, slots held. With `[all]` also which sources,
    /// Regions and policies anything is remembered of.
    State,
}

struct Runner {
    talk: Talk,
    file: PolicyFile,
    /// The file as it was loaded, without what it selects by tag.
    loaded: Settings,
    aws: AtAws,
}

impl goldenscript::Runner for Runner {
    type Command = Command;

    fn run(&mut self, command: &Command, context: &Context) -> Printed {
        let all = context.tags.contains("all");
        let printed = self.obey(command, all)?;
        Ok(words::shortened(&printed))
    }
}

impl Runner {
    fn new() -> Self {
        let file = PolicyFile::default();
        let mut talk = Talk::new(1);
        talk.settings = file.load(1, talk.now).unwrap();
        let loaded = talk.settings.clone();
        Self { talk, file, loaded, aws: AtAws::default() }
    }

    fn obey(&mut self, command: &Command, all: bool) -> Printed {
        let talk = &mut self.talk;
        match command {
            Command::New { at } => {
                let first = Self::new();
                let at = at.as_deref().map_or(Ok(first.talk.now), |at| words::time(at, talk.now))?;
                *self = first;
                self.talk.now = at;
                self.talk.state = new_state(at);
                Ok(String::new())
            }
            Command::Ready { sources } => self.ready(sources.unwrap_or(1)),
            Command::Policy(keys) => self.edit(|file| keys.iter().for_each(|(key, value)| file.set_policy(key, value))),
            Command::Destination(region, keys) => self.edit(|file| file.set_destination(region, keys)),
            Command::RemoveDestination(region) => self.edit(|file| file.remove_destination(region)),
            Command::Exists(id, tags) => {
                let facts = words::facts(id, tags);
                talk.fleet.insert(facts.source.clone(), facts);
                Ok(String::new())
            }
            Command::Vanishes(id) => {
                talk.fleet.remove(words::whole(id).as_str());
                Ok(String::new())
            }
            Command::RemovePolicy => self.edit(PolicyFile::remove_policy),
            Command::Daemon(keys) => self.edit(|file| keys.iter().for_each(|(key, value)| file.set_daemon(key, value))),
            Command::Limits(keys) => self.edit(|file| keys.iter().for_each(|(key, value)| file.set_limit(key, value))),
            Command::Round => Ok(self.round(all)),
            Command::At(time) => {
                talk.now = words::time(time, talk.now)?;
                Ok(self.round(all))
            }
            Command::Wait(time) => {
                talk.now = talk.now.plus(words::duration(time)?);
                Ok(self.round(all))
            }
            Command::Clock(time) => {
                talk.now = words::time(time, talk.now)?;
                Ok(String::new())
            }
            Command::Plan => Ok(self.plan(all)),
            Command::Serve => Ok(self.serve(all)),
            Command::Live(time) => {
                let until = talk.now.plus(words::duration(time)?);
                Ok(self.live(until, all, |_| false))
            }
            Command::Until(operation) => {
                let deadline = talk.now.plus(24 * HOUR);
                let printed = self.live(deadline, all, |talk| {
                    talk.under_way.iter().any(|action| action.call.operation() == operation)
                });
                if self.talk.now >= deadline { Err(format!("{operation} is never called").into()) } else { Ok(printed) }
            }
            Command::Answer { operation, count } => self.answer(operation, *count, None, all, AtAws::outcome),
            Command::Refuse { operation, class, count, code, message, region } => {
                let class = words::class(class)?;
                let (code, message) = (code.as_deref().unwrap_or("Refused"), message.as_deref().unwrap_or(""));
                let fault = Fault::new(class, code, message);
                let refuse = |_: &mut AtAws, _: &mut Talk, _: &Action| Outcome::Failed(fault.clone());
                self.answer(operation, *count, region.as_deref(), all, refuse)
            }
            Command::Lose(operation) => {
                let lost = |aws: &mut AtAws, talk: &mut Talk, action: &Action| {
                    aws.outcome(talk, action);
                    Outcome::Failed(Fault::new(FaultClass::Unanswered, "Timeout", ""))
                };
                self.answer(operation, None, None, all, lost)
            }
            Command::Becomes { lifecycle, id, failure } => self.becomes(lifecycle, id.as_deref(), failure.as_deref()),
            Command::Vanish(ids) => self.aws.hide(talk, ids),
            Command::Shows(ids) => self.aws.show(talk, ids),
            Command::Tag(id, tags) => self.tag(id, tags),
            Command::Field(id, fields) => at_aws::set_fields(talk, id, fields),
            Command::Forge { id, like, to } => at_aws::forge(talk, id, like, to.as_deref()),
            Command::Aws => Ok(words::at_aws(talk)),
            Command::Account { id, empty } => self.aws.switch_to(id, *empty),
            Command::Silent { region, class, code } => {
                let fault = Fault::new(words::class(class)?, code.as_deref().unwrap_or("Refused"), "");
                self.aws.falls_silent(region, fault)
            }
            Command::PageSize(size) => self.aws.shows_at_once(*size),
            Command::Heard(region) => self.aws.answers_again(region),
            Command::Ahead(by) => {
                let by = words::duration(by)?;
                talk.now = talk.now.minus(talk.ahead).plus(by);
                talk.ahead = by;
                Ok(String::new())
            }
            Command::Timekeeping { trust, offset } => at_aws::keep_time(talk, trust, offset.as_deref()),
            Command::Calls => Ok(self.aws.counted()),
            Command::Restart => {
                talk.state = reloaded(&talk.state, talk.now);
                talk.under_way.clear();
                Ok(String::new())
            }
            Command::LoseDatabase => {
                talk.state = new_state(talk.now);
                talk.under_way.clear();
                Ok(String::new())
            }
            Command::Order(word, about) => orders::give(talk, word, about),
            Command::Credentials => {
                let problem = credentials_problem(&talk.settings, &talk.state);
                Ok(problem.unwrap_or_else(|| "nothing is wrong with the credentials".to_owned()) + "\n")
            }
            Command::Audit => Ok(words::findings(&audit(&talk.settings, &talk.state, talk.now))),
            Command::State => Ok(words::state(talk, all)),
            by_hand => by_hand::write(talk, by_hand),
        }
    }

    /// The file as it is now is loaded, as another generation.
    fn edit(&mut self, change: impl FnOnce(&mut PolicyFile)) -> Printed {
        change(&mut self.file);
        self.loaded = self.file.load(self.talk.settings.generation + 1, self.talk.now)?;
        self.talk.state.searches_wanted();
        self.talk.settings = resolve(&self.loaded, &self.talk.state);
        Ok(String::new())
    }

    fn ready(&mut self, sources: usize) -> Printed {
        let began_at = at("2026-11-21T05:00:00Z");
        *self = Self::new();
        self.talk.state = new_state(began_at);
        self.talk.now = at("2026-11-21T12:00:00Z");
        self.file.set_policy("schedule", "0 3 1 1 *");
        // No RPO can be met by a schedule that never fires.
        self.file.set_policy("rpo", "");
        self.file.set_policy("sources", &sources.to_string());
        self.loaded = self.file.load(1, began_at)?;
        self.talk.settings = self.loaded.clone();
        self.talk.take_in(fixture::watched(&self.talk.settings));
        let read_at = began_at.plus(5 * MINUTE);
        self.talk.take_in([HOME, THERE].map(|region| fixture::listed(region, read_at, 1)).into());
        Ok(String::new())
    }

    /// What searches found is in force, as the driver has it.
    fn follow_searches(&mut self) {
        let generation = self.talk.settings.generation;
        let found = resolve(&self.loaded, &self.talk.state);
        if found.policies != self.talk.settings.policies {
            self.talk.settings = Settings { generation: generation + 1, ..found };
        }
    }

    fn round(&mut self, all: bool) -> String {
        self.follow_searches();
        let talk = &mut self.talk;
        let (from, calls_from) = (talk.changes.len(), talk.under_way.len());
        let plan = talk.round();
        let mut lines = Lines::new(all);
        lines.changes(&talk.changes[from..]);
        lines.calls(&talk.under_way[calls_from..]);
        lines.waiting(&plan);
        lines.text
    }

    /// What a round decides, once what has ended is on record.
    fn plan(&self, all: bool) -> String {
        let (settings, now) = (&self.talk.settings, self.talk.now);
        let mut state = self.talk.state.clone();
        let mut lines = Lines::new(all);
        for _ in 0..50 {
            let plan = planner::plan(settings, &state, now);
            lines.changes(&plan.record);
            let ends = |change: &&Change| matches!(change, Change::Closed { .. });
            if !plan.record.iter().any(|change| ends(&change)) {
                lines.calls(&plan.actions);
                lines.waiting(&plan);
                break;
            }
            for change in plan.record.iter().filter(ends) {
                state.apply(change).unwrap_or_else(|error| panic!("{change:?}: {error}"));
            }
        }
        lines.text
    }

    fn serve(&mut self, all: bool) -> String {
        let mut text = String::new();
        for _ in 0..1000 {
            text.push_str(&self.round(all));
            if self.talk.under_way.is_empty() {
                return text;
            }
            text.push_str(&self.answer_all(all));
        }
        panic!("the planner never rests")
    }

    /// Only what is recorded and asked is printed, not what waits at each moment in between.
    fn live(&mut self, until: Time, all: bool, met: impl Fn(&Talk) -> bool) -> String {
        let mut lines = Lines::new(all);
        while self.talk.now < until {
            self.follow_searches();
            let (from, calls_from) = (self.talk.changes.len(), self.talk.under_way.len());
            let plan = self.talk.round();
            let mut news = Lines::new(all);
            news.changes(&self.talk.changes[from..]);
            news.made_or_deleted(&self.talk.under_way[calls_from..]);
            if met(&self.talk) {
                lines.at(self.talk.now, &news.text);
                return lines.text;
            }
            if self.talk.under_way.is_empty() {
                lines.at(self.talk.now, &news.text);
                self.talk.now = plan.wake.at.max(self.talk.now.plus(SECOND)).min(until);
            } else {
                news.text.push_str(&self.answer_all(all));
                lines.at(self.talk.now, &news.text);
            }
        }
        lines.text
    }

    fn answer_all(&mut self, all: bool) -> String {
        let mut text = String::new();
        for action in std::mem::take(&mut self.talk.under_way) {
            let outcome = self.aws.outcome(&mut self.talk, &action);
            let from = self.talk.changes.len();
            self.talk.answer(&action, outcome);
            let mut lines = Lines::new(all);
            lines.changes(&self.talk.changes[from..]);
            text.push_str(&lines.text);
        }
        text
    }

    fn answer(
        &mut self,
        operation: &str,
        count: Option<usize>,
        region: Option<&str>,
        all: bool,
        outcome: impl Fn(&mut AtAws, &mut Talk, &Action) -> Outcome,
    ) -> Printed {
        let count = count.unwrap_or(usize::MAX);
        let mut calls = self.talk.calls(operation);
        if let Some(region) = region {
            let (here, elsewhere) = calls.into_iter().partition(|call| call.place.region.as_str() == region);
            calls = here;
            self.talk.under_way.extend::<Vec<Action>>(elsewhere);
        }
        if calls.is_empty() {
            return Err(format!("no {operation} is under way").into());
        }
        self.talk.under_way.extend(calls.split_off(count.min(calls.len())));
        let mut text = String::new();
        for action in calls {
            let outcome = outcome(&mut self.aws, &mut self.talk, &action);
            let from = self.talk.changes.len();
            self.talk.answer(&action, outcome.clone());
            let mut lines = Lines::new(all);
            lines.answer(&Answer(&action, &outcome));
            lines.changes(&self.talk.changes[from..]);
            text.push_str(&lines.text);
        }
        Ok(text)
    }

    fn becomes(&mut self, lifecycle: &str, id: Option<&str>, failure: Option<&str>) -> Printed {
        let lifecycle = Lifecycle::parse(lifecycle);
        let id = id.map(words::whole);
        let is_meant = |observed: &&mut ObservedBackup| match &id {
            Some(id) => observed.id.as_str() == id,
            None => observed.lifecycle.in_flight(),
        };
        for observed in self.talk.at_aws.values_mut().filter(is_meant) {
            observed.lifecycle = lifecycle;
            observed.failure = failure.map(str::to_owned);
        }
        Ok(String::new())
    }

    fn tag(&mut self, id: &str, tags: &[(String, String)]) -> Printed {
        let id = words::whole(id);
        let is_meant = |observed: &&mut ObservedBackup| observed.id.as_str() == id;
        let found = self.talk.at_aws.values_mut().find(is_meant).ok_or_else(|| format!("{id} is not at AWS"))?;
        for (tag, value) in tags {
            if value.is_empty() {
                Arc::make_mut(&mut found.tags).remove(tag);
            } else {
                Arc::make_mut(&mut found.tags).insert(tag.clone(), words::whole(value));
            }
        }
        Ok(String::new())
    }
}

#[test]
fn every_script_goes_as_it_was_reviewed() {
    let mut scripts: Vec<_> = std::fs::read_dir("tests/scripts").unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.sort();
    let only = std::env::var("LIFEBOAT_SCRIPT").ok();
    scripts.retain(|path| only.as_ref().is_none_or(|only| path.to_string_lossy().contains(only.as_str())));
    assert!(!scripts.is_empty(), "there are no scripts");
    let differs = |path: &std::path::PathBuf| {
        let run = || goldenscript::run(&mut Runner::new(), path);
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{}: {error}", path.display())),
            Err(_) => Some(format!("{}: see above", path.display())),
        }
    };
    let failed: Vec<String> = scripts.iter().filter_map(differs).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

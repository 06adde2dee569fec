//! `lifeboat check --aws`: asks AWS in advance whether each Region responds, whether the sources exist, and whether the
//! host's clock agrees with AWS's. It only reads.

use super::now;
use crate::domain::action::{Action, Call, Outcome};
use crate::domain::duration::duration_text;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{AccountRegion, SourceId};
use crate::domain::limits::IDS_PER_CALL;
use crate::domain::policy::Settings;
use crate::domain::timekeeper::{TOLD_FROM, TOLERATED};
use crate::engine::{Answer, Engine as _, Engines};
use crate::planner::polling::places_of;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often a call is tried that may succeed later.
const TRIES: u32 = 3;

/// The results.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answers {
    /// The host's clock minus AWS's; absent if no response contained the time.
    clock_offset_seconds: Option<f64>,
    regions: Vec<RegionAnswer>,
}

#[derive(Debug, Serialize)]
struct RegionAnswer {
    account: String,
    region: String,
    /// The number of the policy's sources that exist, and the expected number.
    sources_found: usize,
    sources_named: usize,
    problems: Vec<String>,
}

impl Answers {
    /// Whether nothing needs a person.
    pub(super) fn good(&self) -> bool {
        self.regions.iter().all(|region| region.problems.is_empty()) && self.clock_problem().is_none()
    }

    fn clock_problem(&self) -> Option<f64> {
        self.clock_offset_seconds.filter(|offset| offset.abs() > TOLERATED.as_secs_f64())
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.clock_offset_seconds {
            None => writeln!(f, "clock: not known, since no answer said what time it is at AWS")?,
            Some(offset) if offset.abs() < TOLD_FROM.as_secs_f64() => writeln!(f, "clock: as AWS's")?,
            Some(offset) => {
                let which = if offset > 0.0 { "ahead of" } else { "behind" };
                let off = if self.clock_problem().is_some() {
                    ": nothing would be opened, missed, deleted or forgotten; set it"
                } else {
                    ""
                };
                let offset = duration_text(Duration::from_secs_f64(offset.abs()));
                writeln!(f, "clock: the host's is {offset} {which} AWS's{off}")?;
            }
        }
        for RegionAnswer { account, region, sources_found, sources_named, problems } in &self.regions {
            let found = match sources_named {
                0 => String::new(),
                _ => format!(", {sources_found} of {sources_named} sources found"),
            };
            let state = if problems.is_empty() { "answers" } else { "does not do all that is needed" };
            writeln!(f, "{account}/{region}: {state}{found}")?;
            for problem in problems {
                writeln!(f, "  {problem}")?;
            }
        }
        Ok(())
    }
}

/// Asks AWS, all Regions concurrently.
pub(super) async fn ask(settings: &Settings) -> Answers {
    let mut sources: BTreeMap<AccountRegion, BTreeSet<SourceId>> =
        places_of(settings).map(|at| (at, BTreeSet::new())).collect();
    for policy in settings.policies.values() {
        let home = AccountRegion { account: policy.account.clone(), region: policy.region.clone() };
        sources.entry(home).or_default().extend(policy.sources.iter().cloned());
    }
    let engine = Arc::new(Engines::new(&settings.aws, &settings.accounts, None, None).await);
    let asked = sources.into_iter().map(|(place, named)| {
        let inquiry = Inquiry { engine: engine.clone(), place: place.clone(), offset_ms: None };
        let sources_named = named.len();
        (place, sources_named, tokio::spawn(inquiry.ask(named)))
    });
    let mut answers = Answers::default();
    for (AccountRegion { account, region }, sources_named, inquiry) in asked.collect::<Vec<_>>() {
        let (account, region) = (account.to_string(), region.to_string());
        // Even a bug must not drop a Region from the result.
        let (region, offset_ms) = inquiry.await.unwrap_or_else(|error| {
            let problems = vec![format!("it could not be asked: {error}")];
            (RegionAnswer { account, region, sources_found: 0, sources_named, problems }, None)
        });
        answers.regions.push(region);
        if let Some(offset_ms) = offset_ms {
            let offset = offset_ms as f64 / 1000.0;
            let nearer = answers.clock_offset_seconds.is_none_or(|other: f64| offset.abs() < other.abs());
            answers.clock_offset_seconds = if nearer { Some(offset) } else { answers.clock_offset_seconds };
        }
    }
    answers
}

/// What to ask in one account and Region.
struct Inquiry {
    engine: Arc<Engines>,
    place: AccountRegion,
    offset_ms: Option<i64>,
}

impl Inquiry {
    async fn ask(mut self, named: BTreeSet<SourceId>) -> (RegionAnswer, Option<i64>) {
        let mut problems = Vec::new();
        if let Outcome::Failed(fault) = self.call(Call::ListPage { next_token: None }).await {
            problems.push(format!("its backups cannot be read: {fault}"));
        }
        let (volumes, file_systems): (Vec<SourceId>, Vec<SourceId>) =
            named.iter().cloned().partition(SourceId::is_volume);
        let mut found = 0;
        // One missing id fails a whole call, so a failed batch is split in half.
        let chunks = volumes.chunks(IDS_PER_CALL).chain(file_systems.chunks(IDS_PER_CALL));
        let mut left: Vec<Vec<SourceId>> = chunks.map(<[SourceId]>::to_vec).collect();
        while let Some(ids) = left.pop() {
            match self.call(Call::DescribeSources { ids: ids.clone() }).await {
                Outcome::SourcesDescribed(facts) => {
                    found += facts.len();
                    let missing = ids.iter().filter(|id| !facts.iter().any(|fact| fact.source == **id));
                    problems.extend(missing.map(|id| format!("{id} is not there")));
                }
                Outcome::Failed(fault) if fault.class == FaultClass::Missing && ids.len() > 1 => {
                    let (one, other) = ids.split_at(ids.len() / 2);
                    left.extend([one.to_vec(), other.to_vec()]);
                }
                Outcome::Failed(fault) => {
                    let which = match ids.as_slice() {
                        [one] => one.to_string(),
                        several => format!("{} sources", several.len()),
                    };
                    problems.push(format!("{which} cannot be looked up: {fault}"));
                }
                _ => {}
            }
        }
        let region = RegionAnswer {
            account: self.place.account.to_string(),
            region: self.place.region.to_string(),
            sources_found: found,
            sources_named: named.len(),
            problems,
        };
        (region, self.offset_ms)
    }

    async fn call(&mut self, call: Call) -> Outcome {
        let action = Action { place: self.place.clone(), call };
        let mut tries = 0;
        loop {
            tries += 1;
            let Answer { outcome, dated, .. } = self.engine.call(&action).await;
            self.offset_ms = dated.map(|dated| dated.heard().offset_ms(now())).or(self.offset_ms);
            match outcome {
                Outcome::Failed(fault) if tries < TRIES && may_pass(&fault) => {
                    tokio::time::sleep(Duration::from_millis(250 << tries)).await;
                }
                outcome => return outcome,
            }
        }
    }
}

fn may_pass(fault: &Fault) -> bool {
    matches!(fault.class, FaultClass::Unanswered | FaultClass::Throttled)
}

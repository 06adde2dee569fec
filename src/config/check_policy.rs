//! `[[policy]]`: what is backed up, when, and with which RPO.

use super::check_accounts::Accounts;
use super::check_destination;
use super::check_names;
use super::check_retain;
use super::check_schedule::{self, Calendar};
use super::check_select;
use super::policy_context::PolicyContext;
use super::problem::{Findings, Location, Problem};
use super::reader::{Spanned, Table};
use super::wording::{Diagnostic, shown};
use crate::domain::id::{PolicyName, Region, SourceId};
use crate::domain::policy::{CatchUp, Policy};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Maximum number of sources in one file: far beyond AWS's quotas, and a bound on the cost of reading.
const SOURCES_MAX: usize = 20_000;
/// Maximum number of policies in one file.
const POLICIES_MAX: usize = 1_000;

/// Names and sources of the policies read so far: each may be used once.
pub(super) struct Fleet {
    names: BTreeMap<String, Location>,
    claims: BTreeMap<String, Location>,
    calendar: Calendar,
    seen: usize,
}

impl Fleet {
    /// No names or sources yet.
    pub(super) fn new(calendar: Calendar) -> Self {
        Self { names: BTreeMap::new(), claims: BTreeMap::new(), calendar, seen: 0 }
    }

    /// One `[[policy]]`; `None` if anything in it is wrong.
    pub(super) fn read(&mut self, table: &Table<'_>, accounts: &Accounts, findings: &mut Findings) -> Option<Policy> {
        self.seen += 1;
        if self.seen > POLICIES_MAX {
            if self.seen == POLICIES_MAX + 1 {
                let what = format!("there are more than {POLICIES_MAX} policies");
                findings.add(Problem::at(table.location(), what, "let one policy name several sources"));
            }
            return None;
        }
        let name = self.name(table, findings);
        table.require(findings, "region");
        let region = table.text(findings, "region").and_then(|text| text.check(findings, check_names::region));
        if let Some(region) = &region {
            check_names::warn_of_unknown_region(region, findings);
        }
        let account = accounts.of_policy(table, region.as_ref().map(|region| region.value), findings);
        let select = check_select::select(table, findings);
        let exclude = check_select::exclude(table, findings);
        let sources = self.sources(table, findings);
        let timed = self.calendar.schedule(table, findings);
        let start_within = table.duration(findings, "start_within");
        let spread = table.duration(findings, "spread");
        if let (Some(spread), Some(timed)) = (&spread, &timed) {
            check_schedule::spread(spread, timed, start_within.as_ref(), findings);
        }
        if let (Some(limit), Some(timed)) = (&start_within, &timed) {
            check_schedule::start_within(limit, timed, findings);
        }
        let catch_up = table.text(findings, "catch_up").and_then(|text| text.check(findings, catch_up));
        let rpo = table.duration(findings, "rpo");
        if let (Some(rpo), Some(timed)) = (&rpo, &timed) {
            check_schedule::check_rpo(rpo, timed, findings);
        }
        let tags = check_retain::tags(table, None, findings);
        let retain = check_retain::retain(table, timed.as_ref(), findings);
        let context = PolicyContext { region: region.as_ref(), timed: timed.as_ref(), tags: &tags };
        let destinations = check_destination::all(table, &context, findings);
        Some(Policy {
            name: PolicyName::from(name?.value),
            account: account?,
            region: Region::from(region?.value),
            sources: sources?,
            select: select?,
            exclude: exclude?,
            schedule: timed?.value.schedule,
            spread: spread.map(|found| found.value),
            start_within: start_within.map(|found| found.value),
            catch_up: catch_up.map_or(CatchUp::Latest, |found| found.value),
            rpo: rpo.map(|found| found.value),
            tags: tags.into_tags(),
            retain,
            destinations,
        })
    }

    fn name<'t>(&mut self, table: &Table<'t>, findings: &mut Findings) -> Option<Spanned<&'t str>> {
        table.require(findings, "name");
        let name = table.text(findings, "name")?.check(findings, check_names::policy_name)?;
        match self.names.entry(name.value.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(name.location.clone());
            }
            Entry::Occupied(first) => {
                let what = format!("a second policy is called `{}`", name.value);
                let problem = Problem::at(&name.location, what, "give each policy a name of its own");
                findings.add(problem.and(first.get(), "the first one"));
            }
        }
        Some(name)
    }

    /// `file_systems` and `volumes`, in the order written.
    fn sources(&mut self, table: &Table<'_>, findings: &mut Findings) -> Option<Vec<SourceId>> {
        let selects = table.has("select");
        if !selects && table.lacks("file_systems") && table.lacks("volumes") {
            let hint = "add for example `file_systems = [\"fs-0123456789abcdef0\"]`";
            findings.add(Problem::at(table.location(), "[[policy]] needs `file_systems`, `volumes` or `select`", hint));
        }
        type Check = fn(&str) -> Result<&str, Diagnostic>;
        let lists: [(&str, Check); 2] = [("file_systems", check_names::file_system), ("volumes", check_names::volume)];
        let mut sources = Vec::new();
        let mut empty = None;
        for (key, check) in lists {
            let Some(list) = table.texts(findings, key) else { continue };
            if list.value.is_empty() && table.is_empty_list(key) == Some(true) {
                empty.get_or_insert((list.location, key));
                continue;
            }
            for item in list.value {
                let Some(id) = item.check(findings, check) else { continue };
                if self.claim(&id, findings) {
                    sources.push(SourceId::from(id.value));
                }
            }
        }
        if let (Some((location, key)), true) = (empty, sources.is_empty()) {
            let hint = format!("write the ids of sources into `{key}`, or take the policy out");
            findings.add(Problem::at(&location, format!("`{key}` names nothing to protect"), hint));
        }
        (selects || !sources.is_empty()).then_some(sources)
    }

    fn claim(&mut self, id: &Spanned<&str>, findings: &mut Findings) -> bool {
        let count = self.claims.len();
        match self.claims.entry(id.value.to_owned()) {
            Entry::Occupied(first) => {
                let what = format!("`{}` is claimed twice", shown(id.value));
                let hint = "name it in one policy, once; a policy can have several destinations";
                findings.add(Problem::at(&id.location, what, hint).and(first.get(), "claimed here first"));
                false
            }
            Entry::Vacant(free) => {
                free.insert(id.location.clone());
                if count == SOURCES_MAX {
                    let what = format!("there are more than {SOURCES_MAX} sources");
                    findings.add(Problem::at(&id.location, what, "share them between several daemons"));
                }
                count < SOURCES_MAX
            }
        }
    }
}

fn catch_up(word: &str) -> Result<CatchUp, Diagnostic> {
    match word {
        "latest" => Ok(CatchUp::Latest),
        "none" => Ok(CatchUp::None),
        _ => {
            let what = format!("`catch_up` cannot be `{}`", shown(word));
            let hint = "write `\"latest\"` (begin the newest of what came due while the daemon was down) or `\"none\"`";
            Err(Diagnostic::new(what, hint))
        }
    }
}

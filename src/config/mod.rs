//! The policy file: read, checked, and rejected with all problems at once.
//!
//! The author of a policy learns whether it is valid when the daemon reloads it, perhaps from a script, perhaps at
//! night. So nothing doubtful passes, checking does not stop at the first mistake, and each message says where the
//! mistake is and what to write instead. [`load`] reads the files; [`parse`] does the rest and does no IO.
//!
//! Stages: `syntax` parses the text into a tree in spite of syntax errors; `reader` takes typed values from the tree
//! using the lists of keys in `shape`; the `check_*` files know what AWS accepts and what makes no sense; `problem`
//! collects all findings. Only if none of them is an error are there [`Settings`].

mod check_accounts;
mod check_daemon;
mod check_destination;
mod check_names;
mod check_notify;
mod check_policy;
mod check_retain;
mod check_schedule;
mod check_select;
mod check_steps;
mod files;
mod nearest;
mod policy_context;
mod problem;
mod reader;
mod secrets;
mod shape;
mod syntax;
mod web_host;
mod wording;

pub use files::{EXTRA_DIR, FILE_MAX_BYTES, load, salvage};
pub use problem::{Location, Problem, Problems, SHOWN_MAX, Severity};

use crate::domain::id::AccountId;
use crate::domain::policy::Settings;
use crate::domain::time::Time;
use check_accounts::Accounts;
use check_policy::Fleet;
use check_schedule::Calendar;
use problem::Findings;
use reader::Table;
use std::collections::BTreeMap;
use syntax::Document;

/// A valid policy file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its settings.
    pub settings: Settings,
    /// Its warnings.
    pub warnings: Vec<Problem>,
}

/// Checks files that were already read: the main one first, then those of `lifeboat.d/`, each as (name, text).
///
/// Schedules are evaluated from `now` on.
///
/// # Errors
/// All problems, if any is an error.
pub fn parse(files: &[(String, String)], now: Time) -> Result<Loaded, Problems> {
    let mut findings = Findings::default();
    let documents: Vec<Document> = files.iter().map(|(name, text)| syntax::read(name, text, &mut findings)).collect();
    let settings = settings(&documents, now, &mut findings);
    let warnings = findings.finish(files)?;
    // If no finding is an error, every part was read.
    match settings {
        Some(settings) => Ok(Loaded { settings, warnings }),
        None => Err(Problems::one(nothing_to_read())),
    }
}

/// [`salvage`] for files that were already read; `None` if there are none.
fn salvage_texts(files: &[(String, String)], now: Time) -> Option<Settings> {
    let mut findings = Findings::default();
    let documents: Vec<Document> = files.iter().map(|(name, text)| syntax::read(name, text, &mut findings)).collect();
    settings(&documents, now, &mut findings)
}

fn nothing_to_read() -> Problem {
    Problem::of_file("lifeboat.toml", "there is no policy file", "name one with `--config FILE`")
}

/// The settings as far as they could be read; whatever is missing is in `findings`.
fn settings(documents: &[Document], now: Time, findings: &mut Findings) -> Option<Settings> {
    let trees: Vec<_> = documents.iter().map(|file| (file.tree(), &file.source)).collect();
    let roots: Vec<Table<'_>> =
        trees.iter().map(|(tree, source)| Table::root(tree, source, &shape::FILE, findings)).collect();
    let (main, extra) = roots.split_first()?;
    let daemon = check_daemon::daemon(main, findings);
    let aws = check_daemon::aws(main, findings);
    let limits = check_daemon::limits(main, findings);
    let notify = check_notify::notify(main, findings);
    for root in extra {
        refuse_misplaced(root, findings);
    }
    let mut accounts = Accounts::default();
    for root in &roots {
        accounts.read(root, findings);
    }
    let mut fleet = Fleet::new(Calendar::new(now));
    let mut policies = BTreeMap::new();
    for root in &roots {
        for table in root.tables(findings, "policy", &shape::POLICY) {
            match fleet.read(&table, &accounts, findings) {
                Some(policy) => {
                    policies.insert(policy.name.clone(), policy);
                }
                // If a check fails without a message, the policy must not vanish silently.
                None if !findings.has_errors() => {
                    findings.add_syntax(Problem::at(
                        table.location(),
                        "this policy cannot be read",
                        "report this file",
                    ));
                }
                None => {}
            }
        }
    }
    let says_nothing = |root: &Table<'_>| root.lacks("policy") || root.is_empty_list("policy") == Some(true);
    if roots.iter().all(says_nothing) {
        let hint =
            "add a `[[policy]]` with `name`, `region`, `file_systems`, `schedule` and a `[[policy.destination]]`";
        findings.add(Problem::at(main.location(), "there is no policy here: nothing would be protected", hint));
    }
    let (own_account, accounts) = (AccountId::own(), accounts.into_all());
    Some(Settings { generation: 0, daemon, aws, limits, notify, own_account, accounts, policies })
}

/// Tables that are only allowed in the main file.
fn refuse_misplaced(root: &Table<'_>, findings: &mut Findings) {
    for key in ["daemon", "aws", "limits", "notify"] {
        if let Some(location) = root.key_location(key) {
            let what = format!("`[{key}]` cannot stand in `{EXTRA_DIR}`");
            let hint = format!("move it to the main file; files in `{EXTRA_DIR}` hold policies and accounts");
            findings.add(Problem::at(&location, what, hint));
        }
    }
}

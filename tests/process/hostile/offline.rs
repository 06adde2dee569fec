//! The daemon's decisions without a daemon: settings, state, and rounds by hand.

use lifeboat::config;
use lifeboat::domain::action::{Action, Outcome};
use lifeboat::domain::change::Change;
use lifeboat::domain::plan::Plan;
use lifeboat::domain::policy::Settings;
use lifeboat::domain::state::State;
use lifeboat::domain::time::Time;
use lifeboat::planner;
use lifeboat::report::snapshot::{Counts, DaemonStatus, Snapshot};
use lifeboat::report::view::Reload;
use lifeboat::report::{metrics, page};

pub const POLICY: &str = r#"
[[policy]]
name = "finance"
region = "us-east-1"
file_systems = ["fs-0123456789abcdef0"]
volumes = ["fsvol-0123456789abcdef0"]
schedule = "every 6h"
rpo = "13h"
retain = { last = 2 }
[[policy.destination]]
region = "us-west-2"
rpo = "26h"
retain = { last = 2, daily = 3 }
"#;

pub struct Offline {
    pub settings: Settings,
    pub state: State,
}

impl Offline {
    pub fn new(state: State) -> Self {
        let now = Time::parse_rfc3339("2026-11-21T08:00:00Z").unwrap();
        let settings = config::parse(&[("lifeboat.toml".to_owned(), POLICY.to_owned())], now).unwrap().settings;
        Self { settings, state }
    }

    /// One round: what is planned is recorded, as far as the state take it.
    pub fn round(&mut self, now: Time) -> Plan {
        let mut plan = planner::plan(&self.settings, &self.state, now);
        self.take_in(std::mem::take(&mut plan.record));
        plan
    }

    /// What came of an action.
    pub fn process_outcome(&mut self, action: &Action, outcome: Outcome, now: Time) -> Vec<Change> {
        let changes = planner::process_outcome(&self.settings, &self.state, action, outcome, now);
        self.take_in(changes.clone());
        changes
    }

    fn take_in(&mut self, changes: Vec<Change>) {
        for change in changes {
            if let (Err(error), Some(source)) = (self.state.apply(&change), change.source()) {
                self.state.quarantined.insert(source, error.to_string());
            }
        }
    }

    /// Everything that is drawn of the state.
    pub fn draw(&self, plan: &Plan, now: Time) -> String {
        let around = DaemonStatus {
            live: true,
            reload: Reload { successful: true, succeeded_at: now, problem: None },
            store_problem: None,
            credentials_problem: None,
            last_round_at: Some(now),
            counts: Counts::default(),
        };
        let snapshot = Snapshot::take(&self.settings, &self.state, plan, around, now);
        let json = serde_json::to_string(&snapshot).unwrap();
        [json, metrics::render(&snapshot, now), page::render(&snapshot, now)].concat()
    }
}

//! A call with all faults that apply to it, used by the endpoint and by worlds in virtual time.

use serde_json::Value;

use super::super::faults::{Asked, CallDelivery, Decision, InjectedFault};
use super::{ApiError, BackupIx, Call, Cloud};

/// The result of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Served<T = Value> {
    /// The response, or what the caller gets instead. Never `Err(InjectedFault::Refused)`: an error is a response.
    pub reply: Result<Result<T, ApiError>, Lost>,
    /// The delay between the operation and the arrival of the response, ms.
    pub latency_ms: u64,
    /// The error of the header `Date`, s.
    pub date_skew_seconds: i64,
    /// The error of every CreationTime of a backup, s.
    pub creation_time_skew_seconds: i64,
}

/// What the caller gets instead of FSx's response.
#[derive(Clone, Debug, PartialEq)]
pub enum Lost {
    /// A 502 with a page of HTML.
    Html,
    /// A 403 with an empty body.
    Forbidden,
    /// A 200 with an empty body.
    Empty,
    /// A 200 with the first half of this response.
    Truncated(Value),
    /// A closed connection.
    Closed,
    /// Nothing, ever.
    Silence,
}

impl Cloud {
    /// Performs one operation of the FSx API at `now_ms`, if the faults allow it, and returns what the caller sees.
    pub fn serve(&mut self, now_ms: i64, account: &str, region: &str, operation: &str, body: &Value) -> Served {
        let told = |answer: Result<Value, ApiError>| answer.unwrap_or_else(|error| error.body());
        let mut served = self.serve_by(now_ms, (account, region), operation, body, Self::dispatch, told);
        if let Ok(Ok(answer)) = &mut served.reply {
            skew_creation(answer, served.creation_time_skew_seconds);
        }
        served
    }

    /// CreateBackup or CopyBackup without the JSON of the response, which is most of its cost: for worlds in virtual
    /// time. [`Cloud::backup`] returns the backup. A truncated response is reported without its content.
    pub fn serve_backup(
        &mut self,
        now_ms: i64,
        account: &str,
        region: &str,
        operation: &str,
        body: &Value,
    ) -> Served<BackupIx> {
        self.serve_by(now_ms, (account, region), operation, body, Self::backup_made, |_| Value::Null)
    }

    fn serve_by<T>(
        &mut self,
        now_ms: i64,
        (account, region): (&str, &str),
        operation: &str,
        body: &Value,
        deed: fn(&mut Self, &Call<'_>) -> Result<T, ApiError>,
        told: impl Fn(Result<T, ApiError>) -> Value,
    ) -> Served<T> {
        let now_ms = self.advance(now_ms);
        let decision = self.decide(now_ms, account, region, operation);
        let reply = match decision.delivery {
            CallDelivery::Served => Ok(self.admit(now_ms, account, region, operation, body, deed)),
            CallDelivery::Before(injected) => {
                self.count_injected(account, region, operation, &injected);
                lost(injected, Value::Null)
            }
            CallDelivery::After(injected) => {
                let answer = self.admit(now_ms, account, region, operation, body, deed);
                self.count_injected(account, region, operation, &injected);
                lost(injected, told(answer))
            }
        };
        let Decision { latency_ms, date_skew_seconds, creation_time_skew_seconds, .. } = decision;
        Served { reply, latency_ms, date_skew_seconds, creation_time_skew_seconds }
    }

    /// The faults of a call at `now_ms`: for a world that performs the operation itself, for example by
    /// [`Cloud::list_backups`]. Each decision is drawn once, so call this once per call.
    pub fn decide(&mut self, now_ms: i64, account: &str, region: &str, operation: &str) -> Decision {
        let now_ms = self.advance(now_ms);
        let asked = Asked { account, region, operation, age_ms: self.faults_age_ms(now_ms) };
        self.faults.decide(&mut self.fault_rng, &asked)
    }

    fn count_injected(&mut self, account: &str, region: &str, operation: &str, injected: &InjectedFault) {
        let known = super::shapes::OPERATIONS.iter().find(|(name, _)| *name == operation);
        if super::regions::partition(region, &self.settings.further_regions).is_some() {
            let place = self.place(account, region);
            self.count(place, known.map_or("Unknown", |(name, _)| name), injected.name());
        }
    }
}

fn skew_creation(answer: &mut Value, seconds: i64) {
    if seconds == 0 {
        return;
    }
    let shown = match answer.get("Backup") {
        Some(_) => answer.get_mut("Backup").map(std::slice::from_mut),
        None => answer.get_mut("Backups").and_then(Value::as_array_mut).map(Vec::as_mut_slice),
    };
    for backup in shown.into_iter().flatten() {
        if let Some(at) = backup["CreationTime"].as_f64() {
            backup["CreationTime"] = (at + seconds as f64).into();
        }
    }
}

pub(super) fn lost<T>(injected: InjectedFault, answer: Value) -> Result<Result<T, ApiError>, Lost> {
    match injected {
        InjectedFault::Refused(error) => Ok(Err(error)),
        InjectedFault::Html => Err(Lost::Html),
        InjectedFault::Forbidden => Err(Lost::Forbidden),
        InjectedFault::Empty => Err(Lost::Empty),
        InjectedFault::Truncated => Err(Lost::Truncated(answer)),
        InjectedFault::Closed => Err(Lost::Closed),
        InjectedFault::Silence => Err(Lost::Silence),
    }
}

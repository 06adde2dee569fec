//! A call with all faults that can hit it, used by the endpoint and by a world in virtual time.

use serde_json::Value;

use super::super::faults::{Asked, CallDelivery, Decision, InjectedFault};
use super::{ApiError, BackupIx, Call, Cloud};

/// What comes back of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Served<T = Value> {
    /// The answer, or what the caller got instead. `Err(InjectedFault::Refused)` never comes here: an error is an answer.
    pub reply: Result<Result<T, ApiError>, Lost>,
    /// How much later than the deed it arrives, ms.
    pub latency_ms: u64,
    /// By how much the header `Date` is wrong, s.
    pub date_skew_seconds: i64,
    /// By how much every CreationTime of a backup is wrong, s.
    pub creation_time_skew_seconds: i64,
}

/// No answer of FSx's, but this.
#[derive(Clone, Debug, PartialEq)]
pub enum Lost {
    /// A 502 with a page of HTML.
    Html,
    /// A 403 with an empty body.
    Forbidden,
    /// A 200 with an empty body.
    Empty,
    /// A 200 with the first half of this answer.
    Truncated(Value),
    /// A closed connection.
    Closed,
    /// Nothing, ever.
    Silence,
}

impl Cloud {
    /// Does one operation of the FSx API at `now_ms`, if the faults in force let it, and says what the caller gets to see.
    pub fn serve(&mut self, now_ms: i64, account: &str, region: &str, operation: &str, body: &Value) -> Served {
        let told = |answer: Result<Value, ApiError>| answer.unwrap_or_else(|error| error.body());
        let mut served = self.serve_by(now_ms, (account, region), operation, body, Self::dispatch, told);
        if let Ok(Ok(answer)) = &mut served.reply {
            skew_creation(answer, served.creation_time_skew_seconds);
        }
        served
    }

    /// CreateBackup or CopyBackup, without the JSON of the answer, which is most of its cost: for a world in virtual time.
    /// [`Cloud::backup`] tells what was made. An answer that is cut off half-way is shown as nothing.
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

    /// What the faults in force do to a call at `now_ms`: for a world that does the deed itself, by
    /// [`Cloud::list_backups`] for example. Each decision is drawn once, so ask once for each call.
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

fn lost<T>(injected: InjectedFault, answer: Value) -> Result<Result<T, ApiError>, Lost> {
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

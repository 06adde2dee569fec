//! ClientRequestToken: a repeated request creates nothing new (fact 13).

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::{ApiError, BackupIx, Call, Cloud, DeletedToken, Lifecycle, RegionIx, text};

/// The result of a request, so that a repeat can show its present state.
#[derive(Clone, Debug)]
pub(super) enum Made {
    Backup(BackupIx),
    FileSystem(String),
    Volume(String),
    Svm(String),
    /// Deletions: the response itself.
    Answer(Value),
}

type Key = (RegionIx, &'static str, String);

#[derive(Debug)]
struct Memo {
    asked: Value,
    made: Made,
    at_ms: i64,
}

/// The remembered tokens, each for its account, Region and operation.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    known: BTreeMap<Key, Memo>,
    /// Oldest first, so that expired tokens are found without a search.
    ages: VecDeque<(i64, Key)>,
}

impl Cloud {
    /// Creates something, or returns what the same token created before.
    pub(super) fn once(
        &mut self,
        call: &Call<'_>,
        make: fn(&mut Self, &Call<'_>) -> Result<Made, ApiError>,
    ) -> Result<Value, ApiError> {
        let made = self.made_once(call, make)?;
        self.show(call, &made)
    }

    /// The backup that CreateBackup or CopyBackup creates or created before.
    pub(super) fn backup_made(&mut self, call: &Call<'_>) -> Result<BackupIx, ApiError> {
        let made = match call.operation {
            "CreateBackup" => self.made_once(call, Self::create_backup)?,
            "CopyBackup" => self.made_once(call, Self::copy_backup)?,
            _ => return Err(ApiError::client("UnknownOperationException", "")),
        };
        match made {
            Made::Backup(at) => Ok(at),
            _ => Err(ApiError::internal()),
        }
    }

    fn made_once(
        &mut self,
        call: &Call<'_>,
        make: fn(&mut Self, &Call<'_>) -> Result<Made, ApiError>,
    ) -> Result<Made, ApiError> {
        let Some(token) = text(call.body, "ClientRequestToken") else {
            return make(self, call);
        };
        let key = (call.place, call.operation, token.to_owned());
        if let Some(made) = self.recall(call, &key)? {
            return Ok(made);
        }
        let made = make(self, call)?;
        self.tokens.ages.push_back((call.now_ms, key.clone()));
        let memo = Memo { asked: call.body.clone(), made: made.clone(), at_ms: call.now_ms };
        self.tokens.known.insert(key, memo);
        Ok(made)
    }

    fn recall(&mut self, call: &Call<'_>, key: &Key) -> Result<Option<Made>, ApiError> {
        self.forget_old_tokens(call.now_ms);
        let Some(memo) = self.tokens.known.get(key) else {
            return Ok(None);
        };
        let forgets = self.fault_rates(call.place, call.operation, call.now_ms).forget_token_percent;
        if self.outcomes.percent(forgets) {
            self.tokens.known.remove(key);
            return Ok(None);
        }
        let compared = |name: &str| self.settings.token_compares_tags || name != "Tags";
        if let Some(parameter) = difference(&memo.asked, call.body, compared) {
            return Err(ApiError::client(
                "IncompatibleParameterError",
                "The specified client request token was used before with other parameters.",
            )
            .with("Parameter", parameter));
        }
        if let Made::Backup(at) = memo.made {
            let answered = match self.backups[at].lifecycle {
                Lifecycle::Deleted => self.settings.deleted_token,
                Lifecycle::Failed => self.settings.failed_token,
                _ => DeletedToken::Returned,
            };
            match answered {
                DeletedToken::Returned => {}
                DeletedToken::Forgotten => return Ok(None),
                DeletedToken::NotFound => return Err(ApiError::no_backup(&self.backups[at].id)),
            }
        }
        Ok(Some(memo.made.clone()))
    }

    fn forget_old_tokens(&mut self, now_ms: i64) {
        let memory_ms = (self.settings.token_memory_seconds * 1_000.0) as i64;
        while let Some((at_ms, key)) = self.tokens.ages.front() {
            if at_ms.saturating_add(memory_ms) > now_ms {
                break;
            }
            // A token that was used again since then has a newer entry.
            if self.tokens.known.get(key).is_some_and(|memo| memo.at_ms == *at_ms) {
                self.tokens.known.remove(key);
            }
            self.tokens.ages.pop_front();
        }
    }

    fn show(&self, call: &Call<'_>, made: &Made) -> Result<Value, ApiError> {
        match made {
            Made::Backup(at) => Ok(serde_json::json!({ "Backup": self.render_backup(*at, call.now_ms) })),
            Made::FileSystem(id) => self.show_file_system(call.place, id),
            Made::Volume(id) => self.show_volume(call.place, id),
            Made::Svm(id) => self.show_svm(call.place, id),
            Made::Answer(answer) => Ok(answer.clone()),
        }
    }
}

/// The first `compared` member in which two requests differ; absent and null are equal.
fn difference(before: &Value, now: &Value, compared: impl Fn(&str) -> bool) -> Option<String> {
    let (Value::Object(before), Value::Object(now)) = (before, now) else {
        return None;
    };
    before
        .keys()
        .chain(now.keys())
        .filter(|name| compared(name))
        .find(|name| {
            let [before, now] = [before, now].map(|body| body.get(*name).filter(|v| !v.is_null()));
            before != now
        })
        .cloned()
}

//! What answers a script's calls: AWS as it should be, another account, or a Region that is not to be reached.

use super::*;
use lifeboat::domain::timekeeper::{Timekeeping, Trust};

/// The account whose file systems a script is about.
const OURS: &str = "111122223333";

/// Who answers, and what was asked.
#[derive(Default)]
pub struct AtAws {
    /// Every answer names this account; `None`: none does.
    account: Option<String>,
    /// It holds nothing at all.
    empty: bool,
    silent: BTreeMap<String, Fault>,
    asked: BTreeMap<(&'static str, String), usize>,
    hidden: BTreeMap<String, (String, ObservedBackup)>,
    /// How many backups a page of a listing shows; `None`: all of them.
    page_size: Option<usize>,
}

impl AtAws {
    /// The answer to a call.
    pub fn outcome(&mut self, talk: &mut Talk, action: &Action) -> Outcome {
        let region = action.place.region.to_string();
        *self.asked.entry((action.call.operation(), region.clone())).or_default() += 1;
        if let Some(fault) = self.silent.get(&region) {
            return Outcome::Failed(fault.clone());
        }
        let ours = |talk: &mut Talk| match (&action.call, self.page_size) {
            (Call::ListPage { next_token }, Some(size)) => page(talk.outcome(action), next_token.as_deref(), size),
            _ => talk.outcome(action),
        };
        match self.account.as_deref() {
            None => ours(talk),
            Some(OURS) => named(ours(talk), OURS),
            Some(theirs) => elsewhere(action, theirs, self.empty),
        }
    }

    pub fn switch_to(&mut self, account: &str, empty: bool) -> Printed {
        (self.account, self.empty) = (Some(account.to_owned()), empty);
        Ok(String::new())
    }

    pub fn falls_silent(&mut self, region: &str, fault: Fault) -> Printed {
        self.silent.insert(region.to_owned(), fault);
        Ok(String::new())
    }

    pub fn shows_at_once(&mut self, page_size: usize) -> Printed {
        self.page_size = Some(page_size);
        Ok(String::new())
    }

    pub fn answers_again(&mut self, region: &str) -> Printed {
        let fault = self.silent.remove(region);
        fault.map(|_| String::new()).ok_or_else(|| format!("{region} answers").into())
    }

    pub fn hide(&mut self, talk: &mut Talk, ids: &[String]) -> Printed {
        let ids: Vec<String> = ids.iter().map(|id| words::whole(id)).collect();
        let gone: Vec<_> = talk.at_aws.extract_if(.., |(_, id), _| ids.contains(id)).collect();
        self.hidden.extend(gone.into_iter().map(|((region, id), observed)| (id, (region, observed))));
        Ok(String::new())
    }

    pub fn show(&mut self, talk: &mut Talk, ids: &[String]) -> Printed {
        for id in ids.iter().map(|id| words::whole(id)) {
            let (region, observed) = self.hidden.remove(&id).ok_or_else(|| format!("{id} was never hidden"))?;
            talk.at_aws.insert((region, id), observed);
        }
        Ok(String::new())
    }

    /// The calls since the last time.
    pub fn counted(&mut self) -> String {
        let asked = std::mem::take(&mut self.asked);
        asked.iter().map(|((operation, region), count)| format!("{count} {operation} in {region}\n")).collect()
    }
}

/// The answer with the account in every ARN.
fn named(mut outcome: Outcome, account: &str) -> Outcome {
    let arn = |observed: &mut ObservedBackup| {
        observed.arn = Some(format!("arn:aws:fsx:us-east-1:{account}:backup/{}", observed.id).into());
    };
    match &mut outcome {
        Outcome::Made(observed) => arn(observed),
        Outcome::Page { observed_backups, .. } | Outcome::Polled(observed_backups) => {
            observed_backups.iter_mut().for_each(arn);
        }
        Outcome::SourcesDescribed(facts) | Outcome::SourcesFound { facts, .. } => {
            facts.iter_mut().for_each(|facts| facts.account = Some(account.into()));
        }
        Outcome::Deleted | Outcome::HoldSet | Outcome::Failed(_) => {}
    }
    outcome
}

/// A page of what a whole listing shows, the last id first; its token is the id that the page before ended with.
fn page(whole: Outcome, after: Option<&str>, size: usize) -> Outcome {
    let Outcome::Page { observed_backups, .. } = whole else { return whole };
    let is_next = |observed: &ObservedBackup| after.is_none_or(|after| observed.id.as_str() < after);
    let mut rest = observed_backups.into_iter().rev().filter(is_next);
    let observed_backups: Vec<ObservedBackup> = rest.by_ref().take(size).collect();
    let last = observed_backups.last().map(|observed| observed.id.to_string());
    Outcome::Page { observed_backups, next_token: last.filter(|_| rest.next().is_some()) }
}

/// Another account answers: nothing of ours is there.
fn elsewhere(action: &Action, account: &str, empty: bool) -> Outcome {
    let theirs = || made("backup-theirs", Lifecycle::Available, at("2026-01-01T00:00:00Z"));
    let outcome = match &action.call {
        Call::ListPage { .. } => {
            let observed_backups = (!empty).then(theirs).into_iter().collect();
            Outcome::Page { observed_backups, next_token: None }
        }
        Call::SearchSources { .. } => Outcome::SourcesFound { facts: Vec::new(), next_token: None },
        _ => Outcome::Failed(Fault::new(FaultClass::Missing, "BackupNotFound", "")),
    };
    named(outcome, account)
}

/// Sets AWS's own fields of a backup or copy.
pub fn set_fields(talk: &mut Talk, id: &str, fields: &[(String, String)]) -> Printed {
    let (id, now) = (words::whole(id), talk.now);
    let is_meant = |observed: &&mut ObservedBackup| observed.id.as_str() == id;
    let found = talk.at_aws.values_mut().find(is_meant).ok_or_else(|| format!("{id} is not at AWS"))?;
    for (field, value) in fields {
        let given = Some(words::whole(value)).filter(|value| !value.is_empty());
        let text = given.as_deref();
        match field.as_str() {
            "file_system" => found.file_system = text.map(Into::into),
            "volume" => found.volume = text.map(Into::into),
            "copied_from" => found.copied_from = text.map(Into::into),
            "copied_from_region" => found.copied_from_region = text.map(Into::into),
            "kms_key" => found.kms_key = text.map(Into::into),
            "arn" => found.arn = text.map(Into::into),
            "created" => found.created_at = words::time(value, now)?,
            "lifecycle" => found.lifecycle = Lifecycle::parse(value),
            "made_as" => {
                found.made_as = match value.as_str() {
                    "AUTOMATIC" => MadeAs::Automatic,
                    "AWS_BACKUP" => MadeAs::AwsBackup,
                    "USER_INITIATED" => MadeAs::UserInitiated,
                    _ => MadeAs::Untold,
                }
            }
            other => return Err(format!("a backup has no field {other}").into()),
        }
    }
    Ok(String::new())
}

/// Puts a backup or copy beside another, or elsewhere, like it and made now.
pub fn forge(talk: &mut Talk, id: &str, like: &str, to: Option<&str>) -> Printed {
    let (id, like) = (words::whole(id), words::whole(like));
    let found = talk.at_aws.iter().find(|((_, of), _)| *of == like);
    let ((region, _), observed) = found.ok_or_else(|| format!("{like} is not at AWS"))?;
    let region = to.unwrap_or(region).to_owned();
    let forged = ObservedBackup { id: id.as_str().into(), created_at: talk.now, ..observed.clone() };
    talk.at_aws.insert((region, id), forged);
    Ok(String::new())
}

/// Whether AWS confirms the clock.
pub fn keep_time(talk: &mut Talk, trust: &str, offset: Option<&str>) -> Printed {
    let since = talk.now;
    let trust = match trust {
        "confirmed" => Trust::Confirmed,
        "off" => Trust::Off,
        "unproven" => Trust::Unproven { since },
        "doubted" => Trust::Doubted { since },
        other => return Err(format!("there is no trust {other}").into()),
    };
    let ms = |text: &str| -> Result<i64, Box<dyn Error>> {
        let parsed: jiff::SignedDuration = text.parse()?;
        Ok(i64::try_from(parsed.as_millis())?)
    };
    let offset_ms = match (offset, trust) {
        (Some(offset), _) => Some(ms(offset)?),
        (None, Trust::Confirmed) => Timekeeping::default().offset_ms,
        (None, _) => None,
    };
    talk.state.timekeeping = Timekeeping { trust, offset_ms };
    Ok(String::new())
}

//! STS, as far as programs need it that work in other accounts: sessions of roles, and who a caller is.
//!
//! Access keys say to which account they belong (see the endpoint), and session tokens who has them and until when, so
//! nothing is kept of a session.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::faults::{CallDelivery, Decision};
use super::serving::{Served, lost};
use super::{ApiError, Cloud};
use crate::domain::id::account_of_arn;

/// How long a session lasts if the caller names no time, s.
const SESSION_SECONDS: i64 = 3_600;
/// The shortest and longest session that a caller may ask for, s.
const ASKED_SECONDS: std::ops::RangeInclusive<i64> = 900..=43_200;
/// How session tokens of this simulator begin. Others are not looked into.
const TOKEN: &str = "simulated";
/// What separates the parts of a session token.
const BAR: char = '|';

/// A role that can be assumed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The accounts that may assume it; none: all.
    #[serde(default)]
    pub trusts: Vec<String>,
    /// What callers must present.
    pub external_id: Option<String>,
    /// How long each session lasts whatever the caller asks for, s; AWS has at least 900.
    pub session_seconds: Option<i64>,
    /// When a session ends in truth, s after its beginning, whatever was said of it.
    pub session_ends_after_seconds: Option<i64>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: String,
    /// The ARN of the user, or of the session of a role.
    pub arn: String,
}

/// A request for a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssumeRole {
    /// The role.
    pub role_arn: String,
    /// The name of the session.
    pub session_name: String,
    /// What the role's trust policy may ask for.
    pub external_id: Option<String>,
    /// How long the session should last, s.
    pub duration_seconds: Option<i64>,
}

/// A session of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who has it.
    pub caller: Caller,
    /// The access key, which names the account.
    pub access_key: String,
    /// The session token.
    pub token: String,
    /// When it ends, epoch ms.
    pub expires_ms: i64,
}

/// The caller with this access key and session token.
///
/// # Errors
/// The session is over.
pub fn caller(account: &str, token: Option<&str>, now_ms: i64) -> Result<Caller, ApiError> {
    let parts: Vec<&str> = token.map(|token| token.split(BAR).collect()).unwrap_or_default();
    if let [TOKEN, role, session, expires_ms] = parts.as_slice() {
        if expires_ms.parse().is_ok_and(|expires_ms: i64| expires_ms <= now_ms) {
            return Err(ApiError::at_the_door("ExpiredTokenException"));
        }
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{session}");
        return Ok(Caller { account: account.to_owned(), arn });
    }
    Ok(Caller { account: account.to_owned(), arn: format!("arn:aws:iam::{account}:user/simulated") })
}

impl Cloud {
    /// Adds a role. While there is none, every role can be assumed by everybody.
    pub fn add_role(&mut self, role: Role) {
        self.roles.insert(role.arn.clone(), role);
    }

    /// A session of a role, unless the faults for its account and `AssumeRole` have it otherwise.
    pub fn assume_role(&mut self, now_ms: i64, caller: &Caller, region: &str, asked: &AssumeRole) -> Served<Session> {
        let account = account_of_arn(&asked.role_arn).unwrap_or(&caller.account).to_owned();
        let now_ms = self.advance(now_ms);
        let answer = session(&self.roles, now_ms, caller, asked);
        self.served_by_sts(now_ms, &account, region, "AssumeRole", answer)
    }

    /// Who calls, unless the faults for the account and `GetCallerIdentity` have it otherwise.
    pub fn caller_identity(&mut self, now_ms: i64, caller: &Caller, region: &str) -> Served<Caller> {
        self.served_by_sts(now_ms, &caller.account, region, "GetCallerIdentity", Ok(caller.clone()))
    }

    fn served_by_sts<T>(
        &mut self,
        now_ms: i64,
        account: &str,
        region: &str,
        operation: &'static str,
        answer: Result<T, ApiError>,
    ) -> Served<T> {
        let decision = self.decide(now_ms, account, region, operation);
        let reply = match decision.delivery {
            CallDelivery::Served => Ok(answer),
            CallDelivery::Before(injected) | CallDelivery::After(injected) => lost(injected, Value::Null),
        };
        let code = match &reply {
            Ok(Ok(_)) => Cow::Borrowed("OK"),
            Ok(Err(error)) => error.code.clone(),
            Err(_) => Cow::Borrowed("Lost"),
        };
        let place = self.place(account, region);
        self.count(place, operation, code);
        let Decision { latency_ms, date_skew_seconds, creation_time_skew_seconds, .. } = decision;
        Served { reply, latency_ms, date_skew_seconds, creation_time_skew_seconds }
    }
}

fn session(
    roles: &BTreeMap<String, Role>,
    now_ms: i64,
    caller: &Caller,
    asked: &AssumeRole,
) -> Result<Session, ApiError> {
    let AssumeRole { role_arn, session_name, external_id, duration_seconds } = asked;
    let invalid = |what: &str| ApiError::client("ValidationError", what.to_owned());
    let account = account_of_arn(role_arn).ok_or_else(|| invalid("RoleArn is not the ARN of a role"))?;
    let path = role_arn.split(':').nth(5).and_then(|resource| resource.strip_prefix("role/"));
    let name = path.and_then(|path| path.rsplit('/').next()).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| invalid("RoleArn is not the ARN of a role"))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&session_name.len()) || !session_name.chars().all(allowed) {
        return Err(invalid("RoleSessionName must have 2 to 64 of the characters [\\w+=,.@-]"));
    }
    let seconds = duration_seconds.unwrap_or(SESSION_SECONDS);
    if !ASKED_SECONDS.contains(&seconds) {
        return Err(invalid("DurationSeconds must be from 900 to 43200"));
    }
    let role = roles.get(role_arn);
    let trusted = |role: &Role| {
        (role.trusts.is_empty() || role.trusts.contains(&caller.account))
            && (role.external_id.is_none() || role.external_id == *external_id)
    };
    if !roles.is_empty() && !role.is_some_and(trusted) {
        let what = format!("User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn}", caller.arn);
        return Err(ApiError::client("AccessDenied", what).with_status(403));
    }
    let seconds = role.and_then(|role| role.session_seconds).unwrap_or(seconds);
    let after = |seconds: i64| now_ms.saturating_add(seconds.saturating_mul(1_000));
    let expires_ms = after(seconds);
    let ends_ms = role.and_then(|role| role.session_ends_after_seconds).map_or(expires_ms, after);
    Ok(Session {
        caller: Caller {
            account: account.to_owned(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{session_name}"),
        },
        // As long as AWS's, and with the account in it, by which the endpoint knows callers.
        access_key: format!("ASIA{account}SIML"),
        token: [TOKEN, name, session_name, &ends_ms.to_string()].join(&BAR.to_string()),
        expires_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:iam::222233334444:role/ops/lifeboat";

    fn asked() -> AssumeRole {
        AssumeRole { role_arn: ARN.to_owned(), session_name: "lifeboat".to_owned(), ..AssumeRole::default() }
    }

    #[test]
    fn a_session_belongs_to_the_account_of_its_role_and_ends() {
        let mut cloud = Cloud::new(1);
        let own = caller("111122223333", None, 0).unwrap();
        assert_eq!(own.arn, "arn:aws:iam::111122223333:user/simulated");
        let session = cloud.assume_role(5_000, &own, "us-east-1", &asked()).reply.unwrap().unwrap();
        assert_eq!(session.expires_ms, 3_605_000);
        assert_eq!(session.access_key.len(), 20);
        let now = caller("222233334444", Some(&session.token), 3_604_999).unwrap();
        assert_eq!(now, session.caller);
        assert_eq!(now.arn, "arn:aws:sts::222233334444:assumed-role/lifeboat/lifeboat");
        let late = caller("222233334444", Some(&session.token), 3_605_000).unwrap_err();
        assert_eq!(late.code, "ExpiredTokenException");
    }

    #[test]
    fn a_role_is_for_whom_it_trusts() {
        let own = caller("111122223333", None, 0).unwrap();
        let role = Role {
            arn: ARN.to_owned(),
            trusts: vec!["111122223333".to_owned()],
            external_id: Some("2c9f".to_owned()),
            session_seconds: Some(5),
            session_ends_after_seconds: None,
        };
        let roles: BTreeMap<_, _> = [(ARN.to_owned(), role)].into();
        let with = |external_id: Option<&str>| AssumeRole { external_id: external_id.map(str::to_owned), ..asked() };
        assert_eq!(session(&roles, 0, &own, &with(Some("2c9f"))).unwrap().expires_ms, 5_000);
        let stranger = caller("999900001111", None, 0).unwrap();
        let unknown = AssumeRole { role_arn: "arn:aws:iam::222233334444:role/other".to_owned(), ..with(Some("2c9f")) };
        for (who, asked) in
            [(&own, with(None)), (&own, with(Some("x"))), (&stranger, with(Some("2c9f"))), (&own, unknown)]
        {
            assert_eq!(session(&roles, 0, who, &asked).unwrap_err().code, "AccessDenied");
        }
        for wrong in [
            AssumeRole { role_arn: "lifeboat".to_owned(), ..asked() },
            AssumeRole { session_name: String::new(), ..asked() },
            AssumeRole { duration_seconds: Some(60), ..asked() },
        ] {
            assert_eq!(session(&roles, 0, &own, &wrong).unwrap_err().code, "ValidationError");
        }
    }
}

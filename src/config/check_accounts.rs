//! `[accounts.NAME]`: other accounts, each reached by a role.

use super::check_names::{partition, plain_name};
use super::nearest::nearest;
use super::problem::{Findings, Location, Problem};
use super::reader::{Spanned, Table};
use super::shape;
use super::wording::{Diagnostic, listed, shown};
use crate::domain::id::{AccountId, is_account_id};
use crate::domain::policy::Account;
use std::collections::BTreeMap;

/// The name of the daemon's own account.
const OWN: &str = "default";
/// Maximum number of accounts in one file.
const ACCOUNTS_MAX: usize = 1_000;
/// STS's limits.
const ROLE_ARN_MAX_CHARS: usize = 2_048;
const EXTERNAL_ID_CHARS: std::ops::RangeInclusive<usize> = 2..=1_224;
const SESSION_NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=64;

/// The accounts read so far, and where each name and role stands.
#[derive(Default)]
pub(super) struct Accounts {
    by_id: BTreeMap<AccountId, (Account, Location)>,
    names: BTreeMap<String, (Location, Option<AccountId>)>,
}

impl Accounts {
    /// The accounts of one file.
    pub(super) fn read(&mut self, root: &Table<'_>, findings: &mut Findings) {
        for (name, table) in root.named_tables(findings, "accounts", &shape::ACCOUNT) {
            if self.names.len() >= ACCOUNTS_MAX {
                let what = format!("there are more than {ACCOUNTS_MAX} accounts");
                findings.add(Problem::at(&name.location, what, "share them between several daemons"));
                return;
            }
            self.account(&name, &table, findings);
        }
    }

    fn account(&mut self, name: &Spanned<&str>, table: &Table<'_>, findings: &mut Findings) {
        if let Some((first, _)) = self.names.get(name.value) {
            let what = format!("a second account is called `{}`", shown(name.value));
            findings.add(
                Problem::at(&name.location, what, "give each account a name of its own").and(first, "the first one"),
            );
            return;
        }
        let named = name.clone().check(findings, account_name);
        table.require(findings, "role_arn");
        let role = table.text(findings, "role_arn").and_then(|text| text.check(findings, role));
        let external_id = table.text(findings, "external_id").map(|text| text.check(findings, external_id));
        let session_name = table.text(findings, "session_name").map(|text| text.check(findings, session_name));
        let id = role.as_ref().map(|role| AccountId::from(role.value.1));
        self.names.insert(name.value.to_owned(), (name.location.clone(), id.clone()));
        let (Some(named), Some(role), Some(id)) = (named, role, id) else { return };
        if let Some((other, first)) = self.by_id.get(&id) {
            let what = format!("`{}` and `{}` are one account, {id}", shown(&other.name), shown(named.value));
            let hint = "give it one name and one role, and use that name in every policy";
            findings.add(Problem::at(&role.location, what, hint).and(first, "the first one"));
            return;
        }
        // One that is wrong was reported.
        let whole = |text: Option<Option<Spanned<&str>>>| text.flatten().map(|text| text.value.to_owned());
        let account = Account {
            name: named.value.to_owned(),
            role_arn: role.value.0.to_owned(),
            external_id: whole(external_id),
            session_name: whole(session_name),
        };
        self.by_id.insert(id, (account, role.location));
    }

    /// The account that a policy names; `None` if it is wrong.
    pub(super) fn of_policy(
        &self,
        table: &Table<'_>,
        region: Option<&str>,
        findings: &mut Findings,
    ) -> Option<AccountId> {
        if !table.has("account") {
            return Some(AccountId::own());
        }
        let name = table.text(findings, "account")?;
        let found = name.check(findings, |name| self.find(name, region));
        found.and_then(|found| found.value)
    }

    /// The account of this name, `Some(None)` if its own table is wrong.
    fn find(&self, name: &str, region: Option<&str>) -> Result<Option<AccountId>, Diagnostic> {
        if name == OWN {
            return Ok(Some(AccountId::own()));
        }
        let Some((_, id)) = self.names.get(name) else { return Err(self.unknown(name)) };
        let account = id.as_ref().and_then(|id| self.by_id.get(id)).map(|(account, _)| account);
        if let (Some(account), Some(region)) = (account, region) {
            let (of_role, of_region) = (partition_of(&account.role_arn), partition(region));
            if of_role != of_region {
                let what = format!(
                    "`{region}` is in partition `{of_region}`, and the role of `{}` in `{of_role}`",
                    shown(name)
                );
                return Err(Diagnostic::new(what, "name an account with a role in the partition of the Region"));
            }
        }
        Ok(id.clone())
    }

    fn unknown(&self, name: &str) -> Diagnostic {
        let what = format!("there is no account `{}`", shown(name));
        if is_account_id(name) {
            let hint = format!(
                "give it a name, in a table `[accounts.NAME]` with `role_arn = \"arn:aws:iam::{name}:role/lifeboat\"`, \
                 and write that name"
            );
            return Diagnostic::new(what, hint);
        }
        let known: Vec<&str> = self.names.keys().map(String::as_str).collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{}`?", shown(meant)),
            None if known.is_empty() => {
                format!(
                    "add a table `[accounts.{}]` with its `role_arn`, or leave `account` out for the daemon's own",
                    shown(name)
                )
            }
            None => format!("the accounts are {}; leave `account` out for the daemon's own", listed(known)),
        };
        Diagnostic::new(what, hint)
    }

    /// All accounts.
    pub(super) fn into_all(self) -> BTreeMap<AccountId, Account> {
        self.by_id.into_iter().map(|(id, (account, _))| (id, account)).collect()
    }
}

fn account_name(name: &str) -> Result<&str, Diagnostic> {
    if name == OWN {
        let what = format!("`{OWN}` is the name of the daemon's own account");
        return Err(Diagnostic::new(what, "choose another name, for example `[accounts.prod]`"));
    }
    plain_name(name, "an account's name", "use letters, digits and `- _ .`, for example `[accounts.prod]`")
}

fn partition_of(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or_default()
}

/// The ARN of a role, and its account.
fn role(arn: &str) -> Result<(&str, &str), Diagnostic> {
    let sample = "write for example `role_arn = \"arn:aws:iam::111122223333:role/lifeboat\"`";
    let wrong = |what: String| Err(Diagnostic::new(what, sample));
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, resource] = parts.as_slice() else {
        return wrong(format!("`{}` is not the ARN of a role", shown(arn)));
    };
    if *service != "iam" || !region.is_empty() || !partition.starts_with("aws") {
        return wrong(format!("`{}` is not the ARN of a role: it begins with `arn:aws:iam::`", shown(arn)));
    }
    if !is_account_id(account) {
        return wrong(format!("`{}` is not an account of 12 digits", shown(account)));
    }
    let Some(name) = resource.strip_prefix("role/") else {
        return wrong(format!("`{}` is not a role: it would begin with `role/`", shown(resource)));
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c);
    if name.is_empty() || name.ends_with('/') || !name.chars().all(allowed) || arn.chars().count() > ROLE_ARN_MAX_CHARS
    {
        return wrong(format!("`{}` is not the name of a role", shown(name)));
    }
    Ok((arn, account))
}

fn external_id(id: &str) -> Result<&str, Diagnostic> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if EXTERNAL_ID_CHARS.contains(&id.chars().count()) && id.chars().all(allowed) {
        return Ok(id);
    }
    let (least, most) = (EXTERNAL_ID_CHARS.start(), EXTERNAL_ID_CHARS.end());
    let what = format!("an external id has {least} to {most} letters, digits and `_ + = , . @ : / -`");
    Err(Diagnostic::new(what, "write it as it stands in the role's trust policy"))
}

fn session_name(name: &str) -> Result<&str, Diagnostic> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if SESSION_NAME_CHARS.contains(&name.chars().count()) && name.chars().all(allowed) {
        return Ok(name);
    }
    let (least, most) = (SESSION_NAME_CHARS.start(), SESSION_NAME_CHARS.end());
    let what = format!("a session's name has {least} to {most} letters, digits and `_ + = , . @ -`");
    Err(Diagnostic::new(
        what,
        "write for example `session_name = \"lifeboat\"`; by default it is `lifeboat-` and the host's name",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_name_their_account() {
        for (arn, account) in [
            ("arn:aws:iam::111122223333:role/lifeboat", "111122223333"),
            ("arn:aws-cn:iam::444455556666:role/ops/backup/lifeboat@x", "444455556666"),
        ] {
            assert_eq!(role(arn), Ok((arn, account)));
        }
        for bad in [
            "",
            "lifeboat",
            "arn:aws:iam::1111:role/x",
            "arn:aws:iam::111122223333:user/x",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/a b",
            "arn:aws:iam:us-east-1:111122223333:role/x",
            "arn:aws:sts::111122223333:assumed-role/x/y",
        ] {
            assert!(role(bad).is_err(), "{bad}");
        }
        assert!(external_id("x").is_err() && external_id("a b").is_err() && external_id("1234-abcd").is_ok());
        assert!(session_name("x").is_err() && session_name("a/b").is_err() && session_name("life.boat@host").is_ok());
    }
}

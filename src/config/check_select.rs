//! `select` and `exclude`: sources by their tags.

use super::check_names;
use super::problem::{Findings, Problem};
use super::reader::{Spanned, Table};
use super::wording::{Diagnostic, shown};
use crate::domain::id::SourceId;
use crate::domain::selection::Select;

/// What stands for any value.
const ANY: &str = "*";

/// `select`; `Some(None)` if it is absent, `None` if it is wrong.
#[allow(clippy::option_option, reason = "absent and wrong are two things")]
pub(super) fn select(table: &Table<'_>, findings: &mut Findings) -> Option<Option<Select>> {
    let Some(location) = table.key_location("select") else { return Some(None) };
    let mut select = Select::default();
    let choices = table.choices(findings, "select")?;
    let mut read = true;
    for (key, values) in &choices {
        let allowed = key.clone().check(findings, tag_key).and_then(|key| {
            let allowed = allowed(&key, values, findings)?;
            Some((key, allowed))
        });
        match allowed {
            Some((key, allowed)) => drop(select.tags.insert(key.value.to_owned(), allowed)),
            None => read = false,
        }
    }
    if choices.is_empty() {
        let hint = "write for example `select = { dr = \"gold\" }`";
        findings.add(Problem::at(&location, "`select` names no tag", hint));
        return None;
    }
    read.then_some(Some(select))
}

/// The values that a tag may have; empty: any.
fn allowed(key: &Spanned<&str>, values: &Spanned<Vec<Spanned<&str>>>, findings: &mut Findings) -> Option<Vec<String>> {
    let mut allowed = Vec::new();
    let mut any = false;
    for value in &values.value {
        if value.value == ANY {
            any = true;
            continue;
        }
        allowed.push(value.clone().check(findings, check_names::tag_value)?.value.to_owned());
    }
    if any && !allowed.is_empty() {
        let what = format!("`*` allows any value of `{}`, so the others have no effect", shown(key.value));
        findings.add(Problem::at(&values.location, what, "write `\"*\"` alone, or leave it out").warning());
    }
    if any {
        return Some(Vec::new());
    }
    if allowed.is_empty() {
        let what = format!("`{}` allows no value, so nothing would be selected", shown(key.value));
        findings.add(Problem::at(&values.location, what, "name a value, or write `\"*\"` for any"));
        return None;
    }
    Some(allowed)
}

/// A key to look for: AWS's own (`aws:…`) too.
fn tag_key(key: &str) -> Result<&str, Diagnostic> {
    match key.strip_prefix("aws:") {
        Some(rest) if !rest.is_empty() && rest.len() <= 124 => Ok(key),
        _ => check_names::tag_key(key),
    }
}

/// `exclude`; `None` if it is wrong.
pub(super) fn exclude(table: &Table<'_>, findings: &mut Findings) -> Option<Vec<SourceId>> {
    let Some(location) = table.key_location("exclude") else { return Some(Vec::new()) };
    if !table.has("select") {
        let what = "`exclude` has no effect without `select`";
        findings.add(Problem::at(&location, what, "add `select`, or take the ids out of `file_systems`"));
        return None;
    }
    let check = |id: &str| -> Result<(), Diagnostic> {
        if id.starts_with("fsvol-") {
            check_names::volume(id).map(drop)
        } else {
            check_names::file_system(id).map(drop)
        }
    };
    let list = table.texts(findings, "exclude")?;
    let read = list.value.into_iter().map(|item| {
        let id = item.value.to_owned();
        item.check(findings, |text| check(text).map(|()| text)).map(|_| SourceId::from(id))
    });
    read.collect::<Vec<_>>().into_iter().collect()
}

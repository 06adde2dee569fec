//! Reads typed values from the tree, and continues after errors.
//!
//! Serde stops at the first error. Here every value is requested by name; a value that is missing, of another type or
//! under an unknown key is reported with its location, and the caller gets `None` and continues with the rest.

use super::nearest::nearest;
use super::problem::{Findings, Location, Problem, Source};
use super::shape::{self, Shape};
use super::wording::{Diagnostic, listed, shown};
use crate::domain::duration::parse_duration;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use toml::de::{DeTable, DeValue};

mod tables;

type TomlSpanned<T> = toml::Spanned<T>;

/// A value and its location.
#[derive(Clone, Debug)]
pub(super) struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its location.
    pub location: Location,
}

impl<T> Spanned<T> {
    /// The value after a check, which reports its findings.
    pub(super) fn check<U>(
        self,
        findings: &mut Findings,
        check: impl FnOnce(T) -> Result<U, Diagnostic>,
    ) -> Option<Spanned<U>> {
        match check(self.value) {
            Ok(value) => Some(Spanned { value, location: self.location }),
            Err(wrong) => {
                findings.add(Problem::at(&self.location, wrong.what, wrong.hint));
                None
            }
        }
    }
}

/// One table of the file, whose keys are known.
pub(super) struct Table<'t> {
    map: &'t DeTable<'t>,
    location: Location,
    source: &'t Arc<Source>,
    shape: &'static Shape,
}

/// A key with the values that it may have.
pub(super) type Choice<'t> = (Spanned<&'t str>, Spanned<Vec<Spanned<&'t str>>>);

impl<'t> Table<'t> {
    /// The whole file. Keys that are not in `shape` are reported.
    pub(super) fn root(
        map: &'t DeTable<'t>,
        source: &'t Arc<Source>,
        shape: &'static Shape,
        findings: &mut Findings,
    ) -> Self {
        let table = Self { map, location: source.location(0..0), source, shape };
        table.refuse_unknown_keys(findings);
        table
    }

    /// The location of its header or first brace.
    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    /// The location of a key.
    pub(super) fn key_location(&self, key: &str) -> Option<Location> {
        self.map.get_key_value(key).map(|(key, _)| self.source.location(key.span()))
    }

    fn refuse_unknown_keys(&self, findings: &mut Findings) {
        for (key, value) in self.map.iter() {
            let written: &str = key.get_ref();
            if self.shape.has(written) || findings.is_full() {
                continue;
            }
            let location = self.source.location(key.span());
            let what = format!("{} has no key `{}`", self.shape.title, shown(written));
            findings.add(Problem::at(&location, what, self.hint_for_unknown(written, value.get_ref())));
        }
    }

    /// The key of this table that an unknown one probably stands for.
    fn meant(&self, written: &str) -> Option<&'static str> {
        let called = shape::also_called(written).filter(|meant| self.shape.has(meant));
        called.or_else(|| nearest(written, self.shape.keys()))
    }

    /// Whether `key` is missing, rather than hidden by a syntax error that is reported separately.
    pub(super) fn lacks(&self, key: &str) -> bool {
        let is_slip = |written: &str| !self.shape.has(written) && self.meant(written) == Some(key);
        !self.map.contains_key(key)
            && !self.source.is_damaged()
            && !self.map.iter().any(|(written, _)| is_slip(written.get_ref()))
    }

    fn hint_for_unknown(&self, written: &str, value: &DeValue<'_>) -> String {
        if let Some(meant) = shape::also_called(written).filter(|meant| self.shape.has(meant)) {
            return format!("write `{meant}`, for example `{}`", self.shape.sample(meant));
        }
        // A key of another table was probably written under the wrong header.
        if let Some(home) = shape::home_of(written, self.shape) {
            return home;
        }
        let known = listed(self.shape.keys());
        match nearest(written, self.shape.keys()) {
            Some(meant) => format!("did you mean `{meant}`? The keys are {known}"),
            None if value.is_table() => format!("take it out; the tables here are {known}"),
            None => format!("take it out; the keys are {known}"),
        }
    }

    fn spanned(&self, key: &str) -> Option<&'t TomlSpanned<DeValue<'t>>> {
        debug_assert!(self.shape.has(key), "{key} is asked for but not in the shape of {}", self.shape.title);
        // If it recovers no value, the parser inserts one with an empty span.
        self.map.get(key).filter(|value| !(value.span() == (0..0) && self.source.is_damaged()))
    }

    fn wrong_type(&self, findings: &mut Findings, key: &str, value: &TomlSpanned<DeValue<'_>>, wanted: &str) {
        let location = self.source.location(value.span());
        let what = format!("`{key}` must be {wanted}, not {}", kind_of(value.get_ref()));
        findings.add(Problem::at(&location, what, format!("write for example `{}`", self.shape.sample(key))));
    }

    /// Reports `key` as required if it is missing.
    pub(super) fn require(&self, findings: &mut Findings, key: &str) {
        if self.lacks(key) {
            let what = format!("{} needs `{key}`", self.shape.title);
            findings.add(Problem::at(&self.location, what, format!("add for example `{}`", self.shape.sample(key))));
        }
    }

    /// Whether `key` is present, valid or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether `key` is an empty list; `None` if the key is absent.
    pub(super) fn is_empty_list(&self, key: &str) -> Option<bool> {
        self.map.get(key).map(|value| value.get_ref().as_array().is_some_and(|items| items.is_empty()))
    }

    /// A string.
    pub(super) fn text(&self, findings: &mut Findings, key: &str) -> Option<Spanned<&'t str>> {
        let value = self.spanned(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(findings, key, value, "text in quotes");
            return None;
        };
        Some(Spanned { value: text, location: self.source.location(value.span()) })
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, findings: &mut Findings, key: &str) -> Option<Spanned<bool>> {
        let value = self.spanned(key)?;
        let Some(flag) = value.get_ref().as_bool() else {
            self.wrong_type(findings, key, value, "`true` or `false`, without quotes");
            return None;
        };
        Some(Spanned { value: flag, location: self.source.location(value.span()) })
    }

    /// An integer within `allowed`.
    pub(super) fn whole(
        &self,
        findings: &mut Findings,
        key: &str,
        allowed: RangeInclusive<u32>,
        why: &str,
    ) -> Option<Spanned<u32>> {
        let value = self.spanned(key)?;
        let DeValue::Integer(written) = value.get_ref() else {
            self.wrong_type(findings, key, value, "a whole number, without quotes");
            return None;
        };
        let location = self.source.location(value.span());
        let number = i64::from_str_radix(written.as_str(), written.radix()).ok();
        let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| allowed.contains(number));
        let Some(number) = number else {
            let what = format!("`{key}` must be from {} to {}{why}", allowed.start(), allowed.end());
            findings.add(Problem::at(&location, what, format!("write for example `{}`", self.shape.sample(key))));
            return None;
        };
        Some(Spanned { value: number, location })
    }

    /// An integer or float within `allowed`.
    pub(super) fn number(
        &self,
        findings: &mut Findings,
        key: &str,
        allowed: RangeInclusive<f64>,
    ) -> Option<Spanned<f64>> {
        let value = self.spanned(key)?;
        let written = match value.get_ref() {
            DeValue::Integer(written) if written.radix() == 10 => written.as_str(),
            DeValue::Float(written) => written.as_str(),
            _ => {
                self.wrong_type(findings, key, value, "a number, without quotes");
                return None;
            }
        };
        let location = self.source.location(value.span());
        // Not-a-number is in no range.
        let number = written.parse::<f64>().ok().filter(|number| allowed.contains(number));
        let Some(number) = number else {
            let what = format!("`{key}` must be from {} to {}", allowed.start(), allowed.end());
            findings.add(Problem::at(&location, what, format!("write for example `{}`", self.shape.sample(key))));
            return None;
        };
        Some(Spanned { value: number, location })
    }

    /// A duration, written as a string.
    pub(super) fn duration(&self, findings: &mut Findings, key: &str) -> Option<Spanned<Duration>> {
        let value = self.spanned(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(findings, key, value, "a duration in quotes");
            return None;
        };
        let location = self.source.location(value.span());
        let sample = self.shape.sample(key);
        Spanned { value: text, location }.check(findings, |text| duration(key, text, sample))
    }

    /// A list of strings. Other items are reported and left out.
    pub(super) fn texts(&self, findings: &mut Findings, key: &str) -> Option<Spanned<Vec<Spanned<&'t str>>>> {
        let value = self.spanned(key)?;
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(findings, key, value, "a list of texts");
            return None;
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(Spanned { value: text, location: self.source.location(item.span()) }),
                None => self.wrong_type(findings, key, item, "a list of texts in quotes"),
            }
        }
        Some(Spanned { value: texts, location: self.source.location(value.span()) })
    }

    /// A table with the keys of `shape`.
    pub(super) fn table(&self, findings: &mut Findings, key: &str, shape: &'static Shape) -> Option<Table<'t>> {
        let value = self.spanned(key)?;
        let DeValue::Table(map) = value.get_ref() else {
            self.wrong_type(findings, key, value, "a table");
            return None;
        };
        let table = Table { map, location: self.source.location(value.span()), source: self.source, shape };
        table.refuse_unknown_keys(findings);
        Some(table)
    }

    /// A table with arbitrary keys, each with a string or a list of strings; `None` if any of it is something else.
    pub(super) fn choices(&self, findings: &mut Findings, key: &str) -> Option<Vec<Choice<'t>>> {
        let value = self.spanned(key)?;
        let DeValue::Table(map) = value.get_ref() else {
            self.wrong_type(findings, key, value, "a table of texts");
            return None;
        };
        let (mut choices, mut all_text) = (Vec::new(), true);
        for (name, value) in map.iter() {
            let written: &'t str = name.get_ref();
            let location = self.source.location(value.span());
            let items: Vec<_> = value.get_ref().as_array().map_or_else(|| vec![value], |items| items.iter().collect());
            let mut texts = Vec::new();
            for item in items {
                let location = self.source.location(item.span());
                match item.get_ref().as_str() {
                    Some(text) => texts.push(Spanned { value: text, location }),
                    None => {
                        all_text = false;
                        let kind = kind_of(item.get_ref());
                        let what = format!("a value of `{}` must be text in quotes, not {kind}", shown(written));
                        findings.add(Problem::at(&location, what, format!("write `\"{}\"`", shown(location.text()))));
                    }
                }
            }
            let name = Spanned { value: written, location: self.source.location(name.span()) };
            choices.push((name, Spanned { value: texts, location }));
        }
        all_text.then_some(choices)
    }

    /// A table with arbitrary keys and string values.
    pub(super) fn pairs(&self, findings: &mut Findings, key: &str) -> Vec<(Spanned<&'t str>, Spanned<&'t str>)> {
        let Some(value) = self.spanned(key) else { return Vec::new() };
        let DeValue::Table(map) = value.get_ref() else {
            self.wrong_type(findings, key, value, "a table of texts");
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (name, value) in map.iter() {
            let written: &'t str = name.get_ref();
            let location = self.source.location(value.span());
            let Some(text) = value.get_ref().as_str() else {
                let what = format!(
                    "the value of `{}` must be text in quotes, not {}",
                    shown(written),
                    kind_of(value.get_ref())
                );
                findings.add(Problem::at(&location, what, format!("write `\"{}\"`", shown(location.text()))));
                continue;
            };
            let name = Spanned { value: written, location: self.source.location(name.span()) };
            pairs.push((name, Spanned { value: text, location }));
        }
        pairs
    }
}

/// A duration greater than zero.
fn duration(key: &str, text: &str, sample: &str) -> Result<Duration, Diagnostic> {
    let example = || format!("write for example `{sample}`; units are w, d, h, m, s and ms, a day has 24 hours");
    if text.len() > 100 {
        return Err(Diagnostic::new(format!("`{key}` is too long for a duration"), example()));
    }
    match parse_duration(text) {
        Some(duration) if duration.is_zero() => {
            Err(Diagnostic::new(format!("`{key}` of zero means nothing"), example()))
        }
        Some(duration) if duration > LONGEST => {
            Err(Diagnostic::new(format!("`{key}` is longer than a hundred years"), example()))
        }
        Some(duration) => Ok(duration),
        None if text.trim().starts_with('-') => Err(Diagnostic::new(format!("`{key}` cannot be negative"), example())),
        None if text.trim().parse::<u64>().is_ok() => {
            let hint = format!("add a unit: `{key} = \"{}h\"`", text.trim());
            Err(Diagnostic::new(format!("`{}` has no unit", shown(text)), hint))
        }
        None => Err(Diagnostic::new(format!("`{}` is not a duration of fixed length", shown(text)), example())),
    }
}

/// The longest duration that makes sense.
const LONGEST: Duration = Duration::from_secs(36_525 * 86_400);

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

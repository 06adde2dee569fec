//! What is wrong in a policy file, and where.
//!
//! A person who gets a policy file wrong usually has several mistakes in it, and often only a simple editor to correct
//! them. So every problem has a location down to the column, the offending text, and what to write instead, and all of
//! them are shown together, as compilers do.

use super::secrets::{HIDDEN, Readable};
use super::wording::shown;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

mod location;
pub(super) use location::{Lines, Source};

/// Maximum number of problems kept: nobody would read more, and memory stays bounded.
const KEPT_MAX: usize = 1_000;
pub use location::{Location, SHOWN_MAX};

/// The severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is rejected.
    Error,
    /// The file is used, but probably does not mean what its author wanted.
    Warning,
}

/// A problem in a policy file.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Its severity.
    pub severity: Severity,
    /// The name under which the file was opened.
    pub file: String,
    /// The location in the file; `None` if the problem is the file itself.
    pub location: Option<Location>,
    /// What is wrong.
    pub what: String,
    /// What to write or do instead.
    pub hint: String,
    /// Related locations, each with a note.
    pub also: Vec<(Location, String)>,
}

impl Problem {
    /// An error at a location.
    pub(super) fn at(location: &Location, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: location.file().to_owned(),
            location: Some(location.clone()),
            what: what.into(),
            hint: hint.into(),
            also: Vec::new(),
        }
    }

    /// An error of a whole file.
    pub(super) fn of_file(file: &str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            location: None,
            what: what.into(),
            hint: hint.into(),
            also: Vec::new(),
        }
    }

    /// The same as a warning.
    pub(super) fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// The same, with one more location.
    pub(super) fn and(mut self, location: &Location, note: impl Into<String>) -> Self {
        self.also.push((location.clone(), note.into()));
        self
    }

    /// The line, counted from 1; `None` if the problem is the file itself.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.location.as_ref().map(Location::line)
    }

    /// The column in characters, counted from 1; `None` if the problem is the file itself.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.location.as_ref().map(Location::column)
    }

    /// Renders it with the offending text underlined, in colour if `colour`.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut elements: Vec<Element<'_>> = match &self.location {
            Some(location) => location.elements(AnnotationKind::Primary, None),
            None => vec![Origin::path(self.file.as_str()).into()],
        };
        for (location, note) in &self.also {
            elements.extend(location.elements(AnnotationKind::Context, Some(note)));
        }
        elements.push(Level::HELP.message(self.hint.as_str()).into());
        let group = level.primary_title(self.what.as_str()).elements(elements);
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let report: [Group<'_>; 1] = [group];
        renderer.render(&report)
    }

    fn sort_key(&self) -> (Severity, usize) {
        (self.severity, self.location.as_ref().map_or(0, |location| location.span.start))
    }
}

/// Plain, without colour.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Place", 5)?;
        out.serialize_field("file", self.file())?;
        out.serialize_field("line", &self.line())?;
        out.serialize_field("column", &self.column())?;
        out.serialize_field("span", &[self.span.start, self.span.end])?;
        out.serialize_field("text", &shown(self.text()))?;
        out.end()
    }
}

/// One flat object: `severity`, `file`, `line`, `column`, `span` (bytes), `what`, `hint`, `also`.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Also<'a> {
            #[serde(flatten)]
            location: &'a Location,
            note: &'a str,
        }
        let also: Vec<_> = self.also.iter().map(|(location, note)| Also { location, note }).collect();
        let mut out = serializer.serialize_struct("Problem", 8)?;
        out.serialize_field("severity", &self.severity)?;
        out.serialize_field("file", &self.file)?;
        out.serialize_field("line", &self.line())?;
        out.serialize_field("column", &self.column())?;
        out.serialize_field("span", &self.location.as_ref().map(|location| [location.span.start, location.span.end]))?;
        out.serialize_field("what", &self.what)?;
        out.serialize_field("hint", &self.hint)?;
        out.serialize_field("also", &also)?;
        out.end()
    }
}

/// Why a policy file was rejected: all findings, errors before warnings, each in the order of the files.
#[derive(Clone, Debug, serde::Serialize, thiserror::Error)]
#[error("{}", self.render(false))]
pub struct Problems {
    /// The first [`SHOWN_MAX`].
    pub problems: Vec<Problem>,
    /// The number of further problems.
    pub more: usize,
    /// The main file could not be read at all, so its content is unknown.
    #[serde(skip)]
    pub unread: bool,
}

impl Problems {
    /// A single problem.
    pub(super) fn one(problem: Problem) -> Self {
        Self { problems: vec![problem], more: 0, unread: false }
    }

    /// Renders all problems one below the other, in colour if `colour`.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let mut drawn: Vec<String> = self.problems.iter().map(|problem| problem.render(colour)).collect();
        if self.more > 0 {
            drawn.push(format!("and {} more", self.more));
        }
        drawn.join("\n\n")
    }
}

/// Collects all findings while reading continues.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Problem>,
    errors: usize,
    unkept: usize,
}

impl Findings {
    /// Adds a problem, unless it is in a range that is not TOML and was already reported.
    pub(super) fn add(&mut self, problem: Problem) {
        if !problem.location.as_ref().is_some_and(Location::is_in_damage) {
            self.add_syntax(problem);
        }
    }

    /// Adds a problem at any location.
    pub(super) fn add_syntax(&mut self, problem: Problem) {
        self.errors += usize::from(problem.severity == Severity::Error);
        if self.kept.len() < KEPT_MAX {
            self.kept.push(problem);
        } else {
            self.unkept += 1;
        }
    }

    /// Whether any finding is an error.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether the maximum number of findings is reached.
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= KEPT_MAX
    }

    /// The warnings, if no finding is an error; `files` gives the order in which problems are shown.
    pub(super) fn finish(mut self, files: &[(String, String)]) -> Result<Vec<Problem>, Problems> {
        let rank = |file: &str| files.iter().position(|(name, _)| name == file).unwrap_or(files.len());
        self.kept.sort_by_cached_key(|problem| {
            let (severity, at) = problem.sort_key();
            (severity, rank(&problem.file), at)
        });
        if self.errors == 0 {
            return Ok(self.kept);
        }
        let more = self.unkept + self.kept.len().saturating_sub(SHOWN_MAX);
        self.kept.truncate(SHOWN_MAX);
        Err(Problems { problems: self.kept, more, unread: false })
    }
}

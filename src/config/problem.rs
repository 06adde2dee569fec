//! What is wrong in a policy file, and where.
//!
//! A person who gets a policy file wrong usually has several mistakes in it, and often a bare editor to mend them with.
//! So every problem has a location to the column, the text concerned, and what to write instead, and all of them are
//! shown together, the way compilers show them.

use super::secrets::{HIDDEN, Readable};
use super::wording::shown;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// How many problems are shown; the rest are counted.
pub const SHOWN_MAX: usize = 100;
/// How many problems are kept while reading: more would not be read, and memory stays bounded.
const KEPT_MAX: usize = 1_000;
/// A line longer than this is shown in part, cut around the offending text.
const LINE_MAX_BYTES: usize = 240;

/// Where the lines of a text are.
#[derive(Debug)]
pub(super) struct Lines {
    starts: Vec<usize>,
    text_len: usize,
}

impl Lines {
    /// The lines of `text`.
    pub(super) fn of(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { starts, text_len: text.len() }
    }

    /// The number of the line that `at` lies in, from 0.
    fn index(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// The bytes of the line that `at` lies in, without its `\n`.
    pub(super) fn around(&self, at: usize) -> Range<usize> {
        let index = self.index(at);
        let start = self.starts.get(index).copied().unwrap_or(0);
        start..self.starts.get(index + 1).map_or(self.text_len, |next| next - 1)
    }
}

/// One file as it was read, but for its secrets.
#[derive(Debug)]
pub(super) struct Source {
    name: String,
    /// With [`HIDDEN`] for every byte that is not shown.
    text: String,
    lines: Lines,
    /// Ranges that are not TOML: what was recovered from them is not reported again.
    damage: Vec<Range<usize>>,
}

impl Source {
    /// A file and the stretches of it that are no TOML, in order and apart from each other.
    pub(super) fn new(name: &str, readable: &Readable, damage: Vec<Range<usize>>) -> Arc<Self> {
        let text = readable.text();
        Arc::new(Self { name: name.to_owned(), text: text.to_owned(), lines: Lines::of(text), damage })
    }

    /// Whether parts of the file could not be read, so that what seems to be missing may well be there.
    pub(super) fn is_damaged(&self) -> bool {
        !self.damage.is_empty()
    }

    /// The place of `span`, kept within the text.
    pub(super) fn location(self: &Arc<Self>, span: Range<usize>) -> Location {
        let start = floor_boundary(&self.text, span.start);
        let end = floor_boundary(&self.text, span.end).max(start);
        Location { source: Arc::clone(self), span: start..end }
    }

    /// The bytes of the line that `at` lies in, without its end.
    fn line_span(&self, at: usize) -> Range<usize> {
        let line = self.lines.around(at);
        let text = self.text.get(line.clone()).unwrap_or_default();
        line.start..line.start + text.trim_end_matches('\r').len()
    }
}

/// The line as it is drawn: what is hidden is starred out, and so are the control characters that the renderer lets
/// through, since terminals obey them. Every byte keeps its place.
fn drawn(line: &str) -> String {
    let is_late_control = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    let star = |c: char| {
        if c == HIDDEN || is_late_control(c) { "*".repeat(c.len_utf8()) } else { c.to_string() }
    };
    line.chars().map(star).collect()
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// A range of a file.
#[derive(Clone)]
pub struct Location {
    source: Arc<Source>,
    span: Range<usize>,
}

impl Location {
    /// The file, as it was named when it was opened.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.source.lines.index(self.span.start) + 1
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        let line = self.source.line_span(self.span.start);
        self.source.text.get(line.start..self.span.start).map_or(1, |before| before.chars().count() + 1)
    }

    /// The bytes of the file that it covers.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The text it covers, with U+0001 for every byte that may be secret.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }

    fn is_in_damage(&self) -> bool {
        let damage = &self.source.damage;
        let next = damage.partition_point(|bad| bad.end < self.span.start);
        damage.get(next).is_some_and(|bad| bad.start <= self.span.end)
    }

    /// The part of the file worth showing, where it begins, and the span within it.
    fn window(&self) -> (Range<usize>, Range<usize>) {
        let line = self.source.line_span(self.span.start);
        let (start, end) = (self.span.start.min(line.end), self.span.end.min(line.end));
        let window = if line.len() <= LINE_MAX_BYTES {
            line
        } else {
            let from = floor_boundary(&self.source.text, start.saturating_sub(LINE_MAX_BYTES / 4)).max(line.start);
            let to = floor_boundary(&self.source.text, from.saturating_add(LINE_MAX_BYTES)).min(line.end);
            from..to.max(from)
        };
        let (start, end) = (start.min(window.end), end.min(window.end));
        (window.clone(), start - window.start..end.max(start) - window.start)
    }

    fn elements<'a>(&'a self, kind: AnnotationKind, note: Option<&'a str>) -> Vec<Element<'a>> {
        let (window, span) = self.window();
        let cut = window != self.source.line_span(self.span.start);
        let text = drawn(self.source.text.get(window).unwrap_or_default());
        let annotation = kind.span(span).label(note);
        let snippet = Snippet::source(text).line_start(self.line()).annotation(annotation);
        if cut {
            // Columns within a cut line would be wrong, so the place is written apart.
            let origin = Origin::path(self.file()).line(self.line()).char_column(self.column());
            vec![origin.into(), snippet.into()]
        } else {
            vec![snippet.path(self.file()).into()]
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file(), self.line(), self.column())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a problem keeps the file from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is used, but probably does not mean what its author wanted.
    Warning,
}

/// Something wrong with a policy file.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Whether it keeps the file from being used.
    pub severity: Severity,
    /// The file, as it was named when it was opened.
    pub file: String,
    /// Where in the file; `None` where the file as such is the problem.
    pub location: Option<Location>,
    /// What is wrong.
    pub what: String,
    /// What to write or do instead.
    pub hint: String,
    /// Related locations, each with a note.
    pub also: Vec<(Location, String)>,
}

impl Problem {
    /// An error at a place.
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

    /// An error of a file as a whole.
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

    /// The line, counted from 1, unless the file as such is the problem.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.location.as_ref().map(Location::line)
    }

    /// The column in characters, counted from 1, unless the file as such is the problem.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.location.as_ref().map(Location::column)
    }

    /// Drawn with the offending text underlined, with terminal colours if `colour`.
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

/// Why a policy file was refused: everything found, errors before warnings, each in the order of the files.
#[derive(Clone, Debug, serde::Serialize, thiserror::Error)]
#[error("{}", self.render(false))]
pub struct Problems {
    /// The first [`SHOWN_MAX`].
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
    /// The main file could not be read at all, so nothing is known of what it says.
    #[serde(skip)]
    pub unread: bool,
}

impl Problems {
    /// One problem alone.
    pub(super) fn one(problem: Problem) -> Self {
        Self { problems: vec![problem], more: 0, unread: false }
    }

    /// All of them drawn one below the other, with terminal colours if `colour`.
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

    /// Adds a problem, wherever it is.
    pub(super) fn add_syntax(&mut self, problem: Problem) {
        self.errors += usize::from(problem.severity == Severity::Error);
        if self.kept.len() < KEPT_MAX {
            self.kept.push(problem);
        } else {
            self.unkept += 1;
        }
    }

    /// Whether anything found keeps the file from being used.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether there are so many findings that more would not help.
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= KEPT_MAX
    }

    /// The warnings, if there is nothing worse; `files` in the order in which problems are to be shown.
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

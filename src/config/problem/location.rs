//! Locations in policy files.

use super::*;

/// Maximum number of problems shown; the rest are counted.
pub const SHOWN_MAX: usize = 100;
/// A longer line is shown in part, cut around the offending text.
const LINE_MAX_BYTES: usize = 240;

/// The line boundaries of a text.
#[derive(Debug)]
pub(in crate::config) struct Lines {
    starts: Vec<usize>,
    text_len: usize,
}

impl Lines {
    /// The lines of `text`.
    pub(in crate::config) fn of(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { starts, text_len: text.len() }
    }

    /// The number of the line that contains `at`, from 0.
    pub(super) fn index(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// The bytes of the line that contains `at`, without its `\n`.
    pub(in crate::config) fn around(&self, at: usize) -> Range<usize> {
        let index = self.index(at);
        let start = self.starts.get(index).copied().unwrap_or(0);
        start..self.starts.get(index + 1).map_or(self.text_len, |next| next - 1)
    }
}

/// One file as it was read, without its secrets.
#[derive(Debug)]
pub(in crate::config) struct Source {
    name: String,
    /// Contains [`HIDDEN`] for every hidden byte.
    text: String,
    lines: Lines,
    /// Ranges that are not TOML: what was recovered from them is not reported again.
    damage: Vec<Range<usize>>,
}

impl Source {
    /// A file and its ranges that are not TOML, ordered and disjoint.
    pub(in crate::config) fn new(name: &str, readable: &Readable, damage: Vec<Range<usize>>) -> Arc<Self> {
        let text = readable.text();
        Arc::new(Self { name: name.to_owned(), text: text.to_owned(), lines: Lines::of(text), damage })
    }

    /// Whether parts of the file could not be read, so that a seemingly missing key may be there.
    pub(in crate::config) fn is_damaged(&self) -> bool {
        !self.damage.is_empty()
    }

    /// The location of `span`, clipped to the text.
    pub(in crate::config) fn location(self: &Arc<Self>, span: Range<usize>) -> Location {
        let start = floor_boundary(&self.text, span.start);
        let end = floor_boundary(&self.text, span.end).max(start);
        Location { source: Arc::clone(self), span: start..end }
    }

    /// The bytes of the line that contains `at`, without its end.
    pub(super) fn line_span(&self, at: usize) -> Range<usize> {
        let line = self.lines.around(at);
        let text = self.text.get(line.clone()).unwrap_or_default();
        line.start..line.start + text.trim_end_matches('\r').len()
    }
}

/// The line as displayed: hidden bytes, and control characters that the renderer would pass to the terminal, become
/// `*`. Every byte keeps its position.
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
    pub(super) source: Arc<Source>,
    pub(super) span: Range<usize>,
}

impl Location {
    /// The name under which the file was opened.
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

    /// The byte range in the file.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The text in it, with U+0001 for every byte that may be secret.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }

    pub(super) fn is_in_damage(&self) -> bool {
        let damage = &self.source.damage;
        let next = damage.partition_point(|bad| bad.end < self.span.start);
        damage.get(next).is_some_and(|bad| bad.start <= self.span.end)
    }

    /// The part of the file to show, its start, and the span within it.
    pub(super) fn window(&self) -> (Range<usize>, Range<usize>) {
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

    pub(super) fn elements<'a>(&'a self, kind: AnnotationKind, note: Option<&'a str>) -> Vec<Element<'a>> {
        let (window, span) = self.window();
        let cut = window != self.source.line_span(self.span.start);
        let text = drawn(self.source.text.get(window).unwrap_or_default());
        let annotation = kind.span(span).label(note);
        let snippet = Snippet::source(text).line_start(self.line()).annotation(annotation);
        if cut {
            // Columns in a cut line would be wrong, so the location is written separately.
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

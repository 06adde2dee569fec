//! Snapshot and history on a terminal, and in the formats that scripts read.
//!
//! A person asks when something is wrong and has seconds: the first line is the answer, the worst comes first, and
//! external text (AWS's messages, names) can neither break a table nor send escape sequences to the terminal.

mod forecast;
mod history;
mod live;
mod rpo_report;
mod status;

pub use forecast::{difference, forecast};
pub use history::{history, history_csv, history_csv_header, history_from_json, history_json};
pub use live::live;
pub use rpo_report::{rpo_report, rpo_report_csv};
pub use status::status;

use crate::domain::change::OccurrenceOutcome;
use crate::report::snapshot::RpoStatus;
use crate::store::OccurrenceStatus;
use comfy_table::{LineStyle, Row, Table, TableStyle};
use serde::Serialize;

/// The capabilities of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputStyle {
    /// Columns; `None` for output that is not a terminal, where lines are never broken.
    pub width: Option<u16>,
    /// Maximum number of route lines, for a view that is redrawn in place; the others are counted.
    pub rows: Option<usize>,
    /// Whether to use colour.
    pub colour: bool,
    /// Whether it can show more than ASCII.
    pub unicode: bool,
}

impl OutputStyle {
    /// For files and pipes: no colour, no line breaks, any character.
    #[must_use]
    pub const fn plain() -> Self {
        Self { width: None, rows: None, colour: false, unicode: true }
    }

    /// Whether it is so narrow that tables omit the least important columns.
    fn narrow(self) -> bool {
        self.width.is_some_and(|width| width < 105)
    }

    /// One of two texts, depending on the terminal.
    fn pick<'a>(self, unicode: &'a str, ascii: &'a str) -> &'a str {
        if self.unicode { unicode } else { ascii }
    }
}

/// The meaning of a colour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Good,
    Bad,
    Doubtful,
    Faint,
    Strong,
}

/// Colours are marked in cells by zero-width characters, which become escape sequences at the very end, because a table
/// would count an escape sequence as text. External text never contains the marks: [`clean`] removes them.
const STYLES: [(Style, char, &str); 5] = [
    (Style::Good, '\u{2061}', "\u{1b}[32m"),
    (Style::Bad, '\u{2062}', "\u{1b}[1;31m"),
    (Style::Doubtful, '\u{2063}', "\u{1b}[33m"),
    (Style::Faint, '\u{2064}', "\u{1b}[2m"),
    (Style::Strong, '\u{206a}', "\u{1b}[1m"),
];
const PLAIN: char = '\u{2060}';
const PLAIN_ESCAPE: &str = "\u{1b}[0m";

fn paint(text: &str, style: Style, output: OutputStyle) -> String {
    let mark = STYLES.iter().find(|(of, ..)| *of == style).map(|(_, mark, _)| *mark);
    match mark.filter(|_| output.colour && !text.is_empty()) {
        Some(mark) => format!("{mark}{text}{PLAIN}"),
        None => text.to_owned(),
    }
}

/// Converts marks to escape sequences, and ends each colour at the end of its line.
fn to_ansi(text: &str, output: OutputStyle) -> String {
    if !output.colour {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        let mut open = false;
        for c in line.chars() {
            match STYLES.iter().find(|(_, mark, _)| *mark == c) {
                Some((.., escape)) => {
                    open = true;
                    out.push_str(escape);
                }
                None if c == PLAIN => {
                    open = false;
                    out.push_str(PLAIN_ESCAPE);
                }
                None => out.push(c),
            }
        }
        if open {
            out.push_str(PLAIN_ESCAPE);
        }
        out.push('\n');
    }
    out
}

/// Makes external text harmless: one line, no control or invisible characters, and ASCII where required.
fn clean(text: &str, output: OutputStyle) -> String {
    let harmless = |c: char| match c {
        '\n' | '\r' | '\t' => Some(' '),
        // Zero-width, direction and invisible characters, including the marks above.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => None,
        c if c.is_control() => Some('?'),
        c if !c.is_ascii() && !output.unicode => Some(match c {
            '→' => '>',
            '“' | '”' => '"',
            '’' => '\'',
            '–' => '-',
            '…' => '.',
            _ => '?',
        }),
        c => Some(c),
    };
    text.chars().filter_map(harmless).collect()
}

fn standing_text(standing: RpoStatus, output: OutputStyle) -> String {
    let (sign, ascii, style) = match standing {
        RpoStatus::Late => ("✖", "!", Style::Bad),
        RpoStatus::Unknown => ("?", "?", Style::Doubtful),
        RpoStatus::Met => ("✔", "+", Style::Good),
        RpoStatus::NoRpo => ("–", "-", Style::Faint),
    };
    paint(&format!("{} {}", output.pick(sign, ascii), standing.as_str()), style, output)
}

fn became_text(became: OccurrenceStatus, output: OutputStyle) -> String {
    let (text, style) = match became {
        OccurrenceStatus::Open => ("in progress", Style::Doubtful),
        OccurrenceStatus::Ended(end @ OccurrenceOutcome::Completed) => (end.as_str(), Style::Good),
        OccurrenceStatus::Ended(end @ (OccurrenceOutcome::Skipped | OccurrenceOutcome::Coalesced)) => {
            (end.as_str(), Style::Faint)
        }
        OccurrenceStatus::Deleted => (became.as_str(), Style::Faint),
        OccurrenceStatus::Ended(end @ (OccurrenceOutcome::Missed | OccurrenceOutcome::Failed)) => {
            (end.as_str(), Style::Bad)
        }
    };
    paint(text, style, output)
}

/// Lines of CSV (RFC 4180), without a header.
fn csv_lines(rows: impl IntoIterator<Item = impl Serialize>) -> String {
    let mut csv =
        csv::WriterBuilder::new().has_headers(false).terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        // Flat rows of one length: writing them to memory cannot fail.
        let _ = csv.serialize(row);
    }
    csv.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A table without frames: columns, and a rule below their names.
fn table(columns: &[&str], output: OutputStyle) -> Table {
    let rule = if output.unicode { '─' } else { '-' };
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill(rule).junction(rule)));
    table.set_header(columns.iter().map(|name| paint(name, Style::Faint, output)).collect::<Vec<_>>());
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}

/// Adds a row, cut to the columns that the table has.
fn add(table: &mut Table, cells: impl IntoIterator<Item = String>) {
    let columns = table.header().map_or(0, Row::cell_count);
    table.add_row(cells.into_iter().take(columns).collect::<Vec<_>>());
}

/// The lines of a table, without trailing blanks. `notes` belong below the rows: on their own lines, wrapped to fit, or
/// at the end of the row where lines are never broken.
fn table_text(table: &Table, notes: &[String], output: OutputStyle) -> String {
    const HEADER: usize = 2;
    const INDENT: usize = 4;
    let mut out = String::new();
    for (n, line) in table.lines().enumerate() {
        let note = n.checked_sub(HEADER).and_then(|row| notes.get(row)).filter(|note| !note.is_empty());
        match (note, output.width) {
            (Some(note), None) => out.push_str(&format!("{line} {note}")),
            (None, _) => out.push_str(line.trim_end()),
            (Some(note), Some(width)) => {
                out.push_str(line.trim_end());
                for part in wrapped(note, usize::from(width).saturating_sub(INDENT)) {
                    out.push_str(&format!("\n{:INDENT$}{}", "", paint(&part, Style::Faint, output)));
                }
            }
        }
        out.push('\n');
    }
    out
}

/// Wraps at blanks; a word longer than a line stays whole.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Text below a heading, wrapped to fit.
fn paragraph(out: &mut String, style: Style, text: &str, output: OutputStyle) {
    let width = output.width.map_or(usize::MAX, usize::from);
    for line in wrapped(&clean(text, output), width) {
        out.push_str(&paint(&line, style, output));
        out.push('\n');
    }
}

fn heading(out: &mut String, text: &str, output: OutputStyle) {
    out.push('\n');
    out.push_str(&paint(text, Style::Strong, output));
    out.push('\n');
}

/// A bar of `cells`, filled to `part` of `whole`; it is empty only at zero and full only when complete.
fn bar(part: f64, whole: f64, cells: usize, output: OutputStyle) -> String {
    let share = if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 };
    let full = (share * cells as f64).floor() as usize;
    let full = if share > 0.0 { full.max(1) } else { full }.min(cells);
    let (on, off) = (output.pick("▰", "#"), output.pick("▱", "."));
    on.repeat(full) + &off.repeat(cells - full)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASCII: OutputStyle = OutputStyle { unicode: false, ..OutputStyle::plain() };
    const COLOUR: OutputStyle = OutputStyle { colour: true, ..OutputStyle::plain() };

    #[test]
    fn words_from_outside_cannot_speak_to_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\u{7}\r\nc\u{202e}d\u{2061}\u{9b}", OutputStyle::plain()), "a?[31mb?  cd?");
        assert_eq!(clean("é → “x”…", ASCII), "? > \"x\".");
        assert!(to_ansi(&clean("\u{2062}red", COLOUR), COLOUR).starts_with("red"));
    }

    #[test]
    fn colour_ends_with_its_line_and_takes_no_room() {
        let mut with = table(&["State", "Source"], COLOUR);
        with.add_row([standing_text(RpoStatus::Late, COLOUR), "fs-1".to_owned()]);
        let text = to_ansi(&table_text(&with, &[], COLOUR), COLOUR);
        assert!(text.contains("\u{1b}[1;31m✖ late\u{1b}[0m"), "{text:?}");
        let stripped =
            STYLES.iter().fold(text, |text, (.., escape)| text.replace(escape, "")).replace(PLAIN_ESCAPE, "");
        let mut without = table(&["State", "Source"], OutputStyle::plain());
        without.add_row([standing_text(RpoStatus::Late, OutputStyle::plain()), "fs-1".to_owned()]);
        assert_eq!(stripped, table_text(&without, &[], OutputStyle::plain()));
        assert_eq!(to_ansi("\u{2062}cut", COLOUR), "\u{1b}[1;31mcut\u{1b}[0m\n");
    }

    #[test]
    fn a_bar_shows_a_beginning_and_saves_the_end_for_the_end() {
        let bars = [0.0, 1.0, 50.0, 99.0, 100.0, 400.0].map(|part| bar(part, 100.0, 4, ASCII));
        assert_eq!(bars, ["....", "#...", "##..", "###.", "####", "####"]);
        assert_eq!(bar(1.0, 0.0, 2, OutputStyle::plain()), "▱▱");
    }

    #[test]
    fn only_what_csv_reads_in_a_way_of_its_own_is_quoted() {
        let rows = [
            ("a b", Some("é;'#"), 1, None::<&str>),
            ("", Some(","), 0, Some("\"")),
            ("\r", Some("\n"), 2, Some("\t -")),
        ];
        assert_eq!(csv_lines(rows), "a b,é;'#,1,\r\n,\",\",0,\"\"\"\"\r\n\"\r\",\"\n\",2,\t -\r\n");
        assert_eq!(csv_lines([["since", "until"]]), "since,until\r\n");
    }

    #[test]
    fn long_words_stay_whole() {
        assert_eq!(wrapped("a bc defghij k", 4), ["a bc", "defghij", "k"]);
        assert_eq!(wrapped(" ", 4), Vec::<String>::new());
    }
}

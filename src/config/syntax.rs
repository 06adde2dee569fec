//! Parses text into a tree in spite of syntax errors.
//!
//! A forgotten quote must not hide the ten other problems of a file. The TOML parser recovers from most errors by
//! itself. After three of them it misreads what follows: a line without `=`, an unclosed list, and an unclosed header.
//! For these the bad lines are blanked out, keeping every position, and the text is parsed again. Values recovered from
//! a damaged line are not checked further, and no key is reported missing from a damaged file.

use super::problem::{Findings, Lines, Problem, Source};
use super::secrets::Readable;
use super::wording::shown;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// How often bad lines are blanked out and the rest is parsed again.
const READINGS_MAX: usize = 8;
/// Maximum number of the parser's errors to use.
const SYNTAX_ERRORS_MAX: usize = 1_000;
/// Maximum number of repeated headers to examine, since each requires a pass over the text before it.
const HEADERS_MAX: usize = 20;

/// A parsed file; its syntax errors are already reported.
pub(super) struct Document {
    /// The file that locations refer to.
    pub source: Arc<Source>,
    /// The text with its worst lines blanked out, every position kept.
    repaired: String,
}

impl Document {
    /// The tree as far as it could be parsed.
    pub(super) fn tree(&self) -> DeTable<'_> {
        DeTable::parse_recoverable(&self.repaired).0.into_inner()
    }
}

/// One error of the parser, in our words.
struct SyntaxError {
    span: Range<usize>,
    what: String,
    hint: String,
    /// Whether the value recovered there is meaningless.
    damages: bool,
}

/// What to blank out before parsing again, and why.
struct Repair {
    lines: Range<usize>,
    syntax_error: SyntaxError,
}

/// Parses `text` and reports every syntax error.
pub(super) fn read(name: &str, text: &str, findings: &mut Findings) -> Document {
    let lines = Lines::of(text);
    let mut syntax_errors = Vec::new();
    let mut damage = Vec::new();
    let mut repaired = text.to_owned();
    // Messages about an error quote it, so they use the readable text.
    let readable = Readable::of(text);
    let text = readable.text();
    for reading in 1..=READINGS_MAX {
        let (tree, errors) = DeTable::parse_recoverable(&repaired);
        let errors: Vec<(&str, Range<usize>)> = errors
            .iter()
            .take(SYNTAX_ERRORS_MAX)
            .map(|error| (error.message(), error.span().unwrap_or(0..0)))
            .collect();
        let repairs = if reading < READINGS_MAX { repairs(&errors, text, &lines, tree.get_ref()) } else { Vec::new() };
        if repairs.is_empty() {
            syntax_errors.extend(errors.into_iter().map(|(message, span)| plain_slip(message, span, text, &lines)));
            break;
        }
        for repair in repairs {
            blank_out(&mut repaired, &repair.lines);
            damage.push(repair.lines);
            syntax_errors.push(repair.syntax_error);
        }
    }
    damage.extend(
        syntax_errors
            .iter()
            .filter(|syntax_error| syntax_error.damages)
            .map(|syntax_error| lines.around(syntax_error.span.start)),
    );
    let source = Source::new(name, &readable, merged(damage));
    let mut complained = BTreeSet::new();
    for syntax_error in syntax_errors {
        let location = source.location(syntax_error.span);
        if complained.insert(location.line()) {
            findings.add_syntax(Problem::at(&location, syntax_error.what, syntax_error.hint));
        }
    }
    Document { source, repaired }
}

/// What to blank out where the parser misread what follows.
fn repairs(errors: &[(&str, Range<usize>)], text: &str, lines: &Lines, tree: &DeTable<'_>) -> Vec<Repair> {
    let mut repairs: Vec<Repair> = Vec::new();
    let (mut lists, mut headers) = (0, 0);
    for (message, span) in errors {
        let repair = if message.starts_with("key with no value") {
            stray_line(lines.around(span.start), text)
        } else if message.starts_with("unexpected `=` in array") {
            // The keys after an unclosed list all look wrong; only the first of them shows where it should have ended.
            lists += 1;
            (lists == 1).then(|| open_list(span.start, text, lines, tree)).flatten()
        } else if OPEN_TABLE.iter().any(|start| message.starts_with(start)) {
            lists += 1;
            (lists == 1).then(|| open_table(span.start, text, lines, tree)).flatten()
        } else if message.starts_with("unclosed array table") || message.starts_with("unclosed table") {
            open_header(lines.around(span.start.saturating_sub(1)), text)
        } else if *message == "duplicate key" {
            headers += 1;
            (headers <= HEADERS_MAX).then(|| single_brackets(lines.around(span.start), text)).flatten()
        } else {
            None
        };
        repairs.extend(repair);
    }
    repairs
}

fn stray_line(line: Range<usize>, text: &str) -> Option<Repair> {
    let (start, code) = code_of(&line, text)?;
    let syntax_error = SyntaxError {
        span: start..start + code.len(),
        what: format!("`{}` is no `key = value`", shown(code)),
        hint: hint_for_stray_line(code),
        damages: true,
    };
    Some(Repair { lines: line, syntax_error })
}

fn open_list(at: usize, text: &str, lines: &Lines, tree: &DeTable<'_>) -> Option<Repair> {
    let open = innermost(tree, at, |value| value.is_array())?;
    let (start, end) = (lines.around(open).start, lines.around(at).start);
    // A header in between was parsed as a nested list.
    let below = lines.around(open).end;
    let header = text.get(below..end)?.match_indices("\n").map(|(at, _)| below + at + 1).find(|at| {
        let line = text.get(lines.around(*at)).unwrap_or_default().trim_start();
        line.starts_with('[') && line.trim_start_matches('[').starts_with(|c: char| c.is_ascii_alphabetic())
    });
    let end = header.unwrap_or(end);
    let syntax_error = SyntaxError {
        span: open..open + 1,
        what: "this list is not closed".to_owned(),
        hint: "end it with `]` before the next key".to_owned(),
        damages: true,
    };
    (start < end).then_some(Repair { lines: start..end, syntax_error })
}

/// The parser's messages when it takes the lines after an unclosed `{` for its keys.
const OPEN_TABLE: [&str; 4] = [
    "missing key for inline table element",
    "missing comma between key-value pairs",
    "extra assignment between key-value pairs",
    "unclosed inline table",
];

fn open_table(at: usize, text: &str, lines: &Lines, tree: &DeTable<'_>) -> Option<Repair> {
    let open = innermost(tree, at, |value| value.is_table())?;
    let line = lines.around(open);
    let after = text.get(open..line.end)?.strip_prefix('{')?.trim();
    // With keys on the following lines, the table is meant to span several lines, and a comma is missing.
    let is_one_liner = !after.is_empty() && !after.starts_with('#');
    let syntax_error = SyntaxError {
        span: open..open + 1,
        what: "this table is not closed".to_owned(),
        hint: "end it with `}` on the same line".to_owned(),
        damages: true,
    };
    (is_one_liner && line.end < at).then_some(Repair { lines: line, syntax_error })
}

fn open_header(line: Range<usize>, text: &str) -> Option<Repair> {
    let (start, header) = code_of(&line, text)?;
    let name = header.trim_matches(|c: char| c == '[' || c == ']' || c.is_whitespace());
    let whole = if header.starts_with("[[") { format!("[[{}]]", shown(name)) } else { format!("[{}]", shown(name)) };
    // A name with a space: the parser expects the end of the header at the space.
    let (what, hint) = if shown(header) == whole {
        let what = "a space cannot stand in a header";
        (what, "use letters, digits, `-` and `_`, and a dot between a table and the name below it".to_owned())
    } else {
        ("this header is not closed", format!("write `{whole}`"))
    };
    let span = start..start + header.len();
    let syntax_error = SyntaxError { span, what: what.to_owned(), hint, damages: true };
    // Otherwise its keys would belong to the previous header.
    Some(Repair { lines: line.start..end_of_section(line.end, name, text), syntax_error })
}

/// A `[policy]` after a `[[policy]]`, for which the parser would drop all earlier policies.
fn single_brackets(line: Range<usize>, text: &str) -> Option<Repair> {
    let (start, header) = code_of(&line, text)?;
    let name = header.strip_prefix('[')?.split(']').next()?.trim();
    let whole = format!("[[{name}]]");
    let is_list_before = text.get(..line.start)?.lines().any(|line| line.trim_start().starts_with(&whole));
    if name.starts_with('[') || !is_list_before {
        return None;
    }
    let syntax_error = SyntaxError {
        span: start..start + header.len(),
        what: format!("`{}` is a list of tables, and this header is of one table", shown(name)),
        hint: format!("write `{}`, in double brackets", shown(&whole)),
        damages: true,
    };
    Some(Repair { lines: line.start..end_of_section(line.end, name, text), syntax_error })
}

/// The text of a line without surrounding blanks, and where it begins.
fn code_of<'t>(line: &Range<usize>, text: &'t str) -> Option<(usize, &'t str)> {
    let written = text.get(line.clone())?;
    Some((line.start + (written.len() - written.trim_start().len()), written.trim()))
}

/// The end of the keys and sub-tables of the header `name` before `from`.
fn end_of_section(from: usize, name: &str, text: &str) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let is_next = |line: &str| {
        let header = line.trim_start();
        let inner = header.trim_start_matches('[').trim_start();
        let is_below = inner.strip_prefix(name).is_some_and(|after| after.starts_with('.'));
        header.starts_with('[') && inner.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_below
    };
    let mut at = from;
    for line in rest.split_inclusive('\n') {
        if at > from && is_next(line) {
            return at;
        }
        at += line.len();
    }
    text.len()
}

fn hint_for_stray_line(code: &str) -> String {
    if code.starts_with("//") || code.starts_with(';') || code.starts_with("--") {
        "a comment begins with `#`".to_owned()
    } else if let Some((key, value)) = code.split_once(':').filter(|(key, _)| is_bare(key.trim())) {
        format!("write `{} = {}`", key.trim(), shown(&as_value(value.trim())))
    } else if let Some((key, value)) = code.split_once(char::is_whitespace).filter(|(key, _)| is_bare(key)) {
        format!("write `{key} = {}`", shown(&as_value(value.trim())))
    } else {
        "write `key = value`, one on a line, with text in quotes; a comment begins with `#`".to_owned()
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.len() <= 40 && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// `value` in quotes, unless it is a value that needs none.
fn as_value(value: &str) -> String {
    let plain = value == "true" || value == "false" || value.parse::<i64>().is_ok();
    if plain || value.starts_with(['"', '\'', '[', '{']) { value.to_owned() } else { format!("\"{value}\"") }
}

fn plain_slip(message: &str, span: Range<usize>, text: &str, lines: &Lines) -> SyntaxError {
    let written = text.get(span.clone()).unwrap_or_default();
    let syntax_error =
        |what: String, hint: &str| SyntaxError { span: span.clone(), what, hint: hint.to_owned(), damages: true };
    if message == "duplicate key" {
        let line = text.get(lines.around(span.start)).unwrap_or_default().trim();
        let hint = if line.starts_with('[') {
            "keep one header, and put all its keys below it; `[[…]]` and `[…]` cannot be mixed"
        } else {
            "keep one of them"
        };
        return SyntaxError { damages: false, ..syntax_error(format!("`{}` is written twice", shown(written)), hint) };
    }
    if message.starts_with("string values must be quoted") || message.starts_with("invalid boolean") {
        return unquoted(span, written);
    }
    if message.starts_with("invalid basic string") || message.starts_with("invalid literal string") {
        return syntax_error(
            "this text is not closed".to_owned(),
            "end it with the quote it begins with, on the same line",
        );
    }
    if message.starts_with("missing escaped value") {
        return syntax_error(
            "a backslash begins an escape, and this is none".to_owned(),
            "write it twice, `\\\\`, or put the text in single quotes",
        );
    }
    if message.starts_with("missing comma") {
        return syntax_error("a comma is missing here".to_owned(), "put `,` between the items");
    }
    if message.starts_with("extra comma") {
        return syntax_error("there is a comma too many".to_owned(), "take it out");
    }
    if message.starts_with("unclosed array") {
        return syntax_error("a list is not closed".to_owned(), "end it with `]`");
    }
    if message.starts_with("unclosed inline table") {
        return syntax_error("a table is not closed".to_owned(), "end it with `}`");
    }
    if message.starts_with("unexpected key or value") {
        return syntax_error(
            "there is more on this line than one value".to_owned(),
            "write one `key = value` on a line",
        );
    }
    if message.starts_with("unexpected leading zero") {
        return syntax_error("a number does not begin with 0".to_owned(), "leave the leading zeros out");
    }
    if text.trim_start().starts_with('{') {
        return syntax_error(
            "this looks like JSON".to_owned(),
            "the policy is TOML: begin with `[[policy]]`, then `key = value`",
        );
    }
    let what = message.split(", expected").next().unwrap_or(message);
    syntax_error(format!("not TOML: {}", shown(what)), "write `key = value`, one on a line, with text in quotes")
}

fn unquoted(span: Range<usize>, written: &str) -> SyntaxError {
    let code = written.trim();
    let (what, hint) = if code.is_empty() {
        ("there is no value after the `=`".to_owned(), "write a value, or leave the key out".to_owned())
    } else if ["true", "yes", "on"].iter().any(|word| code.eq_ignore_ascii_case(word)) {
        (format!("`{code}` is not a TOML value"), "write `true`".to_owned())
    } else if ["false", "no", "off"].iter().any(|word| code.eq_ignore_ascii_case(word)) {
        (format!("`{code}` is not a TOML value"), "write `false`".to_owned())
    } else if code.starts_with(['“', '”', '„', '‘', '’', '«']) {
        let text = code.trim_matches(['“', '”', '„', '‘', '’', '«', '»']);
        (
            format!("`{}` is in typographic quotes", shown(code)),
            format!("write it in straight ones: `\"{}\"`", shown(text)),
        )
    } else {
        let text = code.trim_matches(['"', '\'']);
        (format!("`{}` is text without quotes", shown(code)), format!("write `\"{}\"`", shown(text)))
    };
    SyntaxError { span, what, hint, damages: true }
}

/// The start of the innermost value of the `wanted` kind around `at`.
fn innermost(tree: &DeTable<'_>, at: usize, wanted: fn(&DeValue<'_>) -> bool) -> Option<usize> {
    let mut found = None;
    let mut ahead: Vec<_> = tree.iter().map(|(_, value)| value).collect();
    while let Some(value) = ahead.pop() {
        let span = value.span();
        if wanted(value.get_ref()) && span.start <= at && at <= span.end {
            found = found.max(Some(span.start));
        }
        match value.get_ref() {
            DeValue::Array(items) => ahead.extend(items.iter()),
            DeValue::Table(table) => ahead.extend(table.iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    found
}

/// Overwrites everything but line ends with spaces, so that positions stay the same.
fn blank_out(text: &mut String, range: &Range<usize>) {
    let Some(part) = text.get(range.clone()) else { return };
    let blank: String = part.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    text.replace_range(range.clone(), &blank);
}

/// Sorted and without overlaps, so that lookups stay cheap.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

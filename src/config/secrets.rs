//! The policy file with its secrets blanked out, for messages.
//!
//! Messages end up in logs, on pages, in tickets and at the webhook's receiver, and a secret is most likely to appear
//! in one when its line is malformed. So messages quote only from [`Readable`], in which every byte keeps its position
//! and everything that may be secret is overwritten.

use super::nearest::nearest;
use std::borrow::Cow;
use std::ops::Range;

/// Replaces one hidden byte. It never occurs in a valid policy file.
pub(super) const HIDDEN: char = '\u{1}';

/// A key that contains one of these has a secret value.
const SECRET_WORDS: [&str; 11] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "token",
    "access_key",
    "api_key",
    "credential",
    "webhook",
    "heartbeat",
    "notify",
];
/// Lifeboat's own secret keys, which may be misspelt.
const SECRET_KEYS: [&str; 2] = ["webhook", "heartbeat"];
const QUOTES: [char; 10] = ['"', '\'', '`', '“', '”', '„', '‘', '’', '«', '»'];
/// URL schemes whose path is a file path, not a secret.
const SCHEMES_OF_FILES: [&str; 2] = ["file", "sqlite"];

/// The text of a policy file, every byte in its position, with [`HIDDEN`] where it may be secret.
#[derive(Clone, Debug)]
pub(super) struct Readable(String);

impl Readable {
    /// The part of `text` that may be shown.
    pub(super) fn of(text: &str) -> Self {
        let mut readable = String::with_capacity(text.len());
        let mut section_is_secret = false;
        let mut open: Option<Open> = None;
        for line in text.split_inclusive('\n') {
            if let Some(section) = section_of(line) {
                section_is_secret = names_secret(section);
                open = None;
            } else if open.is_some_and(|open| open.ends_before(line)) {
                open = None;
            }
            let secret = match open {
                Some(_) => Some(0),
                None => value_of_secret(line, section_is_secret),
            };
            let hidden: Vec<Range<usize>> = match secret {
                Some(start) => {
                    open = open.or_else(|| Open::at_end_of(line.get(start..).unwrap_or_default().trim()));
                    vec![without_quotes(line, start)]
                }
                None => secrets_of_addresses(line),
            };
            overwrite(line, &hidden, &mut readable);
        }
        Self(readable)
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Text with the secrets in its URLs overwritten.
pub(super) fn without_secrets_of_addresses(text: &str) -> Cow<'_, str> {
    let hidden = secrets_of_addresses(text);
    if hidden.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut readable = String::with_capacity(text.len());
    overwrite(text, &hidden, &mut readable);
    Cow::Owned(readable)
}

fn overwrite(line: &str, hidden: &[Range<usize>], readable: &mut String) {
    for (at, c) in line.char_indices() {
        if hidden.iter().any(|range| range.contains(&at)) {
            readable.extend(std::iter::repeat_n(HIDDEN, c.len_utf8()));
        } else {
            readable.push(c);
        }
    }
}

/// A secret value that continues on the next line.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    /// In a table.
    Table,
    /// In a list or a multi-line string, or not begun yet.
    Other,
}

impl Open {
    fn at_end_of(value: &str) -> Option<Self> {
        let unclosed = |open: &str, close: &str| value.starts_with(open) && !value[open.len()..].contains(close);
        if unclosed("{", "}") {
            return Some(Self::Table);
        }
        let others = [("[", "]"), ("\"\"\"", "\"\"\""), ("'''", "'''")];
        let is_open = value.is_empty() || others.iter().any(|(open, close)| unclosed(open, close));
        is_open.then_some(Self::Other)
    }

    /// Whether this line, which is not a header, ends the value.
    fn ends_before(self, line: &str) -> bool {
        let code = line.trim_start();
        match self {
            Self::Table => code.starts_with('}'),
            Self::Other => {
                let key = code.trim_start_matches(is_of_key);
                key.len() < code.len() && key.trim_start().starts_with(['=', ':']) && !key.starts_with("://")
            }
        }
    }
}

fn is_of_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// The name in a header, even if its bracket is not closed.
fn section_of(line: &str) -> Option<&str> {
    let name = line.trim_start().strip_prefix('[')?.trim_start_matches(['[', ' ']);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
    is_name.then(|| name.split(|c| !is_of_key(c)).next().unwrap_or_default())
}

fn names_secret(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let misspelt = || lower.split('.').any(|part| nearest(part, SECRET_KEYS).is_some());
    SECRET_WORDS.iter().any(|word| lower.contains(word)) || misspelt()
}

/// Where the value of a secret key begins on a line. The first word of a line is always taken as a key; later words
/// only before `=` or `:`.
fn value_of_secret(line: &str, section_is_secret: bool) -> Option<usize> {
    let mut at = 0;
    while let Some(start) = line.get(at..)?.find(is_of_key).map(|next| at + next) {
        let word = line.get(start..)?.split(|c| !is_of_key(c)).next().unwrap_or_default();
        let end = start + word.len();
        at = end;
        let before = line.get(..start)?;
        let is_first = before.chars().all(|c| c.is_whitespace() || QUOTES.contains(&c) || matches!(c, '#' | '{'));
        if !(names_secret(word) || is_first && section_is_secret) {
            continue;
        }
        let rest = line.get(end..)?;
        // The closing quote of a quoted key.
        let after_quote = rest.strip_prefix(|c| QUOTES.contains(&c)).filter(|_| before.ends_with(QUOTES));
        let rest = after_quote.unwrap_or(rest).trim_start();
        if is_first || rest.starts_with(['=', ':']) {
            let value = rest.trim_start_matches(['=', ':', ' ', '\t']);
            return Some(line.len() - value.len());
        }
    }
    None
}

/// From `start` to the end of the line, without blanks and quotes at both ends, which show what is wrong.
fn without_quotes(line: &str, start: usize) -> Range<usize> {
    let is_edge = |c: char| c.is_whitespace() || QUOTES.contains(&c);
    let value = line.get(start..).unwrap_or_default();
    let begin = start + (value.len() - value.trim_start_matches(is_edge).len());
    begin..(start + value.trim_end_matches(is_edge).len()).max(begin)
}

fn secrets_of_addresses(line: &str) -> Vec<Range<usize>> {
    let found =
        line.match_indices("://").flat_map(|(at, separator)| secrets_of_address(line, at, at + separator.len()));
    found.filter(|range| !range.is_empty()).collect()
}

/// The secrets of the URL whose `://` is between `scheme_end` and `start`: user and password, and what follows the
/// host.
fn secrets_of_address(line: &str, scheme_end: usize, start: usize) -> [Range<usize>; 2] {
    let scheme = line.get(..scheme_end).unwrap_or_default().to_ascii_lowercase();
    let is_end = |c: char| c.is_whitespace() || QUOTES.contains(&c);
    let rest = line.get(start..).unwrap_or_default().split(is_end).next().unwrap_or_default();
    let end = start + rest.len();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = match (authority.rfind('@'), rest.contains('@')) {
        (Some(at), _) => at,
        // A password that contains `/`, or a path that contains `@`: ambiguous, so hide both.
        (None, true) => rest.len(),
        (None, false) => 0,
    };
    let ends_host: &[char] =
        if SCHEMES_OF_FILES.iter().any(|of_files| scheme.ends_with(of_files)) { &['?', '#'] } else { &['/', '?', '#'] };
    let host = start + user;
    let after_host = rest.get(user..).and_then(|host| host.find(ends_host)).map_or(end, |at| host + at + 1);
    [start..host, after_host..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let readable = Readable::of(text);
        assert_eq!(readable.text().len(), text.len(), "every byte keeps its place");
        readable.text().replace(HIDDEN, "*")
    }

    #[test]
    fn what_is_secret_is_overwritten_and_the_rest_is_not() {
        for (text, wanted) in [
            ("webhook = \"abc\"\n", "webhook = \"***\"\n"),
            ("webhook: abc # x\n", "webhook: *******\n"),
            ("  'heartbeat' = “abc”\r\n", "  'heartbeat' = “***”\r\n"),
            (
                "[notify]\nmail = \"abc\"\n[aws]\nprofile = \"abc\"\n",
                "[notify]\nmail = \"***\"\n[aws]\nprofile = \"abc\"\n",
            ),
            ("token = [\n  \"abc\",\n]\nname = \"abc\"\n", "token = *\n  \"*****\n*\nname = \"abc\"\n"),
            ("notify = {\n  x = \"abc\"\n}\nname = \"abc\"\n", "notify = *\n  ********\"\n}\nname = \"abc\"\n"),
            ("name = \"token\"\n", "name = \"token\"\n"),
            ("x = { token = \"abc\" }\n", "x = { token = \"******\n"),
            ("state = \"sqlite:///var/lib/x?key=abc\"", "state = \"sqlite:///var/lib/x?*******\""),
            ("u = https://a:b@c@host/path?x", "u = https://*****@host/******"),
            ("u = https://host/a@b 'https://host'", "u = https://******** 'https://host'"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }
}

//! How messages quote what a person wrote.
//!
//! Messages repeat text from the file, which may be long, contain control characters, or be nearly a known word. Here
//! it is shortened, and the known word that was probably meant is found.

use super::secrets::{HIDDEN, without_secrets_of_addresses};
use strsim::osa_distance;

/// What is wrong with a value and what to write instead; the reader of the file adds the location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diagnostic {
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

impl Diagnostic {
    /// Both sentences.
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// The longest quoted text.
const SHOWN_MAX_CHARS: usize = 60;

/// Text from the file as it goes into a message: on one line, not longer than a person reads, and with `…` for what is
/// secret in it.
pub(super) fn shown(text: &str) -> String {
    let mut quoted = String::new();
    let mut count = 0;
    for c in without_secrets_of_addresses(text).chars() {
        let c = match c {
            HIDDEN if quoted.ends_with('…') => continue,
            HIDDEN => '…',
            c if c.is_control() => ' ',
            c => c,
        };
        count += 1;
        if count > SHOWN_MAX_CHARS {
            quoted.push('…');
            break;
        }
        quoted.push(c);
    }
    quoted
}

/// The word among `known` that `written` was probably meant to be.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = plain_letters(written);
    let length = written.chars().count();
    if length == 0 || length > 64 {
        return None;
    }
    let allowed = (length / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|word| (osa_distance(&written, &plain_letters(word)), word))
        .filter(|(distance, word)| *distance <= allowed && *distance < word.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Lower case, with `-` and spaces as `_`: differences that are slips of style.
fn plain_letters(word: &str) -> String {
    word.chars().take(80).map(|c| if c == '-' || c == ' ' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// Words joined as in a sentence: `` `a`, `b` and `c` ``.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["schedule", "timezone", "file_systems", "rpo"];
        assert_eq!(nearest("shedule", known), Some("schedule"));
        assert_eq!(nearest("scheduel", known), Some("schedule"));
        assert_eq!(nearest("File-Systems", known), Some("file_systems"));
        assert_eq!(nearest("rto", known), Some("rpo"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), known), None);
    }

    #[test]
    fn quotations_are_short_and_on_one_line() {
        assert_eq!(shown("a\nb"), "a b");
        assert_eq!(shown(&"é".repeat(100)).chars().count(), 61);
        assert_eq!(shown("https://host/secret, and\u{1}\u{1}more"), "https://host/… and…more");
    }
}

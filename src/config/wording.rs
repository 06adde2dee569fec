//! Quotes a person's text in messages.
//!
//! Messages repeat text from the file, which may be long or contain control characters. Here it is shortened and
//! cleaned.

use super::secrets::{HIDDEN, without_secrets_of_addresses};

/// What is wrong with a value and what to write instead; the reader adds the location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diagnostic {
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

impl Diagnostic {
    /// From both sentences.
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// Maximum length of quoted text.
const SHOWN_MAX_CHARS: usize = 60;

/// Text from the file as quoted in a message: on one line, shortened, and with `…` in place of secrets.
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
    fn quotations_are_short_and_on_one_line() {
        assert_eq!(shown("a\nb"), "a b");
        assert_eq!(shown(&"é".repeat(100)).chars().count(), 61);
        assert_eq!(shown("https://host/secret, and\u{1}\u{1}more"), "https://host/… and…more");
    }
}

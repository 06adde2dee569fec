//! Suggests the known word that a misspelt one probably stands for.

use strsim::osa_distance;

/// The word among `known` that `written` probably stands for.
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

/// In lower case, with `-` and spaces as `_`: these differences are only style.
fn plain_letters(word: &str) -> String {
    word.chars().take(80).map(|c| if c == '-' || c == ' ' { '_' } else { c.to_ascii_lowercase() }).collect()
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
}

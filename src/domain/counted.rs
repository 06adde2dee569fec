//! A number with its noun, as it stands in messages.

/// `1 route`, `2 routes`, `3 policies`, `2 copies`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    let stem = noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match stem {
        _ if count == 1 => format!("{count} {noun}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_singular_and_a_noun_in_y_changes() {
        let told = [(0, "route"), (1, "policy"), (2, "policy"), (1, "copy"), (2, "copy"), (3, "day")];
        let told = told.map(|(count, noun)| counted(count, noun));
        assert_eq!(told, ["0 routes", "1 policy", "2 policies", "1 copy", "2 copies", "3 days"]);
    }
}

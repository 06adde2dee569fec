//! Whether the next copy of a route will be a full one.
//!
//! AWS copies only what is new, as long as an earlier copy under the same key is left in the Region (fsx-facts 5). A
//! full copy takes hours where the others take minutes and holds its slot all the while, so a person should hear of it
//! before it begins.

use crate::domain::id::Target;
use crate::domain::point::Lifecycle;
use crate::domain::policy::Destination;
use crate::domain::state::SourceState;
use std::fmt;

/// Why the next copy of a route will be full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Full {
    /// The route has no copy yet.
    First,
    /// No copy is left: the last one was deleted by somebody else.
    Lost,
    /// The copies there are under another key.
    KeyChanged {
        /// The key of the newest copy, as AWS names it.
        from: String,
        /// The key that the policy names.
        to: String,
    },
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("the first copy of a route is full"),
            Self::Lost => f.write_str("no copy is left there"),
            Self::KeyChanged { from, to } => write!(f, "the key changes from {from} to {to}"),
        }
    }
}

/// Why the next copy of a source to a destination will be full; `None` if it will not, or if that cannot be told: an
/// alias does not say which key it stands for.
#[must_use]
pub fn next_is_full(source: &SourceState, destination: &Destination) -> Option<Full> {
    let target = Target::Copy(destination.region.clone());
    let copies = || source.points.iter().filter(|((_, of), _)| *of == target).flat_map(|(_, points)| points);
    let Some(newest) = source.newest(&target) else {
        let lost = copies().any(|copy| copy.lifecycle == Lifecycle::Deleted && copy.failure.is_none());
        return Some(if lost { Full::Lost } else { Full::First });
    };
    let (Some(wanted), Some(_)) = (&destination.kms_key, &newest.kms_key) else { return None };
    let mut keys = copies().filter(|copy| copy.available()).filter_map(|copy| copy.kms_key.as_ref());
    if keys.any(|key| same_key(wanted, key) != Some(false)) {
        return None;
    }
    let from = newest.kms_key.clone().unwrap_or_default();
    Some(Full::KeyChanged { from, to: wanted.clone() })
}

/// Whether a policy's word for a key and AWS's ARN mean the same one; `None` if the words do not tell.
pub(super) fn same_key(wanted: &str, arn: &str) -> Option<bool> {
    if wanted == arn {
        return Some(true);
    }
    let id = |text: &str| text.rsplit_once(":key/").map(|(_, id)| id.to_owned());
    if wanted.contains("alias/") || arn.contains("alias/") {
        return None;
    }
    match (wanted.starts_with("arn:"), id(arn)) {
        (true, _) => Some(false),
        (false, Some(id)) => Some(id == wanted),
        (false, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_arn_and_id_but_not_by_alias() {
        let arn = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(same_key(arn, arn), Some(true));
        assert_eq!(same_key("1234abcd-12ab-34cd-56ef-1234567890ab", arn), Some(true));
        assert_eq!(same_key("99999999-12ab-34cd-56ef-1234567890ab", arn), Some(false));
        assert_eq!(same_key("arn:aws:kms:us-west-2:111122223333:key/other", arn), Some(false));
        assert_eq!(same_key("alias/dr", arn), None);
        assert_eq!(same_key("arn:aws:kms:us-west-2:111122223333:alias/dr", arn), None);
    }
}

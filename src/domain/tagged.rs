//! Compares the tags of an object with its record.

use super::id::PolicyName;
use super::point::RecoveryPoint;
use super::tags::{ATTEMPT, LifeboatTagsRef, OCCURRENCE, ORIGIN, SOURCE, TAKEN, TRIGGER};
use super::time::Time;

impl LifeboatTagsRef<'_> {
    /// The first tag that differs from the record: the tag, its value, and the recorded value.
    pub(super) fn altered(&self, point: &RecoveryPoint) -> Option<(&'static str, String, String)> {
        if self.source != point.source.as_str() {
            return Some((SOURCE, self.source.to_owned(), point.source.to_string()));
        }
        let (said, known) = (self.occurrence, point.occurrence);
        if said.at != known.at {
            return Some((OCCURRENCE, said.at.to_string(), known.at.to_string()));
        }
        if said.trigger != known.trigger {
            return Some((TRIGGER, said.trigger.as_str().to_owned(), known.trigger.as_str().to_owned()));
        }
        if self.attempt != point.attempt {
            return Some((ATTEMPT, self.attempt.to_string(), point.attempt.to_string()));
        }
        let known =
            point.origin.as_ref().map(|origin| (origin.region.as_str(), origin.backup.as_str(), origin.taken_at));
        if self.origin.map(link) != known.map(link) {
            let text = |origin: Option<(&str, &str, Time)>| {
                origin.map_or_else(|| "nothing".to_owned(), |(region, backup, _)| format!("{region}/{backup}"))
            };
            return Some((ORIGIN, text(self.origin), text(known)));
        }
        let (said, known) = self.origin.zip(known).map(|((.., said), (.., known))| (said, known))?;
        (said != known).then(|| (TAKEN, said.to_string(), known.to_string()))
    }

    /// Whether all tags agree with a point.
    pub(super) fn is_of(&self, point: &RecoveryPoint) -> bool {
        let origin = point.origin.as_ref();
        self.source == point.source.as_str()
            && self.policy == point.policy.as_ref().map(PolicyName::as_str)
            && self.occurrence == point.occurrence
            && self.attempt == point.attempt
            && self.origin == origin.map(|origin| (origin.region.as_str(), origin.backup.as_str(), origin.taken_at))
            && self.hold == point.remarks.hold.as_deref()
    }
}

/// The Region and id of a source backup.
fn link<'a>((region, backup, _): (&'a str, &'a str, Time)) -> (&'a str, &'a str) {
    (region, backup)
}

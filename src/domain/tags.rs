//! The tags that Lifeboat writes on backups and copies, and how they are read back.
//!
//! In a disaster the database may be lost and the source's Region unreachable. So every backup and copy at AWS carries
//! enough to start over (product.md, “What is written at AWS”).

use super::fault::clean;
use super::id::{BackupId, Occurrence, PolicyName, Region, SourceId, Trigger};
use super::policy::Tags;
use super::time::Time;
use std::ops::Bound::{Included, Unbounded};

/// The prefix of all our tags; a policy may not use it.
pub const PREFIX: &str = "lifeboat:";
/// The prefix that AWS reserves.
pub const AWS_PREFIX: &str = "aws:";
/// Informative: the policy that requested it.
pub const POLICY: &str = "lifeboat:policy";
/// The source's id.
pub const SOURCE: &str = "lifeboat:source";
/// The occurrence's time, RFC 3339 in UTC.
pub const OCCURRENCE: &str = "lifeboat:occurrence";
/// `schedule` or `manual`.
pub const TRIGGER: &str = "lifeboat:trigger";
/// The attempt, from 1.
pub const ATTEMPT: &str = "lifeboat:attempt";
/// On a copy: `REGION/backup-…` of the source backup.
pub const ORIGIN: &str = "lifeboat:origin";
/// On a copy: the creation time of the source backup, RFC 3339 in UTC.
pub const TAKEN: &str = "lifeboat:taken";
/// A person holds this point; the value is the reason or empty.
pub const HOLD: &str = "lifeboat:hold";
/// The name shown in the console.
pub const NAME: &str = "Name";
/// Tags per resource (fsx-facts 3.2).
pub const MAX: usize = 50;

/// What our tags say about an object at AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifeboatTags {
    /// The policy that requested it; informative only.
    pub policy: Option<PolicyName>,
    /// The source.
    pub source: SourceId,
    /// The occurrence it was made for.
    pub occurrence: Occurrence,
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// For a copy: the Region and id of the source backup, and when its data was taken.
    pub origin: Option<Origin>,
    /// The reason of a hold, if a person holds it.
    pub hold: Option<String>,
}

/// The origin of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The Region of the source backup.
    pub region: Region,
    /// The source backup.
    pub backup: BackupId,
    /// When the source backup was created: the copy's age counts from then.
    pub taken_at: Time,
}

/// The same, borrowed from the tags.
pub(super) struct LifeboatTagsRef<'a> {
    pub(super) policy: Option<&'a str>,
    pub(super) source: &'a str,
    pub(super) occurrence: Occurrence,
    pub(super) attempt: u32,
    /// Region, backup, and when the data was taken.
    pub(super) origin: Option<(&'a str, &'a str, Time)>,
    pub(super) hold: Option<&'a str>,
}

impl<'a> LifeboatTagsRef<'a> {
    /// Reads the tags of an object; `None` if it is not one of ours.
    pub(super) fn read(tags: &'a Tags) -> Option<Self> {
        let (mut policy, mut source, mut at, mut trigger) = (None, None, None, None);
        let (mut attempt, mut origin, mut taken, mut hold) = (None, None, None, None);
        // One pass over our tags, which are adjacent in the map.
        let ours = tags.range::<str, _>((Included(PREFIX), Unbounded)).take_while(|(key, _)| key.starts_with(PREFIX));
        for (key, value) in ours {
            let place = match key.as_str() {
                POLICY => &mut policy,
                SOURCE => &mut source,
                OCCURRENCE => &mut at,
                TRIGGER => &mut trigger,
                ATTEMPT => &mut attempt,
                ORIGIN => &mut origin,
                TAKEN => &mut taken,
                HOLD => &mut hold,
                _ => continue,
            };
            *place = Some(value.as_str());
        }
        let occurrence = Occurrence { at: moment(at?)?, trigger: Trigger::parse(trigger?)? };
        // Only characters of an AWS id, so that nothing in it can control a terminal or forge a log line.
        let id = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let source = source.filter(|source: &&str| (1..=64).contains(&source.len()) && id(source))?;
        let origin = match origin {
            Some(origin) => {
                let (region, backup) = origin.split_once('/').filter(|(region, backup)| id(region) && id(backup))?;
                Some((region, backup, moment(taken?)?))
            }
            None => None,
        };
        Some(Self {
            policy: policy.filter(|name: &&str| !name.is_empty() && !name.chars().any(char::is_control)),
            source,
            occurrence,
            attempt: attempt?.parse().ok().filter(|attempt| *attempt >= 1)?,
            origin,
            hold,
        })
    }

    /// The source it names.
    pub(super) fn source(&self) -> &'a str {
        self.source
    }

    /// The occurrence it names.
    pub(super) fn occurrence(&self) -> Occurrence {
        self.occurrence
    }

    /// For a copy: the Region and id of the source backup, and when its data was taken.
    pub(super) fn origin(&self) -> Option<(&'a str, &'a str, Time)> {
        self.origin
    }
}

/// Parses a time in the range that AWS and our readers support.
fn moment(text: &str) -> Option<Time> {
    Time::parse_rfc3339(text).filter(|at| (Time::ZERO..=Time::LAST_WRITABLE).contains(at))
}

/// What is wrong with tags that name a source but are not a complete set of ours: the tag and its value. `None` if they
/// name no source: a person who removes `lifeboat:source` takes the object away from Lifeboat.
#[must_use]
pub fn flaw(tags: &Tags) -> Option<(&'static str, String)> {
    if !tags.contains_key(SOURCE) {
        return None;
    }
    let said = |key: &'static str| (key, tags.get(key).map_or_else(|| "nothing".to_owned(), |text| clean(text, 64)));
    let mut probe = tags.clone();
    let sound = LifeboatTags {
        policy: None,
        source: "fs-0".into(),
        occurrence: Occurrence { at: Time::ZERO, trigger: Trigger::Schedule },
        attempt: 1,
        origin: Some(Origin { region: "r".into(), backup: "b".into(), taken_at: Time::ZERO }),
        hold: None,
    }
    .write();
    // The first tag whose correction, with those before it, makes the set readable.
    for key in [SOURCE, OCCURRENCE, TRIGGER, ATTEMPT, ORIGIN, TAKEN] {
        if let Some(value) = sound.get(key) {
            probe.insert(key.to_owned(), value.clone());
        }
        if LifeboatTagsRef::read(&probe).is_some() {
            return Some(said(key));
        }
    }
    Some(said(SOURCE))
}

impl LifeboatTags {
    /// Reads the tags of an object; `None` if it is not one of ours.
    #[must_use]
    pub fn read(tags: &Tags) -> Option<Self> {
        let LifeboatTagsRef { policy, source, occurrence, attempt, origin, hold } = LifeboatTagsRef::read(tags)?;
        Some(Self {
            policy: policy.map(Into::into),
            source: source.into(),
            occurrence,
            attempt,
            origin: origin.map(|(region, backup, taken_at)| Origin {
                region: region.into(),
                backup: backup.into(),
                taken_at,
            }),
            hold: hold.map(str::to_owned),
        })
    }

    /// The tags to write, with the console's `Name`. A hold is not included: it is a person's mark on one object.
    #[must_use]
    pub fn write(&self) -> Tags {
        let mut tags = Tags::new();
        let mut put = |key: &str, value: String| tags.insert(key.to_owned(), value);
        if let Some(policy) = &self.policy {
            put(POLICY, policy.to_string());
        }
        put(SOURCE, self.source.to_string());
        put(OCCURRENCE, self.occurrence.at.to_string());
        put(TRIGGER, self.occurrence.trigger.as_str().to_owned());
        put(ATTEMPT, self.attempt.to_string());
        if let Some(origin) = &self.origin {
            put(ORIGIN, format!("{}/{}", origin.region, origin.backup));
            put(TAKEN, origin.taken_at.to_string());
        }
        let prefix = self.policy.as_ref().map_or(String::new(), |policy| format!("{policy} "));
        put(NAME, format!("{prefix}{} {}", self.source, self.occurrence.at));
        tags
    }
}

/// Merges tags by priority: ours, then each of `layers`, up to AWS's 50; within a layer by key order. Returns the tags
/// and the keys that were dropped. `aws:` tags, and our tags in a layer, are left out silently.
#[must_use]
pub fn merge(ours: Tags, layers: &[&Tags]) -> (Tags, Vec<String>) {
    let mut merged = ours;
    let mut dropped = Vec::new();
    for layer in layers {
        for (key, value) in *layer {
            if !may_be_carried(key) || merged.contains_key(key) {
                continue;
            }
            if merged.len() < MAX {
                merged.insert(key.clone(), value.clone());
            } else if !dropped.contains(key) {
                dropped.push(key.clone());
            }
        }
    }
    (merged, dropped)
}

/// Whether a tag found on a source or backup may be put on another object: it is neither AWS's nor ours.
#[must_use]
pub fn may_be_carried(key: &str) -> bool {
    let aws = key.get(..AWS_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(AWS_PREFIX));
    !aws && !key.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifeboat_tags() -> LifeboatTags {
        LifeboatTags {
            policy: Some("finance".into()),
            source: "fs-0123456789abcdef0".into(),
            occurrence: Occurrence { at: Time::from_secs(1_795_248_000), trigger: Trigger::Schedule },
            attempt: 2,
            origin: Some(Origin {
                region: "us-east-1".into(),
                backup: "backup-0a".into(),
                taken_at: Time::from_millis(1_795_248_001_250),
            }),
            hold: None,
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        assert_eq!(LifeboatTags::read(&lifeboat_tags().write()), Some(lifeboat_tags()));
    }

    #[test]
    fn a_missing_or_broken_tag_makes_it_not_ours() {
        for key in [SOURCE, OCCURRENCE, TRIGGER, ATTEMPT, TAKEN] {
            let mut tags = lifeboat_tags().write();
            tags.remove(key);
            assert_eq!(LifeboatTags::read(&tags), None, "without {key}");
            tags.insert(key.to_owned(), if key == SOURCE { String::new() } else { "0".to_owned() });
            assert_eq!(LifeboatTags::read(&tags), None, "broken {key}");
        }
    }

    #[test]
    fn tags_fill_in_order_of_right_and_stop_at_fifty() {
        let policy: Tags = [("team".to_owned(), "a".to_owned()), ("Name".to_owned(), "theirs".to_owned())].into();
        let mut source: Tags = (0..60).map(|n| (format!("k{n:02}"), "v".to_owned())).collect();
        source.insert("team".to_owned(), "b".to_owned());
        source.insert("AWS:x".to_owned(), "v".to_owned());
        source.insert("lifeboat:hold".to_owned(), "v".to_owned());
        let ours = lifeboat_tags().write();
        let count = ours.len();
        let (tags, dropped) = merge(ours, &[&policy, &source]);
        assert_eq!(tags.len(), MAX);
        assert_eq!(tags["team"], "a");
        assert_ne!(tags["Name"], "theirs");
        assert!(!tags.contains_key("AWS:x") && !tags.contains_key("lifeboat:hold"));
        assert_eq!(dropped.len(), 60 - (MAX - count - 1));
        assert_eq!(dropped.last().map(String::as_str), Some("k59"));
    }
}

//! What a response from AWS proves about a backup or copy that carries our tags.
//!
//! Anyone who may tag a backup can put our tags on anything, and a person who repairs a tag by hand can mistype it.
//! Anything that counts as a recovery point is copied, can be the newest of its route, and lets older points expire. So
//! AWS's own fields come first, then what the database recorded when Lifeboat made the request; tags only add what
//! neither of them knows (product.md, “What counts as evidence”). No other module reads tags.

use super::id::{AccountRegion, BackupId, SourceId, is_volume};
use super::lane::FileSystemKind;
use super::point::{MadeAs, ObservedBackup, RecoveryPoint};
use super::state::State;
use super::tags::{LifeboatTagsRef, OCCURRENCE, ORIGIN, SOURCE, TAKEN, TRIGGER, flaw};
use super::time::Time;
use super::timekeeper::TOLERATED;
use std::time::Duration;

mod inventory;

pub use inventory::weigh_inventory;

/// What a response proves about a backup or copy.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// A point of ours in its current state.
    Ours(Box<RecoveryPoint>),
    /// A backup or copy that carries our tags and must not be counted.
    Objected {
        /// Why not.
        objection: Objection,
        /// The recorded point, if there is one, updated from AWS's fields.
        on_record: Option<Box<RecoveryPoint>>,
        /// The point that its tags describe, if they can be read.
        claim: Option<Box<RecoveryPoint>>,
        /// Everything that AWS shows.
        shown: Box<ObservedBackup>,
    },
    /// Not ours.
    Others(Box<ObservedBackup>),
}

/// Why a point is not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// A tag contradicts a field or the record.
    Disputed(String),
    /// The same, of a copy whose tags agree with its backup in everything but when that was created: it is that backup's
    /// copy, and counts once AWS and the tag agree.
    Misdated(String),
    /// Nothing confirms its tags, and there is a hint against them that is not conclusive.
    Unconfirmed(String),
}

/// What is known about the backup that a copy claims as its origin.
enum OriginBook<'a> {
    /// A backup of ours.
    Ours(&'a RecoveryPoint),
    /// A backup of this source that is not ours.
    Theirs(&'a SourceId),
    /// Its Region was listed after the copy was made, and the listing does not show it.
    NotThere,
    /// Its Region was listed, but not after the copy was made.
    NotSince,
    /// Its Region has not been listed by this process.
    Unread,
}

/// A changed CreationTime is accepted once AWS has reported it, unchanged, for this long.
const CREATION_SETTLED_AFTER: Duration = Duration::from_secs(86_400);

/// The end of the message of a dispute about a creation time in the future.
const STILL_TO_COME: &str = "and by AWS's Date that is still to come";

/// AWS shows times to the millisecond, some endpoints only to the second.
const ROUNDING: Duration = Duration::from_secs(1);

fn same_moment(one: Time, other: Time) -> bool {
    one.since(other).max(other.since(one)) <= ROUNDING
}

/// Whether this backup of ours is the one that a copy's tags name, and confirms everything they say.
#[must_use]
pub fn confirms(backup: &RecoveryPoint, claim: &RecoveryPoint) -> bool {
    let origin = claim.origin.as_ref().filter(|_| backup.origin.is_none());
    origin.is_some_and(|origin| {
        origin.backup == backup.id
            && origin.region == backup.place.region
            && claim.place.account == backup.place.account
            && claim.source == backup.source
            && claim.occurrence == backup.occurrence
            && same_moment(origin.taken_at, backup.created_at)
    })
}

/// Evaluates a response, given everything that is known.
#[must_use]
pub fn weigh(
    state: &State,
    place: &AccountRegion,
    known: Option<&RecoveryPoint>,
    mut observed: ObservedBackup,
    seen_at: Time,
) -> Evidence {
    // The creation time on record is kept, because it never changes.
    let dated = known.filter(|known| dated(state, place, known, seen_at));
    if let Some(dated) = dated.filter(|_| to_come(state, observed.created_at, seen_at)) {
        observed.created_at = dated.created_at;
    }
    let lifeboat_tags = LifeboatTagsRef::read(&observed.tags);
    let mut timely = true;
    let objection = match (&lifeboat_tags, known) {
        (Some(claims), _) => object(state, place, known, claims, &observed, seen_at).or_else(|| {
            let untimely = untimely(state, place, known, &observed, seen_at);
            timely = untimely.is_none();
            untimely
        }),
        (None, _) => flaw(&observed.tags).map(|(tag, said)| disputed_tag(tag, &said, "that cannot be read")),
    };
    let Some(objection) = objection else {
        return match observed.into_point(place, seen_at) {
            Ok(point) => Evidence::Ours(Box::new(point)),
            Err(other) => Evidence::Others(other),
        };
    };
    let claim = observed.clone().claimed(place, seen_at).ok().map(Box::new);
    let on_record = known.map(|known| Box::new(known.as_fields_say(&observed, seen_at))).or_else(|| {
        // The owner is certain, the creation time is not: use the present as its upper bound.
        let undated = ObservedBackup { created_at: seen_at, ..observed.clone() };
        undated.into_point(place, seen_at).ok().filter(|_| !timely).map(Box::new)
    });
    Evidence::Objected { objection, on_record, claim, shown: Box::new(observed) }
}

/// Whether nothing contradicts a point that a response shows with exactly the tags on record.
#[must_use]
pub fn stands(
    state: &State,
    place: &AccountRegion,
    known: &RecoveryPoint,
    observed: &ObservedBackup,
    seen_at: Time,
) -> bool {
    let claims = LifeboatTagsRef::read(&observed.tags);
    untimely(state, place, Some(known), observed, seen_at).is_none()
        && claims.is_some_and(|claims| object(state, place, Some(known), &claims, observed, seen_at).is_none())
}

/// Whether a time is in the future by AWS's clock.
fn to_come(state: &State, time: Time, now: Time) -> bool {
    state.timekeeping.goes_on() && time.since(now) > TOLERATED
}

/// Whether it was first seen with a creation time in the future, and AWS has not corrected it since.
fn undated(state: &State, place: &AccountRegion, known: &RecoveryPoint) -> bool {
    let told = state.place(place).and_then(|here| here.disputes.get(&known.id));
    told.is_some_and(|told| told.objection.what().ends_with(STILL_TO_COME))
}

/// Whether its creation time is on record.
fn dated(state: &State, place: &AccountRegion, known: &RecoveryPoint, now: Time) -> bool {
    !undated(state, place, known) && known.created_at > Time::ZERO && !to_come(state, known.created_at, now)
}

/// Checks AWS's CreationTime, which never changes and is never in the future. An endpoint that says otherwise is wrong
/// for a moment, and must not make a point the newest for years, or old enough to be deleted.
fn untimely(
    state: &State,
    place: &AccountRegion,
    known: Option<&RecoveryPoint>,
    observed: &ObservedBackup,
    seen_at: Time,
) -> Option<Objection> {
    let created_at = observed.created_at;
    if to_come(state, created_at, seen_at) {
        return Some(Objection::Disputed(format!("AWS's CreationTime says “{created_at}”, {STILL_TO_COME}")));
    }
    let before = known.filter(|known| dated(state, place, known, seen_at)).map(|known| known.created_at)?;
    if created_at == Time::ZERO || same_moment(before, created_at) {
        return None;
    }
    let objection = Objection::Disputed(format!("AWS's CreationTime says “{created_at}”, and said “{before}” before"));
    let told = state.place(place).and_then(|here| here.disputes.get(&observed.id));
    let settled = state.timekeeping.confirmed()
        && told.is_some_and(|told| told.objection == objection && seen_at.since(told.since) >= CREATION_SETTLED_AFTER);
    (!settled).then_some(objection)
}

fn object(
    state: &State,
    place: &AccountRegion,
    known: Option<&RecoveryPoint>,
    claims: &LifeboatTagsRef<'_>,
    observed: &ObservedBackup,
    seen_at: Time,
) -> Option<Objection> {
    let altered = known.and_then(|known| claims.altered(known));
    // An adopted point was adopted by its tags and has no other record.
    let unaltered = known.is_some() && altered.is_none();
    if let Some((tag, said, recorded)) = altered.filter(|_| known.is_some_and(RecoveryPoint::asked_by_us)) {
        return Some(disputed_tag(tag, &said, &format!("it was asked for with “{recorded}”")));
    }
    let made_as = match observed.made_as {
        MadeAs::Automatic => Some("AUTOMATIC"),
        MadeAs::AwsBackup => Some("AWS_BACKUP"),
        MadeAs::UserInitiated | MadeAs::Untold => None,
    };
    if let Some(made_as) = made_as {
        return Some(Objection::Disputed(format!(
            "it carries Lifeboat's tags, and AWS's Type says “{made_as}”, which Lifeboat does not make"
        )));
    }
    match claims.origin() {
        None => backup(claims, observed),
        Some(origin) => {
            // A creation time in the future counts as now, since the copy exists.
            let shown_at = observed.created_at;
            let made_at = if to_come(state, shown_at, seen_at) { seen_at } else { shown_at };
            let (.., taken_at) = origin;
            let still_to_come = to_come(state, taken_at, seen_at);
            copy(state, place, unaltered && !still_to_come, claims, origin, observed, made_at)
        }
    }
}

/// Checks a backup's tags against what AWS says it was made from.
fn backup(claims: &LifeboatTagsRef<'_>, observed: &ObservedBackup) -> Option<Objection> {
    let (field, said) = another(claims.source(), observed)?;
    Some(disputed_tag(SOURCE, claims.source(), &format!("AWS's {field} says “{said}”")))
}

/// Checks a copy's tags against what AWS says it is a copy of.
fn copy(
    state: &State,
    place: &AccountRegion,
    unaltered: bool,
    claims: &LifeboatTagsRef<'_>,
    (region, backup, taken_at): (&str, &str, Time),
    observed: &ObservedBackup,
    made_at: Time,
) -> Option<Objection> {
    let said = || format!("{region}/{backup}");
    if let Some(link) = observed.copied_from.as_ref().filter(|link| link.as_str() != backup) {
        return Some(disputed_tag(ORIGIN, &said(), &format!("AWS's SourceBackupId says “{link}”")));
    }
    if let Some(link) = observed.copied_from_region.as_ref().filter(|link| link.as_str() != region) {
        return Some(disputed_tag(ORIGIN, &said(), &format!("AWS's SourceBackupRegion says “{link}”")));
    }
    let another = another(claims.source(), observed);
    // Without AWS's link to an origin it may be a backup of the source that AWS names.
    if let Some((field, said)) = another.as_ref().filter(|_| !unaltered && observed.copied_from.is_none()) {
        return Some(disputed_tag(SOURCE, claims.source(), &format!("AWS's {field} says “{said}”")));
    }
    let home = AccountRegion { account: place.account.clone(), region: region.into() };
    match origin_book(state, &home, &BackupId::from(backup), made_at) {
        OriginBook::Ours(origin) => {
            if claims.source() != origin.source.as_str() {
                let recorded = format!("{} is a backup of “{}”", origin.id, origin.source);
                return Some(disputed_tag(SOURCE, claims.source(), &recorded));
            }
            if claims.occurrence() != origin.occurrence {
                let (said, recorded) = (claims.occurrence(), origin.occurrence);
                let (tag, said, recorded) = if said.at == recorded.at {
                    (TRIGGER, said.trigger.as_str().to_owned(), recorded.trigger.as_str().to_owned())
                } else {
                    (OCCURRENCE, said.at.to_string(), recorded.at.to_string())
                };
                return Some(disputed_tag(tag, &said, &format!("{} is the backup of “{recorded}”", origin.id)));
            }
            let known = origin.created_at > Time::ZERO && !undated(state, &home, origin);
            if known && !same_moment(taken_at, origin.created_at) {
                let recorded = format!("{} was created at “{}”", origin.id, origin.created_at);
                return Some(Objection::Misdated(contradiction(TAKEN, &taken_at.to_string(), &recorded)));
            }
            return None;
        }
        OriginBook::Theirs(of) if of.as_str() != claims.source() => {
            return Some(disputed_tag(SOURCE, claims.source(), &format!("{} is a backup of “{of}”", said())));
        }
        // It was confirmed or requested while its source backup was on record.
        _ if unaltered => return None,
        OriginBook::Theirs(_) => {}
        OriginBook::NotSince if another.is_none() && !observed.tells(claims.source()) => {
            return Some(Objection::Unconfirmed(format!("its source backup {} was not looked for yet", said())));
        }
        OriginBook::NotSince | OriginBook::NotThere | OriginBook::Unread => {
            if let Some((field, of)) = another {
                return Some(Objection::Unconfirmed(format!(
                    "its tag {SOURCE} says “{}” and AWS's {field} “{of}”, which may or may not be its source backup's; \
                     that ({}) is not to be seen",
                    claims.source(),
                    said()
                )));
            }
        }
    }
    let made_later = made_at > Time::ZERO && taken_at.since(made_at) > ROUNDING;
    made_later.then(|| disputed_tag(TAKEN, &taken_at.to_string(), &format!("the copy was created at “{made_at}”")))
}

fn origin_book<'a>(state: &'a State, home: &AccountRegion, backup: &BackupId, copied_at: Time) -> OriginBook<'a> {
    let Some(known) = state.place(home) else { return OriginBook::Unread };
    if let Some(point) = state.point_among(home, known, backup).filter(|point| point.origin.is_none()) {
        return OriginBook::Ours(point);
    }
    if let Some(of) = known.other_backups.get(backup) {
        return OriginBook::Theirs(of);
    }
    match known.listed.filter(|listed| listed.listed_by_this_process) {
        Some(listed) if listed.began_at > copied_at => OriginBook::NotThere,
        Some(_) => OriginBook::NotSince,
        None => OriginBook::Unread,
    }
}

/// The field that names a source other than this one, and its value.
fn another(source: &str, observed: &ObservedBackup) -> Option<(&'static str, String)> {
    let (volume, file_system) = (observed.volume.as_ref(), observed.file_system.as_ref());
    if let Some(volume) = volume {
        return (volume.as_str() != source).then(|| ("VolumeId", volume.to_string()));
    }
    let volume_wanted = is_volume(source);
    if volume_wanted
        && matches!(observed.kind, FileSystemKind::Windows | FileSystemKind::Lustre | FileSystemKind::OpenZfs)
    {
        // These types have only backups of whole file systems (fsx-facts 1.1).
        return Some(("FileSystemType", observed.kind.as_str().to_owned()));
    }
    let file_system = file_system.filter(|of| !volume_wanted && of.as_str() != source)?;
    Some(("FileSystemId", file_system.to_string()))
}

impl Objection {
    /// The tag or field and what contradicts it, in words.
    #[must_use]
    pub fn what(&self) -> &str {
        match self {
            Self::Disputed(what) | Self::Misdated(what) | Self::Unconfirmed(what) => what,
        }
    }

    /// The kind of objection as one word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Disputed(_) | Self::Misdated(_) => "disputed",
            Self::Unconfirmed(_) => "unconfirmed",
        }
    }

    /// Whether it is certain that something is wrong, which a person must put right.
    #[must_use]
    pub const fn certain(&self) -> bool {
        matches!(self, Self::Disputed(_) | Self::Misdated(_))
    }
}

impl ObservedBackup {
    /// Whether a field names this source.
    fn tells(&self, source: &str) -> bool {
        [&self.volume, &self.file_system].into_iter().flatten().any(|of| of.as_str() == source)
    }
}

fn disputed_tag(tag: &str, said: &str, recorded: &str) -> Objection {
    Objection::Disputed(contradiction(tag, said, recorded))
}

fn contradiction(tag: &str, said: &str, recorded: &str) -> String {
    format!("its tag {tag} says “{said}”, and {recorded}")
}

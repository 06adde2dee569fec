//! What a script writes into the state by hand, for what a conversation reaches only by a long way round.

use super::*;
use lifeboat::domain::change::OccurrenceRecord;
use lifeboat::domain::point::RecoveryPoint;

type About = [(String, String)];

/// Writes it.
pub fn write(talk: &mut Talk, command: &Command) -> Printed {
    let now = talk.now;
    let moment = |at: &Option<String>| at.as_deref().map_or(Ok(now), |at| words::time(at, now));
    let change = match command {
        Command::Open { occurrence, adopted, caught_up } => {
            let occurrence = words::occurrence(occurrence, now)?;
            let opened_at = occurrence.at;
            let record =
                OccurrenceRecord { policy: "finance".into(), opened_at, caught_up: *caught_up, adopted: *adopted };
            Change::Opened { source: key(0), occurrence, record }
        }
        Command::See(id, occurrence, lifecycle, about) => {
            let occurrence = words::occurrence(occurrence, now)?;
            let point = fixture::backup(&words::whole(id), occurrence, Lifecycle::parse(lifecycle));
            Change::BackupObserved { point: Box::new(described(point, about, now)?) }
        }
        Command::Copy(id, of, lifecycle, about) => {
            Change::BackupObserved { point: copy(talk, id, of, lifecycle, about)? }
        }
        Command::Removed { region, id } => {
            Change::BackupRemoved { place: place(region), id: words::whole(id).into(), at: now }
        }
        Command::Asked { occurrence, target, attempt, at } => {
            let of = WorkKey {
                source: key(0),
                occurrence: words::occurrence(occurrence, now)?,
                target: words::target(target),
            };
            fixture::request_recorded(&talk.state, &of, attempt.unwrap_or(1), moment(at)?)
        }
        Command::Refused { occurrence, target, class, code } => Change::RequestFailed {
            key: WorkKey {
                source: key(0),
                occurrence: words::occurrence(occurrence, now)?,
                target: words::target(target),
            },
            fault: Fault::new(words::class(class)?, code.as_deref().unwrap_or("Refused"), ""),
            definite: true,
            not_before: Time::ZERO,
        },
        Command::LookupFailed { class, code } => Change::SourceLookupFailed {
            source: key(0),
            fault: Fault::new(words::class(class)?, code.as_deref().unwrap_or("Refused"), ""),
            at: now,
            not_before: now,
            batch: None,
        },
        Command::Listed { region, at, pages } => fixture::listed(region, moment(at)?, pages.unwrap_or(1)),
        Command::Unlisted(region) => {
            let known = talk.state.places.get_mut(&place(region)).ok_or("that Region is not known")?;
            known.listed = None;
            return Ok(String::new());
        }
        Command::ListingWanted { region, at } => Change::ListingWanted { place: place(region), at: moment(at)? },
        Command::Departed => Change::SourceDeparted { source: key(0) },
        Command::Quarantined => {
            talk.state.quarantined.insert(key(0), "contradicts itself".to_owned());
            return Ok(String::new());
        }
        _ => return Err("a script cannot say that".into()),
    };
    apply(talk, change)
}

fn apply(talk: &mut Talk, change: Change) -> Printed {
    talk.state.apply(&change).map_err(|error| error.to_string())?;
    talk.changes.push(change);
    Ok(String::new())
}

fn copy(talk: &Talk, id: &str, of: &str, lifecycle: &str, about: &About) -> Result<Box<RecoveryPoint>, Box<dyn Error>> {
    let region = about.iter().find(|(key, _)| key == "to").map_or(THERE, |(_, region)| region.as_str());
    let points = talk.state.sources[&key(0)].points.iter();
    let of = words::whole(of);
    let origin =
        points.into_iter().find(|point| point.id.as_str() == of).ok_or_else(|| format!("{of} is not on record"))?;
    let point = fixture::copy(&words::whole(id), origin, region, Lifecycle::parse(lifecycle));
    Ok(Box::new(described(RecoveryPoint { remarks: Default::default(), settled_at: None, ..point }, about, talk.now)?))
}

fn described(mut point: RecoveryPoint, about: &About, now: Time) -> Result<RecoveryPoint, Box<dyn Error>> {
    for (name, value) in about {
        point = match name.as_str() {
            "to" => point,
            "attempt" => RecoveryPoint { attempt: value.parse()?, ..point },
            "created" => RecoveryPoint { created_at: words::time(value, now)?, ..point },
            "settled" => RecoveryPoint { settled_at: Some(words::time(value, now)?), ..point },
            "failure" => point.with_remarks(|remarks| remarks.failure = Some(value.as_str().into())),
            "hold" => point.with_remarks(|remarks| remarks.hold = Some(value.as_str().into())),
            "key" => point.with_provenance(|of| of.kms_key = Some(value.as_str().into())),
            "source" => point.with_provenance(|of| of.source = words::whole(value).as_str().into()),
            other => return Err(format!("a point has no {other}").into()),
        };
    }
    if point.lifecycle == Lifecycle::Failed && point.settled_at.is_none() {
        point.settled_at = Some(point.created_at);
    }
    Ok(point)
}

//! The parameters of a request for a backup or copy.
//!
//! They are frozen with the intent. A repeat sends the same parameters, even if the policy has changed.

use crate::domain::action::{Request, SourceFacts};
use crate::domain::id::WorkKey;
use crate::domain::point::RecoveryPoint;
use crate::domain::policy::{Destination, Policy, Tags};
use crate::domain::tags::{LifeboatTags, Origin, merge};

/// CreateBackup for `key`. `facts` come from the source lookup; without them the source's own tags are left out. Also
/// returns the keys of dropped tags.
#[must_use]
pub fn create_backup(
    policy: &Policy,
    facts: Option<&SourceFacts>,
    key: &WorkKey,
    attempt: u32,
) -> (Request, Vec<String>) {
    let lifeboat_tags = lifeboat_tags(policy, key, attempt, None);
    let none = Tags::new();
    let own = facts.map_or(&none, |facts| &facts.tags);
    let (tags, dropped) = merge(lifeboat_tags.write(), &[&policy.tags, own]);
    (Request::CreateBackup { source: key.source.source.clone(), token: key.token(attempt), tags }, dropped)
}

/// CopyBackup of `backup` for `key`. Also returns the keys of dropped tags.
#[must_use]
pub fn copy_backup(
    policy: &Policy,
    destination: &Destination,
    backup: &RecoveryPoint,
    key: &WorkKey,
    attempt: u32,
) -> (Request, Vec<String>) {
    let origin = Origin { region: backup.place.region.clone(), backup: backup.id.clone(), taken_at: backup.created_at };
    let lifeboat_tags = lifeboat_tags(policy, key, attempt, Some(origin));
    let none = Tags::new();
    let carried = if destination.copy_tags { &*backup.carried } else { &none };
    let (tags, dropped) = merge(lifeboat_tags.write(), &[&destination.tags, &policy.tags, carried]);
    let request = Request::CopyBackup {
        source_region: backup.place.region.clone(),
        backup: backup.id.clone(),
        kms_key: destination.kms_key.clone(),
        token: key.token(attempt),
        tags,
    };
    (request, dropped)
}

fn lifeboat_tags(policy: &Policy, key: &WorkKey, attempt: u32, origin: Option<Origin>) -> LifeboatTags {
    LifeboatTags {
        policy: Some(policy.name.clone()),
        source: key.source.source.clone(),
        occurrence: key.occurrence,
        attempt,
        origin,
        hold: None,
    }
}

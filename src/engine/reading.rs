//! The SDK's types converted to the domain's. Nothing that a response contains, or lacks, is trusted.

use crate::domain::action::SourceFacts;
use crate::domain::fault::{Fault, FaultClass, clean};
use crate::domain::id::account_of_arn;
use crate::domain::lane::FileSystemKind;
use crate::domain::point::{Lifecycle, MadeAs, ObservedBackup};
use crate::domain::policy::Tags;
use crate::domain::time::Time;
use aws_sdk_fsx::types;

/// Maximum length of an id, that of a backup (fsx-facts 3.7).
const ID_MAX_BYTES: usize = 128;
/// Maximum length of a key name.
const KEY_MAX_CHARS: usize = 2048;
/// AWS's enum values are much shorter.
const WORD_MAX_CHARS: usize = 64;
/// Maximum number of tags read per resource: fifty of its owner's, and those that AWS adds.
const TAGS_MAX: usize = 200;

/// The text, if it has the form of an AWS id.
fn id_of(text: &str) -> Option<&str> {
    let fits = (1..=ID_MAX_BYTES).contains(&text.len());
    (fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')).then_some(text)
}

/// All readable items of a list. AWS sends even an empty list, so a missing list means a broken response and must not
/// count as an empty inventory.
pub(super) fn all<A, B>(list: Option<Vec<A>>, read: fn(&A) -> Option<B>) -> Result<Vec<B>, Fault> {
    let lost = || Fault::new(FaultClass::Unanswered, "EmptyAnswer", "the answer does not hold what was asked for");
    Ok(list.ok_or_else(lost)?.iter().filter_map(read).collect())
}

/// A backup in a response; `None` without a valid id.
pub(super) fn observed(backup: &types::Backup) -> Option<ObservedBackup> {
    let id = backup.backup_id().and_then(id_of)?;
    let kind = backup.file_system().and_then(|system| system.file_system_type());
    let volume = backup.volume().and_then(|volume| volume.volume_id()).and_then(id_of);
    Some(ObservedBackup {
        id: id.into(),
        lifecycle: backup.lifecycle().map_or(Lifecycle::Unknown, |lifecycle| Lifecycle::parse(lifecycle.as_str())),
        created_at: backup.creation_time().and_then(time).unwrap_or(Time::ZERO),
        failure: backup.failure_details().and_then(|details| details.message()).map(|text| clean(text, 500)),
        progress_percent: backup.progress_percent().and_then(|percent| u8::try_from(percent.clamp(0, 100)).ok()),
        size_bytes: backup.size_in_bytes().and_then(|size| u64::try_from(size).ok()),
        kms_key: backup.kms_key_id().map(|key| clean(key, KEY_MAX_CHARS)),
        kind: match kind {
            Some(kind) => FileSystemKind::parse(kind.as_str()),
            None if volume.is_some() => FileSystemKind::Ontap,
            None => FileSystemKind::Other,
        },
        file_system: backup.file_system().and_then(|system| system.file_system_id()).and_then(id_of).map(Into::into),
        volume: volume.map(Into::into),
        // The presence of a link matters even if it is not a valid id.
        copied_from: backup.source_backup_id().filter(|id| !id.is_empty()).map(|id| clean(id, ID_MAX_BYTES).into()),
        copied_from_region: backup.source_backup_region().and_then(id_of).map(Into::into),
        arn: backup.resource_arn().filter(|arn| arn.len() <= 512 && !arn.contains(char::is_control)).map(Into::into),
        made_as: match backup.r#type() {
            Some(types::BackupType::UserInitiated) => MadeAs::UserInitiated,
            Some(types::BackupType::Automatic) => MadeAs::Automatic,
            Some(types::BackupType::AwsBackup) => MadeAs::AwsBackup,
            _ => MadeAs::Untold,
        },
        tags: tags(backup.tags()).into(),
    })
}

/// A source in a DescribeFileSystems response; `None` without a valid id.
pub(super) fn file_system(system: &types::FileSystem) -> Option<SourceFacts> {
    let tags = tags(system.tags());
    Some(SourceFacts {
        source: id_of(system.file_system_id()?)?.into(),
        kind: system.file_system_type().map_or(FileSystemKind::Other, |kind| FileSystemKind::parse(kind.as_str())),
        lifecycle: clean(system.lifecycle().map_or("", |lifecycle| lifecycle.as_str()), WORD_MAX_CHARS),
        name: tags.get(crate::domain::tags::NAME).cloned(),
        account: system.resource_arn().and_then(account_of_arn).map(Into::into),
        tags,
    })
}

/// A source in a DescribeVolumes response; `None` without a valid id.
pub(super) fn volume(volume: &types::Volume) -> Option<SourceFacts> {
    Some(SourceFacts {
        source: id_of(volume.volume_id()?)?.into(),
        kind: match volume.volume_type() {
            Some(types::VolumeType::Openzfs) => FileSystemKind::OpenZfs,
            _ => FileSystemKind::Ontap,
        },
        lifecycle: clean(volume.lifecycle().map_or("", |lifecycle| lifecycle.as_str()), WORD_MAX_CHARS),
        tags: tags(volume.tags()),
        name: volume.name().map(|name| clean(name, 256)),
        account: volume.resource_arn().and_then(account_of_arn).map(Into::into),
    })
}

/// AWS began in 2006, and a time after 9999-12-30 cannot be written into a tag: times out of this range are ignored.
const TIMES_MILLIS: std::ops::Range<i64> = 1_136_073_600_000..253_402_207_201_000;

fn time(at: &aws_smithy_types::DateTime) -> Option<Time> {
    at.to_millis().ok().filter(|millis| TIMES_MILLIS.contains(millis)).map(Time::from_millis)
}

/// The tags that satisfy AWS's limits; others are dropped.
fn tags(tags: &[types::Tag]) -> Tags {
    let lawful = |text: &str, max: usize| text.chars().count() <= max && !text.contains(char::is_control);
    tags.iter()
        .filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())))
        .filter(|(key, value)| !key.is_empty() && lawful(key, 128) && lawful(value, 256))
        .take(TAGS_MAX)
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Tags for a request.
pub(super) fn sdk_tags(tags: &Tags) -> Vec<types::Tag> {
    tags.iter().map(|(key, value)| sdk_tag(key, value)).collect()
}

/// One tag for a request.
pub(super) fn sdk_tag(key: &str, value: &str) -> types::Tag {
    types::Tag::builder().key(key).value(value).build()
}

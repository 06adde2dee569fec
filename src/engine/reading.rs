//! The SDK's types as the domain's nouns. Nothing an answer holds, or lacks, is trusted.

use crate::domain::action::SourceFacts;
use crate::domain::fault::clean;
use crate::domain::lane::FileSystemKind;
use crate::domain::point::{Lifecycle, Sighting};
use crate::domain::policy::Tags;
use crate::domain::time::Time;
use aws_sdk_fsx::types;

/// A backup as the answer shows it; `None` if it has no id.
pub(super) fn sighting(backup: &types::Backup) -> Option<Sighting> {
    let of_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let id = backup.backup_id().filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(of_id))?;
    let kind = backup.file_system().and_then(|system| system.file_system_type());
    let volume = backup.volume().and_then(|volume| volume.volume_id());
    let counts_to_quota =
        matches!(backup.r#type(), Some(types::BackupType::UserInitiated | types::BackupType::AwsBackup));
    Some(Sighting {
        id: id.into(),
        lifecycle: backup.lifecycle().map_or(Lifecycle::Unknown, |lifecycle| Lifecycle::parse(lifecycle.as_str())),
        created_at: backup.creation_time().and_then(time).unwrap_or(Time::ZERO),
        failure: backup.failure_details().and_then(|details| details.message()).map(|text| clean(text, 500)),
        progress_percent: backup.progress_percent().and_then(|percent| u8::try_from(percent.clamp(0, 100)).ok()),
        size_bytes: backup.size_in_bytes().and_then(|size| u64::try_from(size).ok()),
        kms_key: backup.kms_key_id().map(str::to_owned),
        kind: match kind {
            Some(kind) => FileSystemKind::parse(kind.as_str()),
            None if volume.is_some() => FileSystemKind::Ontap,
            None => FileSystemKind::Other,
        },
        volume: volume.map(Into::into),
        copied_from: backup.source_backup_id().filter(|id| !id.is_empty()).map(Into::into),
        arn: backup.resource_arn().filter(|arn| arn.len() <= 512).map(str::to_owned),
        counts_to_quota,
        tags: tags(backup.tags()),
    })
}

/// What DescribeFileSystems says of a source; `None` if it has no id.
pub(super) fn file_system(system: &types::FileSystem) -> Option<SourceFacts> {
    let tags = tags(system.tags());
    Some(SourceFacts {
        source: system.file_system_id()?.into(),
        kind: system.file_system_type().map_or(FileSystemKind::Other, |kind| FileSystemKind::parse(kind.as_str())),
        lifecycle: system.lifecycle().map_or("", |lifecycle| lifecycle.as_str()).to_owned(),
        name: tags.get(crate::domain::tags::NAME).cloned(),
        tags,
    })
}

/// What DescribeVolumes says of a source; `None` if it has no id.
pub(super) fn volume(volume: &types::Volume) -> Option<SourceFacts> {
    Some(SourceFacts {
        source: volume.volume_id()?.into(),
        kind: match volume.volume_type() {
            Some(types::VolumeType::Openzfs) => FileSystemKind::OpenZfs,
            _ => FileSystemKind::Ontap,
        },
        lifecycle: volume.lifecycle().map_or("", |lifecycle| lifecycle.as_str()).to_owned(),
        tags: tags(volume.tags()),
        name: volume.name().map(str::to_owned),
    })
}

/// AWS began in 2006, and a time after 9999 cannot be written into a tag: both are no times.
const TIMES_MILLIS: std::ops::Range<i64> = 1_136_073_600_000..253_402_300_800_000;

fn time(at: &aws_smithy_types::DateTime) -> Option<Time> {
    at.to_millis().ok().filter(|millis| TIMES_MILLIS.contains(millis)).map(Time::from_millis)
}

fn tags(tags: &[types::Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

/// Tags for a request.
pub(super) fn sdk_tags(tags: &Tags) -> Vec<types::Tag> {
    tags.iter().map(|(key, value)| sdk_tag(key, value)).collect()
}

/// One tag for a request.
pub(super) fn sdk_tag(key: &str, value: &str) -> types::Tag {
    types::Tag::builder().key(key).value(value).build()
}

//! The requests of the simulated operations, as in the FSx API model (2018-03-01).
//!
//! The large ones, which create and delete file systems and volumes, are in a separate file.

mod creating;

use super::patterns::{
    ARN_P, BACKUP_P, DAILY_P, FILE_SYSTEM_P, FILTER_P, KEY_P, NEXT_P, REGION_P, SUBNET_P, SVM_P, TAG_P, TOKEN_P,
    VOLUME_P, WEEKLY_P,
};
use super::validate::Shape::{Flag, List, OneOf, Record, Text, Whole};
use super::validate::{Member, Shape, may, must};
use creating::{CREATE_FILE_SYSTEM, CREATE_SVM, CREATE_VOLUME, DELETE_FILE_SYSTEM, DELETE_VOLUME};

const INT: i64 = i32::MAX as i64;

static FILE_SYSTEM: Shape = Text { min: 11, max: 21, pattern: Some(&FILE_SYSTEM_P) };
static VOLUME: Shape = Text { min: 23, max: 23, pattern: Some(&VOLUME_P) };
static SVM: Shape = Text { min: 21, max: 21, pattern: Some(&SVM_P) };
static BACKUP: Shape = Text { min: 12, max: 128, pattern: Some(&BACKUP_P) };
static SUBNET: Shape = Text { min: 15, max: 24, pattern: Some(&SUBNET_P) };
static TOKEN: Shape = Text { min: 1, max: 63, pattern: Some(&TOKEN_P) };
static REGION: Shape = Text { min: 1, max: 20, pattern: Some(&REGION_P) };
static KEY: Shape = Text { min: 1, max: 2048, pattern: Some(&KEY_P) };
static NEXT: Shape = Text { min: 1, max: 255, pattern: Some(&NEXT_P) };
static ARN: Shape = Text { min: 8, max: 512, pattern: Some(&ARN_P) };
static WEEKLY: Shape = Text { min: 7, max: 7, pattern: Some(&WEEKLY_P) };
static DAILY: Shape = Text { min: 5, max: 5, pattern: Some(&DAILY_P) };
static FLAG: Shape = Flag;
static MAX_RESULTS: Shape = Whole { min: 1, max: INT };
static TAG_KEY: Shape = Text { min: 1, max: 128, pattern: Some(&TAG_P) };
static TAG_VALUE: Shape = Text { min: 0, max: 256, pattern: Some(&TAG_P) };
static TAG: Shape = Record(&[must("Key", &TAG_KEY), must("Value", &TAG_VALUE)]);
static TAGS: Shape = List { min: 1, max: 50, item: &TAG };
static TAG_KEYS: Shape = List { min: 1, max: 50, item: &TAG_KEY };
static FILTER_VALUE: Shape = Text { min: 1, max: 128, pattern: Some(&FILTER_P) };
static FILTER_VALUES: Shape = List { min: 0, max: 20, item: &FILTER_VALUE };

const PAGE: [Member; 2] = [may("MaxResults", &MAX_RESULTS), may("NextToken", &NEXT)];

static BACKUP_FILTER: Shape = Record(&[
    may(
        "Name",
        &OneOf(&[
            "file-system-id",
            "backup-type",
            "file-system-type",
            "volume-id",
            "data-repository-type",
            "file-cache-id",
            "file-cache-type",
        ]),
    ),
    may("Values", &FILTER_VALUES),
]);
static VOLUME_FILTER: Shape =
    Record(&[may("Name", &OneOf(&["file-system-id", "storage-virtual-machine-id"])), may("Values", &FILTER_VALUES)]);
static SVM_FILTER: Shape = Record(&[may("Name", &OneOf(&["file-system-id"])), may("Values", &FILTER_VALUES)]);

static CREATE_BACKUP: &[Member] = &[
    may("FileSystemId", &FILE_SYSTEM),
    may("ClientRequestToken", &TOKEN),
    may("Tags", &TAGS),
    may("VolumeId", &VOLUME),
];
static COPY_BACKUP: &[Member] = &[
    may("ClientRequestToken", &TOKEN),
    must("SourceBackupId", &BACKUP),
    may("SourceRegion", &REGION),
    may("KmsKeyId", &KEY),
    may("CopyTags", &FLAG),
    may("Tags", &TAGS),
];
static DELETE_BACKUP: &[Member] = &[must("BackupId", &BACKUP), may("ClientRequestToken", &TOKEN)];
static DESCRIBE_BACKUPS: &[Member] = &[
    may("BackupIds", &List { min: 0, max: 50, item: &BACKUP }),
    may("Filters", &List { min: 0, max: 10, item: &BACKUP_FILTER }),
    PAGE[0],
    PAGE[1],
];
static DESCRIBE_FILE_SYSTEMS: &[Member] =
    &[may("FileSystemIds", &List { min: 0, max: 50, item: &FILE_SYSTEM }), PAGE[0], PAGE[1]];
static DESCRIBE_VOLUMES: &[Member] = &[
    may("VolumeIds", &List { min: 0, max: 50, item: &VOLUME }),
    may("Filters", &List { min: 0, max: 2, item: &VOLUME_FILTER }),
    PAGE[0],
    PAGE[1],
];
static DESCRIBE_SVMS: &[Member] = &[
    may("StorageVirtualMachineIds", &List { min: 0, max: 50, item: &SVM }),
    may("Filters", &List { min: 0, max: 1, item: &SVM_FILTER }),
    PAGE[0],
    PAGE[1],
];
static TAG_RESOURCE: &[Member] = &[must("ResourceARN", &ARN), must("Tags", &TAGS)];
static UNTAG_RESOURCE: &[Member] = &[must("ResourceARN", &ARN), must("TagKeys", &TAG_KEYS)];
static LIST_TAGS: &[Member] = &[must("ResourceARN", &ARN), PAGE[0], PAGE[1]];

/// The operations, each with the shape of its request.
pub(crate) static OPERATIONS: &[(&str, &[Member])] = &[
    ("CopyBackup", COPY_BACKUP),
    ("CreateBackup", CREATE_BACKUP),
    ("CreateFileSystem", CREATE_FILE_SYSTEM),
    ("CreateStorageVirtualMachine", CREATE_SVM),
    ("CreateVolume", CREATE_VOLUME),
    ("DeleteBackup", DELETE_BACKUP),
    ("DeleteFileSystem", DELETE_FILE_SYSTEM),
    ("DeleteVolume", DELETE_VOLUME),
    ("DescribeBackups", DESCRIBE_BACKUPS),
    ("DescribeFileSystems", DESCRIBE_FILE_SYSTEMS),
    ("DescribeStorageVirtualMachines", DESCRIBE_SVMS),
    ("DescribeVolumes", DESCRIBE_VOLUMES),
    ("ListTagsForResource", LIST_TAGS),
    ("TagResource", TAG_RESOURCE),
    ("UntagResource", UNTAG_RESOURCE),
];

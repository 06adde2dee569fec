//! The complete requests that create and delete file systems, volumes and storage virtual machines, as in the API
//! model.
//!
//! The simulator reads few of these members. But a request that FSx would reject must be rejected here too, or the
//! mistake shows only when it is first sent to AWS.

use super::super::patterns::{
    ACTIVE_DIRECTORY_FULLY_QUALIFIED_NAME_P, ADMIN_PASSWORD_P, AGGREGATE_P, ALTERNATE_DNS_NAME_P, ARCHIVE_PATH_P,
    CUSTOMER_SECRETS_MANAGER_ARN_P, DIRECTORY_ID_P, DIRECTORY_PASSWORD_P, FILE_SYSTEM_ADMINISTRATORS_GROUP_NAME_P,
    FILE_SYSTEM_TYPE_VERSION_P, GENERAL_ARN_P, IP_ADDRESS_P, IP_ADDRESS_RANGE_P, IPV6_ADDRESS_RANGE_P,
    LUSTRE_NO_SQUASH_NID_P, LUSTRE_ROOT_SQUASH_P, OPENZFS_CLIENTS_P, ORGANIZATIONAL_UNIT_DISTINGUISHED_NAME_P,
    ROUTE_TABLE_ID_P, SECURITY_GROUP_ID_P, STORAGE_VIRTUAL_MACHINE_NAME_P, VOLUME_NAME_P,
};
use super::super::validate::Shape::{List, OneOf, Record, Text, Whole};
use super::super::validate::{Member, Shape, may, must};
use super::{ARN, DAILY, FILE_SYSTEM, FLAG, INT, KEY, SUBNET, SVM, TAGS, TOKEN, VOLUME, WEEKLY};

static FILE_SYSTEM_TYPE: Shape = OneOf(&["WINDOWS", "LUSTRE", "ONTAP", "OPENZFS"]);
static STORAGE_CAPACITY: Shape = Whole { min: 0, max: INT };
static STORAGE_TYPE: Shape = OneOf(&["SSD", "HDD", "INTELLIGENT_TIERING"]);
static SUBNET_IDS: Shape = List { min: 0, max: 50, item: &SUBNET };
static SECURITY_GROUP_ID: Shape = Text { min: 11, max: 20, pattern: Some(&SECURITY_GROUP_ID_P) };
static SECURITY_GROUP_IDS: Shape = List { min: 0, max: 50, item: &SECURITY_GROUP_ID };
static DIRECTORY_ID: Shape = Text { min: 12, max: 12, pattern: Some(&DIRECTORY_ID_P) };
static ACTIVE_DIRECTORY_FULLY_QUALIFIED_NAME: Shape =
    Text { min: 1, max: 255, pattern: Some(&ACTIVE_DIRECTORY_FULLY_QUALIFIED_NAME_P) };
static ORGANIZATIONAL_UNIT_DISTINGUISHED_NAME: Shape =
    Text { min: 1, max: 2000, pattern: Some(&ORGANIZATIONAL_UNIT_DISTINGUISHED_NAME_P) };
static FILE_SYSTEM_ADMINISTRATORS_GROUP_NAME: Shape =
    Text { min: 1, max: 256, pattern: Some(&FILE_SYSTEM_ADMINISTRATORS_GROUP_NAME_P) };
static DIRECTORY_USER_NAME: Shape = Text { min: 1, max: 256, pattern: Some(&FILE_SYSTEM_ADMINISTRATORS_GROUP_NAME_P) };
static DIRECTORY_PASSWORD: Shape = Text { min: 1, max: 256, pattern: Some(&DIRECTORY_PASSWORD_P) };
static IP_ADDRESS: Shape = Text { min: 1, max: 45, pattern: Some(&IP_ADDRESS_P) };
static DNS_IPS: Shape = List { min: 1, max: 3, item: &IP_ADDRESS };
static CUSTOMER_SECRETS_MANAGER_ARN: Shape =
    Text { min: 64, max: 1024, pattern: Some(&CUSTOMER_SECRETS_MANAGER_ARN_P) };
static SELF_MANAGED_ACTIVE_DIRECTORY_CONFIGURATION: Shape = Record(&[
    must("DomainName", &ACTIVE_DIRECTORY_FULLY_QUALIFIED_NAME),
    may("OrganizationalUnitDistinguishedName", &ORGANIZATIONAL_UNIT_DISTINGUISHED_NAME),
    may("FileSystemAdministratorsGroup", &FILE_SYSTEM_ADMINISTRATORS_GROUP_NAME),
    may("UserName", &DIRECTORY_USER_NAME),
    may("Password", &DIRECTORY_PASSWORD),
    must("DnsIps", &DNS_IPS),
    may("DomainJoinServiceAccountSecret", &CUSTOMER_SECRETS_MANAGER_ARN),
]);
static WINDOWS_DEPLOYMENT_TYPE: Shape = OneOf(&["MULTI_AZ_1", "SINGLE_AZ_1", "SINGLE_AZ_2"]);
static MEGABYTES_PER_SECOND: Shape = Whole { min: 8, max: INT };
static AUTOMATIC_BACKUP_RETENTION_DAYS: Shape = Whole { min: 0, max: 90 };
static ALTERNATE_DNS_NAME: Shape = Text { min: 4, max: 253, pattern: Some(&ALTERNATE_DNS_NAME_P) };
static ALTERNATE_DNS_NAMES: Shape = List { min: 0, max: 50, item: &ALTERNATE_DNS_NAME };
static WINDOWS_ACCESS_AUDIT_LOG_LEVEL: Shape =
    OneOf(&["DISABLED", "SUCCESS_ONLY", "FAILURE_ONLY", "SUCCESS_AND_FAILURE"]);
static GENERAL_ARN: Shape = Text { min: 8, max: 1024, pattern: Some(&GENERAL_ARN_P) };
static WINDOWS_AUDIT_LOG_CREATE_CONFIGURATION: Shape = Record(&[
    must("FileAccessAuditLogLevel", &WINDOWS_ACCESS_AUDIT_LOG_LEVEL),
    must("FileShareAccessAuditLogLevel", &WINDOWS_ACCESS_AUDIT_LOG_LEVEL),
    may("AuditLogDestination", &GENERAL_ARN),
]);
static DISK_IOPS_CONFIGURATION_MODE: Shape = OneOf(&["AUTOMATIC", "USER_PROVISIONED"]);
static IOPS: Shape = Whole { min: 0, max: INT };
static DISK_IOPS_CONFIGURATION: Shape = Record(&[may("Mode", &DISK_IOPS_CONFIGURATION_MODE), may("Iops", &IOPS)]);
static WINDOWS_FSRM_CONFIGURATION: Shape =
    Record(&[must("FsrmServiceEnabled", &FLAG), may("EventLogDestination", &GENERAL_ARN)]);
static CREATE_FILE_SYSTEM_WINDOWS_CONFIGURATION: Shape = Record(&[
    may("ActiveDirectoryId", &DIRECTORY_ID),
    may("SelfManagedActiveDirectoryConfiguration", &SELF_MANAGED_ACTIVE_DIRECTORY_CONFIGURATION),
    may("DeploymentType", &WINDOWS_DEPLOYMENT_TYPE),
    may("PreferredSubnetId", &SUBNET),
    must("ThroughputCapacity", &MEGABYTES_PER_SECOND),
    may("WeeklyMaintenanceStartTime", &WEEKLY),
    may("DailyAutomaticBackupStartTime", &DAILY),
    may("AutomaticBackupRetentionDays", &AUTOMATIC_BACKUP_RETENTION_DAYS),
    may("CopyTagsToBackups", &FLAG),
    may("Aliases", &ALTERNATE_DNS_NAMES),
    may("AuditLogConfiguration", &WINDOWS_AUDIT_LOG_CREATE_CONFIGURATION),
    may("DiskIopsConfiguration", &DISK_IOPS_CONFIGURATION),
    may("FsrmConfiguration", &WINDOWS_FSRM_CONFIGURATION),
]);
static ARCHIVE_PATH: Shape = Text { min: 3, max: 4357, pattern: Some(&ARCHIVE_PATH_P) };
static MEGABYTES: Shape = Whole { min: 1, max: 512_000 };
static LUSTRE_DEPLOYMENT_TYPE: Shape = OneOf(&["SCRATCH_1", "SCRATCH_2", "PERSISTENT_1", "PERSISTENT_2"]);
static AUTO_IMPORT_POLICY_TYPE: Shape = OneOf(&["NONE", "NEW", "NEW_CHANGED", "NEW_CHANGED_DELETED"]);
static PER_UNIT_STORAGE_THROUGHPUT: Shape = Whole { min: 12, max: 1000 };
static DRIVE_CACHE_TYPE: Shape = OneOf(&["NONE", "READ"]);
static DATA_COMPRESSION_TYPE: Shape = OneOf(&["NONE", "LZ4"]);
static LUSTRE_ACCESS_AUDIT_LOG_LEVEL: Shape = OneOf(&["DISABLED", "WARN_ONLY", "ERROR_ONLY", "WARN_ERROR"]);
static LUSTRE_LOG_CREATE_CONFIGURATION: Shape =
    Record(&[must("Level", &LUSTRE_ACCESS_AUDIT_LOG_LEVEL), may("Destination", &GENERAL_ARN)]);
static LUSTRE_ROOT_SQUASH: Shape = Text { min: 3, max: 21, pattern: Some(&LUSTRE_ROOT_SQUASH_P) };
static LUSTRE_NO_SQUASH_NID: Shape = Text { min: 11, max: 43, pattern: Some(&LUSTRE_NO_SQUASH_NID_P) };
static LUSTRE_NO_SQUASH_NIDS: Shape = List { min: 0, max: 64, item: &LUSTRE_NO_SQUASH_NID };
static LUSTRE_ROOT_SQUASH_CONFIGURATION: Shape =
    Record(&[may("RootSquash", &LUSTRE_ROOT_SQUASH), may("NoSquashNids", &LUSTRE_NO_SQUASH_NIDS)]);
static METADATA_IOPS: Shape = Whole { min: 1500, max: 192_000 };
static METADATA_CONFIGURATION_MODE: Shape = OneOf(&["AUTOMATIC", "USER_PROVISIONED"]);
static CREATE_FILE_SYSTEM_LUSTRE_METADATA_CONFIGURATION: Shape =
    Record(&[may("Iops", &METADATA_IOPS), must("Mode", &METADATA_CONFIGURATION_MODE)]);
static THROUGHPUT_CAPACITY_MBPS: Shape = Whole { min: 4000, max: 2_000_000 };
static LUSTRE_READ_CACHE_SIZING_MODE: Shape =
    OneOf(&["NO_CACHE", "USER_PROVISIONED", "PROPORTIONAL_TO_THROUGHPUT_CAPACITY"]);
static LUSTRE_READ_CACHE_CONFIGURATION: Shape =
    Record(&[may("SizingMode", &LUSTRE_READ_CACHE_SIZING_MODE), may("SizeGiB", &STORAGE_CAPACITY)]);
static CREATE_FILE_SYSTEM_LUSTRE_CONFIGURATION: Shape = Record(&[
    may("WeeklyMaintenanceStartTime", &WEEKLY),
    may("ImportPath", &ARCHIVE_PATH),
    may("ExportPath", &ARCHIVE_PATH),
    may("ImportedFileChunkSize", &MEGABYTES),
    may("DeploymentType", &LUSTRE_DEPLOYMENT_TYPE),
    may("AutoImportPolicy", &AUTO_IMPORT_POLICY_TYPE),
    may("PerUnitStorageThroughput", &PER_UNIT_STORAGE_THROUGHPUT),
    may("DailyAutomaticBackupStartTime", &DAILY),
    may("AutomaticBackupRetentionDays", &AUTOMATIC_BACKUP_RETENTION_DAYS),
    may("CopyTagsToBackups", &FLAG),
    may("DriveCacheType", &DRIVE_CACHE_TYPE),
    may("DataCompressionType", &DATA_COMPRESSION_TYPE),
    may("EfaEnabled", &FLAG),
    may("LogConfiguration", &LUSTRE_LOG_CREATE_CONFIGURATION),
    may("RootSquashConfiguration", &LUSTRE_ROOT_SQUASH_CONFIGURATION),
    may("MetadataConfiguration", &CREATE_FILE_SYSTEM_LUSTRE_METADATA_CONFIGURATION),
    may("ThroughputCapacity", &THROUGHPUT_CAPACITY_MBPS),
    may("DataReadCacheConfiguration", &LUSTRE_READ_CACHE_CONFIGURATION),
]);
static ONTAP_DEPLOYMENT_TYPE: Shape = OneOf(&["MULTI_AZ_1", "SINGLE_AZ_1", "SINGLE_AZ_2", "MULTI_AZ_2"]);
static IP_ADDRESS_RANGE: Shape = Text { min: 9, max: 17, pattern: Some(&IP_ADDRESS_RANGE_P) };
static ADMIN_PASSWORD: Shape = Text { min: 8, max: 50, pattern: Some(&ADMIN_PASSWORD_P) };
static ROUTE_TABLE_ID: Shape = Text { min: 12, max: 21, pattern: Some(&ROUTE_TABLE_ID_P) };
static ROUTE_TABLE_IDS: Shape = List { min: 0, max: 50, item: &ROUTE_TABLE_ID };
static HA_PAIRS: Shape = Whole { min: 1, max: 12 };
static THROUGHPUT_CAPACITY_PER_HA_PAIR: Shape = Whole { min: 128, max: INT };
static IPV6_ADDRESS_RANGE: Shape = Text { min: 4, max: 43, pattern: Some(&IPV6_ADDRESS_RANGE_P) };
static CREATE_FILE_SYSTEM_ONTAP_CONFIGURATION: Shape = Record(&[
    may("AutomaticBackupRetentionDays", &AUTOMATIC_BACKUP_RETENTION_DAYS),
    may("DailyAutomaticBackupStartTime", &DAILY),
    must("DeploymentType", &ONTAP_DEPLOYMENT_TYPE),
    may("EndpointIpAddressRange", &IP_ADDRESS_RANGE),
    may("FsxAdminPassword", &ADMIN_PASSWORD),
    may("DiskIopsConfiguration", &DISK_IOPS_CONFIGURATION),
    may("PreferredSubnetId", &SUBNET),
    may("RouteTableIds", &ROUTE_TABLE_IDS),
    may("ThroughputCapacity", &MEGABYTES_PER_SECOND),
    may("WeeklyMaintenanceStartTime", &WEEKLY),
    may("HAPairs", &HA_PAIRS),
    may("ThroughputCapacityPerHAPair", &THROUGHPUT_CAPACITY_PER_HA_PAIR),
    may("EndpointIpv6AddressRange", &IPV6_ADDRESS_RANGE),
]);
static FILE_SYSTEM_TYPE_VERSION: Shape = Text { min: 1, max: 20, pattern: Some(&FILE_SYSTEM_TYPE_VERSION_P) };
static OPENZFS_DEPLOYMENT_TYPE: Shape =
    OneOf(&["SINGLE_AZ_1", "SINGLE_AZ_2", "SINGLE_AZ_HA_1", "SINGLE_AZ_HA_2", "MULTI_AZ_1"]);
static RECORD_SIZE_KIB: Shape = Whole { min: 4, max: 4096 };
static OPENZFS_DATA_COMPRESSION_TYPE: Shape = OneOf(&["NONE", "ZSTD", "LZ4"]);
static OPENZFS_CLIENTS: Shape = Text { min: 1, max: 128, pattern: Some(&OPENZFS_CLIENTS_P) };
static OPENZFS_NFS_EXPORT_OPTION: Shape = Text { min: 1, max: 128, pattern: Some(&OPENZFS_CLIENTS_P) };
static OPENZFS_NFS_EXPORT_OPTIONS: Shape = List { min: 1, max: 20, item: &OPENZFS_NFS_EXPORT_OPTION };
static OPENZFS_CLIENT_CONFIGURATION: Shape =
    Record(&[must("Clients", &OPENZFS_CLIENTS), must("Options", &OPENZFS_NFS_EXPORT_OPTIONS)]);
static OPENZFS_CLIENT_CONFIGURATIONS: Shape = List { min: 0, max: 25, item: &OPENZFS_CLIENT_CONFIGURATION };
static OPENZFS_NFS_EXPORT: Shape = Record(&[must("ClientConfigurations", &OPENZFS_CLIENT_CONFIGURATIONS)]);
static OPENZFS_NFS_EXPORTS: Shape = List { min: 0, max: 1, item: &OPENZFS_NFS_EXPORT };
static OPENZFS_QUOTA_TYPE: Shape = OneOf(&["USER", "GROUP"]);
static INTEGER_NO_MAX: Shape = Whole { min: 0, max: INT };
static OPENZFS_USER_OR_GROUP_QUOTA: Shape = Record(&[
    must("Type", &OPENZFS_QUOTA_TYPE),
    must("Id", &INTEGER_NO_MAX),
    must("StorageCapacityQuotaGiB", &INTEGER_NO_MAX),
]);
static OPENZFS_USER_AND_GROUP_QUOTAS: Shape = List { min: 0, max: 500, item: &OPENZFS_USER_OR_GROUP_QUOTA };
static OPENZFS_CREATE_ROOT_VOLUME_CONFIGURATION: Shape = Record(&[
    may("RecordSizeKiB", &RECORD_SIZE_KIB),
    may("DataCompressionType", &OPENZFS_DATA_COMPRESSION_TYPE),
    may("NfsExports", &OPENZFS_NFS_EXPORTS),
    may("UserAndGroupQuotas", &OPENZFS_USER_AND_GROUP_QUOTAS),
    may("CopyTagsToSnapshots", &FLAG),
    may("ReadOnly", &FLAG),
]);
static OPENZFS_READ_CACHE_SIZING_MODE: Shape =
    OneOf(&["NO_CACHE", "USER_PROVISIONED", "PROPORTIONAL_TO_THROUGHPUT_CAPACITY"]);
static OPENZFS_READ_CACHE_CONFIGURATION: Shape =
    Record(&[may("SizingMode", &OPENZFS_READ_CACHE_SIZING_MODE), may("SizeGiB", &STORAGE_CAPACITY)]);
static CREATE_FILE_SYSTEM_OPENZFS_CONFIGURATION: Shape = Record(&[
    may("AutomaticBackupRetentionDays", &AUTOMATIC_BACKUP_RETENTION_DAYS),
    may("CopyTagsToBackups", &FLAG),
    may("CopyTagsToVolumes", &FLAG),
    may("DailyAutomaticBackupStartTime", &DAILY),
    must("DeploymentType", &OPENZFS_DEPLOYMENT_TYPE),
    must("ThroughputCapacity", &MEGABYTES_PER_SECOND),
    may("WeeklyMaintenanceStartTime", &WEEKLY),
    may("DiskIopsConfiguration", &DISK_IOPS_CONFIGURATION),
    may("RootVolumeConfiguration", &OPENZFS_CREATE_ROOT_VOLUME_CONFIGURATION),
    may("PreferredSubnetId", &SUBNET),
    may("EndpointIpAddressRange", &IP_ADDRESS_RANGE),
    may("EndpointIpv6AddressRange", &IPV6_ADDRESS_RANGE),
    may("RouteTableIds", &ROUTE_TABLE_IDS),
    may("ReadCacheConfiguration", &OPENZFS_READ_CACHE_CONFIGURATION),
]);
static NETWORK_TYPE: Shape = OneOf(&["IPV4", "DUAL"]);
static VOLUME_TYPE: Shape = OneOf(&["ONTAP", "OPENZFS"]);
static VOLUME_NAME: Shape = Text { min: 1, max: 203, pattern: Some(&VOLUME_NAME_P) };
static JUNCTION_PATH: Shape = Text { min: 1, max: 255, pattern: Some(&ACTIVE_DIRECTORY_FULLY_QUALIFIED_NAME_P) };
static SECURITY_STYLE: Shape = OneOf(&["UNIX", "NTFS", "MIXED"]);
static VOLUME_CAPACITY: Shape = Whole { min: 0, max: INT };
static COOLING_PERIOD: Shape = Whole { min: 2, max: 183 };
static TIERING_POLICY_NAME: Shape = OneOf(&["SNAPSHOT_ONLY", "AUTO", "ALL", "NONE"]);
static TIERING_POLICY: Shape = Record(&[may("CoolingPeriod", &COOLING_PERIOD), may("Name", &TIERING_POLICY_NAME)]);
static INPUT_ONTAP_VOLUME_TYPE: Shape = OneOf(&["RW", "DP"]);
static SNAPSHOT_POLICY: Shape = Text { min: 1, max: 255, pattern: None };
static AUTOCOMMIT_PERIOD_TYPE: Shape = OneOf(&["MINUTES", "HOURS", "DAYS", "MONTHS", "YEARS", "NONE"]);
static AUTOCOMMIT_PERIOD_VALUE: Shape = Whole { min: 1, max: 65_535 };
static AUTOCOMMIT_PERIOD: Shape =
    Record(&[must("Type", &AUTOCOMMIT_PERIOD_TYPE), may("Value", &AUTOCOMMIT_PERIOD_VALUE)]);
static PRIVILEGED_DELETE: Shape = OneOf(&["DISABLED", "ENABLED", "PERMANENTLY_DISABLED"]);
static RETENTION_PERIOD_TYPE: Shape =
    OneOf(&["SECONDS", "MINUTES", "HOURS", "DAYS", "MONTHS", "YEARS", "INFINITE", "UNSPECIFIED"]);
static RETENTION_PERIOD_VALUE: Shape = Whole { min: 0, max: 65_535 };
static RETENTION_PERIOD: Shape = Record(&[must("Type", &RETENTION_PERIOD_TYPE), may("Value", &RETENTION_PERIOD_VALUE)]);
static SNAPLOCK_RETENTION_PERIOD: Shape = Record(&[
    must("DefaultRetention", &RETENTION_PERIOD),
    must("MinimumRetention", &RETENTION_PERIOD),
    must("MaximumRetention", &RETENTION_PERIOD),
]);
static SNAPLOCK_TYPE: Shape = OneOf(&["COMPLIANCE", "ENTERPRISE"]);
static CREATE_SNAPLOCK_CONFIGURATION: Shape = Record(&[
    may("AuditLogVolume", &FLAG),
    may("AutocommitPeriod", &AUTOCOMMIT_PERIOD),
    may("PrivilegedDelete", &PRIVILEGED_DELETE),
    may("RetentionPeriod", &SNAPLOCK_RETENTION_PERIOD),
    must("SnaplockType", &SNAPLOCK_TYPE),
    may("VolumeAppendModeEnabled", &FLAG),
]);
static VOLUME_STYLE: Shape = OneOf(&["FLEXVOL", "FLEXGROUP"]);
static AGGREGATE: Shape = Text { min: 5, max: 6, pattern: Some(&AGGREGATE_P) };
static AGGREGATES: Shape = List { min: 0, max: 6, item: &AGGREGATE };
static AGGREGATE_LIST_MULTIPLIER: Shape = Whole { min: 1, max: 200 };
static CREATE_AGGREGATE_CONFIGURATION: Shape =
    Record(&[may("Aggregates", &AGGREGATES), may("ConstituentsPerAggregate", &AGGREGATE_LIST_MULTIPLIER)]);
static VOLUME_CAPACITY_BYTES: Shape = Whole { min: 0, max: 22_517_998_000_000_000 };
static CREATE_ONTAP_VOLUME_CONFIGURATION: Shape = Record(&[
    may("JunctionPath", &JUNCTION_PATH),
    may("SecurityStyle", &SECURITY_STYLE),
    may("SizeInMegabytes", &VOLUME_CAPACITY),
    may("StorageEfficiencyEnabled", &FLAG),
    must("StorageVirtualMachineId", &SVM),
    may("TieringPolicy", &TIERING_POLICY),
    may("OntapVolumeType", &INPUT_ONTAP_VOLUME_TYPE),
    may("SnapshotPolicy", &SNAPSHOT_POLICY),
    may("CopyTagsToBackups", &FLAG),
    may("SnaplockConfiguration", &CREATE_SNAPLOCK_CONFIGURATION),
    may("VolumeStyle", &VOLUME_STYLE),
    may("AggregateConfiguration", &CREATE_AGGREGATE_CONFIGURATION),
    may("SizeInBytes", &VOLUME_CAPACITY_BYTES),
]);
static INTEGER_NO_MAX_FROM_NEGATIVE_ONE: Shape = Whole { min: -1, max: INT };
static OPENZFS_COPY_STRATEGY: Shape = OneOf(&["CLONE", "FULL_COPY", "INCREMENTAL_COPY"]);
static CREATE_OPENZFS_ORIGIN_SNAPSHOT_CONFIGURATION: Shape =
    Record(&[must("SnapshotARN", &ARN), must("CopyStrategy", &OPENZFS_COPY_STRATEGY)]);
static CREATE_OPENZFS_VOLUME_CONFIGURATION: Shape = Record(&[
    must("ParentVolumeId", &VOLUME),
    may("StorageCapacityReservationGiB", &INTEGER_NO_MAX_FROM_NEGATIVE_ONE),
    may("StorageCapacityQuotaGiB", &INTEGER_NO_MAX_FROM_NEGATIVE_ONE),
    may("RecordSizeKiB", &RECORD_SIZE_KIB),
    may("DataCompressionType", &OPENZFS_DATA_COMPRESSION_TYPE),
    may("CopyTagsToSnapshots", &FLAG),
    may("OriginSnapshot", &CREATE_OPENZFS_ORIGIN_SNAPSHOT_CONFIGURATION),
    may("ReadOnly", &FLAG),
    may("NfsExports", &OPENZFS_NFS_EXPORTS),
    may("UserAndGroupQuotas", &OPENZFS_USER_AND_GROUP_QUOTAS),
]);
static NET_BIOS_ALIAS: Shape = Text { min: 1, max: 15, pattern: Some(&ACTIVE_DIRECTORY_FULLY_QUALIFIED_NAME_P) };
static CREATE_SVM_ACTIVE_DIRECTORY_CONFIGURATION: Shape = Record(&[
    must("NetBiosName", &NET_BIOS_ALIAS),
    may("SelfManagedActiveDirectoryConfiguration", &SELF_MANAGED_ACTIVE_DIRECTORY_CONFIGURATION),
]);
static STORAGE_VIRTUAL_MACHINE_NAME: Shape = Text { min: 1, max: 47, pattern: Some(&STORAGE_VIRTUAL_MACHINE_NAME_P) };
static STORAGE_VIRTUAL_MACHINE_ROOT_VOLUME_SECURITY_STYLE: Shape = OneOf(&["UNIX", "NTFS", "MIXED"]);
static DELETE_FILE_SYSTEM_WINDOWS_CONFIGURATION: Shape =
    Record(&[may("SkipFinalBackup", &FLAG), may("FinalBackupTags", &TAGS)]);
static DELETE_FILE_SYSTEM_LUSTRE_CONFIGURATION: Shape =
    Record(&[may("SkipFinalBackup", &FLAG), may("FinalBackupTags", &TAGS)]);
static DELETE_FILE_SYSTEM_OPENZFS_OPTION: Shape = OneOf(&["DELETE_CHILD_VOLUMES_AND_SNAPSHOTS"]);
static DELETE_FILE_SYSTEM_OPENZFS_OPTIONS: Shape = List { min: 0, max: 1, item: &DELETE_FILE_SYSTEM_OPENZFS_OPTION };
static DELETE_FILE_SYSTEM_OPENZFS_CONFIGURATION: Shape = Record(&[
    may("SkipFinalBackup", &FLAG),
    may("FinalBackupTags", &TAGS),
    may("Options", &DELETE_FILE_SYSTEM_OPENZFS_OPTIONS),
]);
static DELETE_VOLUME_ONTAP_CONFIGURATION: Shape = Record(&[
    may("SkipFinalBackup", &FLAG),
    may("FinalBackupTags", &TAGS),
    may("BypassSnaplockEnterpriseRetention", &FLAG),
]);
static DELETE_OPENZFS_VOLUME_OPTION: Shape = OneOf(&["DELETE_CHILD_VOLUMES_AND_SNAPSHOTS"]);
static DELETE_OPENZFS_VOLUME_OPTIONS: Shape = List { min: 0, max: 1, item: &DELETE_OPENZFS_VOLUME_OPTION };
static DELETE_VOLUME_OPENZFS_CONFIGURATION: Shape = Record(&[may("Options", &DELETE_OPENZFS_VOLUME_OPTIONS)]);
pub(super) static CREATE_FILE_SYSTEM: &[Member] = &[
    may("ClientRequestToken", &TOKEN),
    must("FileSystemType", &FILE_SYSTEM_TYPE),
    may("StorageCapacity", &STORAGE_CAPACITY),
    may("StorageType", &STORAGE_TYPE),
    must("SubnetIds", &SUBNET_IDS),
    may("SecurityGroupIds", &SECURITY_GROUP_IDS),
    may("Tags", &TAGS),
    may("KmsKeyId", &KEY),
    may("WindowsConfiguration", &CREATE_FILE_SYSTEM_WINDOWS_CONFIGURATION),
    may("LustreConfiguration", &CREATE_FILE_SYSTEM_LUSTRE_CONFIGURATION),
    may("OntapConfiguration", &CREATE_FILE_SYSTEM_ONTAP_CONFIGURATION),
    may("FileSystemTypeVersion", &FILE_SYSTEM_TYPE_VERSION),
    may("OpenZFSConfiguration", &CREATE_FILE_SYSTEM_OPENZFS_CONFIGURATION),
    may("NetworkType", &NETWORK_TYPE),
];
pub(super) static CREATE_VOLUME: &[Member] = &[
    may("ClientRequestToken", &TOKEN),
    must("VolumeType", &VOLUME_TYPE),
    must("Name", &VOLUME_NAME),
    may("OntapConfiguration", &CREATE_ONTAP_VOLUME_CONFIGURATION),
    may("Tags", &TAGS),
    may("OpenZFSConfiguration", &CREATE_OPENZFS_VOLUME_CONFIGURATION),
];
pub(super) static CREATE_SVM: &[Member] = &[
    may("ActiveDirectoryConfiguration", &CREATE_SVM_ACTIVE_DIRECTORY_CONFIGURATION),
    may("ClientRequestToken", &TOKEN),
    must("FileSystemId", &FILE_SYSTEM),
    must("Name", &STORAGE_VIRTUAL_MACHINE_NAME),
    may("SvmAdminPassword", &ADMIN_PASSWORD),
    may("Tags", &TAGS),
    may("RootVolumeSecurityStyle", &STORAGE_VIRTUAL_MACHINE_ROOT_VOLUME_SECURITY_STYLE),
];
pub(super) static DELETE_FILE_SYSTEM: &[Member] = &[
    must("FileSystemId", &FILE_SYSTEM),
    may("ClientRequestToken", &TOKEN),
    may("WindowsConfiguration", &DELETE_FILE_SYSTEM_WINDOWS_CONFIGURATION),
    may("LustreConfiguration", &DELETE_FILE_SYSTEM_LUSTRE_CONFIGURATION),
    may("OpenZFSConfiguration", &DELETE_FILE_SYSTEM_OPENZFS_CONFIGURATION),
];
pub(super) static DELETE_VOLUME: &[Member] = &[
    may("ClientRequestToken", &TOKEN),
    must("VolumeId", &VOLUME),
    may("OntapConfiguration", &DELETE_VOLUME_ONTAP_CONFIGURATION),
    may("OpenZFSConfiguration", &DELETE_VOLUME_OPENZFS_CONFIGURATION),
];

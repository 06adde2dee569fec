//! What holds the simulator to FSx: table (b) of the notes on FSx, fact by fact and clause by clause, each with the tests
//! that fail if it is not so; and what is not established, each item with the knobs that turn it either way.
//!
//! Facts 29–35 (restores, AWS Backup) have no operation here yet.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat::sim::faults::HELP;
use lifeboat::sim::{Fault, Settings};
use serde_json::json;

/// Fact, clause, tests.
const CLAUSES: &[(u8, &str, &[&str])] = &[
    (1, "POST /, JSON 1.1, target by operation", &["facts_01_03_04_the_wire", "the_sdk_backs_up_copies_and_deletes"]),
    (1, "an unknown operation is UnknownOperationException", &["facts_01_03_04_the_wire"]),
    (
        2,
        "the Region comes from the signature's scope, the account from its key",
        &["fact_02_state_is_by_account_and_region"],
    ),
    (2, "partitions aws, aws-cn, aws-us-gov", &["fact_02_each_partition_has_its_own_arns"]),
    (
        2,
        "one port serves all Regions; another service in the scope is refused",
        &["fact_02_state_is_by_account_and_region", "facts_01_03_04_the_wire"],
    ),
    (
        3,
        "request id, __type and Message, x-amzn-ErrorType",
        &[
            "facts_01_03_04_the_wire",
            "facts_03_06_every_refusal_at_the_door_has_its_status_and_its_name_in_both_places",
        ],
    ),
    (
        3,
        "400 for the client's errors, 500 for the server's",
        &["facts_03_06_every_refusal_at_the_door_has_its_status_and_its_name_in_both_places"],
    ),
    (3, "errors carry their members", &["fact_03_errors_reach_the_sdk_with_their_members"]),
    (
        4,
        "epoch seconds with milliseconds",
        &[
            "fact_04_the_date_is_the_real_one_whatever_the_speed_unless_it_is_skewed",
            "fact_07_a_backup_begins_creating_and_outlives_its_source",
        ],
    ),
    (
        4,
        "the header Date is never simulated time",
        &["facts_01_03_04_the_wire", "fact_04_the_date_is_the_real_one_whatever_the_speed_unless_it_is_skewed"],
    ),
    (
        5,
        "shape violations are BadRequest in the service's words",
        &["fact_05_shapes_are_checked_in_the_words_of_aws", "apimodel.py"],
    ),
    (6, "latency", &["answers_come_late_by_the_latency_and_some_of_the_jitter"]),
    (
        6,
        "closed connections, HTML, empty and truncated answers, 403 without a body",
        &[
            "fact_06_faults_on_the_wire",
            "what_is_lost_after_the_deed_was_done",
            "what_is_refused_before_the_deed_was_not_done",
        ],
    ),
    (6, "500 and 503", &["facts_03_06_every_refusal_at_the_door_has_its_status_and_its_name_in_both_places"]),
    (6, "throttling by token bucket", &["a_token_bucket_throttles_each_operation_by_itself"]),
    (
        6,
        "OptInRequired, InvalidClientTokenId, ExpiredTokenException",
        &["facts_03_06_every_refusal_at_the_door_has_its_status_and_its_name_in_both_places"],
    ),
    (6, "clock skew", &["fact_04_the_date_is_the_real_one_whatever_the_speed_unless_it_is_skewed"]),
    (
        7,
        "exactly one of FileSystemId and VolumeId",
        &["fact_07_a_backup_begins_creating_and_outlives_its_source", "refusals_of_backups"],
    ),
    (
        7,
        "CREATING at 0 %, a 17-hex id, ARN, type, resource type",
        &["fact_07_a_backup_begins_creating_and_outlives_its_source"],
    ),
    (
        7,
        "file system and volume are remembered after they are gone",
        &[
            "fact_07_a_backup_begins_creating_and_outlives_its_source",
            "fact_27_what_goes_with_its_file_system_or_volume_and_what_stays",
        ],
    ),
    (8, "Lustre is PENDING, CREATING, TRANSFERRING", &["fact_08_lifecycles_and_durations"]),
    (8, "the others are CREATING only", &["fact_08_all_but_lustre_are_creating_until_they_are_available"]),
    (8, "as long as what changed is large; the first is the longest", &["fact_08_lifecycles_and_durations"]),
    (9, "one at a time by file system, by volume for ONTAP", &["fact_09_one_backup_at_a_time_and_maintenance_queues"]),
    (
        9,
        "automatic ones count",
        &[
            "fact_09_the_weekly_window_queues_and_automatic_backups_are_in_the_way",
            "fact_09_an_automatic_backup_bars_for_as_long_as_it_runs_and_by_volume",
        ],
    ),
    (
        9,
        "maintenance and UPDATING queue in CREATING",
        &[
            "fact_09_one_backup_at_a_time_and_maintenance_queues",
            "fact_09_the_weekly_window_queues_and_automatic_backups_are_in_the_way",
        ],
    ),
    (
        10,
        "ONTAP by file system; DP and LS; FAILED; unknown ids",
        &["fact_10_refusals", "fact_10_only_volumes_that_are_written_to_and_only_ontaps"],
    ),
    (10, "Lustre scratch and linked, in any code", &["fact_10_refusals", "refusals_of_backups"]),
    (10, "what is CREATING can be backed up later", &["fact_10_what_is_still_creating_can_be_backed_up_later"]),
    (
        11,
        "CREATING ends FAILED after half a minute, with the service's words",
        &["fact_11_an_accepted_backup_can_fail"],
    ),
    (11, "the volume that is more than 98 % full", &["progress_of_copies_and_volumes_that_are_full"]),
    (
        12,
        "tags given keep the resource's own away; else CopyTagsToBackups decides",
        &[
            "fact_12_tags_given_keep_the_file_systems_own_away",
            "fact_12_volumes_have_their_own_tags_and_their_own_flag",
        ],
    ),
    (
        13,
        "same and same is the same backup in its present state; same and different is refused with Parameter",
        &["fact_13_tokens"],
    ),
    (
        13,
        "memory with an end",
        &[
            "fact_13_tokens",
            "fact_13_tokens_are_by_account_and_their_memory_is_a_knob",
            "fact_13_a_token_whose_backup_was_deleted",
        ],
    ),
    (
        13,
        "by account, Region and operation",
        &["fact_13_tokens", "fact_13_tokens_are_by_account_and_their_memory_is_a_knob"],
    ),
    (
        14,
        "500 and 10,000, by account and Region",
        &["fact_14_what_counts_to_the_quota_and_aws_own_numbers", "fact_14_quotas_by_type_and_region"],
    ),
    (
        14,
        "USER_INITIATED and AWS_BACKUP count; FAILED by knob",
        &["fact_14_what_counts_to_the_quota_and_aws_own_numbers", "fact_14_quotas"],
    ),
    (
        15,
        "made in the destination, SourceRegion its own by default, seen nowhere else",
        &["fact_15_a_copy_lives_in_the_destination"],
    ),
    (16, "five for three types together", &["fact_16_five_slots_shared_by_three_types"]),
    (16, "ONTAP by volume, destination and key, and by account", &["fact_16_slots_of_ontap_are_by_volume_and_key"]),
    (
        16,
        "free again when AVAILABLE or FAILED",
        &[
            "fact_16_five_slots_shared_by_three_types",
            "fact_16_a_copy_that_fails_gives_its_slot_back",
            "fact_26_a_copying_backup_deleted_gives_its_slot_back",
        ],
    ),
    (
        17,
        "the source must be AVAILABLE and known",
        &[
            "fact_17_the_source_must_be_there_and_available",
            "fact_17_neither_a_failed_backup_nor_a_copy_under_way_is_a_source",
        ],
    ),
    (
        17,
        "another partition, no Region, a disabled Region",
        &["fact_17_the_source_must_be_there_and_available", "regions_that_are_not_enabled_and_regions_without_copies"],
    ),
    (18, "Multi-AZ, Intelligent-Tiering, FlexGroup", &["fact_18_what_cannot_be_copied", "refusals_of_copies"]),
    (19, "keys that are unknown, disabled or asymmetric are refused at once", &["fact_19_keys"]),
    (19, "access lost on the way ends FAILED", &["fact_19_keys", "a_key_lost_for_a_while_refuses_and_fails"]),
    (19, "without a key it is the destination's aws/fsx", &["fact_19_keys"]),
    (20, "the first, another key, and no copy left are full; else incremental", &["fact_20_full_and_incremental"]),
    (
        20,
        "bytes and duration are in proportion; only the inventory tells",
        &["fact_20_a_full_copy_moves_all_and_takes_as_long"],
    ),
    (
        21,
        "CopyTags, Tags win, the sum counts, aws: is reserved",
        &["fact_21_tags_of_copies", "refusals_of_copies", "refusals_of_backups"],
    ),
    (
        22,
        "the source's file system or volume may be gone",
        &[
            "fact_22_a_copy_succeeds_though_its_source_is_gone",
            "fact_22_a_file_system_that_is_gone_can_still_be_copied",
        ],
    ),
    (
        23,
        "size by bandwidth, with a floor of minutes",
        &["fact_23_how_long_a_copy_takes", "fact_20_a_full_copy_moves_all_and_takes_as_long"],
    ),
    (24, "ids override filters, one unknown spoils all, at most 50", &["fact_24_ids_and_filters"]),
    (24, "four filters, AND between them, OR within", &["fact_24_ids_and_filters"]),
    (
        24,
        "a cap on pages; short and empty ones; no order",
        &[
            "fact_24_fifty_to_a_page_and_lifecycles_as_they_are",
            "fact_24_pages_hold_everything_once_in_no_order",
            "fact_24_a_listing_goes_on_while_backups_come_and_go",
            "fact_24_a_next_token_fits_its_question_only",
        ],
    ),
    (24, "what is fresh may be absent", &["fact_24_a_fresh_backup_can_be_absent_for_a_while"]),
    (
        25,
        "DELETED vanishes at once, FAILED stays with its reason",
        &["fact_25_deleted_ones_vanish_and_failed_ones_stay"],
    ),
    (26, "DELETED at once; unknown is BackupNotFound", &["fact_26_deletions_and_what_stands_in_their_way"]),
    (
        26,
        "BackupInProgress while in flight",
        &[
            "fact_26_nothing_in_flight_can_be_deleted",
            "fact_26_deletions_and_what_stands_in_their_way",
            "fact_26_a_copying_backup_deleted_gives_its_slot_back",
        ],
    ),
    (
        26,
        "the source of a copy, and for up to five minutes after, in both wordings",
        &[
            "fact_26_deletions_and_what_stands_in_their_way",
            "the_delay_after_a_copy_is_a_knob",
            "the_wording_of_a_deletion_refused_goes_by_type_or_by_chance",
        ],
    ),
    (
        26,
        "BackupRestoring during a restore",
        &["fact_26_deletions_and_what_stands_in_their_way", "a_restore_of_one_backup_and_of_a_share_of_them"],
    ),
    (
        26,
        "AWS_BACKUP is refused",
        &["fact_26_deletions_and_what_stands_in_their_way", "deletions_of_what_aws_backup_made"],
    ),
    (
        27,
        "AUTOMATIC goes with the file system or volume, the others stay",
        &["fact_27_deleting_a_file_system", "fact_27_what_goes_with_its_file_system_or_volume_and_what_stays"],
    ),
    (27, "refused during a user's backup", &["fact_27_deleting_a_file_system"]),
    (
        27,
        "final backups",
        &[
            "fact_27_final_backups",
            "fact_27_a_final_backup_that_fails_stops_the_deletion",
            "fact_27_openzfs_takes_its_volumes_with_it_only_if_told_to",
        ],
    ),
    (27, "a lower retention deletes AUTOMATIC", &["fact_27_deleting_a_file_system"]),
    (28, "ids, pages, errors", &["fact_28_file_systems_and_volumes", "fact_28_ids_at_most_fifty_and_every_lifecycle"]),
    (
        28,
        "lifecycles; ONTAP volumes rest at CREATED, OpenZFS at AVAILABLE",
        &["fact_28_file_systems_and_volumes", "fact_28_ids_at_most_fifty_and_every_lifecycle"],
    ),
];

/// What is not established (the notes' section "Unverified items", as far as it is about FSx), and the knobs.
const UNVERIFIED: &[(&str, &[&str])] = &[
    ("API rate limits", &["requests_per_second", "burst"]),
    ("idempotency: how long", &["token_memory_seconds", "forget_token_percent"]),
    (
        "idempotency: after deletion and failure, and whether tags are compared",
        &["deleted_token", "failed_token", "token_compares_tags"],
    ),
    ("internal page size", &["page_size", "next_token_seconds"]),
    ("eventual consistency of listings", &["list_lag_seconds", "lag_hides_ids"]),
    ("filters: unknown values, and copies in other Regions", &["unknown_filter_is_error", "filters_find_copies"]),
    ("code: Lustre scratch or linked", &["lustre_refusal"]),
    ("code: copy of Intelligent-Tiering", &["intelligent_tiering_copy"]),
    ("code: copy of a FlexGroup", &["flexgroup_copy"]),
    (
        "code: opt-in Regions",
        &[
            "disabled_regions",
            "disabled_region_code",
            "disabled_source_region",
            "regions_without_copies",
            "region_without_copies",
        ],
    ),
    ("code: deleting AWS_BACKUP", &["aws_backup_deletion"]),
    ("code: more than 50 tags", &["too_many_tags"]),
    ("code: a tag with aws:", &["aws_tag"]),
    ("code: both ids or neither", &["both_or_no_target"]),
    ("whether FAILED counts to the quota", &["failed_count_to_quota"]),
    ("whether a FAILED copy leaves a record", &["failed_copies_stay"]),
    ("how long after a copy its source cannot be deleted, and the wording", &["delete_delay_seconds", "being_copied"]),
    ("copying AUTOMATIC and AWS_BACKUP", &["automatic_copy", "aws_backup_copy"]),
    ("code and Limit of ONTAP's limit on copies", &["ontap_copy_refusal", "ontap_copy_limit"]),
    ("what shares the five", &["slots_by_type", "in_region_copies_take_slots"]),
    ("whether the next copy is full if only the newest was deleted", &["full_after_newest_deleted"]),
    ("what a copy shows of the file system it was made from", &["copies_file_system"]),
    ("deleting what is COPYING", &["delete_while_copying"]),
    ("the order of checks", &["limits_first"]),
    ("ONTAP's quota by volume", &["ontap_backups_per_volume"]),
    ("access to a key lost on the way", &["disabled_keys"]),
];

/// The tests of this folder by name, and the text of each file but this one.
fn sources() -> (BTreeSet<String>, BTreeMap<String, String>) {
    let mut texts = BTreeMap::new();
    for entry in std::fs::read_dir("tests/process/simulator").unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name != "facts.rs" {
            texts.insert(name, std::fs::read_to_string(path).unwrap());
        }
    }
    let mut tests = BTreeSet::new();
    for text in texts.values() {
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if matches!(line.trim(), "#[test]" | "#[tokio::test]") {
                let head = lines.peek().unwrap().trim().trim_start_matches("async ");
                let name = head.strip_prefix("fn ").unwrap().split('(').next().unwrap();
                tests.insert(name.to_owned());
            }
        }
    }
    (tests, texts)
}

#[test]
fn every_fact_has_tests_and_they_exist() {
    let (tests, files) = sources();
    assert!(tests.len() > 60, "the tests were not found");
    let facts: BTreeSet<u8> = CLAUSES.iter().map(|(fact, _, _)| *fact).collect();
    assert_eq!(facts, (1..=28).collect());
    assert!(CLAUSES.is_sorted_by_key(|(fact, _, _)| *fact));
    for (fact, clause, held_by) in CLAUSES {
        assert!(!held_by.is_empty(), "{fact}: {clause}");
        for name in *held_by {
            assert!(tests.contains(*name) || files.contains_key(*name), "fact {fact}, {clause}: there is no {name}");
        }
    }
}

/// A test that calls itself one of a fact is in the table there, so that the table does not fall behind.
#[test]
fn every_test_of_a_fact_is_in_the_table() {
    for name in sources().0 {
        let Some(numbers) = name.strip_prefix("facts_").or_else(|| name.strip_prefix("fact_")) else { continue };
        for number in numbers.split('_').map_while(|word| word.parse::<u8>().ok()) {
            let listed = CLAUSES.iter().any(|(fact, _, tests)| *fact == number && tests.contains(&name.as_str()));
            assert!(listed, "{name} is not in the table at fact {number}");
        }
    }
}

#[test]
fn every_unverified_item_has_its_knobs_and_each_of_them_is_turned() {
    let (_, files) = sources();
    let mut turned = String::new();
    files.iter().filter(|(name, _)| name.ends_with(".rs")).for_each(|(_, text)| turned.push_str(text));
    let known = [json!(Fault::default()), json!(Settings::default())];
    for (item, knobs) in UNVERIFIED {
        for knob in *knobs {
            assert!(known.iter().any(|all| all.get(knob).is_some()), "{item}: there is no knob {knob}");
            assert!(turned.contains(knob), "{item}: no test turns {knob}");
            assert!(HELP.contains(&format!("  {knob} = ")), "{item}: the help does not tell of {knob}");
        }
    }
    // And what the help calls unverified is one of these items.
    let (mut knob, listed) = ("", |knob: &str| UNVERIFIED.iter().any(|(_, knobs)| knobs.contains(&knob)));
    for line in HELP.lines() {
        if let Some((name, _)) =
            line.strip_prefix("  ").filter(|line| !line.starts_with(' ')).and_then(|l| l.split_once(" = "))
        {
            knob = name;
        }
        assert!(!line.contains("UNVERIFIED") || listed(knob), "{knob} is called unverified, and is in no item");
    }
}

//! The known Regions, and the partition of each.
//!
//! Copies never cross a partition (facts, section 4). A Region that is not listed can be added in
//! `Settings::further_regions`.

use crate::domain::regions::{CHINA, GOVERNMENT, STANDARD};

/// The partition (`aws`, `aws-cn`, `aws-us-gov`) of a Region, if it exists; `further` are additional Regions of `aws`.
pub(crate) fn partition(region: &str, further: &[String]) -> Option<&'static str> {
    let listed = |names: &[&str]| names.contains(&region);
    if listed(STANDARD) || further.iter().any(|name| name == region) {
        Some("aws")
    } else if listed(CHINA) {
        Some("aws-cn")
    } else if listed(GOVERNMENT) {
        Some("aws-us-gov")
    } else {
        None
    }
}

/// The partition in ARNs of a Region.
pub(crate) fn arn_partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

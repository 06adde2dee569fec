//! Which Regions there are, and in which partition each lies.
//!
//! Copies never cross a partition (facts, section 4). The list is that of the AWS endpoint data of November 2026; a Region
//! made since then can be given in `Settings::further_regions`.

const STANDARD: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "me-west-1",
    "mx-central-1",
    "sa-east-1",
    "sa-west-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];
const CHINA: &[&str] = &["cn-north-1", "cn-northwest-1"];
const GOVERNMENT: &[&str] = &["us-gov-east-1", "us-gov-west-1"];

/// The partition (`aws`, `aws-cn`, `aws-us-gov`) of a Region, if there is such a Region; `further` are Regions of `aws` beyond the list.
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

/// The partition that stands in ARNs of a Region.
pub(crate) fn arn_partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

//! Rejects names that AWS would reject.
//!
//! A mistyped id would otherwise be discovered at 03:00, by a call that fails permanently. These rules follow AWS's own
//! patterns (fsx-facts 3.7), so a name that passes is at least well-formed for AWS.

use super::nearest::nearest;
use super::problem::{Findings, Problem};
use super::reader::Spanned;
use super::wording::{Diagnostic, shown};
use crate::domain::regions;
use uuid::Uuid;

/// Maximum length of a Region name in FSx.
const REGION_MAX_BYTES: usize = 20;
/// Maximum length of a KMS key in FSx.
const KMS_KEY_MAX_CHARS: usize = 2048;
/// Maximum length of a tag key and a tag value.
const TAG_KEY_MAX_CHARS: usize = 128;
const TAG_VALUE_MAX_CHARS: usize = 256;
/// A policy's name becomes a metric label and a tag value; an account's is held to the same.
const NAME_MAX_CHARS: usize = 64;

/// A file system's id.
pub(super) fn file_system(id: &str) -> Result<&str, Diagnostic> {
    let sample = "write an id as the FSx console shows it, for example `fs-0123456789abcdef0`";
    if let Some(digits) = id.strip_prefix("fs-")
        && is_hex(digits)
        && (8..=17).contains(&digits.len())
    {
        return Ok(id);
    }
    if id.starts_with("fsvol-") {
        let what = format!("`{}` is a volume, not a file system", shown(id));
        return Err(Diagnostic::new(what, "move it to `volumes`: ONTAP is backed up volume by volume"));
    }
    Err(source_slip(id, "fs-", "a file system id (`fs-` and 8 to 17 of the digits 0-9 a-f)").unwrap_or_else(|| {
        Diagnostic::new(
            format!("`{}` is not a file system id (`fs-` and 8 to 17 of the digits 0-9 a-f)", shown(id)),
            sample,
        )
    }))
}

/// An ONTAP volume's id.
pub(super) fn volume(id: &str) -> Result<&str, Diagnostic> {
    let sample = "write an id as the FSx console shows it, for example `fsvol-0123456789abcdef0`";
    if let Some(digits) = id.strip_prefix("fsvol-")
        && is_hex(digits)
        && digits.len() == 17
    {
        return Ok(id);
    }
    if id.starts_with("fs-") {
        let what = format!("`{}` is a file system, not a volume", shown(id));
        return Err(Diagnostic::new(
            what,
            "move it to `file_systems`; for ONTAP, name the volumes in it (`fsvol-…`) instead",
        ));
    }
    Err(source_slip(id, "fsvol-", "a volume id (`fsvol-` and 17 of the digits 0-9 a-f)").unwrap_or_else(|| {
        Diagnostic::new(format!("`{}` is not a volume id (`fsvol-` and 17 of the digits 0-9 a-f)", shown(id)), sample)
    }))
}

/// Mistakes that both kinds of id have in common.
fn source_slip(id: &str, prefix: &str, wanted: &str) -> Option<Diagnostic> {
    let what = format!("`{}` is not {wanted}", shown(id));
    if let Some((_, last)) = id.rsplit_once('/').filter(|_| id.starts_with("arn:")) {
        return Some(Diagnostic::new(
            what,
            format!("write the id alone, without the ARN around it: `{}`", shown(last)),
        ));
    }
    if id != id.trim() {
        return Some(Diagnostic::new(what, format!("take the spaces out: `{}`", shown(id.trim()))));
    }
    let lower = id.to_ascii_lowercase();
    if lower != id && lower.strip_prefix(prefix).is_some_and(is_hex) {
        return Some(Diagnostic::new(what, format!("write it in small letters: `{}`", shown(&lower))));
    }
    let kind = [
        ("backup-", "a backup; name the file system that it is of"),
        ("svm-", "a storage virtual machine; name the volumes in it (`fsvol-…`) under `volumes`"),
        ("fc-", "a file cache, which has no backups"),
        ("fsvolsnap-", "a snapshot; name the volume that it is of"),
        ("vol-", "an EBS volume, which is not FSx's"),
    ];
    let (_, hint) = kind.iter().find(|(other, _)| id.starts_with(other))?;
    Some(Diagnostic::new(what, format!("this is {hint}")))
}

fn is_hex(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A Region, `us-east-1`.
pub(super) fn region(name: &str) -> Result<&str, Diagnostic> {
    let groups: Vec<&str> = name.split('-').collect();
    let well_formed = match groups.as_slice() {
        [area, middle @ .., number] => {
            !middle.is_empty()
                && area.len() >= 2
                && [area].into_iter().chain(middle).all(|word| is_lower(word))
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    };
    if well_formed && name.len() <= REGION_MAX_BYTES {
        return Ok(name);
    }
    let what = format!("`{}` is not the name of a Region", shown(name));
    let tidy = name.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    if tidy != name && region(&tidy).is_ok() {
        return Err(Diagnostic::new(what, format!("write `{tidy}`")));
    }
    let zone_less = tidy.trim_end_matches(|c: char| c.is_ascii_lowercase());
    if zone_less != tidy && region(zone_less).is_ok() {
        return Err(Diagnostic::new(what, format!("this is an Availability Zone; write its Region, `{zone_less}`")));
    }
    Err(Diagnostic::new(what, "write it as AWS does, for example `us-east-1` or `eu-central-1`"))
}

/// Warns about an unknown Region: most likely a typing error, which otherwise shows only when AWS rejects it.
pub(super) fn warn_of_unknown_region(region: &Spanned<&str>, findings: &mut Findings) {
    if regions::all().any(|known| known == region.value) {
        return;
    }
    let what = format!("`{}` is not a Region that this version knows", shown(region.value));
    let newer = "one that is newer than this version is used as it is written";
    let hint = match nearest(region.value, regions::all()) {
        Some(meant) => format!("did you mean `{meant}`? If not: {newer}"),
        None => format!("see whether it is spelt as AWS does; {newer}"),
    };
    findings.add(Problem::at(&region.location, what, hint).warning());
}

fn is_lower(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// The AWS partition of a Region: backups are never copied between partitions.
pub(super) fn partition(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// A KMS key for copies in `region` (`None` if that is not known): an id, an alias, or the ARN of either.
pub(super) fn kms_key<'a>(key: &'a str, region: Option<&str>) -> Result<&'a str, Diagnostic> {
    let sample = "write a key id, `alias/NAME`, or the ARN of either; leave it out for the Region's own `aws/fsx` key";
    if key.is_empty() || key.chars().count() > KMS_KEY_MAX_CHARS {
        return Err(Diagnostic::new(format!("a KMS key has from 1 to {KMS_KEY_MAX_CHARS} characters"), sample));
    }
    if key.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Diagnostic::new(format!("`{}` has blanks in it", shown(key)), sample));
    }
    if key.starts_with("arn:") {
        return kms_arn(key, region).map(|()| key);
    }
    if let Some(alias) = key.strip_prefix("alias/") {
        return match is_key_path(alias) {
            true => Ok(key),
            false => Err(Diagnostic::new(format!("`{}` is not the alias of a key", shown(key)), sample)),
        };
    }
    if is_key_id(key) {
        return Ok(key);
    }
    let hint = if is_key_path(key) {
        format!("for an alias write `alias/{}`; else {sample}", shown(key))
    } else {
        sample.to_owned()
    };
    Err(Diagnostic::new(format!("`{}` is not a KMS key", shown(key)), hint))
}

fn kms_arn(arn: &str, region: Option<&str>) -> Result<(), Diagnostic> {
    let sample = "write for example `arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`";
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition_of_key, service, region_of_key, account, resource] = parts.as_slice() else {
        return Err(Diagnostic::new(format!("`{}` is not a whole ARN", shown(arn)), sample));
    };
    if *service != "kms" {
        return Err(Diagnostic::new(format!("this ARN is of `{}`, not of `kms`", shown(service)), sample));
    }
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Diagnostic::new(format!("`{}` is not an account of 12 digits", shown(account)), sample));
    }
    let named = resource.strip_prefix("key/").or_else(|| resource.strip_prefix("alias/"));
    if !named.is_some_and(is_key_path) {
        let what = format!("`{}` is neither a key nor an alias", shown(resource));
        return Err(Diagnostic::new(what, "end the ARN with `:key/…` or `:alias/…`"));
    }
    let Some(region) = region else { return Ok(()) };
    if *region_of_key != region {
        let what = format!("this key is in `{}`, and the copies are in `{region}`", shown(region_of_key));
        return Err(Diagnostic::new(what, format!("name a key in `{region}`: KMS keys do not leave their Region")));
    }
    let wanted = partition(region);
    if *partition_of_key != wanted {
        let what = format!("`{region}` is in partition `{wanted}`, not `{}`", shown(partition_of_key));
        return Err(Diagnostic::new(what, format!("begin the ARN with `arn:{wanted}:kms:`")));
    }
    Ok(())
}

/// Letters, digits and `/ _ -`, as in aliases and key ids.
fn is_key_path(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-'))
}

/// `1234abcd-12ab-34cd-56ef-1234567890ab`, or `mrk-` and 32 digits.
fn is_key_id(key: &str) -> bool {
    // Distinguished by length: digits with hyphens, or digits alone.
    match key.strip_prefix("mrk-") {
        Some(digits) => digits.len() == 32 && Uuid::try_parse(digits).is_ok(),
        None => key.len() == 36 && Uuid::try_parse(key).is_ok(),
    }
}

/// A tag's key.
pub(super) fn tag_key(key: &str) -> Result<&str, Diagnostic> {
    let count = key.chars().count();
    if count == 0 || count > TAG_KEY_MAX_CHARS {
        let what = format!("a tag's key has from 1 to {TAG_KEY_MAX_CHARS} characters, and this has {count}");
        return Err(Diagnostic::new(what, "write for example `team = \"finance\"`"));
    }
    let lower = key.to_lowercase();
    if let Some(prefix) = ["aws:", "lifeboat:"].into_iter().find(|prefix| lower.starts_with(prefix)) {
        let owner = if prefix == "aws:" { "AWS" } else { "Lifeboat" };
        let what = format!("tags that begin with `{prefix}` are {owner}'s own");
        return Err(Diagnostic::new(what, "use another key"));
    }
    tag_letters(key, "tag keys").map(|()| key)
}

/// A tag's value.
pub(super) fn tag_value(value: &str) -> Result<&str, Diagnostic> {
    let count = value.chars().count();
    if count > TAG_VALUE_MAX_CHARS {
        let what = format!("a tag's value has at most {TAG_VALUE_MAX_CHARS} characters, and this has {count}");
        return Err(Diagnostic::new(what, "shorten it"));
    }
    tag_letters(value, "tag values").map(|()| value)
}

/// AWS's `^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$`. (Rust's letters include a few combining marks that AWS's do not.)
fn tag_letters(text: &str, where_from: &str) -> Result<(), Diagnostic> {
    let allowed = |c: char| c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c);
    match text.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(c) => {
            let what = format!("{} cannot stand in {where_from}", name_of(c));
            Err(Diagnostic::new(what, "AWS takes letters, digits, spaces and `_ . : / = + - @`"))
        }
    }
}

/// A policy's name.
pub(super) fn policy_name(name: &str) -> Result<&str, Diagnostic> {
    let hint = "it becomes a metric label and a tag: use letters, digits and `- _ .`, for example `name = \"finance\"`";
    plain_name(name, "a policy's name", hint)
}

/// A name that the user chooses. `which` name it is, and the hint if it is wrong.
pub(super) fn plain_name<'a>(name: &'a str, which: &str, hint: &str) -> Result<&'a str, Diagnostic> {
    let count = name.chars().count();
    if count == 0 || count > NAME_MAX_CHARS {
        let what = format!("{which} has from 1 to {NAME_MAX_CHARS} characters, and this has {count}");
        return Err(Diagnostic::new(what, hint));
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
        None => Ok(name),
        Some(c) => Err(Diagnostic::new(format!("{} cannot stand in {which}", name_of(c)), hint)),
    }
}

fn name_of(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        '`' => "a backtick".to_owned(),
        c if c.is_control() || c.is_whitespace() => format!("the character U+{:04X}", u32::from(c)),
        c => format!("`{c}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_awss_patterns() {
        for good in ["fs-01234567", "fs-0123456789abcdef0"] {
            assert!(file_system(good).is_ok(), "{good}");
        }
        for bad in ["fs-", "fs-0123456", "fs-0123456789abcdef01", "fs-0123456G", "FS-01234567", "fs_01234567", ""] {
            assert!(file_system(bad).is_err(), "{bad}");
        }
        assert!(volume("fsvol-0123456789abcdef0").is_ok());
        for bad in ["fsvol-01234567", "fs-0123456789abcdef0", "fsvol-0123456789abcdefg", "svm-0123456789abcdef0"] {
            assert!(volume(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_of_every_partition_pass() {
        for (name, wanted) in [
            ("us-east-1", "aws"),
            ("ap-southeast-4", "aws"),
            ("mx-central-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(region(name), Ok(name));
            assert_eq!(partition(name), wanted, "{name}");
        }
        for bad in ["", "us-east", "us-east-1a", "US-EAST-1", "us_east_1", "useast1", "us--1", "-east-1", "us-east-"] {
            assert!(region(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_belong_to_the_region_of_the_copies() {
        let here = Some("us-west-2");
        for good in [
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "alias/dr",
            "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:us-west-2:111122223333:alias/dr",
        ] {
            assert_eq!(kms_key(good, here), Ok(good));
        }
        for bad in [
            "",
            "dr",
            "alias/",
            "a key",
            "1234abcd12ab34cd56ef1234567890ab",
            "1234abcd-12ab-34cd-56ef1-234567890ab",
            "1234abcd-12ab-34cd-56ef-1234567890ag",
            "{1234abcd-12ab-34cd-56ef-1234567890}",
            "mrk-1234abcd12ab34cd56ef1234567890abcdef",
            "mrk-1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws-cn:kms:us-west-2:111122223333:alias/dr",
            "arn:aws:kms:us-west-2:1111:alias/dr",
            "arn:aws:s3:us-west-2:111122223333:alias/dr",
            "arn:aws:kms:us-west-2:111122223333:grant/dr",
            "arn:aws:kms",
        ] {
            assert!(kms_key(bad, here).is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_follow_fsxs_pattern() {
        for good in ["team", "a b", "größe", "日本", "x_.:/=+-@1", "awsome"] {
            assert!(tag_key(good).is_ok(), "{good}");
        }
        for bad in ["", "aws:x", "AWS:x", "Lifeboat:hold", "a\tb", "a\nb", "a,b", "a*", &"x".repeat(129)] {
            assert!(tag_key(bad).is_err(), "{bad}");
        }
        assert!(tag_value("").is_ok());
        assert!(tag_value(&"x".repeat(256)).is_ok());
        assert!(tag_value(&"x".repeat(257)).is_err());
        assert!(tag_value("50%").is_err());
    }
}

//! The regular expressions of the API model, each with an equivalent function.

use super::validate::Pattern;

/// `prefix` followed by at least `digits` lower-case hex digits.
fn id(text: &str, prefix: &str, digits: usize) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() >= digits && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`; letters are Unicode's Alphabetic, which adds some combining marks.
fn tag_text(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || "_.:/=+-@".contains(c) || (c.is_whitespace() && !c.is_control()))
}

/// From `min` to `max` characters, all on one line.
fn one_line(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.encode_utf16().count())
        && !text.chars().any(|c| matches!(c, '\0' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\r' | '\n'))
}

/// Complete base64 groups, the last one padded, as the pattern of NextToken requires.
fn base64(text: &str) -> bool {
    let plain = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - plain.len() <= 2
        && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

fn arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "fsx", region, account, resource]
        if !partition.is_empty() && !region.is_empty() && !resource.is_empty()
            && account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
            && !resource.starts_with('/'))
}

/// `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-SIXSIX`.
fn secret_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(7, ':').collect();
    let ["arn", partition, "secretsmanager", region, account, "secret", name] = parts.as_slice() else { return false };
    let of = |text: &str, more: &[u8]| text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
    (1..=63).contains(&partition.len())
        && !region.is_empty()
        && region.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && of(name, b"/_+=.@-")
        && name.rsplit_once('-').is_some_and(|(name, random)| !name.is_empty() && random.len() == 6 && of(random, b""))
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`; Region and account may be missing.
fn general_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, service, region, account, resource]
        if (1..=63).contains(&partition.len()) && service.len() <= 63 && region.len() <= 63
            && (account.is_empty() || account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()))
            && !resource.starts_with('/') && one_line(resource, 1, 1024))
}

/// `UID:GID`.
fn root_squash(text: &str) -> bool {
    let number = |text: &str| (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    matches!(text.split_once(':'), Some((user, group)) if number(user) && number(group))
}

/// An address or a range of addresses, `10.0.[0-9].1@tcp`.
fn nid(text: &str) -> bool {
    text.strip_suffix("@tcp").is_some_and(|address| {
        address.split('.').count() == 4
            && address.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'[' | b']' | b'-' | b'.'))
    })
}

/// `aggr` and one or two digits.
fn aggregate(text: &str) -> bool {
    let number = text.strip_prefix("aggr").unwrap_or_default();
    (1..=2).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
}

/// `[1-7]:HH:MM`, the second colon optional.
pub(super) fn weekly(text: &str) -> bool {
    matches!(text.split_once(':'), Some((day, time))
        if matches!(day, "1" | "2" | "3" | "4" | "5" | "6" | "7") && daily(time))
}

/// `HH:MM`, the colon optional.
pub(super) fn daily(text: &str) -> bool {
    let digits = text.replacen(':', "", 1);
    let number = |text: &str| text.parse::<u32>().ok();
    digits.len() == 4
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (text.len() == 4 || text.find(':') == Some(2))
        && digits.get(..2).and_then(number).is_some_and(|hour| hour < 24)
        && digits.get(2..).and_then(number).is_some_and(|minute| minute < 60)
}

macro_rules! pattern {
    ($name:ident, $text:expr, $accepts:expr) => {
        pub(super) static $name: Pattern = Pattern { text: $text, accepts: $accepts };
    };
}

pattern!(FILE_SYSTEM_P, "^(fs-[0-9a-f]{8,})$", |t| id(t, "fs-", 8));
pattern!(VOLUME_P, "^(fsvol-[0-9a-f]{17,})$", |t| id(t, "fsvol-", 17));
pattern!(SVM_P, "^(svm-[0-9a-f]{17,})$", |t| id(t, "svm-", 17));
pattern!(BACKUP_P, "^(backup-[0-9a-f]{8,})$", |t| id(t, "backup-", 8));
pattern!(SUBNET_P, "^(subnet-[0-9a-f]{8,})$", |t| id(t, "subnet-", 8));
pattern!(TOKEN_P, "[A-za-z0-9_.-]{0,63}$", |t| {
    // The range A-z is AWS's own; it includes [ \ ] ^ _ and the backtick.
    t.len() <= 63 && t.bytes().all(|b| matches!(b, b'A'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
});
pattern!(TAG_P, r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", tag_text);
pattern!(REGION_P, "^[a-z0-9-]{1,20}$", |t| {
    (1..=20).contains(&t.len()) && t.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
});
pattern!(KEY_P, "^.{1,2048}$", |t| one_line(t, 1, 2048));
pattern!(FILTER_P, r"^[0-9a-zA-Z\*\.\\/\?\-\_]*$", |t| {
    t.bytes().all(|b| b.is_ascii_alphanumeric() || br"*.\/?-_".contains(&b))
});
pattern!(NEXT_P, r"^(?:[A-Za-z0-9+\/]{4})*(?:[A-Za-z0-9+\/]{2}==|[A-Za-z0-9+\/]{3}=)?$", base64);
pattern!(
    ARN_P,
    r"^arn:(?=[^:]+:fsx:[^:]+:\d{12}:)((|(?=[a-z0-9-.]{1,63})(?!\d{1,3}(\.\d{1,3}){3})(?![^:]*-{2})(?![^:]*-\.)(?![^:]*\.-)[a-z0-9].*(?<!-)):){4}(?!/).{0,1024}$",
    arn
);
pattern!(WEEKLY_P, r"^[1-7]:([01]\d|2[0-3]):?([0-5]\d)$", weekly);
pattern!(DAILY_P, r"^([01]\d|2[0-3]):?([0-5]\d)$", daily);
pattern!(SECURITY_GROUP_ID_P, r"^(sg-[0-9a-f]{8,})$", |t| id(t, "sg-", 8));
pattern!(DIRECTORY_ID_P, r"^d-[0-9a-f]{10}$", |t| id(t, "d-", 10) && t.len() == 12);
pattern!(ACTIVE_DIRECTORY_FULLY_QUALIFIED_NAME_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{1,255}$", |t| one_line(t, 1, 255));
pattern!(ORGANIZATIONAL_UNIT_DISTINGUISHED_NAME_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{1,2000}$", |t| one_line(
    t, 1, 2000
));
pattern!(FILE_SYSTEM_ADMINISTRATORS_GROUP_NAME_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{1,256}$", |t| one_line(t, 1, 256));
pattern!(DIRECTORY_PASSWORD_P, r"^.{1,256}$", |t| one_line(t, 1, 256));
pattern!(
    IP_ADDRESS_P,
    r"(^((([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\.){3}([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]))$|^(([0-9a-fA-F]{1,4}:){7,7}[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,7}:|([0-9a-fA-F]{1,4}:){1,6}:[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,5}(:[0-9a-fA-F]{1,4}){1,2}|([0-9a-fA-F]{1,4}:){1,4}(:[0-9a-fA-F]{1,4}){1,3}|([0-9a-fA-F]{1,4}:){1,3}(:[0-9a-fA-F]{1,4}){1,4}|([0-9a-fA-F]{1,4}:){1,2}(:[0-9a-fA-F]{1,4}){1,5}|[0-9a-fA-F]{1,4}:((:[0-9a-fA-F]{1,4}){1,6})|:((:[0-9a-fA-F]{1,4}){1,7}|:)|fe80:(:[0-9a-fA-F]{0,4}){0,4}%[0-9a-zA-Z]{1,}|::(ffff(:0{1,4}){0,1}:){0,1}((25[0-5]|(2[0-4]|1{0,1}[0-9]){0,1}[0-9])\.){3,3}(25[0-5]|(2[0-4]|1{0,1}[0-9]){0,1}[0-9])|([0-9a-fA-F]{1,4}:){1,4}:((25[0-5]|(2[0-4]|1{0,1}[0-9]){0,1}[0-9])\.){3,3}(25[0-5]|(2[0-4]|1{0,1}[0-9]){0,1}[0-9]))$)",
    |t| t.parse::<std::net::IpAddr>().is_ok()
);
pattern!(
    CUSTOMER_SECRETS_MANAGER_ARN_P,
    r"^arn:[^:]{1,63}:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[a-zA-Z0-9/_+=.@-]+-[a-zA-Z0-9]{6}$",
    secret_arn
);
pattern!(ALTERNATE_DNS_NAME_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{4,253}$", |t| one_line(t, 4, 253));
pattern!(GENERAL_ARN_P, r"^arn:[^:]{1,63}:[^:]{0,63}:[^:]{0,63}:(?:|\d{12}):[^/].{0,1023}$", general_arn);
pattern!(ARCHIVE_PATH_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{3,4357}$", |t| one_line(t, 3, 4357));
pattern!(LUSTRE_ROOT_SQUASH_P, r"^([0-9]{1,10}):([0-9]{1,10})$", root_squash);
pattern!(LUSTRE_NO_SQUASH_NID_P, r"^([0-9\[\]\-]*\.){3}([0-9\[\]\-]*)@tcp$", nid);
pattern!(IP_ADDRESS_RANGE_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{9,17}$", |t| one_line(t, 9, 17));
pattern!(ADMIN_PASSWORD_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{8,50}$", |t| one_line(t, 8, 50));
pattern!(ROUTE_TABLE_ID_P, r"^(rtb-[0-9a-f]{8,})$", |t| id(t, "rtb-", 8));
pattern!(IPV6_ADDRESS_RANGE_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{4,43}$", |t| one_line(t, 4, 43));
pattern!(FILE_SYSTEM_TYPE_VERSION_P, r"^[0-9](.[0-9]*)*$", |t| t.starts_with(|c: char| c.is_ascii_digit())
    && one_line(t, 1, usize::MAX));
pattern!(OPENZFS_CLIENTS_P, r"^[ -~]{1,128}$", |t| (1..=128).contains(&t.len())
    && t.bytes().all(|b| (b' '..=b'~').contains(&b)));
pattern!(VOLUME_NAME_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{1,203}$", |t| one_line(t, 1, 203));
pattern!(AGGREGATE_P, r"^(aggr[0-9]{1,2})$", aggregate);
pattern!(STORAGE_VIRTUAL_MACHINE_NAME_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{1,47}$", |t| one_line(t, 1, 47));

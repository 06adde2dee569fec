//! The regular expressions of the API model, each with a function that decides the same.

use super::validate::Pattern;

/// `prefix` followed by at least `digits` lower-case hex digits.
fn id(text: &str, prefix: &str, digits: usize) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() >= digits && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`; letters as Unicode's Alphabetic has them, which adds some combining marks.
fn tag_text(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || "_.:/=+-@".contains(c) || (c.is_whitespace() && !c.is_control()))
}

fn one_line(text: &str) -> bool {
    !text.chars().any(|c| matches!(c, '\0' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\r' | '\n'))
}

/// Whole base64 groups, the last one padded, as the pattern of NextToken asks for.
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
    // The range A-z is AWS's own; it takes in [ \ ] ^ _ and the backtick.
    t.len() <= 63 && t.bytes().all(|b| matches!(b, b'A'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
});
pattern!(TAG_P, r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", tag_text);
pattern!(REGION_P, "^[a-z0-9-]{1,20}$", |t| {
    (1..=20).contains(&t.len()) && t.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
});
pattern!(KEY_P, "^.{1,2048}$", one_line);
pattern!(FILTER_P, r"^[0-9a-zA-Z\*\.\\/\?\-\_]*$", |t| {
    t.bytes().all(|b| b.is_ascii_alphanumeric() || br"*.\/?-_".contains(&b))
});
pattern!(NEXT_P, r"^(?:[A-Za-z0-9+\/]{4})*(?:[A-Za-z0-9+\/]{2}==|[A-Za-z0-9+\/]{3}=)?$", base64);
pattern!(
    ARN_P,
    r"^arn:(?=[^:]+:fsx:[^:]+:\d{12}:)((|(?=[a-z0-9-.]{1,63})(?!\d{1,3}(\.\d{1,3}){3})(?![^:]*-{2})(?![^:]*-\.)(?![^:]*\.-)[a-z0-9].*(?<!-)):){4}(?!/).{0,1024}$",
    arn
);
pattern!(NAME_P, r"^[^\u0000\u0085\u2028\u2029\r\n]{1,203}$", one_line);
pattern!(WEEKLY_P, r"^[1-7]:([01]\d|2[0-3]):?([0-5]\d)$", weekly);
pattern!(DAILY_P, r"^([01]\d|2[0-3]):?([0-5]\d)$", daily);

//! Maps every AWS error to what Lifeboat does about it.
//!
//! This is table (a) of fsx-facts as data. FSx gives its codes several meanings (`BadRequest` can mean “wait” or
//! “never”), omits common ones from its model, and documents some that never occur. So the rules match on code,
//! operation, limit and text; the first match wins, and an error that matches no rule is retried with growing backoff.

use crate::domain::fault::{Fault, FaultClass};
use std::error::Error;

/// The parts of an error response.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// The API operation.
    pub operation: &'a str,
    /// AWS's error code, if any.
    pub code: Option<&'a str>,
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// AWS's message.
    pub message: &'a str,
    /// `Limit` of `ServiceLimitExceeded`.
    pub limit: Option<&'a str>,
}

struct Rule {
    codes: &'static [&'static str],
    /// Empty: any operation.
    operations: &'static [&'static str],
    /// Any of these in the message, in lower case. Empty: any message.
    texts: &'static [&'static str],
    /// One of these limits. Empty: any or none.
    limits: &'static [&'static str],
    class: FaultClass,
}

const fn rule(codes: &'static [&'static str], class: FaultClass) -> Rule {
    Rule { codes, operations: &[], texts: &[], limits: &[], class }
}

impl Rule {
    const fn on(mut self, operations: &'static [&'static str]) -> Self {
        self.operations = operations;
        self
    }
    const fn saying(mut self, texts: &'static [&'static str]) -> Self {
        self.texts = texts;
        self
    }
    const fn of(mut self, limits: &'static [&'static str]) -> Self {
        self.limits = limits;
        self
    }

    fn matches(&self, code: &str, said: &Said<'_>) -> bool {
        let message = || said.message.to_lowercase();
        self.codes.contains(&code)
            && (self.operations.is_empty() || self.operations.contains(&said.operation))
            && (self.limits.is_empty() || said.limit.is_some_and(|limit| self.limits.contains(&limit)))
            && (self.texts.is_empty() || self.texts.iter().any(|text| message().contains(text)))
    }
}

use FaultClass::{
    Credentials, Denied, Missing, NoSlot, Permanent, Quota, Throttled, TokenConflict, TransientState, Unanswered,
};

/// The first match wins.
const RULES: &[Rule] = &[
    // Any operation: the service is failing, or we are too fast.
    rule(
        &[
            "InternalServerError",
            "InternalFailure",
            "InternalError",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ],
        Unanswered,
    ),
    rule(
        &[
            "ThrottlingException",
            "Throttling",
            "ThrottledException",
            "RequestLimitExceeded",
            "TooManyRequests",
            "TooManyRequestsException",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
        ],
        Throttled,
    ),
    // Credentials.
    rule(
        &[
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "RequestExpired",
            "RequestTimeTooSkewed",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
        ],
        Credentials,
    ),
    rule(&["AccessDeniedException", "AccessDenied", "NotAuthorized", "UnauthorizedOperation", "OptInRequired"], Denied),
    // The token was used before with other parameters.
    rule(&["IncompatibleParameterError"], TokenConflict).on(&["CreateBackup", "CopyBackup"]),
    // Limits must be told apart by `Limit`; it may be missing.
    rule(&["ServiceLimitExceeded"], Quota).of(&["TOTAL_USER_INITIATED_BACKUPS"]),
    rule(&["ServiceLimitExceeded"], NoSlot).of(&["TOTAL_IN_PROGRESS_COPY_BACKUPS"]),
    rule(&["ServiceLimitExceeded"], Permanent).of(&["TOTAL_USER_TAGS"]),
    rule(&["ServiceLimitExceeded"], NoSlot).on(&["CopyBackup"]),
    rule(&["ServiceLimitExceeded"], Quota),
    // ONTAP's limit on copies is documented as a rejection without a code (fsx-facts 3.2).
    rule(&["BadRequest"], NoSlot).on(&["CopyBackup"]).saying(&["copies in progress", "retry the copy after"]),
    // Transient states.
    rule(&["BackupInProgress", "SourceBackupUnavailable", "BackupBeingCopied", "BackupRestoring"], TransientState),
    rule(&["BadRequest"], TransientState).saying(&["is being copied"]),
    rule(&["BadRequest"], Permanent).on(&["CreateBackup"]).saying(&["is in failed"]),
    rule(&["BadRequest"], TransientState).on(&["CreateBackup"]).saying(&["cannot take backup while"]),
    // The object does not exist.
    rule(
        &["BackupNotFound", "FileSystemNotFound", "VolumeNotFound", "ResourceNotFound", "ResourceNotFoundException"],
        Missing,
    ),
    // Permanent until a person changes something.
    rule(
        &[
            "UnsupportedOperation",
            "InvalidRegion",
            "IncompatibleRegionForMultiAZ",
            "InvalidSourceKmsKey",
            "InvalidDestinationKmsKey",
            "BadRequest",
            "IncompatibleParameterError",
            "InvalidAction",
            "MissingAction",
            "UnknownOperationException",
            "ValidationError",
            "ValidationException",
            "SerializationException",
            "NotServiceResourceError",
            "ResourceDoesNotSupportTagging",
        ],
        Permanent,
    ),
];

/// Classifies an error.
#[must_use]
pub fn classify(said: &Said<'_>) -> Fault {
    let Some(code) = said.code.filter(|code| !code.is_empty()) else {
        return match said.status {
            // From a proxy, or a broken response: whether the request was applied is unknown.
            Some(403) => Fault::new(Credentials, "Forbidden", or(said.message, "HTTP 403 without an error code")),
            Some(429) => Fault::new(Throttled, "TooManyRequests", or(said.message, "HTTP 429")),
            Some(status) => {
                Fault::new(Unanswered, format!("HTTP{status}"), or(said.message, "an answer that cannot be read"))
            }
            None => Fault::new(Unanswered, "NoAnswer", said.message),
        };
    };
    let class = match RULES.iter().find(|rule| rule.matches(code, said)) {
        Some(rule) => rule.class,
        None if said.status.is_some_and(|status| status >= 500) => Unanswered,
        None if said.status == Some(429) => Throttled,
        None => TransientState,
    };
    Fault::new(class, code, said.message)
}

/// Our codes for requests that ended without a code from AWS.
const WITHOUT_A_CODE: [&str; 10] = [
    "OK",
    "Timeout",
    "Dispatch",
    "NoAnswer",
    "EmptyAnswer",
    "NonsenseToken",
    "EndlessPages",
    "Forbidden",
    "NoCredentials",
    "InvalidRequest",
];

/// The metric label for a code: the code itself if it is known, otherwise `other`. Each new label creates a permanent
/// series, so an endpoint must not be able to invent them.
#[must_use]
pub fn counted_as(code: &str) -> String {
    let known = WITHOUT_A_CODE.contains(&code) || RULES.iter().any(|rule| rule.codes.contains(&code));
    let status =
        code.strip_prefix("HTTP").filter(|status| status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit()));
    match status.and_then(|status| status.chars().next()) {
        _ if known => code.to_owned(),
        Some(class) => format!("HTTP{class}xx"),
        None => "other".to_owned(),
    }
}

fn or<'a>(message: &'a str, otherwise: &'a str) -> &'a str {
    if message.is_empty() { otherwise } else { message }
}

/// The causes of an error on one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = causes(error).into_iter().map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}

pub(super) fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut causes = vec![error];
    let mut cause = error.source();
    while let Some(error) = cause.filter(|_| causes.len() < 20) {
        causes.push(error);
        cause = error.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(operation: &str, code: &str, message: &str, limit: Option<&str>) -> FaultClass {
        classify(&Said { operation, code: Some(code), status: Some(400), message, limit }).class
    }

    /// Table (a) of fsx-facts, row by row.
    #[test]
    fn the_table() {
        let copies = Some("TOTAL_IN_PROGRESS_COPY_BACKUPS");
        let backups = Some("TOTAL_USER_INITIATED_BACKUPS");
        for (operation, code, message, limit, expected) in [
            ("CreateBackup", "InternalServerError", "", None, Unanswered),
            ("CopyBackup", "ThrottlingException", "Rate exceeded", None, Throttled),
            ("CopyBackup", "ExpiredTokenException", "", None, Credentials),
            ("CopyBackup", "AccessDeniedException", "", None, Denied),
            ("CreateBackup", "BackupInProgress", "", None, TransientState),
            ("CreateBackup", "ServiceLimitExceeded", "", backups, Quota),
            ("CreateBackup", "ServiceLimitExceeded", "", None, Quota),
            ("CreateBackup", "ServiceLimitExceeded", "", Some("TOTAL_USER_TAGS"), Permanent),
            ("CreateBackup", "FileSystemNotFound", "", None, Missing),
            ("CreateBackup", "VolumeNotFound", "", None, Missing),
            ("CreateBackup", "UnsupportedOperation", "ONTAP file system backup is unsupported.", None, Permanent),
            ("CreateBackup", "BadRequest", "Cannot take backup while fs-1 is in UPDATING", None, TransientState),
            ("CreateBackup", "BadRequest", "Cannot take backup while fs-1 is in FAILED and", None, Permanent),
            ("CreateBackup", "BadRequest", "Volume with type DP is not backupable.", None, Permanent),
            ("CreateBackup", "IncompatibleParameterError", "", None, TokenConflict),
            ("CopyBackup", "ServiceLimitExceeded", "", copies, NoSlot),
            ("CopyBackup", "ServiceLimitExceeded", "", backups, Quota),
            ("CopyBackup", "ServiceLimitExceeded", "", Some("no value was set"), NoSlot),
            ("CopyBackup", "SourceBackupUnavailable", "", None, TransientState),
            ("CopyBackup", "BackupNotFound", "", None, Missing),
            ("CopyBackup", "InvalidRegion", "", None, Permanent),
            ("CopyBackup", "IncompatibleRegionForMultiAZ", "", None, Permanent),
            ("CopyBackup", "InvalidDestinationKmsKey", "", None, Permanent),
            ("CopyBackup", "InvalidSourceKmsKey", "", None, Permanent),
            ("CopyBackup", "UnsupportedOperation", "", None, Permanent),
            ("CopyBackup", "IncompatibleParameterError", "", None, TokenConflict),
            ("DescribeBackups", "BackupNotFound", "", None, Missing),
            ("DeleteBackup", "BackupBeingCopied", "", None, TransientState),
            ("DeleteBackup", "BadRequest", "backup-1 is being copied, can't be deleted", None, TransientState),
            ("DeleteBackup", "BackupRestoring", "", None, TransientState),
            ("CopyBackup", "SomethingNew", "", None, TransientState),
        ] {
            assert_eq!(class(operation, code, message, limit), expected, "{operation} {code} {message} {limit:?}");
        }
    }

    #[test]
    fn codes_that_an_endpoint_makes_up_are_counted_as_one() {
        for known in ["OK", "BackupInProgress", "ThrottlingException", "Timeout", "Forbidden"] {
            assert_eq!(counted_as(known), known);
        }
        assert_eq!((counted_as("HTTP502").as_str(), counted_as("HTTP200").as_str()), ("HTTP5xx", "HTTP2xx"));
        let made_up = (0..5_000).flat_map(|n| [format!("Code{n}"), format!("HTTP{n:03}"), format!("HTTP{n}é")]);
        let counted: std::collections::BTreeSet<String> = made_up.map(|code| counted_as(&code)).collect();
        assert!(counted.len() <= 11, "{counted:?}");
    }

    #[test]
    fn an_answer_without_a_code_goes_by_its_status() {
        let class = |status| classify(&Said { status, ..Said::default() }).class;
        assert_eq!(class(Some(403)), Credentials);
        assert_eq!(class(Some(429)), Throttled);
        assert_eq!(class(Some(502)), Unanswered);
        assert_eq!(class(Some(200)), Unanswered);
        assert_eq!(class(None), Unanswered);
    }
}

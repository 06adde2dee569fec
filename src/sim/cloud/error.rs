//! Error responses of the service.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// An error in the form that FSx sends (facts, section 5).
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// HTTP status: 400 for client errors, 500 for server errors, 403 for credentials.
    pub status: u16,
    /// The code, such as `BackupNotFound`; sent as the body's `__type` and in the header `x-amzn-ErrorType`.
    pub code: Cow<'static, str>,
    /// The message.
    pub message: String,
    /// Further members of the body, such as `Limit` or `BackupId`.
    pub fields: Vec<(&'static str, String)>,
}

impl ApiError {
    /// An error with HTTP status 400.
    pub fn client(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.into(), message: message.into(), fields: Vec::new() }
    }

    /// The same error with another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same error with one more member in its body.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((field, value.into()));
        self
    }

    /// The body as sent.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("__type".into(), Value::from(self.code.as_ref()));
        body.insert("Message".into(), Value::from(self.message.as_str()));
        for (field, value) in &self.fields {
            body.insert((*field).into(), Value::from(value.as_str()));
        }
        Value::Object(body)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::client("BadRequest", message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::client("UnsupportedOperation", message)
    }

    pub(crate) fn no_file_system(id: &str) -> Self {
        Self::client("FileSystemNotFound", format!("File system '{id}' does not exist."))
    }

    pub(crate) fn no_volume(id: &str) -> Self {
        Self::client("VolumeNotFound", format!("Volume '{id}' does not exist."))
    }

    pub(crate) fn no_backup(id: &str) -> Self {
        Self::client("BackupNotFound", format!("Backup '{id}' does not exist."))
    }

    /// A limit was reached; an empty `limit` is left out of the response.
    pub(crate) fn limit(limit: &str, message: impl Into<String>) -> Self {
        let error = Self::client("ServiceLimitExceeded", message);
        if limit.is_empty() { error } else { error.with("Limit", limit) }
    }

    pub(crate) fn internal() -> Self {
        Self::client("InternalServerError", "An internal server error occurred.").with_status(500)
    }

    /// An error that precedes every operation, with the HTTP status of its code.
    pub(crate) fn at_the_door(code: &str) -> Self {
        let (status, message) = match code {
            "OptInRequired" => (403, "You are not subscribed to this service or Region."),
            "UnrecognizedClientException" | "InvalidClientTokenId" => {
                (403, "The security token included in the request is invalid.")
            }
            "ExpiredTokenException" => (403, "The security token included in the request is expired"),
            "InvalidSignatureException" => {
                (403, "The request signature we calculated does not match the signature you provided.")
            }
            "RequestTimeTooSkewed" => {
                (403, "The difference between the request time and the current time is too large.")
            }
            "AccessDeniedException" => (400, "User is not authorized to perform this operation."),
            "ThrottlingException" => (400, "Rate exceeded"),
            "ServiceUnavailable" => (503, "The service is unavailable."),
            "InternalServerError" | "InternalFailure" => (500, "An internal server error occurred."),
            _ => (400, "The request was refused."),
        };
        Self::client(code.to_owned(), message).with_status(status)
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} ({}): {}", self.code, self.status, self.message)
    }
}

impl std::error::Error for ApiError {}

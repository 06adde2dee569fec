//! Responses, by status and kind.

use super::*;

/// The content type of JSON.
pub const JSON: &str = "application/json";
pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn judged(verdict: Result<(), String>) -> Response<Full<Bytes>> {
    match verdict {
        Ok(()) => plain(StatusCode::OK, "ok"),
        Err(why) => plain(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

/// An error as JSON: `{"error": …}`.
#[must_use]
pub fn refused(status: StatusCode, why: &str) -> Response<Full<Bytes>> {
    respond(status, JSON, serde_json::json!({ "error": why }).to_string().into())
}

pub(super) fn as_packed(kind: &'static str, Packed { body, gzip }: Packed) -> Response<Full<Bytes>> {
    let mut answer = respond(StatusCode::OK, kind, body);
    packing::mark(answer.headers_mut(), gzip);
    answer
}

pub(super) fn busy() -> Response<Full<Bytes>> {
    let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, "too many requests are being answered; try again");
    let headers = answer.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

pub(super) fn plain(status: StatusCode, line: &str) -> Response<Full<Bytes>> {
    respond(status, TEXT, format!("{line}\n").into())
}

/// A response with the headers that all of ours have.
#[must_use]
pub fn respond(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY_POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

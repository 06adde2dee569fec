//! STS's protocol: requests as forms, responses as XML.

use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use std::time::Duration;

use super::super::cloud::sts::{AssumeRole, Caller, Session};
use super::super::cloud::{ApiError, Lost, Served};
use super::signature::{self, Scope};
use super::{Reply, Shared, epoch_ms, plain};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Whether this is a request in STS's protocol rather than in FSx's.
pub(super) fn speaks(headers: &HeaderMap) -> bool {
    let form =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| text.starts_with("application/x-www-form-urlencoded"));
    headers.get(CONTENT_TYPE).is_some_and(form)
}

pub(super) async fn respond(head: &Parts, body: &[u8], shared: &Shared) -> Reply {
    let now_ms = epoch_ms();
    let scope = signature::scope(&head.headers, "sts", now_ms);
    let Scope { caller, region } = match scope {
        Ok(scope) => scope,
        Err(error) => return refused(shared, &error),
    };
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let text = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    match text("Action").as_deref() {
        Some("AssumeRole") => {
            let asked = AssumeRole {
                role_arn: text("RoleArn").unwrap_or_default(),
                session_name: text("RoleSessionName").unwrap_or_default(),
                external_id: text("ExternalId"),
                duration_seconds: text("DurationSeconds").map(|seconds| seconds.parse().unwrap_or(0)),
            };
            let served = shared.cloud().assume_role(now_ms, &caller, &region, &asked);
            deliver(shared, served, "AssumeRole", session).await
        }
        Some("GetCallerIdentity") => {
            let served = shared.cloud().caller_identity(now_ms, &caller, &region);
            deliver(shared, served, "GetCallerIdentity", identity).await
        }
        other => {
            let what = format!("Could not find operation {} for version 2011-06-15", other.unwrap_or("(none)"));
            refused(shared, &ApiError::client("InvalidAction", what))
        }
    }
}

async fn deliver<T>(shared: &Shared, served: Served<T>, operation: &str, show: fn(&T) -> String) -> Reply {
    if served.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(served.latency_ms)).await;
    }
    match served.reply {
        Ok(Ok(result)) => {
            let (id, shown) = (shared.request_id(), show(&result));
            let body = format!(
                "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{shown}</{operation}Result>\
                 <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{operation}Response>"
            );
            xml(StatusCode::OK, body, &id)
        }
        Ok(Err(error)) => refused(shared, &error),
        Err(Lost::Closed) => Reply::Close,
        Err(Lost::Silence) => Reply::Silence,
        Err(Lost::Html) => Reply::Response(plain(StatusCode::BAD_GATEWAY, "<html><body>502 Bad Gateway</body></html>")),
        Err(Lost::Forbidden) => Reply::Response(plain(StatusCode::FORBIDDEN, "")),
        Err(Lost::Empty | Lost::Truncated(_)) => xml(StatusCode::OK, String::new(), &shared.request_id()),
    }
}

fn session(session: &Session) -> String {
    let Session { caller, access_key, token, expires_ms } = session;
    let name = caller.arn.rsplit('/').next().unwrap_or_default();
    let expires = jiff::Timestamp::from_millisecond(*expires_ms).map(|at| at.to_string()).unwrap_or_default();
    format!(
        "<AssumedRoleUser><AssumedRoleId>AROASIMULATEDROLE000:{name}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>simulated</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{expires}</Expiration></Credentials>",
        name = escaped(name),
        arn = escaped(&caller.arn),
        token = escaped(token),
    )
}

fn identity(caller: &Caller) -> String {
    let Caller { account, arn } = caller;
    let arn = escaped(arn);
    format!("<Arn>{arn}</Arn><UserId>AIDASIMULATEDUSER000</UserId><Account>{account}</Account>")
}

/// An error in STS's form. Its codes lack the suffix that FSx's have.
fn refused(shared: &Shared, error: &ApiError) -> Reply {
    let id = shared.request_id();
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    let code = error.code.strip_suffix("Exception").unwrap_or(&error.code);
    let kind = if status.is_server_error() { "Receiver" } else { "Sender" };
    let (code, message) = (escaped(code), escaped(&error.message));
    let body = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message>\
         </Error><RequestId>{id}</RequestId></ErrorResponse>"
    );
    xml(status, body, &id)
}

fn xml(status: StatusCode, body: String, request_id: &str) -> Reply {
    let length = body.len();
    let mut response = plain(status, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    Reply::Response(response)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

//! The HTTP client for receivers: one request at a time, with a time limit; only the status code is read.

use crate::domain::note::Notification;
use crate::domain::policy::SecretUrl;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;
use tokio::sync::OnceCell;

/// The time limit of one request.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
const CONNECTS_WITHIN: Duration = Duration::from_secs(5);

/// Why a notification was not accepted.
pub(super) enum SendError {
    /// The receiver cannot be reached, or accepts nothing now.
    Broken(String),
    /// The receiver works and rejects this notification.
    NotThis(String),
}

type Sender = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Sends requests. The host's root certificates are read before the first one.
#[derive(Default)]
pub(super) struct Client(OnceCell<Sender>);

impl Client {
    /// POSTs a notification. A repeated delivery has the same `Idempotency-Key`.
    pub(super) async fn post(&self, url: &SecretUrl, notice: &Notification) -> Result<(), SendError> {
        let request = Request::post(url.whole())
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", &notice.id);
        self.send(request, Bytes::from(notice.body.clone())).await
    }

    /// GETs a page.
    pub(super) async fn get(&self, url: &SecretUrl) -> Result<(), SendError> {
        self.send(Request::builder().method(Method::GET).uri(url.whole()), Bytes::new()).await
    }

    async fn send(&self, request: hyper::http::request::Builder, body: Bytes) -> Result<(), SendError> {
        let agent = concat!("lifeboat/", env!("CARGO_PKG_VERSION"));
        let request = request.header(header::USER_AGENT, agent).body(Full::new(body));
        // The URL was checked when the policy was loaded. The error is not shown because it might contain the URL.
        let request = request.map_err(|_| SendError::Broken("the address cannot be used".to_owned()))?;
        let sender = self.0.get_or_try_init(connect).await?;
        let answer = tokio::time::timeout(ANSWERS_WITHIN, sender.request(request)).await;
        let answer =
            answer.map_err(|_| SendError::Broken(format!("no answer within {} s", ANSWERS_WITHIN.as_secs())))?;
        judge(answer.map_err(|error| SendError::Broken(causes(&error)))?.status())
    }
}

async fn connect() -> Result<Sender, SendError> {
    let roots = tokio::task::spawn_blocking(|| {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        HttpsConnectorBuilder::new().with_provider_and_native_roots(provider).map_err(|error| error.to_string())
    });
    let failed = |why: String| SendError::Broken(format!("the host's root certificates cannot be read: {why}"));
    let builder = roots.await.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECTS_WITHIN));
    let https = builder.https_or_http().enable_http1().wrap_connector(tcp);
    // Deliveries are minutes to months apart; a connection kept that long is usually dead.
    let mut client = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
    Ok(client.pool_max_idle_per_host(0).build(https))
}

fn judge(status: StatusCode) -> Result<(), SendError> {
    let said = format!("it answered {status}");
    match status {
        status if status.is_success() => Ok(()),
        // Not now, but perhaps later. Redirects and wrong paths or keys concern the URL, not this notification.
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::GONE => Err(SendError::Broken(said)),
        status if status.is_client_error() => Err(SendError::NotThis(said)),
        _ => Err(SendError::Broken(said)),
    }
}

/// The whole error chain: the outermost error says only that the request failed.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_on_one_notification_is_told_from_one_on_all() {
        let judged = |code: u16| match judge(StatusCode::from_u16(code).unwrap()) {
            Ok(()) => "taken",
            Err(SendError::NotThis(_)) => "not this",
            Err(SendError::Broken(_)) => "broken",
        };
        for (codes, expected) in [
            (&[200, 201, 204][..], "taken"),
            (&[400, 409, 413, 422][..], "not this"),
            (&[301, 302, 401, 403, 404, 408, 410, 429, 500, 502, 503][..], "broken"),
        ] {
            assert!(codes.iter().all(|code| judged(*code) == expected), "{expected}");
        }
    }
}

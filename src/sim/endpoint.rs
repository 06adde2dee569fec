//! The simulated FSx over HTTP, in AWS's protocol (facts, section 8), and STS in its own on the same port.
//!
//! One port serves all accounts and Regions. The Region comes from the scope of the SigV4 signature, the account from
//! the access key: a key with 12 digits in a row belongs to that account, every other key to 111122223333. The keys of
//! sessions from AssumeRole belong to the account of the role, and end. Signatures are not checked. The clock is the
//! machine's; only FSx's own work is sped up.
//!
//! Besides AWS's protocol there are control paths that begin with `/_`: see the file `control.rs`.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use serde_json::Value;

use super::cloud::{ApiError, Cloud, Lost, Served};
use super::faults::Faults;
use super::rng::Rng;

mod control;
mod signature;
mod sts;

/// Maximum size of a request, bytes. FSx's own are a few kilobytes.
const LARGEST_BODY: usize = 1 << 20;
/// Time limit for a client to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for a client to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const JSON_1_1: &str = "application/x-amz-json-1.1";
const TARGET: &str = "AWSSimbaAPIService_v20180301.";

/// A running endpoint. It serves until it is shut down or dropped.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    cloud: Arc<Mutex<Cloud>>,
    request_ids: Mutex<Rng>,
}

/// The reply to a request.
enum Reply {
    Response(Response<Full<Bytes>>),
    Close,
    Silence,
}

impl Endpoint {
    /// Binds `address` (port 0: any free one), puts the faults in force, and starts serving on the current tokio
    /// runtime.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn bind(address: SocketAddr, mut cloud: Cloud, faults: Faults) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        cloud.set_faults(faults, Some(epoch_ms()));
        let shared = Arc::new(Shared {
            cloud: Arc::new(Mutex::new(cloud)),
            request_ids: Mutex::new(Rng::new(epoch_ms().unsigned_abs(), "requests")),
        });
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self { address, shared, stop, serving })
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The cloud behind it, for tests and demonstrations in the same process. Times passed to it are epoch ms of the
    /// machine's clock, as returned by [`Endpoint::now_ms`].
    #[must_use]
    pub fn cloud(&self) -> Arc<Mutex<Cloud>> {
        Arc::clone(&self.shared.cloud)
    }

    /// The endpoint's time, epoch ms.
    #[must_use]
    pub fn now_ms() -> i64 {
        epoch_ms()
    }

    /// Stops listening, cuts every connection, and returns once that is done.
    pub async fn shutdown(mut self) {
        // If serving has ended by itself there is no receiver left, and nothing to stop.
        let _ = self.stop.send(true);
        let _ = (&mut self.serving).await;
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    /// The cloud. If one request panicked while holding the lock, the others should still be answered.
    fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request_id(&self) -> String {
        let mut rng = self.request_ids.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
        uuid::Builder::from_random_bytes(drawn.to_be_bytes()).into_uuid().to_string()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    // Dropped with this function, which cuts the connections that are still open.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => return,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            incoming = listener.accept() => match incoming {
                Ok((stream, _)) => { connections.spawn(converse(stream, Arc::clone(&shared))); }
                // Out of file descriptors, or a client that left at once: neither ends the endpoint.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move {
            match respond(request, &shared).await {
                Reply::Response(response) => Ok::<_, Closed>(response),
                Reply::Close => Err(Closed),
                Reply::Silence => std::future::pending().await,
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // An error is a client that left or sent nonsense, or the fault that closes connections.
    let _ = connection.await;
}

/// Makes hyper close the connection without a response.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("closed on purpose")
    }
}

impl std::error::Error for Closed {}

async fn respond(request: Request<Incoming>, shared: &Shared) -> Reply {
    let (head, body) = request.into_parts();
    let body = match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, LARGEST_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => {
            return Reply::Response(plain(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large or broken off."));
        }
        Err(_) => return Reply::Close,
    };
    if head.uri.path().starts_with("/_") {
        return Reply::Response(control::respond(&head, &body, shared));
    }
    if head.method != Method::POST || head.uri.path() != "/" {
        return Reply::Response(plain(StatusCode::NOT_FOUND, "This is the FSx simulator: POST / in AWS JSON 1.1."));
    }
    if sts::speaks(&head.headers) {
        return sts::respond(&head, &body, shared).await;
    }
    let text = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let target = text("x-amz-target").unwrap_or_default();
    let Some(operation) = target.strip_prefix(TARGET) else {
        let words = format!("Unknown target '{target}'.");
        return answer(shared, Err(ApiError::client("UnknownOperationException", words)), 0);
    };
    let scope = match signature::scope(&head.headers, "fsx", epoch_ms()) {
        Ok(scope) => scope,
        Err(error) => return answer(shared, Err(error), 0),
    };
    let asked = if body.is_empty() { Ok(Value::Object(serde_json::Map::new())) } else { serde_json::from_slice(&body) };
    let Ok(asked) = asked else {
        return answer(shared, Err(ApiError::client("SerializationException", "The body is not JSON.")), 0);
    };
    let served = shared.cloud().serve(epoch_ms(), &scope.caller.account, &scope.region, operation, &asked);
    deliver(shared, served).await
}

async fn deliver(shared: &Shared, served: Served) -> Reply {
    if served.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(served.latency_ms)).await;
    }
    let skew = served.date_skew_seconds;
    match served.reply {
        Ok(reply) => answer(shared, reply, skew),
        Err(Lost::Closed) => Reply::Close,
        Err(Lost::Silence) => Reply::Silence,
        Err(Lost::Html) => {
            let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
            let mut response = plain(StatusCode::BAD_GATEWAY, page);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            Reply::Response(response)
        }
        Err(Lost::Forbidden) => Reply::Response(plain(StatusCode::FORBIDDEN, "")),
        Err(Lost::Empty) => Reply::Response(amazon(shared, StatusCode::OK, String::new(), skew)),
        Err(Lost::Truncated(whole)) => {
            let whole = whole.to_string();
            let mut half = whole.len() / 2;
            while !whole.is_char_boundary(half) {
                half -= 1;
            }
            Reply::Response(amazon(shared, StatusCode::OK, whole[..half].to_owned(), skew))
        }
    }
}

/// A response in FSx's own form.
fn answer(shared: &Shared, reply: Result<Value, ApiError>, skew_seconds: i64) -> Reply {
    Reply::Response(match reply {
        Ok(body) => amazon(shared, StatusCode::OK, body.to_string(), skew_seconds),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            let mut response = amazon(shared, status, error.body().to_string(), skew_seconds);
            if let Ok(code) = HeaderValue::from_str(&error.code) {
                response.headers_mut().insert("x-amzn-errortype", code);
            }
            response
        }
    })
}

fn amazon(shared: &Shared, status: StatusCode, body: String, skew_seconds: i64) -> Response<Full<Bytes>> {
    let mut response = plain(status, "");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON_1_1));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if let Ok(id) = HeaderValue::from_str(&shared.request_id()) {
        headers.insert("x-amzn-requestid", id);
    }
    // Without this, hyper adds the real time.
    if skew_seconds != 0
        && let Ok(date) = HeaderValue::from_str(&http_date((epoch_ms() / 1_000).saturating_add(skew_seconds)))
    {
        headers.insert(DATE, date);
    }
    *response.body_mut() = Full::from(body);
    response
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

/// The format of RFC 9110, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(epoch_seconds: i64) -> String {
    jiff::Timestamp::from_second(epoch_seconds)
        .and_then(|moment| DateTimePrinter::new().timestamp_to_rfc9110_string(&moment))
        .unwrap_or_default()
}

fn epoch_ms() -> i64 {
    // A clock before 1970 counts as 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http_and_none_where_there_is_none() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(253_402_300_800), "", "the year 10000");
        assert_eq!(http_date(i64::MIN), "");
    }
}

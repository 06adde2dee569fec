//! What is served on `listen`: metrics, health, the status page and the API, all read-only.
//!
//! The port is open to whoever can reach it, on the same machine as a process that must not fall over: clients that
//! dawdle, shout or never go away must cost a bounded amount of memory and time. So only GET and HEAD are known, no
//! body is read, headers have a size and a deadline, connections a number and a lifetime, and what takes long to draw
//! is drawn off the threads that do the work.

use crate::domain::time::Time;
use crate::report::snapshot::Snapshot;
use crate::report::{metrics, page, query, text};
use crate::store::{HistoryEntry, HistoryQuery};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// A future that can be kept in a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the listener shows; the daemon is one.
pub trait View: Send + Sync + 'static {
    /// The latest picture.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// The time, by the clock that the daemon goes by.
    fn now(&self) -> Time;

    /// Whether rounds go on.
    ///
    /// # Errors
    /// They do not; says since when, or why.
    fn healthy(&self) -> Result<(), String>;

    /// Whether policy, database and credentials are good.
    ///
    /// # Errors
    /// One is not; says which and why.
    fn ready(&self) -> Result<(), String>;

    /// What became of occurrences, newest first. The error says why that cannot be read.
    fn history(&self, query: HistoryQuery) -> BoxFuture<'_, Result<Vec<HistoryEntry>, String>>;
}

/// What a client may cost.
#[derive(Clone, Copy)]
struct Bounds {
    /// Connections at one time; further ones wait to be accepted.
    connections: usize,
    /// Pages and metrics drawn at one time.
    drawings: usize,
    /// From the start of a connection, or the end of an answer, to the last byte of the next request's headers.
    headers: Duration,
    /// Bytes of request line and headers.
    header_bytes: usize,
    /// How long a connection is kept for further requests.
    lifetime: Duration,
    /// How long the last answer may take to be sent after that.
    last_answer: Duration,
    /// How long the database may take to tell the history.
    history: Duration,
    /// How long answers under way may take when the daemon ends.
    shutdown: Duration,
}

const BOUNDS: Bounds = Bounds {
    connections: 64,
    drawings: 2,
    headers: Duration::from_secs(10),
    header_bytes: 16 * 1024,
    lifetime: Duration::from_secs(120),
    last_answer: Duration::from_secs(30),
    history: Duration::from_secs(10),
    shutdown: Duration::from_secs(2),
};

/// After a failure to accept, which is most likely a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is ready, then lets answers under way end, for two seconds at most.
pub async fn serve(listener: TcpListener, view: Arc<dyn View>, shutdown: impl Future<Output = ()>) {
    serve_within(BOUNDS, listener, view, shutdown).await;
}

async fn serve_within(bounds: Bounds, listener: TcpListener, view: Arc<dyn View>, shutdown: impl Future<Output = ()>) {
    let site = Arc::new(Site { view, drawings: Semaphore::new(bounds.drawings), bounds });
    let (closing, _) = watch::channel(false);
    let mut open = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = open.join_next() => {}
            accepted = listener.accept(), if open.len() < bounds.connections => match accepted {
                Ok((stream, _)) => {
                    open.spawn(connection(stream, site.clone(), closing.subscribe()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the status listener could not accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    closing.send_replace(true);
    // Those that do not end in time are cut off when `open` is dropped.
    let _ = timeout(bounds.shutdown, async { while open.join_next().await.is_some() {} }).await;
}

async fn connection(stream: TcpStream, site: Arc<Site>, mut closing: watch::Receiver<bool>) {
    let bounds = site.bounds;
    let service = service_fn(|request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(site.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.headers)
        .max_buf_size(bounds.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = sleep(bounds.lifetime) => {
            connection.as_mut().graceful_shutdown();
            timeout(bounds.last_answer, connection).await.unwrap_or(Ok(()))
        }
        _ = closing.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the status listener ended early");
    }
}

/// What is served, and to how many at once.
struct Site {
    view: Arc<dyn View>,
    drawings: Semaphore,
    bounds: Bounds,
}

impl Site {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !matches!(path, "/" | "/metrics" | "/healthz" | "/readyz" | "/api/v1/status" | "/api/v1/history") {
            return plain(StatusCode::NOT_FOUND, "not found; there are /, /metrics, /healthz, /readyz and /api/v1/");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "this listener is read-only: GET and HEAD");
            refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match path {
            "/metrics" => self.drawn(metrics::CONTENT_TYPE, |picture, now| metrics::render(picture, now).into()).await,
            "/healthz" => judged(self.view.healthy()),
            "/readyz" => judged(self.view.ready()),
            "/api/v1/status" => self.drawn(JSON, |picture, _| serde_json::to_vec(picture).unwrap_or_default()).await,
            "/api/v1/history" => self.history(request.uri().query()).await,
            _ => self.drawn(HTML, |picture, now| page::render(picture, now).into()).await,
        }
    }

    /// A large fleet takes a while and megabytes to draw: off the worker threads, and few at a time.
    async fn drawn(&self, kind: &'static str, draw: fn(&Snapshot, Time) -> Vec<u8>) -> Response<Full<Bytes>> {
        let Ok(_turn) = self.drawings.acquire().await else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "shutting down");
        };
        let (picture, now) = (self.view.snapshot(), self.view.now());
        match tokio::task::spawn_blocking(move || draw(&picture, now)).await {
            Ok(body) if !body.is_empty() => respond(StatusCode::OK, kind, body),
            _ => {
                tracing::error!("an answer of the status listener could not be drawn");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "this could not be drawn; the log says more")
            }
        }
    }

    async fn history(&self, asked: Option<&str>) -> Response<Full<Bytes>> {
        let asked = match query::history(asked, self.view.now()) {
            Ok(asked) => asked,
            Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
        };
        match timeout(self.bounds.history, self.view.history(asked)).await {
            Ok(Ok(entries)) => respond(StatusCode::OK, JSON, text::history_json(&entries).into()),
            Ok(Err(why)) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
            Err(_) => refused(StatusCode::SERVICE_UNAVAILABLE, "the database did not answer in time; try again"),
        }
    }
}

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

fn judged(verdict: Result<(), String>) -> Response<Full<Bytes>> {
    match verdict {
        Ok(()) => plain(StatusCode::OK, "ok"),
        Err(why) => plain(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

fn refused(status: StatusCode, why: &str) -> Response<Full<Bytes>> {
    respond(status, JSON, serde_json::json!({ "error": why }).to_string().into())
}

fn plain(status: StatusCode, line: &str) -> Response<Full<Bytes>> {
    respond(status, TEXT, format!("{line}\n").into())
}

fn respond(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
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

//! What `listen` serves: metrics, health, the status page and the API, all read-only.
//!
//! The port is open to anyone who can reach it, in a process that must not fail. Slow, flooding or idle clients must
//! cost a bounded amount of memory and time. So only GET and HEAD are supported, no body is read, headers have a size
//! limit and a deadline, connections are limited in number and lifetime, and anything slow to render is rendered on
//! threads other than those that do the work.

use crate::domain::time::Time;
use crate::report::forecast::Forecast;
use crate::report::rpo_report::RpoReport;
use crate::report::snapshot::Snapshot;
use crate::report::{metrics, page, query, text};
use crate::store::{HistoryEntry, HistoryQuery, RouteQuery};
use hosts::Hosts;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use listener::{Caller, Handler};
use packing::Packed;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

pub mod hosts;
pub mod listener;
mod packing;

mod responses;
use responses::{HTML, as_packed, busy, judged, plain};
pub use responses::{JSON, refused, respond};

/// A future for trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the listener serves; the daemon implements it.
pub trait StatusProvider: Send + Sync + 'static {
    /// The latest snapshot.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// The time, by the daemon's clock.
    fn now(&self) -> Time;

    /// Checks that rounds continue.
    ///
    /// # Errors
    /// They do not: since when, or why.
    fn healthy(&self) -> Result<(), String>;

    /// Checks that policy, database and credentials are good.
    ///
    /// # Errors
    /// One of them is not: which, and why.
    fn ready(&self) -> Result<(), String>;

    /// The history of occurrences, newest first. The error says why it cannot be read.
    fn history(&self, query: HistoryQuery) -> BoxFuture<'_, Result<Vec<HistoryEntry>, String>>;

    /// What would happen next; with `kept`, also everything that is kept. The error says why there is no forecast.
    fn forecast(&self, kept: bool) -> BoxFuture<'_, Result<Forecast, String>>;
    /// How well RPOs were met. The error says why it cannot be read.
    fn report(&self, query: RouteQuery) -> BoxFuture<'_, Result<RpoReport, String>>;
}

/// Paths for monitoring: they are served even when everything else is busy.
const MONITORS: [&str; 3] = ["/metrics", "/healthz", "/readyz"];

/// Served paths.
const PATHS: [&str; 8] =
    ["/", "/metrics", "/healthz", "/readyz", "/api/v1/status", "/api/v1/history", "/api/v1/report", "/api/v1/plan"];

/// Limits on what clients may cost.
#[derive(Clone, Copy)]
struct Bounds {
    /// Limits on connections.
    listener: listener::Bounds,
    /// Concurrent requests, except those to [`MONITORS`].
    places: usize,
    /// Concurrent requests for metrics; these are rendered one after the other.
    scrapes: usize,
    /// Concurrent renderings of pages.
    drawings: usize,
    /// The time limit of a history query.
    history: Duration,
    /// The time limit of a report; only one is made at a time.
    report: Duration,
}

/// Time limit of any response except a report.
pub const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Time limit of a report.
pub const REPORTS_WITHIN: Duration = Duration::from_secs(60);

const BOUNDS: Bounds = Bounds {
    listener: listener::Bounds {
        connections: 64,
        headers: Duration::from_secs(10),
        header_bytes: 16 * 1024,
        lifetime: Duration::from_secs(120),
        last_answer: Duration::from_secs(30),
        shutdown: Duration::from_secs(2),
    },
    places: 48,
    scrapes: 8,
    drawings: 2,
    history: ANSWERS_WITHIN,
    report: REPORTS_WITHIN,
};

impl Bounds {
    /// As many connections as this process can have open besides its work; a quarter of them is reserved for
    /// [`MONITORS`].
    fn affordable() -> Self {
        let connections = listener::affordable(BOUNDS.listener.connections);
        let own = connections / 4;
        let listener = listener::Bounds { connections, ..BOUNDS.listener };
        Self { listener, places: connections - own, scrapes: (own / 2).max(1), ..BOUNDS }
    }
}

/// Serves until `shutdown` is ready, then allows responses in progress two seconds. Only requests that use a name of
/// `hosts` are answered.
pub async fn serve(
    listener: TcpListener,
    view: Arc<dyn StatusProvider>,
    hosts: Hosts,
    shutdown: impl Future<Output = ()> + Send,
) {
    let bounds = Bounds::affordable();
    let read_api = ReadApi { hosts: Some(hosts), ..ReadApi::within(bounds, view) };
    listener::serve(bounds.listener, listener, Arc::new(read_api), shutdown).await;
}

/// The read-only API and its concurrency limits.
pub struct ReadApi {
    view: Arc<dyn StatusProvider>,
    /// The accepted `Host` names; `None`: any, where no browser can connect.
    hosts: Option<Hosts>,
    // A permit is held until the work ends, even if its client disconnects. Otherwise clients could disconnect and
    // start any amount of work.
    places: Arc<Semaphore>,
    scrapes: Arc<Semaphore>,
    scrape: Arc<Semaphore>,
    drawings: Arc<Semaphore>,
    reports: Arc<Semaphore>,
    bounds: Bounds,
}

impl Handler for ReadApi {
    fn answer(&self, caller: Caller, request: Request<Incoming>) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move {
            match self.hosts.as_ref().map(|hosts| hosts.check(&request, caller.local)) {
                Some(Err((status, why))) => plain(status, &why),
                _ => self.page(request).await,
            }
        })
    }
}

impl ReadApi {
    /// Serves this view with the usual limits.
    #[must_use]
    pub fn new(view: Arc<dyn StatusProvider>) -> Self {
        Self::within(BOUNDS, view)
    }

    fn within(bounds: Bounds, view: Arc<dyn StatusProvider>) -> Self {
        Self {
            view,
            hosts: None,
            places: Arc::new(Semaphore::new(bounds.places)),
            scrapes: Arc::new(Semaphore::new(bounds.scrapes)),
            scrape: Arc::new(Semaphore::new(1)),
            drawings: Arc::new(Semaphore::new(bounds.drawings)),
            reports: Arc::new(Semaphore::new(1)),
            bounds,
        }
    }

    /// The response to a request, by path.
    pub async fn page(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !PATHS.contains(&path) {
            return plain(StatusCode::NOT_FOUND, "not found; there are /, /metrics, /healthz, /readyz and /api/v1/");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "this listener is read-only: GET and HEAD");
            refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        let places = match path {
            "/metrics" => Some(&self.scrapes),
            _ if MONITORS.contains(&path) => None,
            _ => Some(&self.places),
        };
        let Ok(place) = places.map(|places| places.clone().try_acquire_owned()).transpose() else { return busy() };
        let gzip = packing::taken(request.headers());
        let answer = match path {
            "/metrics" => {
                let draw = |snapshot: &Snapshot, now| metrics::render(snapshot, now).into();
                return self.drawn(&self.scrape, metrics::CONTENT_TYPE, gzip, draw).await;
            }
            "/healthz" => return judged(self.view.healthy()),
            "/readyz" => return judged(self.view.ready()),
            "/api/v1/status" => {
                let draw = |snapshot: &Snapshot, _| serde_json::to_vec(snapshot).unwrap_or_default();
                return self.drawn(&self.drawings, JSON, gzip, draw).await;
            }
            "/api/v1/history" => self.history(request.uri().query(), place).await,
            "/api/v1/plan" => return self.forecast(request.uri().query(), gzip).await,
            "/api/v1/report" => self.report(request.uri().query()).await,
            _ => {
                let draw = |snapshot: &Snapshot, now| page::render(snapshot, now).into();
                return self.drawn(&self.drawings, HTML, gzip, draw).await;
            }
        };
        if answer.status() == StatusCode::OK { self.packed(answer, gzip).await } else { answer }
    }

    /// Rendering a large fleet takes time and megabytes: it runs off the worker threads, few at a time.
    async fn drawn(
        &self,
        turns: &Arc<Semaphore>,
        kind: &'static str,
        gzip: bool,
        draw: fn(&Snapshot, Time) -> Vec<u8>,
    ) -> Response<Full<Bytes>> {
        let (view, asked) = (self.view.clone(), turns.clone().acquire_owned());
        let Ok(turn) = asked.await else { return plain(StatusCode::SERVICE_UNAVAILABLE, "shutting down") };
        let (snapshot, now, rounds_problem) = (view.snapshot(), view.now(), view.healthy().err());
        let drawn = tokio::task::spawn_blocking(move || {
            // A hung loop takes no new snapshot, and the last one becomes outdated.
            let mut judged = snapshot.judged_at(now);
            if rounds_problem.is_some() {
                judged.to_mut().rounds_problem = rounds_problem;
            }
            let packed = packing::pack(draw(&judged, now), gzip);
            drop(turn);
            packed
        });
        match drawn.await {
            Ok(packed) if !packed.body.is_empty() => as_packed(kind, packed),
            _ => {
                tracing::error!("an answer of the status listener could not be drawn");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "this could not be drawn; the log says more")
            }
        }
    }

    /// A complete response, compressed if the client accepts it.
    async fn packed(&self, answer: Response<Full<Bytes>>, gzip: bool) -> Response<Full<Bytes>> {
        let (mut head, body) = answer.into_parts();
        // A complete body cannot fail.
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        if !gzip {
            packing::mark(&mut head.headers, false);
            return Response::from_parts(head, Full::new(body));
        }
        let Ok(turn) = self.drawings.clone().acquire_owned().await else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "shutting down");
        };
        let whole = body.clone();
        let packed = tokio::task::spawn_blocking(move || {
            let packed = packing::pack(whole.into(), true);
            drop(turn);
            packed
        });
        let Packed { body, gzip } = packed.await.unwrap_or_else(|_| Packed { body: body.into(), gzip: false });
        packing::mark(&mut head.headers, gzip);
        Response::from_parts(head, Full::new(body.into()))
    }

    async fn forecast(&self, asked: Option<&str>, gzip: bool) -> Response<Full<Bytes>> {
        let kept = match query::plan(asked) {
            Ok(kept) => kept,
            Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
        };
        let drawn = timeout(self.bounds.history, async {
            let turn = self.drawings.clone().acquire_owned().await.map_err(|_| "shutting down".to_owned())?;
            let view = self.view.clone();
            let drawing = async move {
                let forecast = view.forecast(kept).await?;
                let write = move || serde_json::to_vec(&forecast).map(|body| packing::pack(body, gzip));
                let written = tokio::task::spawn_blocking(write).await.map_err(|error| error.to_string())?;
                written.map_err(|error| error.to_string())
            };
            done_within(turn, drawing).await
        });
        match drawn.await {
            Ok(Ok(packed)) => as_packed(JSON, packed),
            Ok(Err(why)) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
            Err(_) => refused(StatusCode::SERVICE_UNAVAILABLE, "the loop did not answer in time; try again"),
        }
    }

    async fn history(&self, asked: Option<&str>, place: Option<OwnedSemaphorePermit>) -> Response<Full<Bytes>> {
        let asked = match query::history(asked, self.view.now()) {
            Ok(asked) => asked,
            Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
        };
        let (view, query) = (self.view.clone(), asked.clone());
        let read = done_within(place, async move { view.history(query).await });
        match timeout(self.bounds.history, read).await {
            Ok(Ok(entries)) => {
                let mut page = respond(StatusCode::OK, JSON, text::history_json(&entries).into());
                let full = entries.len() >= usize::try_from(asked.limit).unwrap_or(usize::MAX);
                if let Some(last) = entries.last().filter(|_| full) {
                    let next = query::history_text(&HistoryQuery { after: Some(last.mark()), ..asked });
                    let link = HeaderValue::try_from(format!("</api/v1/history?{next}>; rel=\"next\""));
                    page.headers_mut().extend(link.ok().map(|link| (header::LINK, link)));
                }
                page
            }
            Ok(Err(why)) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
            Err(_) => refused(StatusCode::SERVICE_UNAVAILABLE, "the database did not answer in time; try again"),
        }
    }

    async fn report(&self, asked: Option<&str>) -> Response<Full<Bytes>> {
        let asked = match query::report(asked, self.view.now()) {
            Ok(asked) => asked,
            Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
        };
        let drawn = timeout(self.bounds.report, async {
            let turn = self.reports.clone().acquire_owned().await.map_err(|_| "shutting down".to_owned())?;
            let view = self.view.clone();
            done_within(turn, async move { view.report(asked).await }).await
        });
        match drawn.await {
            Ok(Ok(report)) => respond(StatusCode::OK, JSON, serde_json::to_vec(&report).unwrap_or_default()),
            Ok(Err(why)) => refused(StatusCode::SERVICE_UNAVAILABLE, &why),
            Err(_) => refused(StatusCode::SERVICE_UNAVAILABLE, "the report took too long; ask for less of it"),
        }
    }
}

/// Runs work that holds its permit until it ends, even if nobody waits for it any more.
async fn done_within<T: Send + 'static>(
    turn: impl Send + 'static,
    work: impl Future<Output = Result<T, String>> + Send + 'static,
) -> Result<T, String> {
    let working = tokio::spawn(async move {
        let done = work.await;
        drop(turn);
        done
    });
    working.await.unwrap_or_else(|_| Err("it could not be told; the log says more".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{self, NOW};
    use crate::report::snapshot::RpoStatus;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::{Notify, oneshot};
    use tokio::time::sleep;

    struct Shown {
        snapshot: Arc<Snapshot>,
        now: Time,
        trouble: Option<String>,
        history_takes: Duration,
        asked: Arc<Notify>,
        /// Forecasts being made now, and the maximum so far.
        forecasts: Arc<AtomicUsize>,
        forecasts_most: Arc<AtomicUsize>,
    }

    impl StatusProvider for Shown {
        fn forecast(&self, _kept: bool) -> BoxFuture<'_, Result<Forecast, String>> {
            Box::pin(async {
                let at_once = self.forecasts.fetch_add(1, Ordering::SeqCst) + 1;
                self.forecasts_most.fetch_max(at_once, Ordering::SeqCst);
                sleep(self.history_takes).await;
                self.forecasts.fetch_sub(1, Ordering::SeqCst);
                Err("nothing is planned".to_owned())
            })
        }

        fn snapshot(&self) -> Arc<Snapshot> {
            self.snapshot.clone()
        }
        fn now(&self) -> Time {
            self.now
        }
        fn healthy(&self) -> Result<(), String> {
            self.trouble.clone().map_or(Ok(()), Err)
        }
        fn ready(&self) -> Result<(), String> {
            self.trouble.clone().map_or(Ok(()), Err)
        }
        fn history(&self, query: HistoryQuery) -> BoxFuture<'_, Result<Vec<HistoryEntry>, String>> {
            Box::pin(async move {
                self.asked.notify_one();
                sleep(self.history_takes).await;
                let entries = samples::history().into_iter();
                Ok(entries.filter(|entry| query.since.is_none_or(|since| entry.occurrence.at >= since)).collect())
            })
        }
        fn report(&self, query: RouteQuery) -> BoxFuture<'_, Result<RpoReport, String>> {
            Box::pin(async move { Ok(RpoReport { since: query.since, until: query.until, ..samples::report() }) })
        }
    }

    /// A listener on its own port. Dropping `stop` stops it; `ended` signals the end.
    struct Served {
        address: std::net::SocketAddr,
        stop: oneshot::Sender<()>,
        ended: tokio::task::JoinHandle<()>,
    }

    async fn served_within(bounds: Bounds, view: Shown) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { drop(stopped.await) };
        let read_api = Arc::new(ReadApi::within(bounds, Arc::new(view)));
        let ended = tokio::spawn(listener::serve(bounds.listener, listener, read_api, shutdown));
        Served { address, stop, ended }
    }

    fn shown() -> Shown {
        Shown {
            snapshot: Arc::new(samples::bad_day()),
            now: NOW,
            trouble: None,
            history_takes: Duration::ZERO,
            asked: Arc::default(),
            forecasts: Arc::default(),
            forecasts_most: Arc::default(),
        }
    }

    async fn served() -> Served {
        served_within(BOUNDS, shown()).await
    }

    impl Served {
        async fn open(&self) -> TcpStream {
            TcpStream::connect(self.address).await.unwrap()
        }

        /// Sends these bytes and reads until the other side closes.
        async fn raw(&self, bytes: &[u8]) -> String {
            let mut stream = self.open().await;
            // A refusal may arrive, and the connection close, before everything is written.
            let _ = stream.write_all(bytes).await;
            read_all(&mut stream).await
        }

        async fn get(&self, target: &str) -> (u16, String, String) {
            let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            parts(&self.raw(request.as_bytes()).await)
        }
    }

    async fn read_all(stream: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn parts(answer: &str) -> (u16, String, String) {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        (status, head.to_lowercase(), body.to_owned())
    }

    #[tokio::test]
    async fn a_full_page_of_history_leads_to_the_next() {
        let served = served().await;
        let (_, head, _) = served.get("/api/v1/history").await;
        assert!(!head.contains("link:"), "{head}");
        let (status, head, body) = served.get("/api/v1/history?limit=5&policy=a%20b").await;
        assert_eq!(status, 200);
        let last = samples::history().pop().unwrap();
        let mark = query::mark_text(&last.mark());
        assert!(
            head.contains(&format!("link: </api/v1/history?policy=a%20b&after={mark}&limit=5>; rel=\"next\"")),
            "{head}"
        );
        assert_eq!(text::history_from_json(body.as_bytes()).unwrap(), samples::history());
        assert_eq!(served.get("/api/v1/history?outcome=fine").await.0, 400);
    }

    #[tokio::test]
    async fn every_path_answers_in_its_own_form() {
        let served = served().await;
        for (path, kind, says) in [
            ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "lifeboat_rpo_met{"),
            ("/healthz", "text/plain; charset=utf-8", "ok\n"),
            ("/readyz", "text/plain; charset=utf-8", "ok\n"),
            ("/", "text/html; charset=utf-8", "<!DOCTYPE html>"),
            ("/?from=a-bookmark", "text/html; charset=utf-8", "<!DOCTYPE html>"),
            ("/api/v1/status", "application/json", "\"standing\":\"late\""),
            ("/api/v1/history", "application/json", "\"outcome\":\"missed\""),
            ("/api/v1/report?since=7d", "application/json", "\"since\":\"2026-11-14T08:00:00Z\""),
        ] {
            let (status, head, body) = served.get(path).await;
            assert_eq!(status, 200, "{path}: {head}");
            assert!(head.contains(&format!("content-type: {kind}\r\n")), "{path}: {head}");
            assert!(head.contains("cache-control: no-store") && head.contains("nosniff"), "{path}: {head}");
            assert!(head.contains("content-security-policy: default-src 'none'"), "{path}: {head}");
            assert!(body.contains(says), "{path}: {body}");
        }
        let (_, _, body) = served.get("/api/v1/status").await;
        let snapshot: Snapshot = serde_json::from_str(&body).unwrap();
        assert_eq!(snapshot.routes, samples::bad_day().routes);
    }

    #[tokio::test]
    async fn health_and_readiness_say_what_is_wrong() {
        let served = served_within(BOUNDS, Shown { trouble: Some("no round for 5m".to_owned()), ..shown() }).await;
        for path in ["/healthz", "/readyz"] {
            let (status, _, body) = served.get(path).await;
            assert_eq!((status, body.as_str()), (503, "no round for 5m\n"), "{path}");
        }
    }

    #[tokio::test]
    async fn history_is_asked_for_by_query() {
        let served = served().await;
        let entries = async |target: &str| {
            let (status, _, body) = served.get(target).await;
            (status, serde_json::from_str::<serde_json::Value>(&body).unwrap())
        };
        let (status, all) = entries("/api/v1/history?since=30d&policy=finance&limit=50").await;
        assert_eq!((status, all.as_array().map(Vec::len)), (200, Some(5)));
        let (_, some) = entries("/api/v1/history?since=2026-11-21T00:00:00Z").await;
        assert_eq!(some.as_array().map(Vec::len), Some(1));
        for bad in ["since=yesterday", "limit=0", "limit=x", "frob=1", "policy=%ff", "limit=1&limit=1"] {
            let (status, said) = entries(&format!("/api/v1/history?{bad}")).await;
            assert_eq!(status, 400, "{bad}");
            assert!(said["error"].as_str().is_some_and(|why| why.contains('`')), "{bad}: {said}");
        }
        let bounds = Bounds { history: Duration::from_millis(20), ..BOUNDS };
        let slow = served_within(bounds, Shown { history_takes: Duration::from_secs(60), ..shown() }).await;
        assert_eq!(slow.get("/api/v1/history").await.0, 503);
    }

    #[tokio::test]
    async fn head_shows_the_length_and_no_body() {
        let served = served().await;
        for path in ["/", "/api/v1/status", "/healthz"] {
            let (_, _, body) = served.get(path).await;
            let request = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let (status, head, nothing) = parts(&served.raw(request.as_bytes()).await);
            assert_eq!((status, nothing.as_str()), (200, ""), "{path}");
            assert!(head.contains(&format!("content-length: {}", body.len())), "{path}: {head}");
        }
    }

    #[tokio::test]
    async fn other_methods_and_paths_are_refused_without_reading_a_body() {
        let served = served().await;
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FROB"] {
            let request = format!("{method} /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nbody");
            let (status, head, _) = parts(&served.raw(request.as_bytes()).await);
            assert_eq!(status, 405, "{method}: {head}");
            assert!(head.contains("allow: get, head\r\n"), "{method}: {head}");
        }
        for path in
            ["/../../etc/passwd", "/%2e%2e/etc/passwd", "/metrics/", "//", "/api/v1/status/..", "/favicon.ico", "*"]
        {
            assert_eq!(served.get(path).await.0, 404, "{path}");
        }
    }

    #[tokio::test]
    async fn nonsense_is_answered_or_dropped_and_the_next_one_is_served() {
        let served = served().await;
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(64 * 1024));
        let long_path = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(64 * 1024));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(1000));
        let cases: [(&[u8], &[u16]); 9] = [
            (long.as_bytes(), &[431]),
            (long_path.as_bytes(), &[414, 431]),
            (many.as_bytes(), &[431]),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &[400]),
            (b"GET\r\n\r\n", &[400]),
            (b"GET / HTTP/9.9\r\n\r\n", &[400, 505]),
            (b"GET /\x00\xff HTTP/1.1\r\n\r\n", &[400]),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[400, 505, 0]),
            (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", &[400]),
        ];
        for (bytes, expected) in cases {
            let answer = timeout(Duration::from_secs(1), served.raw(bytes)).await.expect("closed at once");
            let (status, _, _) = parts(&answer);
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
            assert!(expected.contains(&status), "{start:?} was answered with {answer:?}");
        }
        assert_eq!(served.get("/healthz").await.0, 200);
    }

    #[tokio::test]
    async fn one_connection_serves_request_after_request() {
        let served = served().await;
        let twice =
            "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        assert_eq!(served.raw(twice.as_bytes()).await.matches("HTTP/1.1 200 OK").count(), 2);
    }

    #[tokio::test]
    async fn those_who_dawdle_are_cut_off() {
        let bounds = listener::Bounds { headers: Duration::from_millis(50), ..BOUNDS.listener };
        let bounds = Bounds { listener: bounds, ..BOUNDS };
        let served = served_within(bounds, shown()).await;
        // Sends nothing; starts and stops; was served and stays.
        for start in ["", "GET / HT", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"] {
            let mut stream = served.open().await;
            stream.write_all(start.as_bytes()).await.unwrap();
            let began = Instant::now();
            timeout(Duration::from_secs(1), read_all(&mut stream)).await.expect("cut off");
            assert!(began.elapsed() >= Duration::from_millis(40), "{start:?}");
        }
        // Sends a byte now and then: the deadline applies to all headers together.
        let mut stream = served.open().await;
        let began = Instant::now();
        while stream.write_all(b"G").await.is_ok() && began.elapsed() < Duration::from_secs(1) {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(began.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_costs_a_connection_for_a_while_only() {
        let bounds = listener::Bounds {
            connections: 1,
            lifetime: Duration::from_millis(50),
            last_answer: Duration::from_millis(300),
            ..BOUNDS.listener
        };
        let bounds = Bounds { listener: bounds, ..BOUNDS };
        let snapshot = Arc::new(samples::fleet(4000));
        let served = served_within(bounds, Shown { snapshot, ..shown() }).await;
        let mut idle = served.open().await;
        idle.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        // The one permit is held until the other connection is cut off in the middle of megabytes.
        let (status, _, _) = timeout(Duration::from_secs(5), served.get("/healthz")).await.expect("served in turn");
        assert_eq!(status, 200);
        assert!(read_all(&mut idle).await.len() < metrics::render(&samples::fleet(4000), NOW).len());
    }

    #[tokio::test]
    async fn those_who_watch_are_answered_however_many_are_busy() {
        let slow = Shown { history_takes: Duration::from_secs(60), ..shown() };
        let served = served_within(BOUNDS, slow).await;
        let mut busy = Vec::new();
        for _ in 0..BOUNDS.listener.connections * 2 {
            let Ok(Ok(mut stream)) = timeout(Duration::from_secs(2), TcpStream::connect(served.address)).await else {
                break;
            };
            let _ = stream.write_all(b"GET /api/v1/history HTTP/1.1\r\nHost: x\r\n\r\n").await;
            busy.push(stream);
        }
        for _ in 0..3 {
            for path in MONITORS {
                let (status, ..) = timeout(Duration::from_secs(5), served.get(path)).await.expect("answered");
                assert_eq!(status, 200, "{path}");
            }
        }
        let (status, ..) =
            timeout(Duration::from_secs(5), served.get("/api/v1/history")).await.expect("refused at once");
        assert_eq!(status, 503);
        drop(busy);
    }

    #[tokio::test]
    async fn a_turn_at_drawing_lasts_as_long_as_the_drawing() {
        let view = Shown { history_takes: Duration::from_millis(200), ..shown() };
        let most = view.forecasts_most.clone();
        let bounds = Bounds { history: Duration::from_millis(20), drawings: 1, ..BOUNDS };
        let served = served_within(bounds, view).await;
        for _ in 0..4 {
            assert_eq!(served.get("/api/v1/plan").await.0, 503);
        }
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }

    /// A hung loop takes no more snapshots, and the listener still responds.
    #[tokio::test]
    async fn an_answer_is_judged_by_the_time_at_which_it_is_asked_for() {
        let snapshot = Arc::new(samples::good_day());
        let met = |body: &str| {
            body.lines().filter(|line| line.starts_with("lifeboat_rpo_met{") && line.ends_with(" 1")).count()
        };
        let served = served_within(BOUNDS, Shown { snapshot: snapshot.clone(), ..shown() }).await;
        assert!(met(&served.get("/metrics").await.2) > 0);
        let trouble = Some("no round for 1800 s".to_owned());
        let hung = Shown { snapshot, trouble, now: samples::ahead(1800), ..shown() };
        let served = served_within(BOUNDS, hung).await;
        assert_eq!(met(&served.get("/metrics").await.2), 0);
        let (_, _, body) = served.get("/api/v1/status").await;
        let status: Snapshot = serde_json::from_str(&body).unwrap();
        let standings = status.routes.iter().map(|route| route.standing);
        assert!(standings.clone().any(|standing| standing == RpoStatus::Unknown), "{body}");
        assert!(standings.clone().all(|standing| standing != RpoStatus::Met), "{body}");
        assert!(status.places.iter().all(|place| place.stale), "{body}");
        let (_, _, page) = served.get("/").await;
        assert!(page.contains("no round for 1800 s"), "{page}");
    }

    #[tokio::test]
    async fn what_was_asked_for_by_a_client_that_went_away_holds_its_place_until_it_is_done() {
        let view = Shown { history_takes: Duration::from_secs(60), ..shown() };
        let asked = view.asked.clone();
        let served = served_within(Bounds { places: 2, ..BOUNDS }, view).await;
        for _ in 0..2 {
            let mut asking = served.open().await;
            asking.write_all(b"GET /api/v1/history HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            asked.notified().await;
            asking.shutdown().await.unwrap();
            assert_eq!(read_all(&mut asking).await, "", "the listener lets it go");
        }
        let (status, ..) =
            timeout(Duration::from_secs(5), served.get("/api/v1/history")).await.expect("refused at once");
        assert_eq!(status, 503);
    }

    #[tokio::test]
    async fn the_end_waits_for_answers_under_way_but_not_for_long() {
        for (takes, waits, answered) in [(50, 5_000, true), (60_000, 100, false)] {
            let bounds = listener::Bounds { shutdown: Duration::from_millis(waits), ..BOUNDS.listener };
            let bounds = Bounds { listener: bounds, ..BOUNDS };
            let view = Shown { history_takes: Duration::from_millis(takes), ..shown() };
            let asked = view.asked.clone();
            let served = served_within(bounds, view).await;
            let mut idle = served.open().await;
            let mut asking = served.open().await;
            asking.write_all(b"GET /api/v1/history HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            asked.notified().await;
            let began = Instant::now();
            drop(served.stop);
            assert_eq!(read_all(&mut asking).await.contains("\"outcome\""), answered);
            served.ended.await.unwrap();
            assert!(began.elapsed() < Duration::from_secs(2));
            assert_eq!(read_all(&mut idle).await, "");
            assert!(TcpStream::connect(served.address).await.is_err(), "nobody listens any more");
        }
    }
}

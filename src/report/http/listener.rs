//! Connections: how many, for how long, and what a client may cost before it sends a valid request.
//!
//! The status listener and the control socket are open to slow, flooding or idle clients, in a process that must not
//! fail. So both accept their clients here, with the same limits.

use super::BoxFuture;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Limits on what clients may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Concurrent connections. A further one replaces the connection that has been idle the longest, and waits while
    /// there is none.
    pub connections: usize,
    /// Time from the start of a connection, or the end of a response, to the last byte of the next request's headers.
    pub headers: Duration,
    /// Maximum size of request line and headers, in bytes.
    pub header_bytes: usize,
    /// How long a connection is kept for further requests.
    pub lifetime: Duration,
    /// How long the last response may take after that.
    pub last_answer: Duration,
    /// How long responses in progress may take when the daemon stops.
    pub shutdown: Duration,
}

/// The peer, as far as the kernel knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user id of the process; `None` over TCP.
    pub uid: Option<u32>,
    /// Our address that it connected to; `None` over a Unix socket.
    pub local: Option<IpAddr>,
}

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// The response to one request.
    fn answer(&self, caller: Caller, request: Request<Incoming>) -> BoxFuture<'_, Response<Full<Bytes>>>;
}

/// A listening socket.
pub trait Listener: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Accepts the next one.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Caller)>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Caller)> {
        let (stream, _) = self.accept().await?;
        let local = stream.local_addr().ok().map(|address| address.ip());
        Ok((stream, Caller { uid: None, local }))
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Caller)> {
        let (stream, _) = self.accept().await?;
        let uid = stream.peer_cred().ok().map(|peer| peer.uid());
        Ok((stream, Caller { uid, local: None }))
    }
}

/// File descriptors needed for the work: the database, calls to AWS, the log, files.
const FILES_FOR_THE_WORK: u64 = 64;
/// The minimum number of connections, however few files may be open.
const CONNECTIONS_LEAST: usize = 8;

/// As many connections as this process can have open besides its work, at most `most`.
#[must_use]
pub fn affordable(most: usize) -> usize {
    let Some(files) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current else { return most };
    let left = files.saturating_sub(FILES_FOR_THE_WORK) / 2;
    usize::try_from(left).unwrap_or(most).clamp(CONNECTIONS_LEAST.min(most), most)
}

/// The pause after a failure to accept, most likely for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A new connection does not count as idle for this long: its request may be unread.
const SPEAK_UNDISTURBED: Duration = Duration::from_millis(500);

/// A connection does not count as idle for this long while a response is being read.
const READ_UNDISTURBED: Duration = Duration::from_secs(2);

/// Idle connections by the time since when they are idle, and how to evict each.
///
/// Otherwise clients that connect and send nothing could occupy all connections for their lifetime, and could reconnect
/// at once.
#[derive(Default)]
struct Waiting {
    idle: Mutex<BTreeMap<(Instant, u64), Arc<Notify>>>,
    /// Another connection became idle.
    became_idle: Notify,
}

impl Waiting {
    fn idle(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), Arc<Notify>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the first of them may be evicted.
    fn first(&self) -> Option<Instant> {
        self.idle().keys().next().map(|(since, _)| *since)
    }

    fn evict_idle(&self) {
        if let Some((_, leave)) = self.idle().pop_first() {
            leave.notify_one();
        }
    }
}

/// An idle connection that may be evicted. Dropping it makes the connection busy.
struct IdleSlot {
    waiting: Arc<Waiting>,
    number: u64,
    leave: Arc<Notify>,
    since: Mutex<Option<Instant>>,
}

impl IdleSlot {
    fn wait_from(&self, since: Option<Instant>) {
        let mut known = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let mut idle = self.waiting.idle();
        if let Some(before) = known.take() {
            idle.remove(&(before, self.number));
        }
        if let Some(since) = since {
            idle.insert((since, self.number), self.leave.clone());
            self.waiting.became_idle.notify_one();
        }
        *known = since;
    }
}

impl Drop for IdleSlot {
    fn drop(&mut self) {
        self.wait_from(None);
    }
}

/// Serves until `shutdown` is ready, then allows responses in progress the time in `bounds`.
pub async fn serve<D: Listener>(
    bounds: Bounds,
    listener: D,
    answering: Arc<dyn Handler>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (closing, _) = watch::channel(false);
    let mut open = JoinSet::new();
    let waiting = Arc::new(Waiting::default());
    let (mut number, mut refused_by_system) = (0, false);
    tokio::pin!(shutdown);
    loop {
        let full = open.len() >= bounds.connections;
        let first = waiting.first().filter(|_| full);
        let room = !full || first.is_some_and(|since| since <= Instant::now());
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = open.join_next() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, caller)) => {
                    refused_by_system = false;
                    if full {
                        waiting.evict_idle();
                    }
                    number += 1;
                    let (waiting, leave) = (waiting.clone(), Arc::default());
                    let slot = Arc::new(IdleSlot { waiting, number, leave, since: Mutex::new(None) });
                    slot.wait_from(Some(Instant::now() + SPEAK_UNDISTURBED));
                    open.spawn(connection(bounds, stream, caller, slot, answering.clone(), closing.subscribe()));
                }
                Err(error) => {
                    if !std::mem::replace(&mut refused_by_system, true) {
                        tracing::warn!(%error, "a listener could not accept a connection");
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            () = sleep_until(first.unwrap_or_else(Instant::now)), if !room && first.is_some() => {}
            () = waiting.became_idle.notified(), if !room && first.is_none() => {}
        }
    }
    drop(listener);
    closing.send_replace(true);
    // Dropping `open` cuts off those that do not end in time.
    let _ = timeout(bounds.shutdown, async { while open.join_next().await.is_some() {} }).await;
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    bounds: Bounds,
    stream: S,
    caller: Caller,
    slot: Arc<IdleSlot>,
    answering: Arc<dyn Handler>,
    mut closing: watch::Receiver<bool>,
) {
    let service = service_fn(|request| {
        let (answering, slot) = (answering.clone(), slot.clone());
        async move {
            slot.wait_from(None);
            let answer = answering.answer(caller, request).await;
            slot.wait_from(Instant::now().checked_add(READ_UNDISTURBED));
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.headers)
        .max_buf_size(bounds.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = slot.leave.notified() => Ok(()),
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
        tracing::debug!(%error, "a connection ended early");
    }
}

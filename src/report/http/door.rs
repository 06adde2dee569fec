//! Connections: how many, for how long, and what a client may cost before it has said anything sensible.
//!
//! The status listener and the control socket are open to programs that dawdle, shout or never go away, in a process that
//! must not fall over. So both let their clients in here, by the same bounds.

use super::BoxFuture;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What clients may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at one time; further ones wait to be accepted.
    pub connections: usize,
    /// From the start of a connection, or the end of an answer, to the last byte of the next request's headers.
    pub headers: Duration,
    /// Bytes of request line and headers.
    pub header_bytes: usize,
    /// How long a connection is kept for further requests.
    pub lifetime: Duration,
    /// How long the last answer may take to be sent after that.
    pub last_answer: Duration,
    /// How long answers under way may take when the daemon ends.
    pub shutdown: Duration,
}

/// Who is on the other side, as far as the kernel knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The user id of the process; `None` over TCP.
    pub uid: Option<u32>,
}

/// What answers requests.
pub trait Answering: Send + Sync + 'static {
    /// The answer to one request.
    fn answer(&self, caller: Caller, request: Request<Incoming>) -> BoxFuture<'_, Response<Full<Bytes>>>;
}

/// What clients come in by.
pub trait Door: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next one.
    fn let_in(&self) -> impl Future<Output = io::Result<(Self::Stream, Caller)>> + Send;
}

impl Door for TcpListener {
    type Stream = TcpStream;

    async fn let_in(&self) -> io::Result<(TcpStream, Caller)> {
        self.accept().await.map(|(stream, _)| (stream, Caller::default()))
    }
}

impl Door for UnixListener {
    type Stream = UnixStream;

    async fn let_in(&self) -> io::Result<(UnixStream, Caller)> {
        let (stream, _) = self.accept().await?;
        let uid = stream.peer_cred().ok().map(|peer| peer.uid());
        Ok((stream, Caller { uid }))
    }
}

/// After a failure to accept, which is most likely a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is ready, then lets answers under way end, for as long as the bounds say.
pub async fn serve<D: Door>(
    bounds: Bounds,
    door: D,
    answering: Arc<dyn Answering>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (closing, _) = watch::channel(false);
    let mut open = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = open.join_next() => {}
            accepted = door.let_in(), if open.len() < bounds.connections => match accepted {
                Ok((stream, caller)) => {
                    open.spawn(connection(bounds, stream, caller, answering.clone(), closing.subscribe()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a listener could not accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(door);
    closing.send_replace(true);
    // Those that do not end in time are cut off when `open` is dropped.
    let _ = timeout(bounds.shutdown, async { while open.join_next().await.is_some() {} }).await;
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    bounds: Bounds,
    stream: S,
    caller: Caller,
    answering: Arc<dyn Answering>,
    mut closing: watch::Receiver<bool>,
) {
    let service = service_fn(|request| {
        let answering = answering.clone();
        async move { Ok::<_, Infallible>(answering.answer(caller, request).await) }
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
        tracing::debug!(%error, "a connection ended early");
    }
}

//! HTTP requests to the running daemon: to `listen` and to the control socket.

use crate::report::http::ANSWERS_WITHIN;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// A healthy daemon on the same host responds at once. One with a slow database sends an error at its own time limit,
/// and that response must arrive.
const TIMEOUT: Duration = timeout_beyond(ANSWERS_WITHIN);
/// An order is answered once it is on disk; the daemon gives up earlier than this.
const ORDER_TIMEOUT: Duration = Duration::from_secs(75);
/// The snapshot of ten thousand sources takes about 40 MB.
const ANSWER_MAX_BYTES: usize = 256 * 1024 * 1024;

/// A timeout that covers a response within the given time.
pub(super) const fn timeout_beyond(answers_within: Duration) -> Duration {
    Duration::from_secs(answers_within.as_secs() + 5)
}

/// Why a request failed.
pub(super) enum RequestError {
    /// Nothing listens there.
    NoDaemon,
    /// The response is not usable.
    Bad(String),
}

/// Why an order got no response.
pub(super) enum ControlError {
    /// Nothing listens there: the order certainly did not arrive.
    NoDaemon,
    /// The socket may not be opened.
    Denied,
    /// It may have arrived.
    Lost(String),
}

/// GETs a path from the daemon that listens on `address`.
pub(super) async fn get(address: SocketAddr, path: &str) -> Result<Bytes, RequestError> {
    get_within(TIMEOUT, address, path).await
}

/// The same with another time limit.
pub(super) async fn get_within(timeout: Duration, address: SocketAddr, path: &str) -> Result<Bytes, RequestError> {
    match tokio::time::timeout(timeout, try_get(reachable(address), path)).await {
        Ok(answer) => answer,
        Err(_) => Err(RequestError::Bad(format!("the daemon on {address} does not answer"))),
    }
}

async fn try_get(address: SocketAddr, path: &str) -> Result<Bytes, RequestError> {
    let stream = tokio::net::TcpStream::connect(address).await.map_err(|_| RequestError::NoDaemon)?;
    let bad = |what: String| RequestError::Bad(format!("the daemon on {address}: {what}"));
    let request = hyper::Request::get(path).header(hyper::header::HOST, address.to_string());
    let request = request.body(Full::default()).map_err(|error| bad(error.to_string()))?;
    let (status, body) = exchange(stream, request).await.map_err(bad)?;
    if (200..300).contains(&status) {
        Ok(body)
    } else {
        Err(bad(format!("{status}: {}", String::from_utf8_lossy(&body).trim())))
    }
}

/// GETs a path over the control socket, or POSTs JSON to it. Returns status and body unchecked.
pub(super) async fn over_socket(
    socket: &Path,
    path: &str,
    json: Option<Vec<u8>>,
) -> Result<(u16, Bytes), ControlError> {
    let asked = async {
        let stream = tokio::net::UnixStream::connect(socket).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => ControlError::NoDaemon,
            ErrorKind::PermissionDenied => ControlError::Denied,
            _ => ControlError::Lost(error.to_string()),
        })?;
        let request = hyper::Request::builder().uri(path).header(hyper::header::HOST, "lifeboat");
        let request = match json {
            Some(json) => {
                let request = request.method("POST").header(hyper::header::CONTENT_TYPE, "application/json");
                request.body(Full::from(json))
            }
            None => request.body(Full::default()),
        };
        let request = request.map_err(|error| ControlError::Lost(error.to_string()))?;
        exchange(stream, request).await.map_err(ControlError::Lost)
    };
    match tokio::time::timeout(ORDER_TIMEOUT, asked).await {
        Ok(reply) => reply,
        Err(_) => Err(ControlError::Lost("the daemon does not answer".to_owned())),
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: hyper::Request<Full<Bytes>>,
) -> Result<(u16, Bytes), String> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), ANSWER_MAX_BYTES).collect().await;
    Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
}

/// A daemon that listens on all addresses is reached on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback =
            if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
        address.set_ip(loopback);
    }
    address
}

//! Asking the running daemon over HTTP.

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// A daemon on the same host answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(5);
/// The picture of ten thousand sources takes some 40 MB.
const ANSWER_MAX_BYTES: usize = 256 * 1024 * 1024;

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// Nobody listens there.
    NoDaemon,
    /// Somebody does, but gave no good answer.
    Bad(String),
}

/// GETs a path from the daemon that listens on `address`.
pub(super) async fn get(address: SocketAddr, path: &str) -> Result<Bytes, NoAnswer> {
    get_within(PATIENCE, address, path).await
}

/// The same for what takes longer to answer.
pub(super) async fn get_within(patience: Duration, address: SocketAddr, path: &str) -> Result<Bytes, NoAnswer> {
    match tokio::time::timeout(patience, try_get(reachable(address), path)).await {
        Ok(answer) => answer,
        Err(_) => Err(NoAnswer::Bad(format!("the daemon on {address} does not answer"))),
    }
}

async fn try_get(address: SocketAddr, path: &str) -> Result<Bytes, NoAnswer> {
    let stream = tokio::net::TcpStream::connect(address).await.map_err(|_| NoAnswer::NoDaemon)?;
    let bad = |what: &dyn std::fmt::Display| NoAnswer::Bad(format!("the daemon on {address}: {what}"));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| bad(&error))?;
    tokio::spawn(connection);
    let request = hyper::Request::get(path)
        .header(hyper::header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(|error| bad(&error))?;
    let answer = sender.send_request(request).await.map_err(|error| bad(&error))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_MAX_BYTES).collect().await.map_err(|error| bad(&error))?;
    let body = body.to_bytes();
    if status.is_success() {
        Ok(body)
    } else {
        Err(bad(&format!("{status}: {}", String::from_utf8_lossy(&body).trim())))
    }
}

/// A daemon that listens on all addresses is reached on the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback =
            if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
        address.set_ip(loopback);
    }
    address
}

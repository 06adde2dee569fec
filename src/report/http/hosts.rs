//! The `Host` names that the listener answers to.
//!
//! Any web page in a browser on this host can point its own DNS name here, and then read what is served as if it were
//! its own (DNS rebinding). It cannot choose the `Host` header that the browser sends. So only requests with one of our
//! own names are answered.

use crate::domain::fault::clean;
use hyper::{Request, StatusCode, Version, header};
use std::net::IpAddr;

/// Maximum length of a name quoted in a message.
const SHOWN_MAX_CHARS: usize = 80;

/// The names that are ours, besides loopback and the connection's own address.
#[derive(Clone, Debug)]
pub struct Hosts {
    listen: IpAddr,
    /// In lower case.
    names: Vec<String>,
}

impl Hosts {
    /// For a listener on this address, which also accepts these names.
    #[must_use]
    pub fn new(listen: IpAddr, names: &[String]) -> Self {
        Self { listen: listen.to_canonical(), names: names.iter().map(|name| plain(name).to_owned()).collect() }
    }

    /// Checks that a request received on `local` uses one of our names.
    ///
    /// # Errors
    /// The status of the refusal, and why.
    pub(super) fn check<T>(&self, request: &Request<T>, local: Option<IpAddr>) -> Result<(), (StatusCode, String)> {
        let refused = |status, line: String| Err((status, line));
        let mut named = request.headers().get_all(header::HOST).iter();
        let host = named.next();
        if named.next().is_some() {
            return refused(StatusCode::BAD_REQUEST, "more than one Host".to_owned());
        }
        // The request line takes precedence over the header; browsers send no two that differ.
        let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
        if host.is_none() && authority.is_none() && request.version() >= Version::HTTP_11 {
            return refused(StatusCode::BAD_REQUEST, "HTTP/1.1 needs a Host".to_owned());
        }
        for written in authority.into_iter().chain(host.map(header::HeaderValue::as_bytes)) {
            let written = String::from_utf8_lossy(written);
            if !name_of(&written).is_some_and(|name| self.ours(&name, local)) {
                let shown = clean(&written, SHOWN_MAX_CHARS);
                let line = format!("this is not called `{shown}`; if it is to be, add the name to `hosts` in [daemon]");
                return refused(StatusCode::MISDIRECTED_REQUEST, line);
            }
        }
        Ok(())
    }

    fn ours(&self, name: &str, local: Option<IpAddr>) -> bool {
        if let Ok(address) = name.parse::<IpAddr>() {
            let address = address.to_canonical();
            let own = !self.listen.is_unspecified() && address == self.listen;
            let reached = local.is_some_and(|local| local.to_canonical() == address);
            let named = self.names.iter().any(|known| known.parse::<IpAddr>().is_ok_and(|known| known == address));
            return address.is_loopback() || own || reached || named;
        }
        name == "localhost" || name.ends_with(".localhost") || self.names.iter().any(|known| known == name)
    }
}

/// In lower case, and without the final dot of a fully qualified name.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The name in `name:port` or `[address]:port`; `None` if it has neither form.
fn name_of(written: &str) -> Option<String> {
    let port = |rest: &str| rest.is_empty() || rest.strip_prefix(':').is_some_and(digits);
    if let Some(inner) = written.strip_prefix('[') {
        let (address, rest) = inner.split_once(']')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        return port(rest).then(|| plain(address));
    }
    let end = written.find(':').unwrap_or(written.len());
    let (name, rest) = written.split_at(end);
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    (!name.is_empty() && letters && port(rest)).then(|| plain(name))
}

fn digits(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(listen: &str, request: Request<()>) -> u16 {
        let hosts = Hosts::new(listen.parse().unwrap(), &["Lifeboat.Example.COM".to_owned(), "192.0.2.7".to_owned()]);
        let local = Some("192.0.2.44".parse().unwrap());
        hosts.check(&request, local).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    fn with_host(listen: &str, host: &str) -> u16 {
        asked(listen, Request::get("/metrics").header("host", host).body(()).unwrap())
    }

    #[test]
    fn only_names_of_ours_are_answered() {
        for (listen, host, status) in [
            ("127.0.0.1", "127.0.0.1:9750", 200),
            ("127.0.0.1", "LOCALHOST:9750", 200),
            ("127.0.0.1", "localhost.", 200),
            ("127.0.0.1", "a.localhost", 200),
            ("127.0.0.1", "[::1]:9750", 200),
            ("127.0.0.1", "[::ffff:127.0.0.1]", 200),
            ("0.0.0.0", "192.0.2.44:9750", 200),
            ("192.0.2.1", "192.0.2.1", 200),
            ("127.0.0.1", "lifeboat.example.com:9750", 200),
            ("127.0.0.1", "LIFEBOAT.example.com.", 200),
            ("127.0.0.1", "192.0.2.7", 200),
            ("127.0.0.1", "192.0.2.8", 421),
            ("0.0.0.0", "0.0.0.0", 421),
            ("127.0.0.1", "evil.example", 421),
            ("127.0.0.1", "lifeboat.example.com.evil.example", 421),
            ("127.0.0.1", "localhost.evil.example", 421),
            ("127.0.0.1", "localhost@evil.example", 421),
            ("127.0.0.1", "evil.example:localhost", 421),
            ("127.0.0.1", "localhost:9750:9750", 421),
            ("127.0.0.1", "[::1", 421),
            ("127.0.0.1", "[::1]x", 421),
            ("127.0.0.1", "::1", 421),
            ("127.0.0.1", "", 421),
            ("127.0.0.1", "localhost, evil.example", 421),
        ] {
            assert_eq!(with_host(listen, host), status, "{host} on {listen}");
        }
    }

    #[test]
    fn what_stands_in_the_request_line_counts_as_well_and_old_clients_name_nobody() {
        let get = |uri: &str| Request::get(uri);
        for (request, status) in [
            (get("http://localhost/metrics").body(()), 200),
            (get("http://evil.example/metrics").header("host", "localhost").body(()), 421),
            (get("http://localhost/metrics").header("host", "evil.example").body(()), 421),
            (get("/metrics").body(()), 400),
            (get("/metrics").version(Version::HTTP_10).body(()), 200),
            (get("/metrics").version(Version::HTTP_10).header("host", "evil.example").body(()), 421),
            (get("/metrics").header("host", "localhost").header("host", "localhost").body(()), 400),
        ] {
            let request = request.unwrap();
            let shown = format!("{request:?}");
            assert_eq!(asked("127.0.0.1", request), status, "{shown}");
        }
    }
}

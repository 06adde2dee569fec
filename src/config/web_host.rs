//! URLs of web services: the requirements that all of them share.

use url::{Host, ParseError, Url};

/// What is wrong with a URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// It contains a user name or a password.
    Credentials,
    /// Its host is invalid.
    Host,
    /// Its port is not a number from 1 to 65535.
    Port,
}

/// The host of `http://…` or `https://…`.
///
/// # Errors
/// There is none, or the URL is invalid.
pub(super) fn web_host(address: &str) -> Result<Host<String>, Flaw> {
    let scheme_and_rest = address.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    let (_, rest) = scheme_and_rest.ok_or(Flaw::Scheme)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Flaw::Credentials);
    }
    // Browsers accept more URLs than HTTP clients: `https:///x`, `https://%78`, `https://ü`, `https://x:`.
    let called = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if authority.is_empty() || !authority.chars().all(called) {
        return Err(Flaw::Host);
    }
    let url = Url::parse(address).map_err(|error| match error {
        ParseError::InvalidPort => Flaw::Port,
        _ => Flaw::Host,
    })?;
    if url.port() == Some(0) || authority.ends_with(':') {
        return Err(Flaw::Port);
    }
    url.host().map(|host| host.to_owned()).ok_or(Flaw::Host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_stands_alone_but_for_its_port() {
        let name = |name: &str| Ok(Host::Domain(name.to_owned()));
        assert_eq!(web_host("https://Hooks.example.com/services?x#y"), name("hooks.example.com"));
        assert_eq!(web_host("http://a_b.c-d:65535"), name("a_b.c-d"));
        assert_eq!(web_host("http://127.0.0.1:80/@"), Ok(Host::Ipv4([127, 0, 0, 1].into())));
        assert_eq!(web_host("http://[::1]"), Ok(Host::Ipv6(std::net::Ipv6Addr::LOCALHOST)));
        for (flaw, addresses) in [
            (Flaw::Scheme, &["", "x", "ftp://x", "HTTP://x", "http:x", "http:/x"][..]),
            (Flaw::Credentials, &["http://u:p@x", "http://@x", "http://u@"]),
            (
                Flaw::Host,
                &[
                    "http://",
                    "http:///x",
                    "http://:80",
                    "http://?x",
                    "http://%78",
                    "http://ü",
                    "http://a,b",
                    "http://a b",
                    "http://a\\b",
                    "http://[::1",
                    "http://[zz]",
                    "http://[::1]x",
                    "http://::1",
                    "http://1.2.3.4.5",
                ],
            ),
            (Flaw::Port, &["http://x:", "http://x:0", "http://x:65536", "http://x:y", "http://x:1:2", "http://[::1]:"]),
        ] {
            for address in addresses {
                assert_eq!(web_host(address).err().as_ref(), Some(&flaw), "{address}");
            }
        }
    }
}

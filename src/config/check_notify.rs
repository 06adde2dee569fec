//! `[notify]`: whom to tell. These addresses let in whoever knows them, so no complaint repeats one.

use super::problem::{Findings, Problem};
use super::reader::{Found, Table};
use super::shape;
use super::wording::Wrong;
use crate::domain::policy::{Notify, SecretUrl};
use std::net::IpAddr;

/// Longer ones are refused by many servers and proxies.
const URL_MAX_BYTES: usize = 2000;

/// `[notify]`, or nobody.
pub(super) fn notify(file: &Table<'_>, findings: &mut Findings) -> Notify {
    let Some(table) = file.table(findings, "notify", &shape::NOTIFY) else { return Notify::default() };
    let mut url = |key: &str| {
        let text = table.text(findings, key)?;
        let sample = shape::NOTIFY.sample(key);
        let Found { value, place } = text.check(findings, |text| address(text, sample))?;
        if is_open(value) {
            let what = format!("`{key}` goes over the network unencrypted, and its address with it");
            findings.add(Problem::at(&place, what, "write `https://`, if the receiver can do it").warning());
        }
        Some(SecretUrl::new(value))
    };
    Notify { webhook: url("webhook"), heartbeat: url("heartbeat") }
}

fn address<'t>(url: &'t str, sample: &str) -> Result<&'t str, Wrong> {
    let wrong = |what: &str| Err(Wrong::new(what, format!("write for example `{sample}`")));
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https")) else {
        return wrong("the address does not begin with `https://`");
    };
    if url.len() > URL_MAX_BYTES {
        return wrong("the address is too long");
    }
    let plain = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
    if !rest.chars().all(plain) {
        return wrong("the address has a character in it that has to be written as %XX");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return wrong("a name and password do not go into the address");
    }
    let (host, port) = host_and_port(authority);
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).map_or_else(
        || !host.is_empty() && host.chars().all(is_name),
        |address| address.parse::<std::net::Ipv6Addr>().is_ok(),
    );
    if !is_host {
        return wrong(&format!("there is no host after `{scheme}://`"));
    }
    match port.map(str::parse::<u16>) {
        None | Some(Ok(1..)) => Ok(url),
        Some(_) => wrong("the port after the host must be from 1 to 65535"),
    }
}

fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    let after_host = authority.find(']').map_or(0, |bracket| bracket + 1);
    match authority.get(after_host..).and_then(|rest| rest.find(':')) {
        Some(colon) => (&authority[..after_host + colon], authority.get(after_host + colon + 1..)),
        None => (authority, None),
    }
}

/// Unencrypted, and not to this host alone.
fn is_open(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let (host, _) = host_and_port(rest.split(['/', '?', '#']).next().unwrap_or_default());
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    !host.eq_ignore_ascii_case("localhost") && !address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_a_web_service() {
        for good in [
            "https://hooks.example.com/services/T0/B0/x",
            "http://127.0.0.1:8080",
            "http://[::1]:80/x?y=z",
            "https://h?x",
            "https://a_b.c-d:1/%20",
        ] {
            assert_eq!(address(good, ""), Ok(good));
        }
        for bad in [
            "",
            "hooks.example.com/x",
            "ftp://h/x",
            "HTTPS://h",
            "https://",
            "https:///x",
            "https://:80",
            "https://h:0",
            "https://h:",
            "https://h:65536",
            "https://h:x",
            "https://u:p@h",
            "https://[::1",
            "https://[zz]",
            "https://h h",
            "https://h/ü",
            "https://h/{x}",
            "https://h/\u{7}",
        ] {
            assert!(address(bad, "").is_err(), "{bad}");
        }
        assert!(address(&format!("https://h/{}", "x".repeat(URL_MAX_BYTES)), "").is_err());
    }

    #[test]
    fn only_this_host_may_be_told_in_the_open() {
        for open in ["http://example.com/x", "http://10.0.0.1", "http://[2001:db8::1]:80/"] {
            assert!(is_open(open), "{open}");
        }
        for closed in ["https://example.com", "http://localhost:1/x", "http://127.0.0.2", "http://[::1]:80/"] {
            assert!(!is_open(closed), "{closed}");
        }
    }
}

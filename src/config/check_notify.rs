//! `[notify]`: where notifications go. Anyone who knows these URLs can use them, so no message contains one.

use super::problem::{Findings, Problem};
use super::reader::{Spanned, Table};
use super::shape;
use super::web_host::{Flaw, web_host};
use super::wording::Diagnostic;
use crate::domain::policy::{Notify, SecretUrl};
use url::Host;

/// Many servers and proxies reject longer ones.
const URL_MAX_BYTES: usize = 2000;

/// `[notify]`, or no receivers.
pub(super) fn notify(file: &Table<'_>, findings: &mut Findings) -> Notify {
    let Some(table) = file.table(findings, "notify", &shape::NOTIFY) else { return Notify::default() };
    let mut url = |key: &str| {
        let text = table.text(findings, key)?;
        let sample = shape::NOTIFY.sample(key);
        let Spanned { value, location } = text.check(findings, |text| address(text, sample))?;
        if is_open(value) {
            let what = format!("`{key}` goes over the network unencrypted, and its address with it");
            findings.add(Problem::at(&location, what, "write `https://`, if the receiver can do it").warning());
        }
        Some(SecretUrl::new(value))
    };
    Notify { webhook: url("webhook"), heartbeat: url("heartbeat") }
}

fn address<'t>(url: &'t str, sample: &str) -> Result<&'t str, Diagnostic> {
    let plain = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c);
    let what = match web_host(url) {
        Err(Flaw::Scheme) => "the address does not begin with `https://`",
        _ if url.len() > URL_MAX_BYTES => "the address is too long",
        _ if !url.chars().all(plain) => "the address has a character in it that has to be written as %XX",
        Err(Flaw::Credentials) => "a name and password do not go into the address",
        Err(Flaw::Host) if url.starts_with("https") => "there is no host after `https://`",
        Err(Flaw::Host) => "there is no host after `http://`",
        Err(Flaw::Port) => "the port after the host must be from 1 to 65535",
        Ok(_) => return Ok(url),
    };
    Err(Diagnostic::new(what, format!("write for example `{sample}`")))
}

/// Whether it is unencrypted and leaves this host.
fn is_open(url: &str) -> bool {
    let within = match web_host(url) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => false,
    };
    url.starts_with("http://") && !within
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

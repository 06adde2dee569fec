//! `[daemon]`, `[aws]` and `[limits]`: paths of the process, and access to AWS.

use super::problem::{Findings, Problem};
use super::reader::Table;
use super::shape;
use super::web_host::{Flaw, web_host};
use super::wording::{Diagnostic, shown};
use crate::domain::duration::exact_text;
use crate::domain::policy::{Aws, Daemon, Limits};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// The allowed poll interval; the lower end is for sped-up endpoints.
const POLL: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
/// The allowed calls per second for one account and Region.
const REQUESTS_PER_SECOND: RangeInclusive<f64> = 0.1..=1000.0;
/// AWS allows this many copies at a time in a lane (fsx-facts 3.2).
const COPIES_IN_FLIGHT: RangeInclusive<u32> = 1..=5;
/// Maximum number of names for one host.
const HOSTS_MAX: usize = 100;
/// The kernel's limit on the path of a Unix socket.
const SOCKET_PATH_MAX_BYTES: usize = 107;

/// `[daemon]`, or its defaults.
pub(super) fn daemon(file: &Table<'_>, findings: &mut Findings) -> Daemon {
    let mut daemon = Daemon {
        state: PathBuf::from("/var/lib/lifeboat/state.db"),
        listen: SocketAddr::from(([127, 0, 0, 1], 9750)),
        hosts: Vec::new(),
        control: PathBuf::from("/run/lifeboat/control.sock"),
        poll: Duration::from_secs(30),
        prune: true,
    };
    let Some(table) = file.table(findings, "daemon", &shape::DAEMON) else { return daemon };
    if let Some(state) = table.text(findings, "state").and_then(|text| text.check(findings, path)) {
        daemon.state = state.value;
    }
    if let Some(listen) = table.text(findings, "listen").and_then(|text| text.check(findings, address)) {
        daemon.listen = listen.value;
    }
    if let Some(hosts) = table.texts(findings, "hosts") {
        let names: Vec<_> = hosts.value.into_iter().filter_map(|text| text.check(findings, host)).collect();
        if names.len() > HOSTS_MAX {
            let what = format!("there are {} names here, more than {HOSTS_MAX}", names.len());
            findings.add(Problem::at(
                &hosts.location,
                what,
                "name those by which Prometheus and people call this host",
            ));
        }
        daemon.hosts = names.into_iter().map(|name| name.value).collect();
    }
    if let Some(control) = table.text(findings, "control").and_then(|text| text.check(findings, socket)) {
        if control.value == daemon.state {
            let hint = "give the socket a path of its own, for example `/run/lifeboat/control.sock`";
            findings.add(Problem::at(&control.location, "`control` and `state` are one path", hint));
        }
        daemon.control = control.value;
    }
    if let Some(poll) = table.duration(findings, "poll").and_then(|poll| poll.check(findings, within_poll)) {
        daemon.poll = poll.value;
    }
    if let Some(prune) = table.boolean(findings, "prune") {
        daemon.prune = prune.value;
    }
    daemon
}

fn within_poll(poll: Duration) -> Result<Duration, Diagnostic> {
    if POLL.contains(&poll) {
        return Ok(poll);
    }
    let what = format!("`poll` must be from {} to {}", exact_text(*POLL.start()), exact_text(*POLL.end()));
    Err(Diagnostic::new(what, "write for example `poll = \"30s\"`"))
}

fn path(text: &str) -> Result<PathBuf, Diagnostic> {
    let sample = "write the path of a file, for example `/var/lib/lifeboat/state.db`";
    let wrong = |what: String, hint: &str| Err(Diagnostic::new(what, hint));
    if text.trim().is_empty() {
        return wrong("the path is empty".to_owned(), sample);
    }
    if text.chars().any(char::is_control) {
        return wrong("the path has a control character in it".to_owned(), sample);
    }
    if text.contains("://") || text.starts_with("sqlite:") || text == ":memory:" {
        return wrong(format!("`{}` is not a path", shown(text)), "the state is one SQLite file: write its path");
    }
    if text.starts_with('~') || text.contains('$') {
        return wrong(
            format!("`{}` is taken as it stands", shown(text)),
            "write the path out: `~` and `$` mean nothing here",
        );
    }
    if text.ends_with('/') {
        return wrong(format!("`{}` is a directory", shown(text)), sample);
    }
    Ok(PathBuf::from(text))
}

/// A name as in a request's `Host`, without a port.
fn host(text: &str) -> Result<String, Diagnostic> {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    let wrong = |what: String, hint: &str| Err(Diagnostic::new(what, hint));
    let quoted = shown(text);
    if text.contains("://") || text.contains('/') {
        return wrong(
            format!("`{quoted}` is an address of a page"),
            "write the name alone, such as `lifeboat.example.com`",
        );
    }
    if text.contains('*') {
        return wrong(
            format!("`{quoted}` stands for many names"),
            "write out each name, such as `lifeboat.example.com`",
        );
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let part = |part: &str| {
        (1..=63).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
    };
    if let Some((name, port)) = name.rsplit_once(':')
        && port.bytes().all(|c| c.is_ascii_digit())
    {
        return wrong(
            format!("`{quoted}` has a port"),
            &format!("leave it out, for it does not matter: `{}`", shown(name)),
        );
    }
    if name.len() > 253 || !name.split('.').all(part) {
        return wrong(format!("`{quoted}` is not the name of a host"), "write for example `lifeboat.example.com`");
    }
    Ok(name.to_ascii_lowercase())
}

fn socket(text: &str) -> Result<PathBuf, Diagnostic> {
    if text.len() > SOCKET_PATH_MAX_BYTES {
        let what = format!("a socket's path has at most {SOCKET_PATH_MAX_BYTES} bytes, and this has {}", text.len());
        return Err(Diagnostic::new(what, "write a shorter one, for example `/run/lifeboat/control.sock`"));
    }
    path(text).map_err(|wrong| Diagnostic::new(wrong.what, "write a path, for example `/run/lifeboat/control.sock`"))
}

fn address(text: &str) -> Result<SocketAddr, Diagnostic> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let what = format!("`{}` is not an address and port", shown(text));
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "9750"));
    let port = port.parse::<u16>().unwrap_or(9750);
    let hint = if host.eq_ignore_ascii_case("localhost") {
        format!("write the address in numbers: `127.0.0.1:{port}`")
    } else if host.is_empty() || host == "*" {
        format!("write `0.0.0.0:{port}` for every interface, or `127.0.0.1:{port}` for this host alone")
    } else if host.parse::<std::net::IpAddr>().is_ok() && !text.contains(':') {
        format!("add a port: `{host}:{port}`")
    } else if let Ok(port) = text.parse::<u16>() {
        format!("write `127.0.0.1:{port}`")
    } else {
        "write for example `127.0.0.1:9750` or `[::1]:9750`".to_owned()
    };
    Err(Diagnostic::new(what, hint))
}

/// `[aws]`, or its defaults.
pub(super) fn aws(file: &Table<'_>, findings: &mut Findings) -> Aws {
    let mut aws = Aws { profile: None, endpoint_url: None, requests_per_second: 4.0 };
    let Some(table) = file.table(findings, "aws", &shape::AWS) else { return aws };
    let profile = table.text(findings, "profile").and_then(|text| text.check(findings, profile_name));
    aws.profile = profile.map(|profile| profile.value.to_owned());
    let endpoint = table.text(findings, "endpoint_url").and_then(|text| text.check(findings, endpoint_url));
    aws.endpoint_url = endpoint.map(|endpoint| endpoint.value.to_owned());
    if let Some(rate) = table.number(findings, "requests_per_second", REQUESTS_PER_SECOND) {
        aws.requests_per_second = rate.value;
    }
    aws
}

fn profile_name(name: &str) -> Result<&str, Diagnostic> {
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        let hint = "write the name of a profile in `~/.aws/config`, or leave the key out";
        return Err(Diagnostic::new("this is no profile's name", hint));
    }
    Ok(name)
}

fn endpoint_url(url: &str) -> Result<&str, Diagnostic> {
    let sample = "write for example `http://127.0.0.1:4570`";
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Diagnostic::new("an address has no blanks in it", sample));
    }
    // Also without a scheme, and wherever it is: a password in the URL is reported first.
    let mentions_user = url.split(['?', '#']).next().is_some_and(|address| address.contains('@'));
    let host = if mentions_user { Err(Flaw::Credentials) } else { web_host(url) };
    let what = match host {
        Ok(_) => return Ok(url),
        Err(Flaw::Scheme) => {
            let hint = if url.contains("://") { sample.to_owned() } else { format!("write `http://{}`", shown(url)) };
            return Err(Diagnostic::new(format!("`{}` does not begin with `http://` or `https://`", shown(url)), hint));
        }
        Err(Flaw::Credentials) => "credentials do not go into the address".to_owned(),
        Err(Flaw::Host) => format!("`{}` names no host", shown(url)),
        Err(Flaw::Port) => format!("`{}` has no port from 1 to 65535 after the host", shown(url)),
    };
    Err(Diagnostic::new(what, sample))
}

/// `[limits]`, or its defaults.
pub(super) fn limits(file: &Table<'_>, findings: &mut Findings) -> Limits {
    let mut limits = Limits { copies_in_flight: 5, ontap_copies_in_flight: 5 };
    let Some(table) = file.table(findings, "limits", &shape::LIMITS) else { return limits };
    let why = ": AWS refuses a sixth copy at a time per account and destination Region";
    if let Some(copies) = table.whole(findings, "copies_in_flight", COPIES_IN_FLIGHT, why) {
        limits.copies_in_flight = copies.value;
    }
    let why = ": AWS refuses a sixth copy at a time per volume, destination Region and key";
    if let Some(copies) = table.whole(findings, "ontap_copies_in_flight", COPIES_IN_FLIGHT, why) {
        limits.ontap_copies_in_flight = copies.value;
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_a_scheme_a_host_and_a_sane_port() {
        for good in ["http://127.0.0.1:4570", "https://fsx.example.com", "http://[::1]:4570/x", "https://a/b?c#d"] {
            assert_eq!(endpoint_url(good), Ok(good));
        }
        for bad in [
            "",
            "127.0.0.1:4570",
            "ftp://x",
            "http://",
            "http://:80",
            "http://x:0",
            "http://x:99999",
            "http://a b",
            "http://u:p@x",
            "http://[::1",
            "http://[zz]:1",
        ] {
            assert!(endpoint_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_numbers() {
        for good in ["127.0.0.1:9750", "[::1]:9750", "0.0.0.0:0"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["localhost:9750", ":9750", "9750", "127.0.0.1", "127.0.0.1:99999", "", "*:9750"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}

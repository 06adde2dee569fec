//! What the host brings: new zone data, and settings of the SDK that contradict each other.

use super::*;

/// Zone data of one offset for ever, as RFC 9636 has it: nothing but a type of local time and the rule that names it.
fn zone_data(hours_east: i32) -> Vec<u8> {
    let header = |version: u8| {
        let mut header = b"TZif".to_vec();
        header.push(version);
        header.extend([0; 15]);
        // UT indicators, standard indicators, leap seconds, transitions; one type; a name of four bytes.
        for count in [0_u32, 0, 0, 0, 1, 4] {
            header.extend(count.to_be_bytes());
        }
        header
    };
    let body = || {
        let mut body = (hours_east * 3600).to_be_bytes().to_vec();
        // Not daylight time; its name begins at the first byte.
        body.extend([0, 0]);
        body.extend(b"XXX\0");
        body
    };
    let mut data = header(b'2');
    data.extend(body());
    data.extend(header(b'2'));
    data.extend(body());
    data.extend(format!("\nXXX{}\n", -hours_east).as_bytes());
    data
}

fn daemon_with(bench: &Bench, variable: &str, value: &std::path::Path) -> crate::support::Daemon {
    let log = std::fs::File::options().create(true).append(true).open(bench.path("log")).unwrap();
    let mut command = bench.command(&["run"]);
    command.env(variable, value).stderr(log).stdout(std::process::Stdio::null());
    crate::support::Daemon { child: command.spawn().unwrap() }
}

#[test]
fn a_reload_takes_up_new_zone_data() {
    let bench = Bench::new(100.0, "");
    let zones = bench.path("zoneinfo");
    std::fs::create_dir_all(zones.join("Europe")).unwrap();
    let write = |hours_east| std::fs::write(zones.join("Europe/Berlin"), zone_data(hours_east)).unwrap();
    write(1);
    bench.write_policy(
        &one_source("0 3 * * *", "timezone = \"Europe/Berlin\"").replace("rpo = \"10m\"", "rpo = \"40h\""),
    );
    let _daemon = daemon_with(&bench, "TZDIR", &zones);
    let next_hour = || -> Option<u64> {
        let next = bench.metric("lifeboat_schedule_next_timestamp_seconds{policy=\"one\"}")?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of now")]
        let seconds = next as u64;
        Some(seconds / 3600 % 24)
    };
    wait_until("the first data are gone by", SOON, || next_hour() == Some(2));
    write(9);
    let reload = bench.command(&["reload"]).env("TZDIR", &zones).output().unwrap();
    assert!(reload.status.success(), "{}", stderr(&reload));
    wait_until("the new data are gone by", SOON, || next_hour() == Some(18));
}

#[test]
fn fips_beside_an_endpoint_by_name_is_told_as_a_wrong_setting() {
    let bench = Bench::new(100.0, "");
    bench.write_policy(&one_source(NEVER, ""));
    let _daemon = daemon_with(&bench, "AWS_USE_FIPS_ENDPOINT", "true".as_ref());
    let told = || bench.log().lines().any(|line| line.contains("ERROR") && line.contains("AWS_USE_FIPS_ENDPOINT"));
    wait_until("the setting is named at ERROR", SOON, told);
    let (status, why) = bench.answer("/readyz").unwrap();
    assert_eq!(status, 503, "{why}");
    assert!(why.contains("AWS_USE_FIPS_ENDPOINT"), "{why}");
}

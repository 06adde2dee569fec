//! The samples load, the mistakes are explained, and nothing makes the reader panic.

use lifeboat::config::{self, Loaded, Problems, SHOWN_MAX, Severity};
use lifeboat::domain::policy::CatchUp;
use lifeboat::domain::time::Time;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MINIMAL: &str = include_str!("../../config/minimal.toml");
const FULL: &str = include_str!("../../config/full.toml");

fn now() -> Time {
    Time::parse_rfc3339("2026-11-21T08:00:00Z").unwrap()
}

fn parse(text: &str) -> Result<Loaded, Problems> {
    config::parse(&[("lifeboat.toml".to_owned(), text.to_owned())], now())
}

/// The `what` of every problem.
fn complaints(text: &str) -> Vec<String> {
    parse(text).unwrap_err().problems.into_iter().map(|problem| problem.what).collect()
}

/// The `*.toml` files of a directory of this repository, by name.
fn files_of(dir: &str) -> Vec<(String, PathBuf)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let mut files: Vec<(String, PathBuf)> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    files.sort();
    files
}

/// A policy called `name` for the source `fs-…` that ends in `digit`.
fn policy(name: &str, digit: char) -> String {
    MINIMAL.replace("finance", name).replace("abcdef0", &format!("abcdef{digit}"))
}

#[test]
fn every_sample_loads_without_a_warning() {
    let samples = files_of("config");
    assert!(samples.len() >= 6);
    for (name, path) in samples {
        let loaded = config::load(&path, now()).unwrap_or_else(|problems| panic!("{name}:\n{problems}"));
        assert!(loaded.warnings.is_empty(), "{name}: {}", loaded.warnings[0]);
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let settings = parse(MINIMAL).unwrap().settings;
    assert_eq!(settings.daemon.state, Path::new("/var/lib/lifeboat/state.db"));
    assert_eq!(settings.daemon.listen, "127.0.0.1:9750".parse().unwrap());
    assert_eq!(settings.daemon.control, Path::new("/run/lifeboat/control.sock"));
    assert_eq!(settings.daemon.poll, Duration::from_secs(30));
    assert!(settings.daemon.prune);
    assert_eq!((settings.aws.profile, settings.aws.endpoint_url), (None, None));
    assert!((settings.aws.requests_per_second - 4.0).abs() < f64::EPSILON);
    assert_eq!((settings.limits.copies_in_flight, settings.limits.ontap_copies_in_flight), (5, 5));
    let policy = &settings.policies["finance"];
    assert_eq!((policy.account.as_str(), policy.schedule.zone_name()), ("default", "UTC"));
    assert_eq!((policy.start_within, policy.catch_up, policy.retain.clone()), (None, CatchUp::Latest, None));
    assert!(policy.tags.is_empty());
    let destination = &policy.destinations[0];
    assert_eq!((destination.kms_key.clone(), destination.copy_tags, destination.retain.clone()), (None, false, None));
}

#[test]
fn what_is_written_is_what_is_meant() {
    let settings = parse(FULL).unwrap().settings;
    let finance = &settings.policies["finance"];
    assert_eq!(finance.sources.len(), 2);
    assert_eq!(finance.start_within, Some(Duration::from_secs(7200)));
    assert_eq!(finance.rpo, Some(Duration::from_secs(26 * 3600)));
    assert_eq!(finance.tags["team"], "finance");
    let retain = finance.retain.clone().unwrap();
    assert_eq!((retain.last, retain.daily, retain.weekly, retain.monthly), (Some(3), Some(7), Some(4), None));
    let west = finance.destination(&"us-west-2".into()).unwrap();
    assert!(west.copy_tags && west.kms_key.is_some());
    assert_eq!(west.retain.clone().unwrap().within, Some(Duration::from_secs(2 * 86_400)));
    assert_eq!(finance.rpo_in(&"eu-west-1".into()), Some(Duration::from_secs(8 * 86_400)));
    let databases = &settings.policies["databases"];
    assert!(databases.sources[0].is_volume());
    assert_eq!(databases.destinations[0].region.as_str(), "us-east-1");
}

/// With `UPDATE_SAVED=1` the messages are written anew instead of compared: read the difference before committing it.
#[test]
fn every_mistake_is_refused_with_its_saved_message() {
    let update = std::env::var_os("UPDATE_SAVED").is_some();
    let mistakes = files_of("tests/pure/invalid");
    assert!(mistakes.len() >= 100);
    let mut wrong = Vec::new();
    for (name, path) in mistakes {
        let text = fs::read_to_string(&path).unwrap();
        let Err(problems) = config::parse(&[(name.clone(), text)], now()) else {
            wrong.push(format!("{name} is accepted"));
            continue;
        };
        for problem in &problems.problems {
            assert!(problem.location.is_some() && !problem.hint.is_empty(), "{name}: {problem}");
            let place = format!("{name}:{}:{}", problem.line().unwrap(), problem.column().unwrap());
            assert!(problem.render(false).contains(&place), "{place} is not drawn:\n{problem}");
        }
        let saved_path = path.with_extension("txt");
        let message = format!("{problems}\n");
        if update {
            fs::write(&saved_path, &message).unwrap();
        } else if fs::read_to_string(&saved_path).ok().as_deref() != Some(message.as_str()) {
            wrong.push(format!("{name} is not refused with the saved message but with:\n{message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_problem_of_a_file_is_told_at_once() {
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pure/invalid/several-mistakes-at-once.toml"),
    );
    let told = complaints(&text.unwrap());
    for part in [
        "localhost",
        "`pol`",
        "copies_in_flight",
        "a space",
        "us-east-1a",
        "ABCDEF",
        "is a volume",
        "4 fields",
        "26h",
        "keeps nothing",
    ] {
        assert!(told.iter().any(|what| what.contains(part)), "{part} is not told of in {told:#?}");
    }
}

#[test]
fn a_slip_hides_neither_what_is_before_nor_what_is_after_it() {
    for slip in ["this is a stray line", "tags = { team = \"x\"", "volumes = [\"fsvol-0123456789abcdef0\"", "[daemon"] {
        let second = policy("second", '1').replace("us-west-2", "us_west_2");
        let text = format!("[limits]\ncopies_in_flight = 9\n{slip}\n{}\n{second}", policy("first", '0'));
        let told = complaints(&text);
        assert!(told.iter().any(|what| what.contains("copies_in_flight")), "{slip}: {told:#?}");
        assert!(told.iter().any(|what| what.contains("us_west_2")), "{slip}: {told:#?}");
        assert!(told.len() <= 4, "{slip}: {told:#?}");
    }
}

#[test]
fn places_are_counted_in_characters_and_survive_windows_line_ends_and_a_byte_order_mark() {
    let problems =
        parse(&format!("\u{feff}{}", MINIMAL.replace('\n', "\r\n").replace("us-west-2", "us_west_2"))).unwrap_err();
    assert_eq!((problems.problems[0].line(), problems.problems[0].column()), (Some(12), Some(12)));
    let problems = parse(&format!("{MINIMAL}  tags = {{ \"größe\" = \"ä\", x = 1 }}\n")).unwrap_err();
    let problem = &problems.problems[0];
    assert_eq!((problem.line(), problem.column()), (Some(14), Some(31)));
    assert_eq!(problem.location.as_ref().unwrap().text(), "1");
    assert!(problems.to_string().contains("lifeboat.toml:14:31"), "{problems}");
}

#[test]
fn what_is_doubtful_but_possible_is_only_warned_of() {
    for (from, to, told) in [
        ("rpo          = \"26h\"", "rpo = \"24h\"", "no time for the backup"),
        ("rpo          = \"26h\"", "start_within = \"2d\"", "beyond the next firing"),
        ("rpo          = \"26h\"", "tags = { Name = \"x\" }", "`Name`"),
        ("rpo          = \"26h\"", "rpo = \"24h 5m\"", "leaves 5m"),
        ("rpo          = \"26h\"", "timezone = \"Etc/GMT+2\"", "2h behind UTC"),
        ("rpo          = \"26h\"", "timezone = \"Etc/GMT-3\"", "3h ahead of UTC"),
        ("rpo          = \"26h\"", "retain = { within = \"48h 30m\" }", "is minutes"),
    ] {
        assert!(MINIMAL.contains(from));
        let loaded = parse(&MINIMAL.replace(from, to)).unwrap();
        assert_eq!(loaded.warnings.len(), 1, "{to}");
        assert_eq!(loaded.warnings[0].severity, Severity::Warning);
        assert!(loaded.warnings[0].what.contains(told), "{}", loaded.warnings[0]);
    }
}

/// Lines that a person could write, each with a secret in it that begins with `S3CRET`, wherever they stand.
const SECRETS: [&str; 30] = [
    "webhook = https://hooks.example.com/services/S3CRET",
    "webhook: https://hooks.example.com/services/S3CRET",
    "webhook https://hooks.example.com/services/S3CRET",
    "webhook = “https://hooks.example.com/services/S3CRET”",
    "webhook = ‘S3CRET’",
    "webhook = «S3CRET»",
    "webhook: S3CRET",
    "webhook \"S3CRET\"",
    "webhook = S3CRET",
    "webhook = \"S3CRET",
    "webhook = \"a\\S3CRET\"",
    "webhook == \"S3CRET\"",
    "webhook = [\"S3CRET\" \"S3CRET\"]",
    "webhook = { url = \"S3CRET\"",
    "webhook = \"\"\"\nS3CRET\n",
    "webhook =\n  S3CRET",
    "webhok: hooks.example.com/S3CRET",
    "Heartbeat: S3CRET",
    "\"heartbeat\": S3CRET",
    "notify.webhook: S3CRET",
    "notify: { webhook: S3CRET }",
    "aws_secret_access_key: S3CRET",
    "api_token = S3CRET",
    "password S3CRET",
    "tags = { token = S3CRET }",
    "state = https://user:S3CRET@host.example.com/S3CRET?S3CRET#S3CRET",
    "timezone = \"postgres://user:S3CRET@db.example.com/x?key=S3CRET\"",
    "https://hooks.example.com/S3CRET",
    "x = \"ok\" # webhook: S3CRET",
    "schedule: HTTPS://hooks.example.com/S3CRET, https://user:S3CRET@h",
];

#[test]
fn no_message_repeats_a_secret_however_it_was_written() {
    let mut told = Vec::new();
    for line in SECRETS {
        for text in [
            format!("[notify]\n{line}\n{MINIMAL}"),
            format!("{MINIMAL}{line}\n"),
            format!("{line}\n{MINIMAL}"),
            format!("[aws]\n{}{line}\n", " ".repeat(300)),
        ] {
            let (drawn, json) = match parse(&text) {
                Ok(_) => continue,
                Err(problems) => (problems.render(true), serde_json::to_string(&problems).unwrap()),
            };
            if drawn.contains("S3CRET") || json.contains("S3CRET") {
                told.push(drawn);
            }
        }
    }
    assert!(told.is_empty(), "{} of them, such as\n{}", told.len(), told.join("\n\n"));
}

#[test]
fn what_is_no_secret_is_shown_as_it_was_written() {
    for (line, shown) in [
        ("schedule: 0 3 * * *", "`schedule: 0 3 * * *` is no `key = value`"),
        ("region = us-east-1", "`us-east-1` is text without quotes"),
        ("webhook: https://hooks.example.com/x", "`webhook: …` is no `key = value`"),
        ("state = https://hooks.example.com/x/y", "`https://hooks.example.com/…` is text without quotes"),
        ("name = “token”", "`“token”` is in typographic quotes"),
    ] {
        let told = complaints(&format!("{MINIMAL}{line}\n"));
        assert!(told.iter().any(|what| what == shown), "{line}: {told:#?}");
    }
}

fn without_a_copys_promise(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("  rpo")).map(|line| format!("{line}\n")).collect()
}

/// The policy of the minimal file with another schedule, zone or retention: what is refused or warned of, and the hint.
fn said(schedule: &str, more: &str) -> Vec<(String, String)> {
    let scheduled = MINIMAL.lines().find(|line| line.starts_with("schedule")).unwrap();
    let promised = MINIMAL.lines().find(|line| line.starts_with("rpo")).unwrap();
    let text = MINIMAL.replace(scheduled, &format!("schedule = \"{schedule}\"")).replace(promised, more);
    let text = without_a_copys_promise(&text);
    let problems = match parse(&text) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems.problems,
    };
    problems.into_iter().map(|problem| (problem.what, problem.hint)).collect()
}

#[test]
fn lines_that_mislead_get_the_right_hint() {
    for (line, hint) in [
        ("*/90 * * * *", "write `every 90m`"),
        ("0 */36 * * *", "write `every 36h`"),
        ("*/60 * * * *", "write `every 60m`"),
        ("*/45 * * * *", "write `every 45m`"),
        ("0 */7 * * *", "write `every 7h`"),
        ("0 3 1-7 * MON", "`* * MON#1`"),
        ("0 3 15 * MON", "MON#1"),
        ("@every 6h", "write `every 6h`"),
        ("CRON_TZ=Asia/Tokyo 0 3 * * *", "`timezone = \"Asia/Tokyo\"` and `schedule = \"0 3 * * *\"`"),
        ("0 3 * * FRI-MON", "write `FRI,SAT,SUN,MON`"),
        ("0 22-2 * * *", "write `22-23,0-2`"),
        ("0 3 * * THUR", "write `THU`"),
        ("5-59/60 * * * *", "write `every 60m`"),
        ("10-20/30 * * * *", "write `10`"),
        ("0 3 */2 * *", "write `every 2d`"),
        ("0 3 * * */2", "write `every 2d`"),
        ("0 3 * * */7", "write `every 7d`"),
        ("0 3 * DEC-FEB *", "write `DEC,JAN,FEB`"),
        ("0 3 28-3 * *", "write `28-31,1-3`"),
        ("0/15 * * * *", "write `*/15`"),
        ("7/15 * * * *", "write `7-59/15`"),
        ("0/90 * * * *", "write `every 90m`"),
    ] {
        let said = said(line, "");
        assert!(said.len() == 1 && said[0].1.contains(hint), "{line}: {said:?}");
    }
    for line in
        ["0 3 * * MON#1", "0 3 L * *", "0 3 15W * *", "*/15 * * * *", "0 */6 * * *", "0 3 * * 1-5", "0 8-20/4 * * *"]
    {
        assert_eq!(said(line, ""), [], "{line}");
    }
    assert!(said("@midnight", "").iter().all(|(_, hint)| hint.contains("@daily")));
}

#[test]
fn zones_are_never_hinted_with_the_wrong_sign() {
    for (zone, right) in [("GMT+2", "Etc/GMT-2"), ("UTC-5", "Etc/GMT+5"), ("+02:00", "Etc/GMT-2"), ("UTC+0530", "")] {
        let said = said("@daily", &format!("timezone = \"{zone}\""));
        let named: Vec<&str> = said[0].1.split('`').filter(|word| word.starts_with("Etc/")).collect();
        assert_eq!(named.concat(), right, "{zone}: {said:?}");
    }
    for zone in ["Factory", "posixrules", "factory"] {
        let said = said("@daily", &format!("timezone = \"{zone}\""));
        assert!(said[0].0.contains("no IANA time zone"), "{zone}: {said:?}");
        assert!(!said[0].1.contains("did you mean"), "{zone}: {said:?}");
    }
}

#[test]
fn a_window_that_holds_only_the_newest_is_refused() {
    let said = |within: &str| said("0 3 * * *", &format!("retain = {{ within = \"{within}\" }}"));
    let months = said("7m");
    assert!(months[0].0.contains("keeps nothing but the newest"), "{months:?}");
    assert!(months[0].1.contains("months are not a unit: write 210d"), "{months:?}");
    assert!(said("23h")[0].0.contains("keeps nothing but the newest"));
    assert!(said("2880m")[0].1.contains("in h or d"), "two days");
    assert_eq!(said("7d"), []);
    assert_eq!(said("90000000ms"), [], "25 h");
}

#[test]
fn what_is_refused_does_not_depend_on_the_day() {
    let line = MINIMAL.lines().find(|line| line.starts_with("schedule")).unwrap();
    let promise = MINIMAL.lines().find(|line| line.starts_with("rpo")).unwrap();
    for (rpo, refused) in [("24h", true), ("48h", true), ("49h", false)] {
        let promised = format!("rpo = \"{rpo}\"");
        let text = MINIMAL.replace(line, "schedule = \"*/15 * * * 1-5\"").replace(promise, &promised);
        let text = without_a_copys_promise(&text);
        for day in 23..30 {
            let now = Time::parse_rfc3339(&format!("2026-11-{day}T12:00:00Z")).unwrap();
            let read = config::parse(&[("lifeboat.toml".to_owned(), text.clone())], now);
            assert_eq!(read.is_err(), refused, "{rpo} on the {day}th");
        }
    }
}

#[test]
fn secrets_are_not_repeated() {
    for line in
        ["secret_access_key = \"hunter2\"", "session_token=\"hunter2\"", "endpoint_url = \"https://me:hunter2@host\""]
    {
        let problems = parse(&format!("[aws]\n{line}\n{MINIMAL}")).unwrap_err();
        let json = serde_json::to_string(&problems).unwrap();
        assert!(!problems.to_string().contains("hunter2") && !json.contains("hunter2"), "{problems}");
    }
}

#[test]
fn a_program_can_read_the_problems_too() {
    let text = format!("{}\n{}", policy("same", '0'), policy("same", '1'));
    let json = serde_json::to_value(parse(&text).unwrap_err()).unwrap();
    let problem = &json["problems"][0];
    assert_eq!(problem["severity"], "error");
    assert_eq!(problem["file"], "lifeboat.toml");
    assert_eq!((problem["line"].as_u64(), problem["column"].as_u64()), (Some(19), Some(16)));
    assert!(problem["what"].is_string() && problem["hint"].is_string());
    assert_eq!(problem["also"][0]["line"], 5);
    assert_eq!(json["more"], 0);
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let problems = parse("polcy = 1").unwrap_err();
    let coloured = problems.render(true);
    assert!(coloured.contains('\u{1b}') && !problems.render(false).contains('\u{1b}'));
}

#[test]
fn a_flood_of_problems_is_cut_short() {
    let text: String = (0..5_000).map(|i| format!("key{i} = {i}\n")).collect();
    let problems = parse(&text).unwrap_err();
    assert_eq!(problems.problems.len(), SHOWN_MAX);
    assert!(problems.more > 0 && problems.to_string().ends_with(&format!("and {} more", problems.more)));
    let nonsense = "= \n".repeat(5_000);
    assert_eq!(parse(&nonsense).unwrap_err().problems.len(), SHOWN_MAX);
    let one_line = format!("x = [{}", "[\"é\", 1.], ".repeat(2_000));
    assert!(parse(&one_line).unwrap_err().to_string().len() < 100_000);
    assert!(parse(&"[".repeat(100_000)).is_err());
    assert!(parse(&format!("a = {}", "{b=".repeat(100_000))).is_err());
}

#[test]
fn one_file_names_a_bounded_number_of_sources_and_policies() {
    let sources: String = (0..20_001).map(|i| format!("\"fs-{i:017x}\",")).collect();
    let text = MINIMAL.replace("\"fs-0123456789abcdef0\"", &sources);
    assert_eq!(complaints(&text), ["there are more than 20000 sources"]);
    let text: String = (0..1_002)
        .map(|i| MINIMAL.replace("finance", &format!("p{i}")).replace("0123456789abcdef0", &format!("{i:017x}")))
        .collect();
    assert_eq!(complaints(&text), ["there are more than 1000 policies"]);
}

/// A directory with a main file and the given files in `lifeboat.d`.
fn directory(main: &str, extra: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lifeboat.toml");
    fs::write(&path, main).unwrap();
    fs::create_dir(dir.path().join("lifeboat.d")).unwrap();
    for (name, text) in extra {
        fs::write(dir.path().join("lifeboat.d").join(name), text).unwrap();
    }
    (dir, path)
}

#[test]
fn files_beside_the_main_one_are_merged() {
    let (_dir, path) = directory(
        "[daemon]\npoll = \"1s\"\n",
        &[
            ("b.toml", &policy("second", '1')),
            ("a.toml", &policy("first", '0')),
            (".c.toml", "not = toml = at all"),
            ("README", "not toml either"),
        ],
    );
    let loaded = config::load(&path, now()).unwrap_or_else(|problems| panic!("{problems}"));
    let names: Vec<&str> = loaded.settings.policies.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["first", "second"]);
    assert_eq!(loaded.settings.daemon.poll, Duration::from_secs(1));
}

#[test]
fn a_conflict_between_two_files_names_both() {
    let (_dir, path) = directory(&policy("same", '0'), &[("a.toml", &policy("same", '0'))]);
    let problems = config::load(&path, now()).unwrap_err();
    let told: Vec<&str> = problems.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(told, ["a second policy is called `same`", "`fs-0123456789abcdef0` is claimed twice"]);
    for problem in &problems.problems {
        assert!(problem.file.ends_with("lifeboat.d/a.toml"));
        assert!(problem.also[0].0.file().ends_with("/lifeboat.toml"));
        let drawn = problem.to_string();
        assert!(drawn.contains("lifeboat.toml:") && drawn.contains("lifeboat.d/a.toml:"), "{drawn}");
    }
}

#[test]
fn settings_stand_in_the_main_file_alone() {
    let extra = format!("[daemon]\npoll = \"1s\"\n[limits]\n{}", policy("second", '1'));
    let (_dir, path) = directory(&policy("first", '0'), &[("a.toml", &extra)]);
    let problems = config::load(&path, now()).unwrap_err();
    let told: Vec<&str> = problems.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(told, ["`[daemon]` cannot stand in `lifeboat.d`", "`[limits]` cannot stand in `lifeboat.d`"]);
}

#[test]
fn files_that_cannot_be_read_are_problems_too() {
    let (dir, path) = directory(MINIMAL, &[]);
    let first = |path: &Path| config::load(path, now()).unwrap_err().problems.remove(0);
    let missing = first(&dir.path().join("nowhere.toml"));
    assert_eq!(missing.what, "there is no such file");
    assert!(missing.to_string().contains("nowhere.toml") && missing.to_string().contains("--config"));
    assert_eq!(first(dir.path()).what, "this is a directory");
    assert_eq!(first(Path::new("/dev/zero")).what, "this is not a regular file");
    let large = dir.path().join("large.toml");
    fs::write(&large, " ".repeat(4 * 1024 * 1024 + 1)).unwrap();
    assert_eq!(first(&large).what, "this is larger than 4 MiB");
    let latin1 = dir.path().join("latin1.toml");
    fs::write(&latin1, b"# ok\nname = \"b\xfcro\"\n").unwrap();
    let problem = first(&latin1);
    assert_eq!((problem.what.as_str(), problem.line(), problem.column()), ("this is not UTF-8", Some(2), Some(10)));
    fs::write(dir.path().join("lifeboat.d/bad.toml"), b"\xff\xfe").unwrap();
    fs::create_dir(dir.path().join("lifeboat.d/dir.toml")).unwrap();
    fs::write(&path, MINIMAL.replace("us-west-2", "us_west_2")).unwrap();
    assert_eq!(config::load(&path, now()).unwrap_err().problems.len(), 3);
}

#[test]
fn nothing_at_all_is_refused() {
    assert!(config::parse(&[], now()).is_err());
    assert_eq!(
        complaints(&MINIMAL.replace("file_systems = [\"fs-0123456789abcdef0\"]", "file_systems = []\nvolumes = []")),
        ["`file_systems` names nothing to protect"]
    );
}

#[test]
fn a_clock_that_is_set_wrong_makes_no_panic() {
    for now in [Time::ZERO, Time::NEVER, Time::from_millis(i64::MIN), Time::from_secs(253_402_300_000)] {
        let _ = config::parse(&[("lifeboat.toml".to_owned(), FULL.to_owned())], now);
    }
}

/// Whatever comes back must also be showable.
fn survives(text: &str) {
    match parse(text) {
        Ok(loaded) => loaded.warnings.iter().for_each(|warning| assert!(!warning.render(true).is_empty())),
        Err(problems) => {
            assert!(!problems.render(true).is_empty() && !problems.problems.is_empty());
            // A hostile file must not move the cursor of whoever reads the message.
            assert!(problems.render(false).chars().all(|c| c == '\n' || !c.is_control()), "{problems}");
            assert!(serde_json::to_string(&problems).is_ok());
            for problem in &problems.problems {
                assert!(!problem.hint.is_empty());
                if let Some(place) = &problem.location {
                    assert!(text.get(place.span()).is_some() && place.line() > 0 && place.column() > 0);
                }
            }
        }
    }
}

/// One change to a text: a stretch of it is taken out, and something is put in its place.
fn mutated(text: &str, (at, length, insert): &(prop::sample::Index, usize, String)) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = at.index(chars.len() + 1);
    let end = (at + length).min(chars.len());
    chars[..at].iter().copied().chain(insert.chars()).chain(chars[end..].iter().copied()).collect()
}

fn change() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    let tokens = [
        "",
        "",
        "\n",
        "\"",
        "'",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ",",
        ".",
        "#",
        " ",
        "0",
        "-1",
        "é",
        "\u{0}",
        "\r",
        "\"\"\"",
        "true",
        "inf",
        "policy",
        "region",
        "[policy]\n",
        "[[policy]]\n",
        "[[policy.destination]]\n",
        "*",
        "/",
        "every ",
        "99999999999",
        "a.b = 1\n",
        "retain.last = 1\n",
    ];
    (
        any::<prop::sample::Index>(),
        prop_oneof![Just(0usize), 0usize..4, 0usize..60],
        prop::sample::select(tokens.to_vec()),
    )
        .prop_map(|(at, length, token)| (at, length, token.to_owned()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(150), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_tokens_make_it_panic(tokens in prop::collection::vec(change(), 0..60)) {
        survives(&tokens.into_iter().map(|(_, _, token)| token).collect::<String>());
    }

    #[test]
    fn no_change_to_a_sample_makes_it_panic(changes in prop::collection::vec(change(), 1..6), full in any::<bool>()) {
        let sample = if full { FULL } else { MINIMAL };
        survives(&changes.iter().fold(sample.to_owned(), |text, change| mutated(&text, change)));
    }

    #[test]
    fn no_value_makes_it_panic(value in "\\PC{0,40}", key in prop::sample::select(vec![
        "name", "region", "schedule", "timezone", "rpo", "start_within", "catch_up", "account",
    ])) {
        let quoted = serde_json::to_string(&value).unwrap();
        let lines = MINIMAL.lines().filter(|line| !line.starts_with(key));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        survives(&text.replacen("[[policy]]\n", &format!("[[policy]]\n{key} = {quoted}\n"), 1));
    }
}

/// `PROPTEST_CASES` asks for more.
fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(default)
}

//! A database as years of daily backups leave it, made at once.

use lifeboat::domain::time::Time;
use lifeboat::store::sqlite::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use std::path::Path;

/// What is in it.
#[derive(Clone, Copy)]
pub struct Years {
    /// Sources, of one policy, each with three destinations.
    pub sources: u32,
    /// Days of daily backups that were all deleted again. Nothing of them was forgotten yet.
    pub past_days: u32,
    /// Recovery points of each source in each of its four places.
    pub held: u32,
}

pub const REGIONS: [&str; 4] = ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2"];
const DAY_MS: i64 = 86_400_000;

/// The id of a source.
pub fn source(number: u32) -> String {
    format!("fs-{number:017x}")
}

/// Makes the file; the newest backup is of a little before `now`.
pub async fn make(path: &Path, years: Years, now: Time) {
    let store = SqliteStore::open(path, now.minus(std::time::Duration::from_secs(86_400 * 2000))).await.unwrap();
    store.close().await;
    let mut to = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let Years { sources, past_days, held } = years;
    let last = now.millis() / DAY_MS * DAY_MS - DAY_MS;
    let first_held = last - i64::from(held) * DAY_MS;
    let first_past = first_held - i64::from(past_days) * DAY_MS;
    let numbers = |name: &str, count: u32| {
        format!("{name}(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM {name} WHERE n + 1 < {count})")
    };
    let with = format!("WITH RECURSIVE {}, {}", numbers("s", sources), numbers("h", held.max(1)));
    let with_past = format!("WITH RECURSIVE {}, {}", numbers("s", sources), numbers("d", past_days.max(1)));
    let id = "printf('fs-%017x', s.n)";
    run(
        &mut to,
        &format!(
            "{with} INSERT INTO sources (account, source, region, policy, destinations, since, cursor)
             SELECT 'default', {id}, 'us-east-1', 'all', '[\"us-west-2\",\"eu-west-1\",\"ap-southeast-2\"]', {first_past},
             {last} FROM s"
        ),
    )
    .await;
    for (nth, region) in REGIONS.iter().enumerate() {
        let copy = nth > 0;
        let backup = |nth: usize, at: &str| format!("printf('backup-%05x%04x%08x', s.n, {at}, {nth})");
        let (own, origin) = (backup(nth, "h.n"), backup(0, "h.n"));
        let (origin_region, origin_id) =
            if copy { ("'us-east-1'".to_owned(), origin) } else { ("NULL".to_owned(), "NULL".to_owned()) };
        let at = format!("{first_held} + (h.n + 1) * {DAY_MS}");
        if held > 0 {
            run(
                &mut to,
                &format!(
                    r#"{with} INSERT INTO points (account, region, id, source, "trigger", at, attempt, policy, origin_region,
                       origin_id, taken_at, lifecycle, created_at, settled_at, size_bytes, kms_key, kind, carried, asked_key)
                       SELECT 'default', '{region}', {own}, {id}, 'schedule', {at}, 1, 'all', {origin_region}, {origin_id},
                       {at} + 60000, 'AVAILABLE', {at} + 60000 + {nth} * 600000, {at} + 600000 + {nth} * 600000,
                       1099511627776, 'arn:aws:kms:{region}:111122223333:key/703f0ebf-7936-45ad-8b6b-18691a9ff907',
                       'WINDOWS', '{carried}', {asked} FROM s, h ORDER BY 1, 4, 6"#,
                    carried = if copy { "{}" } else { r#"{"team":"storage","cost-center":"4711"}"# },
                    asked = if copy { "''" } else { "NULL" },
                ),
            )
            .await;
        }
        let route = format!("{nth} * {sources} + s.n + 1");
        run(
            &mut to,
            &format!(
                "{with} INSERT INTO routes (number, account, source, region, is_copy, used_at)
                 SELECT {route}, 'default', {id}, '{region}', {copy}, {last} FROM s"
            ),
        )
        .await;
        if past_days > 0 {
            let at = format!("{first_past} + d.n * {DAY_MS}");
            run(
                &mut to,
                &format!(
                    "{with_past} INSERT INTO past_points (route, gone_at, taken_at, created_at, seen_at)
                     SELECT {route}, {at} + {DAY_MS} * {held} + {nth} * 1000 + 5, {at} + 60000,
                     {at} + 60000 + {nth} * 600000, {at} + 600000 + {nth} * 600000 FROM s, d ORDER BY 1, 2"
                ),
            )
            .await;
        }
    }
    if past_days > 0 {
        run(
            &mut to,
            "INSERT INTO texts (number, text, used_at) VALUES (1, 'all', 0), (2, 'no rule keeps it (last 3)', 0)",
        )
        .await;
        let at = format!("{first_past} + d.n * {DAY_MS}");
        let places = format!("{}, {}", numbers("s", sources), "p(n) AS (VALUES (0), (1), (2), (3))");
        run(
            &mut to,
            &format!(
                r#"WITH RECURSIVE {places}, {} INSERT INTO removals (gone_at, route, id, at, "trigger", policy, reason,
                   decided_at) SELECT {at} + {DAY_MS} * {held} + p.n * 1000 + 5, p.n * {sources} + s.n + 1,
                   printf('backup-%05x%04x%08x', s.n, 65535 - d.n, p.n), {at}, 'schedule', 1, 2,
                   {at} + {DAY_MS} * {held} FROM d, p, s ORDER BY 1, 2"#,
                numbers("d", past_days)
            ),
        )
        .await;
    }
    let days = past_days + held;
    run(
        &mut to,
        &format!(
            r#"WITH RECURSIVE {}, {} INSERT INTO occurrences (account, source, "trigger", at, policy, opened_at, caught_up,
               adopted, outcome, reason, closed_at) SELECT 'default', {id}, 'schedule', {first_past} + (d.n + 1) * {DAY_MS},
               'all', {first_past} + (d.n + 1) * {DAY_MS}, 0, 0, 'completed', 'backup and 3 copies AVAILABLE',
               {first_past} + (d.n + 1) * {DAY_MS} + 3000000 FROM s, d ORDER BY 2, 4"#,
            numbers("s", sources),
            numbers("d", days.max(1)),
        ),
    )
    .await;
    for (target, region) in [
        ("", "us-east-1"),
        ("us-west-2", "us-west-2"),
        ("eu-west-1", "eu-west-1"),
        ("ap-southeast-2", "ap-southeast-2"),
    ] {
        run(
            &mut to,
            &format!(
                "{with} INSERT INTO promises (account, source, destination, since, region, policy, rpo)
                 SELECT 'default', {id}, '{target}', {first_past}, '{region}', 'all', 108000000 FROM s"
            ),
        )
        .await;
    }
    for region in REGIONS {
        run(
            &mut to,
            &format!(
                "INSERT INTO readings (account, region, since, through, good_until)
                 VALUES ('default', '{region}', {first_past}, {last}, {last} + {DAY_MS});"
            ),
        )
        .await;
    }
    to.close().await.unwrap();
}

async fn run(to: &mut SqliteConnection, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(to).await.unwrap();
}

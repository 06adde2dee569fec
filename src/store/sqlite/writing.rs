//! Changes as SQL. Each durable [`Change`] has its statement here, with the same effect as `State::apply` has on the
//! state.

use super::super::rows::total_columns;
use super::Written;
use super::accounts;
use super::deleting;
use super::disputes;
use super::noting::{self, write_note};
use super::past;
use crate::domain::action::Request;
use crate::domain::change::{Change, Counter, Forgotten, Line, OccurrenceRecord};
use crate::domain::fault::Fault;
use crate::domain::id::{AccountRegion, BackupId, Occurrence, PolicyName, Region, SourceKey, WorkKey};
use crate::domain::limits::FAILURES_AFTER_AN_ANSWER;
use crate::domain::limits::{AHEAD_TOLERATED, PUT_OFF_AT_MOST, TOKEN_TRUSTED_FOR};
use crate::domain::pause::Pause;
use crate::domain::point::{Lifecycle, RecoveryPoint};
use crate::domain::time::Time;
use sqlx::Executor as _;
use sqlx::sqlite::SqliteConnection;

mod points;
use points::{write_gone, write_point};

/// Writes one change.
pub(super) async fn write(to: &mut SqliteConnection, change: &Change) -> Written {
    match change {
        Change::MembershipUpdated { source, region, policy, destinations, since } => {
            watched(to, source, region, policy, destinations, since).await
        }
        Change::SourceDeparted { source } => source_departed(to, source).await,
        Change::Rescheduled { source, lines } => write_lines(to, source, lines).await,
        Change::Opened { source, occurrence, record } => {
            write_occurrence(to, source, *occurrence, record, None, 0).await
        }
        Change::Closed { source, occurrence, record, end, reason, at, earlier } => {
            let closed = Some((end.as_str(), reason.as_str(), *at));
            accounts::ended(to, source, *occurrence).await?;
            write_occurrence(to, source, *occurrence, record, closed, *earlier).await?;
            count(to, &Counter::Occurrences(record.policy.clone(), *end), earlier.saturating_add(1)).await?;
            let sql = r#"DELETE FROM asks WHERE account = ? AND source = ? AND "trigger" = ? AND at = ? AND open = 0"#;
            let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
            to.execute(query.bind(occurrence.trigger.as_str()).bind(occurrence.at.millis())).await.map(drop)
        }
        Change::RequestRecorded { key, attempt, request, at } => asked(to, key, attempt, request, at).await,
        Change::RequestFailed { key, fault, definite, not_before } => {
            unfulfilled(to, key, fault, definite, not_before).await
        }
        Change::RequestNeverApplied { key } => disproved(to, key).await,
        Change::RequestRetryAllowed(key) => retriable(to, key).await,
        Change::BackupObserved { point } => write_point(to, point).await,
        Change::BackupRemoved { place, id, at } => write_gone(to, place, id, *at).await,
        Change::Disputed { place, id, dispute: Some(dispute) } => disputes::disputed(to, place, id, dispute).await,
        Change::Disputed { place, id, dispute: None } => disputes::undisputed(to, place, id).await,
        Change::Paused { policy, pause } => paused(to, policy, pause).await,
        Change::PauseOver { policy, since } => pause_over(to, policy, since).await,
        Change::Noted(note) => write_note(to, note).await,
        Change::Counted(total) => count(to, total, 1).await,
        Change::Forgotten(what) => forget(to, what).await,
        Change::ClockWentBack(now) => write_clock(to, *now).await,
        Change::Listed { place, began_at, pages, user_backups, .. } => {
            let sql = "INSERT INTO places (account, region, listed_at, pages, user_backups) VALUES (?, ?, ?, ?, ?)
                       ON CONFLICT DO UPDATE SET listed_at = excluded.listed_at, pages = excluded.pages,
                       user_backups = excluded.user_backups";
            let query = sqlx::query(sql).bind(place.account.as_str()).bind(place.region.as_str());
            let query = query.bind(began_at.millis()).bind(i64::from(*pages)).bind(clamp(*user_backups));
            to.execute(query).await.map(drop)
        }
        Change::OwnAccountNamed(id, at) => accounts::own_account_named(to, id, at).await,
        Change::PeerSeen(at) => peer_seen(to, at).await,
        Change::AccountRecorded { account, id, at } => accounts::account_recorded(to, account, id, at).await,
        Change::Cancelled { source, occurrence, at } => accounts::cancelled(to, source, occurrence, at).await,
        Change::DeletionPlanned { place, id, reason, confirmed, at } => {
            deleting::deletion_planned(to, place, id, reason, *confirmed, at).await
        }
        Change::DeletionCancelled { place, id, .. } => deleting::deletion_cancelled(to, place, id).await,
        Change::DeletionRequested { place, id, at } => deleting::deletion_requested(to, place, id, at).await,
        Change::DeletionFailed { place, id, fault, not_before } => {
            deleting::deletion_failed(to, place, id, fault, not_before).await
        }
        Change::HoldRequested { place, id, hold, at } => deleting::hold_requested(to, place, id, hold, at).await,
        Change::HoldTried { place, id, fault, not_before } => {
            deleting::hold_tried(to, place, id, fault, not_before).await
        }
        Change::HoldConfirmed { place, id } => deleting::hold_confirmed(to, place, id).await,
        // Not stored: each process finds it out again. A new kind of change must be added to one side or the other.
        Change::MissingFromListing { .. }
        | Change::Inspected { .. }
        | Change::Reviewed { .. }
        | Change::InventoryRead { .. }
        | Change::Sent { .. }
        | Change::Returned { .. }
        | Change::Withdrawn { .. }
        | Change::ReadAnswered { .. }
        | Change::ListingBegan { .. }
        | Change::ListingPage { .. }
        | Change::ListingStalled { .. }
        | Change::ListingWanted { .. }
        | Change::PollScheduled { .. }
        | Change::Lane(_)
        | Change::Search(_)
        | Change::SourceLookupSent { .. }
        | Change::SourceLookedUp { .. }
        | Change::SourceLookupFailed { .. }
        | Change::Timed { .. }
        | Change::Swept(_)
        | Change::Synced(_)
        | Change::Checked { .. }
        | Change::Account(_) => Ok(()),
    }
}

/// Corrects times in the future after the clock went back, as in `State`.
async fn write_clock(to: &mut SqliteConnection, now: Time) -> Written {
    let tolerated = now.plus(AHEAD_TOLERATED);
    to.execute(sqlx::query("UPDATE sources SET cursor = ?1 WHERE cursor > ?1").bind(tolerated.millis())).await?;
    to.execute(sqlx::query("UPDATE sources SET since = ?1 WHERE since > ?1").bind(now.millis())).await?;
    to.execute(sqlx::query("UPDATE schedules SET since = ?1 WHERE since > ?1").bind(now.millis())).await?;
    let sql = "UPDATE meta SET value = ?1 WHERE key IN ('created_at', 'peer_seen_at') AND value > ?1";
    to.execute(sqlx::query(sql).bind(now.millis())).await?;
    for sql in [
        "UPDATE points SET settled_at = ?1 WHERE settled_at > ?1",
        "UPDATE asks SET first_asked_at = min(first_asked_at, ?2), last_asked_at = ?1 WHERE last_asked_at > ?1",
        "UPDATE asks SET not_before = ?3 WHERE not_before > ?3",
        "UPDATE deletions SET not_before = ?3 WHERE not_before > ?3",
        "UPDATE deletions SET condemned_at = ?1 WHERE condemned_at > ?1",
        "UPDATE deletions SET asked_at = ?1 WHERE asked_at > ?1",
        "UPDATE losses SET came_at = min(came_at, ?1), lost_at = min(lost_at, ?1) WHERE lost_at > ?1 OR came_at > ?1",
        "UPDATE wishes SET not_before = ?3 WHERE not_before > ?3",
        "UPDATE places SET listed_at = ?1 WHERE listed_at > ?1",
    ] {
        let (trusted_since, soon) = (now.minus(TOKEN_TRUSTED_FOR), now.plus(PUT_OFF_AT_MOST));
        let query = sqlx::query(sql).bind(now.millis()).bind(trusted_since.millis()).bind(soon.millis());
        to.execute(query).await?;
    }
    disputes::clock_went_back(to, now).await?;
    noting::clock_went_back(to, now).await
}

pub(super) async fn peer_seen(to: &mut SqliteConnection, at: &Time) -> Written {
    let sql = "INSERT INTO meta (key, value) VALUES ('peer_seen_at', ?)
               ON CONFLICT DO UPDATE SET value = max(value, excluded.value)";
    to.execute(sqlx::query(sql).bind(at.millis())).await.map(drop)
}

async fn watched(
    to: &mut SqliteConnection,
    source: &SourceKey,
    region: &Region,
    policy: &PolicyName,
    destinations: &[Region],
    since: &Time,
) -> Written {
    // A source that stayed in a policy keeps its `since`; one that left and returned gets a new one.
    let sql = "INSERT INTO sources (account, source, region, policy, destinations, since) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET region = excluded.region, destinations = excluded.destinations,
               since = CASE WHEN policy IS NULL THEN excluded.since ELSE since END,
               returned = CASE WHEN policy IS NULL THEN has_left ELSE returned END,
               policy = excluded.policy, has_left = 0";
    let destinations = serde_json::to_string(destinations).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
    let query = query.bind(region.as_str()).bind(policy.as_str()).bind(destinations).bind(since.millis());
    to.execute(query).await.map(drop)
}

async fn source_departed(to: &mut SqliteConnection, source: &SourceKey) -> Written {
    let sql = "UPDATE sources SET policy = NULL, destinations = NULL, since = NULL, has_left = 1
               WHERE account = ? AND source = ?";
    let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
    to.execute(query).await?;
    write_lines(to, source, &[]).await
}

/// Replaces all lines of the source.
async fn write_lines(to: &mut SqliteConnection, source: &SourceKey, lines: &[Line]) -> Written {
    let sql = "DELETE FROM schedules WHERE account = ? AND source = ?";
    to.execute(sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str())).await?;
    for (number, line) in (0_i64..).zip(lines) {
        let sql = "INSERT INTO schedules (account, source, number, line, zone, since) VALUES (?, ?, ?, ?, ?, ?)";
        let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str()).bind(number);
        let query = query.bind(&*line.text).bind(&*line.zone).bind(line.since.map(Time::millis));
        to.execute(query).await?;
    }
    Ok(())
}

async fn write_occurrence(
    to: &mut SqliteConnection,
    source: &SourceKey,
    occurrence: Occurrence,
    record: &OccurrenceRecord,
    closed: Option<(&str, &str, Time)>,
    earlier: u64,
) -> Written {
    let sql = "UPDATE sources SET cursor = max(coalesce(cursor, ?3), ?3) WHERE account = ?1 AND source = ?2";
    let moves = match closed {
        Some((_, _, at)) => record.moves_cursor_at_end(occurrence, at),
        None => record.moves_cursor(occurrence),
    };
    if moves {
        let query = sqlx::query(sql).bind(source.account.as_str()).bind(source.source.as_str());
        to.execute(query.bind(occurrence.at.millis())).await?;
    }
    let sql = r#"INSERT INTO occurrences (account, source, "trigger", at, policy, opened_at, caught_up, adopted, outcome,
                 reason, closed_at, earlier) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET policy = excluded.policy, opened_at = excluded.opened_at,
                 caught_up = excluded.caught_up, adopted = excluded.adopted, outcome = excluded.outcome,
                 reason = excluded.reason, closed_at = excluded.closed_at, earlier = excluded.earlier"#;
    let query = sqlx::query(sql)
        .bind(source.account.as_str())
        .bind(source.source.as_str())
        .bind(occurrence.trigger.as_str())
        .bind(occurrence.at.millis())
        .bind(record.policy.as_str())
        .bind(record.opened_at.millis())
        .bind(record.caught_up)
        .bind(record.adopted)
        .bind(closed.map(|(end, _, _)| end))
        .bind(closed.map(|(_, reason, _)| reason))
        .bind(closed.map(|(_, _, at)| at.millis()))
        .bind(clamp(earlier));
    to.execute(query).await.map(drop)
}

/// Binds the columns that name a work: account, source, trigger, at, destination.
macro_rules! bind_work {
    ($query:expr, $key:expr) => {{
        let key: &WorkKey = $key;
        $query
            .bind(key.source.account.as_str())
            .bind(key.source.source.as_str())
            .bind(key.occurrence.trigger.as_str())
            .bind(key.occurrence.at.millis())
            .bind(key.target.destination())
    }};
}

pub(super) use bind_work;

async fn asked(to: &mut SqliteConnection, key: &WorkKey, attempt: &u32, request: &Request, at: &Time) -> Written {
    // A repeat of an open request keeps its first time; a new request after a withdrawn one starts again.
    let sql = r#"INSERT INTO asks (account, source, "trigger", at, destination, attempt, request, open,
                 first_asked_at, last_asked_at, asks, not_before) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, 1, ?)
                 ON CONFLICT DO UPDATE SET attempt = excluded.attempt, request = excluded.request,
                 first_asked_at = CASE WHEN open THEN first_asked_at ELSE excluded.first_asked_at END,
                 asks = CASE WHEN open THEN asks + 1 ELSE 1 END, last_asked_at = excluded.last_asked_at,
                 not_before = CASE WHEN open THEN not_before ELSE excluded.not_before END,
                 fault_class = CASE WHEN open THEN fault_class END,
                 fault_code = CASE WHEN open THEN fault_code END,
                 fault_message = CASE WHEN open THEN fault_message END,
                 open = 1"#;
    let request = serde_json::to_string(request).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let query = bind_work!(sqlx::query(sql), key).bind(i64::from(*attempt)).bind(request);
    to.execute(query.bind(at.millis()).bind(at.millis()).bind(at.millis())).await.map(drop)
}

async fn unfulfilled(
    to: &mut SqliteConnection,
    key: &WorkKey,
    fault: &Fault,
    definite: &bool,
    not_before: &Time,
) -> Written {
    let sql = r#"UPDATE asks SET failures = CASE
                   WHEN ?12 THEN failures + 1
                   ELSE min(failures + (?1 <> 'no_slot'), ?11) END,
                 fault_class = ?1, fault_code = ?2, fault_message = ?3, not_before = ?4, open = CASE WHEN ?5 THEN 0 ELSE open END,
                 asks = CASE WHEN ?5 THEN 0 ELSE asks END
                 WHERE account = ?6 AND source = ?7 AND "trigger" = ?8 AND at = ?9 AND destination = ?10"#;
    let query = sqlx::query(sql).bind(fault.class.as_str()).bind(&fault.code).bind(&fault.message);
    let query = query.bind(not_before.millis()).bind(*definite);
    let query = bind_work!(query, key).bind(i64::from(FAILURES_AFTER_AN_ANSWER)).bind(fault.class.passes_by_itself());
    to.execute(query).await.map(drop)
}

async fn disproved(to: &mut SqliteConnection, key: &WorkKey) -> Written {
    let sql = r#"UPDATE asks SET open = 0, asks = 0, not_before = 0
                 WHERE account = ? AND source = ? AND "trigger" = ? AND at = ? AND destination = ?"#;
    to.execute(bind_work!(sqlx::query(sql), key)).await.map(drop)
}

async fn retriable(to: &mut SqliteConnection, key: &WorkKey) -> Written {
    let sql = r#"UPDATE asks SET failures = 0, not_before = 0
                 WHERE account = ? AND source = ? AND "trigger" = ? AND at = ? AND destination = ?"#;
    to.execute(bind_work!(sqlx::query(sql), key)).await.map(drop)
}

async fn paused(to: &mut SqliteConnection, policy: &PolicyName, pause: &Pause) -> Written {
    let sql = "INSERT INTO pauses (policy, since, until, reason, resumed) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET until = excluded.until, reason = excluded.reason,
               resumed = excluded.resumed";
    let query = sqlx::query(sql).bind(policy.as_str()).bind(pause.since.millis());
    let query = query.bind(pause.until.map(Time::millis)).bind(pause.reason.as_deref()).bind(pause.resumed);
    to.execute(query).await.map(drop)
}

async fn pause_over(to: &mut SqliteConnection, policy: &PolicyName, since: &Time) -> Written {
    let query = sqlx::query("DELETE FROM pauses WHERE policy = ? AND since = ?");
    to.execute(query.bind(policy.as_str()).bind(since.millis())).await.map(drop)
}

async fn forget(to: &mut SqliteConnection, what: &Forgotten) -> Written {
    match what {
        Forgotten::Source(key) => {
            let (account, source) = (key.account.as_str(), key.source.as_str());
            let query = sqlx::query("DELETE FROM sources WHERE account = ? AND source = ?");
            to.execute(query.bind(account).bind(source)).await?;
            let query = sqlx::query("DELETE FROM losses WHERE account = ? AND source = ?");
            to.execute(query.bind(account).bind(source)).await?;
            let query = sqlx::query("DELETE FROM points WHERE account = ? AND source = ? AND lifecycle = 'DELETED'");
            to.execute(query.bind(account).bind(source)).await.map(drop)
        }
        Forgotten::AccountRegion(place) => {
            disputes::forgotten(to, place).await?;
            let query = sqlx::query("DELETE FROM places WHERE account = ? AND region = ?");
            to.execute(query.bind(place.account.as_str()).bind(place.region.as_str())).await.map(drop)
        }
        Forgotten::Counter(total) => {
            let (kind, policy, region, result) = total_columns(total);
            let query = sqlx::query("DELETE FROM totals WHERE kind = ? AND policy = ? AND region = ? AND result = ?");
            to.execute(query.bind(kind).bind(policy).bind(region).bind(result)).await.map(drop)
        }
    }
}

async fn count(to: &mut SqliteConnection, total: &Counter, by: u64) -> Written {
    let (kind, policy, region, result) = total_columns(total);
    let sql = "INSERT INTO totals (kind, policy, region, result, value) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET value = value + excluded.value";
    let query = sqlx::query(sql).bind(kind).bind(policy).bind(region).bind(result).bind(clamp(by));
    to.execute(query).await.map(drop)
}

/// SQLite integers end at 2^63 − 1.
pub(super) fn clamp(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

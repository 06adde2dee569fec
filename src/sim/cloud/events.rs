//! Scheduled events of the model.

use super::{Backup, BackupIx, Cloud, FileSystem, Lifecycle, RegionIx};

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const DAY_MINUTES: i64 = 1_440;
const WEEK_MINUTES: i64 = 7 * DAY_MINUTES;

/// A scheduled event.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// Work on a backup begins.
    Begins(BackupIx),
    /// A Lustre backup starts being transferred to storage.
    Transfers(BackupIx),
    /// A backup or copy ends.
    Ends(BackupIx),
    /// A backup expires and is deleted.
    Expires(BackupIx),
    /// A file system ends being CREATING, UPDATING or DELETING.
    FileSystemEnds(RegionIx, String),
    /// A volume ends being CREATING or DELETING.
    VolumeEnds(RegionIx, String),
    /// A file system's daily window opens.
    DailyWindow(RegionIx, String),
    /// Other principals of an account make requests in a Region.
    Strangers(RegionIx),
}

impl Cloud {
    /// Runs all events due up to `now_ms`, and returns the time, which never goes back.
    pub fn advance(&mut self, now_ms: i64) -> i64 {
        if self.now_ms == i64::MIN {
            self.now_ms = now_ms;
            self.faults_since_ms.get_or_insert(now_ms);
            self.call_other_principals(now_ms);
        }
        while let Some(first) = self.due.first_entry() {
            let at_ms = first.key().0;
            if at_ms > now_ms {
                break;
            }
            let event = first.remove();
            // Events that were due before the last time of the clock still run, at that time.
            self.now_ms = self.now_ms.max(at_ms);
            self.happen(at_ms, event);
        }
        self.now_ms = self.now_ms.max(now_ms);
        self.now_ms
    }

    /// The time of the next event, epoch ms.
    #[must_use]
    pub fn next_event_ms(&self) -> Option<i64> {
        self.due.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    pub(super) fn schedule(&mut self, at_ms: i64, event: Event) {
        if at_ms < i64::MAX {
            let seq = self.next_seq();
            self.due.insert((at_ms, seq), event);
        }
    }

    fn happen(&mut self, at_ms: i64, event: Event) {
        match event {
            Event::Begins(at) => self.step(at, Lifecycle::Pending, Lifecycle::Creating),
            Event::Transfers(at) => self.step(at, Lifecycle::Creating, Lifecycle::Transferring),
            Event::Ends(at) => self.end(at, at_ms),
            Event::Expires(at) => self.expire(at, at_ms),
            Event::FileSystemEnds(place, id) => self.file_system_ends(place, &id, at_ms),
            Event::VolumeEnds(place, id) => self.volume_ends(place, &id, at_ms),
            Event::DailyWindow(place, id) => self.daily_window(place, &id, at_ms),
            Event::Strangers(place) => self.other_principals_request(place, at_ms),
        }
    }

    fn step(&mut self, at: BackupIx, from: Lifecycle, to: Lifecycle) {
        let backup = &mut self.backups[at];
        if backup.lifecycle == from {
            backup.lifecycle = to;
        }
    }

    fn end(&mut self, at: BackupIx, at_ms: i64) {
        if !self.backups[at].lifecycle.in_flight() {
            return;
        }
        if self.backups[at].is_copy() { self.end_copy(at, at_ms) } else { self.end_backup(at, at_ms) }
    }

    /// When a backup requested now can begin: after an update of the file system, and after its maintenance window.
    pub(super) fn begins_ms(&self, file_system: &FileSystem, now_ms: i64) -> i64 {
        let updated_ms = match file_system.lifecycle {
            "UPDATING" => file_system.busy_until_ms.max(now_ms),
            _ => now_ms,
        };
        let length_ms = (self.settings.maintenance_minutes.clamp(0.0, WEEK_MINUTES as f64) * 60_000.0) as i64;
        let week_ms = WEEK_MINUTES * MINUTE_MS;
        // 1970-01-01 was a Thursday, three days after the beginning of the week on Monday.
        let into_week_ms = (updated_ms + 3 * DAY_MINUTES * MINUTE_MS).rem_euclid(week_ms);
        let start_ms = i64::from(file_system.maintenance_minute) * MINUTE_MS;
        let into_window_ms = (into_week_ms - start_ms).rem_euclid(week_ms);
        if into_window_ms < length_ms { updated_ms + length_ms - into_window_ms } else { updated_ms }
    }

    /// Progress of work in flight, in whole percent.
    pub(super) fn progress(backup: &Backup, now_ms: i64) -> i64 {
        match backup.lifecycle {
            Lifecycle::Available => 100,
            _ if backup.ends_ms == i64::MAX || backup.ends_ms <= backup.begins_ms => 0,
            _ => {
                let done = (now_ms - backup.begins_ms).max(0) * 100 / (backup.ends_ms - backup.begins_ms);
                done.min(99)
            }
        }
    }
}

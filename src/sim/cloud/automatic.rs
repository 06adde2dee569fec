//! Automatic backups: taken in the daily window, removed after their retention (facts, section 2.2).

use std::sync::Arc;

use super::backups::{NewBackup, inherited_tags};
use super::events::{DAY_MINUTES, Event, MINUTE_MS};
use super::{BackupIx, BackupType, Cloud, FileSystem, FileSystemType, Principal, RegionIx, Volume};

impl Cloud {
    /// Takes the automatic backups of one day and schedules the next window.
    pub(super) fn daily_window(&mut self, place: RegionIx, id: &str, at_ms: i64) {
        let Some(file_system) = self.places[place].file_systems.get(id).map(Arc::clone) else {
            return;
        };
        self.take_automatic_backups(place, &file_system, at_ms);
        self.schedule_daily_window(place, &file_system, at_ms);
    }

    pub(super) fn schedule_daily_window(&mut self, place: RegionIx, file_system: &FileSystem, now_ms: i64) {
        if file_system.automatic_backup_retention_days > 0 {
            let at_ms = next_daily_ms(now_ms, file_system.automatic_backup_minute);
            self.schedule(at_ms, Event::DailyWindow(place, file_system.id.clone()));
        }
    }

    fn take_automatic_backups(&mut self, place: RegionIx, file_system: &Arc<FileSystem>, at_ms: i64) {
        if !matches!(file_system.lifecycle, "AVAILABLE" | "UPDATING") {
            return;
        }
        let targets: Vec<Option<Arc<Volume>>> = match file_system.kind {
            FileSystemType::Ontap => self.places[place]
                .volumes
                .values()
                .filter(|v| v.file_system_id == file_system.id && v.ontap_type == "RW" && v.lifecycle == "CREATED")
                .map(|volume| Some(Arc::clone(volume)))
                .collect(),
            _ => vec![None],
        };
        for volume in targets {
            let resource = volume.as_ref().map_or(&file_system.id, |volume| &volume.id);
            if self.running_backup(place, resource).is_some() {
                continue;
            }
            let tags = inherited_tags(file_system, volume.as_deref());
            let order = NewBackup {
                place,
                file_system: Arc::clone(file_system),
                volume,
                kind: BackupType::Automatic,
                by: Principal::Service,
                tags,
                last_of_its_kind: false,
            };
            self.start_backup(order, at_ms);
        }
    }

    /// Deletes the AUTOMATIC backups of a file system or volume that exceed its retention, or all of them if that is 0
    /// days.
    pub(super) fn remove_automatic_backups(&mut self, place: RegionIx, resource: &str, days: u32, now_ms: i64) {
        let oldest_ms = now_ms - i64::from(days) * 86_400_000;
        let old: Vec<BackupIx> = self.places[place]
            .backups
            .values()
            .copied()
            .filter(|at| {
                let backup = &self.backups[*at];
                backup.kind == BackupType::Automatic
                    && (backup.file_system.id == resource || backup.resource() == resource)
                    && (days == 0 || backup.taken_ms < oldest_ms)
            })
            .collect();
        for at in old {
            self.remove_backup(at, now_ms);
        }
    }
}

/// The next time after `now_ms` at this minute of the UTC day.
fn next_daily_ms(now_ms: i64, minute: u32) -> i64 {
    let day_ms = DAY_MINUTES * MINUTE_MS;
    let today_ms = now_ms.div_euclid(day_ms) * day_ms + i64::from(minute) * MINUTE_MS;
    if today_ms > now_ms { today_ms } else { today_ms + day_ms }
}

#[cfg(test)]
mod tests {
    use super::next_daily_ms;

    #[test]
    fn the_next_daily_window_is_strictly_later() {
        let day = 86_400_000;
        assert_eq!(next_daily_ms(0, 0), day);
        assert_eq!(next_daily_ms(-1, 0), 0);
        assert_eq!(next_daily_ms(5 * day + 1, 60), 5 * day + 3_600_000);
    }
}

//! Valid ranges of a fault's numbers.

use super::Fault;

impl Fault {
    /// Checks its numbers; the error says what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let percents = [
            ("black_hole_percent", self.black_hole_percent),
            ("silent_percent", self.silent_percent),
            ("close_before_percent", self.close_before_percent),
            ("close_after_percent", self.close_after_percent),
            ("throttle_percent", self.throttle_percent),
            ("refuse_percent", self.refuse_percent),
            ("error_before_percent", self.error_before_percent),
            ("error_after_percent", self.error_after_percent),
            ("unavailable_percent", self.unavailable_percent),
            ("html_percent", self.html_percent),
            ("forbidden_percent", self.forbidden_percent),
            ("empty_percent", self.empty_percent),
            ("truncated_percent", self.truncated_percent),
            ("fail_backup_percent", self.fail_backup_percent),
            ("fail_copy_percent", self.fail_copy_percent),
            ("stuck_backup_percent", self.stuck_backup_percent),
            ("stuck_copy_percent", self.stuck_copy_percent),
            ("forget_token_percent", self.forget_token_percent),
            ("restoring_percent", self.restoring_percent),
        ];
        if let Some((name, value)) = percents.iter().find(|(_, value)| !(0.0..=100.0).contains(value)) {
            return Err(format!("{name} = {value} is not between 0 and 100"));
        }
        let amounts = [
            ("from_seconds", self.from_seconds),
            ("until_seconds", self.until_seconds.unwrap_or(0.0)),
            ("requests_per_second", self.requests_per_second),
            ("burst", self.burst),
            ("stuck_hours", self.stuck_hours),
            ("slow_factor", self.slow_factor),
            ("other_copies_per_hour", self.other_copies_per_hour),
            ("other_backups_per_hour", self.other_backups_per_hour),
            ("list_lag_seconds", self.list_lag_seconds),
        ];
        match amounts.iter().find(|(_, value)| !(0.0..=1e9).contains(value)) {
            Some((name, value)) => Err(format!("{name} = {value} is not between 0 and 1e9")),
            None => Ok(()),
        }
    }
}

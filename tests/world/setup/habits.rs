//! How the cloud of a world behaves where AWS may behave one way or the other.

use super::*;

impl Draw {
    /// FSx's habits, within what the promises ask for: tokens remembered for ten minutes, listings that lag no more than two.
    pub(super) fn cloud(&mut self) -> cloud::Settings {
        let rng = &mut self.rng;
        let of = |rng: &mut Rng, from: &[f64]| from[rng.below(from.len() as u64) as usize];
        cloud::Settings {
            backup_floor_seconds: of(rng, &[30.0, 240.0, 900.0]),
            backup_bytes_per_second: of(rng, &[100e6, 750e6]),
            copy_floor_seconds: of(rng, &[60.0, 390.0, 1200.0]),
            copy_bytes_per_second: of(rng, &[50e6, 250e6]),
            lustre_pending_seconds: of(rng, &[0.0, 60.0]),
            maintenance_minutes: of(rng, &[0.0, 30.0]),
            windows_backups: 1_000_000,
            lustre_backups: 1_000_000,
            openzfs_backups: 1_000_000,
            ontap_backups: 1_000_000,
            ontap_backups_per_volume: 0,
            token_memory_seconds: of(rng, &[600.0, 900.0, 86_400.0]),
            deleted_token: TOKENS[rng.below(3) as usize],
            page_size: [5, 20, 50, 50][rng.below(4) as usize],
            short_page_percent: of(rng, &[0.0, 20.0]),
            empty_page_percent: of(rng, &[0.0, 10.0]),
            next_token_seconds: of(rng, &[0.0, 300.0]),
            list_lag_seconds: of(rng, &[0.0, 5.0, 60.0, 119.0]),
            lag_hides_ids: rng.percent(30.0),
            delete_delay_seconds: of(rng, &[0.0, 60.0, 300.0]),
            others_keep_hours: of(rng, &[6.0, 24.0]),
            ..self.unverified()
        }
    }

    /// What is not established about FSx, either way. From numbers of its own, so that the rest of a seed stays what it was.
    fn unverified(&self) -> cloud::Settings {
        let mut rng = Rng::new(self.seed, "unverified");
        let refusals = [cloud::RefusalCode::ServiceLimitExceeded, cloud::RefusalCode::BadRequest];
        let limits = ["TOTAL_IN_PROGRESS_COPY_BACKUPS", "", "SOMETHING_NEW"];
        let wordings = [
            cloud::BeingCopied::ByType,
            cloud::BeingCopied::Modelled,
            cloud::BeingCopied::BadRequest,
            cloud::BeingCopied::Either,
        ];
        let subjects = [cloud::CopySubject::Kept, cloud::CopySubject::Absent, cloud::CopySubject::Other];
        cloud::Settings {
            failed_token: TOKENS[rng.below(3) as usize],
            token_compares_tags: rng.percent(70.0),
            failed_copies_stay: rng.percent(70.0),
            ontap_copy_refusal: refusals[rng.below(2) as usize],
            ontap_copy_limit: limits[rng.below(3) as usize].into(),
            slots_by_type: rng.percent(15.0),
            limits_first: rng.percent(50.0),
            being_copied: wordings[rng.below(4) as usize],
            delete_while_copying: rng.percent(30.0),
            copy_progress: rng.percent(30.0),
            failed_count_to_quota: rng.percent(50.0),
            full_after_newest_deleted: rng.percent(30.0),
            copies_file_system: subjects[rng.below(3) as usize],
            ..cloud::Settings::default()
        }
    }
}

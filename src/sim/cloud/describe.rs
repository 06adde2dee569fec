//! The Describe operations (facts 24, 25, 28).

use serde_json::{Map, Value, json};

use super::{
    ApiError, Backup, BackupIx, Call, Cloud, FileSystem, FileSystemType, RegionIx, Volume, fleet, render, text,
};

/// Filters of a request: each name with its values. All names must match, each by any of its values.
type Filters<'a> = Vec<(&'a str, Vec<&'a str>)>;

impl Cloud {
    pub(super) fn describe_backups(&mut self, call: &Call<'_>) -> Result<Value, ApiError> {
        let (found, next) = self.matching_backups(call)?;
        let shown = found.into_iter().map(|at| self.render_backup(at, call.now_ms)).collect();
        Ok(answer("Backups", shown, next))
    }

    /// DescribeBackups without the JSON of the response, which is most of its cost: for worlds in virtual time.
    /// Validated, paged and counted like any call; [`Cloud::backup`] returns the backups found.
    ///
    /// # Errors
    /// As [`Cloud::call`].
    pub fn list_backups(
        &mut self,
        now_ms: i64,
        account: &str,
        region: &str,
        body: &Value,
    ) -> Result<(Vec<BackupIx>, Option<String>), ApiError> {
        self.admit(now_ms, account, region, "DescribeBackups", body, Self::matching_backups)
    }

    fn matching_backups(&mut self, call: &Call<'_>) -> Result<(Vec<BackupIx>, Option<String>), ApiError> {
        let ids = ids(call, "BackupIds");
        if !ids.is_empty() {
            let found: Result<_, ApiError> = ids.into_iter().map(|id| self.backup_by_id(call, id)).collect();
            return Ok((found?, None));
        }
        let filters = filters(call)?;
        self.check_filters(call.place, &filters)?;
        let place = &self.places[call.place];
        let matching: Vec<(u64, BackupIx)> = place
            .backups
            .values()
            .filter(|at| {
                let backup = &self.backups[**at];
                backup.visible_ms <= call.now_ms && self.matches_all(backup, &filters)
            })
            .map(|at| (at.0 as u64, *at))
            .collect();
        self.page(call, matching, true)
    }

    fn matches_all(&self, backup: &Backup, filters: &Filters<'_>) -> bool {
        let kind: FileSystemType = backup.file_system.kind;
        // A copy's Region may not know the source's Region.
        let found_by_source =
            self.settings.filters_find_copies || backup.source_region.as_ref().is_none_or(|of| *of == backup.region);
        filters.iter().all(|(name, values)| match *name {
            "file-system-id" => found_by_source && values.contains(&backup.file_system.id.as_str()),
            "backup-type" => values.contains(&backup.kind.as_str()),
            "file-system-type" => values.contains(&kind.as_str()),
            _ => {
                let volume = backup.volume.as_ref().filter(|_| found_by_source);
                volume.is_some_and(|volume| values.contains(&volume.id.as_str()))
            }
        })
    }

    fn backup_by_id(&self, call: &Call<'_>, id: &str) -> Result<BackupIx, ApiError> {
        let at = self.places[call.place].backups.get(id).copied();
        let hides = |at: &BackupIx| self.settings.lag_hides_ids && self.backups[*at].visible_ms > call.now_ms;
        at.filter(|at| !hides(at)).ok_or_else(|| ApiError::no_backup(id))
    }

    /// Only four of the model's filter names apply to backups of file systems and volumes.
    fn check_filters(&self, place: RegionIx, filters: &Filters<'_>) -> Result<(), ApiError> {
        let known =
            |test: &dyn Fn(&Backup) -> bool| self.places[place].backups.values().any(|at| test(&self.backups[*at]));
        for (name, values) in filters {
            if !matches!(*name, "file-system-id" | "backup-type" | "file-system-type" | "volume-id") {
                return Err(ApiError::bad_request(format!("The filter '{name}' is not supported.")));
            }
            if !self.settings.unknown_filter_is_error {
                continue;
            }
            for value in values {
                let here = &self.places[place];
                if *name == "file-system-id"
                    && !here.file_systems.contains_key(*value)
                    && !known(&|backup| backup.file_system.id == *value)
                {
                    return Err(ApiError::no_file_system(value));
                }
                if *name == "volume-id"
                    && !here.volumes.contains_key(*value)
                    && !known(&|backup| backup.volume.as_ref().is_some_and(|volume| volume.id == *value))
                {
                    return Err(ApiError::no_volume(value));
                }
            }
        }
        Ok(())
    }

    pub(super) fn describe_file_systems(&mut self, call: &Call<'_>) -> Result<Value, ApiError> {
        let here = &self.places[call.place];
        let ids = ids(call, "FileSystemIds");
        if !ids.is_empty() {
            let one = |id: &str| here.file_systems.get(id).map(|known| render::file_system(known));
            let found: Option<Vec<Value>> = ids.iter().map(|id| one(id)).collect();
            let missing = ids.iter().find(|id| !here.file_systems.contains_key(**id));
            return match (found, missing) {
                (Some(found), None) => Ok(json!({ "FileSystems": found })),
                (_, missing) => Err(ApiError::no_file_system(missing.unwrap_or(&""))),
            };
        }
        let all: Vec<(u64, Value)> =
            here.file_systems.values().map(|known| (known.seq, render::file_system(known))).collect();
        let (page, next) = self.page(call, all, true)?;
        Ok(answer("FileSystems", page, next))
    }

    pub(super) fn describe_volumes(&mut self, call: &Call<'_>) -> Result<Value, ApiError> {
        let ids = ids(call, "VolumeIds");
        let here = &self.places[call.place];
        if !ids.is_empty() {
            let found: Result<Vec<Value>, ApiError> = ids
                .into_iter()
                .map(|id| {
                    here.volumes.get(id).map(|known| render::volume(known)).ok_or_else(|| ApiError::no_volume(id))
                })
                .collect();
            return Ok(json!({ "Volumes": found? }));
        }
        let filters = filters(call)?;
        let fits = |volume: &Volume| {
            filters.iter().all(|(name, values)| match *name {
                "file-system-id" => values.contains(&volume.file_system_id.as_str()),
                _ => values.contains(&volume.svm_id.as_str()),
            })
        };
        let all: Vec<(u64, Value)> = here
            .volumes
            .values()
            .filter(|volume| fits(volume))
            .map(|volume| (volume.seq, render::volume(volume)))
            .collect();
        let (page, next) = self.page(call, all, true)?;
        Ok(answer("Volumes", page, next))
    }

    pub(super) fn describe_svms(&mut self, call: &Call<'_>) -> Result<Value, ApiError> {
        let ids = ids(call, "StorageVirtualMachineIds");
        let here = &self.places[call.place];
        if let Some(id) = ids.iter().find(|id| !here.svms.contains_key(**id)) {
            let words = format!("Storage virtual machine '{id}' does not exist.");
            return Err(ApiError::client("StorageVirtualMachineNotFound", words));
        }
        let filters = filters(call)?;
        let all: Vec<(u64, Value)> = here
            .svms
            .iter()
            .filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()))
            .filter(|(_, svm)| filters.iter().all(|(_, values)| values.contains(&svm.file_system_id.as_str())))
            .map(|(id, svm)| (svm.seq, fleet::render_svm(&here.account, &here.region, id, svm)))
            .collect();
        let (page, next) = self.page(call, all, true)?;
        Ok(answer("StorageVirtualMachines", page, next))
    }

    pub(super) fn show_file_system(&self, place: RegionIx, id: &str) -> Result<Value, ApiError> {
        let known: &FileSystem = self.places[place].file_systems.get(id).ok_or_else(|| ApiError::no_file_system(id))?;
        Ok(json!({ "FileSystem": render::file_system(known) }))
    }

    pub(super) fn show_volume(&self, place: RegionIx, id: &str) -> Result<Value, ApiError> {
        let known = self.places[place].volumes.get(id).ok_or_else(|| ApiError::no_volume(id))?;
        Ok(json!({ "Volume": render::volume(known) }))
    }
}

fn ids<'a>(call: &Call<'a>, member: &str) -> Vec<&'a str> {
    let given = call.body.get(member).and_then(Value::as_array);
    given.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn filters<'a>(call: &Call<'a>) -> Result<Filters<'a>, ApiError> {
    let given = call.body.get("Filters").and_then(Value::as_array);
    given
        .into_iter()
        .flatten()
        .map(|filter| {
            let values = filter.get("Values").and_then(Value::as_array);
            let values: Vec<&str> = values.into_iter().flatten().filter_map(Value::as_str).collect();
            match text(filter, "Name") {
                Some(name) if !values.is_empty() => Ok((name, values)),
                _ => Err(ApiError::bad_request("A filter needs a name and at least one value.")),
            }
        })
        .collect()
}

fn answer(member: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = Map::new();
    answer.insert(member.to_owned(), Value::Array(items));
    if let Some(next) = next {
        answer.insert("NextToken".to_owned(), next.into());
    }
    Value::Object(answer)
}

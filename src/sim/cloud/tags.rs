//! Tags (fact 21; facts, sections 3.2 and 4).

use serde_json::{Value, json};

use super::{ApiError, BackupIx, Call, Cloud, RegionIx, Tags, text};

const MOST_TAGS: usize = 50;

/// The resource that an ARN names.
enum Tagged {
    Backup(BackupIx),
    FileSystem(String),
    Volume(String),
    Svm(String),
}

/// The tags in a member of a request; `None` if it is absent.
pub(super) fn given(body: &Value, member: &str) -> Result<Option<Tags>, ApiError> {
    let Some(Value::Array(items)) = body.get(member) else {
        return Ok(None);
    };
    let mut tags = Tags::new();
    for item in items {
        let (key, value) = (text(item, "Key").unwrap_or_default(), text(item, "Value").unwrap_or_default());
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::bad_request(format!("Duplicate tag key '{key}'.")));
        }
    }
    Ok(Some(tags))
}

/// Tags in the API's form.
pub(super) fn render(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

impl Cloud {
    /// Rejects reserved keys among the `new` tags, and a `total` above 50.
    pub(super) fn check_tags(&self, new: &Tags, total: usize) -> Result<(), ApiError> {
        if let Some(key) = new.keys().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
            self.settings
                .aws_tag
                .refuse("TOTAL_USER_TAGS", || format!("Tag key '{key}' is invalid: the prefix aws: is reserved."))?;
        }
        if total > MOST_TAGS {
            self.settings.too_many_tags.refuse("TOTAL_USER_TAGS", || {
                format!("{total} tags exceed the limit of {MOST_TAGS} for a resource.")
            })?;
        }
        Ok(())
    }

    pub(super) fn tag_resource(&mut self, call: &Call<'_>) -> Result<Value, ApiError> {
        let tagged = self.tagged(call)?;
        let new = given(call.body, "Tags")?.unwrap_or_default();
        let Some(tags) = self.tags_mut(call.place, &tagged) else {
            return Err(ApiError::internal());
        };
        let mut merged = tags.clone();
        merged.extend(new.clone());
        self.check_tags(&new, merged.len())?;
        if let Some(tags) = self.tags_mut(call.place, &tagged) {
            *tags = merged;
        }
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, call: &Call<'_>) -> Result<Value, ApiError> {
        let tagged = self.tagged(call)?;
        let keys = call.body.get("TagKeys").and_then(Value::as_array);
        if let Some(tags) = self.tags_mut(call.place, &tagged) {
            for key in keys.into_iter().flatten().filter_map(Value::as_str) {
                tags.remove(key);
            }
        }
        Ok(json!({}))
    }

    pub(super) fn list_tags(&mut self, call: &Call<'_>) -> Result<Value, ApiError> {
        let tagged = self.tagged(call)?;
        let tags = self.tags_mut(call.place, &tagged).cloned().unwrap_or_default();
        let all: Vec<(u64, (String, String))> = (0..).zip(tags).collect();
        let (page, next) = self.page(call, all, false)?;
        let mut answer = json!({ "Tags": render(&page.into_iter().collect()) });
        if let Some(next) = next {
            answer["NextToken"] = next.into();
        }
        Ok(answer)
    }

    fn tagged(&self, call: &Call<'_>) -> Result<Tagged, ApiError> {
        let arn = text(call.body, "ResourceARN").unwrap_or_default();
        let here = &self.places[call.place];
        let mine = super::fleet::arn_prefix(&here.account, &here.region);
        let name = arn.strip_prefix(&mine).and_then(|rest| rest.strip_prefix(':')).unwrap_or_default();
        let parts: Vec<&str> = name.split('/').collect();
        let found = match parts.as_slice() {
            ["backup", id] => here.backups.get(*id).map(|at| Tagged::Backup(*at)),
            ["file-system", id] => here.file_systems.contains_key(*id).then(|| Tagged::FileSystem((*id).to_owned())),
            ["volume", _, id] => here.volumes.contains_key(*id).then(|| Tagged::Volume((*id).to_owned())),
            ["storage-virtual-machine", _, id] => here.svms.contains_key(*id).then(|| Tagged::Svm((*id).to_owned())),
            _ => None,
        };
        found.ok_or_else(|| {
            ApiError::client("ResourceNotFound", format!("Resource '{arn}' does not exist.")).with("ResourceARN", arn)
        })
    }

    fn tags_mut(&mut self, place: RegionIx, tagged: &Tagged) -> Option<&mut Tags> {
        use std::sync::Arc;
        let here = &mut self.places[place];
        match tagged {
            Tagged::Backup(at) => Some(Arc::make_mut(&mut self.backups[*at].tags)),
            Tagged::FileSystem(id) => here.file_systems.get_mut(id).map(|known| &mut Arc::make_mut(known).tags),
            Tagged::Volume(id) => here.volumes.get_mut(id).map(|known| &mut Arc::make_mut(known).tags),
            Tagged::Svm(id) => here.svms.get_mut(id).map(|known| &mut known.tags),
        }
    }
}

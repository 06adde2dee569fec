//! A policy that selects by tag has exactly the sources that carry it.

use super::super::setup::{Setup, more};
use super::armed::Check;
use super::flow::Flow;
use super::{Broken, View};
use lifeboat::domain::id::{AccountRegion, Region, SourceKey};
use std::collections::BTreeSet;

/// What carries the tags that policies select by.
pub(super) struct Selection {
    tagged: Vec<(SourceKey, Region, String)>,
    /// The tag is off these.
    off: BTreeSet<SourceKey>,
}

impl Selection {
    pub(super) fn new(setup: &Setup) -> Self {
        Self { tagged: more::tagged(setup), off: BTreeSet::new() }
    }

    pub(super) fn retagged(&mut self, source: SourceKey, carries: bool) {
        if carries {
            self.off.remove(&source);
        } else {
            self.off.insert(source);
        }
    }

    pub(super) fn inspected(&self, view: &View<'_>, flow: &Flow) -> Result<(), Broken> {
        for policy in view.settings.policies.values() {
            let Some(select) = &policy.select else { continue };
            let place = AccountRegion { account: policy.account.clone(), region: policy.region.clone() };
            if !flow.undisturbed(view, &[&place]) {
                continue;
            }
            view.armed.count(Check::SelectsByTag);
            for (source, region, value) in &self.tagged {
                let here = source.account == place.account && *region == place.region;
                let fits = select.tags.get(more::SELECTED_BY).is_some_and(|allowed| allowed.contains(value));
                let wanted = here && fits && !self.off.contains(source);
                if wanted != policy.sources.contains(&source.source) && here && fits {
                    let carries = if wanted { "carries the tag of" } else { "does not carry the tag of" };
                    let what = format!("{source} {carries} {} for long, and is taken for the opposite", policy.name);
                    return Err(Check::SelectsByTag.broken(what));
                }
            }
        }
        Ok(())
    }
}

//! What searches for sources show.

use super::*;
use crate::domain::action::SourceFacts;
use crate::domain::change::SearchEvidence;
use crate::domain::id::SourceId;
use crate::domain::selection::{Fleet, NextPage, Search, Searched, can_be_a_source};

impl State {
    /// A policy was loaded: every account and Region is searched again at once, also where that was refused.
    pub fn searches_wanted(&mut self) {
        for fleet in self.places.values_mut().filter_map(|known| known.fleet.as_mut()) {
            (fleet.wanted, fleet.not_before) = (true, None);
        }
    }

    pub(super) fn search_shown(&mut self, evidence: &SearchEvidence) {
        match evidence {
            SearchEvidence::Began { place, at } => {
                let fleet = self.fleet_mut(place);
                (fleet.not_before, fleet.wanted) = (None, false);
                let (found, next) = (BTreeMap::new(), NextPage::default());
                fleet.search = Some(Search { began_at: *at, pages: 0, next, has_ontap: false, found });
            }
            SearchEvidence::Page { place, facts, has_ontap, next } => {
                let fleet = self.fleet_mut(place);
                fleet.not_before = None;
                if let Some(search) = &mut fleet.search {
                    search.pages = search.pages.saturating_add(1);
                    search.next = next.clone();
                    search.has_ontap = *has_ontap;
                    add(&mut search.found, facts);
                }
            }
            SearchEvidence::Complete { place, facts, missed } => {
                let fleet = self.fleet_mut(place);
                let Some(Search { began_at, pages, found: mut sources, .. }) = fleet.search.take() else { return };
                add(&mut sources, facts);
                let count = |id: &SourceId| fleet.missed.get(id).map_or(1, |searches| searches.saturating_add(1));
                fleet.missed = missed.iter().map(|id| (id.clone(), count(id))).collect();
                fleet.searched = Some(Searched { began_at, pages: pages.saturating_add(1), sources });
                (fleet.failures, fleet.fault, fleet.not_before) = (0, None, None);
                self.searches_completed = self.searches_completed.wrapping_add(1);
            }
            SearchEvidence::Stalled { place, fault, not_before, restart } => {
                let fleet = self.fleet_mut(place);
                fleet.failures = fleet.failures.saturating_add(1);
                (fleet.fault, fleet.not_before) = (Some(fault.clone()), Some(*not_before));
                if *restart {
                    fleet.search = None;
                }
            }
        }
    }

    fn fleet_mut(&mut self, place: &AccountRegion) -> &mut Fleet {
        self.places.entry(place.clone()).or_default().fleet.get_or_insert_default()
    }
}

fn add(found: &mut BTreeMap<SourceId, SourceFacts>, facts: &[SourceFacts]) {
    let sources = facts.iter().filter(|facts| can_be_a_source(facts));
    found.extend(sources.map(|facts| (facts.source.clone(), facts.clone())));
}

//! What a search for sources shows.

use super::*;
use crate::domain::change::{AccountEvidence, SearchEvidence};
use crate::domain::selection::{NextPage, SOURCES_PER_SEARCH_MAX, can_be_a_source};
use crate::planner::selection;

/// A search with more pages than this is given up. Dropping what is too much would take its protection away.
const PAGES_PER_SEARCH: u32 = 2_000;
/// The delay before an empty search is repeated that contradicts the record: another response has to name the account.
const SEARCH_AGAIN: Duration = Duration::from_secs(90);

impl OutcomeProcessor<'_> {
    /// A page of a search: all file systems come first, then, if there are ONTAP file systems, all volumes.
    pub(super) fn sources_found(&mut self, page: &NextPage, facts: Vec<SourceFacts>, token: Option<String>) {
        let Some(search) = self.here.and_then(|known| known.fleet.as_ref()?.search.as_ref()) else { return };
        let place = self.place.clone();
        if search.pages >= PAGES_PER_SEARCH || search.found.len() + facts.len() > SOURCES_PER_SEARCH_MAX {
            let words =
                format!("the search does not end: {PAGES_PER_SEARCH} pages or {SOURCES_PER_SEARCH_MAX} sources");
            return self.search_failed(&Fault::new(FaultClass::Unanswered, "EndlessPages", &words));
        }
        let ontap = |facts: &SourceFacts| facts.kind == FileSystemKind::Ontap && !facts.source.is_volume();
        let has_volumes = search.has_ontap || facts.iter().any(ontap);
        let next = match token {
            Some(token) => Some(NextPage { volumes: page.volumes, token: Some(token) }),
            None if !page.volumes && has_volumes => Some(NextPage { volumes: true, token: None }),
            None => None,
        };
        if let Some(next) = next {
            return self.push(Change::Search(SearchEvidence::Page { place, facts, has_ontap: has_volumes, next }));
        }
        let shown = search.found.values().chain(facts.iter().filter(|facts| can_be_a_source(facts)));
        let missed = selection::missed(self.settings, self.state, self.place, shown);
        if !missed.is_empty() && !self.named && search.found.is_empty() && !self.silence_is_believed(search.began_at) {
            return;
        }
        self.push(Change::Search(SearchEvidence::Complete { place, facts, missed }));
    }

    /// Whether a search that shows nothing, and so names no account, comes from the account on record.
    fn silence_is_believed(&mut self, began_at: Time) -> bool {
        let account = &self.place.account;
        let Some(known) = self.state.accounts.get(account) else { return true };
        if known.proven_at >= Some(began_at) || self.state.doubted_in_vain(account) {
            return true;
        }
        let (account, place, at) = (account.clone(), self.place.clone(), self.now);
        self.push(Change::Account(AccountEvidence::Doubted { account, since: at, at }));
        let words = "it shows no file system at all, and no response has named the account since";
        let fault = Fault::new(FaultClass::Unanswered, "SilentAccount", words);
        let not_before = at.plus(SEARCH_AGAIN);
        self.push(Change::Search(SearchEvidence::Stalled { place, fault, not_before, restart: true }));
        false
    }

    /// A page failed. The search continues at this page, or begins again if AWS no longer knows it.
    pub(super) fn search_failed(&mut self, fault: &Fault) {
        let fleet = self.here.and_then(|known| known.fleet.as_ref());
        let failures = fleet.map_or(0, |fleet| fleet.failures).saturating_add(1);
        let pause = match fault.class {
            FaultClass::Unanswered | FaultClass::Throttled | FaultClass::Credentials => {
                retry::pause_for_place(fault.class, failures, jitter_of(self.place))
            }
            _ => retry::pause_for_refused_read(failures, jitter_of(self.place)),
        };
        let begun = fleet.and_then(|fleet| fleet.search.as_ref()).is_some_and(|search| search.pages > 0);
        let restart = !begun || !fault.class.passes_by_itself() || failures > 3;
        let (place, fault, not_before) = (self.place.clone(), fault.clone(), self.now.plus(pause));
        self.push(Change::Search(SearchEvidence::Stalled { place, fault, not_before, restart }));
    }
}

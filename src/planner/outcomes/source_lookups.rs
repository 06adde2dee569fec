//! What AWS reports about sources: their type, tags and state.

use super::*;

/// The longest backoff of a source lookup after a transient failure.
const LOOKUP_BACKOFF_MAX: Duration = Duration::from_secs(5 * 60);

impl OutcomeProcessor<'_> {
    pub(super) fn source_looked_up(&mut self, ids: &[SourceId], facts: Vec<SourceFacts>) {
        let mut missing: BTreeSet<&SourceId> = ids.iter().collect();
        for facts in facts {
            if missing.remove(&facts.source) {
                // FSx backs up ONTAP by volume: a request for the file system would be refused permanently.
                if facts.kind == FileSystemKind::Ontap && !facts.source.is_volume() {
                    let words = "it is an ONTAP file system, which FSx backs up by the volume: name its volumes under `volumes`";
                    let fault = Fault::new(FaultClass::Permanent, "OntapFileSystem", words);
                    self.source_lookup_failed(std::slice::from_ref(&facts.source), &fault);
                    continue;
                }
                let account = self.place.account.clone();
                self.push(Change::SourceLookedUp { account, facts: Box::new(facts), at: self.now });
            }
        }
        let fault = Fault::new(FaultClass::Missing, "NotFound", "AWS does not show it");
        for id in missing {
            self.source_lookup_failed(std::slice::from_ref(id), &fault);
        }
    }

    pub(super) fn source_lookup_failed(&mut self, ids: &[SourceId], fault: &Fault) {
        let split = fault.class == FaultClass::Missing && ids.len() > 1;
        for id in ids {
            let source = SourceKey { account: self.place.account.clone(), source: id.clone() };
            let failures = self.state.sources.get(&source).map_or(1, |known| known.lookup.failures_with(fault));
            let pause = retry::pause(fault.class, failures, self.poll(), jitter_of(self.place));
            // A backup waits for the lookup, and the call limits of its Region bound the calls in an outage.
            let pause = if fault.class.passes_by_itself() { pause.min(LOOKUP_BACKOFF_MAX) } else { pause };
            let not_before = if split { self.now } else { self.now.plus(pause) };
            let batch = split.then_some(ids.len() / 2);
            self.push(Change::SourceLookupFailed { source, fault: fault.clone(), at: self.now, not_before, batch });
        }
    }
}

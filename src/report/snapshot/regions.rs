//! The status of each account and Region.

use super::*;

pub(super) fn places(settings: &Settings, state: &State, plan: &Plan, now: Time) -> Vec<AccountRegionView> {
    let named: BTreeSet<AccountRegion> = places_of(settings).collect();
    let nothing = AccountRegionState::default();
    let mut waiting: BTreeMap<(&AccountId, &Region), BTreeMap<String, u32>> = BTreeMap::new();
    for wait in &plan.waiting {
        if let Some(region) = &wait.destination {
            let reasons = waiting.entry((&wait.source.account, region)).or_default();
            *reasons.entry(wait.reason.to_string()).or_default() += 1;
        }
    }
    let destinations: BTreeSet<(&AccountId, &Region)> = settings
        .policies
        .values()
        .flat_map(|policy| policy.destinations.iter().map(|destination| (&policy.account, &destination.region)))
        .collect();
    let quotas = quotas(state);
    named
        .iter()
        .map(|place| {
            let known = state.place(place).unwrap_or(&nothing);
            let (mut backups, mut copies) = (0, 0);
            let shared = Lane::Shared(place.clone());
            let mut ontap = known.others.values().filter(|lanes| !lanes.contains(&shared)).count();
            for point in known.poll_schedule.keys().filter_map(|id| state.point(place, id)) {
                match (point.lifecycle.in_flight(), &point.origin) {
                    (true, None) => backups += 1,
                    (true, Some(_)) => {
                        copies += 1;
                        ontap += usize::from(!point.lanes().contains(&shared));
                    }
                    _ => {}
                }
            }
            let key = (&place.account, &place.region);
            let stale_after = stale_after(settings.daemon.poll, known.listed.map_or(1, |listed| listed.pages));
            AccountRegionView {
                account: place.account.clone(),
                region: place.region.clone(),
                last_seen: known.last_seen,
                stale: known.last_seen.is_none_or(|seen| now.since(seen) > stale_after),
                stale_after_seconds: Some(stale_after.as_secs()),
                trouble: known.unread_because().map(ToString::to_string),
                backups_in_flight: backups,
                copies_in_flight: copies,
                other_copies_in_flight: u32::try_from(known.others.len()).unwrap_or(u32::MAX),
                ontap_copies_in_flight: u32::try_from(ontap).unwrap_or(u32::MAX),
                copy_slots: destinations.contains(&key).then_some(settings.limits.copies_in_flight),
                user_backups: known.user_backups,
                user_backups_quota: quotas.get(&key).copied(),
                listing_pages: known.listed.map_or(0, |listed| listed.pages),
                read_whole: known.known(),
                copies_waiting: waiting.remove(&key).unwrap_or_default(),
                needs_person: needs_person(state, place, known),
            }
        })
        .collect()
}

/// The kinds of conditions that need a person in an account and Region.
pub const NEEDS: [&str; 5] = ["brake", "clock", "credentials", "disputed", "set_aside"];

pub(super) fn needs_person(state: &State, place: &AccountRegion, known: &AccountRegionState) -> BTreeMap<String, u32> {
    let here = |key: &SourceKey, target: &Target| {
        let region = match target {
            Target::Backup => state.sources.get(key).map(|source| &source.region),
            Target::Copy(region) => Some(region),
        };
        key.account == place.account && region == Some(&place.region)
    };
    let disputed = known.disputes.values().filter(|of| of.objection.certain()).count();
    let braked = state.braked.keys().filter(|(key, target)| here(key, target)).count();
    let blocked = state.sources.iter().flat_map(|(key, source)| source.blocked.keys().map(move |target| (key, target)));
    let quarantined = state.quarantined.keys().filter(|key| here(key, &Target::Backup)).count();
    let blocked = blocked.filter(|(key, target)| here(key, target)).count() + quarantined;
    let credentials = known.foreign.is_some()
        || known.trouble.as_ref().is_some_and(|(fault, _)| fault.class == FaultClass::Credentials);
    let clock = usize::from(state.timekeeping.off_ms().is_some());
    let counts = [braked, clock, usize::from(credentials), disputed, blocked];
    let counted = NEEDS.into_iter().zip(counts);
    counted.map(|(what, count)| (what.to_owned(), u32::try_from(count).unwrap_or(u32::MAX))).collect()
}

/// AWS's default quota of user backups in each Region with points: the smallest of the types there.
pub(super) fn quotas(state: &State) -> BTreeMap<(&AccountId, &Region), u64> {
    let mut quotas = BTreeMap::new();
    for (key, source) in &state.sources {
        let source_looked_up = source.lookup.facts.as_ref().map(|(_, facts)| facts.kind);
        let Some(kind) = source_looked_up.or_else(|| source.newest(&Target::Backup).map(|point| point.kind)) else {
            continue;
        };
        let destinations = source.membership.iter().flat_map(|membership| &membership.destinations);
        for region in std::iter::once(&source.region).chain(destinations) {
            let quota = quotas.entry((&key.account, region)).or_insert(u64::MAX);
            *quota = FSX.backup_quota(kind).min(*quota);
        }
    }
    quotas
}

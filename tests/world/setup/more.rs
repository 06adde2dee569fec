//! What some seeds draw beside: large fleets, copies within a Region, keys, quotas, and a host that prunes nothing. From
//! numbers of its own, and nearly all of it last, so that the rest of a seed stays what it was.

use super::super::fault_plan::moment;
use super::*;
use lifeboat::domain::id::PolicyName;

/// A key by its id, which exists in every account and Region of a world.
const KEY: &str = "12ab34cd-12ab-34cd-56ef-1234567890ab";
/// More sources than a person would count, and no more copies to make at first than a lane gets through in days.
const MOST_SOURCES: u64 = 12;
const MOST_BYTES_OF_MANY: u64 = 1 << 37;

/// In some worlds a policy has many sources.
pub(super) fn sources(setup: &mut Setup) {
    let mut draw = Draw { seed: setup.seed, rng: Rng::new(setup.seed, "world: more sources") };
    if !draw.rng.percent(15.0) {
        return;
    }
    let names: Vec<_> = setup.settings.policies.keys().cloned().collect();
    let Some(policy) = draw.rng.pick(&names).and_then(|name| setup.settings.policies.get(name)) else { return };
    let (name, count) = (policy.name.clone(), 5 + draw.rng.below(MOST_SOURCES - 4));
    let place = AccountRegion { account: policy.account.clone(), region: policy.region.clone() };
    let more = count.saturating_sub(policy.sources.len() as u64);
    for _ in 0..more {
        let source = draw.source(&place, setup);
        if let Some(member) = setup.fleet.last_mut() {
            for bytes in [&mut member.seed.used_bytes, &mut member.seed.daily_change_bytes] {
                *bytes = bytes.map(|bytes| bytes.min(MOST_BYTES_OF_MANY));
            }
            for volume in &mut member.seed.volumes {
                (volume.used_bytes, volume.daily_change_bytes) =
                    (member.seed.used_bytes, member.seed.daily_change_bytes);
            }
        }
        setup.settings.policies.entry(name.clone()).and_modify(|policy| policy.sources.extend(source));
    }
}

/// All the rest.
pub(super) fn draw(setup: &mut Setup, days: i64) {
    let mut rng = Rng::new(setup.seed, "world: more");
    let act_one_ms = days * DAY_MS;
    in_region(setup, &mut rng);
    keys(setup, act_one_ms, &mut rng);
    quotas(setup, act_one_ms, &mut rng);
    prunes(setup, act_one_ms, &mut rng);
    select(setup, act_one_ms, &mut Rng::new(setup.seed, "world: select"));
    spread(setup, &mut Rng::new(setup.seed, "world: spread"));
}

/// In some worlds the sources of a policy begin one after the other. The schedules that an edit may bring fire seldom enough
/// for it.
fn spread(setup: &mut Setup, rng: &mut Rng) {
    if !rng.percent(12.0) {
        return;
    }
    for policy in setup.settings.policies.values_mut() {
        let spread = Duration::from_secs(1 + rng.below(540));
        policy.spread = Some(spread).filter(|spread| policy.start_within.is_none_or(|window| window > *spread));
    }
}

/// The tag that a policy selects by, where one does.
pub const SELECTED_BY: &str = "dr";

/// In some worlds policies find their sources by their tags, which a person takes off and puts back on.
fn select(setup: &mut Setup, act_one_ms: i64, rng: &mut Rng) {
    if !rng.percent(12.0) {
        return;
    }
    let policies: Vec<_> = setup.settings.policies.keys().filter(|_| rng.percent(70.0)).cloned().collect();
    for policy in policies {
        select_by_tag(setup, &policy, usize::from(rng.percent(30.0)));
    }
    for _ in 0..rng.below(6) {
        let (choice, from_ms) = (rng.next_u64(), moment(act_one_ms, rng));
        let until_ms = from_ms + 60_000 + moment(8 * HOUR_MS, rng);
        setup.timetable.push((from_ms, Incident::Retag(choice, false)));
        setup.timetable.push((until_ms.min(act_one_ms), Incident::Retag(choice, true)));
    }
}

/// A policy selects its sources by tag, except the first few.
pub fn select_by_tag(setup: &mut Setup, policy: &PolicyName, named: usize) {
    let Some(policy) = setup.settings.policies.get_mut(policy) else { return };
    let value = policy.name.to_string();
    for source in policy.sources.split_off(named.min(policy.sources.len())) {
        setup.fleet.iter_mut().for_each(|member| tag(member, &source, &value));
    }
    let tags = [(SELECTED_BY.to_owned(), vec![value])].into();
    policy.select = Some(Select { tags });
}

/// Tags the file system or volume that is this source.
fn tag(member: &mut Member, source: &SourceId, value: &str) {
    let seed = &mut member.seed;
    let is = |id: &Option<String>| id.as_deref() == Some(source.as_str());
    if is(&seed.id) {
        seed.tags.insert(SELECTED_BY.to_owned(), value.to_owned());
    }
    for volume in seed.volumes.iter_mut().filter(|volume| is(&volume.id)) {
        volume.tags.insert(SELECTED_BY.to_owned(), value.to_owned());
    }
}

/// What carries such a tag, with its value.
#[must_use]
pub fn tagged(setup: &Setup) -> Vec<(SourceKey, Region, String)> {
    let mut tagged = Vec::new();
    for Member { place, seed } in &setup.fleet {
        let volumes = seed.volumes.iter().map(|volume| (&volume.id, &volume.tags));
        for (id, tags) in std::iter::once((&seed.id, &seed.tags)).chain(volumes) {
            if let Some((id, value)) = id.as_deref().zip(tags.get(SELECTED_BY)) {
                let key = SourceKey { account: place.account.clone(), source: id.into() };
                tagged.push((key, place.region.clone(), value.clone()));
            }
        }
    }
    tagged
}

/// In some worlds a policy has a second copy of everything in the source's own Region.
fn in_region(setup: &mut Setup, rng: &mut Rng) {
    let drawn = rng.percent(12.0);
    let rules = retain(rng);
    let at = rng.below(setup.settings.policies.len().max(1) as u64) as usize;
    let Some(policy) = setup.settings.policies.values_mut().nth(at).filter(|_| drawn) else { return };
    let destination = Destination {
        region: policy.region.clone(),
        rpo: None,
        kms_key: None,
        copy_tags: rng.percent(30.0),
        tags: lifeboat::domain::policy::Tags::new(),
        retain: rules,
    };
    policy.destinations.push(destination);
}

/// In some worlds copies are made under keys, which change, and which cannot be used for a while.
fn keys(setup: &mut Setup, act_one_ms: i64, rng: &mut Rng) {
    if !rng.percent(25.0) {
        return;
    }
    for policy in setup.settings.policies.values_mut() {
        for destination in &mut policy.destinations {
            let choice = rng.next_u64();
            if rng.percent(70.0) {
                destination.kms_key = key(choice, &policy.account, &destination.region);
            }
        }
    }
    // Each change makes the next copies full ones, all at the same time: they must be made by the end of act two.
    setup.cloud.copy_bytes_per_second = setup.cloud.copy_bytes_per_second.max(250e6);
    for _ in 0..rng.below(5) {
        let at_ms = moment(act_one_ms * 3 / 4, rng);
        setup.timetable.push((at_ms, Incident::Edit(Edit::Rekey(rng.next_u64()))));
    }
    if rng.percent(50.0) {
        let from_ms = moment(act_one_ms, rng);
        let until_ms = (from_ms + HOUR_MS / 2 + moment(3 * DAY_MS, rng)).min(act_one_ms);
        let destinations = setup.settings.policies.values().flat_map(|policy| &policy.destinations);
        let regions: Vec<String> = destinations.map(|destination| destination.region.to_string()).collect();
        let region = rng.pick(&regions).cloned().unwrap_or_default();
        let disabled_keys =
            ACCOUNTS.iter().map(|account| format!("arn:aws:kms:{region}:{account}:key/{KEY}")).collect();
        setup.fault(from_ms, until_ms, Fault { regions: vec![region], disabled_keys, ..Fault::default() });
    }
}

/// A key in the words of a policy file: three keys, one of them AWS's own, two of them by more than one name.
#[must_use]
pub fn key(choice: u64, account: &AccountId, region: &Region) -> Option<String> {
    Some(match choice % 6 {
        0 => "alias/dr".to_owned(),
        1 => format!("arn:aws:kms:{region}:{account}:alias/dr"),
        2 => KEY.to_owned(),
        3 => format!("arn:aws:kms:{region}:{account}:key/{KEY}"),
        4 => "alias/aws/fsx".to_owned(),
        _ => return None,
    })
}

/// In some worlds AWS keeps few user backups for a while, until a person has the quota raised.
fn quotas(setup: &mut Setup, act_one_ms: i64, rng: &mut Rng) {
    let spells = if rng.percent(15.0) { 1 + rng.below(3) } else { 0 };
    for _ in 0..spells {
        let from_ms = if rng.percent(30.0) { 0 } else { moment(act_one_ms, rng) };
        let until_ms = from_ms + HOUR_MS + moment(5 * DAY_MS, rng);
        let most = 1 + rng.below(24) as u32;
        setup.timetable.push((from_ms, Incident::Quota(Some(most))));
        setup.timetable.push((until_ms.min(act_one_ms), Incident::Quota(None)));
    }
}

/// In some worlds another host prunes, now and then or always.
fn prunes(setup: &mut Setup, act_one_ms: i64, rng: &mut Rng) {
    if !rng.percent(10.0) {
        return;
    }
    setup.settings.daemon.prune = rng.percent(50.0);
    for _ in 0..rng.below(4) {
        let prunes = rng.percent(50.0);
        setup.timetable.push((moment(act_one_ms, rng), Incident::Edit(Edit::Prune(prunes))));
    }
}

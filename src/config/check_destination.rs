//! `[[policy.destination]]`: a Region that copies go to.

use super::check_names;
use super::check_retain;
use super::check_schedule;
use super::policy_context::PolicyContext;
use super::problem::{Findings, Location, Problem};
use super::reader::{Spanned, Table};
use super::shape;
use crate::domain::id::Region;
use crate::domain::policy::Destination;
use std::collections::BTreeMap;

/// Every destination of a policy, in the order written.
pub(super) fn all(policy: &Table<'_>, context: &PolicyContext<'_>, findings: &mut Findings) -> Vec<Destination> {
    let tables = policy.tables(findings, "destination", &shape::DESTINATION);
    if policy.lacks("destination") || policy.is_empty_list("destination") == Some(true) {
        let hint = "add `[[policy.destination]]` and below it for example `region = \"us-west-2\"`";
        let what = "[[policy]] has no destination, so nothing would leave the Region";
        findings.add(Problem::at(policy.location(), what, hint));
    }
    let mut regions: BTreeMap<String, Location> = BTreeMap::new();
    tables.iter().filter_map(|table| one(table, context, &mut regions, findings)).collect()
}

fn one(
    table: &Table<'_>,
    context: &PolicyContext<'_>,
    regions: &mut BTreeMap<String, Location>,
    findings: &mut Findings,
) -> Option<Destination> {
    table.require(findings, "region");
    let region = table.text(findings, "region").and_then(|text| text.check(findings, check_names::region));
    let in_region = table.boolean(findings, "in_region");
    if let Some(region) = &region {
        check_names::warn_of_unknown_region(region, findings);
        where_to(region, in_region.as_ref(), context, findings);
        if let Some(first) = regions.get(region.value) {
            let what = format!("`{}` is a destination twice", region.value);
            let hint = "keep one; a backup has one copy in a Region";
            findings.add(Problem::at(&region.location, what, hint).and(first, "the first one"));
        } else {
            regions.insert(region.value.to_owned(), region.location.clone());
        }
    }
    let rpo = table.duration(findings, "rpo");
    if let (Some(rpo), Some(timed)) = (&rpo, context.timed) {
        check_schedule::check_rpo(rpo, timed, findings);
    }
    let here = region.as_ref().map(|region| region.value);
    let kms_key =
        table.text(findings, "kms_key").and_then(|text| text.check(findings, |key| check_names::kms_key(key, here)));
    let copy_tags = table.boolean(findings, "copy_tags");
    let tags = check_retain::tags(table, Some(context.tags), findings);
    let retain = check_retain::retain(table, context.timed, findings);
    Some(Destination {
        region: Region::from(region?.value),
        rpo: rpo.map(|found| found.value),
        kms_key: kms_key.map(|found| found.value.to_owned()),
        copy_tags: copy_tags.is_some_and(|found| found.value),
        tags: tags.into_tags(),
        retain,
    })
}

/// Checks that copies can go from the source Region to this one, and are meant to.
fn where_to(
    region: &Spanned<&str>,
    in_region: Option<&Spanned<bool>>,
    context: &PolicyContext<'_>,
    findings: &mut Findings,
) {
    let Some(source) = context.region else { return };
    let said = in_region.is_some_and(|found| found.value);
    if region.value == source.value {
        if !said {
            let what = format!("`{}` is the source's own Region", region.value);
            let hint = "name another Region, or add `in_region = true` if a second copy in the same one is meant";
            findings.add(Problem::at(&region.location, what, hint).and(&source.location, "the sources are here"));
        }
        return;
    }
    if let Some(flag) = in_region.filter(|flag| flag.value) {
        let what = format!("`in_region` is for copies within `{}`, and these go to `{}`", source.value, region.value);
        findings.add(Problem::at(&flag.location, what, "take it out").and(&region.location, "another Region"));
    }
    let (from, to) = (check_names::partition(source.value), check_names::partition(region.value));
    if from != to {
        let what = format!("backups cannot go from partition `{from}` to `{to}`");
        let hint = format!("name a Region in `{from}`, as `{}` is", source.value);
        findings.add(Problem::at(&region.location, what, hint).and(&source.location, format!("in `{from}`")));
    }
}

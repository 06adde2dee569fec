//! Several tables under one key: by name, or as a list.

use super::*;

impl<'t> Table<'t> {
    /// Tables with the keys of `shape`, each under a name of its own.
    pub(in crate::config) fn named_tables(
        &self,
        findings: &mut Findings,
        key: &str,
        shape: &'static Shape,
    ) -> Vec<(Spanned<&'t str>, Table<'t>)> {
        let Some(value) = self.spanned(key) else { return Vec::new() };
        let DeValue::Table(map) = value.get_ref() else {
            let location = self.source.location(value.span());
            let what = format!("`{key}` must be tables with names, not {}", kind_of(value.get_ref()));
            let hint = format!("begin each with a header such as `{}`", self.shape.sample(key));
            findings.add(Problem::at(&location, what, hint));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (name, value) in map.iter() {
            let location = self.source.location(name.span());
            let name = Spanned { value: &**name.get_ref(), location };
            match value.get_ref() {
                DeValue::Table(map) => {
                    let table = Table { map, location: name.location.clone(), source: self.source, shape };
                    table.refuse_unknown_keys(findings);
                    tables.push((name, table));
                }
                other => {
                    let what = format!("`{}` must be a table, not {}", shown(name.value), kind_of(other));
                    let hint = format!("write it below a header such as `{}`", self.shape.sample(key));
                    findings.add(Problem::at(&name.location, what, hint));
                }
            }
        }
        tables
    }

    /// A list of tables with the keys of `shape`.
    pub(in crate::config) fn tables(
        &self,
        findings: &mut Findings,
        key: &str,
        shape: &'static Shape,
    ) -> Vec<Table<'t>> {
        let Some(value) = self.spanned(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            let location = self.source.location(value.span());
            let what = format!("`{key}` must be a list of tables, not {}", kind_of(value.get_ref()));
            findings.add(Problem::at(
                &location,
                what,
                format!("begin each with `{}`, in double brackets", shape.title),
            ));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(map) => {
                    let table = Table { map, location: self.source.location(item.span()), source: self.source, shape };
                    table.refuse_unknown_keys(findings);
                    tables.push(table);
                }
                other => {
                    let location = self.source.location(item.span());
                    let what = format!("`{key}` must be a list of tables, and this is {}", kind_of(other));
                    let region = other.as_str().filter(|_| shape.has("region")).map(shown);
                    let hint = match region {
                        Some(region) => format!("write `{}` and below it `region = \"{region}\"`", shape.title),
                        None => format!("begin each with `{}` and write its keys below", shape.title),
                    };
                    findings.add(Problem::at(&location, what, hint));
                }
            }
        }
        tables
    }
}

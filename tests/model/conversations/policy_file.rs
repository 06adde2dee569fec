//! The policy file of a script, kept as its keys, and read as Lifeboat reads any other.

use super::*;
use std::fmt::Write as _;

type Keys = BTreeMap<String, String>;

/// Keys and values by table, as they are written.
#[derive(Clone)]
pub struct PolicyFile {
    daemon: Keys,
    limits: Keys,
    policy: Option<Keys>,
    destinations: Vec<(String, Keys)>,
}

impl Default for PolicyFile {
    /// One source in us-east-1, a backup every six hours, copied to us-west-2 under a key, with tags at both ends.
    fn default() -> Self {
        let keys =
            |of: &[(&str, &str)]| of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let policy = [("sources", "1"), ("schedule", "every 6h"), ("rpo", "13h"), ("tags", "{ team = 'policy' }")];
        let destination = [("kms_key", "alias/dr"), ("copy_tags", "true"), ("tags", "{ site = 'dr' }")];
        Self {
            daemon: keys(&[("poll", "30s")]),
            limits: Keys::new(),
            policy: Some(keys(&policy)),
            destinations: vec![(THERE.to_owned(), keys(&destination))],
        }
    }
}

fn set(keys: &mut Keys, key: &str, value: &str) {
    if value.is_empty() {
        keys.remove(key);
    } else {
        keys.insert(key.to_owned(), value.to_owned());
    }
}

impl PolicyFile {
    pub fn set_policy(&mut self, key: &str, value: &str) {
        set(self.policy.get_or_insert_default(), key, value);
    }

    pub fn remove_policy(&mut self) {
        self.policy = None;
    }

    pub fn set_destination(&mut self, region: &str, keys: &[(String, String)]) {
        if !self.destinations.iter().any(|(named, _)| named == region) {
            self.destinations.push((region.to_owned(), Keys::new()));
        }
        for (named, of) in &mut self.destinations {
            if named == region {
                keys.iter().for_each(|(key, value)| set(of, key, value));
            }
        }
    }

    pub fn remove_destination(&mut self, region: &str) {
        self.destinations.retain(|(named, _)| named != region);
    }

    pub fn set_daemon(&mut self, key: &str, value: &str) {
        set(&mut self.daemon, key, value);
    }

    pub fn set_limit(&mut self, key: &str, value: &str) {
        set(&mut self.limits, key, value);
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut table = |title: &str, keys: &Keys| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{title}");
            for (key, value) in keys {
                let _ = match key.as_str() {
                    "sources" => writeln!(text, "file_systems = {}", sources(value)),
                    _ => writeln!(text, "{key} = {}", written(value)),
                };
            }
        };
        table("[daemon]", &self.daemon);
        table("[limits]", &self.limits);
        if let Some(policy) = &self.policy {
            let named: Keys = [("name", "finance"), ("region", HOME)]
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .chain(policy.clone())
                .collect();
            table("[[policy]]", &named);
            for (region, keys) in &self.destinations {
                let mut keys = keys.clone();
                keys.insert("region".to_owned(), region.clone());
                table("[[policy.destination]]", &keys);
            }
        }
        text
    }

    /// Reads it.
    pub fn load(&self, generation: u64, now: Time) -> Result<Settings, Box<dyn Error>> {
        if self.policy.is_none() {
            // A file without a policy is refused; a script that has nothing to protect any more wants just that.
            let whole = Self { daemon: self.daemon.clone(), limits: self.limits.clone(), ..Self::default() };
            let mut settings = whole.load(generation, now)?;
            settings.policies.clear();
            return Ok(settings);
        }
        let loaded = lifeboat::config::parse(&[("policy.toml".to_owned(), self.text())], now);
        let loaded = loaded.map_err(|problems| problems.to_string())?;
        Ok(Settings { generation, ..loaded.settings })
    }
}

/// A number of them, or these.
fn sources(value: &str) -> String {
    let ids = match value.parse() {
        Ok(count) => (0..count).map(|number| source(number).to_string()).collect::<Vec<_>>(),
        Err(_) => value.split(',').map(words::whole).collect(),
    };
    format!("{ids:?}")
}

/// A value of TOML as it is; anything else between quotes.
fn written(value: &str) -> String {
    let raw = value == "true" || value == "false" || value.starts_with(['{', '[']) || value.parse::<f64>().is_ok();
    if raw { value.to_owned() } else { format!("{value:?}") }
}

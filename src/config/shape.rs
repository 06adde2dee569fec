//! The known keys, each with a sample line.
//!
//! The list has three uses: keys that are not in it are rejected, hints show its samples, and a key under the wrong
//! header is reported with the header where it belongs.

/// One kind of table: its header and its keys.
pub(super) struct Shape {
    /// The header as written, `[[policy]]`.
    pub title: &'static str,
    entries: &'static [(&'static str, &'static str)],
}

impl Shape {
    /// The names of its keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().map(|(key, _)| *key)
    }

    /// Whether it has `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys().any(|known| known == key)
    }

    /// A line that sets `key` to a valid value.
    pub(super) fn sample(&self, key: &str) -> &'static str {
        self.entries.iter().find(|(known, _)| *known == key).map_or("", |(_, sample)| sample)
    }
}

/// The top level of the file.
pub(super) const FILE: Shape = Shape {
    title: "the policy file",
    entries: &[
        ("daemon", "[daemon]"),
        ("aws", "[aws]"),
        ("limits", "[limits]"),
        ("accounts", "[accounts.prod]"),
        ("policy", "[[policy]]"),
        ("notify", "[notify]"),
    ],
};

/// `[daemon]`.
pub(super) const DAEMON: Shape = Shape {
    title: "[daemon]",
    entries: &[
        ("state", "state = \"/var/lib/lifeboat/state.db\""),
        ("listen", "listen = \"127.0.0.1:9750\""),
        ("hosts", "hosts = [\"lifeboat.example.com\"]"),
        ("control", "control = \"/run/lifeboat/control.sock\""),
        ("poll", "poll = \"30s\""),
        ("prune", "prune = true"),
    ],
};

/// `[aws]`.
pub(super) const AWS: Shape = Shape {
    title: "[aws]",
    entries: &[
        ("profile", "profile = \"dr\""),
        ("endpoint_url", "endpoint_url = \"http://127.0.0.1:4570\""),
        ("requests_per_second", "requests_per_second = 4"),
    ],
};

/// `[limits]`.
pub(super) const LIMITS: Shape = Shape {
    title: "[limits]",
    entries: &[("copies_in_flight", "copies_in_flight = 5"), ("ontap_copies_in_flight", "ontap_copies_in_flight = 5")],
};

/// `[notify]`.
pub(super) const NOTIFY: Shape = Shape {
    title: "[notify]",
    entries: &[
        ("webhook", "webhook = \"https://hooks.example.com/…\""),
        ("heartbeat", "heartbeat = \"https://beats.example.com/…\""),
    ],
};

/// `[accounts.NAME]`.
pub(super) const ACCOUNT: Shape = Shape {
    title: "[accounts.NAME]",
    entries: &[
        ("role_arn", "role_arn = \"arn:aws:iam::111122223333:role/lifeboat\""),
        ("external_id", "external_id = \"2c9f1c7e-lifeboat\""),
        ("session_name", "session_name = \"lifeboat\""),
    ],
};

/// `[[policy]]`.
pub(super) const POLICY: Shape = Shape {
    title: "[[policy]]",
    entries: &[
        ("name", "name = \"finance\""),
        ("account", "account = \"default\""),
        ("region", "region = \"us-east-1\""),
        ("file_systems", "file_systems = [\"fs-0123456789abcdef0\"]"),
        ("volumes", "volumes = [\"fsvol-0123456789abcdef0\"]"),
        ("select", "select = { dr = \"gold\" }"),
        ("exclude", "exclude = [\"fs-0fedcba9876543210\"]"),
        ("schedule", "schedule = \"0 3 * * *\""),
        ("timezone", "timezone = \"America/New_York\""),
        ("spread", "spread = \"15m\""),
        ("start_within", "start_within = \"2h\""),
        ("catch_up", "catch_up = \"latest\""),
        ("rpo", "rpo = \"26h\""),
        ("tags", "tags = { team = \"finance\" }"),
        ("retain", "retain = { last = 3, daily = 7, weekly = 4 }"),
        ("destination", "[[policy.destination]]"),
    ],
};

/// `[[policy.destination]]`.
pub(super) const DESTINATION: Shape = Shape {
    title: "[[policy.destination]]",
    entries: &[
        ("region", "region = \"us-west-2\""),
        ("rpo", "rpo = \"30h\""),
        ("kms_key", "kms_key = \"arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab\""),
        ("copy_tags", "copy_tags = true"),
        ("tags", "tags = { tier = \"copy\" }"),
        ("retain", "retain = { last = 3, daily = 14, monthly = 12 }"),
        ("in_region", "in_region = true"),
    ],
};

/// `retain`.
pub(super) const RETAIN: Shape = Shape {
    title: "retain",
    entries: &[
        ("last", "last = 3"),
        ("within", "within = \"14d\""),
        ("hourly", "hourly = 24"),
        ("daily", "daily = 7"),
        ("weekly", "weekly = 4"),
        ("monthly", "monthly = 12"),
        ("yearly", "yearly = 3"),
    ],
};

/// Every kind of table that has its own header.
const HEADED: [&Shape; 7] = [&POLICY, &DESTINATION, &DAEMON, &AWS, &LIMITS, &NOTIFY, &ACCOUNT];

/// Names that other programs use, with ours.
const ALSO_CALLED: [(&str, &str); 26] = [
    ("role", "role_arn"),
    ("assume_role", "role_arn"),
    ("role_session_name", "session_name"),
    ("cron", "schedule"),
    ("when", "schedule"),
    ("every", "schedule"),
    ("interval", "schedule"),
    ("tz", "timezone"),
    ("filesystem", "file_systems"),
    ("filesystems", "file_systems"),
    ("file_system_ids", "file_systems"),
    ("sources", "file_systems"),
    ("volume_ids", "volumes"),
    ("source_region", "region"),
    ("destination_region", "region"),
    ("destinations", "destination"),
    ("targets", "destination"),
    ("policies", "policy"),
    ("retention", "retain"),
    ("keep", "retain"),
    ("kms_key_id", "kms_key"),
    ("kms", "kms_key"),
    ("key", "kms_key"),
    ("endpoint", "endpoint_url"),
    ("database", "state"),
    ("socket", "control"),
];

/// Our name for a key of another program.
pub(super) fn also_called(written: &str) -> Option<&'static str> {
    ALSO_CALLED.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(written)).map(|(_, ours)| *ours)
}

/// A hint for a key that belongs to another table.
pub(super) fn home_of(key: &str, here: &Shape) -> Option<String> {
    if here.title == DESTINATION.title && POLICY.has(key) {
        return Some(format!(
            "`{key}` belongs to the policy: write it above the first `{}`, since a key belongs to the header before it",
            DESTINATION.title
        ));
    }
    if here.title == FILE.title && (key == "destination" || key == "destinations") {
        return Some(format!("write `{}`, below the `{}` it is for", DESTINATION.title, POLICY.title));
    }
    if RETAIN.has(key) && (here.title == POLICY.title || here.title == DESTINATION.title) {
        return Some(format!("write it within `retain`, for example `{}`", POLICY.sample("retain")));
    }
    let homes: Vec<&str> = HEADED.iter().filter(|shape| shape.has(key)).map(|shape| shape.title).collect();
    match homes.as_slice() {
        [] => None,
        [home, ..] => Some(format!("`{key}` belongs to `{home}`: write it below that header")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = include_str!("../../config/full.toml");

    /// Whether the sample sets `key` or shows it in a comment.
    fn is_shown(key: &str) -> bool {
        let starts = [format!("{key} "), format!("{key}=")];
        let inline = format!("{key} = ");
        FULL.lines().map(|line| line.trim_start_matches(['#', ' '])).any(|line| {
            starts.iter().any(|start| line.starts_with(start))
                || line.contains(&inline)
                || line.contains(&format!("[{key}"))
        })
    }

    #[test]
    fn the_full_sample_shows_every_key() {
        for shape in [&DAEMON, &AWS, &LIMITS, &NOTIFY, &ACCOUNT, &POLICY, &DESTINATION, &RETAIN] {
            for key in shape.keys().filter(|key| *key != "destination") {
                assert!(is_shown(key), "config/full.toml does not show `{key}` of {}", shape.title);
            }
        }
        for title in ["[daemon]", "[aws]", "[limits]", "[accounts.", "[[policy]]", "[[policy.destination]]", "[notify]"]
        {
            assert!(FULL.contains(title), "{title}");
        }
    }

    #[test]
    fn every_sample_line_sets_its_own_key() {
        for shape in [&DAEMON, &AWS, &LIMITS, &NOTIFY, &ACCOUNT, &POLICY, &DESTINATION, &RETAIN] {
            for key in shape.keys().filter(|key| *key != "destination") {
                assert!(shape.sample(key).starts_with(&format!("{key} = ")), "{key}");
            }
        }
    }

    #[test]
    fn words_of_other_programs_lead_to_keys_that_exist() {
        for (theirs, ours) in ALSO_CALLED {
            assert!(HEADED.iter().chain(&[&FILE]).any(|shape| shape.has(ours)), "{theirs}");
        }
    }
}

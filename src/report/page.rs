//! The status page: what a person opens at three in the morning.

use crate::domain::time::Time;
use crate::report::snapshot::Snapshot;
use maud::{DOCTYPE, html};

/// Nothing may be loaded or run; the page carries its own style.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Draws the page.
#[must_use]
pub fn render(snapshot: &Snapshot, _now: Time) -> String {
    html! {
        (DOCTYPE)
        html lang="en" { head { title { "Lifeboat" } } body { p { (snapshot.at) } } }
    }
    .into_string()
}

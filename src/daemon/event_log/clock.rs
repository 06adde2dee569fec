//! Log lines about the clock.

use crate::domain::timekeeper::{Timekeeping, Trust};
use tracing::{error, info, warn};

/// Logs each change in the trust in the clock once.
pub fn clock(before: &Timekeeping, after: &Timekeeping) {
    let offset_seconds = after.offset_ms.map(|offset| offset / 1000);
    match (before.off_ms(), after.off_ms()) {
        (None, Some(_)) => error!(
            event = "clock",
            offset_seconds,
            "the host's clock is off AWS's: nothing is opened, missed, deleted or forgotten until it is set right"
        ),
        (Some(_), None) if after.confirmed() => {
            info!(event = "clock", offset_seconds, "AWS agrees with the host's clock again")
        }
        _ => match (before.trust, after.trust) {
            (Trust::Confirmed | Trust::Off, Trust::Doubted { .. }) => warn!(
                event = "clock",
                "the host's clock jumped: nothing is opened, missed, deleted or forgotten until AWS says what time it is"
            ),
            (Trust::Doubted { .. }, Trust::Confirmed) => {
                info!(event = "clock", offset_seconds, "AWS confirms the host's clock")
            }
            _ => {}
        },
    }
}

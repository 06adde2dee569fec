//! The rate limit of calls to AWS.
//!
//! FSx throttles per account and Region at rates that it does not publish (fsx-facts 3.4). All calls to one account and
//! Region share one limiter, so a busy Region never slows another.

use crate::domain::id::AccountRegion;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One limiter per account and Region, created on first use.
pub struct Pacing {
    quota: Quota,
    limiters: Mutex<BTreeMap<AccountRegion, Arc<DefaultDirectRateLimiter>>>,
    clock: DefaultClock,
}

impl Pacing {
    /// `requests_per_second` applies per account and Region; bursts of up to one second's worth are allowed.
    #[must_use]
    pub fn new(requests_per_second: f64) -> Self {
        let period = Duration::from_secs_f64(1.0 / requests_per_second.clamp(0.01, 10_000.0));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a small range")]
        let burst = requests_per_second.clamp(1.0, 10_000.0) as u32;
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
        Self { quota, limiters: Mutex::default(), clock: DefaultClock::default() }
    }

    /// Waits until one more call is allowed.
    pub async fn turn(&self, place: &AccountRegion) {
        let limiter = {
            let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = || Arc::new(RateLimiter::direct_with_clock(self.quota, self.clock.clone()));
            limiters.entry(place.clone()).or_insert_with(fresh).clone()
        };
        // Our own sleep instead of the limiter's, which starts a thread (crates.md 1.6).
        while let Err(not_until) = limiter.check() {
            tokio::time::sleep(not_until.wait_time_from(self.clock.now())).await;
        }
    }
}

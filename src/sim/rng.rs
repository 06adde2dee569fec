//! Reproducible randomness: SplitMix64 from a seed.
//!
//! The operating system's randomness would make a failing run unrepeatable, so everything random in the simulator is
//! drawn here. Each purpose has its own stream: the number of list calls does not change which backups fail.

/// A stream of numbers determined by its seed.
#[derive(Clone, Debug)]
pub struct Rng(u64);

/// Spreads the bits of `x` over the whole word; a bijection, so different inputs stay different.
pub(crate) const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A 64-bit fingerprint of `text` (FNV-1a, then mixed), the same on every machine.
pub(crate) fn fingerprint(text: &str) -> u64 {
    let fnv = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    mix(fnv)
}

impl Rng {
    /// The stream of `seed` for one `purpose`.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        Self(mix(seed) ^ fingerprint(purpose))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniformly from 0 (included) to 1 (excluded).
    pub fn unit(&mut self) -> f64 {
        // A double holds exactly 53 bits.
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniformly from 0 (included) to `end` (excluded); 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next_u64() % end.max(1)
    }

    /// A random item; `None` if there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(from.len() as u64);
        from.get(at as usize)
    }

    /// True in `percent` of 100 draws. Draws even if the result is certain, so that setting 0 does not shift the
    /// stream.
    pub fn percent(&mut self, percent: f64) -> bool {
        self.unit() * 100.0 < percent
    }

    /// The time until the next of events that occur independently at `per_hour` on average, in ms.
    pub fn pause_ms(&mut self, per_hour: f64) -> i64 {
        let hours = -(1.0 - self.unit()).ln() / per_hour;
        (hours * 3_600_000.0).ceil() as i64
    }

    /// 17 hex digits, as in real FSx ids.
    pub fn hex17(&mut self) -> String {
        let high = self.next_u64() >> 60;
        format!("{high:x}{:016x}", self.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn a_stream_follows_from_seed_and_purpose() {
        let draw = |seed, purpose| Rng::new(seed, purpose).hex17();
        assert_eq!(draw(7, "ids"), draw(7, "ids"));
        assert_ne!(draw(7, "ids"), draw(8, "ids"));
        assert_ne!(draw(7, "ids"), draw(7, "outcomes"));
        assert_eq!(draw(7, "ids").len(), 17);
    }

    #[test]
    fn percent_is_about_right() {
        let mut rng = Rng::new(1, "percent");
        let hits = (0..10_000).filter(|_| rng.percent(30.0)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| !rng.percent(0.0)));
        assert!((0..1_000).all(|_| rng.percent(100.0)));
    }
}

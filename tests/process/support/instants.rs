//! Random instants for tests that kill a process at any of them.

/// A number that the environment gives.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Instants follow from a seed, which is printed; `LIFEBOAT_SEED` replays it.
pub struct Instants(u64);

impl Instants {
    pub fn new() -> Self {
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = number("LIFEBOAT_SEED").unwrap_or(u64::from(clock.subsec_nanos()));
        println!("LIFEBOAT_SEED={seed}");
        Self(seed)
    }

    /// Below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

//! Chance, from a seed: the same seed gives the same run.

/// A small generator (SplitMix64). Good for jitter, losses and first sequence numbers; nothing secret depends on it.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The run of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Anything from 0 up to, but not, 1.
    pub fn unit(&mut self) -> f64 {
        // All 53 bits of a double.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_come_true_as_often_as_they_say() {
        let mut random = Random::new(1);
        for probability in [0.0, 0.1, 0.5, 1.0] {
            let hits = (0..10_000).filter(|_| random.chance(probability)).count() as f64;
            assert!((hits / 10_000.0 - probability).abs() < 0.02, "{probability}: {hits}");
        }
    }

    #[test]
    fn a_seed_is_a_run() {
        let (mut a, mut b, mut c) = (Random::new(7), Random::new(7), Random::new(8));
        let first = a.bits();
        assert_eq!(first, b.bits());
        assert_ne!(first, c.bits());
    }
}

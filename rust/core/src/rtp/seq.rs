//! Counters that wrap, made to counters that do not.

/// Sequence numbers of RTP and of transport-wide feedback.
pub type SeqUnwrapper = Unwrapper<16>;
/// Timestamps of RTP.
pub type TimestampUnwrapper = Unwrapper<32>;

/// Takes a counter of `BITS` bits (1 to 32) for the one nearest to the last.
///
/// The first value `x` becomes 2^BITS + x, so that what comes late just after the start still has a number below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unwrapper<const BITS: u32> {
    last: Option<u64>,
}

impl<const BITS: u32> Unwrapper<BITS> {
    const SPAN: u64 = 1 << BITS;

    /// One that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// The full number of `value`, which the next one is measured by. Bits above `BITS` are ignored.
    pub fn unwrap(&mut self, value: impl Into<u32>) -> u64 {
        let full = self.peek(value);
        self.last = Some(full);
        full
    }

    /// The full number that `value` would get now.
    #[must_use]
    pub fn peek(&self, value: impl Into<u32>) -> u64 {
        let value = u64::from(value.into()) % Self::SPAN;
        let Some(last) = self.last else { return Self::SPAN + value };
        let ahead = value.wrapping_sub(last) % Self::SPAN;
        // Half the span away, either direction is as near: it counts as ahead. So does what has no number below.
        match (last + ahead).checked_sub(Self::SPAN) {
            Some(behind) if ahead > Self::SPAN / 2 => behind,
            _ => last + ahead,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_leaves_room_below() {
        let mut seq = SeqUnwrapper::new();
        assert_eq!(seq.unwrap(2_u16), 65538);
        assert_eq!(seq.unwrap(65535_u16), 65535);
        assert_eq!(seq.unwrap(0_u16), 65536);
    }

    #[test]
    fn each_is_nearest_to_the_last() {
        let mut seq = SeqUnwrapper::new();
        seq.unwrap(65000_u16);
        assert_eq!(seq.unwrap(100_u16), 2 * 65536 + 100);
        assert_eq!(seq.peek(65535_u16), 65536 + 65535);
        assert_eq!(seq.unwrap(100_u16 + 32768), 2 * 65536 + 100 + 32768);
        assert_eq!(seq.unwrap(100_u16), 2 * 65536 + 100 + 65536);
    }

    #[test]
    fn every_width_counts_on_over_many_wraps() {
        fn counts<const BITS: u32>(step: u64) {
            let mut unwrapper = Unwrapper::<BITS>::new();
            let first = unwrapper.unwrap(7_u32);
            for i in 1..1000 {
                assert_eq!(unwrapper.unwrap((7 + i * step) as u32), first + i * step, "{BITS} bits");
            }
        }
        counts::<7>(63);
        counts::<16>(32_767);
        counts::<24>((1 << 23) - 1);
        counts::<32>((1 << 31) - 1);
    }

    #[test]
    fn walking_back_for_ever_never_falls_below_zero() {
        let mut unwrapper = Unwrapper::<7>::new();
        let mut value = 0_u32;
        for _ in 0..1000 {
            value = value.wrapping_sub(60) % 128;
            assert_eq!(unwrapper.unwrap(value) % 128, u64::from(value));
        }
    }
}

//! How much may be sent again, and how much is.

use super::SendTuning;
use crate::rtp::time::Time;

/// Bytes that are always kept, or the slowest streams could never mend a burst.
const LEAST: f64 = 6_000.0;
/// The rate of what is sent again is that of about so many seconds.
const SPAN: f64 = 1.0;

/// The budget of a transport: so many bytes a second, and what was saved of them.
#[derive(Debug)]
pub struct Repair {
    tuning: SendTuning,
    bytes: f64,
    /// What can be saved.
    most: f64,
    filled: Option<Time>,
    /// Bytes that wait to leave.
    queued: usize,
    /// Bit/s that have left of late, as of a time.
    rate: (f64, Time),
}

impl Repair {
    /// With what is always kept.
    #[must_use]
    pub const fn new(tuning: SendTuning) -> Self {
        Self { tuning, bytes: LEAST, most: LEAST, filled: None, queued: 0, rate: (0.0, Time::ZERO) }
    }

    /// Adds what has come since the last time, at a rate of `rate` bit/s in all.
    pub fn fill(&mut self, rate: u64, now: Time) {
        let elapsed = self.filled.map_or(0.0, |filled| (now - filled).as_secs_f64());
        self.filled = Some(now);
        let a_second = rate as f64 / 8.0 * self.tuning.repair_share;
        self.most = f64::max(a_second * self.tuning.repair_saved.as_secs_f64(), LEAST);
        self.bytes = (self.bytes + a_second * elapsed).min(self.most);
    }

    /// Whether more than half of what can be saved is left.
    #[must_use]
    pub fn is_plenty(&self) -> bool {
        self.bytes > self.most / 2.0
    }

    /// Takes a packet of so many bytes in, which will leave at `pace` bit/s: `false` where that is too late, or too much.
    pub fn admit(&mut self, bytes: usize, pace: u64) -> bool {
        let takes = (self.queued + bytes) as f64 * 8.0 / pace.max(1) as f64;
        let admitted = takes <= self.tuning.longest_repair.as_secs_f64() && self.bytes >= bytes as f64;
        if admitted {
            self.bytes -= bytes as f64;
            self.queued += bytes;
        }
        admitted
    }

    /// Notes that a packet which was admitted does not wait any more.
    pub fn release(&mut self, bytes: usize) {
        self.queued = self.queued.saturating_sub(bytes);
    }

    /// Notes that so many bytes leave.
    pub fn left(&mut self, bytes: usize, now: Time) {
        self.rate = (self.rate(now) + bytes as f64 * 8.0 / SPAN, now);
    }

    /// Bit/s that have left of late.
    #[must_use]
    pub fn rate(&self, now: Time) -> f64 {
        let (rate, at) = self.rate;
        rate * (-(now - at).as_secs_f64() / SPAN).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: u64 = 100_000_000;

    #[test]
    fn a_share_of_the_rate_and_what_was_saved() {
        let mut repair = Repair::new(SendTuning::default());
        let mut taken = 0;
        // Asked for all the time, for 10 s at 1 Mbit/s.
        for millis in 0..10_000 {
            repair.fill(1_000_000, Time::from_micros(millis * 1_000));
            while repair.admit(1_000, FAST) {
                repair.release(1_000);
                taken += 1_000;
            }
        }
        assert!((250_000..=256_000 + 1_000).contains(&taken), "{taken} of 250,000 bytes");
        // What is not used for long is a second's worth.
        repair.fill(1_000_000, Time::from_micros(60_000_000));
        assert!(repair.admit(24_900, FAST) && !repair.admit(200, FAST));
    }

    #[test]
    fn no_more_than_leaves_before_it_is_too_late() {
        let mut repair = Repair::new(SendTuning::default());
        (0..10).for_each(|second| repair.fill(10_000_000, Time::from_micros(second * 1_000_000)));
        // 200 ms at 400 kbit/s.
        let admitted = (0..100).filter(|_| repair.admit(1_000, 400_000)).count();
        assert_eq!(admitted, 10);
        repair.release(1_000);
        assert!(repair.admit(1_000, 400_000) && !repair.admit(1_000, 400_000));
    }

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        let mut repair = Repair::new(SendTuning::default());
        let at = |millis: u64| Time::from_micros(millis * 1_000);
        (0..500).for_each(|n| repair.left(250, at(n * 10)));
        assert!((190e3..210e3).contains(&repair.rate(at(5_000))), "{}", repair.rate(at(5_000)));
        assert!(repair.rate(at(8_000)) < 15e3);
    }
}

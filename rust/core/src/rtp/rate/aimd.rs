//! Additive increase, multiplicative decrease (draft-ietf-rmcat-gcc-02 section 5.5).

use super::Usage;
use crate::rtp::config::Rates;
use crate::rtp::time::Time;
use std::time::Duration;

/// The figures of an [`Aimd`]; the defaults are those in common use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AimdTuning {
    /// Growth in a second while the path's capacity is unknown.
    pub growth: f64,
    /// Growth near a known capacity is at least this, in bit/s each second.
    pub least_step: f64,
    /// The rate is never grown beyond this multiple of what arrives: more has not been tried.
    pub headroom: f64,
}

impl Default for AimdTuning {
    fn default() -> Self {
        Self { growth: 1.08, least_step: 4_000.0, headroom: 1.5 }
    }
}

/// The size of a packet that growth near the capacity reckons with, in bits.
const PACKET: f64 = 9_600.0;
/// Until a change of rate shows in the delay: a round trip and about this.
const RESPONSE: Duration = Duration::from_millis(100);

/// A rate that gives way and grows again.
#[derive(Debug)]
pub struct Aimd {
    tuning: AimdTuning,
    rate: f64,
    capacity: Capacity,
    /// A decrease was the last thing that happened; the rate rests until the queue is known not to grow.
    resting: bool,
    updated: Option<Time>,
    decreased: Option<Time>,
}

impl Aimd {
    /// Begins at `rates.start`.
    #[must_use]
    pub fn new(tuning: AimdTuning, rates: Rates) -> Self {
        Self {
            tuning,
            rate: rates.start as f64,
            capacity: Capacity::default(),
            resting: false,
            updated: None,
            decreased: None,
        }
    }

    /// The rate, in bit/s.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// When the rate was last taken back.
    #[must_use]
    pub const fn decreased(&self) -> Option<Time> {
        self.decreased
    }

    /// Sets the rate to what is known from elsewhere, such as a probe.
    pub fn set(&mut self, rate: f64, now: Time) {
        self.rate = rate;
        self.updated = Some(now);
    }

    /// Takes what the delay says, and the rate that arrives, of which the share `keep` is kept where a queue grows.
    /// Returns whether the rate was taken back.
    pub fn update(
        &mut self,
        usage: Usage,
        keep: f64,
        arrived: Option<f64>,
        round_trip: Duration,
        now: Time,
    ) -> bool {
        let elapsed =
            self.updated.map_or(Duration::ZERO, |updated| now - updated).min(Duration::from_secs(1));
        self.updated = Some(now);
        match usage {
            Usage::Over => return self.decrease(keep, arrived, round_trip, now),
            Usage::Under => self.resting = true,
            Usage::Normal if self.resting => self.resting = false,
            Usage::Normal => self.increase(arrived, round_trip, elapsed),
        }
        false
    }

    fn decrease(&mut self, keep: f64, arrived: Option<f64>, round_trip: Duration, now: Time) -> bool {
        // What the last decrease did is only known after a round trip.
        let wait = round_trip.clamp(Duration::from_millis(10), Duration::from_millis(200));
        let Some(arrived) = arrived else { return false };
        if self.decreased.is_some_and(|decreased| now - decreased < wait) && arrived > self.rate / 2.0 {
            return false;
        }
        self.resting = true;
        self.decreased = Some(now);
        self.capacity.saw(arrived);
        self.rate = self.rate.min(arrived * keep);
        true
    }

    fn increase(&mut self, arrived: Option<f64>, round_trip: Duration, elapsed: Duration) {
        let Some(arrived) = arrived else { return };
        if self.capacity.is_left_behind_by(arrived) {
            self.capacity = Capacity::default();
        }
        let step = if self.capacity.known() {
            let response = (round_trip + RESPONSE).as_secs_f64();
            (PACKET / 2.0 / response).max(self.tuning.least_step) * elapsed.as_secs_f64()
        } else {
            self.rate * (self.tuning.growth.powf(elapsed.as_secs_f64()) - 1.0)
        };
        let most = arrived * self.tuning.headroom + 10_000.0;
        self.rate = self.rate.max((self.rate + step).min(most));
    }
}

/// What the path carried when its queue grew, and how much that varies.
#[derive(Clone, Copy, Debug, Default)]
struct Capacity {
    /// In kbit/s.
    mean: Option<f64>,
    /// Of the mean, in kbit/s.
    variance: f64,
}

impl Capacity {
    const WEIGHT: f64 = 0.05;
    const VARIANCE: (f64, f64) = (0.4, 2.5);

    const fn known(&self) -> bool {
        self.mean.is_some()
    }

    fn deviation(&self, mean: f64) -> f64 {
        (self.variance * mean).sqrt()
    }

    fn is_left_behind_by(&self, rate: f64) -> bool {
        self.mean.is_some_and(|mean| rate / 1e3 > mean + f64::max(3.0 * self.deviation(mean), 0.3 * mean))
    }

    fn saw(&mut self, rate: f64) {
        let rate = rate / 1e3;
        let near = self.mean.filter(|&mean| (rate - mean).abs() <= 3.0 * self.deviation(mean));
        let Some(mean) = near else {
            *self = Self { mean: Some(rate), variance: Self::VARIANCE.0 };
            return;
        };
        let moved = mean + Self::WEIGHT * (rate - mean);
        let square = (rate - moved).powi(2) / moved.max(1.0);
        self.variance = (self.variance + Self::WEIGHT * (square - self.variance))
            .clamp(Self::VARIANCE.0, Self::VARIANCE.1);
        self.mean = Some(moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(80);

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    fn update(aimd: &mut Aimd, usage: Usage, arrived: f64, millis: u64) -> bool {
        aimd.update(usage, 0.85, Some(arrived), ROUND_TRIP, at(millis))
    }

    #[test]
    fn grows_by_a_share_while_the_capacity_is_unknown() {
        let mut aimd = Aimd::new(AimdTuning::default(), Rates::default());
        (0..=10).for_each(|n| assert!(!update(&mut aimd, Usage::Normal, 1e6, n * 100)));
        assert!((aimd.rate() - 1.08e6).abs() < 1e3, "{}", aimd.rate());
    }

    #[test]
    fn gives_way_to_what_arrives_and_then_grows_in_small_steps() {
        let mut aimd = Aimd::new(AimdTuning::default(), Rates::default());
        update(&mut aimd, Usage::Normal, 1e6, 0);
        assert!(update(&mut aimd, Usage::Over, 600_000.0, 100));
        assert!((aimd.rate() - 510_000.0).abs() < 1.0);
        // Not twice within a round trip, and not while the queue drains.
        assert!(!update(&mut aimd, Usage::Over, 600_000.0, 150));
        (0..10).for_each(|n| assert!(!update(&mut aimd, Usage::Under, 600_000.0, 200 + n * 100)));
        assert!((aimd.rate() - 510_000.0).abs() < 1.0);
        (0..=11).for_each(|n| assert!(!update(&mut aimd, Usage::Normal, 560_000.0, 1_200 + n * 100)));
        let grown = aimd.rate() - 510_000.0;
        assert!((20_000.0..40_000.0).contains(&grown), "{grown} in a second");
    }

    #[test]
    fn forgets_a_capacity_that_is_exceeded() {
        let mut aimd = Aimd::new(AimdTuning::default(), Rates::default());
        update(&mut aimd, Usage::Over, 400_000.0, 0);
        update(&mut aimd, Usage::Normal, 340_000.0, 500);
        let before = aimd.rate();
        (0..=10).for_each(|n| assert!(!update(&mut aimd, Usage::Normal, 600_000.0, 600 + n * 100)));
        assert!((aimd.rate() / before - 1.08).abs() < 0.02, "{}", aimd.rate() / before);
    }

    #[test]
    fn never_grows_far_beyond_what_arrives() {
        let mut aimd = Aimd::new(AimdTuning::default(), Rates::default());
        (0..=600).for_each(|n| assert!(!update(&mut aimd, Usage::Normal, 800_000.0, n * 100)));
        assert!((aimd.rate() - 1.21e6).abs() < 1e3, "{}", aimd.rate());
    }
}

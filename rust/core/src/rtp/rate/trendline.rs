//! Whether the delay of packets grows: the slope of a line through the latest ones, against a threshold that follows
//! the path's own restlessness (draft-ietf-rmcat-gcc-02 section 5.4; the line replaces its Kalman filter).

use super::{Usage, Variation};
use std::collections::VecDeque;

/// The figures of a [`Trendline`]; the defaults are those in common use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrendlineTuning {
    /// Groups of packets that the line goes through.
    pub window: usize,
    /// How much of the delay known before stays in the smoothed one.
    pub smoothing: f64,
    /// What the slope is multiplied with before it is compared.
    pub gain: f64,
    /// The threshold at first, in ms.
    pub threshold: f64,
    /// Where the threshold stays, in ms.
    pub threshold_range: (f64, f64),
    /// How fast it rises, per ms.
    pub rise: f64,
    /// How fast it falls, per ms.
    pub fall: f64,
    /// Milliseconds for which the threshold must be exceeded.
    pub patience: f64,
}

impl Default for TrendlineTuning {
    fn default() -> Self {
        Self {
            window: 20,
            smoothing: 0.9,
            gain: 4.0,
            threshold: 12.5,
            threshold_range: (6.0, 600.0),
            rise: 0.0087,
            fall: 0.039,
            patience: 10.0,
        }
    }
}

/// A slope stands for more the more groups it is known from, up to this many.
const MOST_EVIDENCE: usize = 60;
/// A slope this far above the threshold, in ms, is an event, not restlessness: the threshold does not follow it.
const EVENT: f64 = 15.0;
/// The threshold moves for at most this many ms at a time.
const LONGEST_STEP: f64 = 100.0;

/// Tells from the variation between groups of packets whether a queue grows. See the module's text.
#[derive(Debug)]
pub struct Trendline {
    tuning: TrendlineTuning,
    /// Arrival and smoothed delay, in ms.
    points: VecDeque<(f64, f64)>,
    seen: usize,
    delay: f64,
    smoothed: f64,
    threshold: f64,
    slope: f64,
    /// For how long, in ms, and how many times in a row the threshold was exceeded.
    exceeded: Option<(f64, usize)>,
    adapted: Option<f64>,
    usage: Usage,
}

impl Trendline {
    /// Nothing known yet.
    #[must_use]
    pub fn new(tuning: TrendlineTuning) -> Self {
        Self {
            tuning,
            points: VecDeque::with_capacity(tuning.window),
            seen: 0,
            delay: 0.0,
            smoothed: 0.0,
            threshold: tuning.threshold,
            slope: 0.0,
            exceeded: None,
            adapted: None,
            usage: Usage::Normal,
        }
    }

    /// What is known by now.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes the next group.
    pub fn push(&mut self, variation: Variation) {
        let arrived = variation.arrived.micros() as f64 / 1e3;
        self.seen = (self.seen + 1).min(MOST_EVIDENCE);
        self.delay += variation.arrived_apart - variation.sent_apart;
        self.smoothed = self.tuning.smoothing * self.smoothed + (1.0 - self.tuning.smoothing) * self.delay;
        if self.points.len() == self.tuning.window {
            self.points.pop_front();
        }
        self.points.push_back((arrived, self.smoothed));
        if self.points.len() == self.tuning.window {
            self.judge(variation.sent_apart, arrived);
        }
    }

    fn judge(&mut self, sent_apart: f64, arrived: f64) {
        let before = self.slope;
        self.slope = slope(&self.points).unwrap_or(before);
        let trend = self.slope * self.seen as f64 * self.tuning.gain;
        if trend > self.threshold {
            let (time, times) = match self.exceeded {
                Some((time, times)) => (time + sent_apart, times + 1),
                // It has lasted for half of the time since the last group, as far as anybody knows.
                None => (sent_apart / 2.0, 1),
            };
            self.exceeded = Some((time, times));
            if time > self.tuning.patience && times > 1 && self.slope >= before {
                self.exceeded = Some((0.0, 0));
                self.usage = Usage::Over;
            }
        } else {
            self.exceeded = None;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.adapt(trend.abs(), arrived);
    }

    fn adapt(&mut self, trend: f64, arrived: f64) {
        let step = (arrived - self.adapted.unwrap_or(arrived)).clamp(0.0, LONGEST_STEP);
        self.adapted = Some(arrived);
        if trend > self.threshold + EVENT {
            return;
        }
        let speed = if trend < self.threshold { self.tuning.fall } else { self.tuning.rise };
        let (least, most) = self.tuning.threshold_range;
        self.threshold = (self.threshold + speed * (trend - self.threshold) * step).clamp(least, most);
    }
}

/// The slope of the line with the least squares through `points`; `None` where they stand above each other.
fn slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), (x, y)| {
        (above + (x - mean_x) * (y - mean_y), below + (x - mean_x) * (x - mean_x))
    });
    (below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::time::Time;

    /// Groups sent 10 ms apart, each delayed by what `delay` says; the usage after each.
    fn run(trendline: &mut Trendline, from: u64, delay: impl Fn(u64) -> f64) -> Vec<Usage> {
        (from..from + 100)
            .map(|n| {
                let arrived = n as f64 * 10.0 + delay(n);
                let arrived_apart = 10.0 + delay(n) - delay(n.saturating_sub(1));
                let arrived = Time::from_micros((arrived * 1e3) as u64);
                trendline.push(Variation { sent_apart: 10.0, arrived_apart, arrived });
                trendline.usage()
            })
            .collect()
    }

    #[test]
    fn an_even_path_is_normal() {
        let mut trendline = Trendline::new(TrendlineTuning::default());
        assert!(run(&mut trendline, 0, |_| 40.0).iter().all(|&usage| usage == Usage::Normal));
    }

    #[test]
    fn a_growing_queue_is_overuse_and_a_draining_one_underuse() {
        let mut trendline = Trendline::new(TrendlineTuning::default());
        run(&mut trendline, 0, |_| 0.0);
        let growing = run(&mut trendline, 100, |n| (n - 99) as f64 * 2.0);
        let noticed = growing.iter().position(|&usage| usage == Usage::Over).expect("noticed");
        assert!(noticed < 15, "after {noticed} groups");
        let draining = run(&mut trendline, 200, |n| 200.0 - (n - 199) as f64 * 2.0);
        assert_eq!(draining[60], Usage::Under);
    }

    #[test]
    fn the_threshold_learns_to_live_with_jitter() {
        let mut trendline = Trendline::new(TrendlineTuning::default());
        let jitter = |n: u64| ((n * 7919) % 31) as f64;
        run(&mut trendline, 0, jitter);
        let later = run(&mut trendline, 100, jitter);
        let over = later.iter().filter(|&&usage| usage == Usage::Over).count();
        assert!(over <= 2, "{over} of 100 groups");
    }
}

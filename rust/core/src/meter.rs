//! Statistics of one video track from its frames, as webrtc-stats defines them.
//!
//! Fed one time and one size per frame; times are seconds of a monotonic clock.

use std::collections::VecDeque;

/// Gaps whose mean says what a freeze is.
const FREEZE_WINDOW: usize = 30;
/// Seconds by which a gap must exceed the mean to be a freeze, where twice the mean is less.
const FREEZE_MARGIN: f64 = 0.15;
/// Seconds over which the frame rate counts.
const RATE_WINDOW: f64 = 1.0;
/// Frames remembered for the rate: a bound for clocks that stand still.
const MAX_RECENT: usize = 1000;

/// Counts frames, their rate, gaps and freezes.
///
/// A freeze is a gap of at least max(3·mean, mean + 150 ms) over the last 30 gaps before it
/// (<https://www.w3.org/TR/webrtc-stats/#dom-rtcinboundrtpstreamstats-freezecount>).
#[derive(Clone, Debug, Default)]
pub struct Meter {
    figures: Figures,
    last: Option<f64>,
    recent: VecDeque<f64>,
    gaps: VecDeque<f64>,
}

/// What a meter has counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Frames in all.
    pub frames: u64,
    /// Width of the latest frame in pixels.
    pub width: u32,
    /// Height of the latest frame in pixels.
    pub height: u32,
    /// Sum of the gaps between frames in seconds.
    pub total_gap: f64,
    /// Sum of the squared gaps.
    pub total_squared_gap: f64,
    /// Freezes in all.
    pub freezes: u64,
    /// Seconds frozen in all.
    pub frozen: f64,
}

impl Meter {
    /// Counts a frame of this size that came at `now`.
    pub fn add(&mut self, now: f64, width: u32, height: u32) {
        if let Some(last) = self.last {
            self.add_gap((now - last).max(0.0));
        }
        self.last = Some(now);
        self.figures.frames += 1;
        (self.figures.width, self.figures.height) = (width, height);
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.forget(now);
    }

    /// Frames within the last second.
    pub fn rate(&mut self, now: f64) -> usize {
        self.forget(now);
        self.recent.len()
    }

    /// What has been counted.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures
    }

    fn add_gap(&mut self, gap: f64) {
        if !self.gaps.is_empty() {
            // Thirty additions a frame; a running sum would drift.
            let mean = self.gaps.iter().sum::<f64>() / self.gaps.len() as f64;
            if gap >= f64::max(3.0 * mean, mean + FREEZE_MARGIN) {
                self.figures.freezes += 1;
                self.figures.frozen += gap;
            }
        }
        if self.gaps.len() == FREEZE_WINDOW {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
        self.figures.total_gap += gap;
        self.figures.total_squared_gap += gap * gap;
    }

    fn forget(&mut self, now: f64) {
        while self.recent.front().is_some_and(|at| *at <= now - RATE_WINDOW) {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metered(times: impl IntoIterator<Item = f64>) -> Meter {
        let mut meter = Meter::default();
        for now in times {
            meter.add(now, 64, 36);
        }
        meter
    }

    #[test]
    fn gaps_are_summed() {
        let figures = metered([0.0, 0.1, 0.3]).figures();
        assert_eq!((figures.frames, figures.width, figures.height), (3, 64, 36));
        assert!((figures.total_gap - 0.3).abs() < 1e-12);
        assert!((figures.total_squared_gap - 0.05).abs() < 1e-12);
    }

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        let mut meter = metered((0..90).map(|i| f64::from(i) / 30.0));
        assert_eq!(meter.rate(89.0 / 30.0), 30);
        assert_eq!(meter.rate(3.5), 14);
        assert_eq!(meter.rate(10.0), 0);
    }

    #[test]
    fn a_freeze_is_three_means_or_150_ms_more() {
        // At 10 fps three means are 300 ms, above mean + 150 ms.
        let ten = |gap: f64| metered([0.0, 0.1, 0.2, 0.3, 0.3 + gap]).figures();
        assert_eq!(ten(0.29).freezes, 0);
        assert_eq!(ten(0.31).freezes, 1);
        assert!((ten(0.31).frozen - 0.31).abs() < 1e-9);
        // At 50 fps mean + 150 ms is 170 ms, above three means.
        let fifty = |gap: f64| metered([0.0, 0.02, 0.04, 0.06, 0.06 + gap]).figures();
        assert_eq!(fifty(0.16).freezes, 0);
        assert_eq!(fifty(0.18).freezes, 1);
    }

    #[test]
    fn a_standing_clock_does_not_fill_memory() {
        let mut meter = metered(std::iter::repeat_n(1.0, MAX_RECENT + 20));
        assert_eq!(meter.rate(1.0), MAX_RECENT);
        assert_eq!(meter.figures().frames, MAX_RECENT as u64 + 20);
    }
}

//! The rate as far as receiver reports alone tell it: for far sides that report neither arrival times nor an
//! estimate of their own.

use crate::rtp::config::Rates;
use crate::rtp::time::Time;
use std::time::Duration;

/// Growth in a second while reports are good (draft-ietf-rmcat-gcc-02 section 6).
const GROWTH: f64 = 1.08;
/// Up to this share of lost packets they are.
const GOOD: f64 = 0.02;
/// What is kept of the rate when the round trip says that a queue has grown.
const DECREASE: f64 = 0.85;
/// A round trip this much longer than the shortest one is a queue.
const QUEUE: Duration = Duration::from_millis(100);
/// The shortest round trip is that of one to two such spans.
const SPAN: Duration = Duration::from_secs(15);
/// What a decrease did shows after a round trip and about this.
const RESPONSE: Duration = Duration::from_millis(300);

/// Grows while little is lost and the round trip is short, and gives way to a queue. Losses that come of sending too
/// much are [`super::LossControl`]'s.
#[derive(Debug)]
pub struct ReportControl {
    rate: f64,
    updated: Option<Time>,
    decreased: Option<Time>,
    shortest: Option<Duration>,
    shortest_before: Option<Duration>,
    span_began: Time,
}

impl ReportControl {
    /// Begins at `rates.start`.
    #[must_use]
    pub const fn new(rates: Rates) -> Self {
        Self {
            rate: rates.start as f64,
            updated: None,
            decreased: None,
            shortest: None,
            shortest_before: None,
            span_began: Time::ZERO,
        }
    }

    /// The rate in bit/s.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// Takes a report: the share of packets lost since the last one, and the round trip that it tells. `used` is what
    /// got through: beyond one and a half times of it the rate does not grow.
    pub fn report(&mut self, loss: f64, round_trip: Option<Duration>, used: f64, now: Time) {
        let elapsed =
            self.updated.map_or(Duration::ZERO, |updated| now - updated).min(Duration::from_secs(1));
        self.updated = Some(now);
        let queue = round_trip.map_or(Duration::ZERO, |round_trip| self.queue(round_trip, now));
        let wait = round_trip.unwrap_or(Duration::ZERO) + RESPONSE;
        if queue > QUEUE {
            if self.decreased.is_none_or(|decreased| now - decreased > wait) {
                self.decreased = Some(now);
                self.rate = DECREASE * self.rate.min(used);
            }
        } else if loss <= GOOD {
            let grown = self.rate * GROWTH.powf(elapsed.as_secs_f64());
            self.rate = self.rate.max(grown.min(1.5 * used + 10_000.0));
        }
    }

    /// How much longer a round trip is than the shortest.
    fn queue(&mut self, round_trip: Duration, now: Time) -> Duration {
        if self.shortest.is_none() {
            self.span_began = now;
        } else if now - self.span_began >= SPAN {
            self.span_began = now;
            self.shortest_before = self.shortest.take();
        }
        let shortest = self.shortest.map_or(round_trip, |shortest| shortest.min(round_trip));
        self.shortest = Some(shortest);
        round_trip - self.shortest_before.map_or(shortest, |before| before.min(shortest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(control: &mut ReportControl, second: u64, loss: f64, round_trip: u64) -> f64 {
        let used = control.rate();
        let round_trip = Some(Duration::from_millis(round_trip));
        control.report(loss, round_trip, used, Time::from_micros(second * 1_000_000));
        control.rate()
    }

    #[test]
    fn grows_while_reports_are_good_and_rests_otherwise() {
        let mut control = ReportControl::new(Rates::default());
        (0..=10).for_each(|second| assert!(report(&mut control, second, 0.01, 80) >= 1e6));
        let grown = control.rate();
        assert!((grown / 1e6 - 1.08_f64.powi(10)).abs() < 0.01, "{grown}");
        (11..20).for_each(|second| assert_eq!(report(&mut control, second, 0.05, 80), grown));
    }

    #[test]
    fn gives_way_to_a_queue() {
        let mut control = ReportControl::new(Rates::default());
        report(&mut control, 0, 0.0, 80);
        assert_eq!(report(&mut control, 1, 0.0, 300), 850_000.0);
        assert_eq!(report(&mut control, 2, 0.0, 300), 722_500.0);
        assert!(report(&mut control, 3, 0.0, 100) > 722_500.0);
    }

    #[test]
    fn a_longer_path_is_no_queue_for_ever() {
        let mut control = ReportControl::new(Rates::default());
        (0..5).for_each(|second| assert!(report(&mut control, second, 0.0, 80) > 0.0));
        (5..40).for_each(|second| assert!(report(&mut control, second, 0.0, 250) > 0.0));
        let rate = control.rate();
        assert!(report(&mut control, 41, 0.0, 250) > rate);
    }
}

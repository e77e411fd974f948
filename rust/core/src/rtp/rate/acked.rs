//! The rate at which packets arrive.

use crate::rtp::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// What arrived during this span is remembered.
const MEMORY: Duration = Duration::from_secs(1);

/// Fewer packets than these are no rate.
const LEAST: usize = 3;

/// The rate of arrival over spans of the recent past.
#[derive(Debug, Default)]
pub struct ReceivedRate {
    arrivals: VecDeque<(Time, usize)>,
}

impl ReceivedRate {
    /// Takes a packet.
    pub fn push(&mut self, arrived: Time, bytes: usize) {
        // What overtook counts as arrived with what it overtook.
        let arrived = self.arrivals.back().map_or(arrived, |&(newest, _)| newest.max(arrived));
        self.arrivals.push_back((arrived, bytes));
        while self.arrivals.front().is_some_and(|&(oldest, _)| arrived - oldest > MEMORY) {
            self.arrivals.pop_front();
        }
    }

    /// Bit/s over the last `span`, counted from the newest arrival; over less where less is known, and `None` below
    /// half of it. From packet to packet: the first one's bytes had come before the time that is measured.
    #[must_use]
    pub fn over(&self, span: Duration) -> Option<f64> {
        let &(newest, _) = self.arrivals.back()?;
        let within = self.arrivals.iter().rev().take_while(|&&(arrived, _)| newest - arrived <= span);
        let (mut bytes, mut count, mut first) = (0, 0, (newest, 0));
        for &(arrived, size) in within {
            bytes += size;
            count += 1;
            first = (arrived, size);
        }
        let known = newest - first.0;
        (count >= LEAST && known >= span / 2).then(|| (bytes - first.1) as f64 * 8.0 / known.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_stream_has_its_rate_over_any_span() {
        let mut rate = ReceivedRate::default();
        assert_eq!(rate.over(Duration::from_millis(100)), None);
        // 125 bytes each ms are 1 Mbit/s.
        (0..2_000).for_each(|n| rate.push(Time::from_micros(n * 1_000), 125));
        for span in [100, 150, 500, 1_000] {
            let measured = rate.over(Duration::from_millis(span)).expect("known");
            assert!((measured - 1e6).abs() < 1.0, "{span} ms: {measured}");
        }
    }

    #[test]
    fn a_change_shows_first_over_the_short_span() {
        let mut rate = ReceivedRate::default();
        (0..1_000).for_each(|n| rate.push(Time::from_micros(n * 1_000), 250));
        (0..150).for_each(|n| rate.push(Time::from_micros(1_000_000 + n * 1_000), 50));
        let (short, long) = (rate.over(Duration::from_millis(150)), rate.over(Duration::from_millis(500)));
        assert!(short < Some(410_000.0) && long > Some(1_000_000.0), "{short:?} {long:?}");
    }
}

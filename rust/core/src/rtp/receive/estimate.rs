//! What the path can carry to here, for far sides that are told a bit rate (REMB) and no arrival times.

use crate::rtp::config::Rates;
use crate::rtp::rate::{DelayControl, DelayTuning, Usage};
use crate::rtp::seq::Unwrapper;
use crate::rtp::time::Time;
use crate::rtp::wire::abs_send_micros;
use std::time::Duration;

/// Conclusions are drawn this often.
const UPDATE: Duration = Duration::from_millis(50);
/// The far side is told this often while nothing happens.
const REPEAT: Duration = Duration::from_millis(1000);
/// It is told at once of a drop to less than this share of what it was told.
const DROP: f64 = 0.97;
/// And after this of a rise.
const RISE: Duration = Duration::from_millis(200);

/// An estimate by the delay of packets that say when they were sent.
#[derive(Debug)]
pub struct Estimate {
    control: DelayControl,
    sent: Unwrapper<24>,
    /// The next time to draw conclusions; `None` while there is nothing to draw them from.
    update: Option<Time>,
    begun: bool,
    /// What the far side was told last, and when.
    told: Option<(u64, Time)>,
    limit: Option<u64>,
    rates: Rates,
}

impl Estimate {
    /// Begins at `rates.start` and stays between its bounds.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self {
            control: DelayControl::new(DelayTuning::default(), rates),
            sent: Unwrapper::new(),
            update: None,
            begun: false,
            told: None,
            limit: None,
            rates,
        }
    }

    /// Takes a packet: its abs-send-time, its bytes, and when it came.
    pub fn push(&mut self, abs_send_time: u32, bytes: usize, now: Time) {
        let sent = Time::from_micros(abs_send_micros(self.sent.unwrap(abs_send_time)));
        self.begun = true;
        self.control.push(sent, now, bytes);
        let update = now + UPDATE;
        self.update = Some(self.update.map_or(update, |due| due.min(update)));
    }

    /// Never tells more than this, and tells it even if nothing else is known.
    pub fn set_limit(&mut self, limit: Option<u64>, now: Time) {
        self.limit = limit;
        self.update = Some(now);
    }

    /// What the path carries, in bit/s, and no more than the limit; `None` before either is known.
    #[must_use]
    pub fn bitrate(&self) -> Option<u64> {
        let estimate = (self.control.estimate() as u64).clamp(self.rates.min, self.rates.max);
        let estimate = Some(estimate).filter(|_| self.begun);
        [estimate, self.limit].into_iter().flatten().min()
    }

    /// When [`report`](Self::report) has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.update
    }

    /// The bit rate that the far side is to be told at `now`, if it is to be.
    pub fn report(&mut self, round_trip: Duration, now: Time) -> Option<u64> {
        if self.update.is_none_or(|update| update > now) {
            return None;
        }
        let usage = self.control.update(round_trip, now);
        // Until more comes there is nothing new to say; but what limits is repeated.
        self.update = self.limit.map(|_| now + REPEAT);
        let bitrate = self.bitrate()?;
        let due = match self.told {
            None => true,
            Some((told, at)) => {
                let since = now - at;
                (bitrate as f64) < told as f64 * DROP
                    || usage == Usage::Over && since >= UPDATE * 2
                    || bitrate > told && since >= RISE
                    || since >= REPEAT
            }
        };
        due.then(|| {
            self.told = Some((bitrate, now));
            bitrate
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::wire::abs_send_time;

    const ROUND_TRIP: Duration = Duration::from_millis(80);

    /// Sends `bitrate` over a path of `capacity` for some seconds; what was told, with the time in milliseconds.
    fn run(
        estimate: &mut Estimate,
        capacity: u64,
        bitrate: u64,
        seconds: std::ops::Range<u64>,
    ) -> Vec<(u64, u64)> {
        let mut told = Vec::new();
        let mut free = seconds.start * 1_000_000;
        let end = seconds.end * 1_000_000;
        let mut sent = free;
        while sent < end {
            free = free.max(sent) + 8_000_000_000 / capacity;
            let arrival = Time::from_micros(free + 40_000);
            estimate.push(abs_send_time(Time::from_micros(sent)), 1000, arrival);
            if estimate.deadline().is_some_and(|due| due <= arrival) {
                told.extend(estimate.report(ROUND_TRIP, arrival).map(|bitrate| (free / 1000, bitrate)));
            }
            sent += 8_000_000_000 / bitrate;
        }
        told
    }

    #[test]
    fn a_path_that_carries_less_than_is_sent_is_told_at_once() {
        let mut estimate = Estimate::new(Rates::default());
        let told = run(&mut estimate, 5_000_000, 1_000_000, 60..70);
        assert!(told.last().is_some_and(|&(_, bitrate)| bitrate > 1_200_000), "{told:?}");
        let told = run(&mut estimate, 500_000, 1_000_000, 70..72);
        let drop = told.iter().find(|&&(_, bitrate)| bitrate < 520_000);
        assert!(drop.is_some_and(|&(at, _)| at < 71_000), "{told:?}");
    }

    #[test]
    fn a_limit_is_told_whatever_is_estimated_and_repeated() {
        let mut estimate = Estimate::new(Rates::default());
        let at = |millis: u64| Time::from_micros(millis * 1000);
        estimate.set_limit(Some(300_000), at(0));
        assert_eq!(estimate.report(ROUND_TRIP, at(0)), Some(300_000));
        assert_eq!(estimate.report(ROUND_TRIP, at(1)), None);
        assert_eq!(estimate.deadline(), Some(at(1000)));
        assert_eq!(estimate.report(ROUND_TRIP, at(1000)), Some(300_000));
        let told = run(&mut estimate, 5_000_000, 1_000_000, 60..63);
        assert!(told.iter().all(|&(_, bitrate)| bitrate == 300_000), "{told:?}");
        estimate.set_limit(None, at(64_000));
        assert!(estimate.report(ROUND_TRIP, at(64_000)) > Some(900_000));
    }
}

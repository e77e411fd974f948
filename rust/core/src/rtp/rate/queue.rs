//! How long packets wait in the path's queue, as far as arrival times tell.

use crate::rtp::time::Time;
use arrayvec::ArrayVec;
use std::collections::VecDeque;
use std::time::Duration;

/// The empty path is what the fastest packet of one to two such spans took. Longer would follow clocks that drift
/// apart, shorter a queue that never empties.
const SPAN: Duration = Duration::from_secs(15);

/// Packets whose fastest stands for all of them: jitter delays some, a queue delays all. Jitter comes in waves, too, so
/// that for what stands in the queue they are those of so long, if that is more.
const SAMPLE: usize = 5;
const SAMPLED: Duration = Duration::from_millis(100);

/// A packet's way.
#[derive(Clone, Copy, Debug)]
struct Trip {
    sent: Time,
    arrived: Time,
    micros: i64,
}

/// The wait in the queue, from single trips over clocks that are not in step.
#[derive(Debug, Default)]
pub struct QueueDelay {
    /// The shortest trips, in µs, of this span and of the one before. Their origin is arbitrary.
    shortest: Option<i64>,
    shortest_before: Option<i64>,
    span_began: Time,
    /// The latest packets, oldest first.
    trips: VecDeque<Trip>,
}

impl QueueDelay {
    /// Takes a packet, in order of arrival.
    pub fn push(&mut self, sent: Time, arrived: Time) {
        let trip = arrived.micros().cast_signed() - sent.micros().cast_signed();
        if self.shortest.is_none() {
            self.span_began = sent;
        } else if sent - self.span_began >= SPAN {
            self.span_began = sent;
            self.shortest_before = self.shortest.take();
        }
        self.shortest = Some(self.shortest.map_or(trip, |shortest| shortest.min(trip)));
        self.trips.push_back(Trip { sent, arrived, micros: trip });
        while self.trips.len() > 2 * SAMPLE && arrived - self.trips[0].arrived > SAMPLED {
            self.trips.pop_front();
        }
    }

    /// What stands in the queue now: what the fastest of the last packets took beyond an empty path.
    #[must_use]
    pub fn now(&self) -> Duration {
        let Some(newest) = self.trips.back() else { return Duration::ZERO };
        let recent = self.trips.iter().rev().enumerate();
        let sampled = recent.take_while(|(n, trip)| *n < SAMPLE || newest.arrived - trip.arrived <= SAMPLED);
        let fastest = sampled.map(|(_, trip)| trip.micros).min();
        fastest.zip(self.empty()).map_or(Duration::ZERO, |(fastest, empty)| micros(fastest - empty))
    }

    /// By how much the wait has grown over the last ten packets, zero where it has not, and the time in which they were
    /// sent.
    #[must_use]
    pub fn growth(&self) -> (Duration, Duration) {
        let latest: ArrayVec<Trip, { 2 * SAMPLE }> =
            self.trips.iter().rev().take(2 * SAMPLE).copied().collect();
        let Some((after, before)) =
            latest.split_at_checked(SAMPLE).filter(|(_, before)| before.len() == SAMPLE)
        else {
            return (Duration::ZERO, Duration::ZERO);
        };
        let fastest = |trips: &[Trip]| trips.iter().map(|trip| trip.micros).min().unwrap_or(0);
        (micros(fastest(after) - fastest(before)), after[0].sent - before[SAMPLE - 1].sent)
    }

    fn empty(&self) -> Option<i64> {
        let shortest = self.shortest?;
        Some(self.shortest_before.map_or(shortest, |before| before.min(shortest)))
    }
}

/// A span of so many µs; none where it is negative.
fn micros(span: i64) -> Duration {
    Duration::from_micros(u64::try_from(span).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut QueueDelay, sent: u64, trip: u64) {
        queue.push(Time::from_micros(sent * 1_000), Time::from_micros((sent + trip) * 1_000));
    }

    #[test]
    fn the_wait_is_what_goes_beyond_the_fastest_packet() {
        let mut queue = QueueDelay::default();
        (0..50).for_each(|n| push(&mut queue, n * 20, 40));
        assert_eq!(queue.now(), Duration::ZERO);
        (50..60).for_each(|n| push(&mut queue, n * 20, 140));
        assert_eq!(queue.now(), Duration::from_millis(100));
    }

    #[test]
    fn growth_is_that_of_the_last_packets_and_not_of_single_ones() {
        let mut queue = QueueDelay::default();
        (0..50).for_each(|n| push(&mut queue, n * 20, 40 + if n % 3 == 0 { 60 } else { 0 }));
        assert_eq!(queue.growth().0, Duration::ZERO);
        (50..60).for_each(|n| push(&mut queue, n * 20, 40 + (n - 49) * 10));
        assert_eq!(queue.growth(), (Duration::from_millis(50), Duration::from_millis(180)));
    }

    #[test]
    fn a_longer_path_becomes_the_empty_one() {
        let mut queue = QueueDelay::default();
        (0..10).for_each(|n| push(&mut queue, n * 20, 40));
        (0..2_000).for_each(|n| push(&mut queue, 1_000 + n * 20, 90));
        assert_eq!(queue.now(), Duration::ZERO);
    }
}

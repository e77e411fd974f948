//! Markers on their way: which numbers are in flight, since when, and how each of them ends.
//!
//! Numbers are given out in order, so the probes in flight are a window of consecutive numbers and
//! a deque indexed by distance from the oldest holds them: every step is constant time however long
//! the delay, and the soft reader gets its candidates without a copy. Times are seconds of any
//! monotonic clock, passed in.

use crate::marker::Candidate;
use std::collections::VecDeque;

/// Half the number space: what serial-number arithmetic (RFC 1982) can still order.
const MAX_WINDOW: usize = 1 << 15;

/// Seconds between frames, as the unit of surprise.
const FRAME: f64 = 1.0 / 30.0;

/// Arrivals remembered: as candidates, so that a repeated frame is not read as the number after it, and for
/// the latency to expect.
const ARRIVALS: usize = 9;
const REPEATS: usize = 4;
/// Arrivals that make an expectation. Before, numbers are expected in order, but none surprises by more than
/// this many frames: the first ones may have been lost.
const MIN_ARRIVALS: usize = 3;
const UNEXPECTED: f32 = 3.0;

/// A probe that came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Seconds from stamp to reading.
    pub latency: f64,
    /// A later number had been read before.
    pub reordered: bool,
}

#[derive(Clone, Copy, Debug)]
struct Arrived {
    seq: u16,
    at: f64,
    latency: f64,
}

/// The probes in flight. See the module's text.
#[derive(Debug)]
pub struct Probes {
    timeout: f64,
    /// Stamping times, oldest first; `None` once settled. The front is always in flight.
    window: VecDeque<Option<f64>>,
    /// The number that goes to the next stamp; the window ends just before it.
    next: u16,
    pending: usize,
    newest_read: Option<u16>,
    /// The latest arrivals, and the median of their latencies once there are enough.
    arrived: VecDeque<Arrived>,
    latency: Option<f64>,
    /// When numberless markers were read: each stands for one probe that will never be named.
    corrupted: VecDeque<f64>,
}

impl Probes {
    /// An empty ledger; a probe is lost `timeout` seconds after its stamp.
    #[must_use]
    pub fn new(timeout: f64) -> Self {
        Self {
            timeout,
            window: VecDeque::new(),
            next: 1,
            pending: 0,
            newest_read: None,
            arrived: VecDeque::new(),
            latency: None,
            corrupted: VecDeque::new(),
        }
    }

    /// The number for a frame stamped now, and the number pushed out of the window, if any:
    /// it is lost, because half the number space ahead it could not be told from a new one.
    pub fn stamp(&mut self, now: f64) -> (u16, Option<u16>) {
        let pushed_out =
            if self.window.len() == MAX_WINDOW { self.pop_front().map(|(seq, _)| seq) } else { None };
        let seq = self.next;
        self.next = seq.wrapping_add(1);
        self.window.push_back(Some(now));
        self.pending += 1;
        (seq, pushed_out)
    }

    /// Settles `seq`; `None` if it is not in flight (unknown, lost, or read before).
    pub fn arrive(&mut self, seq: u16, now: f64) -> Option<Arrival> {
        let at = self.window.get_mut(usize::from(seq.wrapping_sub(self.first())))?.take()?;
        self.pending -= 1;
        self.drop_settled();
        self.expect(Arrived { seq, at, latency: now - at });
        let reordered = self.newest_read.is_some_and(|newest| is_older(seq, newest));
        if !reordered {
            self.newest_read = Some(seq);
        }
        Some(Arrival { latency: (now - at).max(0.0), reordered })
    }

    /// Notes a marker without a number; false if none is in flight that it could be.
    pub fn corrupt(&mut self, now: f64) -> bool {
        if self.corrupted.len() >= self.pending {
            return false;
        }
        self.corrupted.push_back(now);
        true
    }

    /// Takes out the next probe whose time is over. Call until `None`.
    ///
    /// A probe that was in flight when a corrupted marker was read is taken to be that marker's
    /// and ends silently: it has been counted.
    pub fn next_lost(&mut self, now: f64) -> Option<u16> {
        while let Some(&Some(at)) = self.window.front() {
            if now - at < self.timeout {
                return None;
            }
            let (seq, at) = self.pop_front()?;
            while self.corrupted.front().is_some_and(|read| *read < at) {
                self.corrupted.pop_front();
            }
            if self.corrupted.pop_front().is_none() {
                return Some(seq);
            }
        }
        None
    }

    /// Forgets everything in flight; numbers go on where they were.
    pub fn drop_in_flight(&mut self) {
        self.window.clear();
        self.corrupted.clear();
        self.arrived.clear();
        self.latency = None;
        self.pending = 0;
    }

    /// How many numbers are in flight.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// The numbers in flight, oldest first.
    pub fn in_flight(&self) -> impl Iterator<Item = u16> + '_ {
        self.waiting().map(|(seq, _)| seq)
    }

    /// What a frame that came at `now` may carry: the numbers in flight and the latest arrivals.
    ///
    /// Latency moves slowly, so the one to expect is the one that would have the median of
    /// the last ones'; before the first arrivals it is the oldest.
    pub fn candidates(&self, now: f64) -> impl Iterator<Item = Candidate> + '_ {
        let surprise = move |at: f64, order: usize| match self.latency {
            Some(latency) => ((now - at - latency) / FRAME).abs() as f32,
            None => UNEXPECTED.min(order as f32),
        };
        let repeats = self.arrived.iter().rev().take(REPEATS).zip(1..);
        let repeats = repeats.map(|(arrived, order)| (arrived.seq, arrived.at, order));
        let waiting = self.waiting().zip(0..).map(|((seq, at), order)| (seq, at, order));
        repeats.chain(waiting).map(move |(seq, at, order)| Candidate { seq, surprise: surprise(at, order) })
    }

    fn expect(&mut self, arrived: Arrived) {
        if self.arrived.len() == ARRIVALS {
            self.arrived.pop_front();
        }
        self.arrived.push_back(arrived);
        let mut latencies = [0.0; ARRIVALS];
        let latencies = &mut latencies[..self.arrived.len()];
        for (slot, arrived) in latencies.iter_mut().zip(&self.arrived) {
            *slot = arrived.latency;
        }
        latencies.sort_unstable_by(f64::total_cmp);
        self.latency = (latencies.len() >= MIN_ARRIVALS).then(|| latencies[latencies.len() / 2]);
    }

    fn waiting(&self) -> impl Iterator<Item = (u16, f64)> + '_ {
        let first = self.first();
        // The window is at most 2^15 long, so the offset always fits.
        (0_u16..).zip(&self.window).filter_map(move |(offset, at)| Some((first.wrapping_add(offset), (*at)?)))
    }

    /// The number at the front of the window.
    fn first(&self) -> u16 {
        self.next.wrapping_sub(self.window.len() as u16)
    }

    fn pop_front(&mut self) -> Option<(u16, f64)> {
        let seq = self.first();
        let at = self.window.pop_front()??;
        self.pending -= 1;
        self.drop_settled();
        Some((seq, at))
    }

    /// Keeps the front in flight: each entry is pushed and popped once, so this is constant on average.
    fn drop_settled(&mut self) {
        while self.window.front() == Some(&None) {
            self.window.pop_front();
        }
    }
}

/// Whether `a` comes before `b` by serial-number arithmetic.
fn is_older(a: u16, b: u16) -> bool {
    a != b && b.wrapping_sub(a) < MAX_WINDOW as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(probes: &mut Probes, now: f64) -> Vec<u16> {
        std::iter::from_fn(|| probes.next_lost(now)).collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "too many for an interpreter")]
    fn order_is_serial_across_the_wrap() {
        let mut probes = Probes::new(60.0);
        for _ in 0..65_534 {
            let (seq, _) = probes.stamp(0.0);
            probes.arrive(seq, 0.0);
        }
        let seqs: Vec<u16> = (0..4).map(|_| probes.stamp(1.0).0).collect();
        assert_eq!(seqs, [65_535, 0, 1, 2]);
        let reordered = |probes: &mut Probes, seq| probes.arrive(seq, 2.0).map(|a| a.reordered);
        assert_eq!(reordered(&mut probes, 65_535), Some(false));
        assert_eq!(reordered(&mut probes, 1), Some(false));
        assert_eq!(reordered(&mut probes, 0), Some(true));
        assert_eq!(reordered(&mut probes, 0), None);
        assert_eq!(reordered(&mut probes, 2), Some(false));
    }

    #[test]
    fn a_probe_is_lost_once_its_time_is_over() {
        let mut probes = Probes::new(60.0);
        for at in 0..3 {
            probes.stamp(f64::from(at));
        }
        probes.arrive(2, 5.0);
        assert_eq!(lost(&mut probes, 59.9), []);
        assert_eq!(lost(&mut probes, 62.0), [1, 3]);
        assert_eq!(probes.pending(), 0);
    }

    #[test]
    fn a_corrupted_marker_accounts_for_one_probe_of_its_time() {
        let mut probes = Probes::new(60.0);
        assert!(!probes.corrupt(0.0), "nothing is in flight");
        probes.stamp(0.0);
        probes.stamp(10.0);
        assert!(probes.corrupt(5.0));
        assert_eq!(lost(&mut probes, 61.0), [], "1 was the corrupted one");
        assert_eq!(lost(&mut probes, 71.0), [2]);

        probes.stamp(100.0);
        assert!(probes.corrupt(101.0));
        probes.arrive(3, 102.0);
        probes.stamp(110.0);
        assert_eq!(lost(&mut probes, 171.0), [4], "a reading before its stamp is not its own");
    }

    #[test]
    #[cfg_attr(miri, ignore = "too many for an interpreter")]
    fn the_window_is_bounded() {
        let mut probes = Probes::new(f64::INFINITY);
        for _ in 0..MAX_WINDOW {
            assert_eq!(probes.stamp(0.0).1, None);
        }
        assert_eq!(probes.stamp(0.0).1, Some(1));
        assert_eq!(probes.pending(), MAX_WINDOW);
        assert_eq!(probes.in_flight().next(), Some(2));
    }
}

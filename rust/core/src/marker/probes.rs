//! The markers in flight: their numbers, when each was stamped, and how each ends.
//!
//! Numbers are given out in order, so the probes in flight are a window of consecutive numbers, held in a
//! deque indexed by distance from the oldest. Every operation takes constant time however long the delay,
//! except reading, which tries each number in flight. Times are seconds of any monotonic clock, passed in.

use super::belief::Belief;
use super::code::Reading;
use super::evidence::Evidence;
use super::soft::{SoftReading, decide};
use std::collections::VecDeque;

/// Half the number space: what serial-number arithmetic (RFC 1982) can still order.
const MAX_WINDOW: usize = 1 << 15;

/// Arrivals to remember, so that a repeated frame is not read as the next number.
const REPEATS: usize = 4;
/// Probability that a frame repeats the one before.
const REPEAT: f32 = 0.01;
/// How much less likely than the next number an earlier one is, and a later one for each number it skips
/// that no unread frame accounts for.
const EARLIER: f32 = 0.02;
const PASSED: f32 = 0.07;
const MIN_PASSED: f32 = 0.005;

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
}

/// A number that a frame may carry.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    seq: u16,
    latency: f64,
    /// How likely it is by order alone, 1 for the next one.
    order: f32,
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
    /// The latest arrivals.
    arrived: VecDeque<Arrived>,
    /// Frames in which no number was read since.
    unread: usize,
    belief: Belief,
    /// When markers without a legible number were read: each stands for one probe that will never be named.
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
            unread: 0,
            belief: Belief::new(),
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
        if self.arrived.len() == REPEATS {
            self.arrived.pop_front();
        }
        self.arrived.push_back(Arrived { seq, at });
        self.unread = 0;
        let reordered = self.newest_read.is_some_and(|newest| is_older(seq, newest));
        if !reordered {
            self.newest_read = Some(seq);
        }
        Some(Arrival { latency: (now - at).max(0.0), reordered })
    }

    /// Notes a marker without a legible number; false if no probe is in flight that it could belong to.
    pub fn corrupt(&mut self, now: f64) -> bool {
        if self.corrupted.len() >= self.pending {
            return false;
        }
        self.corrupted.push_back(now);
        true
    }

    /// Removes the next probe that has timed out. Call until `None`.
    ///
    /// A probe that was in flight when a corrupted marker was read is taken for that marker's and not
    /// reported: it has been counted.
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
        self.unread = 0;
        self.belief = Belief::new();
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

    /// Reads the corner of a frame that arrived at `now`. Call once for each frame, in order of arrival:
    /// each frame tells what to expect of the next.
    pub fn read(&mut self, evidence: &Evidence, now: f64) -> SoftReading {
        let candidates = self.candidates(now);
        self.belief.advance(candidates.iter().map(|candidate| candidate.latency).fold(0.0, f64::max));
        let last = self.arrived.back().map(|arrived| arrived.seq);
        let mut repeat = 0.0;
        let mut weights = Vec::with_capacity(candidates.len() + 1);
        for Candidate { seq, latency, order } in candidates {
            let ratio = evidence.of(seq).exp();
            weights.push((seq, self.belief.expects(latency) * order * ratio));
            self.belief.weigh(latency, ratio);
            if Some(seq) == last {
                repeat = REPEAT * ratio;
                weights.push((seq, self.belief.marked() * repeat));
            }
        }
        let none = self.belief.settle(repeat);
        let found = decide(evidence, &weights, none);
        // Each of these may have carried a number that the next reading skips.
        if !matches!(found.reading, Reading::Number(_)) {
            self.unread += 1;
        }
        found
    }

    /// What a frame that came at `now` may carry: the latest arrivals and the numbers in flight.
    fn candidates(&self, now: f64) -> Vec<Candidate> {
        let newest = self.arrived.back().and(self.newest_read);
        let repeats = self.arrived.iter().map(|&Arrived { seq, at }| {
            let order = if newest.is_some_and(|newest| is_older(seq, newest)) { EARLIER } else { 1.0 };
            Candidate { seq, latency: now - at, order }
        });
        let mut later = 0;
        let waiting = self.waiting().map(|(seq, at)| {
            let order = match newest {
                None => 1.0,
                Some(newest) if is_older(seq, newest) => EARLIER,
                Some(_) => {
                    later += 1;
                    let passed = i32::try_from(later - 1 - self.unread.min(later - 1)).unwrap_or(i32::MAX);
                    PASSED.powi(passed).max(MIN_PASSED)
                }
            };
            Candidate { seq, latency: now - at, order }
        });
        repeats.chain(waiting).collect()
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
    use crate::format::PixelFormat;
    use crate::marker::{Cell, Levels};
    use crate::plane::Plane;
    use crate::size::Size;

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
    fn unread_frames_account_for_the_numbers_that_are_passed_over() {
        let mut probes = Probes::new(60.0);
        for at in 0..6 {
            probes.stamp(f64::from(at));
        }
        probes.arrive(2, 7.0);
        // Powers are not exact to the last bit everywhere.
        let rounded = |order: f32| (order * 1e4).round() / 1e4;
        let orders = |probes: &Probes| {
            probes
                .candidates(9.0)
                .iter()
                .map(|candidate| (candidate.seq, rounded(candidate.order)))
                .collect::<Vec<_>>()
        };
        let expected = |later: [f32; 4]| {
            [(2, 1.0), (1, EARLIER)].into_iter().chain((3..).zip(later)).collect::<Vec<(u16, f32)>>()
        };
        assert_eq!(orders(&probes), expected([1.0, PASSED, MIN_PASSED, MIN_PASSED]));
        let (grey, size) = ([90; 24 * 8], Size::new(24, 8).unwrap());
        let plane = Plane::new("gray", &grey, 24, 8, 24).unwrap();
        let nothing =
            Evidence::new(plane, PixelFormat::Gray8, size, Levels::LIMITED, Cell::PIXEL, None).unwrap();
        for _ in 0..2 {
            assert_eq!(probes.read(&nothing, 8.0).reading, Reading::Absent);
        }
        assert_eq!(orders(&probes), expected([1.0, 1.0, 1.0, PASSED]));
        probes.arrive(3, 9.0);
        assert_eq!(orders(&probes)[3..], [(4, 1.0), (5, PASSED), (6, MIN_PASSED)]);
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

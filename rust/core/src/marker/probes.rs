//! The markers in flight: their numbers, when each was stamped, and how each ends.
//!
//! Numbers are given out in order, so the probes in flight are a window of consecutive numbers, held in a
//! deque indexed by distance from the oldest. Every operation takes constant time however long the delay:
//! where many are in flight, a picture is compared with the numbers near the believed latency, and with some
//! of the others in turn. Times are seconds of any monotonic clock, passed in.
//!
//! Each probe ends once. A corrupted marker ends the probe that most probably stood there, so that what was sent
//! is always what was received, lost, corrupted, dropped or is still in flight.
//!
//! An encoder may leave the number of an earlier picture standing: legible, and too late. So a number counts at
//! once only if it is the one that was due. Any other is held until the next picture, and counts if that carries
//! the number after it: no picture can show a number that was to follow what it left standing.

mod reading;
#[cfg(test)]
mod tests;

use super::belief::Belief;
use super::code::Reading;
use std::collections::VecDeque;

/// Half the number space: what serial-number arithmetic (RFC 1982) can still order.
const MAX_WINDOW: usize = 1 << 15;

/// Arrivals to remember, so that a repeated frame is not read as the next number.
const REPEATS: usize = 4;
/// So many latencies in a row, each this near to the one before, say what to expect.
const AGREEING: u32 = 4;
const AGREEMENT: f64 = 0.02;

/// How a probe ended in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// When the picture came.
    pub at: f64,
    /// What was read; `None` for a corrupted marker.
    pub arrival: Option<Arrival>,
}

/// A probe that came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Its number.
    pub seq: u16,
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

#[derive(Clone, Copy, Debug)]
struct Stamp {
    at: f64,
    is_settled: bool,
}

/// A number that was read where another one was due.
#[derive(Clone, Copy, Debug)]
struct Held {
    stamped: f64,
    outcome: Outcome,
}

/// What the latest picture was compared with.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// The likeliest number in flight.
    likeliest: Option<u16>,
    /// Whether the number read was due, as far as is known.
    is_due: bool,
}

/// The probes in flight. See the module's text.
#[derive(Debug)]
pub struct Probes {
    timeout: f64,
    /// Oldest first; the front is always in flight.
    window: VecDeque<Stamp>,
    /// The number that goes to the next stamp; the window ends just before it.
    next: u16,
    pending: usize,
    newest_read: Option<u16>,
    /// The latest arrivals.
    arrived: VecDeque<Arrived>,
    /// The number in the picture before, if one was read there.
    previous: Option<u16>,
    /// Frames in which no number was read since.
    unread: usize,
    belief: Belief,
    look: Option<Look>,
    held: Option<Held>,
    /// The latest latency, and how many before it agreed in a row.
    agreeing: (f64, u32),
    /// Whether latencies have agreed, or pictures have carried numbers in a row: what is due can then be told.
    is_settled: bool,
    /// When the latest picture came, and the mean interval between pictures.
    pictured: Option<f64>,
    interval: f64,
    /// Where the numbers that are weighed in turn begin, counted from the newest.
    turn: usize,
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
            previous: None,
            unread: 0,
            belief: Belief::new(),
            look: None,
            held: None,
            agreeing: (0.0, 0),
            is_settled: false,
            pictured: None,
            interval: 1.0 / 30.0,
            turn: 0,
        }
    }

    /// The number for a frame stamped now, and the number pushed out of the window, if any:
    /// it is lost, because half the number space ahead it could not be told from a new one.
    pub fn stamp(&mut self, now: f64) -> (u16, Option<u16>) {
        let pushed_out = if self.window.len() == MAX_WINDOW { self.pop_front() } else { None };
        let seq = self.next;
        self.next = seq.wrapping_add(1);
        self.window.push_back(Stamp { at: now, is_settled: false });
        self.pending += 1;
        (seq, pushed_out)
    }

    /// Takes what was read in the picture that came at `now`, and returns the outcomes that are known by it: none
    /// for a number that is not in flight (unknown, lost, read before) or is held until the next picture, and two
    /// where this picture settles what the one before left open.
    pub fn observe(&mut self, reading: Reading, now: f64) -> impl Iterator<Item = Outcome> + use<> {
        let look = self.look.take();
        let held = self.held.take();
        let (before, outcome) = match reading {
            Reading::Number(seq) => {
                let follows = self.previous == Some(seq.wrapping_sub(1));
                let is_due = follows || look.is_none_or(|look| look.is_due);
                match self.arrive(seq, now, follows, is_due) {
                    None => {
                        // A picture that is shown again says nothing.
                        self.held = held;
                        (None, None)
                    }
                    Some((stamped, arrival)) => {
                        let outcome = Outcome { at: now, arrival: Some(arrival) };
                        self.held = (!is_due).then_some(Held { stamped, outcome });
                        (held.map(|held| held.resolved(follows)), is_due.then_some(outcome))
                    }
                }
            }
            Reading::Corrupted => {
                self.previous = None;
                let ended = self.corrupt(look).then_some(Outcome { at: now, arrival: None });
                (held.map(|held| held.resolved(false)), ended)
            }
            Reading::Absent => {
                self.previous = None;
                (held.map(|held| held.resolved(false)), None)
            }
        };
        before.into_iter().chain(outcome)
    }

    /// Settles `seq`; `None` if it is not in flight. Also returns when it was stamped.
    ///
    /// A number that was not due does not say yet where the stream is.
    fn arrive(&mut self, seq: u16, now: f64, follows: bool, is_due: bool) -> Option<(f64, Arrival)> {
        let at = self.settle(seq)?;
        self.remember(seq, at);
        self.previous = Some(seq);
        let reordered = self.newest_read.is_some_and(|newest| is_older(seq, newest));
        if is_due {
            self.unread = 0;
            self.newest_read = self.newest_read.filter(|_| reordered).or(Some(seq));
        } else {
            self.unread += 1;
        }
        let latency = (now - at).max(0.0);
        let (before, count) = self.agreeing;
        self.agreeing = (latency, if (latency - before).abs() < AGREEMENT { count + 1 } else { 0 });
        self.is_settled |= follows || self.agreeing.1 >= AGREEING;
        Some((at, Arrival { seq, latency, reordered }))
    }

    /// Ends the probe whose marker most probably was the corrupted one; false if none is in flight.
    fn corrupt(&mut self, look: Option<Look>) -> bool {
        let likeliest = look.and_then(|look| look.likeliest).or_else(|| {
            let newest = self.newest_read;
            let later = |seq: &u16| newest.is_none_or(|newest| is_older(newest, *seq));
            self.in_flight().find(later).or_else(|| self.in_flight().next())
        });
        let Some((seq, at)) = likeliest.and_then(|seq| Some((seq, self.settle(seq)?))) else {
            return false;
        };
        // It may still be shown again, legibly. Its frame is no longer one that may have carried another.
        self.remember(seq, at);
        self.unread = self.unread.saturating_sub(1);
        true
    }

    /// Removes the next probe that has timed out. Call until `None`.
    pub fn next_lost(&mut self, now: f64) -> Option<u16> {
        if let Some(held) = self.held.take_if(|held| now - held.stamped >= self.timeout) {
            return held.outcome.arrival.map(|arrival| arrival.seq);
        }
        let front = self.window.front()?;
        if now - front.at < self.timeout {
            return None;
        }
        self.pop_front()
    }

    /// Forgets everything in flight and returns how much that was; numbers go on where they were.
    pub fn drop_in_flight(&mut self) -> usize {
        let dropped = self.pending();
        let next = self.next;
        let newest_read = self.newest_read;
        *self = Self { next, newest_read, ..Self::new(self.timeout) };
        dropped
    }

    /// How many probes have not ended yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending + usize::from(self.held.is_some())
    }

    /// The numbers in flight, oldest first.
    pub fn in_flight(&self) -> impl Iterator<Item = u16> + '_ {
        (0..self.window.len()).filter(|&at| !self.window[at].is_settled).map(|at| self.seq(at))
    }

    /// The place of a number in the window, if it is in flight.
    fn offset(&self, seq: u16) -> Option<usize> {
        let at = usize::from(seq.wrapping_sub(self.first()));
        self.window.get(at).filter(|stamp| !stamp.is_settled).map(|_| at)
    }

    fn seq(&self, at: usize) -> u16 {
        // The window is at most 2^15 long, so the offset always fits.
        self.first().wrapping_add(at as u16)
    }

    /// The number at the front of the window.
    fn first(&self) -> u16 {
        self.next.wrapping_sub(self.window.len() as u16)
    }

    /// Ends the flight of `seq`; when it was stamped, `None` if it is not in flight.
    fn settle(&mut self, seq: u16) -> Option<f64> {
        let offset = self.offset(seq)?;
        let stamp = self.window.get_mut(offset)?;
        stamp.is_settled = true;
        let at = stamp.at;
        self.pending -= 1;
        self.drop_settled();
        Some(at)
    }

    fn remember(&mut self, seq: u16, at: f64) {
        if self.arrived.len() == REPEATS {
            self.arrived.pop_front();
        }
        self.arrived.push_back(Arrived { seq, at });
    }

    fn pop_front(&mut self) -> Option<u16> {
        let seq = self.first();
        self.settle(seq).map(|_| seq)
    }

    /// Keeps the front in flight: each entry is pushed and popped once, so this is constant on average.
    fn drop_settled(&mut self) {
        while self.window.front().is_some_and(|stamp| stamp.is_settled) {
            self.window.pop_front();
        }
    }
}

impl Held {
    /// Its outcome, given whether the picture after it carried the number after it.
    fn resolved(self, is_confirmed: bool) -> Outcome {
        Outcome { arrival: self.outcome.arrival.filter(|_| is_confirmed), ..self.outcome }
    }
}

/// Whether `a` comes before `b` by serial-number arithmetic.
fn is_older(a: u16, b: u16) -> bool {
    a != b && b.wrapping_sub(a) < MAX_WINDOW as u16
}

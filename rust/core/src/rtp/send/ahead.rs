//! Copies that are sent before anybody can ask for them.
//!
//! A packet that is lost comes again a round trip later, and every picture after it waits as well. With ten packets to a
//! picture and one in twenty lost, that is every other picture. Where a path loses packets whatever is sent, what the
//! rate leaves is therefore spent on sending pictures twice: then it is one in forty. Each copy follows its packet as
//! far behind as the pictures allow, since losses come in bursts. It is sent as repair is (RFC 4588), so any far side
//! takes it.

use super::SendTuning;
use crate::rtp::event::SenderId;
use crate::rtp::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// A copy leaves this long after its packet at least; a burst of losses may be over by then.
const APART: Duration = Duration::from_millis(10);
/// And this long at most: the far side has asked by then.
const LATEST: Duration = Duration::from_millis(60);
/// What is left of the rate can be saved for this long.
const SAVED: Duration = Duration::from_millis(100);

/// A packet whose copy waits.
#[derive(Clone, Copy, Debug)]
pub struct Copy {
    pub sender: SenderId,
    /// The packet's full number.
    pub number: u64,
    pub bytes: usize,
    left: Time,
}

/// The copies of a transport.
#[derive(Debug)]
pub struct Ahead {
    tuning: SendTuning,
    on: bool,
    waiting: VecDeque<Copy>,
    /// Bytes that the rate has left, or that were sent beyond it.
    spare: f64,
    filled: Option<Time>,
}

impl Ahead {
    pub const fn new(tuning: SendTuning) -> Self {
        Self { tuning, on: false, waiting: VecDeque::new(), spare: 0.0, filled: None }
    }

    /// Takes the share of packets that the path loses by itself, and how long repair takes.
    pub fn judge(&mut self, loss: f64, round_trip: Duration) {
        let (off, on) = self.tuning.ahead_loss;
        self.on = loss > if self.on { off } else { on } && round_trip >= self.tuning.ahead_round_trip;
        if !self.on {
            self.waiting.clear();
        }
    }

    /// Whether pictures are sent twice.
    pub const fn is_on(&self) -> bool {
        self.on
    }

    /// Notes that a packet of pictures left, of which a copy is worth having.
    pub fn push(&mut self, sender: SenderId, number: u64, bytes: usize, now: Time) {
        if self.on {
            self.forget_late(now);
            self.waiting.push_back(Copy { sender, number, bytes, left: now });
        }
    }

    /// Forgets what comes too late: while the pacer is busy nobody asks for it.
    fn forget_late(&mut self, now: Time) {
        while self.waiting.front().is_some_and(|copy| now > copy.left + LATEST) {
            self.waiting.pop_front();
        }
    }

    /// Notes that so many bytes leave, of whatever kind, at a rate of `target` bit/s in all.
    pub fn spend(&mut self, bytes: usize, target: u64, now: Time) {
        self.fill(target, now);
        self.spare -= bytes as f64;
    }

    fn fill(&mut self, target: u64, now: Time) {
        let elapsed = self.filled.replace(now).map_or(0.0, |filled| (now - filled).as_secs_f64());
        let a_second = target as f64 / 8.0;
        let most = a_second * SAVED.as_secs_f64();
        self.spare = (self.spare + a_second * elapsed).clamp(-most, most);
    }

    /// The copy that may leave now. What comes too late, or is more than the rate leaves, never does.
    pub fn next(&mut self, target: u64, now: Time) -> Option<Copy> {
        self.fill(target, now);
        self.forget_late(now);
        while let Some(&copy) = self.waiting.front().filter(|copy| now >= copy.left + APART) {
            self.waiting.pop_front();
            if self.spare >= copy.bytes as f64 {
                return Some(copy);
            }
        }
        None
    }

    /// When [`next`](Self::next) has one at the earliest.
    pub fn due(&self) -> Option<Time> {
        self.waiting.front().map(|copy| copy.left + APART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: SenderId = SenderId(1);
    const LONG: Duration = Duration::from_millis(80);

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    fn on() -> Ahead {
        let mut ahead = Ahead::new(SendTuning::default());
        ahead.judge(0.05, LONG);
        ahead
    }

    /// Sends a packet of 1000 bytes each `interval` for a second at 1 Mbit/s; how many copies left.
    fn copies(interval: u64) -> usize {
        let mut ahead = on();
        let mut left = 0;
        for now in 0..1_000 {
            if now % interval == 0 {
                ahead.spend(1_000, 1_000_000, at(now));
                ahead.push(SENDER, now, 1_000, at(now));
            }
            while let Some(copy) = ahead.next(1_000_000, at(now)) {
                ahead.spend(copy.bytes, 1_000_000, at(now));
                left += 1;
            }
        }
        left
    }

    #[test]
    fn what_the_rate_leaves_is_spent() {
        assert!((60..=62).contains(&copies(16)), "all of 62: {}", copies(16));
        assert!((20..30).contains(&copies(10)), "a quarter of 100: {}", copies(10));
        assert_eq!(copies(8), 0, "the rate is used up");
    }

    #[test]
    fn neither_at_once_nor_too_late() {
        let mut ahead = on();
        ahead.next(1_000_000, at(0));
        ahead.push(SENDER, 7, 1_000, at(100));
        assert_eq!(ahead.due(), Some(at(110)));
        assert!(ahead.next(1_000_000, at(109)).is_none());
        assert_eq!(ahead.next(1_000_000, at(110)).map(|copy| copy.number), Some(7));
        ahead.push(SENDER, 8, 1_000, at(200));
        assert!(ahead.next(1_000_000, at(261)).is_none());
        assert_eq!(ahead.due(), None);
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        let mut ahead = on();
        (0..1_000).for_each(|millis| ahead.push(SENDER, millis, 1_000, at(millis)));
        assert!(ahead.waiting.len() <= 61, "{}", ahead.waiting.len());
    }

    #[test]
    fn only_where_packets_are_lost_and_repair_takes_long() {
        let mut ahead = Ahead::new(SendTuning::default());
        let mut judged = |loss, round_trip| {
            ahead.judge(loss, round_trip);
            ahead.is_on()
        };
        assert!(!judged(0.015, LONG));
        assert!(judged(0.03, LONG) && judged(0.015, LONG), "once it is on it stays");
        assert!(!judged(0.005, LONG));
        assert!(!judged(0.05, Duration::from_millis(10)), "repair is quick");
    }
}

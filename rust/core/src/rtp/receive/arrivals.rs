//! When each packet of the transport came, for the far side's rate control (transport-wide feedback).

use crate::rtp::seq::SeqUnwrapper;
use crate::rtp::time::Time;
use crate::rtp::wire::feedback::{FeedbackNames, write_feedback};
use std::time::Duration;

/// What came is remembered for this long: a packet that comes late is told together with those after it.
const MEMORY: Duration = Duration::from_millis(500);
/// More are not remembered, however seldom messages are asked for.
const CAPACITY: usize = 8192;
/// Numbers further apart than this are of another sender.
const MAX_JUMP: u64 = 1 << 14;
/// The share of what is received that feedback may take.
const SHARE: f64 = 0.05;
/// Bytes of a message on the wire with everything around it.
const MESSAGE: f64 = 90.0;
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(250);
/// The first messages are told at once, since the far side begins at a rate that it guessed: so many, so soon.
const EAGER: (u8, Duration) = (16, Duration::from_millis(15));

/// The arrivals that are still to be told, and those told lately.
#[derive(Debug)]
pub struct Arrivals {
    unwrapper: SeqUnwrapper,
    /// Ascending by number.
    arrivals: Vec<(u64, Time)>,
    /// The first number that is still to be told of.
    base: Option<u64>,
    messages: u8,
    /// Messages that are still told at once.
    eager: u8,
    /// When the next message is due, while there is something to tell.
    due: Option<Time>,
    /// Bytes since the last message, and when that was.
    received: (usize, Option<Time>),
    interval: Duration,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            unwrapper: SeqUnwrapper::default(),
            arrivals: Vec::new(),
            base: None,
            messages: 0,
            eager: EAGER.0,
            due: None,
            received: (0, None),
            interval: SHORTEST,
        }
    }
}

impl Arrivals {
    /// Notes that the packet with this transport-wide number came, of so many bytes.
    pub fn push(&mut self, number: u16, bytes: usize, now: Time) {
        let number = self.unwrapper.unwrap(number);
        if self.arrivals.last().is_some_and(|&(last, _)| number.abs_diff(last) > MAX_JUMP) {
            self.arrivals.clear();
            self.base = None;
        }
        self.received.0 += bytes;
        let oldest = self.arrivals.first().map(|&(oldest, _)| oldest).or(self.base);
        if oldest.is_some_and(|oldest| number < oldest && self.base.is_some_and(|base| number < base)) {
            // Those after it are forgotten, and would be told as lost.
            return;
        }
        // Of a duplicate, the first arrival counts.
        let Err(index) = self.arrivals.binary_search_by_key(&number, |&(number, _)| number) else { return };
        self.arrivals.insert(index, (number, now));
        if self.arrivals.len() > CAPACITY {
            self.arrivals.drain(..CAPACITY / 2);
            self.base = None;
        }
        self.base = Some(self.base.map_or(self.arrivals[0].0, |base| base.min(number)));
        let wait = if self.eager > 0 { EAGER.1 } else { self.interval };
        self.due.get_or_insert(now + wait);
    }

    /// When [`write`](Self::write) has something to tell.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.due
    }

    /// Appends what is to be told, in as many messages as it takes.
    pub fn write(&mut self, sender_ssrc: u32, media_ssrc: u32, now: Time, out: &mut Vec<u8>) {
        self.due = None;
        self.eager = self.eager.saturating_sub(1);
        let Some(mut base) = self.base else { return };
        let mut index = self.arrivals.partition_point(|&(number, _)| number < base);
        while index < self.arrivals.len() {
            let names = FeedbackNames { sender_ssrc, media_ssrc, number: self.messages };
            let taken = write_feedback(names, base, &self.arrivals[index..], out).max(1);
            self.messages = self.messages.wrapping_add(1);
            index += taken;
            base = self.arrivals[index - 1].0 + 1;
        }
        self.base = Some(base);
        self.arrivals.retain(|&(_, at)| now - at <= MEMORY);
        self.adapt(now);
    }

    /// Feedback more often where much is received, within its share.
    fn adapt(&mut self, now: Time) {
        let (bytes, since) = std::mem::replace(&mut self.received, (0, Some(now)));
        let Some(since) = since else { return };
        let rate = bytes as f64 / (now - since).as_secs_f64().max(1e-3);
        let interval = Duration::from_secs_f64((MESSAGE / (SHARE * rate.max(1.0))).min(1.0));
        self.interval = interval.clamp(SHORTEST, LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::wire::rtcp::{Rtcp, packets};

    fn at(millis: u64) -> Time {
        Time::from_micros(64_000 * 100 + millis * 1000)
    }

    /// Each number with its arrival in milliseconds, as the far side reads it, and how many messages it took.
    fn told(arrivals: &mut Arrivals, now: u64) -> (Vec<(u16, Option<i64>)>, usize) {
        let mut bytes = Vec::new();
        arrivals.write(1, 2, at(now), &mut bytes);
        let (mut all, mut messages) = (Vec::new(), 0);
        for packet in packets(&bytes) {
            let Ok(Rtcp::TransportFeedback(feedback)) = packet else { panic!("{packet:?}") };
            let reference = i64::from(feedback.reference) * 64 - 64 * 100;
            messages += 1;
            all.extend(feedback.packets().map(|(number, at)| (number, at.map(|at| at / 1000 + reference))));
        }
        (all, messages)
    }

    #[test]
    fn every_packet_is_told_of_once_over_the_wrap() {
        let mut arrivals = Arrivals::default();
        for (number, millis) in [(65534, 0), (65535, 3), (1, 9), (1, 30)] {
            arrivals.push(number, 1000, at(millis));
        }
        assert_eq!(arrivals.deadline(), Some(at(15)), "the first ones at once");
        let expected = vec![(65534, Some(0)), (65535, Some(3)), (0, None), (1, Some(9))];
        assert_eq!(told(&mut arrivals, 50), (expected, 1));
        assert_eq!(arrivals.deadline(), None);
        assert_eq!(told(&mut arrivals, 60), (vec![], 0));
        arrivals.push(2, 1000, at(70));
        assert_eq!(told(&mut arrivals, 120), (vec![(2, Some(70))], 1));
    }

    #[test]
    fn what_comes_late_is_told_together_with_what_came_after_it() {
        let mut arrivals = Arrivals::default();
        for number in [10, 11, 13] {
            arrivals.push(number, 1000, at(0));
        }
        told(&mut arrivals, 50);
        arrivals.push(12, 1000, at(60));
        assert_eq!(told(&mut arrivals, 110), (vec![(12, Some(60)), (13, Some(0))], 1));
        // Not when those after it are forgotten, and would seem lost.
        for number in 14..20 {
            arrivals.push(number, 1000, at(1000));
        }
        told(&mut arrivals, 1050);
        arrivals.push(9, 1000, at(1060));
        assert_eq!(told(&mut arrivals, 1100), (vec![], 0));
    }

    #[test]
    fn messages_come_more_often_where_much_is_received() {
        for (bytes, interval) in [(100, 250), (2000, 50), (600, 150)] {
            let mut arrivals = Arrivals::default();
            for step in 0..200 {
                arrivals.push(step as u16, bytes, at(step * 50));
                if arrivals.deadline().is_some_and(|due| due <= at(step * 50)) {
                    told(&mut arrivals, step * 50);
                }
            }
            let wait = arrivals.interval.as_millis();
            assert!(wait.abs_diff(interval) < 40, "{bytes} bytes each 50 ms: {wait}");
        }
    }

    #[test]
    fn nothing_grows_without_a_reader() {
        let mut arrivals = Arrivals::default();
        for number in 0..100_000_u32 {
            arrivals.push(number as u16, 1000, at(0));
        }
        assert!(arrivals.arrivals.len() <= CAPACITY);
        let (told, messages) = told(&mut arrivals, 0);
        assert!(told.len() <= CAPACITY && messages > 10);
    }
}

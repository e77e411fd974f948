//! How long the far side takes to send a packet again: measured, because one who only receives has no other way to know.
//!
//! Which of several requests a packet answers does not show. Where the round trip of the path is known, it is the last that
//! is old enough; else the first: many answer that, even where bursts of losses take requests and answers. Of the times
//! since then, one of the shorter is the round trip, whatever has been believed before.

use crate::rtp::time::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// The latest answers that count.
const ANSWERS: usize = 15;
/// The share of answers that are to the first request even on a bad path.
const FIRST: f64 = 0.3;
/// An answer that takes longer is none.
const LONGEST: Duration = Duration::from_secs(2);
/// Packets that were given up are remembered up to this many: their answers tell as much as others.
const MEMORY: usize = 64;
/// The least that is waited beyond the expected.
const MARGIN: Duration = Duration::from_millis(8);
/// So many packets in a row that nobody was waiting for are copies sent ahead: what comes then may be no answer.
const COPIES: u8 = 4;
/// They say so for this long.
const COPYING: Duration = Duration::from_secs(2);
/// The round trip before any is known.
const DEFAULT: Duration = Duration::from_millis(100);

/// The answers to requests of one stream.
#[derive(Debug, Default)]
pub struct Answers {
    latest: VecDeque<Duration>,
    /// How long those to the first request take, and within what time half of all come.
    usual: Option<(Duration, Duration)>,
    /// That of the path.
    path: Option<Duration>,
    /// Packets in a row that nobody was waiting for, and until when they are taken for copies sent ahead.
    unasked: u8,
    copying: Option<Time>,
    /// Packets given up, and when they were asked for first.
    given_up: VecDeque<(u64, Time)>,
}

impl Answers {
    /// Notes that a packet was sent again that was here already.
    pub fn unasked(&mut self, now: Time) {
        self.unasked = self.unasked.saturating_add(1);
        if self.unasked >= COPIES {
            self.copying = Some(now + COPYING);
        }
    }

    /// Whether an answer may take no longer than this. A busy machine measures the path too long, by half as much again at
    /// times; what is taken for too short an answer does no harm, since no round trip is shorter than the path's. Nobody
    /// knows before the path was measured.
    #[must_use]
    pub fn may_take(&self, took: Duration) -> bool {
        self.path.is_some_and(|path| took >= path / 2)
    }

    /// Takes an answer at `now`, by how long after the request it came.
    pub fn push(&mut self, took: Duration, now: Time) {
        self.unasked = 0;
        if took > LONGEST || self.copying.is_some_and(|until| now < until) {
            return;
        }
        if self.latest.len() == ANSWERS {
            self.latest.pop_front();
        }
        self.latest.push_back(took);
        let mut sorted = [Duration::ZERO; ANSWERS];
        let sorted = &mut sorted[..self.latest.len()];
        sorted.iter_mut().zip(&self.latest).for_each(|(to, from)| *to = *from);
        sorted.sort_unstable();
        let last = sorted.len() - 1;
        self.usual = Some((sorted[(last as f64 * FIRST).round() as usize], sorted[last / 2]));
    }

    /// Notes that a packet is given up that was asked for first at `asked`.
    pub fn give_up(&mut self, sequence: u64, asked: Time) {
        if self.given_up.len() == MEMORY {
            self.given_up.pop_front();
        }
        self.given_up.push_back((sequence, asked));
    }

    /// Takes what was sent again and is not missing: the answer for a packet that was given up, or a copy.
    pub fn late(&mut self, sequence: u64, now: Time) {
        let Some(index) = self.given_up.iter().position(|&(other, _)| other == sequence) else {
            self.unasked(now);
            return;
        };
        let asked = self.given_up.remove(index).map(|(_, asked)| asked);
        asked.into_iter().for_each(|asked| self.push(now - asked, now));
    }

    /// Takes the path's round trip, as reports or connectivity checks measured it.
    pub fn set_path(&mut self, round_trip: Duration) {
        self.path = Some(round_trip.min(LONGEST));
    }

    /// How long an answer takes.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        self.usual.map(|(usual, _)| usual).max(self.path).unwrap_or(DEFAULT)
    }

    /// How long to wait for the first answer before asking again. One packet too many costs little, and the far side
    /// sends none twice within what it takes for the round trip.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        let expected = self.round_trip();
        let half = self.usual.map_or(expected * 5 / 4, |(_, half)| half.max(expected));
        (half + MARGIN).min(self.long_timeout())
    }

    /// How long to wait for any other: the far side takes a third request for the loss of two answers, and makes a key
    /// frame.
    #[must_use]
    pub fn long_timeout(&self) -> Duration {
        self.round_trip() * 5 / 4 + MARGIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::ZERO;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn lost_requests_do_not_make_the_round_trip_longer() {
        let mut answers = Answers::default();
        assert_eq!(answers.round_trip(), ms(100));
        // Each third is answered only when asked again.
        (0..30).for_each(|n| answers.push(ms(if n % 3 == 0 { 180 } else { 80 + n % 5 }), NOW));
        assert!((ms(80)..=ms(85)).contains(&answers.round_trip()), "{:?}", answers.round_trip());
        assert!(answers.timeout() <= ms(95), "{:?}", answers.timeout());
    }

    #[test]
    fn a_longer_way_is_noticed_though_everything_is_asked_for_too_often() {
        let mut answers = Answers::default();
        (0..15).for_each(|_| answers.push(ms(10), NOW));
        assert!(answers.timeout() <= ms(20));
        (0..11).for_each(|_| answers.push(ms(220), NOW));
        assert_eq!(answers.round_trip(), ms(220));
    }

    #[test]
    fn copies_sent_ahead_are_no_answers() {
        let mut answers = Answers::default();
        (0..15).for_each(|_| answers.push(ms(80), NOW));
        (0..20).for_each(|sequence| answers.late(sequence, NOW));
        (0..15).for_each(|_| answers.push(ms(10), NOW));
        assert_eq!(answers.round_trip(), ms(80));
        // Two answers to each request are none.
        (0..15).for_each(|n| {
            answers.push(ms(120), NOW + COPYING);
            answers.late(n, NOW + COPYING);
        });
        assert_eq!(answers.round_trip(), ms(120));
    }

    #[test]
    fn answers_that_come_too_late_are_counted() {
        let mut answers = Answers::default();
        for sequence in 0..100 {
            answers.give_up(sequence, Time::from_micros(sequence * 1000));
        }
        answers.late(5, Time::from_micros(400_000));
        assert_eq!(answers.round_trip(), ms(100), "forgotten");
        answers.late(99, Time::from_micros(399_000));
        answers.late(99, Time::from_micros(900_000));
        assert_eq!(answers.round_trip(), ms(300), "counted once");
    }

    #[test]
    fn the_path_says_which_request_an_answer_is_to() {
        let mut answers = Answers::default();
        assert!(!answers.may_take(ms(500)), "nobody knows");
        answers.set_path(ms(80));
        assert!(answers.may_take(ms(40)) && !answers.may_take(ms(39)));
        assert_eq!((answers.timeout(), answers.long_timeout()), (ms(108), ms(108)));
        answers.push(ms(84), NOW);
        assert_eq!((answers.timeout(), answers.long_timeout()), (ms(92), ms(113)));
    }
}

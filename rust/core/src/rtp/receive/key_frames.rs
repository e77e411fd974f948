//! Asking for key frames: at once when one is needed, and seldom enough that answers have time to come.

use super::Tuning;
use crate::rtp::time::Time;
use std::time::Duration;

/// A stream that is silent for this long is not asked.
const SILENCE: Duration = Duration::from_secs(5);
/// What an answer takes beside the round trip, and what it takes at least.
const ENCODING: Duration = Duration::from_millis(60);
const LEAST_WAIT: Duration = Duration::from_millis(150);
/// The first so many follow each other as soon as an answer should have come: requests are lost as packets are.
const EAGER: i32 = 3;
/// How much longer each wait after them is than the one before.
const BACKOFF: f64 = 1.5;

/// The requests of one stream.
#[derive(Debug, Default)]
pub struct KeyFrameRequests {
    /// From when on to ask, while a key frame is needed.
    next: Option<Time>,
    /// When asked last.
    last: Option<Time>,
    /// How long the answer to the last request is waited for.
    wait: Duration,
    /// Requests without an answer.
    unanswered: i32,
}

impl KeyFrameRequests {
    /// A key frame is needed. Changes nothing if that is known.
    pub fn need(&mut self, tuning: &Tuning, at: Time) {
        if self.next.is_none() {
            let earliest = self.last.map_or(at, |last| last + self.wait.max(tuning.min_key_frame_interval));
            self.next = Some(earliest.max(at));
        }
    }

    /// A key frame has begun to come: none is asked for while it may become complete.
    pub fn begun(&mut self) {
        self.next = None;
    }

    /// A key frame is complete: what was asked for is answered.
    pub fn answered(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }

    /// Whether one is needed.
    #[must_use]
    pub fn needed(&self) -> bool {
        self.next.is_some()
    }

    /// Whether to ask at `now`, where the latest packet came at `latest`; what is asked counts as sent.
    pub fn request(&mut self, tuning: &Tuning, round_trip: Duration, latest: Time, now: Time) -> bool {
        if self.next.is_none_or(|next| next > now) {
            return false;
        }
        let most = tuning.max_key_frame_interval;
        if now - latest > SILENCE {
            self.next = Some(now + most);
            return false;
        }
        // A round trip, and the time until the next picture is captured, encoded, and begins to leave.
        let answer = (round_trip * 5 / 4 + ENCODING).max(LEAST_WAIT);
        self.unanswered += 1;
        self.wait = answer.mul_f64(BACKOFF.powi((self.unanswered - EAGER).clamp(0, 16))).min(most);
        self.last = Some(now);
        self.next = Some(now + self.wait);
        true
    }

    /// When to ask next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1000)
    }

    /// When requests go out within a span, if a key frame is needed all the time.
    fn asked(requests: &mut KeyFrameRequests, millis: std::ops::Range<u64>) -> Vec<u64> {
        let tuning = Tuning::default();
        let trip = Duration::from_millis(80);
        millis.filter(|&ms| requests.request(&tuning, trip, at(ms), at(ms))).collect()
    }

    #[test]
    fn asks_at_once_and_then_ever_less_often() {
        let mut requests = KeyFrameRequests::default();
        requests.need(&Tuning::default(), at(50));
        assert_eq!(
            asked(&mut requests, 0..8000),
            [50, 210, 370, 530, 770, 1130, 1670, 2480, 3695, 5518, 7518]
        );
    }

    #[test]
    fn a_need_right_after_an_answer_waits_for_the_interval() {
        let mut requests = KeyFrameRequests::default();
        requests.need(&Tuning::default(), at(0));
        assert_eq!(asked(&mut requests, 0..100), [0]);
        requests.answered();
        requests.need(&Tuning::default(), at(100));
        assert_eq!(asked(&mut requests, 100..400), [300]);
    }

    #[test]
    fn key_frames_that_never_become_complete_are_asked_for_ever_less_often() {
        let mut requests = KeyFrameRequests::default();
        let mut all = Vec::new();
        for begun in (0..6000).step_by(400) {
            requests.need(&Tuning::default(), at(begun));
            all.extend(asked(&mut requests, begun..begun + 390));
            requests.begun();
        }
        assert!(all.len() <= 10, "{all:?}");
    }

    #[test]
    fn a_silent_stream_is_not_asked() {
        let mut requests = KeyFrameRequests::default();
        let tuning = Tuning::default();
        requests.need(&tuning, at(6000));
        assert!(!requests.request(&tuning, Duration::ZERO, at(0), at(6000)));
        assert!(requests.request(&tuning, Duration::ZERO, at(7999), at(8000)));
    }
}

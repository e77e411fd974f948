//! Which requests of a key frame reach the encoder.

use crate::rtp::time::Time;
use std::time::Duration;

/// From a key frame to one that nobody has asked for.
const OFFERS_APART: Duration = Duration::from_secs(1);

/// Beyond a round trip, the time in which a key frame is repaired.
const FRESH: Duration = Duration::from_millis(400);

/// Requests of one stream.
#[derive(Debug)]
pub struct KeyFrameRequests {
    /// From one asked for to the next.
    apart: Duration,
    /// The encoder has yet to be told.
    wanted: bool,
    /// The encoder was told, and has not answered.
    awaited: bool,
    told: Option<Time>,
    /// A key frame waits to leave, or leaves.
    leaving: bool,
    left: Option<Time>,
    /// The number of the latest FIR: the same is the same request once more (RFC 5104, 4.3.1.2).
    fir: Option<u8>,
}

impl KeyFrameRequests {
    /// None so far; the encoder is not told of one within `apart` of the last.
    pub const fn new(apart: Duration) -> Self {
        Self { apart, wanted: false, awaited: false, told: None, leaving: false, left: None, fir: None }
    }

    /// Whether this FIR is a new request.
    pub fn is_new(&mut self, number: u8) -> bool {
        self.fir.replace(number) != Some(number)
    }

    /// Takes a request. One made before the last key frame can have arrived is answered by that.
    pub fn want(&mut self, round_trip: Duration, now: Time) {
        let within = |then: Option<Time>, span| then.is_some_and(|then| now - then < span);
        if self.leaving || within(self.left, round_trip) || within(self.told, self.apart) {
            return;
        }
        self.wanted = true;
        self.told = Some(now);
    }

    /// Asks for a key frame without having been asked for one: repair is too much. Seldom, since the far side will ask
    /// where it sees it the same way.
    pub fn offer(&mut self, round_trip: Duration, now: Time) {
        let lately = |then: Option<Time>| then.is_some_and(|then| now - then < OFFERS_APART);
        if !lately(self.left) && !lately(self.told) {
            self.want(round_trip, now);
        }
    }

    /// Whether the encoder is to be told now.
    pub fn take(&mut self) -> bool {
        self.awaited |= self.wanted;
        std::mem::take(&mut self.wanted)
    }

    /// Whether the encoder was told and has not answered.
    pub const fn is_awaited(&self) -> bool {
        self.awaited
    }

    /// Whether a key frame waits to leave, or leaves.
    pub const fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Whether the last one left so short a time ago that the far side may not have all of it.
    pub fn is_fresh(&self, round_trip: Duration, now: Time) -> bool {
        self.left.is_some_and(|left| now - left < round_trip + FRESH)
    }

    /// Notes that a key frame waits to leave.
    pub fn queued(&mut self) {
        self.leaving = true;
        (self.wanted, self.awaited) = (false, false);
    }

    /// Notes that what waited to leave, a key frame or what refers to one, never will: another is needed.
    pub fn abandoned(&mut self, now: Time) {
        self.leaving = false;
        self.wanted = true;
        self.told = Some(now);
    }

    /// Notes that the last packet of a key frame has left.
    pub fn left(&mut self, now: Time) {
        self.leaving = false;
        self.left = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APART: Duration = Duration::from_millis(300);
    const ROUND_TRIP: Duration = Duration::from_millis(400);

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    fn want(requests: &mut KeyFrameRequests, millis: u64) -> bool {
        requests.want(ROUND_TRIP, at(millis));
        requests.take()
    }

    #[test]
    fn a_storm_of_requests_is_one() {
        let mut requests = KeyFrameRequests::new(APART);
        let told = (0..1_000).filter(|&millis| want(&mut requests, millis)).collect::<Vec<_>>();
        assert_eq!(told, [0, 300, 600, 900]);
    }

    #[test]
    fn a_key_frame_on_its_way_answers_what_was_asked_before_it_came() {
        let mut requests = KeyFrameRequests::new(APART);
        assert!(want(&mut requests, 0));
        requests.queued();
        assert!(!want(&mut requests, 500));
        requests.left(at(600));
        assert!(!want(&mut requests, 999));
        assert!(want(&mut requests, 1_000));
    }

    #[test]
    fn key_frames_are_offered_seldom() {
        let mut requests = KeyFrameRequests::new(APART);
        let mut offer = |millis| {
            requests.offer(ROUND_TRIP, at(millis));
            requests.take()
        };
        assert_eq!((0..3_000).filter(|&millis| offer(millis)).collect::<Vec<_>>(), [0, 1_000, 2_000]);
    }

    #[test]
    fn a_repeated_fir_is_no_new_request() {
        let mut requests = KeyFrameRequests::new(APART);
        assert!(requests.is_new(7));
        assert!(!requests.is_new(7));
        assert!(requests.is_new(8));
    }
}

//! RTP timestamps that only go on, whatever stream they are of.

use crate::rtp::seq::TimestampUnwrapper;
use crate::rtp::time::Time;

/// Timestamps of the streams that a receiver gets one after the other, on one line.
#[derive(Debug, Default)]
pub struct Timeline {
    unwrapper: TimestampUnwrapper,
    /// What is added to a timestamp of the present stream.
    offset: i64,
    /// The latest timestamp, and when it came.
    latest: Option<(u64, Time)>,
    /// Where the line goes on with the first timestamp of another stream.
    resume: Option<(u64, Time)>,
}

impl Timeline {
    /// What comes next is of another stream, whose timestamps have nothing to do with those before.
    pub fn switch(&mut self) {
        self.resume = self.latest.or(self.resume);
        self.latest = None;
        (self.unwrapper, self.offset) = (TimestampUnwrapper::new(), 0);
    }

    /// The place of a timestamp on the line.
    pub fn place(&mut self, timestamp: u32, clock_rate: u32, now: Time) -> u64 {
        let own = self.unwrapper.unwrap(timestamp);
        if let Some((last, at)) = self.resume.take() {
            let elapsed = (now - at).as_micros() * u128::from(clock_rate) / 1_000_000;
            self.offset = last.saturating_add(elapsed as u64).cast_signed() - own.cast_signed();
        }
        let placed = own.saturating_add_signed(self.offset);
        if self.latest.is_none_or(|(latest, _)| placed > latest) {
            self.latest = Some((placed, now));
        }
        placed
    }

    /// The place of a timestamp that is only told of; `None` before the stream has begun.
    #[must_use]
    pub fn peek(&self, timestamp: u32) -> Option<u64> {
        self.latest.map(|_| self.unwrapper.peek(timestamp).saturating_add_signed(self.offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_stream_goes_on_where_the_last_one_was() {
        let mut line = Timeline::default();
        let at = |millis: u64| Time::from_micros(millis * 1000);
        let first = line.place(u32::MAX - 99, 90_000, at(0));
        assert_eq!(line.place(900, 90_000, at(10)), first + 1000);
        line.switch();
        assert_eq!(line.peek(5), None);
        assert_eq!(line.place(3_000_000_000, 90_000, at(30)), first + 1000 + 1800);
        assert_eq!(line.place(3_000_000_090, 90_000, at(31)), first + 1000 + 1890);
        assert_eq!(line.peek(3_000_000_000), Some(first + 2800));
    }
}

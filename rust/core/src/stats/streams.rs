//! What is known of one stream, from sample to sample.
//!
//! Reports have gaps: a stream is missing for once, or a counter of it is. Counters start from what they were
//! before the gap, and a bitrate is over the time since its bytes were last counted.

use super::entry::{Entry, Number};

pub(super) const VIDEO: &[Number] = &[
    Number::BytesReceived,
    Number::FirCount,
    Number::FrameHeight,
    Number::FrameWidth,
    Number::FramesDecoded,
    Number::FramesDropped,
    Number::FramesPerSecond,
    Number::FramesReceived,
    Number::FramesUnread,
    Number::FreezeCount,
    Number::Jitter,
    Number::JitterBufferDelay,
    Number::JitterBufferEmittedCount,
    Number::JitterBufferMinimumDelay,
    Number::JitterBufferTargetDelay,
    Number::NackCount,
    Number::PacketsLost,
    Number::PacketsReceived,
    Number::PliCount,
    Number::TotalDecodeTime,
    Number::TotalFreezesDuration,
    Number::TotalInterFrameDelay,
    Number::TotalProcessingDelay,
    Number::TotalSquaredInterFrameDelay,
];
pub(super) const AUDIO: &[Number] =
    &[Number::BytesReceived, Number::Jitter, Number::PacketsLost, Number::PacketsReceived];
pub(super) const OUTBOUND: &[Number] = &[
    Number::BytesSent,
    Number::FirCount,
    Number::FrameHeight,
    Number::FrameWidth,
    Number::FramesEncoded,
    Number::FramesPerSecond,
    Number::NackCount,
    Number::PacketsSent,
    Number::PliCount,
    Number::RetransmittedBytesSent,
    Number::RetransmittedPacketsSent,
    Number::TotalEncodeTime,
    Number::TotalPacketSendDelay,
];

/// Members that are of the moment: where they are missing, nothing is known.
const MOMENTARY: &[Number] =
    &[Number::FrameHeight, Number::FrameWidth, Number::FramesPerSecond, Number::Jitter];

type Numbers = [f64; Number::ALL.len()];

/// When something was read: by the clock of the samples, and in milliseconds as its entry says.
#[derive(Clone, Copy, Debug)]
struct Moment {
    clock: f64,
    stamp: Option<f64>,
}

impl Moment {
    /// Seconds since an earlier moment, by the entries' own times where these are near the clock's: a figure may
    /// have been read some time before its sample was taken.
    fn since(self, earlier: Self) -> f64 {
        let elapsed = self.clock - earlier.clock;
        match (self.stamp, earlier.stamp) {
            (Some(now), Some(before)) => {
                let stamped = (now - before) / 1000.0;
                if elapsed > 0.0 && (0.5 * elapsed..=2.0 * elapsed).contains(&stamped) {
                    stamped
                } else {
                    elapsed
                }
            }
            _ => elapsed,
        }
    }
}

/// What is remembered of a stream.
#[derive(Clone, Debug)]
pub(super) struct Known {
    seen: f64,
    numbers: Numbers,
    /// When its bytes were last counted.
    counted: Moment,
    bitrate: u64,
}

impl Known {
    /// When a report last had the stream.
    pub(super) fn seen(&self) -> f64 {
        self.seen
    }
}

/// A stream now, and before.
pub(super) struct Stream {
    pub(super) now: Known,
    before: Numbers,
}

impl Stream {
    /// Reads the members `names` of an entry; `elapsed` is the time since the sample before, for a stream that is
    /// new.
    pub(super) fn new(
        before: Option<&Known>,
        entry: &impl Entry,
        names: &[Number],
        bytes: Number,
        now: f64,
        elapsed: f64,
    ) -> Self {
        let known = before.map_or([0.0; Number::ALL.len()], |before| before.numbers);
        let mut numbers = known;
        for &name in names {
            let missing = if MOMENTARY.contains(&name) { 0.0 } else { known[name as usize] };
            numbers[name as usize] = entry.number(name).unwrap_or(missing);
        }
        let moment = Moment { clock: now, stamp: entry.number(Number::Timestamp) };
        let gain = count(numbers[bytes as usize]).saturating_sub(count(known[bytes as usize]));
        let (counted, bitrate) = match before {
            Some(before) if entry.number(bytes).is_none() => (before.counted, before.bitrate),
            Some(before) => (moment, rate(gain, moment.since(before.counted))),
            None => (moment, rate(gain, elapsed)),
        };
        Self { now: Known { seen: now, numbers, counted, bitrate }, before: known }
    }

    /// A number, 0 if there never was one.
    pub(super) fn amount(&self, name: Number) -> f64 {
        self.now.numbers[name as usize]
    }

    /// A whole number; fractions are cut off and what no `u64` holds is its maximum.
    pub(super) fn count(&self, name: Number) -> u64 {
        count(self.amount(name))
    }

    /// By how much a whole number has grown.
    pub(super) fn gain(&self, name: Number) -> u64 {
        self.count(name).saturating_sub(count(self.before[name as usize]))
    }

    /// By how much a number has grown.
    pub(super) fn gained(&self, name: Number) -> f64 {
        (self.amount(name) - self.before[name as usize]).max(0.0)
    }

    /// Bits per second since its bytes were last counted.
    pub(super) fn bitrate(&self) -> u64 {
        self.now.bitrate
    }
}

fn count(amount: f64) -> u64 {
    amount as u64
}

fn rate(bytes: u64, elapsed: f64) -> u64 {
    if elapsed > 0.0 { (8.0 * bytes as f64 / elapsed + 0.5) as u64 } else { 0 }
}

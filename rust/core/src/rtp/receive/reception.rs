//! What came of a stream and what did not, as receiver reports have it (RFC 3550, 6.4 and appendix A).

use crate::rtp::seq::SeqUnwrapper;
use crate::rtp::time::Time;
use crate::rtp::wire::rtcp::{ReportBlock, SenderInfo, compact_span};
use std::time::Duration;

/// A sequence number that is further ahead is believed only when the next one follows on it.
const MAX_DROPOUT: u64 = 3000;
/// So is one that is further behind.
const MAX_MISORDER: u64 = 1000;

/// A sequence number, judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It continues what came before: the unwrapped number.
    Continues(u64),
    /// The sender counts from somewhere else now: the unwrapped number, and nothing before it will come.
    Restarts(u64),
    /// It is far off, and nothing has confirmed it yet.
    Unlikely,
}

/// The counts of one stream.
#[derive(Debug, Default)]
pub struct Reception {
    unwrapper: SeqUnwrapper,
    first: Option<u64>,
    highest: u64,
    /// The number that would confirm a jump.
    suspect: Option<u16>,
    received: u64,
    /// Expected and received before the sender began to count anew.
    past: (u64, u64),
    /// Expected and received at the last report.
    reported: (u64, u64),
    jitter: f64,
    transit: Option<f64>,
    /// The last sender report, and when it came.
    sender: Option<(SenderInfo, Time)>,
    sender_reports: u64,
}

impl Reception {
    /// Judges the sequence number of a packet of the stream itself, and counts the packet unless it is unlikely.
    pub fn judge(&mut self, number: u16) -> Verdict {
        if self.first.is_none() {
            let sequence = self.unwrapper.unwrap(number);
            (self.first, self.highest) = (Some(sequence), sequence);
            self.received = 1;
            return Verdict::Continues(sequence);
        }
        let sequence = self.unwrapper.peek(number);
        let far = sequence > self.highest + MAX_DROPOUT || sequence + MAX_MISORDER < self.highest;
        if far {
            if self.suspect != Some(number) {
                self.suspect = Some(number.wrapping_add(1));
                return Verdict::Unlikely;
            }
            return Verdict::Restarts(self.restart(number));
        }
        self.suspect = None;
        self.received += 1;
        if sequence > self.highest {
            self.highest = sequence;
            self.unwrapper.unwrap(number);
        }
        Verdict::Continues(sequence)
    }

    fn restart(&mut self, number: u16) -> u64 {
        self.past = self.totals();
        if self.unwrapper.peek(number) < self.highest {
            // By way of half the circle, the same number is ahead: unwrapped numbers only ever grow.
            self.unwrapper.unwrap(number.wrapping_add(1 << 15));
        }
        let sequence = self.unwrapper.unwrap(number);
        (self.first, self.highest, self.received) = (Some(sequence), sequence, 1);
        self.suspect = None;
        self.transit = None;
        sequence
    }

    /// The unwrapped number of a packet that came as a retransmission; `None` before the stream has begun.
    ///
    /// It is not counted: reports tell what the network lost, whether it was repaired or not (RFC 4588, 4).
    #[must_use]
    pub fn place(&self, number: u16) -> Option<u64> {
        self.first.map(|_| self.unwrapper.peek(number))
    }

    /// Notes that the stream has come as far as this number, by a retransmission: the packet itself, and what is missing
    /// before it, was sent and did not come.
    pub fn extend(&mut self, number: u16) {
        self.highest = self.highest.max(self.unwrapper.unwrap(number));
    }

    /// The highest number that came; 0 before any.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Updates the jitter by a packet that was not retransmitted.
    pub fn measure(&mut self, timestamp: u64, clock_rate: u32, now: Time) {
        let transit = now.micros() as f64 / 1e6 * f64::from(clock_rate) - timestamp as f64;
        if let Some(before) = self.transit.replace(transit) {
            self.jitter += ((transit - before).abs() - self.jitter) / 16.0;
        }
    }

    /// Jitter in ticks of the stream's clock.
    #[must_use]
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// Packets lost in all.
    #[must_use]
    pub fn lost(&self) -> i64 {
        let (expected, received) = self.totals();
        expected as i64 - received as i64
    }

    /// Takes a sender report of the stream.
    pub fn reported(&mut self, info: SenderInfo, now: Time) {
        self.sender = Some((info, now));
        self.sender_reports += 1;
    }

    /// The last sender report and when it came, and how many there were.
    #[must_use]
    pub fn sender(&self) -> (Option<(SenderInfo, Time)>, u64) {
        (self.sender, self.sender_reports)
    }

    /// The report of what came since the last one; `None` before the stream has begun.
    pub fn report(&mut self, ssrc: u32, now: Time) -> Option<ReportBlock> {
        self.first?;
        let (expected, received) = self.totals();
        let (expected_before, received_before) = std::mem::replace(&mut self.reported, (expected, received));
        let expected_since = expected.saturating_sub(expected_before);
        let lost_since = expected_since.saturating_sub(received.saturating_sub(received_before));
        let fraction_lost = (lost_since * 256).checked_div(expected_since).unwrap_or(0).min(255) as u8;
        let (last_sender_report, since_sender_report) = match self.sender {
            Some((info, at)) => ((info.ntp >> 16) as u32, compact_span(now - at)),
            None => (0, compact_span(Duration::ZERO)),
        };
        Some(ReportBlock {
            ssrc,
            fraction_lost,
            lost: (expected as i64 - received as i64).clamp(-(1 << 23), (1 << 23) - 1) as i32,
            // The unwrapped count begins a cycle above, which is none of the far side's business.
            highest_seq: (self.highest - (1 << 16)) as u32,
            jitter: self.jitter as u32,
            last_sender_report,
            since_sender_report,
        })
    }

    /// Expected and received in all.
    fn totals(&self) -> (u64, u64) {
        let expected = self.first.map_or(0, |first| self.highest + 1 - first);
        (self.past.0 + expected, self.past.1 + self.received)
    }
}

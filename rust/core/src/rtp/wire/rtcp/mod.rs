//! RTCP: reports and feedback, RFC 3550 section 6, 3611, 4585, 5104, and what browsers add.
//!
//! [`packets`] walks a compound datagram. The functions of `write` append one packet each to a buffer: a compound is
//! one after the other (a report first, then [`write_sdes`]), feedback alone is the reduced size of RFC 5506.

pub mod feedback;
mod parse;
mod write;

pub use parse::packets;
use write::packet;
pub use write::{
    write_bye, write_fir, write_nack, write_pli, write_receiver_report, write_reference_time, write_remb,
    write_sdes, write_sender_report, write_since_reference,
};

use crate::rtp::time::Time;
use feedback::TransportFeedback;
use std::time::Duration;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
/// Feedback of the transport layer (RFC 4585).
const TRANSPORT: u8 = 205;
/// Feedback of the payload.
const PAYLOAD: u8 = 206;
const EXTENDED: u8 = 207;

/// Formats of [`TRANSPORT`].
const NACK: u8 = 1;
const TRANSPORT_CC: u8 = 15;
/// Formats of [`PAYLOAD`].
const PLI: u8 = 1;
const FIR: u8 = 4;
const APPLICATION: u8 = 15;
const REMB: [u8; 4] = *b"REMB";

/// Items of [`SDES`].
const CNAME: u8 = 1;
/// Blocks of [`EXTENDED`].
const REFERENCE_TIME: u8 = 4;
const SINCE_REFERENCE: u8 = 5;

/// Reports that fit one packet: their number has five bits.
pub const MAX_REPORTS: usize = 31;

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rtcp<'a> {
    /// What a sender has sent, and what it has received itself.
    SenderReport {
        /// The sender's stream.
        ssrc: u32,
        /// What it has sent.
        info: SenderInfo,
        /// What it has received.
        reports: Records<'a, ReportBlock>,
    },
    /// What a receiver has received.
    ReceiverReport {
        /// The receiver's own SSRC.
        ssrc: u32,
        /// What it has received.
        reports: Records<'a, ReportBlock>,
    },
    /// Whose the streams are.
    Descriptions(Descriptions<'a>),
    /// Streams that end.
    Bye {
        /// Their SSRCs.
        ssrcs: Records<'a, u32>,
    },
    /// Packets that are missed.
    Nack {
        /// Who misses them.
        sender_ssrc: u32,
        /// The stream whose packets are missed.
        media_ssrc: u32,
        /// Which: [`NackPair::sequence_numbers`].
        pairs: Records<'a, NackPair>,
    },
    /// The picture is lost: send a key frame.
    Pli {
        /// Who wants it.
        sender_ssrc: u32,
        /// The stream that it is wanted of.
        media_ssrc: u32,
    },
    /// A key frame is needed, say because somebody has joined.
    Fir {
        /// Who wants it.
        sender_ssrc: u32,
        /// The streams that it is wanted of.
        requests: Records<'a, FirRequest>,
    },
    /// Receiver estimated maximum bit rate: what the receiver thinks these streams together may have.
    Remb {
        /// Who thinks so.
        sender_ssrc: u32,
        /// Bits a second.
        bitrate: u64,
        /// The streams.
        ssrcs: Records<'a, u32>,
    },
    /// When each packet of the transport arrived.
    TransportFeedback(TransportFeedback<'a>),
    /// Extended reports (RFC 3611).
    Extended {
        /// Who reports.
        ssrc: u32,
        /// What.
        blocks: ExtendedBlocks<'a>,
    },
}

/// A sender report's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// When the report was sent, NTP's format.
    pub ntp: u64,
    /// The same instant by the stream's clock.
    pub timestamp: u32,
    /// Packets sent in all; wraps.
    pub packets: u32,
    /// Bytes of payload sent in all, without padding; wraps.
    pub bytes: u32,
}

/// What a receiver reports of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: u32,
    /// Share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all: 24 bits with a sign, since duplicates count against it. Held to that range when written.
    pub lost: i32,
    /// The highest sequence number, with its wraps counted in the upper half.
    pub highest_seq: u32,
    /// Interarrival jitter in ticks of the stream's clock.
    pub jitter: u32,
    /// [`Time::compact_ntp`] of the last sender report; 0 if there was none.
    pub last_sender_report: u32,
    /// From its arrival to this report, in 1/65536 s.
    pub since_sender_report: u32,
}

impl ReportBlock {
    /// The round trip that this report, come at `now`, tells to the one whose clock it answers: `None` if it had
    /// seen no sender report, or says that it kept it for longer than it was on its way.
    #[must_use]
    pub fn round_trip(&self, now: Time) -> Option<Duration> {
        round_trip(self.last_sender_report, self.since_sender_report, now)
    }
}

/// Source descriptions; of their items only the canonical name is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptions<'a> {
    bytes: &'a [u8],
}

/// The blocks of an extended report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedBlocks<'a> {
    bytes: &'a [u8],
}

/// A block of an extended report that means something to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedBlock<'a> {
    /// The time of one that sends no media, in NTP's format, so that it can measure the round trip (section 4.4).
    ReferenceTime(u64),
    /// The answers to it (section 4.5).
    SinceReference(Records<'a, SinceReference>),
}

/// One reference time answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinceReference {
    /// Whose time.
    pub ssrc: u32,
    /// The compact form of that time; 0 if none had come.
    pub last_reference: u32,
    /// From its arrival to this answer, in 1/65536 s.
    pub since_reference: u32,
}

impl SinceReference {
    /// The round trip, as [`ReportBlock::round_trip`] has it.
    #[must_use]
    pub fn round_trip(&self, now: Time) -> Option<Duration> {
        round_trip(self.last_reference, self.since_reference, now)
    }
}

fn round_trip(then: u32, kept: u32, now: Time) -> Option<Duration> {
    if then == 0 {
        return None;
    }
    let trip = now.compact_ntp().wrapping_sub(then).wrapping_sub(kept);
    // Clocks of different rates can make it a little less than nothing.
    (trip < 1 << 31).then(|| Duration::from_micros((u64::from(trip) * 1_000_000) >> 16))
}

/// A span as RTCP has it: units of 1/65536 s, at most 18 hours.
#[must_use]
pub fn compact_span(span: Duration) -> u32 {
    u32::try_from((span.as_micros() << 16) / 1_000_000).unwrap_or(u32::MAX)
}

/// Up to 17 missed packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NackPair {
    /// The first.
    pub first: u16,
    /// Bit `i`: the one `i + 1` after it, too.
    pub following: u16,
}

impl NackPair {
    /// The sequence numbers, in order.
    pub fn sequence_numbers(self) -> impl Iterator<Item = u16> {
        let following = (0..16).filter(move |bit| self.following >> bit & 1 == 1);
        std::iter::once(self.first).chain(following.map(move |bit| self.first.wrapping_add(bit + 1)))
    }
}

/// One stream that a key frame is wanted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirRequest {
    /// The stream.
    pub ssrc: u32,
    /// Counts requests: the same number is the same request once more.
    pub number: u8,
}

/// Records of one size, as they lie in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records<'a, T> {
    bytes: &'a [u8],
    record: std::marker::PhantomData<T>,
}

/// What [`Records`] can hold.
pub trait Record: Sized {
    /// Bytes of it.
    const SIZE: usize;

    /// Reads one from its bytes, if they are all there.
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl<T: Record> Records<'_, T> {
    /// Each record, in order.
    pub fn iter(self) -> impl Iterator<Item = T> {
        self.bytes.chunks_exact(T::SIZE).filter_map(T::read)
    }
}

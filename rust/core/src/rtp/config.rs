//! What an offer and an answer agreed on, as far as the media path is concerned.

pub use super::payload::{Codec, Kind};
pub use super::wire::ExtensionIds;

use std::time::Duration;

/// The retransmission stream that goes with a stream (RFC 4588).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtx {
    /// Its payload type.
    pub payload_type: u8,
    /// Its SSRC.
    pub ssrc: u32,
}

/// The RTCP feedback that was agreed for a stream (`a=rtcp-fb`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// `nack`: lost packets are asked for again.
    pub nack: bool,
    /// `nack pli`: key frames may be asked for.
    pub pli: bool,
    /// `ccm fir`: the same, by another message.
    pub fir: bool,
    /// `goog-remb`: the receiver estimates the bit rate.
    pub remb: bool,
    /// `transport-cc`: the receiver reports arrival times, the sender estimates.
    pub transport_cc: bool,
    /// `a=rtcp-rsize`: feedback may go without a report in front (RFC 5506).
    pub reduced_size: bool,
}

/// An outgoing stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendConfig {
    /// What is sent.
    pub codec: Codec,
    /// The payload type agreed for it.
    pub payload_type: u8,
    /// Ticks of the RTP timestamp in a second.
    pub clock_rate: u32,
    /// The SSRC announced for it.
    pub ssrc: u32,
    /// Its retransmissions, if agreed.
    pub rtx: Option<Rtx>,
    /// The name that ties streams of one source together (RFC 3550, 6.5.1).
    pub cname: String,
    /// The media section's name.
    pub mid: String,
    /// The agreed header extensions.
    pub extensions: ExtensionIds,
    /// The agreed feedback, which the far side sends.
    pub feedback: Feedback,
    /// The far side takes trailers off the pictures. Where it has not said so none is sent, nor passed on.
    pub trailers: bool,
}

/// A payload type that may arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveCodec {
    /// The payload type.
    pub payload_type: u8,
    /// What it stands for.
    pub codec: Codec,
    /// Ticks of the RTP timestamp in a second.
    pub clock_rate: u32,
    /// The payload type of its retransmissions, if agreed.
    pub rtx_payload_type: Option<u8>,
}

/// How complete pictures or packets of an incoming stream are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deliver {
    /// Complete pictures and packets of sound, in order, each when it is to be shown: for a decoder.
    Media,
    /// Every packet once, as it comes: for a forwarder.
    Packets,
}

/// An incoming stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiveConfig {
    /// What is received.
    pub kind: Kind,
    /// The payload types that may arrive; all of this kind.
    pub codecs: Vec<ReceiveCodec>,
    /// The SSRC, where the far side announced one. Without it the MID extension or the payload type decides.
    pub ssrc: Option<u32>,
    /// The SSRC of the retransmissions, where announced.
    pub rtx_ssrc: Option<u32>,
    /// The SSRC under which reports about the stream are sent.
    pub own_ssrc: u32,
    /// The name sent with these reports.
    pub cname: String,
    /// The media section's name.
    pub mid: String,
    /// Sound and pictures of one group are kept in step: the stream's name in `a=msid`, say. Empty: with none.
    pub sync_group: String,
    /// The agreed header extensions.
    pub extensions: ExtensionIds,
    /// The agreed feedback, which this side sends.
    pub feedback: Feedback,
    /// How media is handed out.
    pub deliver: Deliver,
    /// The least time that media is held back to smooth jitter (`jitterBufferTarget`).
    pub min_delay: Duration,
    /// The most: zero hands everything out as soon as it is complete and in order.
    pub max_delay: Duration,
}

/// Bounds of the bit rate of everything that an endpoint sends, in bit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Where the estimate begins.
    pub start: u64,
    /// Never less than this is aimed at.
    pub min: u64,
    /// Never more.
    pub max: u64,
}

impl Default for Rates {
    /// Starts at 1 Mbit/s, between 100 kbit/s and 8 Mbit/s.
    fn default() -> Self {
        Self { start: 1_000_000, min: 100_000, max: 8_000_000 }
    }
}

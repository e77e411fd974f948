//! Figures of an incoming stream.

use crate::rtp::time::Time;
use std::time::Duration;

/// `inbound-rtp` of webrtc-stats, as far as the transport knows it; what a decoder counts is not here
/// (<https://www.w3.org/TR/webrtc-stats/#inboundrtpstats-dict*>).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InboundStats {
    /// The SSRC received now; `None` before the first packet.
    pub ssrc: Option<u32>,
    /// The SSRC of its retransmissions, once seen or announced.
    pub rtx_ssrc: Option<u32>,
    /// Packets that came, each counted once, recovered ones too.
    pub packets_received: u64,
    /// Bytes of payload in them.
    pub bytes_received: u64,
    /// Bytes of headers and padding in them.
    pub header_bytes_received: u64,
    /// Packets expected and not received (RFC 3550, 6.4.1); below zero where duplicates outweigh.
    pub packets_lost: i64,
    /// Packets that came twice or too late to be of use.
    pub packets_discarded: u64,
    /// Packets recovered by retransmission.
    pub retransmitted_packets_received: u64,
    /// Bytes of payload in these.
    pub retransmitted_bytes_received: u64,
    /// Jitter of arrival in seconds (RFC 3550, A.8).
    pub jitter: f64,
    /// When the latest packet came.
    pub last_packet: Option<Time>,
    /// NACK messages sent.
    pub nack_count: u64,
    /// PLI messages sent.
    pub pli_count: u64,
    /// FIR messages sent.
    pub fir_count: u64,
    /// Pictures completed.
    pub frames_received: u64,
    /// Key frames among them.
    pub key_frames_received: u64,
    /// Pictures of which something came and which were not handed out.
    pub frames_dropped: u64,
    /// Packets of sound that were declared missing.
    pub sounds_lost: u64,
    /// Time that everything handed out has spent from its first packet on, in all.
    pub jitter_buffer_delay: Duration,
    /// Sum of the delays aimed at, one for each item handed out.
    pub jitter_buffer_target_delay: Duration,
    /// Sum of the delays that jitter alone would have asked for, one for each item handed out.
    pub jitter_buffer_minimum_delay: Duration,
    /// Pictures or packets of sound handed out.
    pub jitter_buffer_emitted_count: u64,
    /// How long this stream is behind the other kind of the same source as it is handed out, in seconds; less
    /// than zero where it is ahead, `None` until reports of both have come.
    pub sync_offset: Option<f64>,
    /// `remote-outbound-rtp`: packets that the far side has sent, by its latest report.
    pub remote_packets_sent: Option<u32>,
    /// Bytes of payload that the far side has sent, by its latest report.
    pub remote_bytes_sent: Option<u32>,
    /// Sender reports that came.
    pub remote_reports: u64,
}

//! Figures of an outgoing stream.

use std::time::Duration;

/// `outbound-rtp` of webrtc-stats, as far as the transport knows it
/// (<https://www.w3.org/TR/webrtc-stats/#outboundrtpstats-dict*>).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutboundStats {
    /// Its SSRC.
    pub ssrc: u32,
    /// The SSRC of its retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// Packets sent, those sent again and padding included.
    pub packets_sent: u64,
    /// Bytes of payload in them, without padding.
    pub bytes_sent: u64,
    /// Bytes of headers and padding in them.
    pub header_bytes_sent: u64,
    /// Packets sent again.
    pub retransmitted_packets_sent: u64,
    /// Bytes of payload in these.
    pub retransmitted_bytes_sent: u64,
    /// Packets asked for again and not sent: too old, on their way, or beyond the budget.
    pub retransmissions_refused: u64,
    /// Time that packets have waited to leave, all together.
    pub total_packet_send_delay: Duration,
    /// Pictures handed over to be sent.
    pub frames_encoded: u64,
    /// Key frames among them.
    pub key_frames_encoded: u64,
    /// Pictures that left.
    pub frames_sent: u64,
    /// Pictures taken out of the queue because a key frame replaced them.
    pub frames_discarded: u64,
    /// Sum of the quantisers of pictures whose encoder told it.
    pub qp_sum: f64,
    /// Time spent encoding.
    pub total_encode_time: Duration,
    /// Width of the last picture in pixels.
    pub frame_width: u32,
    /// Height of the last picture in pixels.
    pub frame_height: u32,
    /// NACK messages received.
    pub nack_count: u64,
    /// PLI messages received.
    pub pli_count: u64,
    /// FIR messages received.
    pub fir_count: u64,
    /// Bit/s that the encoder, or the publisher that is forwarded, was last asked for.
    pub target_bitrate: Option<u64>,
    /// What the far side reports.
    pub remote: RemoteInboundStats,
}

/// `remote-inbound-rtp` (<https://www.w3.org/TR/webrtc-stats/#remoteinboundrtpstats-dict*>).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RemoteInboundStats {
    /// Reports received.
    pub reports: u64,
    /// Packets lost in all.
    pub packets_lost: i64,
    /// Packets received in all, from the first report on.
    pub packets_received: u64,
    /// Share of packets lost since the report before.
    pub fraction_lost: f64,
    /// Jitter of arrival in seconds.
    pub jitter: f64,
    /// The latest round trip.
    pub round_trip_time: Option<Duration>,
    /// All round trips measured, together.
    pub total_round_trip_time: Duration,
    /// How many.
    pub round_trip_time_measurements: u64,
}

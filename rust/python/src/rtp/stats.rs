//! Figures under webrtc-stats' names, where it has one; spans and times are seconds. What is not known is left out.

use super::seconds;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use realtime_fast_core::rtp::endpoint::TransportStats;
use realtime_fast_core::rtp::receive::InboundStats;
use realtime_fast_core::rtp::send::OutboundStats;

/// A dict of names and values; an `Option` that is `None` is left out.
macro_rules! entry {
    ($py:expr; $($name:literal: $value:expr),+ $(,)?; $($maybe:literal: $option:expr),* $(,)?) => {{
        let entry = PyDict::new($py);
        $(entry.set_item($name, $value)?;)+
        $(if let Some(value) = $option {
            entry.set_item($maybe, value)?;
        })*
        entry
    }};
}

/// `inbound-rtp`, and under `remote` what the far side says of the same stream.
pub fn inbound<'py>(py: Python<'py>, s: &InboundStats) -> PyResult<Bound<'py, PyDict>> {
    let remote = entry!(py;
        "reportsReceived": s.remote_reports;
        "packetsSent": s.remote_packets_sent,
        "bytesSent": s.remote_bytes_sent,
    );
    Ok(entry!(py;
        "packetsReceived": s.packets_received,
        "bytesReceived": s.bytes_received,
        "headerBytesReceived": s.header_bytes_received,
        "packetsLost": s.packets_lost,
        "packetsDiscarded": s.packets_discarded,
        "retransmittedPacketsReceived": s.retransmitted_packets_received,
        "retransmittedBytesReceived": s.retransmitted_bytes_received,
        "jitter": s.jitter,
        "nackCount": s.nack_count,
        "pliCount": s.pli_count,
        "firCount": s.fir_count,
        "framesReceived": s.frames_received,
        "keyFramesReceived": s.key_frames_received,
        "framesDropped": s.frames_dropped,
        "soundsLost": s.sounds_lost,
        "jitterBufferDelay": s.jitter_buffer_delay.as_secs_f64(),
        "jitterBufferTargetDelay": s.jitter_buffer_target_delay.as_secs_f64(),
        "jitterBufferMinimumDelay": s.jitter_buffer_minimum_delay.as_secs_f64(),
        "jitterBufferEmittedCount": s.jitter_buffer_emitted_count,
        "remote": remote;
        "ssrc": s.ssrc,
        "rtxSsrc": s.rtx_ssrc,
        "lastPacketReceivedTimestamp": s.last_packet.map(seconds),
        "syncOffset": s.sync_offset,
    ))
}

/// `outbound-rtp`, and under `remote` what the far side says of the same stream (`remote-inbound-rtp`).
pub fn outbound<'py>(py: Python<'py>, s: &OutboundStats) -> PyResult<Bound<'py, PyDict>> {
    let remote = entry!(py;
        "reportsReceived": s.remote.reports,
        "packetsLost": s.remote.packets_lost,
        "packetsReceived": s.remote.packets_received,
        "fractionLost": s.remote.fraction_lost,
        "jitter": s.remote.jitter,
        "totalRoundTripTime": s.remote.total_round_trip_time.as_secs_f64(),
        "roundTripTimeMeasurements": s.remote.round_trip_time_measurements;
        "roundTripTime": s.remote.round_trip_time.map(|span| span.as_secs_f64()),
    );
    Ok(entry!(py;
        "ssrc": s.ssrc,
        "packetsSent": s.packets_sent,
        "bytesSent": s.bytes_sent,
        "headerBytesSent": s.header_bytes_sent,
        "retransmittedPacketsSent": s.retransmitted_packets_sent,
        "retransmittedBytesSent": s.retransmitted_bytes_sent,
        "retransmissionsRefused": s.retransmissions_refused,
        "totalPacketSendDelay": s.total_packet_send_delay.as_secs_f64(),
        "framesEncoded": s.frames_encoded,
        "keyFramesEncoded": s.key_frames_encoded,
        "framesSent": s.frames_sent,
        "framesDiscarded": s.frames_discarded,
        "qpSum": s.qp_sum,
        "totalEncodeTime": s.total_encode_time.as_secs_f64(),
        "frameWidth": s.frame_width,
        "frameHeight": s.frame_height,
        "nackCount": s.nack_count,
        "pliCount": s.pli_count,
        "firCount": s.fir_count,
        "remote": remote;
        "rtxSsrc": s.rtx_ssrc,
        "targetBitrate": s.target_bitrate,
    ))
}

/// `transport`, with what `candidate-pair` says of bit rates and the round trip.
pub fn transport<'py>(py: Python<'py>, s: &TransportStats) -> PyResult<Bound<'py, PyDict>> {
    Ok(entry!(py;
        "packetsReceived": s.datagrams_received,
        "bytesReceived": s.bytes_received,
        "packetsDiscarded": s.datagrams_discarded,
        "packetsSent": s.datagrams_sent,
        "bytesSent": s.bytes_sent,
        "pacerDelay": s.pacer_delay.as_secs_f64();
        "currentRoundTripTime": s.round_trip.map(|span| span.as_secs_f64()),
        "availableOutgoingBitrate": s.available_outgoing_bitrate,
        "availableIncomingBitrate": s.available_incoming_bitrate,
    ))
}

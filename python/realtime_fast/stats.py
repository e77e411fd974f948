"""Turns statistics reports into samples: one parser for all transports, pure (docs/stats.md).

A report is a mapping of W3C webrtc-stats entries (dictionaries, or objects with the same camelCase names) by
id, or the JSON text of one. Unknown fields keep their defaults.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from realtime_fast import _native
from realtime_fast.errors import InvalidInputError

__all__ = [
    "AudioStats",
    "Candidate",
    "CandidatePair",
    "ConnectionStats",
    "OutboundVideoStats",
    "RtcStats",
    "StatsParser",
    "VideoStats",
    "merge_reports",
]


class _Stats(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Base of samples: immutable, with camelCase names on the wire."""


class VideoStats(_Stats, frozen=True):
    """Received video. With several streams: counters and bitrates summed, the rest of the largest picture.

    Attributes:
        frames_decoded: Frames decoded.
        frames_dropped: Complete frames that were not decoded, and those in `frames_unread`.
        frames_per_second: Frames within the last second.
        frame_width: Width of the latest frame in pixels.
        frame_height: Height of the latest frame in pixels.
        bytes_received: Bytes of payload.
        packets_received: RTP packets.
        packets_lost: RTP packets that never arrived.
        jitter: Of packets, in seconds.
        bitrate: Bits per second since the last sample; 0 in the first.
        freeze_count: Freezes as defined by webrtc-stats.
        total_freezes_duration: Seconds frozen.
        packets_lost_delta: Since the last sample, as are the other deltas; never negative.
        frames_dropped_delta: See `packets_lost_delta`.
        freeze_count_delta: See `packets_lost_delta`.
        freeze_duration_delta: In seconds.
        nack_count: NACK packets sent.
        nack_count_delta: See `packets_lost_delta`.
        fir_count: Full intra requests sent.
        pli_count: Picture loss indications sent.
        frames_received: Complete frames received, before the decoder.
        avg_inter_frame_delay_ms: Mean gap between frames.
        inter_frame_delay_variance_ms: Root mean square of the gaps; the name is the backend's.
        inter_frame_delay_stddev_ms: Standard deviation of the gaps.
        jitter_buffer_target_delay_ms: Mean delay the jitter buffer aimed at.
        jitter_buffer_minimum_delay_ms: Mean lower limit of the jitter buffer's delay.
        avg_decode_time_ms: Mean time to decode a frame.
        avg_jitter_buffer_ms: Mean time in the jitter buffer.
        avg_processing_delay_ms: Mean time from first packet to decoded frame.
        frames_unread: Frames that a `FrameStream` dropped because its reader was too slow for them.
    """

    frames_decoded: int = 0
    frames_dropped: int = 0
    frames_per_second: float = 0.0
    frame_width: int = 0
    frame_height: int = 0
    bytes_received: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    jitter: float = 0.0
    bitrate: int = 0
    freeze_count: int = 0
    total_freezes_duration: float = 0.0
    packets_lost_delta: int = 0
    frames_dropped_delta: int = 0
    freeze_count_delta: int = 0
    freeze_duration_delta: float = 0.0
    nack_count: int = 0
    nack_count_delta: int = 0
    fir_count: int = 0
    pli_count: int = 0
    frames_received: int = 0
    avg_inter_frame_delay_ms: float = 0.0
    inter_frame_delay_variance_ms: float = 0.0
    inter_frame_delay_stddev_ms: float = 0.0
    jitter_buffer_target_delay_ms: float = 0.0
    jitter_buffer_minimum_delay_ms: float = 0.0
    avg_decode_time_ms: float = 0.0
    avg_jitter_buffer_ms: float = 0.0
    avg_processing_delay_ms: float = 0.0
    frames_unread: int = 0


class AudioStats(_Stats, frozen=True):
    """Received audio; fields as in `VideoStats`, jitter of the first stream."""

    bytes_received: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    jitter: float = 0.0
    bitrate: int = 0
    packets_lost_delta: int = 0


class OutboundVideoStats(_Stats, frozen=True):
    """Sent video. With several streams: counters and bitrates summed, the rest of the largest picture.

    Attributes:
        quality_limitation_reason: none, cpu, bandwidth or other.
        quality_limitation_durations: Seconds spent with each reason.
        bytes_sent: Bytes of payload.
        packets_sent: RTP packets.
        frames_per_second: Frames encoded within the last second.
        frame_width: Width of the latest frame in pixels.
        frame_height: Height of the latest frame in pixels.
        bitrate: Bits per second since the last sample; 0 in the first.
        nack_count: NACK packets received.
        fir_count: Full intra requests received.
        pli_count: Picture loss indications received.
        retransmitted_bytes_sent: Bytes sent again.
        retransmitted_packets_sent: Packets sent again.
        target_bitrate_kbps: The encoder's target; None if unknown.
        avg_packet_send_delay_ms: Mean time of a packet in the send queue.
        avg_encode_time_ms: Mean time to encode a frame.
    """

    quality_limitation_reason: str = "none"
    quality_limitation_durations: Mapping[str, float] = {}
    bytes_sent: int = 0
    packets_sent: int = 0
    frames_per_second: float = 0.0
    frame_width: int = 0
    frame_height: int = 0
    bitrate: int = 0
    nack_count: int = 0
    fir_count: int = 0
    pli_count: int = 0
    retransmitted_bytes_sent: int = 0
    retransmitted_packets_sent: int = 0
    target_bitrate_kbps: float | None = None
    avg_packet_send_delay_ms: float = 0.0
    avg_encode_time_ms: float = 0.0


class Candidate(_Stats, frozen=True):
    """One end of a network path."""

    address: str
    port: int = 0
    protocol: str = "udp"
    candidate_type: str = "unknown"


class CandidatePair(_Stats, frozen=True):
    """A network path in use."""

    local: Candidate
    remote: Candidate


class ConnectionStats(_Stats, frozen=True):
    """The network path: round trip in seconds and bandwidth in bit/s (None while unknown), pairs in use."""

    current_round_trip_time: float | None = None
    available_outgoing_bitrate: float | None = None
    selected_candidate_pairs: tuple[CandidatePair, ...] = ()


class RtcStats(_Stats, frozen=True):
    """One sample; a part is None if the report has no entry for it.

    Attributes:
        timestamp: Unix time in milliseconds.
        video: Received video.
        audio: Received audio.
        outbound_video: Sent video.
        connection: The network path.
    """

    timestamp: float
    video: VideoStats | None = None
    audio: AudioStats | None = None
    outbound_video: OutboundVideoStats | None = None
    connection: ConnectionStats = ConnectionStats()

    def to_dict(self) -> dict[str, Any]:
        """The sample as plain data under its camelCase wire names."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        data["connection"]["selectedCandidatePairs"] = list(data["connection"]["selectedCandidatePairs"])
        return data


class StatsParser:
    """Turns reports into samples; deltas and bitrates are relative to the previous sample.

    Args:
        epoch: Unix time in seconds at which `now` is 0; by default that of `time.monotonic`.
    """

    def __init__(self, *, epoch: float | None = None) -> None:
        self._epoch = time.time() - time.monotonic() if epoch is None else epoch
        self._native = _native.StatsParser()

    def parse(self, report: Mapping[str, Any] | str | bytes, now: float) -> RtcStats:
        """The sample of a report taken at `now`, in seconds of one monotonic clock.

        Missing numbers, NaN and negative ones count as 0; entries that are malformed or of other types are
        skipped.

        Raises:
            ValueError: The report is neither a mapping nor the JSON text of one; the parser then keeps the
                previous sample.
        """
        video, audio, outbound, (trip, bandwidth, pairs) = self._native.parse(report, now)
        return RtcStats(
            (self._epoch + now) * 1000.0,
            VideoStats(*video) if video else None,
            AudioStats(*audio) if audio else None,
            OutboundVideoStats(outbound[0], dict(outbound[1]), *outbound[2:]) if outbound else None,
            ConnectionStats(
                trip,
                bandwidth,
                tuple(CandidatePair(Candidate(*local), Candidate(*remote)) for local, remote in pairs),
            ),
        )

    def reset(self) -> None:
        """Forget the last sample, for a new connection."""
        self._native.reset()


def merge_reports(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Reports of several connections as one; the connections' names become prefixes of the ids.

    Raises:
        InvalidInputError: One of them is not a mapping.
    """
    for name, report in reports.items():
        if not isinstance(report, Mapping):
            raise InvalidInputError(
                f"{name}: expected a mapping of statistics entries by id, got {type(report).__name__}"
            )
    return {f"{name}/{id_}": entry for name, report in reports.items() for id_, entry in report.items()}

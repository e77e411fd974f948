"""The table of docs/stats.md that says where each figure comes from: made here, of live sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from realtime_fast import RealtimeClient
from realtime_fast._native import VideoMeter
from realtime_fast.errors import TransportName
from realtime_fast.media.sources import MediaSource
from realtime_fast.server import Service
from realtime_fast.stats import AudioStats, ConnectionStats, OutboundVideoStats, VideoStats

from tests.support import KEY, first_picture, options

PAGE = Path(__file__).parents[2] / "docs" / "stats.md"

TRANSPORTS: tuple[TransportName, ...] = ("webrtc", "ivs")

MEMBERS = {
    VideoStats: {
        "frames_decoded": "framesDecoded",
        "frames_dropped": "framesDropped",
        "frames_per_second": "framesPerSecond",
        "frame_width": "frameWidth",
        "frame_height": "frameHeight",
        "bytes_received": "bytesReceived",
        "packets_received": "packetsReceived",
        "packets_lost": "packetsLost",
        "jitter": "jitter",
        "freeze_count": "freezeCount",
        "total_freezes_duration": "totalFreezesDuration",
        "nack_count": "nackCount",
        "fir_count": "firCount",
        "pli_count": "pliCount",
        "frames_received": "framesReceived",
        "avg_inter_frame_delay_ms": "totalInterFrameDelay",
        "inter_frame_delay_variance_ms": "totalSquaredInterFrameDelay",
        "jitter_buffer_target_delay_ms": "jitterBufferTargetDelay",
        "jitter_buffer_minimum_delay_ms": "jitterBufferMinimumDelay",
        "avg_decode_time_ms": "totalDecodeTime",
        "avg_jitter_buffer_ms": "jitterBufferDelay",
        "avg_processing_delay_ms": "totalProcessingDelay",
        "frames_unread": "framesUnread",
    },
    AudioStats: {
        "bytes_received": "bytesReceived",
        "packets_received": "packetsReceived",
        "packets_lost": "packetsLost",
        "jitter": "jitter",
    },
    OutboundVideoStats: {
        "quality_limitation_reason": "qualityLimitationReason",
        "quality_limitation_durations": "qualityLimitationDurations",
        "bytes_sent": "bytesSent",
        "packets_sent": "packetsSent",
        "frames_per_second": "framesPerSecond",
        "frame_width": "frameWidth",
        "frame_height": "frameHeight",
        "nack_count": "nackCount",
        "fir_count": "firCount",
        "pli_count": "pliCount",
        "retransmitted_bytes_sent": "retransmittedBytesSent",
        "retransmitted_packets_sent": "retransmittedPacketsSent",
        "target_bitrate_kbps": "targetBitrate",
        "avg_packet_send_delay_ms": "totalPacketSendDelay",
        "avg_encode_time_ms": "totalEncodeTime",
    },
    ConnectionStats: {
        "current_round_trip_time": "currentRoundTripTime",
        "available_outgoing_bitrate": "availableOutgoingBitrate",
        "selected_candidate_pairs": "localCandidateId",
    },
}
"""The member of a report that each field is made of. What is not here is the increase or the rate of one that is."""

DERIVED = {"bitrate", "inter_frame_delay_stddev_ms"}

ENTRIES = {
    VideoStats: ("video", "inbound-rtp", "video"),
    AudioStats: ("audio", "inbound-rtp", "audio"),
    OutboundVideoStats: ("outbound_video", "outbound-rtp", "video"),
    ConnectionStats: ("connection", "candidate-pair", None),
}

DECODED = set(VideoMeter().inbound(0.0))
DECODER = {"framesDropped", "totalDecodeTime", "totalProcessingDelay"}
ADAPTATION = {"qualityLimitationReason", "qualityLimitationDurations"}


def origin(part: str, member: str) -> str:
    if member == "framesUnread":
        return "frame streams"
    if part == "video" and member in DECODED:
        return "decoded pictures"
    if part == "video" and member in DECODER:
        return "decoder"
    if part == "outbound_video" and member == "framesPerSecond":
        return "encoded pictures"
    if member in ADAPTATION:
        return "adaptation"
    return {"currentRoundTripTime": "STUN check", "localCandidateId": "ICE"}.get(member, "RTP core")


async def reported(service: Service, camera: MediaSource, transport: TransportName) -> set[tuple[str, str]]:
    """(part, member) of all that the reports of a session hold."""
    found: set[tuple[str, str]] = set()

    def note(report: Any) -> None:
        for part, kind, media in ENTRIES.values():
            for entry in report.values():
                if entry["type"] == kind and entry.get("kind") == media:
                    found.update((part, name) for name, value in entry.items() if value is not None)

    async with RealtimeClient.connect(service.url, KEY, camera, options(transport=transport)) as client:
        await first_picture(client)
        live = client._session.connect_loop.live
        assert live is not None
        assert live.link is not None
        with anyio.move_on_after(15):
            while not wanted() <= found:
                note(client._session._with_unread(await live.link.stats()))
                await anyio.sleep(0.2)
    return found


def wanted() -> set[tuple[str, str]]:
    return {(ENTRIES[kind][0], member) for kind, fields in MEMBERS.items() for member in fields.values()}


def test_every_field_is_in_the_table_or_follows_from_one_that_is() -> None:
    for kind, fields in MEMBERS.items():
        others = set(kind.__struct_fields__) - set(fields)
        assert {name for name in others if not name.endswith("_delta")} <= DERIVED


@pytest.mark.skipif(not PAGE.exists(), reason="the docs are not beside these tests")
async def test_the_page_says_where_each_figure_comes_from(service: Service, camera: MediaSource) -> None:
    found = {transport: await reported(service, camera, transport) for transport in TRANSPORTS}
    rows = ["| part | field | member | origin | webrtc | ivs |", "|---|---|---|---|---|---|"]
    for kind, fields in MEMBERS.items():
        part = ENTRIES[kind][0]
        for field, member in fields.items():
            has = ["yes" if (part, member) in found[transport] else "no" for transport in TRANSPORTS]
            rows.append(f"| {part} | {field} | {member} | {origin(part, member)} | {has[0]} | {has[1]} |")
    table = "\n".join(rows)
    assert table in PAGE.read_text(), f"docs/stats.md should say\n\n{table}"

"""What aiortc does not report: gauges at its seams, and a report in the terms of W3C webrtc-stats.

aiortc counts packets, sent bytes and RTCP's round trip. Frames, received bytes, feedback, the time that coding and
waiting take, and the candidates are measured here. Not known, and therefore absent: `framesDropped`,
`totalPacketSendDelay`, quality limitation.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import anyio
from aiortc import RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RTP_HISTORY_SIZE,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    RtpPacket,
    unpack_remb_fci,
)
from av import VideoFrame

from realtime_fast._native import VideoMeter
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer.ice import CandidatePair
from realtime_fast.peer.jitter import FrameQueue, PromptJitterBuffer, Timing

_T = TypeVar("_T")

ENCODE_LIMIT = 1.0
"""Seconds that the last frame of a sender may take."""
_QUEUE_LIMITS = {"video": 32, "audio": 100}
"""Decoded frames that may wait for a reader; aiortc itself sets no limit."""


class SendGauge:
    """Watches a sender, and has it encode on a thread of its own: the loop's executor outlives a connection."""

    def __init__(self, sender: RTCRtpSender) -> None:
        self.frames = VideoMeter()
        self.encoded = 0
        self.encode_time = 0.0
        self.nacks = self.plis = self.firs = 0
        self.resent_packets = self.resent_bytes = 0
        self.available_bitrate: int | None = None
        self._sender = sender
        self._executor: ThreadPoolExecutor | None = None
        self._loop = asyncio.get_running_loop()
        self._handle_rtcp = seams.on_feedback.of(sender)
        self._retransmit = seams.retransmit.of(sender)
        seams.on_feedback.put(sender, self._on_rtcp)
        seams.retransmit.put(sender, self._on_retransmit)
        seams.encoding_loop.put(sender, self)

    def run_in_executor(
        self, _: None, encode: Callable[..., _T], frame: object, *args: Any
    ) -> asyncio.Future[_T]:
        """Encode a frame; the one method of the loop that aiortc's sender uses."""
        if isinstance(frame, VideoFrame):
            self.frames.add(time.monotonic(), frame.width, frame.height)
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"encode-{self._sender.kind}")
        return self._loop.run_in_executor(self._executor, self._timed, encode, frame, *args)

    async def close(self) -> None:
        """Let the frame in work be encoded, and end the thread."""
        executor, self._executor = self._executor, None
        if executor is not None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(ENCODE_LIMIT) as limit:
                await self._loop.run_in_executor(executor, lambda: None)
            executor.shutdown(wait=not limit.cancelled_caught)

    def _timed(self, encode: Callable[..., _T], *args: Any) -> _T:
        begin = time.perf_counter()
        encoded = encode(*args)
        self.encode_time += time.perf_counter() - begin
        self.encoded += 1
        return encoded

    async def _on_rtcp(self, packet: AnyRtcpPacket) -> None:
        match packet:
            case RtcpRtpfbPacket(fmt=int(fmt)) if fmt == RTCP_RTPFB_NACK:
                self.nacks += 1
            case RtcpPsfbPacket(fmt=int(fmt)) if fmt == RTCP_PSFB_PLI:
                self.plis += 1
            case RtcpPsfbPacket(fmt=int(fmt)) if fmt == RTCP_PSFB_FIR:
                self.firs += 1
            case RtcpPsfbPacket(fmt=int(fmt)) if fmt == RTCP_PSFB_APP:
                self._on_remb(packet.fci)
        await self._handle_rtcp(packet)

    def _on_remb(self, fci: bytes) -> None:
        try:
            bitrate, ssrcs = unpack_remb_fci(fci)
        except ValueError:
            return  # application feedback of another kind
        if seams.ssrc.of(self._sender) in ssrcs:
            self.available_bitrate = bitrate

    async def _on_retransmit(self, sequence_number: int) -> None:
        packet = seams.sent_packets.of(self._sender).get(sequence_number % RTP_HISTORY_SIZE)
        if packet is not None and packet.sequence_number == sequence_number:
            self.resent_packets += 1
            self.resent_bytes += len(packet.payload)
        await self._retransmit(sequence_number)

    async def entries(self, mid: str, now: float) -> list[dict[str, Any]]:
        """The sender's `outbound-rtp` entry and, once the far side reports, its `remote-inbound-rtp`."""
        found: list[dict[str, Any]] = []
        kind = self._sender.kind
        for stats in (await self._sender.getStats()).values():
            if stats.type == "outbound-rtp" and stats.packetsSent:
                entry = {
                    **_stream("outbound-rtp", mid, kind, stats.ssrc),
                    "packetsSent": stats.packetsSent,
                    "bytesSent": stats.bytesSent,
                    "nackCount": self.nacks,
                    "retransmittedPacketsSent": self.resent_packets,
                    "retransmittedBytesSent": self.resent_bytes,
                    "remoteId": f"remote-inbound-rtp-{mid}",
                }
                if kind == "video":
                    entry |= self.frames.outbound(now) | {
                        "framesEncoded": self.encoded,
                        "totalEncodeTime": self.encode_time,
                        "pliCount": self.plis,
                        "firCount": self.firs,
                    }
                encoder = seams.encoder.of(self._sender)
                if (target := getattr(encoder, "target_bitrate", None)) is not None:
                    entry["targetBitrate"] = target
                found.append(entry)
            elif stats.type == "remote-inbound-rtp":
                entry = {
                    **_stream("remote-inbound-rtp", mid, kind, stats.ssrc),
                    "packetsReceived": stats.packetsReceived,
                    "packetsLost": stats.packetsLost,
                    "fractionLost": stats.fractionLost / 256,
                    "jitter": stats.jitter / _clock_rate(kind),
                    "localId": f"outbound-rtp-{mid}",
                }
                if stats.roundTripTime is not None:
                    entry["roundTripTime"] = stats.roundTripTime
                found.append(entry)
        return found


class ReceiveGauge:
    """Watches a receiver, and governs the waiting in it: for the rest of a picture, and for a reader."""

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self.frames = VideoMeter()
        self.timing = Timing()
        self.bytes = 0
        self.nacks = self.plis = 0
        self.media_ssrc: int | None = None
        self._receiver = receiver
        self._kind = seams.receiver_kind.of(receiver)
        if self._kind == "video":
            seams.jitter_buffer.put(receiver, PromptJitterBuffer(self.timing))
        self._handle_rtp = seams.on_packet.of(receiver)
        self._send_nack = seams.send_nack.of(receiver)
        self._send_pli = seams.send_pli.of(receiver)
        seams.on_packet.put(receiver, self._on_rtp)
        seams.send_nack.put(receiver, self._on_nack)
        seams.send_pli.put(receiver, self._on_pli)

    def bound(self, track: RemoteStreamTrack) -> None:
        """Count what the decoder puts into `track`, and let it keep the newest frames only."""
        seams.decoded.put(track, FrameQueue(_QUEUE_LIMITS[track.kind], self.frames, self.timing))

    async def request_keyframe(self) -> None:
        """Ask the sender for a key frame (PLI, RFC 4585 section 6.3.1), if anything came from it yet."""
        if self.media_ssrc is not None:
            await self._on_pli(self.media_ssrc)

    async def _on_rtp(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        self.bytes += len(packet.payload)
        if packet.ssrc not in seams.rtx_ssrcs.of(self._receiver):
            self.media_ssrc = packet.ssrc
        await self._handle_rtp(packet, arrival_time_ms)

    async def _on_nack(self, media_ssrc: int, lost: list[int]) -> None:
        self.nacks += 1
        await self._send_nack(media_ssrc, lost)

    async def _on_pli(self, media_ssrc: int) -> None:
        self.plis += 1
        await self._send_pli(media_ssrc)

    def entries(self, mid: str, now: float) -> list[dict[str, Any]]:
        """The receiver's `inbound-rtp` entry, once anything has arrived."""
        # Not aiortc's report: retransmissions have a stream of their own, which takes the entry's place there.
        streams = seams.remote_streams.of(self._receiver)
        if self.media_ssrc is None or (stream := streams.get(self.media_ssrc)) is None:
            return []
        entry = {
            **_stream("inbound-rtp", mid, self._kind, self.media_ssrc),
            "packetsReceived": stream.packets_received,
            "packetsLost": stream.packets_lost,
            "jitter": stream.jitter / seams.clock_rate.of(stream),
            "bytesReceived": self.bytes,
            "nackCount": self.nacks,
        }
        if self._kind == "video":
            entry |= self.frames.inbound(now) | {
                "pliCount": self.plis,
                "firCount": 0,
                "jitterBufferDelay": self.timing.buffered,
                "jitterBufferEmittedCount": self.timing.emitted,
                "totalDecodeTime": self.timing.decoding,
                "totalProcessingDelay": self.timing.processing,
            }
        return [entry]


def pair_entries(
    pair: CandidatePair, round_trip: float | None, available_bitrate: int | None
) -> list[dict[str, Any]]:
    """The nominated pair and its two candidates."""
    entry: dict[str, Any] = {
        "id": "candidate-pair",
        "type": "candidate-pair",
        "timestamp": _epoch_ms(),
        "state": "succeeded",
        "nominated": True,
        "localCandidateId": "local-candidate",
        "remoteCandidateId": "remote-candidate",
    }
    if round_trip is not None:
        entry["currentRoundTripTime"] = round_trip
    if available_bitrate is not None:
        entry["availableOutgoingBitrate"] = available_bitrate
    return [entry, _candidate("local", pair.local), _candidate("remote", pair.remote)]


def transport_entry(transceiver: RTCRtpTransceiver) -> dict[str, Any]:
    """The `transport` entry of the connection that `transceiver` uses."""
    stats = seams.transport_stats(transceiver.receiver.transport)
    return {
        "id": "transport",
        "type": "transport",
        "timestamp": _epoch_ms(),
        "packetsSent": stats.packetsSent,
        "packetsReceived": stats.packetsReceived,
        "bytesSent": stats.bytesSent,
        "bytesReceived": stats.bytesReceived,
        "iceRole": stats.iceRole,
        "dtlsState": stats.dtlsState,
        "selectedCandidatePairId": "candidate-pair",
    }


def keyed(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A report: the entries by their id."""
    return {entry["id"]: entry for entry in entries}


def _stream(kind_of_entry: str, mid: str, kind: str, ssrc: int) -> dict[str, Any]:
    return {
        "id": f"{kind_of_entry}-{mid}",
        "type": kind_of_entry,
        "timestamp": _epoch_ms(),
        "kind": kind,
        "mid": mid,
        "ssrc": ssrc,
        "transportId": "transport",
    }


def _candidate(side: str, candidate: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{side}-candidate",
        "type": f"{side}-candidate",
        "timestamp": _epoch_ms(),
        "address": candidate["address"],
        "port": candidate["port"],
        "protocol": candidate["protocol"],
        "candidateType": candidate["candidate_type"],
    }


def _clock_rate(kind: str) -> int:
    return 90000 if kind == "video" else 48000  # Opus, which aiortc prefers; G.711 is not worth a lookup


def _epoch_ms() -> float:
    return time.time() * 1000

"""Selective forwarding: a publisher's packets go to every subscriber as they come (RFC 7667, section 3.7).

Nothing is decoded, re-encoded or put together: a `Ingest` receives one stream and keeps the packets of the last
moments, each `Egress` sends them on under the numbers its own session agreed on. Lost packets are asked for once,
upstream, and repeated from the source's memory to whoever misses them; a key frame is asked for when a new
subscriber needs one. Both are registered with aiortc's DTLS transport, in the places of its receivers and senders.
"""

from __future__ import annotations

import secrets
import time

from aiortc import clock
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpparameters import (
    RTCRtpDecodingParameters,
    RTCRtpReceiveParameters,
    RTCRtpRtxParameters,
    RTCRtpSendParameters,
)
from aiortc.rtcrtpreceiver import NackGenerator, StreamStatistics
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    HeaderExtensionsMap,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
    unwrap_rtx,
    wrap_rtx,
)

from realtime_fast.peer.aiortc_seams import register_receiver, register_sender, send_plain
from realtime_fast.server.stage.answers import Section
from realtime_fast.server.stage.keyframe import starts_key_frame

HISTORY = 1024
"""Packets that can be repeated: about four seconds of video."""

KEY_FRAME_INTERVAL = 0.25
"""Seconds between two requests for a key frame: a request that got lost is repeated, a crowd asks once."""


class Ingest:
    """One stream from a publisher."""

    def __init__(self, section: Section, transport: RTCDtlsTransport) -> None:
        self.section = section
        self._transport = transport
        self._feedback_ssrc = secrets.randbits(32)
        self._ssrc = section.ssrc
        self._history: list[RtpPacket | None] = [None] * HISTORY
        self._sinks: list[Egress] = []
        self._losses = NackGenerator() if section.kind == "video" else None
        self._estimator = RemoteBitrateEstimator() if section.kind == "video" else None
        self._statistics: dict[int, StreamStatistics] = {}
        self._last_report: dict[int, tuple[int, float]] = {}
        self._key_frame_asked = -KEY_FRAME_INTERVAL

        encodings = []
        if section.ssrc is not None:
            encodings.append(
                RTCRtpDecodingParameters(section.ssrc, section.codec.payloadType or 0, _rtx(section))
            )
        if section.rtx_ssrc is not None and section.rtx is not None:
            encodings.append(RTCRtpDecodingParameters(section.rtx_ssrc, section.rtx.payloadType or 0))
        parameters = RTCRtpReceiveParameters(
            codecs=section.codecs,
            headerExtensions=list(section.extensions),
            muxId=section.mid,
            encodings=encodings,
        )
        register_receiver(transport, parameters, self._on_rtp, self._on_rtcp)

    def attach(self, sink: Egress) -> None:
        """Forward to one more subscriber, beginning with a key frame."""
        self._sinks.append(sink)

    def detach(self, sink: Egress) -> None:
        """Forward to that subscriber no more."""
        if sink in self._sinks:
            self._sinks.remove(sink)

    def packet(self, sequence_number: int) -> RtpPacket | None:
        """A packet that was received lately."""
        packet = self._history[sequence_number % HISTORY]
        return packet if packet is not None and packet.sequence_number == sequence_number else None

    async def request_key_frame(self) -> None:
        """Ask the publisher for a key frame, unless that was done a moment ago."""
        now = time.monotonic()
        if self._ssrc is None or now - self._key_frame_asked < KEY_FRAME_INTERVAL:
            return
        self._key_frame_asked = now
        await self._send(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=self._feedback_ssrc, media_ssrc=self._ssrc))

    async def request_packets(self, missing: list[int]) -> None:
        """Ask the publisher to repeat packets."""
        if self._ssrc is not None:
            nack = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=self._feedback_ssrc, media_ssrc=self._ssrc)
            nack.lost = missing
            await self._send(nack)

    async def report(self) -> None:
        """Tell the publisher what arrived (RFC 3550, section 6.4.2); due about twice a second."""
        now, reports = time.time(), []
        for ssrc, stream in self._statistics.items():
            middle, heard = self._last_report.get(ssrc, (0, now))
            reports.append(
                RtcpReceiverInfo(
                    ssrc=ssrc,
                    fraction_lost=stream.fraction_lost,
                    packets_lost=stream.packets_lost,
                    highest_sequence=stream.max_seq or 0,
                    jitter=stream.jitter,
                    lsr=middle,
                    dlsr=max(0, min(int((now - heard) * 65536), 0xFFFFFFFF)),
                )
            )
        if reports:
            await self._send(RtcpRrPacket(ssrc=self._feedback_ssrc, reports=reports))

    async def _on_rtp(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        section = self.section
        if self._estimator is not None and packet.extensions.abs_send_time is not None:
            estimate = self._estimator.add(
                arrival_time_ms, packet.extensions.abs_send_time, len(packet.payload), packet.ssrc
            )
            if estimate is not None:
                await self._send(
                    RtcpPsfbPacket(
                        fmt=RTCP_PSFB_APP,
                        ssrc=self._feedback_ssrc,
                        media_ssrc=0,
                        fci=pack_remb_fci(*estimate),
                    )
                )
        if packet.ssrc not in self._statistics:
            self._statistics[packet.ssrc] = StreamStatistics(section.codec.clockRate)
        self._statistics[packet.ssrc].add(packet)

        if section.rtx is not None and packet.payload_type == section.rtx.payloadType:
            if self._ssrc is None or len(packet.payload) <= 2:
                return  # padding that probes the bandwidth
            packet = unwrap_rtx(packet, section.codec.payloadType or 0, self._ssrc)
        elif packet.payload_type == section.codec.payloadType:
            self._ssrc = packet.ssrc
        else:
            return
        if self.packet(packet.sequence_number) is not None:
            return
        self._history[packet.sequence_number % HISTORY] = packet
        if self._losses is not None and self._losses.add(packet):
            await self.request_packets(sorted(self._losses.missing))
        for sink in tuple(self._sinks):
            await sink.forward(packet)

    async def _on_rtcp(self, packet: AnyRtcpPacket) -> None:
        if not isinstance(packet, RtcpSrPacket) or packet.ssrc != self._ssrc:
            return
        info = packet.sender_info
        self._last_report[packet.ssrc] = ((info.ntp_timestamp >> 16) & 0xFFFFFFFF, time.time())
        for sink in tuple(self._sinks):
            await sink.report(info)

    async def _send(self, packet: AnyRtcpPacket) -> None:
        await _send_rtcp(self._transport, packet)


class Egress:
    """One stream to a subscriber: a source's packets under this session's numbers."""

    def __init__(self, source: Ingest, section: Section, transport: RTCDtlsTransport, cname: str) -> None:
        assert section.ssrc is not None
        self._source = source
        self._section = section
        self._transport = transport
        self._cname = cname
        self._ssrc = section.ssrc
        self._offset: int | None = None
        self._waiting = section.kind == "video"
        self._rtx_sequence = secrets.randbits(15)
        self._packets = 0
        self._octets = 0
        self._extensions = HeaderExtensionsMap()
        parameters = RTCRtpSendParameters(
            codecs=section.codecs, headerExtensions=list(section.extensions), muxId=section.mid
        )
        self._extensions.configure(parameters)
        register_sender(transport, parameters, self._ssrc, self._on_rtcp)

    async def start(self) -> None:
        """Begin to forward; pictures begin with a key frame, which is asked for at once."""
        self._source.attach(self)
        if self._waiting:
            await self._source.request_key_frame()

    async def stop(self) -> None:
        """End the stream; the subscriber's track ends with it."""
        self._source.detach(self)
        await _send_rtcp(self._transport, RtcpByePacket(sources=[self._ssrc]))

    async def forward(self, packet: RtpPacket) -> None:
        """Send one packet of the source."""
        if self._waiting:
            if not starts_key_frame(self._section.codec.name, packet.payload):
                await self._source.request_key_frame()
                return
            self._waiting = False
        if self._offset is None:
            # Begin in the lower half: a number that wraps at once can break SRTP's roll-over counter.
            self._offset = secrets.randbits(15) - packet.sequence_number
        await self._send(self._renumbered(packet))

    async def report(self, info: RtcpSenderInfo) -> None:
        """Pass the publisher's clock on: the subscriber needs it to play sound and picture in step."""
        if self._offset is None:
            return
        own = RtcpSenderInfo(
            ntp_timestamp=info.ntp_timestamp,
            rtp_timestamp=info.rtp_timestamp,
            packet_count=self._packets & 0xFFFFFFFF,
            octet_count=self._octets & 0xFFFFFFFF,
        )
        name = RtcpSourceInfo(ssrc=self._ssrc, items=[(1, self._cname.encode())])
        await _send_rtcp(
            self._transport,
            RtcpSrPacket(ssrc=self._ssrc, sender_info=own),
            RtcpSdesPacket(chunks=[name]),
        )

    async def _on_rtcp(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            await self._source.request_key_frame()
        elif isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            await self._repeat(packet.lost)

    async def _repeat(self, lost: list[int]) -> None:
        if self._offset is None:
            return
        missing = []
        for number in lost:
            original = (number - self._offset) & 0xFFFF
            packet = self._source.packet(original)
            if packet is None:
                missing.append(original)
                continue
            repeated = self._renumbered(packet)
            if self._section.rtx is not None and self._section.rtx_ssrc is not None:
                repeated = wrap_rtx(
                    repeated, self._section.rtx.payloadType or 0, self._rtx_sequence, self._section.rtx_ssrc
                )
                self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
            await self._send(repeated)
        if missing:
            await self._source.request_packets(missing)

    def _renumbered(self, packet: RtpPacket) -> RtpPacket:
        assert self._offset is not None
        own = RtpPacket(
            payload_type=self._section.codec.payloadType or 0,
            marker=packet.marker,
            sequence_number=(packet.sequence_number + self._offset) & 0xFFFF,
            timestamp=packet.timestamp,
            ssrc=self._ssrc,
            payload=packet.payload,
        )
        own.padding_size = packet.padding_size
        own.extensions.mid = self._section.mid
        own.extensions.audio_level = packet.extensions.audio_level
        own.extensions.abs_send_time = (clock.current_ntp_time() >> 14) & 0x00FFFFFF
        return own

    async def _send(self, packet: RtpPacket) -> None:
        try:
            await send_plain(self._transport, packet.serialize(self._extensions))
        except ConnectionError:
            self._source.detach(self)  # the subscriber is going; whoever owns the session sees that too
            return
        self._packets += 1
        self._octets += len(packet.payload)


def _rtx(section: Section) -> RTCRtpRtxParameters | None:
    return None if section.rtx_ssrc is None else RTCRtpRtxParameters(section.rtx_ssrc)


async def _send_rtcp(transport: RTCDtlsTransport, *packets: AnyRtcpPacket) -> None:
    try:
        await send_plain(transport, b"".join(map(bytes, packets)))
    except ConnectionError:
        return  # not up yet, or going down: reports and requests are repeated, or no longer of use

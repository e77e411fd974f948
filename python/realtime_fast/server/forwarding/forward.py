"""Forwarding: the packets of one publisher to any number of subscribers, without decoding anything.

Both ends are streams of the RTP core: what is lost on the way in is asked for again there, what is lost on the way out
is repeated from there, and each subscriber's path has its own pacing and its own estimate.
"""

from __future__ import annotations

from typing import Any, Literal

from realtime_fast._native import RtpPacket, RtpPicture, RtpSound
from realtime_fast.peer.agreed import Agreed
from realtime_fast.peer.media_transport import MediaTransport
from realtime_fast.peer.stream_configs import extension_ids, feedback_kinds
from realtime_fast.server.forwarding.sections import Section


class Ingest:
    """One stream from a publisher."""

    def __init__(self, section: Section, agreed: Agreed, transport: MediaTransport, own_ssrc: int) -> None:
        self.section = section
        self._transport = transport
        self._egresses: list[Egress] = []
        self._wanted: dict[Egress, int] = {}
        rtx = section.rtx.payloadType if section.rtx is not None else None
        payload_type = section.codec.payloadType
        self._stream = transport.add_receiver(
            self._handle,
            kind=section.kind,
            codecs=[(payload_type, section.codec.name.lower(), section.codec.clockRate, rtx)],
            ssrc=section.ssrc,
            rtx_ssrc=section.rtx_ssrc,
            own_ssrc=own_ssrc,
            cname="service",
            mid=section.mid,
            sync_group="",
            extensions=extension_ids(agreed),
            feedback=feedback_kinds(agreed, payload_type),
            deliver="packets",
        )

    def attach(self, egress: Egress) -> None:
        """Forward to one more subscriber."""
        self._egresses.append(egress)

    def detach(self, egress: Egress) -> None:
        """Forward to a subscriber no more; harmless when repeated."""
        if egress in self._egresses:
            self._egresses.remove(egress)
        if self._wanted.pop(egress, None) is not None and self._wanted:
            self._limit()

    def request_key_frame(self) -> None:
        """Ask the publisher for a key frame; the core limits how often."""
        self._transport.request_key_frame(self._stream)

    def want(self, egress: Egress, bitrate: int) -> None:
        """A path carries so much, sound and all: the publisher is asked for what the best of them can take.

        One subscriber on a bad path must not make the picture bad for all; without layers there is only one stream.
        """
        self._wanted[egress] = bitrate
        self._limit()

    def _limit(self) -> None:
        self._transport.limit(max(self._wanted.values()))

    def close(self) -> None:
        """Receive nothing more."""
        self._transport.remove_receiver(self._stream)

    def _handle(self, media: RtpPicture | RtpSound | RtpPacket | None) -> None:
        if isinstance(media, RtpPacket):
            for egress in tuple(self._egresses):
                egress.forward(media)


class Egress:
    """One stream to a subscriber: a publisher's packets under this session's numbers."""

    def __init__(
        self, ingest: Ingest, section: Section, agreed: Agreed, transport: MediaTransport, cname: str
    ) -> None:
        assert section.ssrc is not None
        self._ingest = ingest
        self._transport = transport
        self._video = section.kind == "video"
        self._waiting = self._video
        rtx: tuple[int, int] | None = None
        if section.rtx is not None and section.rtx.payloadType is not None and section.rtx_ssrc is not None:
            rtx = section.rtx.payloadType, section.rtx_ssrc
        payload_type = section.codec.payloadType
        config: dict[str, Any] = {
            "codec": section.codec.name.lower(),
            "payload_type": payload_type,
            "clock_rate": section.codec.clockRate,
            "ssrc": section.ssrc,
            "rtx": rtx,
            "cname": cname,
            "mid": section.mid,
            "extensions": extension_ids(agreed),
            "feedback": feedback_kinds(agreed, payload_type),
            "trailers": agreed.trailers,
        }
        self._stream = transport.add_sender(self._handle, **config)

    def start(self) -> None:
        """Start forwarding; video begins with a key frame, which is requested at once."""
        self._ingest.attach(self)
        if self._waiting:
            self._ingest.request_key_frame()

    def stop(self) -> None:
        """End the stream; the subscriber's track ends with it."""
        self._ingest.detach(self)
        self._transport.remove_sender(self._stream)

    def forward(self, packet: RtpPacket) -> None:
        """Send one packet of the publisher."""
        if self._waiting:
            if not packet.key:
                self._ingest.request_key_frame()
                return
            self._waiting = False
        self._transport.forward(self._stream, packet)

    def _handle(self, wish: Literal["key_frame", "rate"], bitrate: int) -> None:
        if wish == "key_frame":
            self._ingest.request_key_frame()
        elif self._video:  # a limit holds for all that the publisher sends, its pictures too
            self._ingest.want(self, bitrate)

"""The RTP core joined to one DTLS transport: datagrams in, datagrams out, and a timer for what is due later."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from aiortc import RTCDtlsTransport

from realtime_fast._native import RtpEndpoint, RtpPacket, RtpPicture, RtpSound
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer import consent
from realtime_fast.peer.datagrams import Datagrams

SendHandler: TypeAlias = Callable[[Literal["key_frame", "rate"], int], None]
"""Takes a wish of the core: a key frame, or the bit rate to encode at from here on."""

ReceiveHandler: TypeAlias = Callable[[RtpPicture | RtpSound | RtpPacket | None], None]
"""Takes what is received; None is the end of the stream."""


MAX_BITRATE = 4_000_000
"""What a transport sends at most, in bit/s, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Bounds of the bit rate of all that a transport sends, in bit/s."""

    start: int = 1_000_000
    min: int = 100_000
    max: int = MAX_BITRATE


class MediaTransport:
    """All streams of one DTLS transport.

    Handlers are called on the event loop; they must neither wait nor raise.
    """

    def __init__(self, dtls: RTCDtlsTransport, rates: Rates) -> None:
        self._endpoint = RtpEndpoint(
            secrets.randbits(64),
            time.monotonic(),
            start_bitrate=rates.start,
            min_bitrate=rates.min,
            max_bitrate=rates.max,
        )
        self._loop = asyncio.get_running_loop()
        self._senders: dict[int, SendHandler] = {}
        self._receivers: dict[int, ReceiveHandler] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._closed = False
        self._datagrams = Datagrams(dtls, self._take)
        consent.of(seams.ice_connection.of(dtls.transport)).tell(self._endpoint.set_round_trip)

    # --- streams

    def add_sender(self, handler: SendHandler, **config: Any) -> int:
        """Begin an outgoing stream (see `RtpEndpoint.add_sender`); `handler` is told what its encoder should do."""
        stream = self._endpoint.add_sender(**config)
        self._senders[stream] = handler
        self._perform(self._endpoint.tick(time.monotonic()))
        return stream

    def remove_sender(self, stream: int) -> None:
        """End an outgoing stream, and say so to the far side; harmless when repeated."""
        if self._senders.pop(stream, None) is not None:
            self._perform(self._endpoint.remove_sender(stream, time.monotonic()))

    def add_receiver(self, handler: ReceiveHandler, **config: Any) -> int:
        """Begin an incoming stream (see `RtpEndpoint.add_receiver`); `handler` gets what is received."""
        stream = self._endpoint.add_receiver(**config)
        self._receivers[stream] = handler
        return stream

    def remove_receiver(self, stream: int) -> None:
        """End an incoming stream; harmless when repeated."""
        if self._receivers.pop(stream, None) is not None:
            self._endpoint.remove_receiver(stream)

    # --- media

    def send(self, stream: int, media: bytes, timestamp: int, **info: Any) -> None:
        """Send an encoded picture or packet of sound (see `RtpEndpoint.send`); dropped if the stream has ended."""
        if stream in self._senders:
            self._perform(self._endpoint.send(stream, media, timestamp, time.monotonic(), **info))

    def forward(self, stream: int, packet: RtpPacket) -> None:
        """Send a packet that another transport received; dropped if the stream has ended."""
        if stream in self._senders:
            self._perform(self._endpoint.forward(stream, packet, time.monotonic()))

    def request_key_frame(self, stream: int) -> None:
        """Ask the far side for a key frame of an incoming stream."""
        if stream in self._receivers:
            self._perform(self._endpoint.request_key_frame(stream, time.monotonic()))

    def limit(self, bitrate: int | None) -> None:
        """Tell the far side to send no more than this, in bit/s."""
        self._perform(self._endpoint.limit(bitrate, time.monotonic()))

    def set_delay(self, stream: int, min_delay: float, max_delay: float) -> None:
        """Change how long an incoming stream is held back, in seconds."""
        self._endpoint.set_delay(stream, min_delay, max_delay)

    # --- figures

    def sender_stats(self, stream: int) -> dict[str, Any]:
        """`outbound-rtp` figures of a stream, those of `remote-inbound-rtp` under `remote`; empty if it has ended."""
        return self._endpoint.sender_stats(stream) or {}

    def receiver_stats(self, stream: int) -> dict[str, Any]:
        """`inbound-rtp` figures of a stream, empty if it has ended."""
        return self._endpoint.receiver_stats(stream) or {}

    def stats(self) -> dict[str, Any]:
        """Figures of the path: round trip, available bit rates, and how long packets wait to be sent."""
        return self._endpoint.transport_stats(time.monotonic())

    def pacer_delay(self) -> float:
        """Seconds that packets wait to be sent, now."""
        return self._endpoint.pacer_delay(time.monotonic())

    # --- the loop

    def _take(self, data: bytes) -> None:
        if not self._closed:
            self._perform(self._endpoint.receive(data, time.monotonic()))

    def _tick(self) -> None:
        self._timer = self._due = None
        if not self._closed:
            self._perform(self._endpoint.tick(time.monotonic()))

    def _perform(self, work: tuple[list[bytes], list[Any], float | None]) -> None:
        datagrams, events, deadline = work
        if self._closed:
            return
        for datagram in datagrams:
            if not self._datagrams.send(datagram):
                break  # the transport is going: whoever owns it sees that too
        for event in events:
            self._hand_over(*event)
        if deadline is not None and (self._due is None or deadline < self._due):
            if self._timer is not None:
                self._timer.cancel()
            self._due = deadline
            self._timer = self._loop.call_later(max(0.0, deadline - time.monotonic()), self._tick)

    def _hand_over(self, what: str, stream: int, content: Any = None) -> None:
        match what:
            case "key_frame" | "rate":
                if (sending := self._senders.get(stream)) is not None:
                    sending("key_frame" if what == "key_frame" else "rate", content or 0)
            case _:
                if (receiving := self._receivers.get(stream)) is not None:
                    receiving(content)

    def close(self) -> None:
        """Send and receive nothing more; idempotent."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

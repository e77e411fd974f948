"""From packet to picture: aiortc's waiting, shortened and measured."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket
from av import AudioFrame, VideoFrame

from realtime_fast._native import VideoMeter
from realtime_fast.peer import aiortc_seams as seams

VIDEO_CAPACITY = 512
"""Packets, as in aiortc."""
_IN_FLIGHT = 64
"""Pictures between their first packet and their decoding that are remembered for timing."""


class Timing:
    """How long pictures took, in the sums of webrtc-stats (`jitterBufferDelay`, `totalDecodeTime`, …).

    Decoding includes the way to the decoder's thread and back.
    """

    def __init__(self) -> None:
        self.emitted = 0
        self.buffered = 0.0
        self.decoded = 0
        self.decoding = 0.0
        self.processing = 0.0
        self._arrivals: dict[int, float] = {}
        self._decoding: deque[tuple[JitterFrame, float, float]] = deque(maxlen=_IN_FLIGHT)

    def arrived(self, timestamp: int, now: float) -> None:
        """A packet of the picture with this RTP timestamp came."""
        if timestamp not in self._arrivals:
            self._arrivals[timestamp] = now
            if len(self._arrivals) > _IN_FLIGHT:
                del self._arrivals[next(iter(self._arrivals))]

    def emit(self, frame: JitterFrame, now: float) -> None:
        """The picture is complete and goes to the decoder."""
        first = self._arrivals.pop(frame.timestamp, now)
        self.emitted += 1
        self.buffered += now - first
        self._decoding.append((frame, first, now))

    def decode(self, pts: int | None, now: float) -> None:
        """The picture came out of the decoder; aiortc has made `pts` of the frame's timestamp by now."""
        while self._decoding:
            frame, first, emitted = self._decoding.popleft()
            if frame.timestamp == pts:
                self.decoded += 1
                self.decoding += now - emitted
                self.processing += now - first
                return


class PromptJitterBuffer(seams.OpenJitterBuffer):
    """Gives a picture out with its last packet.

    aiortc waits for the first packet of the next picture, a whole frame interval later. The marker bit is set on
    the last packet of a picture in VP8 (RFC 7741 section 4.1) and H.264 (RFC 6184 section 5.1); where it is
    missing, a new timestamp still ends the picture.
    """

    def __init__(self, timing: Timing) -> None:
        super().__init__(capacity=VIDEO_CAPACITY, is_video=True)
        self._timing = timing

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet; returns whether a key frame is needed, and the picture it completed."""
        now = time.monotonic()
        self._timing.arrived(packet.timestamp, now)
        wants_keyframe, frame = super().add(packet)
        if frame is not None:
            self._timing.emit(frame, now)
        return wants_keyframe, frame

    def next_frame(self) -> JitterFrame | None:
        """Remove the first picture if all of it is there."""
        self._skip_padding()
        packets: list[RtpPacket] = []
        for index in range(self.capacity):
            packet = self.peek(index)
            if packet is None:
                return None
            if packets and packet.timestamp != packets[0].timestamp:
                return self._taken(packets)
            packets.append(packet)
            if packet.marker:
                return self._taken(packets)
        return None

    def _skip_padding(self) -> None:
        """Drop packets without content from the front.

        Senders that probe the path pad with the timestamp of a picture that is gone by then. A picture of no bytes
        would tell the decoder that the stream is over, and it would refuse all that follows.
        """
        while (packet := self.peek(0)) is not None and not seams.depayloaded.of(packet):
            self.remove(1)

    def _taken(self, packets: list[RtpPacket]) -> JitterFrame:
        self.remove(len(packets))
        return JitterFrame(b"".join(map(seams.depayloaded.of, packets)), packets[0].timestamp)


class FrameQueue(asyncio.Queue[Any]):  # noqa: TID251 - in the place of a remote track's own, which is unbounded
    """Decoded frames of one remote track: counted, the newest `limit` kept; None is the end."""

    def __init__(self, limit: int, meter: VideoMeter, timing: Timing) -> None:
        super().__init__()
        self._limit = limit
        self._meter = meter
        self._timing = timing

    def _put(self, item: VideoFrame | AudioFrame | None) -> None:
        if isinstance(item, VideoFrame):
            now = time.monotonic()
            self._timing.decode(item.pts, now)
            self._meter.add(now, item.width, item.height)
        if item is not None and self.qsize() >= self._limit:
            self._get()
        super()._put(item)

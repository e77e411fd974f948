"""What is received of one stream: complete pictures and sound of the RTP core, decoded on a thread of its own."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeAlias

import anyio
from av import AudioFrame, VideoFrame

from realtime_fast._native import RtpPacket, RtpPicture, RtpSound, VideoMeter
from realtime_fast.peer.codecs.decoders import DamagedPictureError, OpusDecoder, VideoDecoder
from realtime_fast.peer.media_transport import MediaTransport
from realtime_fast.peer.remote_track import RemoteTrack
from realtime_fast.stamps import FrameTiming

Media: TypeAlias = RtpPicture | RtpSound

LAST_FRAME_LIMIT = 1.0
"""Seconds that the picture in work may take when a stream ends."""

MAX_DELAY = 0.15
"""Seconds that jitter alone may have media held back."""

BACKLOG_LIMIT = 0.3
"""Seconds that a picture may wait for the decoder. After that the decoder has fallen behind: what waits is left out, up
to a key frame."""


class ReceiveStream:
    """One stream on its way in; `run` it for as long as the connection lives.

    Attributes:
        meter: Counts the pictures that came out of the decoder.
    """

    def __init__(
        self,
        transport: MediaTransport,
        kind: Literal["audio", "video"],
        config: dict[str, Any],
        track: RemoteTrack,
        *,
        min_delay: float | None = 0.0,
    ) -> None:
        """Begin a stream.

        Args:
            transport: Where from.
            kind: What is received.
            config: See `RtpEndpoint.add_receiver`.
            track: Where the frames go.
            min_delay: Seconds that media is held back at least, to smooth jitter; None to hold nothing back, for what
                is worked on and not shown.
        """
        self._track = track
        self.meter = VideoMeter()
        self._transport = transport
        self._kind = kind
        self._waiting: deque[tuple[float, Media]] = deque()
        self._woken = anyio.Event()
        self._closed = False
        self._needs_key = kind == "video"
        self._thread: ThreadPoolExecutor | None = None
        self._decoder: VideoDecoder | OpusDecoder | None = None
        self._codec = ""
        self._decode_time = 0.0
        self._processing = 0.0
        self._left_out = 0
        self._stream = transport.add_receiver(
            self._handle,
            kind=kind,
            min_delay=min_delay or 0.0,
            max_delay=0.0 if min_delay is None else max(min_delay, MAX_DELAY),
            **config,
        )

    async def run(self) -> None:
        """Decode until `close` is called or the far side ends the stream; the track ends with it."""
        try:
            while not self._closed:
                self._woken = anyio.Event()
                while self._waiting and not self._closed:
                    await self._decode(*self._waiting.popleft())
                if not self._closed:
                    await self._woken.wait()
        finally:
            self.close()
            self._track.stop()
            await self._end_thread()

    def close(self) -> None:
        """Receive nothing more; `run` ends soon. Idempotent."""
        self._transport.remove_receiver(self._stream)
        self._closed = True
        self._woken.set()

    def request_key_frame(self) -> None:
        """Ask the far side for a key frame."""
        self._transport.request_key_frame(self._stream)

    def stats(self) -> dict[str, Any]:
        """Figures of this stream under the names of webrtc-stats (`inbound-rtp`).

        `framesReceived` are the pictures that were complete, before the decoder; `framesDropped` those of them that
        were not decoded, and `framesIncomplete` those that never became complete.
        """
        figures = self._transport.receiver_stats(self._stream)
        if figures and self._kind == "video":
            figures |= self.meter.inbound(time.monotonic())
            figures["framesIncomplete"] = figures.get("framesDropped", 0)
            figures["framesDropped"] = self._left_out
            figures |= {"totalDecodeTime": self._decode_time, "totalProcessingDelay": self._processing}
        return figures

    def _handle(self, media: RtpPicture | RtpSound | RtpPacket | None) -> None:
        match media:
            case RtpPicture() | RtpSound():
                self._waiting.append((time.monotonic(), media))
                self._woken.set()
            case None:
                self.close()

    async def _decode(self, since: float, media: Media) -> None:
        began = time.monotonic()
        if isinstance(media, RtpPicture):
            if began - since > BACKLOG_LIMIT and not media.key:
                self._needs_key = True
            if self._needs_key and not media.key:
                self._left_out += 1
                self.request_key_frame()
                return
            self._needs_key = False
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"decode-{self._kind}")
        try:
            frames: Sequence[VideoFrame | AudioFrame] = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._work, media
            )
        except DamagedPictureError:
            if isinstance(media, RtpPicture):
                self._needs_key = True
                self._left_out += 1
                self.request_key_frame()
            return
        now, said = time.monotonic(), _said(media)
        for frame in frames:
            if isinstance(frame, VideoFrame):
                frame.opaque = said
                self.meter.add(now, frame.width, frame.height)
                self._decode_time += now - began
                if isinstance(media, RtpPicture):
                    self._processing += now - media.first_arrival
            self._track.put(frame)

    def _work(self, media: Media) -> Sequence[VideoFrame | AudioFrame]:
        """In the stream's thread."""
        if self._decoder is None or self._codec != media.codec:
            self._forget()
            self._codec = media.codec
            self._decoder = OpusDecoder() if media.codec == "opus" else VideoDecoder(media.codec)
        decoder = self._decoder
        if media.data is not None:
            return decoder.decode(media.data, media.timestamp)
        return decoder.conceal(media.timestamp) if isinstance(decoder, OpusDecoder) else ()

    async def _end_thread(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_FRAME_LIMIT) as limit:
                await asyncio.get_running_loop().run_in_executor(thread, self._forget)
            thread.shutdown(wait=not limit.cancelled_caught)

    def _forget(self) -> None:
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()


def _said(media: Media) -> FrameTiming | None:
    """What a picture says of itself."""
    timestamp, frame_id = (media.trailer if isinstance(media, RtpPicture) else None) or (None, 0)
    return None if timestamp is None else FrameTiming(timestamp, frame_id)

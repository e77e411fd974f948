"""What is sent of one track: read, encoded on a thread of its own, handed to the RTP core.

Never late: a picture that comes while another is being encoded waits alone, and a newer one takes its place. The core
says at what rate to encode and when somebody needs a key frame; the adaptation turns rate, quantiser and encoding time
into the size and the number of pictures.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

import anyio
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from realtime_fast._native import Adaptation, VideoMeter
from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.media.clock import AUDIO_RATE, VIDEO_CLOCK_RATE
from realtime_fast.media.tracks import is_giving, stamp_of
from realtime_fast.options import DegradationPreference
from realtime_fast.peer.codecs.encoders import video_encoder
from realtime_fast.peer.codecs.opus import EncodedSound, OpusEncoder
from realtime_fast.peer.codecs.pictures import EncodedPicture, VideoEncoder
from realtime_fast.peer.encoding import Encoding
from realtime_fast.peer.media_transport import MediaTransport
from realtime_fast.peer.rtp_clock import RtpClock
from realtime_fast.peer.shaping import shaped
from realtime_fast.peer.source_rate import SourceRate

T = TypeVar("T", VideoFrame, AudioFrame)
Failed: TypeAlias = Callable[[Exception], None]

LAST_FRAME_LIMIT = 1.0
"""Seconds that the frame in work may take when a stream ends."""

QUEUE_LIMIT = 0.25
"""Seconds that packets may wait in the pacer before pictures are left out."""

LOSS_INTERVAL = 1.0
"""Seconds between two looks at how much of the sound is lost, which decides about forward error correction."""

EARLY = 0.25
"""Share of the wanted interval by which a picture may come too early: cameras are never quite even."""


class SendStream(ABC, Generic[T]):
    """One track on its way out; `run` it for as long as the connection lives."""

    kind: ClassVar[Literal["audio", "video"]]
    backlog: ClassVar[int]
    clock_rate: ClassVar[int]
    least_interval: ClassVar[float]
    """Seconds between two frames that are read: a track without a pace of its own must not hold up the loop."""

    def __init__(
        self,
        transport: MediaTransport,
        config: dict[str, Any],
        encoding: Encoding,
        is_wanted: Callable[[], bool],
    ) -> None:
        """Begin a stream.

        Args:
            transport: Where to.
            config: See `RtpEndpoint.add_sender`.
            encoding: How the track is to be sent, which may change at any time.
            is_wanted: Whether the far side wants what the track gives; frames are dropped meanwhile.
        """
        self._encoding = encoding
        self._is_wanted = is_wanted
        self._transport = transport
        self._config = config
        self._frames: DropOldest[tuple[T, MediaStreamTrack]] = DropOldest(self.backlog)
        self._track: MediaStreamTrack | None = None
        self._track_changed = anyio.Event()
        self._reading = anyio.CancelScope()
        self._clock = RtpClock(self.clock_rate)
        self._thread: ThreadPoolExecutor | None = None
        self._closed = anyio.Event()
        self._failing = False
        self._stream = transport.add_sender(self._handle, **config)

    def play(self, track: MediaStreamTrack | None) -> None:
        """Send this track from here on; None for nothing."""
        if track is not self._track:
            self._track = track
            self._track_changed.set()
            self._reading.cancel()

    async def run(self, failed: Failed) -> None:
        """Send until `close` is called.

        Args:
            failed: Told, once, what a track or an encoder died of. A track is not read any further; an encoder is
                made anew for the next frame.
        """
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, failed)
                tasks.start_soon(self._encode_all, failed)
                await self._closed.wait()
                tasks.cancel_scope.cancel()
        finally:
            self.close()
            await self._end_thread()

    def close(self) -> None:
        """Send nothing more, and say so to the far side; `run` ends soon. Idempotent."""
        self._transport.remove_sender(self._stream)
        self._closed.set()

    def stats(self) -> dict[str, Any]:
        """Figures of this stream under the names of webrtc-stats (`outbound-rtp`)."""
        return self._transport.sender_stats(self._stream)

    async def _read(self, failed: Failed) -> None:
        while True:
            self._track_changed = anyio.Event()
            if self._track is not None:
                with anyio.CancelScope() as self._reading:
                    await self._read_track(self._track, failed)
            await self._track_changed.wait()

    async def _read_track(self, track: MediaStreamTrack, failed: Failed) -> None:
        while True:
            begin = time.monotonic()
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            except Exception as error:  # noqa: BLE001 - the user's own track: it ends the stream, not the connection
                failed(error)
                return
            if isinstance(frame, VideoFrame if self.kind == "video" else AudioFrame):
                self._frames.put((frame, track))  # type: ignore[arg-type]
            await anyio.sleep(max(0.0, begin + self.least_interval - time.monotonic()))

    async def _encode_all(self, failed: Failed) -> None:
        while True:
            frame, track = await self._frames.get()
            if not (self._encoding.active and self._is_wanted()):
                continue
            try:
                await self._encode(frame, track)
            except Exception as error:  # noqa: BLE001 - FFmpeg raises anything; the connection goes on without it
                self._reset()
                if not self._failing:
                    self._failing = True
                    failed(error)

    async def _off_loop(self, work: Callable[..., Any], *args: Any) -> Any:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"encode-{self.kind}")
        result = await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
        self._failing = False  # not for a picture that is left out, which proves nothing
        return result

    async def _end_thread(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(LAST_FRAME_LIMIT) as limit:
                await asyncio.get_running_loop().run_in_executor(thread, self._reset)
            thread.shutdown(wait=not limit.cancelled_caught)

    @abstractmethod
    def _handle(self, wish: Literal["key_frame", "rate"], bitrate: int) -> None:
        """Take a wish of the core."""

    @abstractmethod
    async def _encode(self, frame: T, track: MediaStreamTrack) -> None:
        """Encode and send a frame of that track."""

    @abstractmethod
    def _reset(self) -> None:
        """Let go of the encoder."""


class VideoSendStream(SendStream[VideoFrame]):
    """Pictures on their way out.

    Attributes:
        meter: Counts the pictures that were encoded, at their encoded size.
    """

    kind = "video"
    backlog = 1
    clock_rate = VIDEO_CLOCK_RATE
    least_interval = 1 / 120

    def __init__(
        self,
        transport: MediaTransport,
        config: dict[str, Any],
        encoding: Encoding,
        is_wanted: Callable[[], bool],
        *,
        preference: DegradationPreference,
        bounded_by_size: bool,
        resized: Callable[[int, int, float, str], None],
    ) -> None:
        """Begin a stream.

        Args:
            transport: Where to.
            config: See `RtpEndpoint.add_sender`.
            encoding: As in `SendStream`.
            is_wanted: As in `SendStream`.
            preference: What to give up first where not everything can be had.
            bounded_by_size: Whether to spend no more bits than the size of the pictures is worth.
            resized: Told the width, height and frame rate that are sent from here on, and why.
        """
        self.meter = VideoMeter()
        self._preference = preference
        self._bounded_by_size = bounded_by_size
        self._resized = resized
        self._encoder: VideoEncoder | None = None
        self._adaptation: Adaptation | None = None
        self._source = (0, 0, 0)
        self._rate = SourceRate()
        self._shape = (0, 0, 0.0)
        self._due = 0.0
        self._allowed = self._bitrate = 0
        self._key_wanted = True
        super().__init__(transport, config, encoding, is_wanted)

    def stats(self) -> dict[str, Any]:
        """Figures of this stream under the names of webrtc-stats (`outbound-rtp`)."""
        figures = super().stats()
        if not figures:
            return figures
        figures = self.meter.outbound(time.monotonic()) | figures
        if (adaptation := self._adaptation) is not None:
            none, cpu, bandwidth = adaptation.durations(time.monotonic())
            figures |= {
                "qualityLimitationReason": adaptation.limitation,
                "qualityLimitationDurations": {
                    "none": none,
                    "cpu": cpu,
                    "bandwidth": bandwidth,
                    "other": 0.0,
                },
                "qualityLimitationResolutionChanges": adaptation.changes,
            }
        return figures

    def _handle(self, wish: Literal["key_frame", "rate"], bitrate: int) -> None:
        if wish == "key_frame":
            self._key_wanted = True
        else:
            self._allowed = bitrate
            self._limit_bitrate()

    def _limit_bitrate(self) -> None:
        before, self._bitrate = self._bitrate, self._encoding.bitrate(self._allowed)
        if self._adaptation is not None and self._bitrate != before:
            self._adaptation.rate(self._bitrate, time.monotonic())

    async def _encode(self, frame: VideoFrame, track: MediaStreamTrack) -> None:
        began = now = time.monotonic()
        self._limit_bitrate()
        missed = self._frames.newly_dropped()
        self._rate.add(began, 1 + missed)
        adaptation = self._adapted_to(frame)
        for _ in range(missed):
            adaptation.skipped(True, now)
        shape = adaptation.update(now)
        if shape != self._shape:
            self._shape = shape
            self._resized(*shape, adaptation.limitation)
        width, height, fps = shape
        if not self._is_due(began, fps):
            return
        if self._transport.pacer_delay() > QUEUE_LIMIT:
            adaptation.skipped(False, now)
            return
        timed = self._config["trailers"]
        stamp = stamp_of(track, frame, timed)
        key, self._key_wanted = self._key_wanted, False
        bitrate = min(self._bitrate, adaptation.worth) if self._bounded_by_size else self._bitrate
        picture: EncodedPicture | None = await self._off_loop(
            self._work, partial(shaped, frame, width, height, stamp, owned=is_giving(track)), key, bitrate
        )
        if picture is None:  # the encoder left it out to keep its rate
            self._key_wanted = self._key_wanted or key
            adaptation.skipped(False, time.monotonic())
            return
        adaptation.encoded(len(picture.data), picture.qp, picture.encode_time, time.monotonic())
        self.meter.add(time.monotonic(), width, height)
        timing = stamp.timing
        self._transport.send(
            self._stream,
            picture.data,
            self._clock.timestamp(frame.time, began),
            key=picture.key,
            width=width,
            height=height,
            quantizer=picture.qp,
            encode_time=picture.encode_time,
            trailer=timing and (timing.user_timestamp, timing.frame_id),
        )

    def _work(self, make: Callable[[], VideoFrame], key: bool, bitrate: int) -> EncodedPicture | None:
        """In the stream's thread."""
        picture = make()
        if self._encoder is None:
            self._encoder = video_encoder(self._config["codec"], bitrate)
        self._encoder.set_bitrate(bitrate)
        return self._encoder.encode(picture, key)

    def _adapted_to(self, frame: VideoFrame) -> Adaptation:
        fps = self._encoding.fps(self._rate.fps)
        source = (max(2, frame.width & ~1), max(2, frame.height & ~1), fps)  # encoders take even sides
        if self._adaptation is None:
            self._adaptation = Adaptation(
                self._config["codec"], self._preference, *source, self._bitrate, time.monotonic()
            )
        elif source != self._source:
            self._adaptation.set(self._preference, *source)
        self._source = source
        return self._adaptation

    def _is_due(self, now: float, fps: float) -> bool:
        if fps >= self._rate.fps and self._encoding.max_fps is None:
            return True  # all of them: how many that is may be known wrongly
        interval = 1 / fps
        if now < self._due - EARLY * interval:
            return False
        self._due = max(self._due, now - interval) + interval
        return True

    def _reset(self) -> None:
        encoder, self._encoder = self._encoder, None
        self._key_wanted = True
        if encoder is not None:
            encoder.close()


class AudioSendStream(SendStream[AudioFrame]):
    """Sound on its way out."""

    kind = "audio"
    backlog = 10
    clock_rate = AUDIO_RATE
    least_interval = 0.0

    def __init__(
        self,
        transport: MediaTransport,
        config: dict[str, Any],
        encoding: Encoding,
        is_wanted: Callable[[], bool],
    ) -> None:
        self._encoder: OpusEncoder | None = None
        self._bitrate = 64_000
        self._loss = 0.0
        self._loss_read = 0.0
        super().__init__(transport, config, encoding, is_wanted)

    def _handle(self, wish: Literal["key_frame", "rate"], bitrate: int) -> None:
        if wish == "rate":
            self._bitrate = bitrate

    async def _encode(self, frame: AudioFrame, track: MediaStreamTrack) -> None:
        now = time.monotonic()
        if now - self._loss_read > LOSS_INTERVAL:
            self._loss_read = now
            self._loss = self.stats().get("remote", {}).get("fractionLost", 0.0)
        packets: list[EncodedSound] = await self._off_loop(self._work, frame)
        for packet in packets:
            timestamp = self._clock.timestamp(packet.timestamp / AUDIO_RATE, now)
            self._transport.send(self._stream, packet.data, timestamp)

    def _work(self, frame: AudioFrame) -> list[EncodedSound]:
        """In the stream's thread."""
        if self._encoder is None:
            self._encoder = OpusEncoder(self._bitrate)
        self._encoder.set_bitrate(self._encoding.bitrate(self._bitrate))
        self._encoder.set_loss(self._loss)
        return self._encoder.encode(frame)

    def _reset(self) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            encoder.close()

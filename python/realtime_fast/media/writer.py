"""Writes one file or live stream. Blocking: it runs in a thread of its own."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
from av import AudioFrame, AudioResampler, VideoFrame
from av.container import OutputContainer

from realtime_fast.media.clock import AUDIO_RATE, VIDEO_TIME_BASE
from realtime_fast.media.destination import Codecs, Destination
from realtime_fast.media.picture import as_sent
from realtime_fast.media.restream import CONTAINER, Restream

logger = logging.getLogger(__name__)


_GAP = 0.1
"""Seconds of missing sound that become a gap in the recording; less is jitter."""


class Writer:
    """Encodes frames into a file or a live stream, whose streams are fixed at its beginning.

    Args:
        destination: Where to.
        picture: The first picture, whose size all have; None for a file of sound alone.
        has_sound: Whether the file has sound.

    Attributes:
        pictures: Pictures written.
        left_out: Frames for which the file has no stream, by their kind.
    """

    def __init__(self, destination: Destination, picture: VideoFrame | None, *, has_sound: bool) -> None:
        codecs = destination.codecs
        self.pictures = 0
        self.left_out = Counter[str]()
        live = destination.path is None
        self._live = Restream(destination.target, destination.format) if live else None
        self._container: OutputContainer = av.open(
            self._live or destination.target,
            "w",
            format=CONTAINER if live else destination.format,
            options=destination.options,
        )
        self._video = None if picture is None else _Pictures(self._container, codecs, picture)
        self._audio = _Sound(self._container, codecs) if has_sound else None

    def write(self, at: float, frame: VideoFrame | AudioFrame) -> None:
        """Encode `frame` at `at` seconds into the recording; counted only, if the file has no stream of its kind."""
        if isinstance(frame, VideoFrame) and self._video is not None:
            self._video.write(at, frame)
            self.pictures += 1
        elif isinstance(frame, AudioFrame) and self._audio is not None:
            self._audio.write(at, frame)
        else:
            self.left_out["pictures" if isinstance(frame, VideoFrame) else "pieces of sound"] += 1

    def finish(self) -> None:
        """Flush the encoders and finish the file."""
        with self._container:
            for lane in (self._video, self._audio):
                if lane is not None:
                    lane.flush()
        if self._live is not None:
            self._live.finish()

    def abandon(self) -> None:
        """Close the file as far as it got; what the encoders hold is lost, since muxing on after an error crashes."""
        with suppress(av.FFmpegError, OSError):
            self._container.close()
        if self._live is not None:
            self._live.abandon()


class _Pictures:
    def __init__(self, container: OutputContainer, codecs: Codecs, first: VideoFrame) -> None:
        self._container = container
        stream: Any = container.add_stream(codecs.video, rate=30, options=dict(codecs.video_options))
        stream.width, stream.height = first.width & ~1, first.height & ~1
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = VIDEO_TIME_BASE
        self._stream = stream
        self._next = 0

    def write(self, at: float, frame: VideoFrame) -> None:
        own = as_sent(frame, self._stream.width, self._stream.height)
        own.pts = max(self._next, round(at / VIDEO_TIME_BASE))
        own.time_base = VIDEO_TIME_BASE
        self._next = own.pts + 1
        self._container.mux(self._stream.encode(own))

    def flush(self) -> None:
        self._container.mux(self._stream.encode(None))


class _Sound:
    def __init__(self, container: OutputContainer, codecs: Codecs) -> None:
        self._container = container
        stream: Any = container.add_stream(codecs.audio, rate=AUDIO_RATE)
        stream.layout = "stereo"
        stream.codec_context.open()
        self._stream = stream
        self._resampler = self._new_resampler()
        self._samples = 0

    def write(self, at: float, frame: AudioFrame) -> None:
        if at - self._samples / AUDIO_RATE > _GAP:
            self._drain()
            self._samples = round(at * AUDIO_RATE)
        try:
            chunks = self._resampler.resample(frame)
        except ValueError:  # another rate or layout than before
            self._drain()
            chunks = self._resampler.resample(frame)
        self._encode(chunks)

    def flush(self) -> None:
        self._drain()
        self._container.mux(self._stream.encode(None))

    def _new_resampler(self) -> AudioResampler:
        context = self._stream.codec_context
        return AudioResampler(context.format, "stereo", AUDIO_RATE, frame_size=context.frame_size)

    def _drain(self) -> None:
        self._encode(self._resampler.resample(None))
        self._resampler = self._new_resampler()

    def _encode(self, chunks: list[AudioFrame]) -> None:
        for chunk in chunks:
            chunk.pts, chunk.time_base = self._samples, Fraction(1, AUDIO_RATE)
            self._samples += chunk.samples
            self._container.mux(self._stream.encode(chunk))

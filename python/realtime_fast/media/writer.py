"""Writes one mp4 or webm file. Blocking: it runs in a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av import AudioFrame, AudioResampler, VideoFrame
from av.container import OutputContainer

from realtime_fast.frames import convert
from realtime_fast.media.clock import AUDIO_RATE, VIDEO_TIME_BASE

logger = logging.getLogger(__name__)


_GAP = 0.1
"""Seconds of missing sound that become a gap in the recording; less is jitter."""


@dataclass(frozen=True, slots=True)
class Codecs:
    """The codecs of a container."""

    video: str
    video_options: dict[str, str]
    audio: str


FORMATS = {
    ".mp4": Codecs("libx264", {"preset": "veryfast", "crf": "21"}, "aac"),
    ".webm": Codecs("libvpx", {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "4M"}, "libopus"),
}


class Writer:
    """Encodes frames into a file whose streams are those of the first frames.

    Attributes:
        pictures: Pictures written.
    """

    def __init__(self, path: Path, first: Iterable[VideoFrame | AudioFrame]) -> None:
        codecs = FORMATS[path.suffix.lower()]
        self.pictures = 0
        self._container: OutputContainer = av.open(str(path), "w")
        self._video: _Pictures | None = None
        self._audio: _Sound | None = None
        for frame in first:
            if isinstance(frame, VideoFrame) and self._video is None:
                self._video = _Pictures(self._container, codecs, frame)
            elif isinstance(frame, AudioFrame) and self._audio is None:
                self._audio = _Sound(self._container, codecs)

    def write(self, at: float, frame: VideoFrame | AudioFrame) -> None:
        """Encode `frame` at `at` seconds into the recording; ignored if the file has no stream of its kind."""
        if isinstance(frame, VideoFrame):
            if self._video is not None:
                self._video.write(at, frame)
                self.pictures += 1
        elif self._audio is not None:
            self._audio.write(at, frame)

    def finish(self) -> None:
        """Flush the encoders and finish the file."""
        with self._container:
            for lane in (self._video, self._audio):
                if lane is not None:
                    lane.flush()


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
        own = self._copied(frame)
        own.pts = max(self._next, round(at / VIDEO_TIME_BASE))
        own.time_base = VIDEO_TIME_BASE
        self._next = own.pts + 1
        self._container.mux(self._stream.encode(own))

    def flush(self) -> None:
        self._container.mux(self._stream.encode(None))

    def _copied(self, frame: VideoFrame) -> VideoFrame:
        """The picture in a frame of our own, because its time is about to be changed."""
        width, height = self._stream.width, self._stream.height
        if (frame.width, frame.height, frame.format.name) != (width, height, "yuv420p"):
            return frame.reformat(width=width, height=height, format="yuv420p")
        own = VideoFrame(width, height, "yuv420p")
        own.colorspace, own.color_range = frame.colorspace, frame.color_range
        convert(frame, own)
        return own


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

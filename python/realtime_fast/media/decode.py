"""Decodes video and audio of a file or camera in order of time. Blocking: it runs in a thread of its own."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
from av import AudioFrame, AudioResampler, VideoFrame
from av.container import InputContainer

from realtime_fast.errors import InvalidInputError
from realtime_fast.media.clock import AUDIO_RATE, VIDEO_TIME_BASE

logger = logging.getLogger(__name__)

Timed: TypeAlias = tuple[float, VideoFrame | AudioFrame]
"""A frame and when it is due, in seconds from the start."""

AUDIO_CHUNK = AUDIO_RATE // 50
"""Samples in 20 ms, what an Opus packet carries."""
LEAST_WIDTH, LEAST_HEIGHT = 24, 4
"""The smallest picture that a marker fits in."""

_OPEN_LIMIT = _READ_LIMIT = 5.0
_LOOKAHEAD = 512
"""Packets of one stream read ahead while looking for the other's next one."""


def open_container(
    path: str, *, device: bool, size: tuple[int, int] | None, fps: float | None
) -> InputContainer:
    """Open a video file or a V4L2 device.

    Raises:
        InvalidInputError: It does not exist, cannot be read, or has no video.
    """
    options = {}
    if device and size is not None:
        options["video_size"] = f"{size[0]}x{size[1]}"
    if device and fps is not None:
        options["framerate"] = f"{fps:g}"
    what = "camera" if device else "video file"
    if not Path(path).exists():
        raise InvalidInputError(f"There is no {what} at {path}")
    try:
        container = av.open(
            path, format="v4l2" if device else None, options=options, timeout=(_OPEN_LIMIT, _READ_LIMIT)
        )
    except PermissionError as exc:
        raise InvalidInputError(f"The {what} {path} cannot be read: permission denied") from exc
    except (av.FFmpegError, OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise InvalidInputError(f"{path} cannot be read as a {what}: {reason}") from exc
    video = container.streams.video
    # FFmpeg renders any text file as a terminal's screen, which is not wanted here.
    if not video or container.format.name == "tty":
        container.close()
        raise InvalidInputError(f"{path} has no video in it")
    width, height = size or (video[0].width, video[0].height)
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        container.close()
        raise InvalidInputError(
            f"Pictures must be at least {LEAST_WIDTH} x {LEAST_HEIGHT}, those of {path} are {width} x {height}"
        )
    return container


def decoded(
    container: InputContainer, *, loop: bool, size: tuple[int, int] | None, fps: float | None
) -> Iterator[Timed]:
    """Pictures as yuv420p with even sides, sound as stereo s16 in chunks of 20 ms, both from time 0 on.

    Closes the container at the end.

    Args:
        container: What `open_container` returned.
        loop: Start over at the end, with timestamps that go on.
        size: Scale pictures to this width and height; None keeps their own, rounded down to even.
        fps: Leave out pictures beyond this rate.
    """
    video = container.streams.video[0]
    streams: list[Any] = [video, *container.streams.audio[:1]]
    begin = end = 0.0
    thinning = _Thinning(fps)
    with container:
        while True:
            first: float | None = None
            sound = _Sound(begin)
            for packet in _in_order(container, streams):
                try:
                    frames = packet.decode()
                except av.FFmpegError as exc:
                    logger.debug("Skipped a damaged packet at %s: %s", packet.pts, exc)
                    continue
                for frame in frames:
                    if frame.time is None:
                        continue
                    if first is None:
                        first = frame.time
                    at = begin + max(0.0, frame.time - first)
                    if isinstance(frame, AudioFrame):
                        for timed in sound.chunks(frame, at):
                            end = max(end, timed[0] + AUDIO_CHUNK / AUDIO_RATE)
                            yield timed
                    else:
                        end = max(end, at + float(1 / (video.average_rate or 30)))
                        if thinning.keeps(at):
                            yield at, picture(frame, at, size)
            if not loop or end <= begin:  # a round that gave nothing would spin for ever
                return
            begin = end
            container.seek(0)


def picture(frame: VideoFrame, at: float, size: tuple[int, int] | None) -> VideoFrame:
    """`frame` as yuv420p of this size (its own, rounded down to even, if None), stamped with its time."""
    width, height = size or (frame.width & ~1, frame.height & ~1)
    frame = frame.reformat(width=width, height=height, format="yuv420p")
    frame.pts = round(at / VIDEO_TIME_BASE)
    frame.time_base = VIDEO_TIME_BASE
    return frame


class _Thinning:
    """Keeps frames so that no more than `fps` pass in the long run."""

    def __init__(self, fps: float | None) -> None:
        self._interval = 1 / fps if fps else 0.0
        self._due = 0.0

    def keeps(self, at: float) -> bool:
        if at < self._due - 0.001:
            return False
        self._due = max(self._due + self._interval, at)
        return True


class _Sound:
    """Cuts decoded sound into even chunks that are timed by counting samples."""

    def __init__(self, begin: float) -> None:
        self._resampler = AudioResampler(
            format="s16", layout="stereo", rate=AUDIO_RATE, frame_size=AUDIO_CHUNK
        )
        self._samples = round(begin * AUDIO_RATE)
        self._started = False

    def chunks(self, frame: AudioFrame, at: float) -> Iterator[Timed]:
        if not self._started:
            self._started = True
            self._samples = round(at * AUDIO_RATE)
        for chunk in self._resampler.resample(frame):
            chunk.pts = self._samples
            chunk.time_base = Fraction(1, AUDIO_RATE)
            yield self._samples / AUDIO_RATE, chunk
            self._samples += chunk.samples


def _in_order(container: InputContainer, streams: list[Any]) -> Iterator[Any]:
    """Packets in order of decoding time: containers may store a second of audio in one piece."""
    waiting: dict[int, deque[Any]] = {stream.index: deque() for stream in streams}

    def earliest() -> Any:
        lane = min((lane for lane in waiting.values() if lane), key=lambda lane: _time(lane[0]))
        return lane.popleft()

    for packet in container.demux(streams):
        waiting[packet.stream.index].append(packet)
        while all(waiting.values()) or any(len(lane) > _LOOKAHEAD for lane in waiting.values()):
            yield earliest()
    while any(waiting.values()):
        yield earliest()


def _time(packet: Any) -> float:
    # Packets without a time come at the end, and flush the decoders.
    return float("inf") if packet.dts is None else float(packet.dts * packet.time_base)

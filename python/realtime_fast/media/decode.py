"""Decodes video and audio of an input in order of time. Blocking: it runs in a thread of its own."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, TypeAlias

import av
from av import AudioFrame, AudioResampler, VideoFrame

from realtime_fast.media.clock import AUDIO_RATE, VIDEO_TIME_BASE
from realtime_fast.media.inputs import Input
from realtime_fast.media.picture import as_sent, turned
from realtime_fast.media.timeline import Timeline

logger = logging.getLogger(__name__)

Timed: TypeAlias = tuple[float, VideoFrame | AudioFrame]
"""A frame and when it is due, in seconds from the start."""

AUDIO_CHUNK = AUDIO_RATE // 50
"""Samples in 20 ms, what an Opus packet carries."""

_LOOKAHEAD = 512
"""Packets of one stream read ahead while looking for the other's next one, at most."""
_LOOKAHEAD_TIME = 2.0
"""Seconds of it: no container stores a longer piece of one stream."""
_GAP = 0.1
"""Seconds by which sound may be off the count of its samples before they are counted anew."""
_ASPECTS = (Fraction(1, 4), Fraction(4))
"""Shapes of a pixel that are believed."""


def decoded(
    source: Input, *, loop: bool = False, size: tuple[int, int] | None = None, fps: float | None = None
) -> Iterator[Timed]:
    """Pictures as WebRTC senders mean them (`picture.as_sent`), sound as stereo s16 in chunks of 20 ms, from time 0 on.

    Whatever the input's time stamps do, each stream's times grow. Closes the container at the end.

    Args:
        source: What `open_input` returned.
        loop: Start over at the end, with times that go on.
        size: Scale pictures to this width and height; None keeps their own as they are shown, rounded down to even.
        fps: Leave out pictures beyond this rate.
    """
    begin = 0.0
    thinning = _Thinning(fps)
    with source.container:
        while True:
            timeline = Timeline(begin)
            sound = _Sound()
            for frame in _frames(source):
                duration = _duration(frame, source)
                dts = None if frame.dts is None else float(frame.dts * frame.time_base)
                if isinstance(frame, AudioFrame):
                    yield from sound.chunks(frame, timeline.place("audio", frame.time, duration))
                else:
                    at = timeline.place("video", frame.time, duration, dts=dts)
                    if thinning.keeps(at):
                        yield at, picture(frame, at, size, _aspect(source.video))
            if not loop or timeline.end <= begin:  # a round that gave nothing would spin for ever
                return
            begin = timeline.end
            source.container.seek(0)


def picture(
    frame: VideoFrame, at: float, size: tuple[int, int] | None, aspect: Fraction = Fraction(1)
) -> VideoFrame:
    """A picture upright, of square pixels and as it is sent, stamped with its time.

    Args:
        frame: As it was decoded, with its rotation.
        at: Its time in seconds.
        size: Width and height; None keeps those in which it is shown, rounded down to even.
        aspect: Width of a pixel by its height.
    """
    is_on_its_side = round(frame.rotation / 90) % 2 == 1
    if size is None:
        width, height = max(2, int(frame.width * aspect) & ~1), max(2, frame.height & ~1)
    else:
        width, height = size[::-1] if is_on_its_side else size
    sent = turned(as_sent(frame, width, height), frame.rotation)
    sent.pts = round(at / VIDEO_TIME_BASE)
    sent.time_base = VIDEO_TIME_BASE
    return sent


def _aspect(stream: Any) -> Fraction:
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return aspect if _ASPECTS[0] <= aspect <= _ASPECTS[1] else Fraction(1)


def _duration(frame: VideoFrame | AudioFrame, source: Input) -> float:
    """Seconds a frame lasts, by its samples or the rate of its stream."""
    if isinstance(frame, AudioFrame):
        return frame.samples / (frame.sample_rate or AUDIO_RATE)
    return float(1 / (source.video.average_rate or source.video.guessed_rate or 30))


def _frames(source: Input) -> Iterator[Any]:
    streams = [stream for stream in (source.video, source.audio) if stream is not None]
    packets = source.container.demux(streams)
    # Live packets come in time; waiting for another stream's would hold them up.
    for packet in packets if source.is_live else _in_order(packets, streams):
        try:
            yield from packet.decode()
        except av.FFmpegError as error:
            logger.debug("Skipped a damaged packet at %s: %s", packet.pts, error)


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

    def __init__(self) -> None:
        self._resampler = _resampler()
        self._samples = 0
        self._taken = 0.0

    def chunks(self, frame: AudioFrame, at: float) -> Iterator[Timed]:
        if abs(at - self._taken) > _GAP or not self._taken:
            self._samples = max(self._samples, round(at * AUDIO_RATE))
        self._taken = at + frame.samples / (frame.sample_rate or AUDIO_RATE)
        try:
            yield from self._timed(self._resampler.resample(frame))
        except ValueError:  # another rate, layout or format than before
            yield from self._timed(self._resampler.resample(None))
            self._resampler = _resampler()
            yield from self._timed(self._resampler.resample(frame))

    def _timed(self, chunks: list[AudioFrame]) -> Iterator[Timed]:
        for chunk in chunks:
            if chunk.samples != AUDIO_CHUNK:
                continue  # the rest before a change: shorter than a packet
            chunk.pts, chunk.time_base = self._samples, Fraction(1, AUDIO_RATE)
            yield self._samples / AUDIO_RATE, chunk
            self._samples += chunk.samples


def _resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="stereo", rate=AUDIO_RATE, frame_size=AUDIO_CHUNK)


def _in_order(packets: Iterator[Any], streams: list[Any]) -> Iterator[Any]:
    """Packets in order of decoding time: containers may store a second of audio in one piece."""
    waiting: dict[int, deque[tuple[float, Any]]] = {stream.index: deque() for stream in streams}
    newest = dict.fromkeys(waiting, float("-inf"))

    def earliest() -> Any:
        lane = min((lane for lane in waiting.values() if lane), key=lambda lane: lane[0][0])
        return lane.popleft()[1]

    def is_full(lane: deque[tuple[float, Any]]) -> bool:
        return len(lane) > _LOOKAHEAD or (len(lane) > 1 and abs(lane[-1][0] - lane[0][0]) > _LOOKAHEAD_TIME)

    for packet in packets:
        index = packet.stream.index
        if packet.dts is not None:
            newest[index] = float(packet.dts * packet.time_base)
        # One without a time keeps its place; what flushes the decoders comes at the end.
        at = float("inf") if packet.size == 0 and packet.dts is None else newest[index]
        waiting[index].append((at, packet))
        while all(waiting.values()) or any(map(is_full, waiting.values())):
            yield earliest()
    while any(waiting.values()):
        yield earliest()

"""What every video encoder here shares: its result, its bit budget, and how it borrows a picture."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from av import VideoFrame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

KEY_FRAME_SPAN = 0.2
"""Seconds of the path that a key frame may take, where the quantiser's range allows it."""

_RISE = 1.1
"""Most by which the rate grows from one picture to the next: a jump is spent on one huge picture (libvpx: 520 kbit of
2 Mbit/s), a ramp of ten times in a second is not. Falls apply at once."""
_SMOOTHING = 8
"""Pictures over which the interval is averaged; the jitter of a camera must not become jitter of quality."""
_SHORTEST, _LONGEST = 1 / 120, 0.5
_PATIENCE = 0.3
"""Seconds of the rate that may be owed: what the queues of usual networks hold."""
_CREDIT = 0.3
"""Seconds of the rate that may be saved up for later."""
_FIRST_INTERVAL = 1 / 30


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One picture as it goes into RTP.

    Attributes:
        data: A VP8 frame (RFC 6386), or an H.264 access unit with start codes (Annex B), parameter sets before a key.
        key: Whether it can be decoded without those before it.
        width: Pixels.
        height: Pixels.
        qp: The mean quantiser: 0 to 127 for VP8, 0 to 51 for H.264; None where the bits do not tell.
        encode_time: Seconds it took, by the clock on the wall.
    """

    data: bytes
    key: bool
    width: int
    height: int
    qp: float | None
    encode_time: float


class VideoEncoder(ABC):
    """Turns pictures into bits, for one stream and from one thread at a time."""

    codec_name: ClassVar[str]

    def __init__(self, bitrate: int) -> None:
        self._budget = Budget(bitrate)
        self._codec: VideoCodecContext | None = None
        self._closed = False

    def encode(self, frame: VideoFrame, key: bool = False) -> EncodedPicture | None:
        """Encode one picture; another size than the one before begins a new key frame.

        Args:
            frame: yuv420p with even sides and a time. It is borrowed: nothing else may use the object meanwhile, and
                afterwards it is as it was.
            key: Make it a key frame. Without, there is none but the first and after a change of size; for VP8, after a
                cut; for H.264, when the rate has grown to several times that of the last key frame.

        Returns:
            The picture, or None where it was left out because those before it took too many bits; a key frame is not.

        Raises:
            ValueError: The picture's format or size is not as above.
            RuntimeError: The encoder was closed.
        """
        check(frame)
        if self._closed:
            raise RuntimeError(f"The {self.codec_name} encoder was closed; make a new one")
        started = time.perf_counter()
        bits = self._budget.next(frame.time)
        if self._budget.overdrawn and not key:
            return None
        codec = self._codec
        if (
            codec is None
            or (codec.width, codec.height) != (frame.width, frame.height)
            or not self._still_suits(frame, bits, key)
        ):
            codec = self._codec = self._open(frame, bits)
        data, is_key, quantiser = self._coded(codec, frame, bits, key)
        self._budget.spend(len(data))
        return EncodedPicture(
            data=data,
            key=is_key,
            width=frame.width,
            height=frame.height,
            qp=quantiser,
            encode_time=time.perf_counter() - started,
        )

    def set_bitrate(self, bitrate: int) -> None:
        """Aim at so many bits per second from the next picture on, without a key frame.

        Raises:
            ValueError: It is not positive.
        """
        self._budget.aim(bitrate)

    def close(self) -> None:
        """Free the codec; doing so again changes nothing."""
        self._closed = True
        self._codec = None

    @abstractmethod
    def _still_suits(self, frame: VideoFrame, bits: float, key: bool) -> bool:
        """Called for each picture, in order: whether the open codec can make the next picture, of so many bits."""

    @abstractmethod
    def _open(self, frame: VideoFrame, bits: float) -> VideoCodecContext:
        """A new codec for pictures like this one, of so many bits; it begins with a key frame."""

    @abstractmethod
    def _coded(
        self, codec: VideoCodecContext, frame: VideoFrame, bits: float, key: bool
    ) -> tuple[bytes, bool, float | None]:
        """A picture of about so many bits: its data, whether it is a key frame, and its mean quantiser."""


class Budget:
    """How many bits the next picture may take, and how many were taken too many.

    A picture may take the rate times the smoothed interval between pictures. Both encoders are told bits a picture in
    disguise, so neither needs to know the frame rate, and a source that slows down gets larger pictures instead of a
    lower rate. What is spent beyond that stands in a queue somewhere on the path, so there is a limit to it: then
    pictures are left out until it is paid.
    """

    def __init__(self, bitrate: int) -> None:
        self.aim(bitrate)
        self.rate = float(bitrate)
        """Bits per second, as far as the target has been approached."""
        self.interval = _FIRST_INTERVAL
        """Seconds from picture to picture, smoothed."""
        self.owed = 0.0
        """Seconds of the rate spent beyond the budget; negative where they were saved."""
        self._last: float | None = None
        self._seen = 0

    def aim(self, bitrate: int) -> None:
        """Approach this rate. Raises ValueError unless it is positive: a stream without bits is paused, not encoded."""
        if bitrate <= 0:
            raise ValueError(f"A bit rate is positive, {bitrate} is not; pause the stream instead")
        self._target = bitrate

    @property
    def overdrawn(self) -> bool:
        """Whether the next picture has to be left out."""
        return self.owed > _PATIENCE

    def next(self, time: float | None) -> float:
        """Bits for the picture of this time, in seconds; None if it has none."""
        if time is not None and self._last is not None and time > self._last:
            self._seen += 1
            step = min(max(time - self._last, _SHORTEST), _LONGEST)
            self.interval += (step - self.interval) / min(self._seen, _SMOOTHING)
        if time is not None:
            self._last = time
        before, self.rate = self.rate, min(self._target, self.rate * _RISE)
        self.owed = max(self.owed * before / self.rate - self.interval, -_CREDIT)
        return self.rate * self.interval

    def spend(self, size: int) -> None:
        """Book a picture of so many bytes."""
        self.owed += 8 * size / self.rate


def check(frame: VideoFrame) -> None:
    """Raise ValueError unless the picture is what an encoder takes."""
    if frame.format.name != "yuv420p":
        raise ValueError(
            f"An encoder takes yuv420p, this picture is {frame.format.name}: realtime_fast.frames converts it"
        )
    if frame.width % 2 or frame.height % 2 or not frame.width or not frame.height:
        raise ValueError(f"An encoder takes even sides, this picture is {frame.width} x {frame.height}")


@contextmanager
def lent(
    frame: VideoFrame, *, key: bool, pts: int, duration: int, time_base: Fraction
) -> Iterator[VideoFrame]:
    """The picture with the codec's own time on it, and the owner's again afterwards."""
    kept = frame.pts, frame.duration, frame.time_base, frame.pict_type
    frame.pts, frame.duration, frame.time_base = pts, duration, time_base
    frame.pict_type = PictureType.I if key else PictureType.NONE
    try:
        yield frame
    finally:
        frame.pts, frame.duration, time_base_kept, frame.pict_type = kept
        if time_base_kept is not None:
            frame.time_base = time_base_kept

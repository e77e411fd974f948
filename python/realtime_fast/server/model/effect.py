"""A stand-in for the model: a colour grade derived from the prompt, with the reference image as an inset.

Works on whole planes of yuv420p pictures in 8-bit arithmetic, which takes far less than a frame interval. The source
picture is never modified: decoders and players may hold it.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass, field
from typing import TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

Planes: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]

_TINT = 40
"""How far a grade moves the chroma, of 128."""
_INSET_SHARE = 4
"""The inset is at most a quarter of the picture's width and height."""
_MAX_PIXELS = 64_000_000


class ImageError(Exception):
    """A reference image that cannot be read."""


@dataclass(frozen=True)
class Grade:
    """Luma is flattened to three quarters and lifted, chroma halved and tinted."""

    lift: int
    u: int
    v: int

    @classmethod
    def of(cls, prompt: str) -> Grade:
        """The grade of a prompt: the same text gives the same one, another text almost surely another."""
        digest = hashlib.sha256(prompt.encode()).digest()
        hue = digest[0] / 256 * 2 * math.pi
        return cls(
            lift=16 + digest[1] % 32,
            u=64 + round(_TINT * math.cos(hue)),
            v=64 + round(_TINT * math.sin(hue)),
        )

    def draw(self, source: Planes, target: Planes) -> None:
        """Write the graded source into the target; nothing can overflow by construction."""
        luma, out = source[0], target[0]
        np.right_shift(luma, 1, out=out)
        out += luma >> 2
        out += np.uint8(self.lift)
        for plane, graded, tint in zip(source[1:], target[1:], (self.u, self.v), strict=True):
            np.right_shift(plane, 1, out=graded)
            graded += np.uint8(tint)


@dataclass(frozen=True)
class Inset:
    """The reference image, scaled once for each size of picture it is drawn on."""

    image: av.VideoFrame
    _scaled: dict[tuple[int, int], av.VideoFrame] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def decode(cls, data: bytes) -> Inset:
        """Read an image file (anything FFmpeg knows: PNG, JPEG, WebP, …).

        Raises:
            ImageError: Not an image.
        """
        try:
            with av.open(io.BytesIO(data), "r") as container:
                shape = container.streams.video[0]
                if shape.width * shape.height > _MAX_PIXELS:
                    raise ImageError(f"the reference image is too large: {shape.width}x{shape.height} pixels")
                image = next(container.decode(video=0))
        except (av.FFmpegError, StopIteration, IndexError, ValueError) as error:
            raise ImageError(f"the reference image could not be read: {error}") from error
        return cls(image.reformat(format="yuv420p"))

    def draw(self, target: av.VideoFrame) -> None:
        """Put it into the top right corner, away from the marker."""
        scaled = self._fitting(target.width, target.height)
        if scaled is None:
            return
        left = (target.width - scaled.width) // 2 * 2
        for plane, patch, shift in zip(planes(target), planes(scaled), (0, 1, 1), strict=True):
            rows, columns = patch.shape
            x = left >> shift
            plane[:rows, x : x + columns] = patch[:, : plane.shape[1] - x]

    def _fitting(self, width: int, height: int) -> av.VideoFrame | None:
        room = width // _INSET_SHARE, height // _INSET_SHARE
        if min(room) < 2:
            return None
        if (scaled := self._scaled.get(room)) is None:
            ratio = min(room[0] / self.image.width, room[1] / self.image.height)
            width, height = (
                max(2, round(side * ratio) // 2 * 2) for side in (self.image.width, self.image.height)
            )
            scaled = self.image.reformat(width, height)
            self._scaled.clear()
            self._scaled[room] = scaled
        return scaled


@dataclass(frozen=True)
class Effect:
    """What the model does to a picture; the empty look leaves it alone."""

    prompt: str | None = None
    inset: Inset | None = None
    grade: Grade | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.prompt is not None:
            object.__setattr__(self, "grade", Grade.of(self.prompt))

    @property
    def passthrough(self) -> bool:
        """Whether pictures leave as they came."""
        return self.grade is None and self.inset is None

    def draw(self, source: av.VideoFrame) -> av.VideoFrame:
        """A new picture with the look on it, of the same size, time and colour space; yuv420p."""
        if source.format.name not in ("yuv420p", "yuvj420p"):
            source = _retimed(source.reformat(format="yuv420p"), source)
        target = _retimed(av.VideoFrame(source.width, source.height, source.format.name), source)
        if self.grade is not None:
            self.grade.draw(planes(source), planes(target))
        else:
            for plane, copy in zip(planes(source), planes(target), strict=True):
                np.copyto(copy, plane)
        if self.inset is not None:
            self.inset.draw(target)
        return target


def planes(frame: av.VideoFrame) -> Planes:
    """Views of the three planes of a yuv420p picture, without the padding."""
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )
    return y, u, v


def canvas(width: int, height: int) -> av.VideoFrame:
    """What the model draws on when the client sends no video: a grey gradient, yuv420p."""
    frame = av.VideoFrame(width, height, "yuv420p")
    y, u, v = planes(frame)
    y[:] = np.linspace(64, 192, width, dtype=np.uint8)
    u[:] = v[:] = 128
    return frame


def _retimed(frame: av.VideoFrame, like: av.VideoFrame) -> av.VideoFrame:
    frame.pts = like.pts
    if like.time_base is not None:
        frame.time_base = like.time_base
    frame.color_range = like.color_range
    frame.colorspace = like.colorspace
    return frame

"""Opens what a source is told to play: a file, a camera, or a live stream. Blocking."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.stream import Disposition

from realtime_fast.errors import InvalidInputError

LEAST_WIDTH, LEAST_HEIGHT = 24, 4
"""The smallest picture that a marker fits in."""

_OPEN_LIMIT = _READ_LIMIT = 5.0
"""Seconds that opening an input may take, and each read of it."""

_LIVE = re.compile(r"(rtsps?|rtmps?|srt|udp|rtp|tcp|https?|mms|hls)://", re.IGNORECASE)
_DEVICES = {"avfoundation": "darwin", "dshow": "win32"}
"""FFmpeg's cameras by name, and the system that has them."""

_BEST_RAW_HEIGHT = 480
"""Rows up to which cameras are quick without compression; USB carries little more."""


@dataclass(frozen=True, slots=True)
class Input:
    """What was opened.

    Attributes:
        container: Of FFmpeg; to be closed.
        video: The stream of pictures.
        audio: The stream of sound, None without any.
        is_live: Whether frames come when they come, and never again.
    """

    container: InputContainer
    video: Any
    audio: Any
    is_live: bool


def open_input(
    name: str,
    *,
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    input_format: str | None = None,
) -> Input:
    """Open an input by its name.

    Args:
        name: A path; a camera's device file or number, `camera` for the first one, or `avfoundation:NAME`,
            `dshow:NAME` on their systems; `screen` (X11); or the URL of a live stream (rtsp, srt, rtmp, udp, http and
            the like).
        size: Width and height, asked of a camera.
        fps: Frame rate, asked of a camera.
        input_format: Asked of a camera, such as "mjpeg"; by default that where pictures are large.

    Raises:
        InvalidInputError: There is no such thing, it cannot be read, or it has no video that can be decoded.
    """
    wanted = {}
    if size is not None:
        wanted["video_size"] = f"{size[0]}x{size[1]}"
    if fps is not None:
        wanted["framerate"] = f"{fps:g}"
    kind, _, device = name.partition(":")
    if _LIVE.match(name):
        shown = f"{kind}://{_host(name)}"  # a user name, password or signature may be in the rest
        return _chosen(_opened("live stream", shown, name), shown, is_live=True)
    if kind in _DEVICES and device:
        if sys.platform != _DEVICES[kind]:
            raise InvalidInputError(
                f"{kind} cameras are for {_DEVICES[kind]}: here a camera is a device file"
            )
        return _chosen(_camera(name, device, kind, wanted, size, input_format), name, is_live=True)
    if name == "screen":
        display = os.environ.get("DISPLAY")
        if not display:
            raise InvalidInputError(
                "There is no screen to show: DISPLAY is not set, and only X11 is supported"
            )
        return _chosen(_opened("screen", name, display, driver="x11grab", options=wanted), name, is_live=True)
    if name == "camera":
        name = "0"
    path = Path(f"/dev/video{name}") if name.isdecimal() and not Path(name).exists() else Path(name)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        what = "camera" if str(path).startswith("/dev/") else "video file"
        reason = "" if isinstance(error, FileNotFoundError) else f" ({getattr(error, 'strerror', error)})"
        hint = "" if what == "camera" or os.sep in name else "; a camera is called 0 or /dev/video0"
        raise InvalidInputError(f"There is no {what} at {path}{reason}{hint}") from error
    if stat.S_ISCHR(mode):
        container = _camera(str(path), str(path), "v4l2", wanted, size, input_format)
        return _chosen(container, str(path), is_live=True)
    if not stat.S_ISREG(mode):
        raise InvalidInputError(f"{path} cannot be read: it is neither a file nor a camera")
    # Without the scheme a name with a colon is a protocol, and one with %d a row of pictures.
    options = {"pattern_type": "none"} if "%" in path.name and path.suffix.lower() in _PICTURES else {}
    return _chosen(
        _opened("video file", str(path), f"file:{path}", options=options), str(path), is_live=False
    )


_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


def _camera(
    shown: str,
    device: str,
    driver: str,
    wanted: dict[str, str],
    size: tuple[int, int] | None,
    input_format: str | None,
) -> InputContainer:
    """Open a camera, compressed where it would otherwise be slow, if it can be."""
    large = size is not None and size[1] > _BEST_RAW_HEIGHT
    formats = [input_format] if input_format else ["mjpeg", None] if large and driver == "v4l2" else [None]
    for compressed in formats:
        options = wanted if compressed is None else {**wanted, "input_format": compressed}
        try:
            return _opened("camera", shown, device, driver=driver, options=options)
        except InvalidInputError as error:
            failure = error
    raise failure


def _opened(
    what: str, shown: str, target: str, *, driver: str | None = None, options: dict[str, str] | None = None
) -> InputContainer:
    try:
        return av.open(target, format=driver, options=options or {}, timeout=(_OPEN_LIMIT, _READ_LIMIT))
    except PermissionError:
        raise InvalidInputError(f"The {what} {shown} cannot be read: permission denied") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise InvalidInputError(f"{shown} cannot be read as a {what}: {reason}") from None


def _chosen(container: InputContainer, shown: str, *, is_live: bool) -> Input:
    """Pick the streams to play."""
    try:
        # FFmpeg renders any text file as a terminal's screen, which is not wanted here.
        pictures = [] if container.format.name == "tty" else list(_moving(container))
        if not pictures:
            raise InvalidInputError(f"{shown} has no video in it")
        usable = [stream for stream in pictures if stream.codec_context is not None]
        if not usable:
            raise InvalidInputError(
                f"The video of {shown} cannot be decoded: FFmpeg as it is installed has no decoder for it"
            )
        video = usable[0]
        if video.width < LEAST_WIDTH or video.height < LEAST_HEIGHT:
            raise InvalidInputError(
                f"Pictures must be at least {LEAST_WIDTH} x {LEAST_HEIGHT}, "
                f"those of {shown} are {video.width} x {video.height}"
            )
    except BaseException:
        container.close()
        raise
    sound = [stream for stream in container.streams.audio if stream.codec_context is not None]
    return Input(container, video, sound[0] if sound else None, is_live)


def _moving(container: InputContainer) -> Iterator[Any]:
    """The streams of video, without the pictures on covers."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            yield stream


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def name_of(path: str | int | os.PathLike[str]) -> str:
    """An input's name as text: a camera may be a number."""
    return str(path) if isinstance(path, int) else os.fspath(path)

"""Where a recording goes: a file, or a live stream that is sent on."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import av

from realtime_fast.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Codecs:
    """The codecs of a container.

    Attributes:
        video: FFmpeg's name of the encoder of pictures.
        video_options: Its options.
        audio: The encoder of sound.
    """

    video: str
    video_options: dict[str, str]
    audio: str


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a recording goes.

    Attributes:
        target: The file by the name that FFmpeg opens, or the URL of a live stream, which may hold a key.
        shown: What may be shown of it.
        format: FFmpeg's name of the container; a live stream's is what the far end gets.
        options: Those of the container that is written.
        codecs: What is in it.
        path: The file, None for a live stream.
    """

    target: str = field(repr=False)
    shown: str
    format: str
    options: dict[str, str]
    codecs: Codecs
    path: Path | None

    @classmethod
    def parse(cls, name: str | os.PathLike[str]) -> Destination:
        """The destination of that name: a path that ends in .mp4 or .webm, or an rtmp(s) or srt URL.

        Raises:
            InvalidInputError: It is neither, or a file that cannot be written.
        """
        text = os.fspath(name)
        if (live := _LIVE.match(text)) is not None:
            return _stream(text, live[1].lower())
        path = Path(text)
        suffix = path.suffix.lower()
        if suffix not in _FILES:
            raise InvalidInputError(
                f"A recording's name ends in {' or '.join(_FILES)}, or it is an rtmp:// or srt:// URL; "
                f"it does not end in {path.suffix!r}"
            )
        if not path.parent.is_dir():
            raise InvalidInputError(f"The directory of the recording does not exist: {path.parent}")
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise InvalidInputError(f"The recording cannot be written to {path}")
        codecs, options = _FILES[suffix]
        # As it is named: a colon or a percent sign in it means nothing.
        return cls(f"file:{path}", str(path), suffix[1:], options | _HELD_BACK, codecs, path)


# Without looking ahead: what the encoder holds is lost where a recording is cut off.
_H264 = {"preset": "veryfast", "tune": "zerolatency"}
# One kind is not held back for a second of the other.
_HELD_BACK = {"max_interleave_delta": "500000", "flush_packets": "1"}

# A file that is cut off can be played to within a second of its end: mp4 is written in fragments, and becomes an
# ordinary one when it is finished.
_FILES = {
    ".mp4": (
        Codecs("libx264", {**_H264, "crf": "21"}, "aac"),
        {"movflags": "hybrid_fragmented+delay_moov+default_base_moof", "frag_duration": "500000"},
    ),
    ".webm": (
        Codecs("libvpx", {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "4M"}, "libopus"),
        {"cluster_time_limit": "500"},
    ),
}

_LIVE = re.compile(r"(rtmps?|srt)://", re.IGNORECASE)

# What streaming services ask for: a steady rate, and a key frame every other second to begin with.
_STREAMED = Codecs(
    "libx264", {**_H264, "b": "3M", "maxrate": "3M", "bufsize": "3M", "g": "60", "keyint_min": "60"}, "aac"
)


def has_protocol(scheme: str) -> bool:
    """Whether FFmpeg was built with a protocol: its wheels are without srt."""
    try:
        av.open(f"{scheme}://").close()
    except av.ProtocolNotFoundError:
        return False
    except (av.FFmpegError, OSError, ValueError):
        return True  # it knows the protocol, and misses an address
    return True


def _stream(url: str, scheme: str) -> Destination:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise InvalidInputError(f"The {scheme} URL of the recording names no host")
    if scheme == "srt" and not has_protocol(scheme):
        raise InvalidInputError(
            "The FFmpeg of the installed av has no srt: send to an rtmp:// URL, or build av against one that has "
            "(pip install --no-binary av av)"
        )
    shown = f"{scheme}://{host}"  # a stream's key or passphrase may be in the rest
    container = "mpegts" if scheme == "srt" else "flv"
    return Destination(url, shown, container, {"cluster_time_limit": "0"} | _HELD_BACK, _STREAMED, None)

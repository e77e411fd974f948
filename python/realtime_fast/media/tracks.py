"""The tracks of a connection: a wrapper for those sent, a reader for those received.

Neither outlives its connection. The user's own tracks do, so no wrapper stops what it wraps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import anyio
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from av.frame import Frame
from av.packet import Packet

from realtime_fast._native import VideoMeter
from realtime_fast.aio.callers import from_caller
from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.errors import InvalidInputError
from realtime_fast.stamps import Stamp

Failed: TypeAlias = Callable[[BaseException], object]
Observer: TypeAlias = Callable[[VideoFrame | AudioFrame], None]

NOTHING = Stamp()
"""No marker, and nothing behind the encoded bytes."""

VIDEO_BACKLOG = 8
AUDIO_BACKLOG = 50
"""Frames kept for a slow reader: about a quarter second of video, one second of audio."""


@runtime_checkable
class Stamping(Protocol):
    """Says what each picture of a track carries: the track itself, or whoever measures it.

    The sender asks just before it encodes, when the picture has its final size, and stamps the number itself: a marker
    that is stamped earlier would not survive scaling.
    """

    @property
    def is_timed(self) -> bool:
        """Whether its pictures say something of themselves behind their encoded bytes."""

    def stamp_for(self, frame: VideoFrame, timed: bool) -> Stamp:
        """What a picture that is about to be encoded carries; `timed` is whether timing can be. Called once each."""


@runtime_checkable
class GivingTrack(Protocol):
    """A track that says whether it gives its pictures away.

    Whoever reads one from such a track may write into it: nobody else holds it, or its memory. Others' pictures are
    copied before they get a time and a marker.
    """

    @property
    def gives_frames(self) -> bool:
        """Whether it does."""


# Both are asked for each picture, and `isinstance` with such a protocol takes 20 to 40 µs before Python 3.12.


def is_giving(track: MediaStreamTrack) -> bool:
    """Whether a track gives its pictures away (see `GivingTrack`)."""
    gives: bool = getattr(track, "gives_frames", False)
    return gives


def stamp_of(track: MediaStreamTrack, frame: VideoFrame, timed: bool) -> Stamp:
    """What a picture of a track carries (see `Stamping`): nothing, if the track does not say."""
    ask: Callable[[VideoFrame, bool], Stamp] | None = getattr(track, "stamp_for", None)
    return NOTHING if ask is None else ask(frame, timed)


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """The tracks to send."""

    video: MediaStreamTrack | None = None
    audio: MediaStreamTrack | None = None

    @property
    def tracks(self) -> list[MediaStreamTrack]:
        """The tracks that exist, video first."""
        return [track for track in (self.video, self.audio) if track is not None]


def local_media(local_track: Any) -> LocalMedia:
    """Validate what a caller gave as `local_track`.

    Args:
        local_track: An aiortc track, a pair (video, audio) either of which may be None, an object with `video`
            and `audio` tracks (a source of ours, aiortc's MediaPlayer), or None.

    Raises:
        InvalidInputError: It is something else, or a track that has ended.
    """
    match local_track:
        case None:
            media = LocalMedia()
        case MediaStreamTrack(kind="video"):
            media = LocalMedia(video=local_track)
        case MediaStreamTrack(kind="audio"):
            media = LocalMedia(audio=local_track)
        case (video, audio):
            media = LocalMedia(video, audio)
        case _ if hasattr(local_track, "video") and hasattr(local_track, "audio"):
            media = LocalMedia(local_track.video, local_track.audio)
        case _:
            raise InvalidInputError(
                "local_track must be an aiortc track, a (video, audio) pair, a source of this package "
                f"or None, not {type(local_track).__name__}"
            )
    for kind, track in (("video", media.video), ("audio", media.audio)):
        if track is None:
            continue
        if not isinstance(track, MediaStreamTrack) or track.kind != kind:
            raise InvalidInputError(
                f"The {kind} half of local_track must be an aiortc {kind} track or None, "
                f"not {getattr(track, 'kind', None) or type(track).__name__}"
            )
        if track.readyState != "live":
            raise InvalidInputError(f"The {kind} track given as local_track has ended")
    return media


class SentTrack(MediaStreamTrack):
    """A local track as one connection sends it: forwards its frames and counts them.

    Args:
        source: The local track; it is never stopped.
        stamps: Says what the pictures carry; by default what the source says itself, if it does.
        failed: Called once with what the local track died of; its end without a cause is no failure.

    Attributes:
        meter: Counts the pictures (video only).
    """

    def __init__(
        self,
        source: MediaStreamTrack,
        stamps: Stamping | None = None,
        failed: Failed | None = None,
    ) -> None:
        super().__init__()
        self.kind = source.kind
        self.meter = VideoMeter()
        self._source = source
        self._failed = failed
        self._stamps = stamps or (source if isinstance(source, Stamping) else None)

    @property
    def is_timed(self) -> bool:
        """Whether its pictures say something of themselves (see `Stamping`)."""
        return self._stamps is not None and self._stamps.is_timed

    def stamp_for(self, frame: VideoFrame, timed: bool) -> Stamp:
        """What a picture carries that is about to be encoded (see `Stamping`)."""
        return NOTHING if self._stamps is None else self._stamps.stamp_for(frame, timed)

    @property
    def gives_frames(self) -> bool:
        """Whether the local track does (see `GivingTrack`)."""
        return is_giving(self._source)

    async def recv(self) -> Frame | Packet[Any]:
        """The next frame; stopping this track leaves the source alone.

        Raises:
            MediaStreamError: This track was stopped, or the source has ended or failed.
        """
        if self.readyState != "live":
            raise MediaStreamError
        try:
            frame = await from_caller(self._source.recv())
        except MediaStreamError as end:
            self._end(end.__cause__)
            raise
        except Exception as error:
            self._end(error)
            raise MediaStreamError from error
        if isinstance(frame, VideoFrame):
            self.meter.add(time.monotonic(), frame.width, frame.height)
        return frame

    def _end(self, cause: BaseException | None) -> None:
        self.stop()
        if cause is not None and self._failed is not None:
            self._failed(cause)


class ReceivedTrack(MediaStreamTrack):
    """A remote track as users get it: the newest frames, however slowly they are read.

    Its owner must run `pump`; both end with the connection.

    Attributes:
        observers: Called with each frame, in order, whether or not anybody reads the track; they must neither
            wait, nor write into the frame, nor keep many of them. One that raises is called no more.
        meter: Counts the pictures (video only).
    """

    def __init__(self, remote: MediaStreamTrack, failed: Failed | None = None) -> None:
        super().__init__()
        self.kind = remote.kind
        self._failed = failed
        self.observers: list[Observer] = []
        self.meter = VideoMeter()
        self._remote = remote
        self._box: DropOldest[VideoFrame | AudioFrame] = DropOldest(
            VIDEO_BACKLOG if self.kind == "video" else AUDIO_BACKLOG
        )

    @property
    def id(self) -> str:
        """That of the remote track."""
        return self._remote.id

    @property
    def dropped(self) -> int:
        """Frames that were dropped unread."""
        return self._box.dropped

    async def pump(self) -> None:
        """Read the remote track to its end; when done, or cancelled, this track ends.

        It continues when the user stops this track, because aiortc's own queue is unbounded.
        """
        try:
            while True:
                frame = await self._remote.recv()
                if isinstance(frame, VideoFrame):
                    self.meter.add(time.monotonic(), frame.width, frame.height)
                elif not isinstance(frame, AudioFrame):
                    continue  # an encoded packet, which cannot be shown
                for observer in tuple(self.observers):
                    self._show(frame, observer)
                self._box.put(frame)
        except MediaStreamError:
            pass
        finally:
            self._box.close()

    def _show(self, frame: VideoFrame | AudioFrame, observer: Observer) -> None:
        try:
            observer(frame)
        except Exception as error:
            self.observers.remove(observer)
            if self._failed is None:
                raise
            self._failed(error)

    async def recv(self) -> Frame:
        """The oldest frame that is still here, or the next one.

        Raises:
            MediaStreamError: The track has ended.
        """
        if self.readyState != "live":
            raise MediaStreamError
        try:
            return await self._box.get()
        except anyio.EndOfStream:
            self.stop()
            raise MediaStreamError from None

    def stop(self) -> None:
        """End the track for its reader."""
        self._box.close()
        super().stop()

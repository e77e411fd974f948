"""Publications and subscriptions, as the user of a stage sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from aiortc import MediaStreamTrack

from realtime_fast.errors import ConnectError
from realtime_fast.ivs.published import Kind, PublishedStream
from realtime_fast.ivs.stream import Stream


class StageStream:
    """A publication or a subscription; `stop` ends it, on the stage's side too."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    @property
    def participant_id(self) -> str:
        """Its publisher: this client for a publication."""
        return self._stream.participant_id

    @property
    def tracks(self) -> Mapping[Literal["video", "audio"], MediaStreamTrack]:
        """The received tracks, by kind; new ones after a reassignment."""
        return self._stream.tracks

    @property
    def video(self) -> MediaStreamTrack | None:
        """The received video track, if there is one."""
        return self._stream.tracks.get("video")

    @property
    def audio(self) -> MediaStreamTrack | None:
        """The received audio track, if there is one."""
        return self._stream.tracks.get("audio")

    def stop(self) -> None:
        """End the stream soon; idempotent."""
        self._stream.stop()

    async def aclose(self) -> None:
        """End the stream; returns once it is over on both sides."""
        self.stop()
        await self.wait_ended()

    async def wait_ended(self) -> ConnectError | None:
        """Wait until the stream has ended; returns why, None if that was requested or announced."""
        return await self._stream.wait_ended()

    async def get_stats(self) -> Mapping[str, Any]:
        """W3C webrtc-stats entries of its peer connection by id; empty while there is none."""
        return await self._stream.get_stats()


class Publication(StageStream):
    """What this client publishes; made by `Stage.publish`."""

    _stream: PublishedStream

    def __init__(self, stream: PublishedStream) -> None:
        super().__init__(stream)

    @property
    def sent(self) -> Mapping[Kind, MediaStreamTrack]:
        """The tracks that are published, by kind."""
        return self._stream.sent

    @property
    def muted(self) -> frozenset[Kind]:
        """The kinds of which nothing is sent: muted, or without a track."""
        return self._stream.muted

    async def mute(self, kind: Kind | None = None) -> None:
        """Send no more RTP of one kind, by default of both, and tell the others.

        The track is read on and its frames are dropped, so that `unmute` goes on with what is new.
        """
        await self._stream.set_active(kind, active=False)

    async def unmute(self, kind: Kind | None = None) -> None:
        """Send one kind again, by default both, and tell the others."""
        await self._stream.set_active(kind, active=True)

    async def replace_track(self, track: MediaStreamTrack) -> None:
        """Send another track instead of the one of its kind, without negotiating anew (W3C webrtc, `replaceTrack`).

        A publication of sound alone takes a video track as well. The old track is the caller's, as the new one is.

        Raises:
            InvalidInputError: No track of this kind was published.
        """
        await self._stream.replace(track)

    def limit(self, *, max_bitrate: int | None = None, max_fps: int | None = None) -> None:
        """Bound the published video from the next picture on.

        Args:
            max_bitrate: Bit/s at most; None for what the path allows and `SendOptions` says.
            max_fps: Pictures a second at most; None for what the track gives.

        Raises:
            InvalidInputError: A bound below 1.
        """
        self._stream.limit(max_bitrate, max_fps)


class Subscription(StageStream):
    """What this client receives from another participant; made by `Stage.subscribe`."""

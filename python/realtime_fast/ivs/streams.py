"""Publications and subscriptions, as the user of a stage sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from aiortc import MediaStreamTrack

from realtime_fast.errors import ConnectError
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


class Subscription(StageStream):
    """What this client receives from another participant; made by `Stage.subscribe`."""

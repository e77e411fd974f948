"""What a participant publishes: its tracks, whether and how they are sent, and what the others are told of it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Literal, Protocol, TypeAlias

from aiortc import MediaStreamTrack

from realtime_fast.errors import InvalidInputError
from realtime_fast.ivs import whip
from realtime_fast.ivs.stage_host import StageHost
from realtime_fast.ivs.stream import Stream
from realtime_fast.media.tracks import SentTrack
from realtime_fast.peer import Peer
from realtime_fast.peer.encoding import Encoding

Kind: TypeAlias = Literal["video", "audio"]


class Announce(Protocol):
    """Tells the other participants what is on."""

    def __call__(self, *, audio_muted: bool, video_stopped: bool) -> Awaitable[None]:
        """Tell them."""


class PublishedStream(Stream):
    """This client's tracks, sent to the stage by WHIP.

    What is muted, limited and sent holds for the next peer connection too, if the stage reassigns the participant.
    """

    phase = "publish"

    def __init__(self, host: StageHost, tracks: Mapping[Kind, MediaStreamTrack], announce: Announce) -> None:
        super().__init__(host, host.token.claims.jti)
        self.sent = dict(tracks)
        self._announce = announce
        self._encodings: dict[Kind, Encoding] = {kind: Encoding() for kind in ("video", "audio")}
        # Production rejects an offer without video.
        self._negotiable: frozenset[Kind] = frozenset([*tracks, "video"])
        self._failed: set[MediaStreamTrack] = set()

    @property
    def muted(self) -> frozenset[Kind]:
        """The kinds of which nothing is sent."""
        return frozenset(
            kind for kind, how in self._encodings.items() if kind not in self.sent or not how.active
        )

    async def set_active(self, kind: Kind | None, *, active: bool) -> None:
        """Send, or send nothing, of one kind or of both; the others are told."""
        for one, encoding in self._encodings.items():
            if kind in (one, None):
                encoding.active = active
        await self.announce()

    def limit(self, max_bitrate: int | None, max_fps: int | None) -> None:
        """Bound what is sent of the video."""
        for name, value in (("max_bitrate", max_bitrate), ("max_fps", max_fps)):
            if value is not None and value < 1:
                raise InvalidInputError(f"{name} must be at least 1 or None, not {value!r}")
        video = self._encodings["video"]
        video.max_bitrate, video.max_fps = max_bitrate, max_fps

    async def replace(self, track: MediaStreamTrack) -> None:
        """Send another track instead of the one of its kind."""
        kind: Kind = "audio" if track.kind == "audio" else "video"
        if kind not in self._negotiable:
            raise InvalidInputError(f"No {kind} was published: publish again with it")
        self.sent[kind] = track
        if self._peer is not None:
            self._peer.replace_track(self._wrapped(track))
        await self.announce()

    async def announce(self) -> None:
        """Tell the others what is on."""
        muted = self.muted
        await self._announce(audio_muted="audio" in muted, video_stopped="video" in muted)

    def _prepare(self, peer: Peer) -> None:
        for kind, encoding in self._encodings.items():
            if (track := self.sent.get(kind)) is not None:
                peer.send(self._wrapped(track), encoding)
            elif kind in self._negotiable:
                peer.reserve(kind, encoding)

    async def _negotiate(self, offer: str) -> whip.Resource:
        token = self._host.token
        flow = whip.publish(token.claims.whip_url, self.participant_id, token.text, offer)
        return await self._perform(flow)

    def _wrapped(self, track: MediaStreamTrack) -> MediaStreamTrack:
        def failed(cause: BaseException) -> None:
            if track not in self._failed:  # each reassignment finds out anew
                self._failed.add(track)
                self._host.failed(f"The local {track.kind} track", cause)

        return SentTrack(track, failed=failed)

"""What a stage client publishes and whom it receives, decided anew after each change on the stage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import anyio
from aiortc import MediaStreamTrack
from anyio.abc import TaskGroup

from realtime_fast.aio.backoff import Backoff
from realtime_fast.errors import ConnectError
from realtime_fast.ivs.events import Participant, StreamEnded
from realtime_fast.ivs.stage_host import StageHost
from realtime_fast.ivs.stream import LIVED, RENEWAL_DELAYS
from realtime_fast.ivs.streams import Publication, StageStream, Subscription
from realtime_fast.media.tracks import LocalMedia, local_media


def nothing() -> None:
    """What is published by default."""


def everybody(_: Participant) -> bool:
    """Who is received by default."""
    return True


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """What a stage client does by itself, as in Amazon's SDKs.

    Both are asked again after each event of the stage and when `Stage.refresh` is called; the client then publishes,
    replaces tracks, subscribes and stops as answered. A stream that is lost is opened again, after growing pauses.
    They are called on the event loop and must not wait; what they raise ends the `async with` block of the stage.

    Attributes:
        publish: What to publish now: a track, a pair (video, audio), a source, or None for nothing.
        subscribe: Whether to receive a participant that publishes.
    """

    publish: Callable[[], Any] = nothing
    subscribe: Callable[[Participant], bool] = everybody


class Streaming(Protocol):
    """The stage, as the one who carries out a strategy sees it."""

    @property
    def participant_id(self) -> str:
        """This client's participant id."""

    @property
    def streams(self) -> Mapping[str, StageStream]:
        """The streams by participant."""

    async def publish(
        self, *, video: MediaStreamTrack | None = None, audio: MediaStreamTrack | None = None
    ) -> Publication:
        """Publish."""

    async def subscribe(self, participant_id: str) -> Subscription:
        """Subscribe."""


class Conductor:
    """Carries out a strategy. A stream that the user opened is the user's: none is opened beside it."""

    def __init__(self, strategy: Strategy, host: StageHost, stage: Streaming) -> None:
        self._strategy = strategy
        self._host = host
        self._stage = stage
        self._kept: dict[str, anyio.CancelScope] = {}
        self._given: Any = None
        self._media = LocalMedia()

    async def run(self, tasks: TaskGroup) -> None:
        """Follow the strategy until the stage is over."""
        try:
            while self._host.over is None:
                changed = self._host.changed
                await self._publish(tasks)
                self._subscribe(tasks)
                await changed.wait()
        finally:
            for scope in tuple(self._kept.values()):
                scope.cancel()

    async def _publish(self, tasks: TaskGroup) -> None:
        own = self._stage.participant_id
        given = self._strategy.publish() if self._host.token.claims.capabilities.allow_publish else None
        before = self._media
        if given != self._given:  # what has ended meanwhile is no new answer
            self._given, self._media = given, local_media(given)
        media = self._media
        if own in self._kept and media != before:
            stream = self._stage.streams.get(own)
            if isinstance(stream, Publication) and _kinds(media) == _kinds(before):
                for track in media.tracks:
                    await stream.replace_track(track)
            else:
                self._kept.pop(own).cancel()
        if media.tracks:
            self._keep(
                own,
                lambda: self._stage.publish(video=self._media.video, audio=self._media.audio),
                tasks,
            )

    def _subscribe(self, tasks: TaskGroup) -> None:
        may = self._host.token.claims.capabilities.allow_subscribe
        wanted = {
            key
            for key, who in self._host.roster.others.items()
            if may and who.is_publishing and self._strategy.subscribe(who)
        }
        for key in self._kept.keys() - wanted - {self._stage.participant_id}:
            self._kept.pop(key).cancel()
        for key in wanted:
            self._keep(key, lambda key=key: self._stage.subscribe(key), tasks)  # type: ignore[misc]

    def _keep(self, key: str, open_: Callable[[], Awaitable[StageStream]], tasks: TaskGroup) -> None:
        if key not in self._kept and key not in self._stage.streams:
            scope = self._kept[key] = anyio.CancelScope()
            tasks.start_soon(self._hold, key, open_, scope)

    async def _hold(
        self, key: str, open_: Callable[[], Awaitable[StageStream]], scope: anyio.CancelScope
    ) -> None:
        """Have a stream open for as long as the scope lasts."""
        pause = Backoff(RENEWAL_DELAYS, enough=LIVED)
        with scope:
            while key not in self._stage.streams:
                began = anyio.current_time()
                try:
                    stream = await open_()
                except ConnectError as error:
                    self._host.emit(StreamEnded(key, error))
                else:
                    try:
                        await stream.wait_ended()
                    finally:
                        stream.stop()
                await anyio.sleep(pause.after(anyio.current_time() - began))
        if self._kept.get(key) is scope:
            del self._kept[key]


def _kinds(media: LocalMedia) -> set[str]:
    return {track.kind for track in media.tracks}

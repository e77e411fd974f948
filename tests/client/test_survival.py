"""The service dies and comes back, or a connection is cut: pictures resume without the caller doing anything."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from realtime_fast import (
    AuthenticationError,
    LatencyTracking,
    ModelState,
    Prompt,
    RealtimeClient,
    ReconnectPolicy,
    SubscribeClient,
    SubscribeOptions,
)
from realtime_fast.client.base import ClientBase
from realtime_fast.errors import TransportName
from realtime_fast.events import Event, PixelLatencyReport
from realtime_fast.media.sources import MediaSource
from realtime_fast.server import Faults, Service, ServiceConfig

from tests.support import (
    KEY,
    MEDIA_LIMIT,
    PNG,
    QUICK,
    SHA,
    Watch,
    eventually,
    first_picture,
    leaving_nothing,
    options,
)

SLACK = 4.0
"""How much longer than on a quiet machine things may take in these tests."""


class Timeline:
    """When a client's state changed and when pictures came."""

    def __init__(self, client: ClientBase) -> None:
        self.states: list[tuple[str, float]] = []
        self.pictures: list[float] = []
        self._client = client
        client.on("connection_change", lambda state: self.states.append((state, time.monotonic())))

    async def watch(self) -> None:
        async for _ in self._client.frames(format="gray8"):
            self.pictures.append(time.monotonic())

    def entered(self, state: str, after: float) -> float | None:
        return next((at for entered, at in self.states if entered == state and at >= after), None)

    async def picture_after(self, moment: float, seconds: float = 15.0) -> float:
        await eventually(lambda: self.pictures and self.pictures[-1] > moment, seconds)
        return next(at for at in self.pictures if at > moment)


@asynccontextmanager
async def timed(client: ClientBase) -> AsyncIterator[Timeline]:
    timeline = Timeline(client)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(timeline.watch)
        await eventually(lambda: timeline.pictures)
        yield timeline
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("away", [0.0, 0.5])
async def test_the_service_dies_and_comes_back(
    service: Service, camera: MediaSource, watch: Watch, transport: TransportName, away: float
) -> None:
    start = ModelState(prompt=Prompt("initial"))
    async with (
        leaving_nothing(),
        RealtimeClient.connect(
            service.url,
            KEY,
            camera,
            options(
                transport=transport,
                initial_state=start,
                reconnect=ReconnectPolicy() if away == 0 else ReconnectPolicy(base_delay=0.5, jitter=0),
            ),
        ) as client,
        timed(client) as timeline,
    ):
        for lives in range(2):
            await client.set_image(PNG, prompt=f"current {lives}")
            before, killed = client.session_id, time.monotonic()
            await service.kill()
            await anyio.sleep(away)
            await service.start()
            back = time.monotonic()
            first = await timeline.picture_after(back)
            detected = timeline.entered("reconnecting", killed)
            assert detected is not None
            assert detected - killed < 1.0
            # From detection on a client dials at once, and then by the schedule: the next dial comes `base_delay`
            # after one that found nobody.
            waited = 1.0 if away == 0 else 0.5
            assert first - back < waited + SLACK
            (session,) = service.sessions.values()
            assert (session.prompt, session.image) == (f"current {lives}", SHA)
            assert client.session_id == session.id != before
    assert watch.errors == []


@asynccontextmanager
async def viewer(
    service: Service, publisher: RealtimeClient, **changes: Any
) -> AsyncIterator[SubscribeClient]:
    assert publisher.subscribe_token is not None
    wanted = SubscribeOptions(publisher.subscribe_token, **{"ice_servers": (), "reconnect": QUICK, **changes})
    async with RealtimeClient.subscribe(service.url, KEY, wanted) as client:
        yield client


async def cut_viewer(service: Service) -> None:
    for each in service.viewers:
        each.set_faults(Faults(cut=0))


async def silence_viewer(service: Service) -> None:
    for each in service.viewers:
        each.set_faults(Faults(silence=0))


async def drop_viewer(service: Service) -> None:
    for each in tuple(service.viewers):
        each.drop()


@pytest.mark.parametrize(
    ("strike", "within"),
    [(cut_viewer, MEDIA_LIMIT), (silence_viewer, MEDIA_LIMIT), (drop_viewer, 1.0)],
    ids=["cut", "silence", "drop"],
)
async def test_a_viewer_whose_connection_breaks_comes_back(
    service: Service,
    camera: MediaSource,
    watch: Watch,
    strike: Callable[[Service], Awaitable[None]],
    within: float,
) -> None:
    async with (
        leaving_nothing(),
        RealtimeClient.connect(service.url, KEY, camera, options()) as publisher,
        viewer(service, publisher) as client,
        timed(client) as timeline,
    ):
        struck = time.monotonic()
        await strike(service)
        await eventually(lambda: timeline.entered("reconnecting", struck), within + 1)
        detected = timeline.entered("reconnecting", struck)
        assert detected is not None
        assert detected - struck < within
        await timeline.picture_after(detected)
        assert client.is_connected()
        assert publisher.is_connected()
    assert watch.errors == []


async def test_a_viewer_survives_the_service_where_sessions_keep_their_ids(
    camera: MediaSource, watch: Watch
) -> None:
    async with (
        Service(ServiceConfig(port=0, resume=True)) as service,
        RealtimeClient.connect(service.url, KEY, camera, options(reconnect=QUICK)) as publisher,
        viewer(service, publisher, reconnect=QUICK) as client,
        timed(client) as timeline,
    ):
        for _ in range(2):
            struck = time.monotonic()
            await service.kill()
            await service.start()
            await eventually(lambda: timeline.entered("connected", struck), 15)  # noqa: B023 - called at once
            back = timeline.entered("connected", struck)
            assert back is not None
            assert await timeline.picture_after(back) - back < 1.0 + SLACK
        await eventually(publisher.is_connected)
    assert watch.errors == []


async def test_a_viewer_of_a_session_that_is_gone_is_told_so_once(
    service: Service, camera: MediaSource, watch: Watch, transport: TransportName
) -> None:
    """A session that comes back has a new id, which its viewers cannot know: their token is stale."""
    async with leaving_nothing():
        async with RealtimeClient.connect(
            service.url, KEY, camera, options(transport=transport)
        ) as publisher:
            connecting = viewer(service, publisher)
            client = await connecting.__aenter__()
            await first_picture(client)
        try:
            await eventually(lambda: client.get_connection_state() == "disconnected")
        finally:
            await connecting.__aexit__(None, None, None)
    (error,) = watch.errors
    assert isinstance(error, AuthenticationError)
    assert "Invalid session" in str(error)


async def test_what_is_in_flight_when_a_connection_is_lost_is_dropped_and_not_lost(
    service: Service, camera: MediaSource
) -> None:
    tracking = LatencyTracking(composite=True, pixel_marker=True, probe_interval_ms=100)
    seen: list[Event] = []
    async with (
        leaving_nothing(),
        RealtimeClient.connect(
            service.url, KEY, camera, options(latency_tracking=tracking, reconnect=QUICK)
        ) as client,
    ):
        for name in ("pixel_latency", "pixel_latency_report", "composite_latency"):
            client.on(name, seen.append)

        await eventually(lambda: any(hasattr(event, "e2e_latency_ms") for event in seen), 15)
        (session,) = service.sessions.values()
        session.pipeline.stalled = True  # what is sent from here on can never come back
        enough = session.pipeline.frames_in + 15
        await eventually(lambda: session.pipeline.frames_in >= enough)
        await service.kill()
        await service.start()
        await eventually(client.is_connected)
        seen.clear()
        await eventually(lambda: any(hasattr(event, "e2e_latency_ms") for event in seen), 15)
        await eventually(lambda: any(isinstance(event, PixelLatencyReport) for event in seen), 15)
        assert sum(event.lost for event in seen if isinstance(event, PixelLatencyReport)) == 0


async def test_a_first_picture_may_take_longer_than_any_pause(
    camera: MediaSource, transport: TransportName
) -> None:
    """A model that holds pictures back, or a muted camera: who sends nothing has not gone."""
    delay = 5.0
    async with (
        Service(ServiceConfig(port=0, delay_ms=delay * 1000)) as service,
        RealtimeClient.connect(service.url, KEY, camera, options(transport=transport)) as client,
    ):
        began = time.monotonic()
        with anyio.fail_after(delay + 15):
            async for _ in client.frames():
                break
        assert time.monotonic() - began > delay - 1, "the pictures were not held back"

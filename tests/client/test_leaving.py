"""Leaving at any moment: whatever a client is in the middle of, it is gone within two seconds, without a trace."""

from __future__ import annotations

import random
import time
from typing import get_args

import anyio
import pytest

from realtime_fast import (
    LatencyTracking,
    ModelState,
    Prompt,
    RealtimeClient,
    RealtimeError,
)
from realtime_fast.errors import TransportName
from realtime_fast.media.sources import MediaSource
from realtime_fast.server import Faults, Service

from tests.support import KEY, PNG, QUICK, eventually, leaving_nothing, options

LIMIT = 2.0
"""Seconds in which a client must be gone."""


async def live_on(client: RealtimeClient, dice: random.Random) -> None:
    """What programs do with a client, in any order, without end."""
    while True:
        match dice.randrange(4):
            case 0:
                await client.set_prompt(f"prompt {dice.random()}")
            case 1:
                await client.set_image(PNG if dice.random() < 0.5 else None)
            case 2:
                async for _ in client.frames(latest=dice.random() < 0.5):
                    break
            case 3:
                await anyio.sleep(dice.random() / 20)


class Moment:
    """When to leave: after some seconds, or after some turns of the event loop, so that every await is met."""

    def __init__(self, dice: random.Random, longest: float) -> None:
        self._seconds = dice.random() * longest
        self._turns = int(dice.random() ** 3 * 400) if dice.random() < 0.5 else None

    async def come(self) -> None:
        if self._turns is None:
            await anyio.sleep(self._seconds)
        else:
            for _ in range(self._turns):
                await anyio.sleep(0)


async def leave_once(seed: int, service: Service, camera: MediaSource, transport: TransportName) -> str:
    """One client, left at a random moment in a random way; a description for the message of a failure."""
    dice = random.Random(seed)
    wanted = options(
        transport=transport,
        reconnect=QUICK if dice.random() < 0.5 else None,
        initial_state=ModelState(prompt=Prompt("boat"), image=PNG) if dice.random() < 0.3 else None,
        latency_tracking=LatencyTracking(pixel_marker=True, probe_interval_ms=0)
        if dice.random() < 0.3
        else None,
        stats_interval_ms=500 if dice.random() < 0.3 else None,
    )
    faults = dice.choice(
        [
            Faults(),
            Faults(),
            Faults(drop="connected"),
            Faults(cut=0.1),
            Faults(error="answer"),
            Faults(http=503),
        ]
    )
    way = dice.choice(["cancel", "disconnect"])
    moment = Moment(dice, 0.8 if transport == "webrtc" else 1.2)
    service.set_faults(faults)
    left_at = 0.0

    async def use() -> None:
        try:
            async with RealtimeClient.connect(service.url, KEY, camera, wanted) as client:
                clients.append(client)
                while True:
                    try:
                        await live_on(client, dice)
                    except RealtimeError:
                        await anyio.sleep(0.01)
        except RealtimeError:
            pass

    clients: list[RealtimeClient] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use)
        await moment.come()
        left_at = time.monotonic()
        if way == "disconnect" and clients:
            async with anyio.create_task_group() as both:
                both.start_soon(clients[0].disconnect)
                both.start_soon(clients[0].disconnect)
        tasks.cancel_scope.cancel()
    took = time.monotonic() - left_at
    assert took < LIMIT, f"seed {seed}: {way} under {faults.given()} took {took:.2f} s"
    return f"seed {seed}: {way} under {faults.given()}"


async def leave_often(seeds: range, service: Service, camera: MediaSource, transport: TransportName) -> None:
    for seed in seeds:
        async with leaving_nothing():
            what = await leave_once(seed, service, camera, transport)
            await eventually(lambda: not service.sessions)
        assert camera.video.readyState == "live", what


@pytest.mark.parametrize("seeds", [range(start, start + 10) for start in range(0, 40, 10)], ids=str)
async def test_leaving_at_any_moment(service: Service, camera: MediaSource, seeds: range) -> None:
    await leave_often(seeds, service, camera, "webrtc")


@pytest.mark.parametrize("transport", ["ivs", "livekit"])
async def test_leaving_a_stage_or_a_room_at_any_moment(
    service: Service, camera: MediaSource, transport: TransportName
) -> None:
    await leave_often(range(10), service, camera, transport)


@pytest.mark.soak
@pytest.mark.parametrize("transport", get_args(TransportName))
@pytest.mark.parametrize("seeds", [range(start, start + 30) for start in range(0, 300, 30)], ids=str)
@pytest.mark.timeout(300)
async def test_leaving_at_any_moment_300_times(
    service: Service, camera: MediaSource, seeds: range, transport: TransportName
) -> None:
    await leave_often(seeds, service, camera, transport)

"""Consent is kept over slow and lossy paths, asked for at a steady pace, and expires when nobody answers."""

from __future__ import annotations

import time

import anyio
import pytest
from aioice import ice as aioice
from aiortc import VideoStreamTrack

from realtime_fast import RealtimeClient
from realtime_fast.media.sources import open_source
from realtime_fast.peer import consent, open_peer
from realtime_fast.peer.link_events import LinkLost
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.network import NetworkProfile

from tests.peer.test_peer import Inbox, negotiate
from tests.support import KEY, SMALL, eventually, options


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything ten times as often, aioice's checks as well, but an answer may take as long as it may."""
    monkeypatch.setattr(aioice, "CONSENT_INTERVAL", 0.5)
    monkeypatch.setattr(consent, "INTERVAL", 0.5)
    monkeypatch.setattr(consent, "EXPIRY", 3.0)


async def test_a_round_trip_of_more_than_half_a_second_does_not_end_a_session() -> None:
    config = ServiceConfig(port=0, network=NetworkProfile.parse("delay=300ms"))
    async with (
        Service(config) as service,
        open_source("synthetic", size=(SMALL.width, SMALL.height), fps=10) as source,
        RealtimeClient.connect(service.url, KEY, source, options()) as client,
    ):
        pictures = client.frames()
        await anext(pictures)
        end = time.monotonic() + 8  # aioice gives up after six checks, which take a second each
        while time.monotonic() < end:
            await anext(pictures)
        assert client.is_connected()


async def test_a_far_side_that_answers_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "PATIENCE", 0.5)
    near = Inbox()
    # It still sends pictures: silence is none.
    async with open_peer(near, silence_limit=60) as caller, open_peer(Inbox()) as callee:
        caller.receive("video")
        await negotiate(caller, callee, VideoStreamTrack())
        with anyio.fail_after(10):
            await caller.wait_up()
            (connection,) = caller._pc.ice_connections
            connection.remote_password = "another, so that no answer counts"
            began = time.monotonic()
            lost = await near.wait(LinkLost)
        assert time.monotonic() - began >= consent.EXPIRY - 1
        assert "answers no consent checks" in str(lost.error)


async def test_a_far_side_that_refuses_at_once_is_asked_no_more_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    async def refused(*_: object) -> None:
        asked.append(time.monotonic())

    monkeypatch.setattr(consent, "PATIENCE", 0.5)
    near = Inbox()
    async with open_peer(near) as caller, open_peer(Inbox()) as callee:
        caller.receive("video")
        await negotiate(caller, callee, VideoStreamTrack())
        with anyio.fail_after(10):
            await caller.wait_up()
            monkeypatch.setattr(consent, "round_trip", refused)
            await near.wait(LinkLost)
    assert len(asked) <= 2 * (3.0 / 0.5 + 2), "by both sides"


async def test_media_is_told_the_fastest_of_the_latest_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    took = iter([0.2, 0.7, 0.1, 0.15, 0.3, 0.25])

    async def answered(checked: object, _: float) -> float:
        return next(took, 0.25) if checked is connection else 0.25

    async with open_peer(Inbox()) as caller, open_peer(Inbox()) as callee:
        caller.receive("video")
        await negotiate(caller, callee, VideoStreamTrack())
        (connection,) = caller._pc.ice_connections
        checks = consent.of(connection)
        with anyio.fail_after(10):
            await caller.wait_up()
            told: list[float] = []
            checks.tell(told.append)
            assert 0 < told[0] < 0.5, "a real check has been made"
            checks._round_trips.clear()
            monkeypatch.setattr(consent, "round_trip", answered)
            monkeypatch.setattr(consent, "INTERVAL", 0.01)
            await eventually(lambda: len(told) >= 6)
    # One that took over half a second was repeated, and says nothing.
    assert told[1:6] == [0.2, 0.1, 0.1, 0.1, 0.15]

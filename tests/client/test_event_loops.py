"""Where the event loop is: elsewhere than in the main thread, of another make, or not asyncio's at all."""

from __future__ import annotations

import asyncio
import threading

import jwt
import pytest

from realtime_fast import RealtimeClient, RealtimeError
from realtime_fast.ivs import Stage
from realtime_fast.server import Service, ServiceConfig

from tests.support import KEY, Colour, first_picture, options

CLAIMS = {
    "whip_url": "https://a.live-video.net",
    "events_url": "wss://a.live-video.net",
    "topic": "t",
    "jti": "me",
    "resource": "arn:aws:ivs:eu-central-1:123456789012:stage/abc",
    "iat": 1,
    "exp": 2**40,
    "capabilities": {},
}
TOKEN = jwt.encode(CLAIMS, "x" * 48, algorithm="HS384")


def test_without_asyncio_the_first_call_says_so() -> None:
    """Under trio a coroutine is driven without asyncio's loop, as here."""
    for call in (
        RealtimeClient.connect("ws://127.0.0.1:9", KEY, None, options()),
        RealtimeClient.connect("ws://127.0.0.1:9", KEY, None, options()).__aenter__(),
        Stage(TOKEN).__aenter__(),
        Service(ServiceConfig(port=0)).__aenter__(),
    ):
        with pytest.raises(RealtimeError, match=r"needs asyncio.*asyncio\.run"):
            call.send(None)


async def one_session() -> None:
    async with (
        Service(ServiceConfig(port=0)) as service,
        RealtimeClient.connect(service.url, KEY, Colour(), options()) as client,
    ):
        await first_picture(client)


def test_any_thread_may_have_the_loop() -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(one_session())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(50)
    assert not thread.is_alive()
    assert failures == []


def test_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")
    uvloop.run(one_session())

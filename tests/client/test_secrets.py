"""With every logger at DEBUG, whatever happens: no secret in a log, an error, an event, or what telemetry is sent."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import anyio
import httpx2
import pytest

from realtime_fast import (
    LatencyTracking,
    RealtimeClient,
    RealtimeError,
    SubscribeOptions,
    Telemetry,
)
from realtime_fast.events import ErrorRaised
from realtime_fast.ivs import Stage
from realtime_fast.media.sources import MediaSource
from realtime_fast.server import Faults, Service, ServiceConfig
from realtime_fast.session.event_hub import EventHub

from tests.far_side import close_frame, far_side, http, text_frame, upgrade
from tests.support import KEY, PNG, QUICK, Colour, Issue, eventually, first_picture, options

SIGNATURE = "X-Amz-Signature=9f86d081884c7d65"

LOGGERS = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "uvicorn.asgi",
    "websockets",
    "websockets.client",
    "websockets.server",
    "httpx2",
    "httpcore2",
    "httpcore2.http11",
    "httpcore2.connection",
    "aiortc",
    "aioice",
    "asyncio",
    "starlette",
)


class Told:
    """Everything that was said, and what must not have been."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self.texts: list[str] = []
        self.secrets = [KEY]

    def error(self, error: BaseException) -> None:
        self.texts += traceback.format_exception(error)
        seen: BaseException | None = error
        while seen is not None:
            self.texts.append(repr((seen, seen.args, vars(seen))))
            seen = seen.__cause__ or seen.__context__

    @contextmanager
    def failing(self) -> Iterator[None]:
        with pytest.raises(RealtimeError) as caught:
            yield
        self.error(caught.value)

    def check(self) -> None:
        logged = [
            f"{record.name}: {record.getMessage()} {record.exc_text or ''} {record.exc_info or ''}"
            for record in self._caplog.get_records("call")
        ]
        for secret in self.secrets:
            for spelling in {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1]}:
                assert [line for line in [*logged, *self.texts] if spelling in line] == []


@pytest.fixture
def told(
    no_secrets: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Told]:
    caplog.set_level(logging.DEBUG)
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, name)
    told = Told(caplog)
    emit = EventHub.emit

    def noting(hub: EventHub, event: object) -> None:
        told.texts.append(repr(event))
        if isinstance(event, ErrorRaised):
            told.error(event.error)
        emit(hub, event)  # type: ignore[arg-type]

    monkeypatch.setattr(EventHub, "emit", noting)
    yield told
    told.check()


async def test_a_session_with_everything_on(
    service: Service, camera: MediaSource, transport: str, told: Told
) -> None:
    async with (
        far_side(http(200, PNG)) as images,
        far_side(http(500, KEY.encode()), http(302, Location=f"http://x/?{quote(KEY, safe='')}")) as backend,
    ):
        wanted = options(
            transport=transport,
            stats_interval_ms=500,
            latency_tracking=LatencyTracking(pixel_marker=True, composite=True),
            telemetry=Telemetry(f"http://{backend.place}/?{SIGNATURE}", interval=0.2),
        )
        told.secrets.append(SIGNATURE)
        async with RealtimeClient.connect(service.url, KEY, camera, wanted) as client:
            await client.set_image(f"http://{images.place}/a.png?{SIGNATURE}", prompt="boat")
            with told.failing():
                await client.set_image(f"http://127.0.0.1:9/a.png?{SIGNATURE}")
            await first_picture(client)
            token = client.subscribe_token
            assert token is not None
            told.secrets.append(token)
            async with RealtimeClient.subscribe(
                service.url, KEY, SubscribeOptions(token, ice_servers=())
            ) as viewer:
                await first_picture(viewer)
            await eventually(lambda: len(backend.requests) >= 2)


async def test_a_stage_and_its_token(stage_token: Issue, told: Told) -> None:
    token = stage_token()
    told.secrets += [token, *token.split(".")[1:]]
    async with Stage(token) as stage:
        await stage.publish(video=Colour())


async def test_a_service_that_fails_and_repeats_what_it_was_sent(camera: MediaSource, told: Told) -> None:
    for fault in (f"error=open:no such key {KEY}", "http=401", "http=503", "drop=open", "close=state:4000"):
        async with Service(ServiceConfig(port=0, faults=Faults.parse([fault]))) as service:
            with told.failing():
                await RealtimeClient.connect(service.url, KEY, camera, options(reconnect=None))
    with told.failing():
        await RealtimeClient.connect(
            "ws://127.0.0.1:9", KEY, camera, options(reconnect=QUICK, connect_timeout=0.5)
        )


async def test_the_records_of_other_programs_are_kept(caplog: pytest.LogCaptureFixture, told: Told) -> None:
    """What is left out is left out for our own traffic only: a test that hears nothing proves nothing."""
    async with far_side(http(200)) as side, httpx2.AsyncClient(trust_env=False) as other:
        await other.get(f"http://{side.place}/theirs")
    logging.getLogger("uvicorn.error").debug("theirs")
    heard = {record.name for record in caplog.records if "theirs" in record.getMessage()}
    assert {"httpx2", "uvicorn.error"} <= heard


@pytest.mark.parametrize(
    "what", ["refusal", "redirect", "fragment", "close", "error", "unknown", "malformed"]
)
async def test_a_far_side_that_repeats_the_key_in_every_way(
    camera: MediaSource, told: Told, what: str
) -> None:
    spelt = quote(KEY, safe="")

    async def talk(stream: anyio.abc.SocketStream, head: bytes) -> None:
        await upgrade(stream, head)
        match what:
            case "error":
                await stream.send(text_frame({"type": "error", "error": f"bad {KEY} and {spelt}"}))
            case "unknown":
                await stream.send(text_frame({"type": f"x {KEY}"}))
            case "malformed":
                await stream.send(text_frame({"type": "session_id", "session_id": [KEY], KEY: KEY}))
        await stream.send(close_frame(4001, f"closing {KEY}"))
        await anyio.sleep_forever()

    answers = {
        "refusal": http(418, KEY.encode(), X_Key=KEY),
        "redirect": http(302, Location=f"ws://evil.test/?api_key={spelt}"),
        "fragment": http(302, Location="#x"),
    }
    async with far_side(answers.get(what, talk)) as side:
        with told.failing(), anyio.fail_after(20):
            await RealtimeClient.connect(f"ws://{side.place}", KEY, camera, options())


@pytest.mark.parametrize(
    "base",
    [
        f"ws://user:{quote(KEY, safe='')}@127.0.0.1:9",
        f"ws://127.0.0.1:9/#{quote(KEY, safe='')}",
        f"ws://127.0.0.1:9/?api_key={quote(KEY, safe='')}",
        f"ws://127.0.0.1:9/{quote(KEY, safe='')}\n",
    ],
)
async def test_a_base_url_with_a_secret_in_it_is_not_repeated(
    base: str, camera: MediaSource, told: Told
) -> None:
    with told.failing():
        await RealtimeClient.connect(base, KEY, camera, options())

"""Whatever a client sends, the service answers or ends that client's session, and serves the others."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from realtime_fast.control import messages
from realtime_fast.server import Service, ServiceConfig

from tests.server.client import base64_png, dial

VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    "",
    "x",
    "AAAA",
    " \n",
    [],
    {},
    {"candidate": "x"},
    "v=0\r\nm=video",
]
FIELDS = [
    "sdp",
    "candidate",
    "prompt",
    "enhance_prompt",
    "image_data",
    "seq",
    "client_time",
    "delivery_rate",
    "lost",
]


def message(rng: random.Random) -> str | bytes:
    kind = rng.choice([*sorted(messages.CLIENT_TYPES), "nonsense"])
    text = json.dumps(
        {"type": kind, **{rng.choice(FIELDS): rng.choice(VALUES) for _ in range(rng.randrange(5))}}
    )
    match rng.randrange(6):
        case 0:
            at = rng.randrange(len(text))
            return text[:at] + chr(rng.randrange(1, 0x2000)) + text[at + 1 :]
        case 1:
            return text[: rng.randrange(len(text))]
        case 2:
            return rng.randbytes(rng.randrange(40))
        case _:
            return text


@pytest.mark.parametrize("seed", range(5))
async def test_random_messages(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(seed)
    sent = sessions = 0
    async with Service(ServiceConfig(port=0)) as service, dial(service.url) as neighbour:
        while sent < 400:
            sessions += 1
            with suppress(ConnectionClosed):
                async with connect(f"{service.url}/v1/stream?api_key=k&model=lucy-2.1") as socket:
                    for _ in range(40):
                        await socket.send(message(rng))
                        sent += 1
                    await socket.send(json.dumps({"type": "prompt", "prompt": "alive"}))
                    while "alive" not in (text := await socket.recv()) or "prompt_ack" not in text:
                        pass
        await neighbour.send(type="set_image", image_data=base64_png(), prompt="well")
        assert (await neighbour.expect("set_image_ack"))["success"] is True
    assert sessions < 400
    assert [r.getMessage() for r in caplog.records if r.levelname in ("ERROR", "CRITICAL")] == []

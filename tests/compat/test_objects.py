"""Objects that the pure-Python SDK made are accepted where ours are, also when nothing is accelerated."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anyio
import decart
import decart.realtime
import pytest
from aiortc import VideoStreamTrack

from realtime_fast import AuthenticationError, InvalidInputError, RealtimeClient, encode_subscribe_token
from realtime_fast.server import Service, ServiceConfig

from tests.server.client import png


async def test_a_session_of_their_objects(tmp_path: Path) -> None:
    image = tmp_path / "reference.png"
    image.write_bytes(png())
    kinds: list[str] = []
    watched = asyncio.Event()
    async with Service(ServiceConfig(port=0)) as service:
        theirs: Any = decart.realtime.RealtimeConnectOptions(
            model=decart.models.realtime("lucy-restyle-2"),
            on_remote_stream=lambda track: kinds.append(track.kind),
            initial_state=decart.ModelState(prompt=decart.Prompt(text="one", enhance=False), image=image),
            resolution="1080p",
        )
        async with RealtimeClient.connect(service.url, "key", VideoStreamTrack(), theirs) as client:
            (session,) = service.sessions.values()
            assert session.request.resolution == "1080p"
            assert session.request.model.name == "lucy-restyle-2"
            assert (session.prompt, len(session.received.images)) == ("one", 1)
            change: Any = decart.realtime.SetInput(prompt="two", image=image.read_bytes())
            await client.set(change)
            change = decart.realtime.SetInput(prompt="three")
            await client.set(change)
            assert (session.prompt, len(session.received.images)) == ("three", 2)
            viewing: Any = decart.realtime.SubscribeOptions(
                token=client.subscribe_token or "", on_remote_stream=lambda track: watched.set()
            )
            async with RealtimeClient.subscribe(service.url, "key", viewing):
                with anyio.fail_after(10):
                    await watched.wait()
    assert "video" in kinds


@pytest.mark.parametrize("options", [None, {"token": "t"}, "token"], ids=str)
async def test_other_objects_are_refused(options: Any) -> None:
    with pytest.raises(InvalidInputError, match="options must be RealtimeConnectOptions"):
        await RealtimeClient.connect("ws://127.0.0.1:1", "key", None, options)
    with pytest.raises(InvalidInputError, match="options must be SubscribeOptions"):
        await RealtimeClient.subscribe("ws://127.0.0.1:1", "key", options)


async def test_tokens_of_both_are_taken() -> None:
    ours = encode_subscribe_token("nobody", "127.0.0.1", 1)
    theirs = decart.realtime.encode_subscribe_token("nobody", "127.0.0.1", 1)
    async with Service(ServiceConfig(port=0)) as service:
        for token in ours, theirs:
            options: Any = decart.realtime.SubscribeOptions(token, print)
            with pytest.raises(AuthenticationError, match="Invalid session"):
                await RealtimeClient.subscribe(service.url, "key", options)

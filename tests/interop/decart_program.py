"""A program for today's `decart`, with nothing of ours: connect, change the state, be watched, leave. Argument: URL.

Prints one JSON object: what it saw.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from decart import models
from decart.realtime.client import RealtimeClient
from decart.realtime.subscribe import SubscribeOptions
from decart.realtime.types import RealtimeConnectOptions
from decart.types import ModelState, Prompt

from livekit import rtc  # type: ignore[attr-defined]  # of another distribution, not installed here

MODEL = models.realtime("lucy-restyle-2")


async def feed(source: rtc.VideoSource) -> None:
    colour = bytes([90, 140, 40, 255])
    picture = rtc.VideoFrame(
        MODEL.width, MODEL.height, rtc.VideoBufferType.RGBA, colour * (MODEL.width * MODEL.height)
    )
    while True:
        source.capture_frame(picture)
        await asyncio.sleep(1 / MODEL.fps)


class Screen:
    """Waits for a picture of a remote track."""

    def __init__(self) -> None:
        self.size: list[int] = []
        self.lit = asyncio.Event()
        self._task: asyncio.Future[None] | None = None

    def show(self, track: Any) -> None:
        self._task = asyncio.ensure_future(self._read(track))

    async def _read(self, track: Any) -> None:
        async for event in rtc.VideoStream(track):
            self.size = [event.frame.width, event.frame.height]
            self.lit.set()
            return


async def main(url: str) -> None:
    seen: dict[str, Any] = {"states": []}
    source = rtc.VideoSource(MODEL.width, MODEL.height)
    track = rtc.LocalVideoTrack.create_video_track("camera", source)
    feeding = asyncio.ensure_future(feed(source))
    own, others = Screen(), Screen()
    client = await RealtimeClient.connect(
        base_url=url,
        api_key="key",
        local_track=track,
        options=RealtimeConnectOptions(
            model=MODEL,
            on_remote_stream=own.show,
            initial_state=ModelState(prompt=Prompt(text="a red boat")),
        ),
    )
    ticked = asyncio.Event()
    on: Callable[..., Any] = client.on
    on("connection_change", lambda state: seen["states"].append(state))
    on("generation_tick", lambda _: ticked.set())
    await client.set_prompt("a blue sky")
    for event in (own.lit, ticked):
        await asyncio.wait_for(event.wait(), 30)
    assert client.subscribe_token is not None
    viewer = await RealtimeClient.subscribe(
        base_url=url,
        api_key="key",
        options=SubscribeOptions(token=client.subscribe_token, on_remote_stream=others.show),
    )
    await asyncio.wait_for(others.lit.wait(), 30)
    await viewer.disconnect()
    await client.disconnect()
    feeding.cancel()
    print(json.dumps(seen | {"size": own.size, "watched": others.size}))


asyncio.run(main(sys.argv[1]))

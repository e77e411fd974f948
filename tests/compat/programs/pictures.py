"""A program as its authors write it for the pure-Python SDK: connect with prompt and image, listen, change the
prompt, watch the session from a second client, disconnect. Prints what it saw as JSON.

usage: pictures.py BASE_URL API_KEY IMAGE_FILE
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import VideoStreamTrack
from decart import DecartClient, models
from decart.realtime import RealtimeClient, RealtimeConnectOptions, SetInput, SubscribeOptions
from decart.types import ModelState, Prompt


class Frames(MediaBlackhole):
    """Reads a track to its end and keeps the middle pixel's chroma of each picture."""

    def __init__(self) -> None:
        self.chroma: list[tuple[int, int]] = []
        self.sizes: set[tuple[int, int]] = set()
        self.tasks: list[asyncio.Task[None]] = []

    def watch(self, track: Any) -> None:
        if track.kind == "video":
            self.tasks.append(asyncio.get_running_loop().create_task(self._read(track)))

    async def _read(self, track: Any) -> None:
        while True:
            try:
                frame = await track.recv()
            except Exception:
                return
            u, v = (memoryview(plane)[plane.line_size * (plane.height // 2)] for plane in frame.planes[1:3])
            self.chroma.append((u, v))
            self.sizes.add((frame.width, frame.height))

    async def until(self, count: int) -> None:
        while len(self.chroma) < count:
            await asyncio.sleep(0.02)


async def main(url: str, key: str, image: str) -> dict[str, Any]:
    client = DecartClient(api_key=key, realtime_base_url=url)
    model = models.realtime("lucy-restyle-2")
    frames, watched = Frames(), Frames()
    states: list[str] = []
    errors: list[str] = []
    ticks: list[int] = []
    realtime = await RealtimeClient.connect(
        base_url=client.realtime_base_url,
        api_key=client.api_key,
        local_track=VideoStreamTrack(),
        options=RealtimeConnectOptions(
            model=model,
            on_remote_stream=frames.watch,
            initial_state=ModelState(prompt=Prompt(text="a painting"), image=Path(image)),
        ),
    )
    realtime.on("connection_change", states.append)
    realtime.on("error", lambda error: errors.append(str(error)))
    realtime.on("generation_tick", lambda tick: ticks.append(tick.seconds))
    await frames.until(15)
    first = frames.chroma[-1]

    await realtime.set_prompt("a photograph", enhance=False)
    await frames.until(len(frames.chroma) + 15)
    second = frames.chroma[-1]

    await realtime.set_image(Path(image), prompt="a drawing")
    await realtime.set(SetInput(prompt="a sketch"))

    token = realtime.subscribe_token
    viewer = await RealtimeClient.subscribe(
        base_url=client.realtime_base_url,
        api_key=client.api_key,
        options=SubscribeOptions(token=token or "", on_remote_stream=watched.watch),
    )
    await watched.until(10)
    viewer_state = viewer.get_connection_state()
    await viewer.disconnect()

    while len(ticks) < 2:
        await asyncio.sleep(0.05)
    connected = realtime.is_connected(), realtime.get_connection_state()
    await realtime.disconnect()
    return {
        "session_id": realtime.session_id,
        "first": first,
        "second": second,
        "sizes": sorted(frames.sizes),
        "viewer": [viewer_state, len(watched.chroma) > 0],
        "connected": connected,
        "states": states,
        "errors": errors,
        "ticks": ticks[:2],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

"""A participant of a LiveKit room that sends and receives NumPy pictures, on this package.

    python -m benches.participant URL TOKEN PICTURES

`PICTURES` is a file of NumPy's with rgb24 pictures. It answers as `benches.answers` says.
`benches.participant_livekit` is the same on PyPI's `livekit`.
"""

from __future__ import annotations

import asyncio
import sys

import numpy as np
from av import VideoFrame
from benches.answers import Counts, answer
from benches.pace import ticks
from benches.streamer import FPS, PINNED, check

from realtime_fast import frames
from realtime_fast.livekit import Room, TrackSubscribed
from realtime_fast.media import VideoSource
from realtime_fast.options import SendOptions


async def main(url: str, token: str, path: str) -> None:
    pictures = np.load(path)
    counts: Counts = {"sent": 0, "received": 0}
    _, height, width, _ = pictures.shape
    source = VideoSource(width, height, FPS)

    async def push() -> None:
        async for number in ticks(FPS):
            source.push(pictures[number % len(pictures)])
            counts["sent"] += 1

    async def watch(room: Room) -> None:
        async for event in room.events():
            if isinstance(event, TrackSubscribed) and event.track.kind == "video":
                while True:
                    frame = await event.media.recv()
                    assert isinstance(frame, VideoFrame)
                    check(await asyncio.to_thread(frames.to_ndarray, frame, "rgb24"))
                    counts["received"] += 1

    room = Room(url, token, video_codec="vp8", ice_servers=(), sending=SendOptions(**PINNED))
    async with room, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(push()), tasks.create_task(watch(room))]
        await room.publish(video=source)
        await answer(counts)
        for task in running:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

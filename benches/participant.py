"""A participant of a LiveKit room that sends and receives NumPy pictures, on this package.

    python -m benches.participant URL TOKEN PICTURES

`PICTURES` is a file of NumPy's with rgb24 pictures. Prints a line of JSON for each line it reads, as
`benches.streamer` does. `benches.participant_livekit` is the same on PyPI's `livekit`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import numpy as np
from av import VideoFrame
from benches.streamer import BITRATE, FPS, check

from realtime_fast import frames
from realtime_fast.livekit import Room, TrackSubscribed
from realtime_fast.media import VideoSource
from realtime_fast.options import SendOptions


async def main(url: str, token: str, path: str) -> None:
    pictures = np.load(path)
    counts = {"sent": 0, "received": 0}
    _, height, width, _ = pictures.shape
    source = VideoSource(width, height, FPS)
    sending = SendOptions(
        degradation_preference="maintain-framerate-and-resolution",
        start_bitrate=BITRATE,
        min_bitrate=BITRATE,
        max_bitrate=BITRATE,
    )

    async def push() -> None:
        due = time.monotonic()
        while True:
            source.push(pictures[counts["sent"] % len(pictures)])
            counts["sent"] += 1
            due = max(due + 1 / FPS, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    async def watch(room: Room) -> None:
        async for event in room.events():
            if isinstance(event, TrackSubscribed) and event.track.kind == "video":
                while True:
                    frame = await event.media.recv()
                    assert isinstance(frame, VideoFrame)
                    check(await asyncio.to_thread(frames.to_ndarray, frame, "rgb24"))
                    counts["received"] += 1

    room = Room(url, token, video_codec="vp8", ice_servers=(), sending=sending)
    async with room, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(push()), tasks.create_task(watch(room))]
        await room.publish(video=source)
        while await asyncio.to_thread(sys.stdin.readline):
            sys.stdout.write(json.dumps({"cpu": time.process_time(), **counts}) + "\n")
            sys.stdout.flush()
        for task in running:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

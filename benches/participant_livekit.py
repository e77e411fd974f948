"""A participant of a LiveKit room that sends and receives NumPy pictures, on PyPI's `livekit` (libwebrtc).

    .interop/0.2.4/bin/python -m benches.participant_livekit URL TOKEN PICTURES

See `benches.participant`.
"""

from __future__ import annotations

import asyncio
import sys

import numpy as np
from benches.answers import Counts, answer
from benches.pace import ticks

from livekit import rtc  # type: ignore[attr-defined]  # of another distribution, not installed here

FPS = 30
BITRATE = 1_000_000


async def main(url: str, token: str, path: str) -> None:
    pictures = np.load(path)
    counts: Counts = {"sent": 0, "received": 0}
    _, height, width, _ = pictures.shape
    source = rtc.VideoSource(width, height)

    async def push() -> None:
        async for number in ticks(FPS):
            picture = pictures[number % len(pictures)]
            data = memoryview(picture).cast("B")
            source.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, data))
            counts["sent"] += 1

    async def watch(track: rtc.Track) -> None:
        async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.RGB24):
            frame = event.frame
            array = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 3)
            assert array.shape == (height, width, 3)
            counts["received"] += 1

    options = rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA,
        video_codec=rtc.VideoCodec.VP8,
        video_encoding=rtc.VideoEncoding(max_bitrate=BITRATE, max_framerate=FPS),
        simulcast=False,
    )
    room = rtc.Room()
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(push())]
        room.on("track_subscribed", lambda track, *_: running.append(tasks.create_task(watch(track))))
        await room.connect(url, token)
        await room.local_participant.publish_track(
            rtc.LocalVideoTrack.create_video_track("camera", source), options
        )
        await answer(counts)
        for task in running:
            task.cancel()
    await room.disconnect()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""Two participants of PyPI's `livekit`: one publishes, the other watches. Arguments: URL, two tokens, codec.

Prints one JSON object: the sizes of the pictures that came, with their number.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

from livekit import rtc  # type: ignore[attr-defined]  # of another distribution, not installed here

SIZE = 640, 352
ENOUGH = 30
"""Pictures."""


async def feed(source: rtc.VideoSource) -> None:
    picture = rtc.VideoFrame(*SIZE, rtc.VideoBufferType.RGBA, bytes([90, 140, 40, 255]) * (SIZE[0] * SIZE[1]))
    while True:
        source.capture_frame(picture)
        await asyncio.sleep(1 / 30)


async def main(url: str, sender: str, receiver: str, codec: str) -> None:
    sizes: Counter[str] = Counter()
    enough = asyncio.Event()

    async def read(track: rtc.Track) -> None:
        async for event in rtc.VideoStream(track):
            sizes[f"{event.frame.width}x{event.frame.height}"] += 1
            if sizes.total() >= ENOUGH:
                enough.set()

    watching, publishing = rtc.Room(), rtc.Room()
    tasks = []
    watching.on("track_subscribed", lambda track, *_: tasks.append(asyncio.ensure_future(read(track))))
    await watching.connect(url, receiver)
    await publishing.connect(url, sender)
    source = rtc.VideoSource(*SIZE)
    track = rtc.LocalVideoTrack.create_video_track("camera", source)
    options = rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA, video_codec=getattr(rtc.VideoCodec, codec)
    )
    await publishing.local_participant.publish_track(track, options)
    tasks.append(asyncio.ensure_future(feed(source)))
    await asyncio.wait_for(enough.wait(), 30)
    for task in tasks:
        task.cancel()
    await publishing.disconnect()
    await watching.disconnect()
    print(json.dumps(sizes))


asyncio.run(main(*sys.argv[1:]))

"""A participant of PyPI's `livekit` that watches what the service sends. Arguments: URL, token.

Prints one JSON object: the sizes of the pictures that came, with their number.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

from livekit import rtc  # type: ignore[attr-defined]  # of another distribution, not installed here

ENOUGH = 45
"""Pictures."""


async def main(url: str, token: str) -> None:
    sizes: Counter[str] = Counter()
    enough = asyncio.Event()
    tasks = []

    async def read(track: rtc.Track) -> None:
        async for event in rtc.VideoStream(track):
            sizes[f"{event.frame.width}x{event.frame.height}"] += 1
            if sizes.total() >= ENOUGH:
                enough.set()

    def subscribed(track: rtc.Track, _: rtc.TrackPublication, who: rtc.RemoteParticipant) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO and who.identity.startswith("inference-server-"):
            tasks.append(asyncio.ensure_future(read(track)))

    room = rtc.Room()
    room.on("track_subscribed", subscribed)
    await room.connect(url, token)
    await asyncio.wait_for(enough.wait(), 30)
    for task in tasks:
        task.cancel()
    await room.disconnect()
    print(json.dumps(sizes))


asyncio.run(main(*sys.argv[1:]))

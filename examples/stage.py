"""An Amazon IVS stage on its own, without any model: publish on it, and watch what somebody else publishes.

python examples/stage.py [PUBLISH_TOKEN WATCH_TOKEN]

Without tokens the embedded service makes a stage and gives them out. Any stage's participant tokens will do.
"""

import asyncio
import json
import os
import sys
import urllib.request
from typing import Any

from realtime_fast import open_source
from realtime_fast.ivs import Stage

URL = os.environ.get("REALTIME_URL", "ws://127.0.0.1:8890")
PICTURES = 60


def post(path: str, **body: str) -> Any:
    """Ask a developer route of the embedded service."""
    request = urllib.request.Request(URL.replace("ws", "http", 1) + path, json.dumps(body).encode())
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def two_tokens() -> list[str]:
    """Participant tokens for a new stage; the service gives them out on loopback only."""
    stage = post("/dev/stages")["stage_id"]
    return [post(f"/dev/stages/{stage}/tokens", user_id=name)["token"] for name in ("camera", "viewer")]


async def main(publish_token: str, watch_token: str) -> None:
    async with (
        open_source("synthetic", size=(640, 360), fps=30) as source,
        Stage(publish_token) as camera,
        Stage(watch_token) as viewer,
    ):
        await camera.publish(video=source.video, audio=source.audio)
        somebody = await viewer.wait_publishing()
        stream = await viewer.subscribe(somebody.id)
        if stream.video is None:
            sys.exit(f"{somebody.user_id or somebody.id} publishes no video")
        for _ in range(PICTURES):
            await stream.video.recv()
        report = await stream.get_stats()
    video = next(entry for entry in report.values() if entry.get("frameWidth"))
    print(f"{PICTURES} pictures from {somebody.user_id}, {video['frameWidth']}x{video['frameHeight']}")


if __name__ == "__main__":
    asyncio.run(main(*(sys.argv[1:] or two_tokens())))

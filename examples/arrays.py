"""NumPy arrays in, NumPy arrays out: draw pictures, have the model change them, look at what comes back.

python examples/arrays.py [PICTURES]
"""

import asyncio
import os
import sys

import numpy as np

from realtime_fast import ModelState, Prompt, RealtimeClient, RealtimeConnectOptions, VideoSource, models

URL = os.environ.get("REALTIME_URL", "ws://127.0.0.1:8890")
API_KEY = os.environ.get("REALTIME_API_KEY", "any-key")


async def draw(source: VideoSource) -> None:
    """Push a bar that moves over a grey picture, `source.fps` times a second."""
    picture = np.empty((source.height, source.width, 3), np.uint8)  # reused: push copies it
    position = 0
    while True:
        picture[:] = 96
        picture[:, position : position + 80] = (255, 200, 40)
        source.push(picture)
        position = (position + 16) % source.width
        await asyncio.sleep(1 / source.fps)


async def main(wanted: str = "100") -> None:
    model = models.realtime("lucy-restyle-2")
    source = VideoSource(model.width, model.height, model.fps)
    options = RealtimeConnectOptions(model, initial_state=ModelState(prompt=Prompt("a bar of gold")))
    async with (
        RealtimeClient.connect(URL, API_KEY, source, options) as client,
        asyncio.TaskGroup() as tasks,
    ):
        drawing = tasks.create_task(draw(source))
        pictures = client.frames("rgb24")  # always the newest
        for _ in range(int(wanted)):
            frame = await anext(pictures)
        drawing.cancel()
    red, green, blue = frame.array.mean(axis=(0, 1))
    print(f"picture {wanted}: {frame.array.dtype} {frame.array.shape}, mean {red:.0f} {green:.0f} {blue:.0f}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

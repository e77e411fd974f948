"""Send a video file through the model and record what comes back.

python examples/file_to_file.py clip.mp4 out.mp4 ["a watercolour by the sea"]
"""

import asyncio
import os
import sys

from realtime_fast import (
    ModelState,
    Prompt,
    RealtimeClient,
    RealtimeConnectOptions,
    Recorder,
    models,
    open_source,
)

URL = os.environ.get("REALTIME_URL", "ws://127.0.0.1:8890")
API_KEY = os.environ.get("REALTIME_API_KEY", "any-key")


async def main(path: str, output: str, prompt: str = "a watercolour by the sea") -> None:
    model = models.realtime("lucy-restyle-2")
    async with (
        Recorder(output) as recorder,
        open_source(path, size=(model.width, model.height), fps=model.fps) as source,
    ):
        options = RealtimeConnectOptions(
            model,
            on_remote_stream=recorder.add,
            initial_state=ModelState(prompt=Prompt(prompt)),
        )
        ended = asyncio.Event()
        source.video.on("ended", ended.set)
        async with RealtimeClient.connect(URL, API_KEY, source, options):
            await ended.wait()
            await asyncio.sleep(1)  # the last pictures are still on their way back
        print(f"{recorder.pictures} pictures in {output}, {recorder.dropped} dropped")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

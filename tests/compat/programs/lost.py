"""A program written for the pure-Python SDK that loses its connection: `python lost.py URL KEY`."""

import asyncio
import json
import sys

from aiortc import VideoStreamTrack
from decart import ModelState, Prompt, RealtimeClient, models
from decart.realtime import RealtimeConnectOptions


async def main(url: str, key: str) -> None:
    client = await RealtimeClient.connect(
        url,
        key,
        VideoStreamTrack(),
        RealtimeConnectOptions(
            model=models.realtime("lucy-2.1"),
            on_remote_stream=lambda track: None,
            initial_state=ModelState(prompt=Prompt(text="before")),
        ),
    )
    states: list[str] = []
    errors: list[Exception] = []
    client.on("connection_change", states.append)
    client.on("error", errors.append)
    first = client.session_id
    await client.set_prompt("until the end")
    async with asyncio.timeout(30):
        while "reconnecting" not in states or not client.is_connected():
            await asyncio.sleep(0.02)
    another = client.session_id != first
    await client.set_prompt("and after")
    await client.disconnect()
    states = states[: states.index("reconnecting") + 2]
    print(json.dumps({"states": states, "errors": len(errors), "another session": another}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

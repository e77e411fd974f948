"""A program written for the pure-Python SDK that is not let in: `python refused.py URL KEY`. Its exit code says how."""

import asyncio
import sys

from aiortc import VideoStreamTrack
from decart import DecartSDKError, ModelState, Prompt, WebRTCError, models
from decart.realtime.client import RealtimeClient
from decart.realtime.subscribe import SubscribeOptions, encode_subscribe_token
from decart.realtime.types import RealtimeConnectOptions


async def main(url: str, key: str) -> int:
    options = RealtimeConnectOptions(
        model=models.realtime("lucy-2.1"),
        on_remote_stream=lambda track: print("a stream"),
        initial_state=ModelState(prompt=Prompt(text="anything")),
    )
    try:
        await RealtimeClient.connect(url, key, VideoStreamTrack(), options)
    except WebRTCError as error:
        print("not connected:", bool(error.message), error.data is not None, bool(str(error)))
    try:
        await RealtimeClient.subscribe(url, key, SubscribeOptions("nonsense", print))
    except ValueError as error:
        print(error)
    try:
        token = encode_subscribe_token("no-such-session", "127.0.0.1", 1)
        await RealtimeClient.subscribe(url, key, SubscribeOptions(token, print))
    except DecartSDKError:
        print("nothing to watch either")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))

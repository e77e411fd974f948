"""A program written for the pure-Python SDK: a session with everything in it, recorded, and watched by a viewer.

It says what it observes as lines of JSON: `python session.py URL KEY OUTPUT.mp4 IMAGE.png`.
"""

import asyncio
import json
import sys
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiortc import MediaStreamTrack, VideoStreamTrack
from aiortc.contrib.media import MediaRecorder
from decart import ConnectionState, DecartClient, ModelState, Prompt, RealtimeClient, models
from decart.errors import DecartSDKError, InvalidInputError, WebRTCError
from decart.realtime import RealtimeConnectOptions, SetInput, SubscribeOptions, decode_subscribe_token
from decart.realtime.messages import GenerationTickMessage


def say(what: str, **facts: object) -> None:
    print(json.dumps({"what": what, **facts}), flush=True)


async def within(condition: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def refused(what: str, action: Awaitable[object]) -> None:
    try:
        await action
    except InvalidInputError as error:
        say(what, caught="InvalidInputError", attributes=[bool(error.message), error.cause is None])
    except DecartSDKError as error:
        say(what, caught="DecartSDKError", text=str(error))


async def main(url: str, key: str, output: str, image: str) -> None:
    sdk = DecartClient(api_key=key, realtime_base_url=url)
    recorder = MediaRecorder(output)
    received = asyncio.Event()

    def on_remote_stream(track: MediaStreamTrack) -> None:
        say("remote stream", kind=track.kind)
        if track.kind == "video":
            recorder.addTrack(track)
            received.set()

    client = await RealtimeClient.connect(
        base_url=sdk.realtime_base_url,
        api_key=sdk.api_key,
        local_track=VideoStreamTrack(),
        options=RealtimeConnectOptions(
            model=models.realtime("lucy-restyle-2"),
            on_remote_stream=on_remote_stream,
            initial_state=ModelState(prompt=Prompt(text="a quiet harbour", enhance=False), image=image),
            resolution="720p",
        ),
        integration="compat/1.0",
    )
    states: list[ConnectionState] = []
    ticks: list[float] = []
    errors: list[DecartSDKError] = []

    def on_tick(tick: GenerationTickMessage) -> None:
        if not ticks:
            say("generation_tick", isinstance=isinstance(tick, GenerationTickMessage), type=tick.type)
        ticks.append(tick.seconds)

    def on_state(state: ConnectionState) -> None:
        states.append(state)
        say("connection_change", state=state)

    client.on("connection_change", on_state)
    client.on("error", errors.append)
    client.on("generation_tick", on_tick)
    say("connected", is_connected=client.is_connected(), has_session=isinstance(client.session_id, str))
    assert client.subscribe_token is not None
    token = decode_subscribe_token(client.subscribe_token)
    say("token", matches=token.sid == client.session_id, ip=token.ip)

    await asyncio.wait_for(received.wait(), 20)
    await recorder.start()
    await within(lambda: "generating" in states)
    say("state", state=client.get_connection_state())

    await client.set_prompt("a stormy sea", enhance=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await client.set_prompt("a stormy sea at night", enrich=True)
    say("warned", categories=[warning.category.__name__ for warning in caught])
    await client.set(SetInput(prompt="a lighthouse", image=image))
    await client.set_image(Path(image).read_bytes(), prompt="the lighthouse by day")
    await client.set_image(None)
    await asyncio.gather(client.set_prompt("one"), client.set_prompt("two"))
    await refused("empty prompt", client.set_prompt(" "))
    await refused("set without anything", client.set(SetInput()))
    await refused("set with an empty prompt", client.set(SetInput(prompt="")))
    await refused("image that is none", client.set_image(b"this is no picture"))

    watched = asyncio.Event()
    viewer = await RealtimeClient.subscribe(
        url,
        key,
        SubscribeOptions(token=client.subscribe_token, on_remote_stream=lambda track: watched.set()),
    )
    viewer_states: list[ConnectionState] = []
    viewer.on("connection_change", viewer_states.append)
    await asyncio.wait_for(watched.wait(), 20)
    await within(lambda: viewer_states[-1:] in (["connected"], ["generating"]))
    say("viewer", is_connected=viewer.is_connected())
    await viewer.disconnect()
    say("viewer left", is_connected=viewer.is_connected(), state=viewer.get_connection_state())

    await within(lambda: len(ticks) >= 2)
    client.off("generation_tick", on_tick)
    await recorder.stop()
    await client.disconnect()
    say("left", is_connected=client.is_connected(), state=client.get_connection_state(), errors=len(errors))
    await client.disconnect()
    try:
        await client.set_prompt("too late")
    except (RuntimeError, WebRTCError):
        say("too late")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

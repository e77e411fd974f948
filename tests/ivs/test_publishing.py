"""What is published: muted, replaced and bounded while it lasts, over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import anyio
import numpy as np
import pytest
from aiortc import VideoStreamTrack
from av import VideoFrame

from realtime_fast.errors import InvalidInputError
from realtime_fast.ivs import Publication, Stage, StreamStarted
from realtime_fast.server.stage.room import Room

from tests.ivs.support import until
from tests.support import Colour, Issue, Tone, eventually, mean_colour, shows

RED, BLUE = (200, 30, 30), (30, 30, 200)


class Noise(VideoStreamTrack):
    """Pictures at 30 fps that cost whatever they may."""

    def __init__(self) -> None:
        super().__init__()
        self._random = np.random.default_rng(1)

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame.from_ndarray(self._random.integers(0, 256, (360, 320), np.uint8), format="yuv420p")
        frame.pts, frame.time_base = pts, time_base
        return frame


async def sent(publication: Publication) -> dict[str, dict[str, Any]]:
    """The figures of what is sent, by kind."""
    entries = (await publication.get_stats()).values()
    return {entry["kind"]: entry for entry in entries if entry["type"] == "outbound-rtp"}


async def grows(publication: Publication, kind: str) -> None:
    """Return once ten packets of a kind more were sent."""
    before = (await sent(publication))[kind]["packetsSent"]
    with anyio.fail_after(10):
        while (await sent(publication))[kind]["packetsSent"] < before + 10:
            await anyio.sleep(0.02)


async def test_a_muted_kind_is_not_sent_and_the_others_know(
    stage_token: Issue, stage_room: Room, camera: type[Colour], microphone: type[Tone]
) -> None:
    async with Stage(stage_token()) as alice, Stage(stage_token()) as bob:
        video = camera(RED)
        publication = await alice.publish(video=video, audio=microphone())
        stream = await bob.subscribe((await bob.wait_publishing()).id)
        await mean_colour(stream.video, 5)

        def seen() -> tuple[bool, bool]:
            who = bob.participants[alice.participant_id]
            return who.audio_muted, who.video_stopped

        await publication.mute("video")
        assert publication.muted == {"video"}
        await eventually(lambda: seen() == (False, True))
        await grows(publication, "audio")  # what was on its way to the encoder is gone by then
        before, given = (await sent(publication))["video"]["packetsSent"], video.given
        await grows(publication, "audio")
        await eventually(lambda: video.given > given + 10)
        assert (await sent(publication))["video"]["packetsSent"] == before, "the track is read, not sent"

        await publication.unmute("video")
        await eventually(lambda: seen() == (False, False))
        await mean_colour(stream.video, 20)

        await publication.mute()
        await eventually(lambda: seen() == (True, True))
        before_both = await sent(publication)
        await anyio.sleep(3.5)  # longer than a silent publisher has for an answer
        after_both = await sent(publication)
        assert after_both["video"]["packetsSent"] <= before_both["video"]["packetsSent"] + 5
        assert stage_room.members[alice.participant_id].participant.is_publishing

        # A reassigned publication is muted as well, though nothing at all is sent on its connection.
        events = alice.events()
        stage_room.reassign(alice.participant_id)
        await until(events, StreamStarted)
        await anyio.sleep(3.5)
        assert await sent(publication) == {}, "nothing was sent yet, so there are no figures"
        assert stage_room.members[alice.participant_id].participant.is_publishing
        await publication.unmute()
        again = await bob.subscribe((await bob.wait_publishing()).id)
        await shows(again.video, RED)


async def test_a_track_is_replaced_without_a_new_connection(
    stage_token: Issue, stage_room: Room, camera: type[Colour], microphone: type[Tone]
) -> None:
    first, second = camera(RED), camera(BLUE, size=(160, 120))
    async with Stage(stage_token()) as alice, Stage(stage_token()) as bob:
        publication = await alice.publish(video=first)
        stream = await bob.subscribe((await bob.wait_publishing()).id)
        await shows(stream.video, RED)
        sessions = set(stage_room.members[alice.participant_id].sessions)
        await publication.replace_track(second)
        await shows(stream.video, BLUE)
        assert stage_room.members[alice.participant_id].sessions == sessions
        assert publication.sent == {"video": second}
        with pytest.raises(InvalidInputError, match="No audio was published"):
            await publication.replace_track(microphone())
        given = first.given
        await mean_colour(stream.video, 10)
        assert first.given <= given + 1
        assert first.readyState == "live"

        # It is the new one that a reassigned publication sends.
        events = alice.events()
        stage_room.reassign(alice.participant_id)
        await until(events, StreamStarted)
        again = await bob.subscribe((await bob.wait_publishing()).id)
        await shows(again.video, BLUE)


async def test_sound_alone_takes_pictures_later(
    stage_token: Issue, camera: type[Colour], microphone: type[Tone]
) -> None:
    async with Stage(stage_token()) as alice, Stage(stage_token()) as bob:
        publication = await alice.publish(audio=microphone())
        stream = await bob.subscribe((await bob.wait_publishing()).id)
        assert publication.muted == {"video"}
        await publication.replace_track(camera(BLUE))
        await shows(stream.video, BLUE)
        await eventually(lambda: not bob.participants[alice.participant_id].video_stopped)


async def test_bit_rate_and_frame_rate_are_bounded(stage_token: Issue) -> None:
    async def measured(publication: Publication, seconds: float) -> tuple[float, float]:
        before, began = (await sent(publication))["video"], anyio.current_time()
        await anyio.sleep(seconds)
        after, took = (await sent(publication))["video"], anyio.current_time() - began
        return (
            8 * (after["bytesSent"] - before["bytesSent"]) / took,
            (after["framesEncoded"] - before["framesEncoded"]) / took,
        )

    async with Stage(stage_token()) as stage:
        with pytest.raises(InvalidInputError, match="max_fps must be at least 1"):
            await stage.publish(video=Noise(), max_fps=0)
        publication = await stage.publish(video=Noise(), max_bitrate=100_000)
        with anyio.fail_after(20):
            while (await sent(publication)).get("video", {}).get("framesEncoded", 0) < 10:
                await anyio.sleep(0.05)
        bitrate, _ = await measured(publication, 2)
        assert bitrate < 150_000
        publication.limit(max_fps=5)
        _, fps = await measured(publication, 2)
        assert fps < 7
        publication.limit()
        with anyio.fail_after(40):  # a busy machine encodes slowly, but knows none of the bounds any more
            while np.any(np.array(await measured(publication, 1)) < (200_000, 8)):
                pass


async def test_several_publishers_in_one_program(
    stage_token: Issue, camera: Callable[..., Colour], microphone: type[Tone]
) -> None:
    colours = [RED, BLUE, (30, 200, 30)]
    async with AsyncExitStack() as stack:
        bob = await stack.enter_async_context(Stage(stage_token()))
        publishers = [await stack.enter_async_context(Stage(stage_token())) for _ in colours]
        async with anyio.create_task_group() as tasks:
            for publisher, colour in zip(publishers, colours, strict=True):
                tasks.start_soon(partial(publisher.publish, video=camera(colour), audio=microphone()))
        for publisher, colour in zip(publishers, colours, strict=True):
            await eventually(lambda: bob.participants[publisher.participant_id].is_publishing)  # noqa: B023
            stream = await bob.subscribe(publisher.participant_id)
            await shows(stream.video, colour)
        assert len(bob.streams) == len(colours)
        await publishers[0].streams[publishers[0].participant_id].aclose()
        await eventually(lambda: len(bob.streams) == len(colours) - 1)
        await shows(stream.video, colours[-1])

"""Amazon's own SDK in headless Chromium on the embedded stage, beside participants in Python."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import anyio
import numpy as np
import pytest
from av import AudioFrame, VideoFrame

from realtime_fast.ivs import ParticipantLeft, Stage, StreamEnded
from realtime_fast.options import VideoCodec
from realtime_fast.server import Service
from realtime_fast.server.stage.room import Room

from tests.browser.conftest import Browser
from tests.support import Colour, Issue, Tone

pytestmark = [pytest.mark.timeout(120), pytest.mark.alone]

Seen: TypeAlias = dict[str, Any]
"""What a page sees, by `browser.mjs`."""


async def watch(stage: Stage, participant_id: str, seconds: float = 20) -> tuple[list[np.ndarray], int]:
    """What comes of a participant: the mean colour of pictures that differ, and the loudest sound."""
    with anyio.fail_after(seconds):
        await stage.wait_publishing(lambda who: who.id == participant_id)
        stream = await stage.subscribe(participant_id)
        assert stream.video is not None
        assert stream.audio is not None
        pictures: list[np.ndarray] = []
        while len(pictures) < 30:
            frame = await stream.video.recv()
            assert isinstance(frame, VideoFrame)
            pictures.append(frame.to_ndarray(format="rgb24"))
        loudest = 0
        while loudest < 1000:
            sound = await stream.audio.recv()
            assert isinstance(sound, AudioFrame)
            loudest = max(loudest, int(np.abs(sound.to_ndarray()).max()))
    return pictures, loudest


def plays(participant_id: str, codec: str | None = None, frames: int = 30) -> Callable[[Seen], bool]:
    """Whether a page decodes pictures of a participant, and hears something."""

    def condition(page: Seen) -> bool:
        seen = page["seen"].get(participant_id)
        return (
            seen is not None
            and seen["kinds"] == ["audio", "video"]
            and seen["frames"] >= frames
            and seen["energy"] > 0
            and codec in (None, seen["codec"])
        )

    return condition


async def test_a_browser_publishes_and_python_sees_and_hears_it(
    browser: Browser, stage_token: Issue, stage_room: Room
) -> None:
    await browser.join("page", stage_token(user_id="browser"), publish=True)
    await browser.until("page", lambda page: page["published"])
    (member,) = stage_room.members.values()
    async with Stage(stage_token()) as stage:
        pictures, loudest = await watch(stage, member.participant.id)
        assert stage.participants[member.participant.id].user_id == "browser"
        # Chromium's fake camera: a green field in which a disc turns, its fake microphone beeps each second.
        red, green, blue = pictures[-1].reshape(-1, 3).mean(axis=0)
        assert green > red + 40
        assert green > blue + 40
        assert any(not np.array_equal(picture, pictures[0]) for picture in pictures)
        assert loudest >= 1000

        events, missing = stage.events(), {ParticipantLeft, StreamEnded}
        await browser.do("leave", "page")
        with anyio.fail_after(2):
            while missing:
                missing.discard(type(await anext(events)))
        assert not stage.streams


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_python_publishes_and_a_browser_decodes_it(
    browser: Browser, stage_token: Issue, camera: type[Colour], microphone: type[Tone], codec: VideoCodec
) -> None:
    await browser.join("page", stage_token(), publish=False)
    async with Stage(stage_token(user_id="python"), video_codec=codec) as stage:
        await stage.publish(video=camera((40, 60, 200), size=(640, 360)), audio=microphone())
        me = stage.participant_id
        page = await browser.until("page", plays(me, f"video/{codec.upper()}"))
        assert page["present"][me] == "python"
        assert page["seen"][me]["size"] == [640, 360]
        assert np.abs(np.subtract(page["seen"][me]["colour"], (40, 60, 200))).max() < 16
    await browser.until("page", lambda page: me not in page["present"] and not page["seen"], within=2)


async def test_three_browsers_and_two_participants_in_python_at_once(
    browser: Browser, stage_token: Issue, camera: type[Colour], microphone: type[Tone]
) -> None:
    async with AsyncExitStack() as stack:
        names = ["one", "two", "three"]
        for name in names:
            await browser.join(name, stage_token(user_id=name), publish=True)
        stages = []
        for colour in ((200, 30, 30), (30, 30, 200)):
            stage = await stack.enter_async_context(Stage(stage_token()))
            await stage.publish(video=camera(colour), audio=microphone())
            stages.append(stage)
        ids = {stage.participant_id for stage in stages}
        for name in names:
            await browser.until(
                name,
                lambda page: len(page["seen"]) == 4 and all(plays(who)(page) for who in page["seen"]),
                within=60,
            )
        for stage in stages:
            others = [who for who in stage.participants if who not in ids]
            assert len(others) == 3
            async with anyio.create_task_group() as group:
                for who in others:
                    group.start_soon(watch, stage, who, 40)
        # One browser vanishes without a word: its page is closed.
        gone = next(key for key, who in stages[0].participants.items() if who.user_id == "three")
        await browser.do("close", "three")
        for name in names[:2]:
            await browser.until(name, lambda page: gone not in page["present"], within=2)
        assert gone not in stages[0].participants


async def test_the_front_door_sends_a_browser_on(
    browser: Browser, stage_service: Service, stage_token: Issue
) -> None:
    stage_service.stages.front_door = True
    token = stage_token()
    async with Stage(stage_token()) as stage:
        await browser.join("page", token, publish=True)
        await browser.until("page", lambda page: page["published"])
        await watch(stage, next(iter(stage.participants)))


async def test_a_browser_sees_who_is_muted_and_exchanges_its_token(
    browser: Browser, stage_token: Issue, stage_room: Room, camera: type[Colour], microphone: type[Tone]
) -> None:
    # Amazon's SDK publishes as soon as it may, by its strategy.
    await browser.join("page", stage_token(user_id="guest", subscribe=True), publish=True)
    (guest,) = stage_room.members
    async with Stage(stage_token()) as stage:
        publication = await stage.publish(video=camera((40, 60, 200), size=(640, 360)), audio=microphone())
        me = stage.participant_id
        await browser.until("page", plays(me))
        await publication.mute("video")
        await browser.until("page", lambda page: page["muted"].get(me, {}).get("video") is True)
        await publication.unmute("video")
        page = await browser.until("page", lambda page: page["muted"][me]["video"] is False)
        await browser.until("page", plays(me, frames=page["seen"][me]["frames"] + 30))

        assert not page["published"]
        await browser.do("exchange", "page", token=stage_token(participant_id=guest, user_id="host"))
        await browser.until("page", lambda page: page["published"])
        await watch(stage, guest)
        assert stage.participants[guest].user_id == "host"
        with pytest.raises(AssertionError):
            await browser.do("exchange", "page", token=stage_token())


async def test_a_browser_with_an_expired_or_foreign_token_stays_out(
    browser: Browser, stage_token: Issue, stage_room: Room
) -> None:
    with pytest.raises(AssertionError, match="joined"):
        await browser.join("late", stage_token(ttl=-5), publish=False)
    head, claims, _ = stage_token().split(".")
    signature = stage_token().split(".")[2]
    with pytest.raises(AssertionError, match="joined"):
        await browser.join("forger", ".".join((head, claims, signature)), publish=False)
    assert not stage_room.members

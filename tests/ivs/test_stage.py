"""The stage client against the embedded stage: real sockets, real encoders."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from realtime_fast.errors import StageError
from realtime_fast.ivs import (
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    Stage,
    StageLeft,
    StreamEnded,
    StreamStarted,
)
from realtime_fast.ivs.events import StageEvent
from realtime_fast.options import VideoCodec
from realtime_fast.peer.codecs.h264 import H264Encoder
from realtime_fast.server import Service
from realtime_fast.server.stage.room import Room

from tests.ivs.support import elsewhere, move, nothing_left, until, whip_url
from tests.support import Colour, Issue, Tone, eventually, mean_colour, shows


async def sound(track: MediaStreamTrack | None) -> AudioFrame:
    """A piece of sound."""
    assert track is not None
    with anyio.fail_after(10):
        frame = await track.recv()
    assert isinstance(frame, AudioFrame)
    return frame


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_what_one_publishes_another_sees_and_hears(
    stage_token: Issue, camera: type[Colour], microphone: type[Tone], codec: VideoCodec
) -> None:
    video, audio = camera((30, 30, 220)), microphone()
    async with Stage(stage_token(user_id="camera"), video_codec=codec) as alice, Stage(stage_token()) as bob:
        publication = await alice.publish(video=video, audio=audio)
        publisher = await bob.wait_publishing()
        assert (publisher.id, publisher.user_id) == (alice.participant_id, "camera")
        stream = await bob.subscribe(publisher.id)
        await mean_colour(stream.video, 10)
        await shows(stream.video, (30, 30, 220))
        loudest = 0
        with anyio.fail_after(10):
            while loudest < 4000:
                heard = await sound(stream.audio)
                loudest = max(loudest, int(np.abs(heard.to_ndarray()).max()))
        assert heard.sample_rate == 48000

        sent, received = await publication.get_stats(), (await bob.get_stats())[publisher.id]
        assert {"outbound-rtp", "candidate-pair"} <= {entry["type"] for entry in sent.values()}
        (inbound,) = [e for e in received.values() if e["type"] == "inbound-rtp" and e["kind"] == "video"]
        assert inbound["packetsReceived"] >= 10
        assert set(bob.streams) == {publisher.id}
    assert video.readyState == audio.readyState == "live"
    assert not alice.streams
    assert not bob.streams
    with anyio.fail_after(2), pytest.raises(MediaStreamError):
        await mean_colour(stream.video, 1000)


async def test_a_picture_is_encoded_once_however_many_watch(
    stage_token: Issue, camera: type[Colour], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = 0
    encode = H264Encoder.encode

    def counted(*args: Any) -> Any:
        nonlocal encoded
        encoded += 1
        return encode(*args)

    monkeypatch.setattr(H264Encoder, "encode", counted)
    async with Stage(stage_token()) as alice, Stage(stage_token()) as bob, Stage(stage_token()) as carol:
        await alice.publish(video=camera())
        for watcher in (bob, carol):
            stream = await watcher.subscribe((await watcher.wait_publishing()).id)
            await mean_colour(stream.video, 10)
    # Once a picture, however many watch: 30 a second, and no more than they saw and a little.
    assert 20 <= encoded <= 200


async def test_a_late_subscriber_begins_with_a_whole_picture(
    stage_token: Issue, camera: type[Colour], caplog: pytest.LogCaptureFixture
) -> None:
    async with Stage(stage_token()) as alice:
        await alice.publish(video=camera((200, 30, 30), size=(640, 360)))
        for _ in range(2):
            async with Stage(stage_token()) as bob:
                publisher = await bob.wait_publishing()
                with caplog.at_level(logging.WARNING), anyio.fail_after(3):
                    stream = await bob.subscribe(publisher.id)
                    await shows(stream.video, (200, 30, 30))
    assert "failed to decode" not in caplog.text


async def test_sound_alone_is_published_with_a_section_for_pictures(
    stage_token: Issue, microphone: type[Tone]
) -> None:
    async with Stage(stage_token()) as alice, Stage(stage_token()) as bob:
        await alice.publish(audio=microphone())
        stream = await bob.subscribe((await bob.wait_publishing()).id)
        assert (await sound(stream.audio)).sample_rate == 48000
        await eventually(lambda: bob.participants[alice.participant_id].video_stopped)
        assert not bob.participants[alice.participant_id].audio_muted


async def test_events_tell_who_comes_publishes_and_leaves(stage_token: Issue, camera: type[Colour]) -> None:
    async with Stage(stage_token()) as bob:
        events = bob.events()
        async with Stage(stage_token(user_id="alice")) as alice:
            assert (await until(events, ParticipantJoined)).participant.user_id == "alice"
            publication = await alice.publish(video=camera())
            with anyio.fail_after(10):
                while not (await until(events, ParticipantChanged)).participant.is_publishing:
                    pass
            stream = await bob.subscribe(alice.participant_id)
            assert (await until(events, StreamStarted)).video is stream.video
            await publication.aclose()
            ended = await until(events, StreamEnded, within=2)
            assert (ended.participant_id, ended.error) == (alice.participant_id, None)
            assert await stream.wait_ended() is None
            await alice.publish(video=camera((30, 200, 30)))
            await bob.wait_publishing()
            again = await bob.subscribe(alice.participant_id)
            await shows(again.video, (30, 200, 30))
        left = await until(events, ParticipantLeft, within=2)
        assert left.participant.id == alice.participant_id
        assert not bob.participants
        await eventually(lambda: not bob.streams, 3)
    assert isinstance(await anext(aiter(_rest(events))), StageLeft)


async def _rest(events: AsyncIterator[StageEvent]) -> AsyncIterator[StageEvent | None]:
    last = None
    async for event in events:
        last = event
    yield last


async def test_leaving_is_cheap_complete_and_takes_its_time_from_nobody(
    stage_token: Issue, camera: type[Colour], microphone: type[Tone], stage_room: Room
) -> None:
    async with nothing_left():
        async with Stage(stage_token()) as alice, Stage(stage_token()) as bob:
            await alice.publish(video=camera(), audio=microphone())
            await bob.subscribe((await bob.wait_publishing()).id)
            started = anyio.current_time()
        assert anyio.current_time() - started < 3
        await eventually(lambda: not stage_room.members, 2)
    with pytest.raises(StageError, match="left"):
        await bob.subscribe(alice.participant_id)


@pytest.mark.parametrize("point", [0.0, 0.01, 0.03, 0.1, 0.2, 0.4])
async def test_cancelling_at_any_point_leaves_nothing(
    stage_token: Issue, camera: type[Colour], microphone: type[Tone], stage_room: Room, point: float
) -> None:
    async with nothing_left(), Stage(stage_token()) as host:
        await host.publish(video=camera())
        with anyio.move_on_after(point):
            async with Stage(stage_token()) as guest:
                await guest.publish(video=camera(), audio=microphone())
                await guest.subscribe(host.participant_id)
                await anyio.sleep_forever()
        await eventually(lambda: len(stage_room.members) == 1, 5)


# --- tokens


async def test_claims_that_rule_it_out_are_refused_before_any_request(
    stage_token: Issue, camera: type[Colour]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        where = {"whip_url": f"http://127.0.0.1:{port}", "events_url": f"ws://127.0.0.1:{port}"}
        with pytest.raises(StageError, match="expired") as caught:
            async with Stage(elsewhere(stage_token(ttl=-5), **where)):
                pass
        assert (caught.value.code, caught.value.status) == ("IVS_STAGE_ERROR", 401)
        with pytest.raises(BlockingIOError):
            listener.accept()
        calls: dict[str, Callable[[Stage], Awaitable[object]]] = {
            "publish": lambda stage: stage.publish(video=camera()),
            "subscribe": lambda stage: stage.subscribe("somebody"),
        }
        for verb, call in calls.items():
            token = stage_token(**{verb: False})
            async with Stage(token) as stage:
                move(stage, where["whip_url"])
                with pytest.raises(StageError, match="does not allow") as caught:
                    await call(stage)
                assert caught.value.status == 403
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_a_token_of_somebody_else_s_key_is_refused_by_the_stage(stage_token: Issue) -> None:
    forged = elsewhere(stage_token())
    with pytest.raises(StageError, match="TOKEN_INVALID") as caught:
        async with Stage(forged):
            pass
    assert (caught.value.code, caught.value.status) == ("IVS_STAGE_ERROR", 401)
    assert forged.split(".")[1] not in str(caught.value)


async def test_a_redirect_to_another_site_never_sees_the_token(
    stage_token: Issue, camera: type[Colour]
) -> None:
    """A front door that points away: to a listener that is reachable, on another address than loopback."""
    seen = []

    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(4096))
        writer.close()

    async def front(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        port = trap.sockets[0].getsockname()[1]
        writer.write(
            f"HTTP/1.1 307 \r\nLocation: http://{outside}:{port}/publish/x\r\nContent-Length: 0\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()

    outside = _address_of_this_machine()
    async with (
        await asyncio.start_server(stranger, "0.0.0.0", 0) as trap,
        await asyncio.start_server(front, "127.0.0.1", 0) as door,
    ):
        port = door.sockets[0].getsockname()[1]
        async with Stage(stage_token()) as stage:
            move(stage, f"http://127.0.0.1:{port}")
            with pytest.raises(StageError, match="another site"):
                await stage.publish(video=camera())
    assert seen == []


def _address_of_this_machine() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.254", 9))
        address: str = probe.getsockname()[0]
        return address


async def test_the_front_door_is_followed(
    stage_service: Service, stage_token: Issue, camera: type[Colour]
) -> None:
    stage_service.stages.front_door = True
    async with Stage(stage_token()) as alice, Stage(stage_token()) as bob:
        assert "/front" in whip_url(alice)
        await alice.publish(video=camera())
        stream = await bob.subscribe((await bob.wait_publishing()).id)
        await mean_colour(stream.video)

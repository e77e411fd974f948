"""What goes wrong with a stage, against the embedded one: what is refused, breaks, hangs or vanishes."""

from __future__ import annotations

import functools
import socket
from itertools import pairwise

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from realtime_fast.errors import ConnectTimeoutError, InvalidInputError, StageError
from realtime_fast.ivs import (
    EventsLost,
    EventsRestored,
    ParticipantChanged,
    ParticipantLeft,
    Stage,
    StageLeft,
    StreamStarted,
    fault_injection,
    presence,
)
from realtime_fast.ivs.roster import Heartbeat
from realtime_fast.server import Service
from realtime_fast.server.stage.room import Room

from tests.far_side import far_side, http
from tests.ivs.support import break_events, elsewhere, move, nothing_left, until, whip_url
from tests.support import Colour, Issue, Tone, eventually, mean_colour, shows


async def test_what_cannot_be_is_refused(stage_token: Issue, camera: type[Colour]) -> None:
    stage = Stage(stage_token())
    with pytest.raises(StageError, match="not joined"):
        await stage.publish(video=camera())
    with pytest.raises(StageError, match="JWT"):
        Stage("no token")
    async with stage:
        with pytest.raises(InvalidInputError, match="needs a video track"):
            await stage.publish()
        with pytest.raises(InvalidInputError, match="itself"):
            await stage.subscribe(stage.participant_id)
        with pytest.raises(StageError, match="publishes nothing") as caught:
            await stage.subscribe("nobody")
        assert caught.value.status == 404
        await stage.publish(video=camera())
        with pytest.raises(InvalidInputError, match="open already"):
            await stage.publish(video=camera())
        assert list(stage.streams) == [stage.participant_id]


async def test_a_stage_that_cannot_be_reached_says_so(stage_token: Issue) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(StageError, match="cannot be reached"):
        async with Stage(elsewhere(stage_token(), events_url=f"ws://127.0.0.1:{port}")):
            pass


async def test_a_stage_that_does_not_answer_runs_into_the_limit(stage_token: Issue) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        token = elsewhere(stage_token(), events_url=f"ws://127.0.0.1:{listener.getsockname()[1]}")
        async with nothing_left():
            with pytest.raises(ConnectTimeoutError) as caught:
                async with Stage(token, timeout=0.3):
                    pass
    assert (caught.value.phase, caught.value.code) == ("join", "IVS_TIMEOUT_ERROR")


async def test_events_break_while_media_flows(
    stage_service: Service, stage_token: Issue, stage_room: Room, camera: type[Colour]
) -> None:
    async with Stage(stage_token()) as alice, Stage(stage_token()) as bob:
        await alice.publish(video=camera())
        stream = await bob.subscribe((await bob.wait_publishing()).id)
        await mean_colour(stream.video)
        alices, bobs = alice.events(), bob.events()
        before = dict(alice.streams)
        break_events(alice)
        assert "events socket" in str((await until(alices, EventsLost)).error)
        await until(alices, EventsRestored)
        await mean_colour(stream.video, 30)
        assert alice.streams == before
        assert stage_room.members[alice.participant_id].sockets == 1
        await anyio.sleep(1.2)  # longer than the stage waits for a socket to come back
        assert alice.participant_id in bob.participants
        assert bob.streams
        # Bob saw nothing of it.
        stage_room.mute(stage_room.members[alice.participant_id], audio_muted=False, video_stopped=False)
        assert isinstance(await until(bobs, object), ParticipantChanged)


async def test_a_participant_that_vanishes_is_gone_within_two_seconds(
    stage_token: Issue, camera: type[Colour]
) -> None:
    async with Stage(stage_token()) as bob:
        events = bob.events()
        with anyio.CancelScope() as scope:
            async with Stage(stage_token()) as alice:
                await alice.publish(video=camera())
                await bob.subscribe((await bob.wait_publishing()).id)
                # All that leaves a process that was killed: its sockets are closed, nothing is said.
                fault_injection.cut(alice)
                started = anyio.current_time()
                break_events(alice)
                alice._tasks.cancel_scope.cancel()
                await until(events, ParticipantLeft, within=2)
                assert anyio.current_time() - started < 2
                scope.cancel()
        await eventually(lambda: not bob.streams, 3)


async def test_a_dead_events_socket_is_replaced(stage_token: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "Heartbeat", functools.partial(Heartbeat, interval=0.1, patience=0.1))
    states, pings = 0, 0

    async def deaf(connection: ServerConnection) -> None:
        nonlocal states, pings
        states += 1
        await connection.send(f'{{"type":"STAGE_STATE","payload":{{"sequenceNumber":{states}}}}}')
        async for message in connection:
            pings += "PING" in message

    # The token names the port and is the subprotocol as well, so the port comes first.
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    token = elsewhere(stage_token(), events_url=f"ws://127.0.0.1:{port}")
    async with serve(deaf, "127.0.0.1", port, subprotocols=[Subprotocol(token)]), Stage(token) as stage:
        events = stage.events()
        lost = await until(events, EventsLost)
        assert "does not answer pings" in str(lost.error)
        await until(events, EventsRestored)
        assert states >= 2
        assert pings >= 1


async def test_a_stage_that_greets_and_hangs_up_is_dialled_with_growing_pauses(stage_token: Issue) -> None:
    dialled: list[float] = []

    async def hanging_up(connection: ServerConnection) -> None:
        dialled.append(anyio.current_time())
        await connection.send('{"type":"STAGE_STATE","payload":{"sequenceNumber":1}}')
        await connection.recv()

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    token = elsewhere(stage_token(), events_url=f"ws://127.0.0.1:{port}")
    async with serve(hanging_up, "127.0.0.1", port, subprotocols=[Subprotocol(token)]), Stage(token):
        await eventually(lambda: len(dialled) == 5, 20)
    pauses = [later - earlier for earlier, later in pairwise(dialled)]
    least = presence.REDIAL_DELAYS[: len(pauses)]
    assert [pause >= delay * 0.9 for pause, delay in zip(pauses, least, strict=True)] == [True] * 4


async def test_an_endless_answer_to_a_publication_is_given_up(
    stage_token: Issue, camera: type[Colour]
) -> None:
    async with far_side(http(201, b"v" * 300_000, Location="/x")) as side, Stage(stage_token()) as stage:
        move(stage, f"http://{side.place}")
        with pytest.raises(StageError, match="answers with more than 262144 bytes"):
            await stage.publish(video=camera())


async def test_a_stage_that_disconnects_a_participant_is_left_for_good(
    stage_token: Issue, stage_room: Room, camera: type[Colour]
) -> None:
    async with nothing_left(), Stage(stage_token()) as stage:
        await stage.publish(video=camera())
        events = stage.events()
        stage_room.disconnect(stage.participant_id, "kicked")
        with anyio.fail_after(2):
            error = await stage.wait_over()
        assert "kicked" in str(error)
        assert error.code == "IVS_STAGE_ERROR"
        assert (await until(events, StageLeft)).error is error
        with pytest.raises(StageError, match="kicked"):
            await stage.publish(video=camera())
        await eventually(lambda: not stage.streams, 3)


async def test_a_reassignment_publishes_and_subscribes_anew(
    stage_token: Issue, stage_room: Room, camera: type[Colour], microphone: type[Tone]
) -> None:
    async with Stage(stage_token()) as alice, Stage(stage_token()) as bob:
        await alice.publish(video=camera((30, 30, 200)), audio=microphone())
        await bob.publish(video=camera((200, 30, 30)))
        stream = await bob.subscribe(alice.participant_id)
        old = stream.video
        await mean_colour(old)
        events = bob.events()
        stage_room.reassign(bob.participant_id)
        while (started := await until(events, StreamStarted)).participant_id != alice.participant_id:
            pass
        assert started.video is stream.video is not old
        await shows(stream.video, (30, 30, 200))
        back = await alice.subscribe((await alice.wait_publishing()).id)
        await shows(back.video, (200, 30, 30))


async def test_a_publisher_that_goes_silent_counts_as_gone(stage_token: Issue, camera: type[Colour]) -> None:
    async with Stage(stage_token()) as alice, Stage(stage_token()) as bob:
        await alice.publish(video=camera())
        stream = await bob.subscribe((await bob.wait_publishing()).id)
        await mean_colour(stream.video)
        fault_injection.mute(alice)
        with anyio.fail_after(6):
            assert await stream.wait_ended() is None
        assert not bob.participants[alice.participant_id].is_publishing


async def test_a_refused_publication_is_an_error_and_the_stage_goes_on(
    stage_token: Issue, stage_service: Service, camera: type[Colour]
) -> None:
    async with Stage(stage_token()) as stage:
        move(stage, whip_url(stage) + "/nowhere")
        with pytest.raises(StageError, match="refused to publish") as caught:
            await stage.publish(video=camera())
        assert caught.value.status == 404
        assert not stage.streams
        move(stage, whip_url(stage).removesuffix("/nowhere"))
        await stage.publish(video=camera())

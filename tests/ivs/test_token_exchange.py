"""A fresh token on a live stage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from realtime_fast.errors import ConnectTimeoutError, InvalidInputError, StageError
from realtime_fast.ivs import EventsRestored, ParticipantChanged, Stage, Strategy
from realtime_fast.server.stage.room import Room

from tests.ivs.support import break_events, elsewhere, until
from tests.support import Colour, Issue, eventually, mean_colour


async def test_capabilities_texts_and_expiry_are_those_of_the_fresh_token(
    stage_token: Issue, stage_room: Room, camera: type[Colour]
) -> None:
    async with Stage(stage_token(subscribe=True, user_id="guest")) as alice, Stage(stage_token()) as bob:
        me = alice.participant_id
        with pytest.raises(StageError, match="does not allow publishing"):
            await alice.publish(video=camera())
        events = bob.events()
        await alice.exchange_token(
            stage_token(participant_id=me, user_id="host", attributes={"seat": "1"}, publish=True)
        )
        changed = await until(events, ParticipantChanged)
        assert (changed.participant.user_id, changed.participant.attributes) == ("host", {"seat": "1"})
        await alice.publish(video=camera())
        stream = await bob.subscribe((await bob.wait_publishing()).id)
        await mean_colour(stream.video)

        # A socket that comes back shows the fresh one.
        own = alice.events()
        break_events(alice)
        await until(own, EventsRestored)
        assert stage_room.members[me].participant.user_id == "host"
        assert bob.streams

        await alice.exchange_token(stage_token(participant_id=me, subscribe=True))
        await eventually(lambda: not alice.streams and not bob.streams)
        assert not bob.participants[me].is_publishing
        with pytest.raises(StageError, match="does not allow publishing"):
            await alice.publish(video=camera())


async def test_the_strategy_is_asked_again(stage_token: Issue, camera: type[Colour]) -> None:
    video = camera()
    strategy = Strategy(publish=lambda: video)
    async with Stage(stage_token(subscribe=True), strategy=strategy) as alice, Stage(stage_token()) as bob:
        await alice.exchange_token(stage_token(participant_id=alice.participant_id))
        stream = await bob.subscribe((await bob.wait_publishing()).id)
        await mean_colour(stream.video)


async def test_a_token_that_may_not_take_its_place_is_refused_and_the_old_one_stays(
    stage_token: Issue, camera: type[Colour]
) -> None:
    async with Stage(stage_token()) as stage:
        me = stage.participant_id
        for token, words, status in [
            (stage_token(), "another jti", 400),
            (stage_token(participant_id=me, ttl=-5), "expired", 401),
            ("no token", "not a JWT", None),
        ]:
            with pytest.raises(StageError, match=words) as caught:
                await stage.exchange_token(token)
            assert caught.value.status == status
        forged = elsewhere(stage_token(participant_id=me))
        with pytest.raises(StageError, match="did not exchange the token: not a participant") as caught:
            await stage.exchange_token(forged)
        assert forged not in str(caught.value)
        await stage.publish(video=camera())


async def test_a_stage_that_does_not_answer(stage_token: Issue) -> None:
    asked: list[str] = []

    async def mumbling(connection: ServerConnection) -> None:
        await connection.send('{"type":"STAGE_STATE","payload":{"sequenceNumber":1}}')
        async for message in connection:
            if "EXCHANGE_TOKEN" in str(message):
                asked.append(str(message))
                if len(asked) > 1:
                    return
                # Of somebody else's request.
                await connection.send('{"type":"aws:ivs:EXCHANGE_TOKEN","payload":{"requestId":"x"}}')

    async with playing(mumbling, stage_token) as token, Stage(token, timeout=0.5) as stage:
        fresh = elsewhere(token, user_id="again")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_refused, stage, fresh)
            await eventually(lambda: asked)
            with pytest.raises(InvalidInputError, match="being exchanged already"):
                await stage.exchange_token(fresh)
        with pytest.raises(StageError, match="lost before the answer"):
            await stage.exchange_token(fresh)


async def _refused(stage: Stage, token: str) -> None:
    with pytest.raises(ConnectTimeoutError):
        await stage.exchange_token(token)


@asynccontextmanager
async def playing(handler: object, stage_token: Issue) -> AsyncIterator[str]:
    """A stage's events, played by the test; yields a token for it."""
    known: list[str] = []

    def choose(_: ServerConnection, offered: object) -> Subprotocol:
        known[:] = list(offered)  # type: ignore[call-overload]
        return Subprotocol(known[0])

    async with serve(handler, "127.0.0.1", 0, select_subprotocol=choose) as server:  # type: ignore[arg-type]
        port = next(iter(server.sockets)).getsockname()[1]
        yield elsewhere(stage_token(), events_url=f"ws://127.0.0.1:{port}")

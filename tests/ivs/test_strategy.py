"""A stage client that decides by itself, also when the network goes away and comes back."""

from __future__ import annotations

import anyio
import pytest

from realtime_fast.errors import IceError
from realtime_fast.ivs import Participant, Stage, Strategy, StreamEnded, StreamStarted
from realtime_fast.server import Service
from realtime_fast.server.network import Conditions, Network, NetworkProfile

from tests.ivs.support import break_events, until
from tests.support import Colour, Issue, Tone, eventually, shows

RED, BLUE, GREEN = (200, 30, 30), (30, 30, 200), (30, 200, 30)


async def sees(stage: Stage, publisher: Stage, colour: tuple[int, int, int]) -> None:
    """Return once a stage receives this colour from a publisher."""
    await eventually(lambda: publisher.participant_id in stage.streams, 20)
    stream = stage.streams[publisher.participant_id]
    await eventually(lambda: stream.video is not None)
    await shows(stream.video, colour)


async def test_whom_it_wants_is_received_and_nobody_else(stage_token: Issue, camera: type[Colour]) -> None:
    wanted = {"host"}
    strategy = Strategy(subscribe=lambda who: who.user_id in wanted)
    async with (
        Stage(stage_token(), strategy=strategy) as bob,
        Stage(stage_token(user_id="host")) as host,
        Stage(stage_token(user_id="guest")) as guest,
    ):
        await host.publish(video=camera(RED))
        publication = await guest.publish(video=camera(BLUE))
        await sees(bob, host, RED)
        assert set(bob.streams) == {host.participant_id}

        wanted.symmetric_difference_update({"host", "guest"})
        bob.refresh()
        await sees(bob, guest, BLUE)
        await eventually(lambda: set(bob.streams) == {guest.participant_id})

        # One who goes is let go, and received again when he is back.
        await publication.aclose()
        await eventually(lambda: not bob.streams)
        await guest.publish(video=camera(GREEN))
        await sees(bob, guest, GREEN)

        # What the user opened is the user's.
        wanted.clear()
        bob.refresh()
        await eventually(lambda: not bob.streams)
        await bob.subscribe(host.participant_id)
        bob.refresh()
        await sees(bob, host, RED)


async def test_it_publishes_replaces_and_stops(
    stage_token: Issue, camera: type[Colour], microphone: type[Tone]
) -> None:
    red, blue, sound = camera(RED), camera(BLUE), microphone()
    given: object = red
    async with (
        Stage(stage_token(), strategy=Strategy(publish=lambda: given)) as alice,
        Stage(stage_token(), strategy=Strategy()) as bob,
    ):
        events = alice.events()
        await sees(bob, alice, RED)
        given = blue
        alice.refresh()
        await sees(bob, alice, BLUE)
        given = (blue, sound)  # another kind needs another connection
        alice.refresh()
        assert (await until(events, StreamEnded)).error is None
        await until(events, StreamStarted)
        await eventually(lambda: not bob.participants[alice.participant_id].audio_muted)
        await sees(bob, alice, BLUE)
        given = None
        alice.refresh()
        await eventually(lambda: not alice.streams and not bob.streams)


async def test_a_strategy_that_raises_ends_the_block(stage_token: Issue, camera: type[Colour]) -> None:
    def confused(_: Participant) -> bool:
        raise LookupError("who is that?")

    with pytest.raises(LookupError, match="who is that"):
        async with Stage(stage_token(), strategy=Strategy(subscribe=confused)), Stage(stage_token()) as alice:
            await alice.publish(video=camera())
            with anyio.fail_after(10):
                await anyio.sleep_forever()


async def test_a_network_that_is_pulled_away_and_comes_back(
    stage_service: Service, stage_token: Issue, camera: type[Colour]
) -> None:
    network = Network(NetworkProfile(seed=1))
    stage_service.stages.network = network
    video = camera(RED)
    publishing = Strategy(publish=lambda: video, subscribe=lambda _: False)
    async with (
        Stage(stage_token(), strategy=publishing, timeout=4) as alice,
        Stage(stage_token(), strategy=Strategy(), timeout=4) as bob,
    ):
        await sees(bob, alice, RED)
        events = alice.events()
        network.change(NetworkProfile.symmetric((0.0, Conditions(loss=1.0))))
        break_events(alice)
        lost = await until(events, StreamEnded, within=8)
        assert isinstance(lost.error, IceError)
        await eventually(lambda: not bob.streams, 8)
        assert not bob.participants[alice.participant_id].is_publishing
        network.change(NetworkProfile())
        await until(events, StreamStarted, within=15)
        await sees(bob, alice, RED)
        assert video.readyState == "live"
    network.close()

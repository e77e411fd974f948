"""The room client against the embedded room: real sockets, real encoders."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import anyio
import pytest
from livekit.protocol import models

from realtime_fast.errors import ConnectTimeoutError, InvalidInputError, LinkError, RoomError
from realtime_fast.livekit import (
    ParticipantLeft,
    PublicationEnded,
    Room,
    RoomEvent,
    RoomLeft,
    SignalLost,
    SignalRestored,
    TrackSubscribed,
    TrackUnsubscribed,
    fault_injection,
)
from realtime_fast.options import VideoCodec
from realtime_fast.server import Service
from realtime_fast.server.room import Rooms

from tests.support import Colour, Token, Tone, leaving_nothing, mean_colour, shows

E = TypeVar("E")
BLUE, GREEN = (30, 30, 220), (30, 200, 30)


async def until(events: AsyncIterator[RoomEvent], wanted: type[E], of: str | None = None) -> E:
    """The next event of a type, of a track that is `of` a kind."""
    with anyio.fail_after(15):
        async for event in events:
            if isinstance(event, wanted) and of in (None, getattr(getattr(event, "track", None), "kind", "")):
                return event
    raise AssertionError(f"the events ended without a {wanted.__name__}")


def room(service: Service, token: str, **settings: Any) -> Room:
    return Room(service.url, token, ice_servers=(), **settings)


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_what_one_publishes_another_sees_and_hears(
    room_service: Service, token: Token, codec: VideoCodec
) -> None:
    async with (
        room(room_service, token("alice"), video_codec=codec) as alice,
        room(room_service, token("bob")) as bob,
    ):
        events = bob.events()
        await alice.publish(video=Colour(BLUE), audio=Tone(), size=(320, 240))
        seen = await until(events, TrackSubscribed, "video")
        assert (seen.participant.identity, seen.track.source) == ("alice", "camera")
        assert seen.track.mime_type.lower() == f"video/{codec}"
        assert (seen.track.width, seen.track.height) == (320, 240)
        await mean_colour(seen.media, 5)
        await shows(seen.media, BLUE)
        sent = (await alice.get_stats()).values()
        received = (await bob.get_stats()).values()
        assert {entry["kind"] for entry in sent if entry["type"] == "outbound-rtp"} == {"video", "audio"}
        assert {entry["kind"] for entry in received if entry["type"] == "inbound-rtp"} == {"video", "audio"}
        (him,) = alice.participants.values()
        assert (him.identity, alice.local.identity) == ("bob", "alice")


async def test_tracks_come_and_go_one_by_one(room_service: Service, token: Token) -> None:
    sound, blue, green = Tone(), Colour(BLUE), Colour(GREEN)
    async with (
        leaving_nothing(),
        room(room_service, token("alice")) as alice,
        room(room_service, token("bob")) as bob,
    ):
        events, own = bob.events(), alice.events()
        await alice.publish(audio=sound)
        await until(events, TrackSubscribed, "audio")
        await alice.publish(video=blue)
        first = await until(events, TrackSubscribed, "video")
        await shows(first.media, BLUE)
        await alice.publish(video=green)
        second = await until(events, TrackSubscribed, "video")
        await shows(second.media, GREEN)
        with pytest.raises(InvalidInputError, match="already"):
            await alice.publish(video=blue)
        await alice.unpublish(blue)
        gone = await until(events, TrackUnsubscribed, "video")
        assert gone.track.sid == first.track.sid
        await mean_colour(second.media, 5)
        with pytest.raises(InvalidInputError, match="not published"):
            await alice.unpublish(blue)
        await alice.publish(video=blue)
        again = await until(events, TrackSubscribed, "video")
        await shows(again.media, BLUE)
        (she,) = bob.participants.values()
        assert len(she.tracks) == 3
        assert blue.readyState == "live"
    assert not [event async for event in own if isinstance(event, PublicationEnded)]


async def test_who_is_not_wanted_is_not_received_and_a_track_ends_with_its_publisher(
    room_service: Service, token: Token
) -> None:
    async with room(room_service, token("bob"), wants=lambda who, _: who.identity == "alice") as bob:
        events = bob.events()
        async with room(room_service, token("carol")) as carol:
            await carol.publish(video=Colour())
            async with room(room_service, token("alice")) as alice:
                await alice.publish(video=Colour(BLUE))
                seen = await until(events, TrackSubscribed)
                assert seen.participant.identity == "alice"
            assert (await until(events, TrackUnsubscribed)).track == seen.track
            assert (await until(events, ParticipantLeft)).participant.identity == "alice"
            assert [one.identity for one in bob.participants.values()] == ["carol"]


async def test_a_lost_signal_socket_comes_back_while_media_goes_on(
    room_service: Service, token: Token
) -> None:
    async with room(room_service, token("alice")) as alice, room(room_service, token("bob")) as bob:
        events = bob.events()
        await alice.publish(video=Colour(BLUE))
        media = (await until(events, TrackSubscribed)).media
        fault_injection.drop_signal(bob)
        await until(events, SignalLost)
        await until(events, SignalRestored)
        await shows(media, BLUE)
        assert [one.identity for one in bob.participants.values()] == ["alice"]


async def test_a_socket_that_stays_away_ends_the_stay(
    room_service: Service, token: Token, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime_fast.livekit.room_core.RESUME_LIMIT", 1.0)
    async with room(room_service, token("alice")) as alice:
        events = alice.events()
        await rooms.clear()
        with anyio.fail_after(10):
            error = await alice.wait_over()
        assert (await until(events, RoomLeft)).error is error
        assert isinstance(error, RoomError)
        assert error.reason == "ROOM_DELETED"
        with pytest.raises(RoomError):
            await alice.publish(video=Colour())


async def test_a_second_participant_of_the_same_identity_takes_the_place(
    room_service: Service, token: Token
) -> None:
    async with room(room_service, token("alice")) as first, room(room_service, token("alice")):
        with anyio.fail_after(10):
            error = await first.wait_over()
        assert isinstance(error, RoomError)
        assert error.reason == models.DisconnectReason.Name(models.DUPLICATE_IDENTITY)


async def test_media_sockets_that_die_end_the_stay(room_service: Service, token: Token) -> None:
    async with room(room_service, token("alice")) as alice:
        await alice.publish(video=Colour())
        fault_injection.cut(alice)
        with anyio.fail_after(10):
            error = await alice.wait_over()
        assert (error.code, isinstance(error, LinkError)) == ("LIVEKIT_ICE_ERROR", True)


@pytest.mark.parametrize("given", ["expired", "not a token"])
async def test_a_token_that_is_refused_is_named_nowhere(
    room_service: Service, token: Token, given: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    text = token("alice", ttl=-100) if given == "expired" else given
    with pytest.raises(RoomError, match="rejected the access token") as caught:
        async with room(room_service, text):
            pass
    assert caught.value.status == 401
    chain: BaseException | None = caught.value
    while chain is not None:
        assert text not in f"{chain!r} {chain}"
        chain = chain.__cause__ or chain.__context__
    assert text not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("realtime")
    )


async def test_what_a_token_does_not_allow_is_said_before_anything_is_sent(
    room_service: Service, token: Token
) -> None:
    async with room(room_service, token("alice", publish=False, subscribe=False)) as alice:
        with pytest.raises(RoomError, match="does not allow publishing"):
            await alice.publish(video=Colour())
        with pytest.raises(RoomError, match="does not allow to receive"):
            await alice.wait_receiving()
        with pytest.raises(InvalidInputError):
            await alice.publish()


@pytest.mark.parametrize("url", ["http://", "ftp://host", "", "ws://host:port"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="LiveKit URL"):
        Room(url, "token")


async def test_a_server_that_is_not_there_or_says_nothing() -> None:
    async def hold(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, hold)
        with pytest.raises(ConnectTimeoutError) as caught:
            async with Room(f"ws://127.0.0.1:{port}", "token", timeout=0.3):
                pass
        assert (caught.value.code, caught.value.phase) == ("LIVEKIT_TIMEOUT_ERROR", "livekit-connect")
        group.cancel_scope.cancel()
    await listener.aclose()
    with pytest.raises(RoomError, match="cannot be reached"):
        async with Room(f"ws://127.0.0.1:{port}", "token"):
            pass


async def test_leaving_leaves_nothing_behind(room_service: Service, token: Token, rooms: Rooms) -> None:
    async with leaving_nothing():
        async with room(room_service, token("alice")) as alice, room(room_service, token("bob")) as bob:
            events = bob.events()
            await alice.publish(video=Colour(), audio=Tone())
            await (await until(events, TrackSubscribed, "video")).media.recv()
        with anyio.fail_after(5):
            while rooms.rooms["room"].participants:
                await anyio.sleep(0.01)

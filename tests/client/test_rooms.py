"""What is peculiar to sessions over LiveKit rooms: the queue, the state beside everything else, faults of the room."""

from __future__ import annotations

import time
from typing import Any

import anyio
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from realtime_fast import (
    AckTimeoutError,
    ConnectTimeoutError,
    ControlChannelError,
    InvalidInputError,
    LinkError,
    ModelState,
    Prompt,
    QueuePosition,
    RealtimeClient,
    RealtimeError,
    ReconnectPolicy,
    RoomError,
    ServerError,
    SubscribeOptions,
    decode_subscribe_token,
)
from realtime_fast.control import messages
from realtime_fast.media.sources import MediaSource
from realtime_fast.server import Faults, Service
from realtime_fast.server.inference import chosen_path
from realtime_fast.server.inference.session import FAILED
from realtime_fast.session import attempt as attempt_module
from realtime_fast.transports import livekit

from tests.support import KEY, QUICK, Watch, eventually, first_picture, leaving_nothing, options

BOAT = ModelState(prompt=Prompt("boat"))


def over_room(**changes: Any) -> Any:
    return options(**{"transport": "livekit", "initial_state": BOAT} | changes)


async def test_a_queue_is_told_and_outlasts_the_rooms_own_limit(
    service: Service, camera: MediaSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(livekit, "ROOM_INFO_LIMIT", 0.3)
    service.set_faults(Faults(queue=3, delay={"queue": 0.8}))
    places: list[QueuePosition] = []
    connecting = RealtimeClient.connect(service.url, KEY, camera, over_room())
    connecting.on("queue_position", places.append)
    async with leaving_nothing(), connecting as client:
        assert [(place.position, place.queue_size) for place in places] == [(3, 3), (2, 3), (1, 3)]
        assert client.queue_position is None
        (session,) = service.sessions.values()
        await eventually(lambda: session.prompt == "boat")
        await first_picture(client)


async def test_a_lost_client_sees_its_place_in_the_queue(service: Service, camera: MediaSource) -> None:
    async with RealtimeClient.connect(service.url, KEY, camera, over_room(reconnect=QUICK)) as client:
        await first_picture(client)
        service.set_faults(Faults(queue=1, delay={"queue": 0.5}))
        for session in tuple(service.sessions.values()):
            session.drop()
        place = await eventually(lambda: client.queue_position)
        assert (place.position, client.get_connection_state()) == (1, "reconnecting")
        await eventually(client.is_connected)
        assert client.queue_position is None


@pytest.mark.parametrize(
    ("fault", "kind", "phase", "words"),
    [
        ("never", ConnectTimeoutError, "room-join", "room-join"),
        ("malformed", ControlChannelError, "room-join", "livekit_room_info"),
        ("dead", RoomError, "livekit-connect", "cannot be reached"),
        ("expired", RoomError, "livekit-connect", "rejected the access token"),
    ],
)
async def test_a_room_that_cannot_be_joined(
    service: Service,
    camera: MediaSource,
    watch: Watch,
    fault: Any,
    kind: type[RealtimeError],
    phase: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(livekit, "ROOM_INFO_LIMIT", 0.5)
    service.set_faults(Faults(room_info=fault))
    async with leaving_nothing():
        with pytest.raises(kind, match=words) as caught:
            async with RealtimeClient.connect(service.url, KEY, camera, over_room()):
                pass
    assert (caught.value.phase, caught.value.code.partition("_")[0]) == (phase, "LIVEKIT")
    assert watch.errors == [caught.value]


async def test_a_state_that_is_refused_early_fails_the_connect(
    service: Service, camera: MediaSource, watch: Watch
) -> None:
    service.set_faults(Faults(ack="fail", delay={"answer": 0.5}))
    with pytest.raises(ServerError, match=FAILED) as caught:
        async with RealtimeClient.connect(service.url, KEY, camera, over_room()):
            pass
    assert (caught.value.phase, caught.value.code) == ("initial-state", "LIVEKIT_SERVER_ERROR")
    assert watch.errors == [caught.value]


async def test_a_state_that_is_refused_late_is_an_event(
    service: Service, camera: MediaSource, watch: Watch
) -> None:
    service.set_faults(Faults(ack="fail", ack_delay=1.5))
    async with RealtimeClient.connect(service.url, KEY, camera, over_room()) as client:
        (error,) = await eventually(lambda: watch.errors)
        assert (str(error), error.phase) == (FAILED, "initial-state")
        assert client.is_connected()


async def test_a_state_that_is_never_acknowledged_is_an_event(
    service: Service, camera: MediaSource, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_module, "PROMPT_TIMEOUT", 5.0)  # longer than connecting takes
    service.set_faults(Faults(ack="never"))
    async with RealtimeClient.connect(service.url, KEY, camera, over_room()) as client:
        assert watch.errors == []
        (error,) = await eventually(lambda: watch.errors)
        assert isinstance(error, AckTimeoutError)
        assert client.is_connected()


async def test_a_broken_signal_socket_is_mended_within_the_session(
    service: Service, camera: MediaSource, watch: Watch
) -> None:
    service.set_faults(Faults(room={"signal": 0.3}))
    states: list[str] = []
    connecting = RealtimeClient.connect(service.url, KEY, camera, over_room())
    connecting.on("connection_change", states.append)
    async with leaving_nothing(), connecting as client:
        session = client.session_id
        await eventually(lambda: "reconnecting" in states)
        await eventually(lambda: states[-1] in ("connected", "generating"))
        await first_picture(client)
        await client.set_prompt("tree")
        assert client.session_id == session
    assert watch.errors == []


@pytest.mark.parametrize("fault", ["removed", "deleted", "twice"])
async def test_a_stay_that_ends_is_a_new_session(
    service: Service, camera: MediaSource, watch: Watch, fault: Any
) -> None:
    service.set_faults(Faults(room={fault: 0.3}))
    async with (
        leaving_nothing(),
        RealtimeClient.connect(service.url, KEY, camera, over_room(reconnect=QUICK)) as client,
    ):
        before = client.session_id
        await eventually(lambda: client.session_id != before)
        await eventually(client.is_connected)
        await first_picture(client)
        (session,) = [one for one in service.sessions.values() if one.id == client.session_id]
        assert session.prompt == "boat"
    assert watch.errors == []


async def test_a_service_that_stays_away_is_a_loss(
    service: Service, camera: MediaSource, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(livekit, "ABSENCE_LIMIT", 0.5)
    service.set_faults(Faults(room={"absent": 0.2}))
    async with RealtimeClient.connect(service.url, KEY, camera, over_room()) as client:
        await eventually(lambda: client.get_connection_state() == "disconnected")
    (error,) = watch.errors
    assert isinstance(error, LinkError)
    assert "left the room" in str(error)


@pytest.mark.parametrize("fault", ["double", "foreign"])
async def test_who_else_comes_does_no_harm(
    service: Service, camera: MediaSource, watch: Watch, fault: Any
) -> None:
    service.set_faults(Faults(room={fault: 0.2}))
    async with RealtimeClient.connect(service.url, KEY, camera, over_room()) as client:
        await first_picture(client)
        (session,) = service.sessions.values()
        room = service.rooms and next(iter(service.rooms.rooms.values()))
        await eventually(lambda: room and len(room.participants) == 3)
        await first_picture(client)
        assert session.prompt == "boat"
    assert watch.errors == []


@pytest.mark.parametrize("fault", ["audio-first", "two-videos"])
async def test_what_the_service_publishes_may_come_in_any_order(
    service: Service, camera: MediaSource, watch: Watch, fault: Any
) -> None:
    """Of two videos the newer one takes the place."""
    arrived: list[MediaStreamTrack] = []
    service.set_faults(Faults(publish=fault))
    async with (
        leaving_nothing(),
        RealtimeClient.connect(
            service.url, KEY, camera, over_room(on_remote_stream=arrived.append)
        ) as client,
    ):
        kinds = ["audio", "video"] if fault == "audio-first" else ["audio", "video", "video"]
        await eventually(lambda: sorted(track.kind for track in arrived) == kinds)
        if fault == "audio-first":
            assert arrived[0].kind == "audio"
        else:
            first, second = (track for track in arrived if track.kind == "video")
            with anyio.fail_after(10), pytest.raises(MediaStreamError):
                while True:
                    await first.recv()
            await second.recv()
        await first_picture(client)
    assert watch.errors == []


@pytest.mark.parametrize("fault", ["401", "404", "500", "html", "partial"])
async def test_a_viewer_that_is_refused_is_told_at_once(
    service: Service, camera: MediaSource, watch: Watch, fault: Any
) -> None:
    async with RealtimeClient.connect(service.url, KEY, camera, over_room()) as publisher:
        assert publisher.subscribe_token is not None
        service.set_faults(Faults(watch=fault))
        viewing = SubscribeOptions(publisher.subscribe_token, ice_servers=(), reconnect=None)
        began = time.monotonic()
        with pytest.raises(RealtimeError):
            async with RealtimeClient.subscribe(service.url, KEY, viewing):
                pass
        assert time.monotonic() - began < 5


async def test_an_uploaded_file_is_named_and_not_sent(service: Service, camera: MediaSource) -> None:
    async with RealtimeClient.connect(service.url, KEY, camera, over_room()) as client:
        with pytest.raises(ServerError, match="There is no such file"):
            await client.set_image("file_2kD9")


async def test_auto_takes_the_room_that_the_service_has(service: Service, camera: MediaSource) -> None:
    async with RealtimeClient.connect(service.url, KEY, camera, over_room(transport="auto")) as client:
        await first_picture(client)
        assert client.subscribe_token is not None
        assert decode_subscribe_token(client.subscribe_token).room_name is not None


@pytest.mark.parametrize("policy", [QUICK, None])
async def test_auto_offers_a_peer_connection_where_a_room_is_refused(
    service: Service, camera: MediaSource, policy: ReconnectPolicy | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As of a service that was installed without what rooms need.
    monkeypatch.setattr(chosen_path.ChosenPath, "handle", refusing(chosen_path.ChosenPath.handle))
    async with RealtimeClient.connect(
        service.url, KEY, camera, over_room(transport="auto", reconnect=policy)
    ) as client:
        await first_picture(client)
        (session,) = [one for one in service.sessions.values() if one.id == client.session_id]
        assert (session.prompt, session.counts["offer"]) == ("boat", 1)


def refusing(handle: Any) -> Any:
    async def handle_but_rooms(path: Any, message: Any) -> Any:
        if isinstance(message, messages.LivekitJoin):
            raise InvalidInputError(chosen_path.NO_ROOMS)
        return await handle(path, message)

    return handle_but_rooms

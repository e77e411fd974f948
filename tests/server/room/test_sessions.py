"""Sessions over a room: what the control channel says, what is in the room, and its faults, over bare clients' wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from livekit.protocol import models

from realtime_fast.errors import InvalidInputError
from realtime_fast.server import Faults, Service, ServiceConfig
from realtime_fast.server.http.app import NOT_ALLOWED
from realtime_fast.server.http.client_tokens import TokenRequest
from realtime_fast.server.inference.chosen_path import NO_ROOMS
from realtime_fast.server.room import Grant, Rooms
from realtime_fast.server.room.access_token import InvalidTokenError
from realtime_fast.server.room.room import Room

from tests.server.client import Camera, dial
from tests.server.client import Client as Control
from tests.server.room.client import Client, joined
from tests.support import eventually


@asynccontextmanager
async def running(*faults: str, **config: Any) -> AsyncIterator[Service]:
    async with Service(ServiceConfig(port=0, faults=Faults.parse(faults), **config)) as service:
        yield service


@asynccontextmanager
async def in_session(service: Service, **query: str) -> AsyncIterator[tuple[Control, Client]]:
    """A client in the room of its session, with its camera."""
    async with dial(service.url, **query) as control:
        await control.send(type="livekit_join")
        info = await control.expect("livekit_room_info")
        async with joined(info["livekit_url"], info["token"]) as client:
            await client.publish(Camera())
            yield control, client


def service_of(client: Client) -> models.ParticipantInfo | None:
    here = [who for name, who in client.people.items() if name.startswith("inference-server-")]
    return next((who for who in here if who.state == models.ParticipantInfo.ACTIVE), None)


async def received(client: Client) -> None:
    """Wait for a picture of the service."""
    service = await client.until(lambda: (who := service_of(client)) and who.tracks and who)
    sids = [track.sid for track in service.tracks if track.type == models.VIDEO]
    track = await client.until(lambda: client.tracks.get(sids[0]))
    with anyio.fail_after(15):
        await track.recv()


async def watch(service: Service, room: str, key: str = "key") -> httpx2.Response:
    async with httpx2.AsyncClient() as http:
        base = service.url.replace("ws", "http", 1)
        return await http.post(f"{base}/watch-stream/{room}", headers={"x-api-key": key})


async def test_a_session_from_the_invitation_to_its_end() -> None:
    async with running() as service:
        async with in_session(service) as (control, client):
            info = control.of("livekit_room_info")[0]
            assert info["room_name"] == f"session-{info['session_id']}"
            assert client.join.participant.identity == f"client-{info['session_id']}"
            await received(client)
            await control.expect("generation_started")
            await control.send(type="prompt", prompt="a red boat", enhance_prompt=True)
            assert (await control.expect("prompt_ack"))["success"] is True
            await control.expect("generation_tick")
            assert "metrics_report" not in control.kinds()
            (session,) = service.sessions.values()
            assert (session.info()["transport"], session.prompt) == ("livekit", "a red boat")

            answer = await watch(service, info["room_name"])
            assert answer.status_code == 200
            told = answer.json()
            assert (told["room_name"], told["session_id"]) == (info["room_name"], info["session_id"])
            async with joined(told["livekit_url"], told["token"]) as viewer:
                assert not viewer.join.participant.permission.can_publish
                await received(viewer)
        assert service.rooms is not None
        await eventually(lambda: not service.sessions and not service.rooms.rooms)  # type: ignore[union-attr]


async def test_the_client_may_leave_the_room_and_the_session_ends() -> None:
    async with running() as service, in_session(service) as (control, client):
        await received(client)
        await client.send(leave={})
        await control.until(lambda: control.closed)
        assert control.kinds()[-1] == "generation_ended"


async def test_a_client_without_camera_gets_a_canvas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime_fast.server.room.room_path.CAMERA_LIMIT", 0.1)
    async with running() as service, dial(service.url) as control:
        await control.send(type="livekit_join", passthrough=True)
        info = await control.expect("livekit_room_info")
        async with joined(info["livekit_url"], info["token"]) as client:
            await received(client)


async def test_an_announced_state_holds_the_stream_back() -> None:
    async with running() as service, dial(service.url) as control:
        await control.send(type="livekit_join", passthrough=False)
        info = await control.expect("livekit_room_info")
        async with joined(info["livekit_url"], info["token"]) as client:
            await client.publish(Camera())
            await client.until(lambda: service_of(client))
            await client.until(lambda: "track_subscribed" in client.kinds)
            who = service_of(client)
            assert who is not None
            assert not who.tracks
            await control.send(type="prompt", prompt="a red boat")
            await received(client)


async def test_the_service_may_be_asked_for_vp8() -> None:
    async with (
        running() as service,
        in_session(service, livekit_server_codec="vp8", latency_diagnostics="true") as (control, client),
    ):
        await received(client)
        who = service_of(client)
        assert who is not None
        assert "video/VP8" in [track.mime_type for track in who.tracks]
        await control.expect("metrics_report")  # asked for by name


async def test_a_queue_comes_before_the_invitation() -> None:
    async with running("queue=2") as service, dial(service.url) as control:
        await control.send(type="livekit_join")
        await control.expect("livekit_room_info")
        places = [(m["position"], m["queue_size"]) for m in control.of("queue_position")]
        assert places == [(2, 2), (1, 2)]
        assert control.kinds()[-1] == "livekit_room_info"


async def test_an_error_in_the_queue() -> None:
    async with running("queue=1", "error=queue:No room today") as service, dial(service.url) as control:
        await control.send(type="livekit_join")
        assert (await control.expect("error"))["error"] == "No room today"
        await control.until(lambda: control.closed)
        assert control.kinds()[-2:] == ["queue_position", "error"]


async def test_what_comes_while_the_room_is_made_ready_is_acknowledged_at_once() -> None:
    async with running("delay=answer:0.5") as service, dial(service.url) as control:
        await control.send(type="livekit_join")
        await control.send(type="prompt", prompt="a red boat")
        await control.expect("livekit_room_info")
        assert control.kinds()[-2:] == ["prompt_ack", "livekit_room_info"]


@pytest.mark.parametrize("fault", ["never", "malformed", "dead", "expired"])
async def test_what_may_be_wrong_with_an_invitation(fault: str) -> None:
    async with running(f"room-info={fault}") as service, dial(service.url) as control:
        await control.send(type="livekit_join")
        await control.send(type="prompt", prompt="a red boat")
        await control.expect("prompt_ack")
        if fault != "never":
            await control.expect("livekit_room_info")
        infos = control.of("livekit_room_info")
        assert service.rooms is not None
        match fault:
            case "never":
                assert infos == []
            case "malformed":
                assert "token" not in infos[0]
            case "dead":
                assert infos[0]["livekit_url"] != service.url
            case "expired":
                with pytest.raises(InvalidTokenError, match="expired"):
                    service.rooms.keys.verify(infos[0]["token"])


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (["livekit_join", "livekit_join"], "Unexpected livekit_join"),
        (["ice-candidate", "livekit_join"], "Unexpected livekit_join"),
        (["livekit_join", "offer"], "Media is in the LiveKit room"),
    ],
)
async def test_what_does_not_belong_to_a_room(said: list[str], error: str) -> None:
    async with running() as service, dial(service.url) as control:
        for kind in said:
            await control.send(type=kind, **({"sdp": "v=0"} if kind == "offer" else {}))
        assert error in (await control.expect("error"))["error"]
        await control.until(lambda: control.closed)


async def test_without_what_rooms_need_it_says_what_to_install() -> None:
    service = Service(ServiceConfig(port=0))
    service.rooms = service.registry.rooms = service.registry.plane = None
    async with service, dial(service.url) as control:
        await control.send(type="livekit_join")
        assert (await control.expect("error"))["error"] == NO_ROOMS
        await control.until(lambda: control.closed)


@pytest.mark.parametrize(
    ("fault", "status"), [("401", 401), ("404", 404), ("500", 500), ("html", 200), ("partial", 200)]
)
async def test_what_a_viewer_may_be_answered(fault: str, status: int) -> None:
    async with running(f"watch={fault}") as service, dial(service.url) as control:
        await control.send(type="livekit_join")
        info = await control.expect("livekit_room_info")
        answer = await watch(service, info["room_name"])
        assert answer.status_code == status
        if fault == "partial":
            assert set(answer.json()) == {"livekit_url", "room_name", "session_id"}
        if fault == "html":
            assert answer.text.startswith("<html>")


async def test_who_may_watch_what() -> None:
    async with running(api_keys=frozenset({"key"})) as service, dial(service.url) as control:
        session = (await control.expect("session_id"))["session_id"]
        assert (await watch(service, f"session-{session}")).status_code == 404, "it has no room yet"
        await control.send(type="livekit_join")
        await control.expect("livekit_room_info")
        assert (await watch(service, f"session-{session}")).status_code == 200
        assert (await watch(service, session)).status_code == 404
        assert (await watch(service, f"session-{session}", key="other")).status_code == 401


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("removed", models.PARTICIPANT_REMOVED),
        ("deleted", models.ROOM_DELETED),
        ("twice", models.DUPLICATE_IDENTITY),
        ("signal", None),
    ],
)
async def test_what_may_happen_to_the_client(fault: str, reason: int | None) -> None:
    async with running(f"room={fault}") as service, in_session(service) as (_, client):
        await client.until(client.closed.is_set)
        assert (client.leave.reason if client.leave else None) == reason


async def test_the_services_participant_may_go_and_come_back() -> None:
    async with running("room=absent") as service, in_session(service) as (control, client):
        await client.until(lambda: service_of(client))
        await client.until(lambda: service_of(client) is None)
        service.set_faults(Faults.parse(["room=back"]), live=True)
        await received(client)
        assert not control.closed


async def test_the_services_participant_may_come_late() -> None:
    async with running("late=1.5") as service, in_session(service) as (_, client):
        assert not client.join.other_participants
        await received(client)


async def test_the_service_may_change_its_codec_and_its_size() -> None:
    async with running("room=codec", "resize") as service, in_session(service) as (_, client):

        def codecs() -> set[str]:
            who = service_of(client)
            return {track.mime_type for track in who.tracks if track.type == models.VIDEO} if who else set()

        await client.until(lambda: codecs() == {"video/VP8"})
        who = service_of(client)
        assert who is not None
        (sid,) = (track.sid for track in who.tracks if track.type == models.VIDEO)
        track = await client.until(lambda: client.tracks.get(sid))
        with anyio.fail_after(15):
            while (await track.recv()).width != 160:
                pass


@pytest.mark.parametrize(("fault", "identity"), [("double", "inference-server-"), ("foreign", "stranger-")])
async def test_others_may_publish(fault: str, identity: str) -> None:
    async with running(f"room={fault}") as service, in_session(service) as (_, client):

        def publishing() -> int:
            return sum(name.startswith(identity) and bool(who.tracks) for name, who in client.people.items())

        await client.until(lambda: publishing() == (2 if fault == "double" else 1))
        await received(client)


async def test_client_tokens_stand_for_the_key() -> None:
    async with running(api_keys=frozenset({"key"})) as service, httpx2.AsyncClient() as http:
        url = f"{service.url.replace('ws', 'http', 1)}/v1/client/tokens"
        assert (await http.post(url, headers={"x-api-key": "other"})).status_code == 401
        assert (await http.post(url, headers={"x-api-key": "key"}, json={"expiresIn": 0})).status_code == 422
        answer = await http.post(url, headers={"x-api-key": "key"}, json={"expiresIn": 60})
        assert answer.status_code == 201
        for key in (answer.json()["apiKey"], answer.json()["token"]):
            async with dial(service.url, key=key) as control:
                await control.expect("session_id")
        assert answer.json()["apiKey"].startswith("ek_")


async def limited(service: Service, **limits: Any) -> str:
    """A client token that allows no more than this."""
    async with httpx2.AsyncClient() as http:
        url = f"{service.url.replace('ws', 'http', 1)}/v1/client/tokens"
        answer = await http.post(url, headers={"x-api-key": "key"}, json=limits)
        token: str = answer.json()["token"]
        return token


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        ({"allowedModels": ["lucy-2.1"]}, True),
        ({"allowedModels": ["lucy-restyle-2"]}, False),
        ({"allowedOrigins": ["https://shop.example"]}, True),
    ],
)
async def test_a_client_token_may_allow_some_sessions_only(limits: dict[str, Any], allowed: bool) -> None:
    async with running(api_keys=frozenset({"key"})) as service:
        key = await limited(service, **limits)
        async with dial(service.url, model="lucy-2.1", key=key) as control:
            message = await control.expect("session_id" if allowed else "error")
        assert allowed or message["error"] == NOT_ALLOWED


def test_pages_need_the_origin_that_a_token_names() -> None:
    wanted = TokenRequest(allowed_origins=["https://shop.example"])
    origins = ("https://shop.example", "https://other.example", None)
    assert [wanted.allows(model="m", origin=origin) for origin in origins] == [True, False, True]
    assert TokenRequest().allows(model="m", origin="https://other.example")


async def test_a_client_token_may_bound_the_length_of_a_session() -> None:
    async with running(api_keys=frozenset({"key"})) as service:
        key = await limited(service, constraints={"realtime": {"maxSessionDuration": 1}})
        async with in_session(service, key=key) as (control, _):
            ended = await control.expect("generation_ended")
    assert ended["reason"] == "timeout"


async def test_a_state_may_be_inside_the_join() -> None:
    """As npm's SDK 0.1.6 and 0.1.7 sent it."""
    async with running() as service, dial(service.url) as control:
        state = {"type": "prompt", "prompt": "boat", "enhance_prompt": True}
        await control.send(type="livekit_join", passthrough=False, initial_state=state)
        assert (await control.expect("prompt_ack"))["prompt"] == "boat"
        await control.expect("livekit_room_info")
        (session,) = service.sessions.values()
        assert session.prompt == "boat"


async def test_rooms_may_be_on_a_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    def admit(rooms: Rooms, token: str) -> tuple[Room, Grant]:
        """As a LiveKit server does: whoever joins first creates the room."""
        grant = rooms.keys.verify(token)
        return rooms.rooms.get(grant.room) or rooms.create(grant.room), grant

    monkeypatch.setattr(Rooms, "admit", admit)
    async with AsyncExitStack() as stack:
        elsewhere = await stack.enter_async_context(running())
        assert elsewhere.rooms is not None
        keys = elsewhere.rooms.keys
        service = await stack.enter_async_context(
            running(livekit_url=elsewhere.url, livekit_key=keys.api_key, livekit_secret=keys.secret)
        )
        control, client = await stack.enter_async_context(in_session(service))
        assert control.of("livekit_room_info")[0]["livekit_url"] == elsewhere.url
        await received(client)
        assert service.rooms is not None
        assert not service.rooms.rooms
        assert keys.secret not in repr(service.config)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"livekit_url": "https://livekit.example"}, "ws:// or wss://"),
        ({"livekit_url": "wss://livekit.example"}, "livekit_key and livekit_secret"),
        ({"livekit_url": "wss://livekit.example", "livekit_key": "k"}, "livekit_key and livekit_secret"),
    ],
)
def test_a_deployment_that_is_half_described(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        ServiceConfig(**wrong)

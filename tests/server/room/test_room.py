"""The embedded room: joining, publishing, receiving, leaving, coming back, over a bare client's wire."""

from __future__ import annotations

from typing import Any

import anyio
import httpx2
import pytest
from livekit.protocol import models, rtc
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realtime_fast.server import Service
from realtime_fast.server.room import Keys, Rooms
from realtime_fast.server.room import routes as room_routes

from tests.server.client import Camera, Tone
from tests.server.room.client import candidate, joined
from tests.support import Token, eventually


async def test_what_one_publishes_the_other_sees(room_service: Service, token: Token) -> None:
    async with joined(room_service.url, token("a")) as a, joined(room_service.url, token("b")) as b:
        assert [person.identity for person in b.join.other_participants] == ["a"]
        await a.until(lambda: "b" in a.people)
        info = await a.publish(Camera())
        track = await b.until(lambda: b.tracks.get(info.sid))
        with anyio.fail_after(15):
            picture = await track.recv()
        assert (picture.width, picture.height) == (320, 192)
        told = b.people["a"].tracks[0]
        assert (told.sid, told.name, told.source) == (info.sid, "camera", models.CAMERA)
        assert told.mime_type in ("video/VP8", "video/H264")
        await a.until(lambda: "track_subscribed" in a.kinds)

        sound = await a.publish(Tone())
        heard = await b.until(lambda: b.tracks.get(sound.sid))
        with anyio.fail_after(15):
            await heard.recv()


async def test_who_comes_later_receives_what_is_already_there(room_service: Service, token: Token) -> None:
    async with joined(room_service.url, token("a")) as a:
        info = await a.publish(Camera())
        async with joined(room_service.url, token("b", publish=False)) as b:
            track = await b.until(lambda: b.tracks.get(info.sid))
            with anyio.fail_after(15):
                await track.recv()


async def test_one_receives_what_it_asks_for(room_service: Service, token: Token) -> None:
    async with (
        joined(room_service.url, token("a")) as a,
        joined(room_service.url, token("b"), auto_subscribe="0") as b,
    ):
        info = await a.publish(Camera())
        await b.until(lambda: b.people["a"].tracks)
        assert not b.tracks
        await b.send(subscription=rtc.UpdateSubscription(track_sids=[info.sid], subscribe=True))
        track = await b.until(lambda: b.tracks.get(info.sid))
        with anyio.fail_after(15):
            await track.recv()
        await b.send(subscription=rtc.UpdateSubscription(track_sids=[info.sid], subscribe=False))
        await b.until(lambda: b.kinds.count("offer") == 3)


async def test_leaving_ends_the_tracks_and_tells_the_others(
    room_service: Service, rooms: Rooms, token: Token
) -> None:
    async with joined(room_service.url, token("b")) as b:
        async with joined(room_service.url, token("a")) as a:
            info = await a.publish(Camera())
            await b.until(lambda: b.tracks.get(info.sid))
            await a.send(leave=rtc.LeaveRequest(reason=models.CLIENT_INITIATED))
            await a.until(a.closed.is_set)
        await b.until(lambda: b.people["a"].state == models.ParticipantInfo.DISCONNECTED)
        assert list(rooms.rooms["room"].participants) == ["b"]


async def test_the_same_identity_takes_the_place_of_the_first(room_service: Service, token: Token) -> None:
    async with joined(room_service.url, token("a")) as first, joined(room_service.url, token("a")) as second:
        await first.until(first.closed.is_set)
        assert first.leave is not None
        assert first.leave.reason == models.DUPLICATE_IDENTITY
        assert first.leave.action == rtc.LeaveRequest.DISCONNECT
        assert not second.closed.is_set()


async def test_removing_and_deleting_say_why(room_service: Service, rooms: Rooms, token: Token) -> None:
    room = rooms.rooms["room"]
    async with joined(room_service.url, token("a")) as a, joined(room_service.url, token("b")) as b:
        await room.remove(room.participants["a"])
        await a.until(a.closed.is_set)
        assert a.leave is not None
        assert a.leave.reason == models.PARTICIPANT_REMOVED
        await rooms.delete(room)
        await b.until(b.closed.is_set)
        assert b.leave is not None
        assert b.leave.reason == models.ROOM_DELETED


async def test_a_cut_signal_socket_is_resumed_with_its_media(
    room_service: Service, rooms: Rooms, token: Token
) -> None:
    async with joined(room_service.url, token("a")) as a, joined(room_service.url, token("b")) as b:
        info = await a.publish(Camera())
        track = await b.until(lambda: b.tracks.get(info.sid))
        with anyio.fail_after(15):
            await track.recv()
        a.socket.transport.abort()
        await a.until(a.closed.is_set)
        sid = a.join.participant.sid
        async with joined(room_service.url, token("a"), reconnect="1", sid=sid) as again:
            await again.until(lambda: again.kinds[:2] == ["reconnect", "update"])
            assert again.people["a"].tracks[0].sid == info.sid
            with anyio.fail_after(15):
                await track.recv()
            assert rooms.rooms["room"].participants["a"].socket is not None
            assert b.people["a"].state == models.ParticipantInfo.ACTIVE


async def test_who_is_no_longer_known_is_told_to_dial_anew(room_service: Service, token: Token) -> None:
    async with joined(room_service.url, token("a"), reconnect="1", sid="PA_gone") as a:
        await a.until(a.closed.is_set)
        assert a.leave is not None
        assert a.leave.action == rtc.LeaveRequest.RECONNECT


async def test_a_socket_that_is_silent_too_long_is_lost(
    room_service: Service, rooms: Rooms, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_routes, "SILENCE_LIMIT", 0.3)
    monkeypatch.setattr("realtime_fast.server.room.rooms.GRACE", 0.1)
    async with joined(room_service.url, token("a")) as a:
        await a.send(ping_req=rtc.Ping(timestamp=5))
        await a.until(lambda: "pong_resp" in a.kinds)
        await a.until(a.closed.is_set)
        await eventually(lambda: not rooms.rooms["room"].participants)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"ttl": -1}, "expired"),
        ({"keys": Keys("else", "a secret of somebody else, long enough")}, "not an access token"),
        ({"room": "elsewhere"}, "does not exist"),
    ],
)
async def test_a_token_that_is_not_accepted(
    room_service: Service, token: Token, wrong: dict[str, Any], why: str
) -> None:
    bad = token("a", **wrong)
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{room_service.url}/rtc?access_token={bad}"):
            pass
    assert refused.value.response.status_code == 401
    async with httpx2.AsyncClient() as http:
        answer = await http.get(
            f"{room_service.url.replace('ws', 'http', 1)}/rtc/validate", params={"access_token": bad}
        )
        assert answer.status_code == 401
        assert why in answer.text
        assert bad not in answer.text
        good = await http.get(str(answer.url.copy_with(params={"access_token": token("a")})))
        assert good.status_code == 200


async def test_newer_clients_find_no_single_connection_and_fall_back(
    room_service: Service, token: Token
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{room_service.url}/rtc/v1?access_token={token('a')}"):
            pass
    assert refused.value.response.status_code == 404


async def test_one_may_only_do_what_its_token_allows(room_service: Service, token: Token) -> None:
    async with (
        joined(room_service.url, token("a")) as a,
        joined(room_service.url, token("b", publish=False)) as b,
        joined(room_service.url, token("c", subscribe=False)) as c,
    ):
        await b.send(add_track=rtc.AddTrackRequest(cid="x", type=models.VIDEO))
        await b.until(lambda: "request_response" in b.kinds)
        info = await a.publish(Camera())
        await c.until(lambda: c.people["a"].tracks)
        await c.send(subscription=rtc.UpdateSubscription(track_sids=[info.sid], subscribe=True))
        await c.send(ping=1)
        await c.until(lambda: "pong" in c.kinds)
        assert "offer" not in c.kinds


@pytest.mark.parametrize(
    "nonsense",
    [
        {"offer": rtc.SessionDescription(type="offer", sdp="v=0")},
        {"answer": rtc.SessionDescription(type="answer", sdp="nothing")},
    ],
)
async def test_a_description_that_is_none_ends_only_its_participant(
    room_service: Service, token: Token, nonsense: dict[str, Any]
) -> None:
    async with (
        joined(room_service.url, token("a"), answers=False) as a,
        joined(room_service.url, token("b")) as b,
    ):
        await a.until(lambda: "offer" in a.kinds)
        await a.send(**nonsense)
        await a.until(a.closed.is_set)
        assert a.leave is not None
        assert a.leave.action == rtc.LeaveRequest.RECONNECT
        await b.until(lambda: b.people["a"].state == models.ParticipantInfo.DISCONNECTED)


async def test_what_cannot_be_read_is_ignored(room_service: Service, token: Token) -> None:
    async with joined(room_service.url, token("a")) as a:
        await a.socket.send("text")
        await a.socket.send(b"\xff\xff\xff")
        await a.socket.send(b"")
        for trickle in ("", "[]", '{"candidate": 5}', candidate("candidate:1 1 udp"), candidate("")):
            await a.send(trickle=rtc.TrickleRequest(candidateInit=trickle, target=rtc.PUBLISHER))
        await a.send(mute=rtc.MuteTrackRequest(sid="TR_none", muted=True))
        await a.send(ping=1)
        await a.until(lambda: "pong" in a.kinds)

"""The livekit transport against the embedded room; the control channel is played by the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from realtime_fast.control import messages
from realtime_fast.errors import AuthenticationError, ConnectError, InvalidInputError, RoomError, ServerError
from realtime_fast.livekit import Room, fault_injection
from realtime_fast.peer.link_events import (
    LinkInterrupted,
    LinkLost,
    LinkRestored,
    LinkUp,
    TrackArrived,
)
from realtime_fast.redaction import Secrets
from realtime_fast.server import Service
from realtime_fast.server.room import Rooms
from realtime_fast.transports import livekit
from realtime_fast.transports.livekit import LivekitLink, LivekitTransport, RoomSettings, invited_as_viewer

from tests.far_side import far_side, http
from tests.support import Colour, Token, Tone, shows
from tests.transports.line import Line, Reports

GREEN, BLUE = (30, 200, 30), (30, 30, 220)


@pytest.fixture
def info(room_service: Service, token: Token) -> messages.LivekitRoomInfo:
    return messages.LivekitRoomInfo(
        livekit_url=room_service.url, token=token("client-1"), room_name="room", session_id="s"
    )


@asynccontextmanager
async def present(
    room_service: Service, token: Token, identity: str = "inference-server-1"
) -> AsyncIterator[Room]:
    async with Room(room_service.url, token(identity), ice_servers=()) as room:
        yield room


def transport(**settings: Any) -> LivekitTransport:
    return LivekitTransport(RoomSettings(ice_servers=(), **settings))


async def test_the_service_sees_the_camera_and_its_pictures_come_back(
    room_service: Service, token: Token, info: messages.LivekitRoomInfo, line: Line, reports: Reports
) -> None:
    line.passthrough = False
    line.say(messages.QueuePosition(position=2, queue_size=2))
    line.say(info)
    async with present(room_service, token) as far:
        await far.publish(video=Colour(GREEN), audio=Tone())
        async with transport(size=(320, 240)).open(line, [Colour(), Tone()], reports) as link:
            assert line.sent == [messages.LivekitJoin(passthrough=False)]
            assert line.notes == ["state", "queued", "admitted"]
            assert line.phases == ["room-join", "livekit-connect", "publish-local-track"]
            await link.media_arrived()
            kinds: set[str] = set()
            while kinds != {"video", "audio"}:
                await reports.first(TrackArrived)
                kinds = {event.kind for event in reports if isinstance(event, TrackArrived)}
                await anyio.sleep(0.01)
            video = next(
                event for event in reports if isinstance(event, TrackArrived) and event.kind == "video"
            )
            await shows(video.track, GREEN)
            assert [event for event in reports if isinstance(event, LinkUp)]
            (client,) = far.participants.values()
            (camera,) = (track for track in client.tracks.values() if track.kind == "video")
            assert (camera.source, camera.width, camera.height) == ("camera", 320, 240)
            entries = {entry["type"] for entry in (await link.stats()).values()}
            assert {"inbound-rtp", "outbound-rtp"} <= entries


async def test_frame_timing_is_asked_for_in_the_join(
    info: messages.LivekitRoomInfo, line: Line, reports: Reports
) -> None:
    line.say(info)
    async with transport(frame_timing=True).open(line, [], reports):
        (join,) = line.sent
        assert isinstance(join, messages.LivekitJoin)
        assert join.client_capabilities == messages.ClientCapabilities(frame_timing=True)


async def test_strangers_are_ignored_and_a_newer_picture_takes_the_place(
    room_service: Service, token: Token, info: messages.LivekitRoomInfo, line: Line, reports: Reports
) -> None:
    line.say(info)
    async with (
        present(room_service, token, "somebody") as stranger,
        transport().open(line, [], reports),
        present(room_service, token) as far,
    ):
        await stranger.publish(video=Colour(BLUE))
        await far.publish(video=Colour(GREEN))
        first = (await reports.first(TrackArrived)).track
        await shows(first, GREEN)
        async with present(room_service, token, "inference-server-2") as second:
            await second.publish(video=Colour(BLUE))
            with anyio.fail_after(10):
                while len(arrived := [e for e in reports if isinstance(e, TrackArrived)]) < 2:
                    await anyio.sleep(0.01)
            await shows(arrived[1].track, BLUE)
            assert first.readyState == "ended"
        assert not [event for event in reports if isinstance(event, LinkLost)]


async def test_a_service_that_leaves_may_come_back_in_time(
    room_service: Service,
    token: Token,
    info: messages.LivekitRoomInfo,
    line: Line,
    reports: Reports,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(livekit, "ABSENCE_LIMIT", 2.0)
    line.say(info)
    async with transport().open(line, [], reports):
        for _ in range(2):
            async with present(room_service, token) as far:
                await far.publish(video=Colour(GREEN))
                await reports.first(TrackArrived)
                reports.clear()
        lost = await reports.first(LinkLost)
        assert "left the room" in str(lost.error)
        assert lost.error.code == "LIVEKIT_ROOM_ERROR"


async def test_a_service_that_never_comes_is_a_loss(
    info: messages.LivekitRoomInfo, line: Line, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(livekit, "ARRIVAL_LIMIT", 0.2)
    line.say(info)
    async with transport().open(line, [], reports):
        lost = await reports.first(LinkLost)
        assert "did not come into the room within 0.2 s" in str(lost.error)


async def test_a_signal_socket_that_breaks_interrupts_the_link(
    room_service: Service, token: Token, info: messages.LivekitRoomInfo, line: Line, reports: Reports
) -> None:
    line.say(info)
    async with present(room_service, token), transport().open(line, [], reports) as link:
        assert isinstance(link, LivekitLink)
        fault_injection.drop_signal(link._room)
        await reports.first(LinkRestored)
        assert [type(e) for e in reports if isinstance(e, LinkInterrupted | LinkRestored)] == [
            LinkInterrupted,
            LinkRestored,
        ]


async def test_a_room_that_is_deleted_is_a_loss_with_its_reason(
    rooms: Rooms, info: messages.LivekitRoomInfo, line: Line, reports: Reports
) -> None:
    line.say(info)
    async with transport().open(line, [Colour()], reports):
        await rooms.clear()
        lost = await reports.first(LinkLost)
        assert "ROOM_DELETED" in str(lost.error)


@pytest.mark.parametrize("codec", ["video/VP9", "video/AV1"])
async def test_a_codec_that_cannot_be_decoded_is_said(reports: Reports, codec: str) -> None:
    from livekit.protocol import models

    from realtime_fast.livekit import Participant

    info = models.ParticipantInfo(
        sid="PA",
        identity="inference-server-1",
        tracks=[models.TrackInfo(sid="T", type=models.VIDEO, mime_type=codec)],
    )
    LivekitLink(Room("ws://nowhere", "t"), reports)._examine(Participant.of(info))
    (lost,) = reports
    assert isinstance(lost, LinkLost)
    assert f"sends {codec}, which this client cannot decode" in str(lost.error)


@pytest.mark.parametrize("url", ["", "http://", "gopher://host", "wss://host:port"])
async def test_a_room_url_that_is_none_may_be_better_next_time(
    url: str, info: messages.LivekitRoomInfo, line: Line, reports: Reports
) -> None:
    line.say(messages.LivekitRoomInfo(livekit_url=url, token=info.token, room_name="room"))
    with pytest.raises(RoomError, match="names no room") as caught:
        async with transport().open(line, [], reports):
            pass
    assert not isinstance(caught.value, InvalidInputError)
    assert info.token not in str(caught.value)


async def test_another_transports_invitation_is_refused(line: Line, reports: Reports) -> None:
    line.say(messages.Answer(sdp="v=0"))
    with pytest.raises(ConnectError, match="Expected livekit_room_info on a livekit session, got answer"):
        async with transport().open(line, [], reports):
            pass


async def test_a_viewer_asks_for_the_room(line: Line) -> None:
    grant = '{"livekit_url": "wss://lk", "token": "t0ken", "room_name": "r", "session_id": "s", "new": 1}'
    async with far_side(http(200, grant.encode())) as side:
        url = f"http://{side.place}/watch-stream/r%2F1"
        invitation = await invited_as_viewer(url, "k3y", "agent", Secrets("k3y"))(line)
    assert (invitation.livekit_url, invitation.token, invitation.room_name) == ("wss://lk", "t0ken", "r")
    assert "t0ken" not in repr(invitation)
    head = side.requests[0].lower()
    assert head.startswith("post /watch-stream/r%2f1 ")
    assert "x-api-key: k3y" in head


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, "k3y", AuthenticationError),
        (403, "", AuthenticationError),
        (404, "<html>", AuthenticationError),
        (500, '{"error": "no capacity"}', ServerError),
        (200, "<html>", ConnectError),
        (200, '{"livekit_url": "wss://lk", "room_name": "r"}', ConnectError),
    ],
)
async def test_a_viewer_that_is_refused_is_told_clearly(
    status: int, body: str, kind: type[Exception], line: Line
) -> None:
    async with far_side(http(status, body.encode())) as side:
        with pytest.raises(kind) as caught:
            url = f"http://{side.place}/watch-stream/r"
            await invited_as_viewer(url, "k3y", "agent", Secrets("k3y"))(line)
    assert "k3y" not in str(caught.value)

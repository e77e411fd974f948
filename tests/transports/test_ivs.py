"""The ivs transport against the embedded service and its stages; the control channel is played by the test."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias, TypeVar

import anyio
import numpy as np
import pytest

from realtime_fast.control import messages
from realtime_fast.control.channel import open_channel
from realtime_fast.control.signaling import SignalingMessage
from realtime_fast.errors import AuthenticationError, ConnectError, RealtimeError, StageError
from realtime_fast.ivs import Stage, fault_injection
from realtime_fast.models import realtime
from realtime_fast.peer.link_events import LinkLost, LinkUp, TrackArrived
from realtime_fast.redaction import Secrets
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.stage.room import Room
from realtime_fast.server.stage.tokens import TokenRequest
from realtime_fast.transports.ivs import IvsTransport, invited_as_viewer

from tests.far_side import far_side, http
from tests.support import Colour, Issue, Tone, eventually, mean_colour
from tests.transports.line import Line, Reports

E = TypeVar("E")

Invite: TypeAlias = Callable[..., tuple[messages.IvsStageReady, str]]
"""Makes an invitation, and the service's own token on the same stage."""


@pytest.fixture
def stage_base(stage_service: Service) -> str:
    return stage_service.url.replace("ws", "http", 1)


@pytest.fixture
def invite(stage_service: Service, stage_room: Room, stage_base: str) -> Invite:
    def make(**more: Any) -> tuple[messages.IvsStageReady, str]:
        server = stage_service.stages.issue(stage_room, stage_base, TokenRequest(user_id="service"))
        client = stage_service.stages.issue(stage_room, stage_base, TokenRequest(user_id="client", **more))
        ready = messages.IvsStageReady(
            stage_arn=stage_room.arn,
            client_token=client.token,
            server_publish_participant_id=server.participant_id,
        )
        return ready, server.token

    return make


async def test_a_session_of_the_service_sees_the_camera_and_its_output_comes_back(
    stage_service: Service, line: Line, reports: Reports, camera: type[Colour], microphone: type[Tone]
) -> None:
    model = realtime("lucy-restyle-2")
    url = f"{stage_service.url}{model.url_path}-ivs?api_key=k&model={model.name}"
    heard: list[messages.ServerMessage | messages.Unknown] = []
    async with (
        open_channel(url, agent="test", secrets=Secrets()) as channel,
        anyio.create_task_group() as group,
    ):

        async def read() -> None:
            while True:
                message = messages.decode_server(await channel.receive())
                heard.append(message)
                if isinstance(message, messages.IvsStageReady):
                    line.say(message)

        group.start_soon(read)
        transport = IvsTransport()
        tracks = [camera((40, 200, 40)), microphone()]
        async with transport.open(line, tracks, reports) as link:
            assert line.sent == [messages.IvsJoined()]
            await channel.send(messages.encode(line.sent[0]))
            await channel.send(messages.encode(messages.SetImage(image_data=None, prompt=None)))
            with anyio.fail_after(10):
                await link.media_arrived()
            picture = await reports.first(TrackArrived)
            red, green, blue = await mean_colour(picture.track, 15)
            assert green > max(red, blue) + 60
            kinds = {entry["type"] for entry in (await link.stats()).values()}
            assert {"inbound-rtp", "outbound-rtp"} <= kinds
        group.cancel_scope.cancel()
    names = [message.__struct_config__.tag for message in heard]
    assert names.index("session_id") < names.index("ivs_stage_ready")
    assert "generation_started" in names
    assert np.isfinite(green)


async def test_the_invitation_may_come_before_after_and_twice(
    line: Line, reports: Reports, invite: Invite, camera: type[Colour]
) -> None:
    ready, server_token = invite()
    line.say(ready)  # before anybody asked
    async with Stage(server_token) as server, IvsTransport().open(line, [camera()], reports) as link:
        line.say(ready)  # and again, which changes nothing
        await server.publish(video=camera((30, 30, 200)))
        with anyio.fail_after(10):
            await link.media_arrived()
        assert line.sent == [messages.IvsJoined()]
        assert not [event for event in reports if isinstance(event, LinkLost)]
        await reports.first(LinkUp)
        red, _, blue = await mean_colour((await reports.first(TrackArrived)).track)
        assert blue > red + 60


async def test_the_invitation_may_come_late(
    line: Line, reports: Reports, invite: Invite, camera: type[Colour]
) -> None:
    ready, server_token = invite()
    async with Stage(server_token) as server:
        await server.publish(video=camera())
        async with anyio.create_task_group() as group:

            async def later() -> None:
                await line.asked.wait()
                line.say(ready)

            group.start_soon(later)
            async with IvsTransport().open(line, [camera()], reports) as link:
                with anyio.fail_after(10):
                    await link.media_arrived()


async def test_the_older_form_of_two_tokens(
    line: Line,
    reports: Reports,
    stage_service: Service,
    stage_room: Room,
    stage_base: str,
    camera: type[Colour],
) -> None:
    stages = stage_service.stages
    server = stages.issue(stage_room, stage_base)
    sender = stages.issue(stage_room, stage_base, TokenRequest(publish=True))
    receiver = stages.issue(stage_room, stage_base, TokenRequest(subscribe=True))
    line.say(
        messages.IvsStageReady(
            stage_arn=stage_room.arn,
            client_publish_token=sender.token,
            client_subscribe_token=receiver.token,
            client_publish_participant_id=sender.participant_id,
        )
    )
    async with Stage(server.token) as service, IvsTransport().open(line, [camera()], reports) as link:
        # One's own camera is on the stage, and is not what was waited for.
        with anyio.move_on_after(1.0) as patience:
            await link.media_arrived()
        assert patience.cancelled_caught
        await service.publish(video=camera((30, 200, 30)))
        with anyio.fail_after(10):
            await link.media_arrived()
        red, green, _ = await mean_colour((await reports.first(TrackArrived)).track)
        assert green > red + 60
        assert len([event for event in reports if isinstance(event, TrackArrived)]) <= 2


async def test_only_the_service_s_participant_is_received(
    line: Line, reports: Reports, invite: Invite, stage_token: Issue, camera: type[Colour]
) -> None:
    ready, server_token = invite()
    line.say(ready)
    async with Stage(stage_token()) as stranger, Stage(server_token) as server:
        await stranger.publish(video=camera((200, 30, 30)))
        async with IvsTransport().open(line, [], reports) as link:
            with anyio.move_on_after(0.7) as patience:
                await link.media_arrived()
            assert patience.cancelled_caught
            await server.publish(video=camera((30, 30, 200)))
            with anyio.fail_after(10):
                await link.media_arrived()


async def test_a_viewer_asks_for_its_token_and_touches_no_session(
    stage_service: Service, line: Line, reports: Reports, camera: type[Colour]
) -> None:
    session_line = Line()
    model = realtime("lucy-restyle-2")
    url = f"{stage_service.url}{model.url_path}-ivs?api_key=k&model={model.name}"
    base = stage_service.url.replace("ws", "http", 1)
    async with (
        open_channel(url, agent="test", secrets=Secrets()) as channel,
        anyio.create_task_group() as group,
    ):
        sessions: list[str] = []

        async def read() -> None:
            while True:
                message = messages.decode_server(await channel.receive())
                if isinstance(message, messages.SessionId):
                    sessions.append(message.session_id)
                if isinstance(message, messages.IvsStageReady):
                    session_line.say(message)

        group.start_soon(read)
        async with IvsTransport().open(session_line, [camera((200, 40, 40))], Reports()) as link:
            await channel.send(messages.encode(messages.IvsJoined()))
            await channel.send(messages.encode(messages.SetImage(image_data=None, prompt=None)))
            with anyio.fail_after(10):
                await link.media_arrived()
            (session_id,) = sessions
            where = f"{base}/v1/subscribe-ivs/{session_id}"
            counted = dict(stage_service.sessions[session_id].counts)
            for _ in range(2):
                seen = Reports()
                viewer = IvsTransport(invite=invited_as_viewer(where, "k", "test", Secrets()))
                async with viewer.open(line, [], seen) as watched:
                    with anyio.fail_after(10):
                        await watched.media_arrived()
                    red, green, _ = await mean_colour((await seen.first(TrackArrived)).track)
                    assert red > green + 60
            assert dict(stage_service.sessions[session_id].counts) == counted
            assert line.sent == []
        group.cancel_scope.cancel()
    session_line.close()
    gone = IvsTransport(invite=invited_as_viewer(where, "k", "test", Secrets()))
    await eventually(lambda: not stage_service.stages.places, 5)
    with pytest.raises(AuthenticationError, match="Invalid session"):
        async with gone.open(line, [], reports):
            pass


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(200, b"[" * 60_000), "names no stage"),
        (http(200, b"x" * 70_000), "answers with more than 65536 bytes"),
        (
            http(200, gzip.compress(b" " * 10_000_000), Content_Encoding="gzip"),
            "answers with more than 65536 bytes",
        ),
        (http(302, Location="http://evil.test/"), "HTTP 302"),
    ],
)
async def test_a_viewer_s_grant_has_a_limit(line: Line, reports: Reports, answer: bytes, words: str) -> None:
    async with far_side(answer) as side:
        viewer = IvsTransport(invite=invited_as_viewer(f"http://{side.place}/", "k", "test", Secrets()))
        with pytest.raises(ConnectError, match=words):
            async with viewer.open(line, [], reports):
                pass


async def test_a_viewer_with_a_wrong_key_is_refused(line: Line, reports: Reports) -> None:
    async with Service(ServiceConfig(port=0, api_keys=frozenset(["right"]))) as service:
        url = service.url.replace("ws", "http", 1) + "/v1/subscribe-ivs/any"
        for key, says in (("wrong", "401"), ("right", "Invalid session")):
            with pytest.raises(AuthenticationError, match=says):
                async with IvsTransport(invite=invited_as_viewer(url, key, "test", Secrets())).open(
                    line, [], reports
                ):
                    pass
    with pytest.raises(ConnectError, match="cannot be reached") as caught:
        async with IvsTransport(invite=invited_as_viewer(url, "right", "test", Secrets())).open(
            line, [], reports
        ):
            pass
    assert caught.value.code == "IVS_CONNECT_ERROR"


# --- what ends a link, and how soon


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (messages.Answer(sdp=""), "Expected ivs_stage_ready"),
        (messages.IvsStageReady(stage_arn="x"), "without the tokens"),
        (messages.IvsStageReady(stage_arn="x", client_token="secret"), "not a JWT"),
    ],
)
async def test_an_invitation_that_is_none(
    line: Line, reports: Reports, message: SignalingMessage, says: str
) -> None:
    line.say(message)
    with pytest.raises(ConnectError, match=says) as caught:
        async with IvsTransport().open(line, [], reports):
            pass
    assert caught.value.code.startswith("IVS_")
    assert "secret" not in str(caught.value)


async def test_a_refused_publication_ends_the_attempt(
    line: Line, reports: Reports, invite: Invite, camera: type[Colour], stage_room: Room
) -> None:
    ready, _ = invite(publish=False)
    line.say(ready)
    with pytest.raises(StageError, match="does not allow publishing"):
        async with IvsTransport().open(line, [camera()], reports):
            pass
    assert line.sent == []
    await eventually(lambda: not stage_room.members, 2)


async def test_a_stage_that_ends_during_set_up_ends_it_at_once(
    line: Line, reports: Reports, invite: Invite, camera: type[Colour], stage_room: Room
) -> None:
    ready, _ = invite()
    line.say(ready)
    async with IvsTransport().open(line, [camera()], reports) as link:
        started = anyio.current_time()
        for participant in list(stage_room.members):
            stage_room.disconnect(participant, "over")
        with pytest.raises(StageError, match="over"), anyio.fail_after(5):
            await link.media_arrived()
        assert anyio.current_time() - started < 1
    assert (await reports.first(LinkLost)).error.code == "IVS_STAGE_ERROR"
    assert len([event for event in reports if isinstance(event, LinkLost)]) == 1


async def test_a_service_that_never_publishes_is_waited_for_and_can_be_given_up(
    line: Line, reports: Reports, invite: Invite, camera: type[Colour]
) -> None:
    ready, server_token = invite()
    line.say(ready)
    async with Stage(server_token), IvsTransport().open(line, [camera()], reports) as link:
        with anyio.move_on_after(0.5) as patience:
            await link.media_arrived()
        assert patience.cancelled_caught
        started = anyio.current_time()
    assert anyio.current_time() - started < 3


async def test_a_service_that_leaves_and_returns_at_once_is_received_again(
    line: Line, reports: Reports, invite: Invite, camera: type[Colour]
) -> None:
    ready, server_token = invite()
    line.say(ready)
    async with Stage(server_token) as server:
        publication = await server.publish(video=camera())
        async with IvsTransport().open(line, [camera()], reports) as link:
            await link.media_arrived()
            await publication.aclose()
            await server.publish(video=camera((30, 30, 200)))

            def arrived() -> list[TrackArrived]:
                return [e for e in reports if isinstance(e, TrackArrived) and e.kind == "video"]

            await eventually(lambda: len(arrived()) == 2, 5)
            red, _, blue = await mean_colour(arrived()[1].track)
            assert blue > red + 60
            assert not [event for event in reports if isinstance(event, LinkLost)]


@pytest.mark.parametrize("how", ["unpublishes", "leaves", "goes silent", "is cut"])
async def test_a_service_that_is_gone_is_a_lost_link_within_five_seconds(
    line: Line, reports: Reports, invite: Invite, camera: type[Colour], how: str
) -> None:
    ready, server_token = invite()
    line.say(ready)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Stage(server_token))
        publication = await server.publish(video=camera())
        link = await stack.enter_async_context(IvsTransport().open(line, [camera()], reports))
        await link.media_arrived()
        match how:
            case "unpublishes":
                await publication.aclose()
            case "leaves":
                server._end(StageError("left"))
                server._tasks.cancel_scope.cancel()
            case "goes silent":
                fault_injection.mute(server)
            case "is cut":
                fault_injection.cut(server)
        lost = await reports.first(LinkLost, within=5.5)
        assert lost.error.code.startswith("IVS_")
        assert isinstance(lost.error, RealtimeError)


async def test_a_media_path_that_dies_is_a_lost_link_within_five_seconds(
    line: Line, reports: Reports, invite: Invite, camera: type[Colour]
) -> None:
    ready, server_token = invite()
    line.say(ready)
    async with Stage(server_token) as server:
        await server.publish(video=camera())
        async with IvsTransport().open(line, [camera()], reports) as link:
            await link.media_arrived()
            for stage in link._stages:
                fault_injection.cut(stage)
            lost = await reports.first(LinkLost, within=5.5)
            assert lost.error.code == "IVS_ICE_ERROR"


async def test_pictures_are_held_back_when_asked(
    line: Line, reports: Reports, invite: Invite, camera: type[Colour]
) -> None:
    ready, server_token = invite()
    line.say(ready)
    async with Stage(server_token) as server:
        await server.publish(video=camera())
        async with IvsTransport(min_delay=0.4).open(line, [], reports) as link:
            await link.media_arrived()
            track = (await reports.first(TrackArrived)).track
            started = anyio.current_time()
            await track.recv()
            assert anyio.current_time() - started >= 0.35

"""The connect loop over real sockets, with a link that the test holds."""

from __future__ import annotations

import asyncio
import json

import anyio
import pytest
from websockets.asyncio.server import ServerConnection

from realtime_fast.control import messages
from realtime_fast.errors import (
    AuthenticationError,
    ConnectTimeoutError,
    ControlChannelError,
    IceError,
    NotConnectedError,
    ServerError,
)
from realtime_fast.options import Prompt, ReconnectPolicy
from realtime_fast.peer.link_events import LinkLost
from realtime_fast.session.core import DesiredState

from tests.session.rig import QUICK, Rig, acknowledge, service
from tests.support import eventually


async def obey(socket: ServerConnection, number: int) -> None:
    await socket.send(
        json.dumps({"type": "session_id", "session_id": f"s{number}", "server_ip": "h", "server_port": 1})
    )
    await acknowledge(socket)


def kinds(told: list[dict[str, object]]) -> list[object]:
    return [message["type"] for message in told]


async def test_a_first_connect_goes_through_its_phases_in_order() -> None:
    async with service(obey) as far:
        rig = Rig.make(far.url, desired=DesiredState(Prompt("boat"), "QQ=="))
        async with rig.running():
            assert rig.host.states == ["connecting", "connected"]
            assert kinds(far.told[0]) == ["set_image", "offer"]
            assert far.told[0][0]["prompt"] == "boat"
            assert rig.host.sessions == ["s0"]
            phases = [data["phase"] for data in rig.host.diagnostics("phaseTiming")]
            assert phases == ["websocket", "avatar-image", "webrtc-handshake", "total"]
            assert all(data["success"] for data in rig.host.diagnostics("phaseTiming"))
        assert rig.host.states == ["connecting", "connected", "disconnected"]
        assert rig.host.errors == []
        assert rig.transport.open_links == 0


async def test_state_may_come_after_the_media() -> None:
    async with service(obey) as far:
        rig = Rig.make(far.url, initial_state="after-media")
        async with rig.running():
            assert kinds(far.told[0]) == ["offer", "set_image"]
            assert far.told[0][1] == {"type": "set_image", "image_data": None, "prompt": None}


async def test_a_viewer_sends_no_state() -> None:
    async with service(obey) as far:
        rig = Rig.make(far.url, publishes=False)
        async with rig.running():
            assert kinds(far.told[0]) == ["offer"]


async def test_a_loss_is_repaired_with_what_was_last_acknowledged() -> None:
    async with service(obey) as far:
        rig = Rig.make(far.url, desired=DesiredState(Prompt("initial")))
        async with rig.running():
            await rig.connect_loop.request(messages.Prompt(prompt="current", enhance_prompt=False), timeout=5)
            rig.transport.reports[0](LinkLost(IceError("the far side went silent")))
            await rig.host.until(lambda: rig.host.lived == 2)
            assert rig.host.states == ["connecting", "connected", "reconnecting", "connected"]
            assert far.told[1][0] == {"type": "prompt", "prompt": "current", "enhance_prompt": False}
            (redial,) = rig.host.diagnostics("reconnect")
            assert (redial["attempt"], redial["max_attempts"], redial["success"]) == (1, 6, True)
            assert rig.host.errors == []
            assert rig.transport.open_links == 1


async def test_what_was_refused_is_not_restored() -> None:
    async def refuse(socket: ServerConnection, number: int) -> None:
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "offer":
                await socket.send(json.dumps({"type": "answer", "sdp": "fine"}))
            else:
                refusal = {"success": message.get("prompt") != "bad", "error": "no such style"}
                await socket.send(
                    json.dumps({"type": "prompt_ack", "prompt": message.get("prompt"), **refusal})
                )

    async with service(refuse) as far:
        rig = Rig.make(far.url, desired=DesiredState(Prompt("good")))
        async with rig.running():
            with pytest.raises(ServerError, match="no such style"):
                await rig.connect_loop.request(messages.Prompt(prompt="bad"), timeout=5)
            assert rig.connect_loop.desired == DesiredState(Prompt("good"))


async def test_giving_up_is_one_error_and_one_state() -> None:
    async def hang_up(socket: ServerConnection, number: int) -> None:
        await socket.close(1011, "no luck")

    async with service(hang_up) as far:
        rig = Rig.make(far.url, policy=ReconnectPolicy(retries=2, base_delay=0.01, max_delay=0.01))
        with pytest.raises(ControlChannelError, match=r"1011.*no luck"):
            await rig.connect_loop.run()
        assert len(far.told) == 3
        assert len(rig.host.errors) == 1
        assert rig.host.states == ["connecting", "disconnected"]


async def test_the_servers_words_are_the_cause_not_what_follows_them() -> None:
    async def full(socket: ServerConnection, number: int) -> None:
        await socket.recv()
        await socket.send(json.dumps({"type": "error", "error": "No capacity"}))
        await socket.close(1013)

    async with service(full) as far:
        rig = Rig.make(far.url, policy=None)
        with pytest.raises(ServerError, match=r"^No capacity$") as caught:
            await rig.connect_loop.run()
        assert (caught.value.code, caught.value.phase) == ("WEBRTC_SERVER_ERROR", "avatar-image")
        assert rig.host.errors == [caught.value]
        failed = [data for data in rig.host.diagnostics("phaseTiming") if not data["success"]]
        assert [(data["phase"], data["error"]) for data in failed] == [
            ("avatar-image", "No capacity"),
            ("total", "No capacity"),
        ]


async def test_a_refused_key_is_not_tried_again() -> None:
    async def refuse(socket: ServerConnection, number: int) -> None:
        await socket.send(json.dumps({"type": "error", "error": "Invalid API key"}))
        await socket.wait_closed()

    async with service(refuse) as far:
        rig = Rig.make(far.url)
        with pytest.raises(AuthenticationError):
            await rig.connect_loop.run()
        assert len(far.told) == 1


async def test_a_phase_that_hangs_is_named() -> None:
    async def mute(socket: ServerConnection, number: int) -> None:
        await socket.wait_closed()

    async with service(mute) as far:
        rig = Rig.make(far.url, policy=None, timeout=0.2)
        with pytest.raises(ConnectTimeoutError) as caught:
            await rig.connect_loop.run()
        assert (caught.value.phase, caught.value.timeout_s) == ("avatar-image", 0.2)


async def test_nobody_there() -> None:
    rig = Rig.make("ws://127.0.0.1:9/v1/stream?api_key=s3cret", policy=None)
    with pytest.raises(ControlChannelError, match="cannot be reached") as caught:
        await rig.connect_loop.run()
    assert caught.value.phase == "websocket"
    assert "s3cret" not in repr(caught.value) + str(caught.value)


async def test_a_loss_resolves_what_waits_and_later_calls_fail_at_once() -> None:
    async def deaf(socket: ServerConnection, number: int) -> None:
        async for text in socket:
            match json.loads(text):
                case {"type": "set_image"}:
                    await socket.send(json.dumps({"type": "set_image_ack", "success": True}))
                case {"type": "offer"}:
                    await socket.send(json.dumps({"type": "answer", "sdp": "fine"}))
                case {"type": "prompt"}:
                    await socket.close(1011)

    async with service(deaf) as far:
        rig = Rig.make(far.url, policy=None)
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                with pytest.raises(ControlChannelError):
                    await rig.connect_loop.run()

            tasks.start_soon(run)
            await rig.host.until(lambda: rig.connect_loop.live is not None)
            with anyio.fail_after(2), pytest.raises(ControlChannelError, match="1011"):
                await rig.connect_loop.request(messages.Prompt(prompt="boat"), timeout=15)
        with pytest.raises(NotConnectedError):
            await rig.connect_loop.request(messages.Prompt(prompt="boat"), timeout=15)
        assert rig.host.states[-1] == "disconnected"


async def test_generating_is_sticky() -> None:
    async def generate(socket: ServerConnection, number: int) -> None:
        await socket.send(json.dumps({"type": "generation_started"}))
        await obey(socket, number)

    async with service(generate) as far:
        rig = Rig.make(far.url)
        async with rig.running():
            assert rig.host.states == ["connecting", "generating"]


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.003, 0.01, 0.02, 0.03])
async def test_cancelling_at_any_moment_leaves_nothing(seconds: float) -> None:
    async def flap(socket: ServerConnection, number: int) -> None:
        with anyio.move_on_after(0.01):
            await obey(socket, number)

    async with service(flap) as far:
        before = len(asyncio.all_tasks())
        rig = Rig.make(far.url, policy=QUICK)
        with anyio.move_on_after(seconds):
            await rig.connect_loop.run()
        assert rig.connect_loop.state == "disconnected"
        assert rig.transport.open_links == 0
        await eventually(
            lambda: len(asyncio.all_tasks()) <= before, 2
        )  # the service's own tasks end by themselves

"""The faults as a client meets them, over real sockets."""

from __future__ import annotations

import time
from typing import Any

import anyio
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realtime_fast.control import messages
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.server import Faults, Service, ServiceConfig
from realtime_fast.server.faults import CAPACITY_ERROR, FaultPhase
from realtime_fast.server.inference.session import FAILED, WRONG_PROMPT

from tests.server.client import Camera, Client, dial
from tests.support import eventually

PHASES: tuple[FaultPhase, ...] = ("open", "state", "offer", "answer", "connected")
BEFORE: dict[FaultPhase, set[str]] = {
    "open": set(),
    "state": {"session_id"},
    "offer": {"session_id", "prompt_ack"},
    "answer": {"session_id", "prompt_ack", "answer", "ice-candidate"},
    "connected": {"session_id", "prompt_ack", "answer", "ice-candidate"},
}


def config(**faults: Any) -> ServiceConfig:
    return ServiceConfig(port=0, faults=Faults(**faults))


async def go_on_as_far_as_possible(client: Client) -> None:
    """What a client does in order, until it is cut off."""
    for step in (
        lambda: client.send(type="prompt", prompt="p"),
        lambda: client.expect("prompt_ack"),
        lambda: client.negotiate(Camera()),
        lambda: client.expect("generation_started"),
    ):
        with anyio.move_on_after(5):
            try:
                await step()
            except (AssertionError, OSError):
                break
    await client.until(lambda: client.closed, within=5)


@pytest.mark.parametrize("phase", PHASES)
async def test_an_error_in_each_phase(phase: FaultPhase) -> None:
    async with Service(config(error=phase)) as service, dial(service.url) as client:
        await go_on_as_far_as_possible(client)
        assert client.of("error") == [{"type": "error", "error": CAPACITY_ERROR}]
        assert client.messages[-1]["type"] == "error"
        assert client.closed == (1013, "")
        assert {kind for kind in client.kinds() if kind != "error"} == BEFORE[phase]
        await gone(service)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("how", ["close", "drop"])
async def test_a_closed_channel_in_each_phase(phase: FaultPhase, how: str) -> None:
    async with Service(config(**{how: phase})) as service, dial(service.url) as client:
        await go_on_as_far_as_possible(client)
        assert client.closed == ((1011, "") if how == "close" else (None, ""))
        assert client.of("error") == []
        assert set(client.kinds()) == BEFORE[phase]
        await gone(service)


@pytest.mark.parametrize("how", ["error", "close", "drop"])
async def test_a_client_that_left_before_it_could_be_told(how: str) -> None:
    faults = {how: "answer", "delay": {"answer": 0.3}}
    async with Service(config(**faults)) as service, dial(service.url) as client:
        await client.offer(Camera())
        client.socket.transport.abort()
        await gone(service)


@pytest.mark.parametrize("phase", PHASES)
async def test_a_delay_in_each_phase(phase: FaultPhase) -> None:
    marks = {
        "open": "session_id",
        "state": "prompt_ack",
        "offer": "answer",
        "answer": "answer",
        "connected": "",
    }
    async with Service(config(delay={phase: 0.4})) as service:
        began = time.monotonic()
        async with dial(service.url) as client:
            await client.send(type="prompt", prompt="p")
            await client.negotiate(Camera())
            await client.expect("generation_started")
            if kind := marks[phase]:
                times = dict(zip(client.kinds(), client.arrived, strict=True))
                before = times.get(
                    {"state": "session_id", "offer": "prompt_ack", "answer": "prompt_ack"}.get(phase, ""),
                    began,
                )
                assert times[kind] - before >= 0.35
            else:
                assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_a_refused_handshake_and_then_none(status: int) -> None:
    async with Service(config(http=status, times=2)) as service:
        for _ in range(2):
            with pytest.raises(InvalidStatus) as caught:
                async with connect(f"{service.url}/v1/stream?api_key=k&model=lucy-2.1"):
                    pass
            assert caught.value.response.status_code == status
        async with dial(service.url) as client:
            await client.expect("session_id")


async def test_acknowledgements_that_never_come_or_fail() -> None:
    async with Service(config(ack="never")) as service, dial(service.url) as client:
        await client.send(type="prompt", prompt="p")
        await client.send(type="set_image", image_data=None)
        await client.negotiate(Camera())
        await client.expect("generation_started")
        assert client.of("prompt_ack") + client.of("set_image_ack") == []
        (session,) = service.sessions.values()
        session.set_faults(Faults(ack="fail"))
        await client.send(type="prompt", prompt="q")
        assert await client.expect("prompt_ack") == {
            "type": "prompt_ack", "prompt": "q", "success": False, "error": FAILED,
        }  # fmt: skip
        assert session.prompt == "p"


@pytest.mark.parametrize(("fault", "prompts"), [("twice", ["p", "p"]), ("wrong", [WRONG_PROMPT, "p"])])
async def test_acknowledgements_that_are_too_many(fault: Any, prompts: list[str]) -> None:
    async with Service(config(ack=fault)) as service, dial(service.url) as client:
        await client.send(type="prompt", prompt="p")
        await client.expect("prompt_ack", 2)
        assert [ack["prompt"] for ack in client.of("prompt_ack")] == prompts


async def test_late_acknowledgements_hold_nothing_else_up() -> None:
    async with Service(config(ack_delay=1.0)) as service, dial(service.url) as client:
        began = time.monotonic()
        await client.send(type="prompt", prompt="p")
        await client.offer(Camera())
        await client.expect("prompt_ack")
        assert time.monotonic() - began >= 1.0
        assert client.kinds().index("answer") < client.kinds().index("prompt_ack")


@pytest.mark.parametrize("kind", ["unknown", "mutated"])
async def test_noise_stands_between_the_genuine_messages(kind: Any) -> None:
    async with Service(config(noise=kind)) as service, dial(service.url) as client:
        await client.send(type="prompt", prompt="p")
        await client.until(lambda: len(client.messages) >= 4)
        genuine = [message["type"] for message in client.messages[1::2]]
        assert genuine[:2] == ["session_id", "prompt_ack"]


async def test_garbage_is_no_json() -> None:
    async with (
        Service(config(noise="garbage")) as service,
        connect(f"{service.url}/v1/stream?api_key=k&model=lucy-2.1") as socket,
    ):
        with pytest.raises(messages.MalformedMessageError):
            messages.decode_server(await socket.recv())
        assert isinstance(messages.decode_server(await socket.recv()), messages.SessionId)


@pytest.mark.parametrize("order", ["before", "after"])
async def test_candidates_come_apart_from_the_answer(order: Any) -> None:
    async with Service(config(trickle=order)) as service, dial(service.url) as client:
        await client.offer(Camera())
        await client.until(lambda: {"type": "ice-candidate", "candidate": None} in client.messages)
        answer, candidates = client.of("answer")[0], [m["candidate"] for m in client.of("ice-candidate")]
        assert "a=candidate" not in answer["sdp"]
        first = client.kinds().index("ice-candidate")
        assert (first < client.kinds().index("answer")) == (order == "before")
        await client.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        for init in candidates:
            if init is not None:
                parsed = candidate_from_sdp(init["candidate"].removeprefix("candidate:"))
                parsed.sdpMid, parsed.sdpMLineIndex = init["sdpMid"], init["sdpMLineIndex"]
                await client.pc.addIceCandidate(parsed)
        await client.pc.addIceCandidate(None)
        await client.until(lambda: len(client.frames) > 5)


async def test_the_service_renegotiates() -> None:
    async with Service(config(renegotiate=0.2)) as service, dial(service.url) as client:
        await client.negotiate(Camera())
        offer = await client.expect("offer")
        await client.pc.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        await client.pc.setLocalDescription(await client.pc.createAnswer())
        count = len(client.frames)
        await client.send(type="answer", sdp=client.pc.localDescription.sdp)
        await client.until(lambda: len(client.frames) > count + 20)
        assert not client.closed


def packets_received(pc: RTCPeerConnection) -> int:
    (transport,) = {transceiver.receiver.transport for transceiver in pc.getTransceivers()}
    return seams.transport_stats(transport).packetsReceived


async def quiet(client: Client) -> None:
    """Wait until for a second not one packet comes."""
    with anyio.fail_after(10):
        while True:
            before = packets_received(client.pc)
            await anyio.sleep(1)
            if packets_received(client.pc) == before:
                return


@pytest.mark.parametrize("fault", ["silence", "cut"])
async def test_the_media_path_dies_while_the_channel_lives(fault: str) -> None:
    async with Service(config(**{fault: 0.3})) as service, dial(service.url) as client:
        await client.negotiate(Camera())
        await client.until(lambda: client.frames)
        await quiet(client)
        await client.send(type="prompt", prompt="still there?")
        await client.expect("prompt_ack")
        assert not client.closed
        (session,) = service.sessions.values()
        began = time.monotonic()
        session.stop("enough")
        await client.until(lambda: client.closed)
        assert time.monotonic() - began < 2
        await gone(service)


async def test_pictures_stall_and_come_back() -> None:
    async with Service(config(stall=0.3)) as service, dial(service.url) as client:
        await client.negotiate(Camera())
        await client.until(lambda: client.frames)
        with anyio.fail_after(10):
            count = -1
            while count != len(client.frames):
                count = len(client.frames)
                await anyio.sleep(0.5)
        (session,) = service.sessions.values()
        session.set_faults(Faults())
        await client.until(lambda: len(client.frames) > count + 5)


async def test_a_client_that_does_not_read_is_dropped() -> None:
    async with Service(ServiceConfig(port=0)) as service, dial(service.url) as client:
        await client.expect("session_id")
        client.socket.transport.pause_reading()
        (session,) = service.sessions.values()
        with anyio.fail_after(20):
            while service.sessions:
                session.emit_raw("x" * 1_000_000)
                await anyio.sleep(0)
        client.socket.transport.abort()


async def test_a_killed_service_says_goodbye_on_no_socket() -> None:
    async with Service(ServiceConfig(port=0)) as service, dial(service.url) as client:
        await client.negotiate(Camera())
        await client.until(lambda: client.frames)
        began = time.monotonic()
        await service.kill()
        assert time.monotonic() - began < 2
        await client.until(lambda: client.closed)
        assert client.closed == (None, "")
        assert "generation_ended" not in client.kinds()
        assert client.pc.connectionState == "connected"  # aiortc needs half a minute to notice
        await service.start()
        async with dial(service.url) as again:
            await again.negotiate(Camera())
            await again.until(lambda: again.frames)


async def gone(service: Service) -> None:
    await eventually(lambda: not service.sessions, 5)

"""Every phase of a connect and everything that can go wrong in it, and the same in a live session.

For each: which error with which code, phase and words; one `error` event; how long it took; what was left behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from realtime_fast import (
    AckTimeoutError,
    AuthenticationError,
    ConnectTimeoutError,
    ControlChannelError,
    LinkError,
    ModelState,
    Prompt,
    RealtimeClient,
    RealtimeError,
    ServerError,
)
from realtime_fast.control import messages
from realtime_fast.errors import TransportName
from realtime_fast.events import Diagnostic
from realtime_fast.media.sources import MediaSource
from realtime_fast.server import Faults, Service
from realtime_fast.server.faults import CAPACITY_ERROR, FaultPhase
from realtime_fast.server.inference.session import FAILED
from realtime_fast.session import attempt as attempt_module

from tests.support import (
    KEY,
    MEDIA_LIMIT,
    PNG,
    QUICK,
    SHA,
    Watch,
    eventually,
    first_picture,
    leaving_nothing,
    options,
)

PROMPT, IMAGE, PASSTHROUGH = (
    ModelState(prompt=Prompt("boat")),
    ModelState(prompt=Prompt("boat"), image=PNG),
    None,
)
STATES = {"prompt": PROMPT, "image": IMAGE, "passthrough": PASSTHROUGH}
STATE_PHASE = {"prompt": "initial-prompt", "image": "avatar-image", "passthrough": "avatar-image"}
HANDSHAKE: dict[TransportName, str] = {
    "webrtc": "webrtc-handshake",
    "ivs": "ivs-stage-setup",
    "livekit": "room-join",
}
BESIDE = "over livekit the state is acknowledged beside everything else: tests/client/test_rooms.py"

PROMPTLY = 1.0
"""Seconds after the fault in which a failure that nothing has to be waited for must be known."""
TRANSIT = 0.1
"""Seconds that a message may take on loopback, with others at work."""

# What each fault of the control channel must surface as: never as the media path's end, which it brings along.
CHANNEL_FAULTS: dict[str, tuple[type[RealtimeError], str, str]] = {
    "error": (ServerError, "SERVER_ERROR", CAPACITY_ERROR),
    "close": (
        ControlChannelError,
        "WEBSOCKET_ERROR",
        "The service closed the control channel with code 1011",
    ),
    "drop": (ControlChannelError, "WEBSOCKET_ERROR", "broke without a closing handshake"),
}


def channel_fault(fault: str, phase: FaultPhase) -> Faults:
    settings: dict[str, Any] = {fault: phase}
    return Faults(**settings)


async def failing(service: Service, camera: MediaSource | None, **changes: Any) -> tuple[RealtimeError, bool]:
    """Connect and, should that work, stay until the end; the failure, and whether the connection was live."""
    live = False
    ended: list[RealtimeError] = []
    try:
        async with RealtimeClient.connect(service.url, KEY, camera, options(**changes)) as client:
            live = True
            client.on("error", ended.append)
            await eventually(lambda: client.get_connection_state() == "disconnected")
            await eventually(lambda: ended)
    except RealtimeError as error:
        return error, live
    return ended[0], live


# A first connect


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("phase", ["open", "state"])
@pytest.mark.parametrize("fault", CHANNEL_FAULTS)
async def test_the_channel_fails_before_media(
    service: Service,
    camera: MediaSource,
    watch: Watch,
    transport: TransportName,
    fault: str,
    phase: FaultPhase,
    state: str,
) -> None:
    if (transport, phase) == ("livekit", "state"):
        pytest.skip(BESIDE)
    kind, code, words = CHANNEL_FAULTS[fault]
    service.set_faults(channel_fault(fault, phase))
    before_media = transport == "webrtc"
    async with leaving_nothing():
        error, live = await failing(service, camera, transport=transport, initial_state=STATES[state])
        assert watch.since(phase) < PROMPTLY
        assert not live
    assert isinstance(error, kind)
    assert (error.code, watch.errors) == (f"{transport.upper()}_{code}", [error])
    assert words in str(error)
    assert error.phase == (STATE_PHASE[state] if before_media or phase == "state" else HANDSHAKE[transport])


@pytest.mark.parametrize("phase", ["offer", "answer", "connected"])
@pytest.mark.parametrize("fault", CHANNEL_FAULTS)
async def test_the_channel_fails_while_media_is_set_up(
    service: Service, camera: MediaSource, watch: Watch, fault: str, phase: FaultPhase
) -> None:
    kind, code, words = CHANNEL_FAULTS[fault]
    service.set_faults(channel_fault(fault, phase))
    async with leaving_nothing():
        error, live = await failing(service, camera)
        assert watch.since(phase) < PROMPTLY
    assert isinstance(error, kind)
    assert (error.code, watch.errors) == (f"WEBRTC_{code}", [error])
    assert words in str(error)
    # Either side may see the media path first.
    assert (error.phase, live) == ("webrtc-handshake", False) or (phase == "connected" and live)


@pytest.mark.parametrize("fault", CHANNEL_FAULTS)
async def test_the_channel_fails_once_the_stage_carries_media(
    service: Service, camera: MediaSource, watch: Watch, fault: str
) -> None:
    kind, code, words = CHANNEL_FAULTS[fault]
    service.set_faults(channel_fault(fault, "connected"))
    async with leaving_nothing():
        error, _ = await failing(service, camera, transport="ivs")
        assert watch.since("connected") < PROMPTLY
    assert isinstance(error, kind)
    assert (error.code, watch.errors) == (f"IVS_{code}", [error])
    assert words in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, AuthenticationError, "AUTHENTICATION_ERROR"),
        (403, AuthenticationError, "AUTHENTICATION_ERROR"),
        (404, ControlChannelError, "{}_WEBSOCKET_ERROR"),
        (503, ControlChannelError, "{}_WEBSOCKET_ERROR"),
    ],
)
async def test_the_handshake_is_refused(
    service: Service,
    watch: Watch,
    transport: TransportName,
    status: int,
    kind: type[RealtimeError],
    code: str,
) -> None:
    service.set_faults(Faults(http=status))
    policy = None if status == 503 else QUICK
    async with leaving_nothing():
        began = time.monotonic()
        error, _ = await failing(service, None, transport=transport, reconnect=policy)
        assert time.monotonic() - began < PROMPTLY
    assert isinstance(error, kind)
    assert str(status) in str(error)
    assert (error.code, error.phase) == (code.format(transport.upper()), "websocket")
    assert watch.errors == [error]


async def test_an_overloaded_service_is_asked_again(
    service: Service, camera: MediaSource, watch: Watch, transport: TransportName
) -> None:
    service.set_faults(Faults(http=503, times=2))
    async with (
        leaving_nothing(),
        RealtimeClient.connect(
            service.url, KEY, camera, options(transport=transport, reconnect=QUICK)
        ) as client,
    ):
        await first_picture(client)
    assert watch.errors == []


@pytest.mark.parametrize("state", STATES)
async def test_the_state_is_never_acknowledged(
    service: Service,
    camera: MediaSource,
    watch: Watch,
    transport: TransportName,
    state: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if transport == "livekit":
        pytest.skip(BESIDE)
    monkeypatch.setattr(attempt_module, "PROMPT_TIMEOUT", 0.3)
    monkeypatch.setattr(attempt_module, "IMAGE_TIMEOUT", 0.3)
    service.set_faults(Faults(ack="never"))
    async with leaving_nothing():
        error, _ = await failing(service, camera, transport=transport, initial_state=STATES[state])
        # The client's clock begins when it sends, the service's when it has received.
        assert 0.3 - TRANSIT <= watch.since("state") < 0.3 + PROMPTLY
    assert isinstance(error, ConnectTimeoutError)
    assert isinstance(error.__cause__, AckTimeoutError)
    assert (error.code, error.phase) == (f"{transport.upper()}_TIMEOUT_ERROR", STATE_PHASE[state])
    assert error.timeout_s == 0.3
    assert watch.errors == [error]


@pytest.mark.parametrize("state", STATES)
async def test_the_state_is_refused(
    service: Service, camera: MediaSource, watch: Watch, transport: TransportName, state: str
) -> None:
    if transport == "livekit":
        pytest.skip(BESIDE)
    service.set_faults(Faults(ack="fail"))
    async with leaving_nothing():
        error, _ = await failing(service, camera, transport=transport, initial_state=STATES[state])
        assert watch.since("state") < PROMPTLY
    assert isinstance(error, ServerError)
    assert str(error) == FAILED
    assert (error.code, error.phase) == (f"{transport.upper()}_SERVER_ERROR", STATE_PHASE[state])
    assert watch.errors == [error]


LIMIT = 1.5
"""A connect timeout that a healthy connect keeps, and a delayed one does not."""


@pytest.mark.parametrize("phase", ["open", "state", "offer", "answer"])
async def test_a_phase_takes_too_long(
    service: Service, camera: MediaSource, watch: Watch, transport: TransportName, phase: Any
) -> None:
    if transport == "ivs" and phase in ("offer", "answer"):
        pytest.skip("nothing is offered over the control channel of an ivs session")
    if (transport, phase) == ("livekit", "state"):
        pytest.skip(BESIDE)
    expected = {"open": STATE_PHASE["prompt"] if transport == "webrtc" else HANDSHAKE[transport]}
    expected |= {
        "state": STATE_PHASE["prompt"],
        "offer": HANDSHAKE[transport],
        "answer": HANDSHAKE[transport],
    }
    service.set_faults(Faults(delay={phase: LIMIT + 2}))
    async with leaving_nothing():
        began = time.monotonic()
        error, _ = await failing(
            service, camera, transport=transport, initial_state=PROMPT, connect_timeout=LIMIT
        )
        assert LIMIT <= time.monotonic() - began < LIMIT + PROMPTLY
        await eventually(lambda: not service.sessions)
    assert isinstance(error, ConnectTimeoutError)
    assert (error.code, error.phase) == (f"{transport.upper()}_TIMEOUT_ERROR", expected[phase])
    assert watch.errors == [error]


BEARABLE = {
    "wrong acks": Faults(ack="wrong"),
    "double acks": Faults(ack="twice"),
    "late acks": Faults(ack_delay=0.3),
    "slow phases": Faults(delay={"open": 0.2, "state": 0.2, "offer": 0.2, "answer": 0.2, "connected": 0.2}),
    "garbage": Faults(noise="garbage"),
    "unknown messages": Faults(noise="unknown"),
    "mutated messages": Faults(noise="mutated"),
    "candidates before the answer": Faults(trickle="before"),
    "candidates after the answer": Faults(trickle="after"),
    "renegotiation": Faults(renegotiate=0.1),
    "slow pictures": Faults(slow=0.1),
}


@pytest.mark.parametrize("state", ["prompt", "image"])
@pytest.mark.parametrize("what", BEARABLE)
async def test_what_a_client_bears(
    service: Service, camera: MediaSource, watch: Watch, transport: TransportName, what: str, state: str
) -> None:
    service.set_faults(BEARABLE[what])
    async with (
        leaving_nothing(),
        RealtimeClient.connect(
            service.url, KEY, camera, options(transport=transport, initial_state=STATES[state])
        ) as client,
    ):
        (session,) = service.sessions.values()
        assert (session.prompt, session.image) == ("boat", SHA if state == "image" else None)
        await first_picture(client)
        await client.set_prompt("tree")
        await client.set_image(PNG, prompt="moss")
        assert (session.prompt, session.image) == ("moss", SHA)
        await eventually(lambda: client.get_connection_state() == "generating")
        if what == "renegotiation" and transport == "webrtc":
            await eventually(lambda: session.counts["answer"])
        await first_picture(client)
    assert watch.errors == []


# A live session


async def say_error_and_close(service: Service) -> None:
    for session in service.sessions.values():
        session.emit(messages.Error(error=CAPACITY_ERROR))
        session.stop("no capacity", 1013)


async def close(service: Service) -> None:
    for session in service.sessions.values():
        session.stop("enough", 1011)


async def drop(service: Service) -> None:
    for session in tuple(service.sessions.values()):
        session.drop()


async def silence(service: Service) -> None:
    service.set_faults(Faults(silence=0, times=0), live=True)


async def cut(service: Service) -> None:
    service.set_faults(Faults(cut=0, times=0), live=True)


@dataclass(frozen=True)
class LiveFault:
    strike: Callable[[Service], Any]
    kinds: tuple[type[RealtimeError], ...]
    words: str
    within: float = PROMPTLY


LIVE_FAULTS = {
    "error": LiveFault(say_error_and_close, (ServerError,), CAPACITY_ERROR),
    "close": LiveFault(close, (ControlChannelError,), "code 1011 (enough)"),
    "drop": LiveFault(drop, (ControlChannelError,), "broke without"),
    "silence": LiveFault(silence, (LinkError,), "", MEDIA_LIMIT),
    "cut": LiveFault(cut, (LinkError,), "", MEDIA_LIMIT),
}


@pytest.mark.parametrize("fault", LIVE_FAULTS)
async def test_a_live_session_is_lost_for_good(
    service: Service, camera: MediaSource, watch: Watch, transport: TransportName, fault: str
) -> None:
    if (transport, fault) == ("ivs", "silence"):
        pytest.skip(
            "between the client and a silent participant is a stage that is alive: it is the one to notice"
        )
    blow = LIVE_FAULTS[fault]
    states: list[str] = []
    async with leaving_nothing():
        async with RealtimeClient.connect(service.url, KEY, camera, options(transport=transport)) as client:
            client.on("connection_change", states.append)
            await first_picture(client)
            began = time.monotonic()
            await blow.strike(service)
            await eventually(lambda: client.get_connection_state() == "disconnected")
            assert time.monotonic() - began < blow.within
        await eventually(lambda: not service.sessions)
    (error,) = watch.errors
    assert isinstance(error, blow.kinds)
    assert blow.words in str(error)
    assert error.code.startswith(f"{transport.upper()}_")
    assert error.phase is None
    assert states[-1] == "disconnected"
    assert "reconnecting" not in states


@pytest.mark.parametrize("fault", LIVE_FAULTS)
async def test_a_live_session_recovers(
    service: Service, camera: MediaSource, watch: Watch, transport: TransportName, fault: str
) -> None:
    if (transport, fault) == ("ivs", "silence"):
        pytest.skip(
            "between the client and a silent participant is a stage that is alive: it is the one to notice"
        )
    blow = LIVE_FAULTS[fault]
    states: list[str] = []
    redials: list[Diagnostic] = []
    async with leaving_nothing():
        async with RealtimeClient.connect(
            service.url, KEY, camera, options(transport=transport, reconnect=QUICK, initial_state=PROMPT)
        ) as client:
            client.on("connection_change", states.append)
            client.on(
                "diagnostic", lambda event: redials.append(event) if event.kind == "reconnect" else None
            )
            await first_picture(client)
            await client.set_image(PNG, prompt="current")
            before = client.session_id
            await blow.strike(service)
            await eventually(lambda: "reconnecting" in states, blow.within + 1)
            await eventually(lambda: client.is_connected())
            await first_picture(client)
            await eventually(lambda: before not in service.sessions)
            (session,) = service.sessions.values()
            assert (session.prompt, session.image) == ("current", SHA)
            assert client.session_id == session.id != before
            await eventually(lambda: redials)
        await eventually(lambda: not service.sessions)
    # A live `error` message is told as it comes, whatever becomes of the session.
    assert [str(error) for error in watch.errors] == ([CAPACITY_ERROR] if fault == "error" else [])
    assert [(event.data["attempt"], event.data["success"]) for event in redials] == [(1, True)]
    assert states.count("reconnecting") == 1

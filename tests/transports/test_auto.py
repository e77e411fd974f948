"""The choice between a room and a peer connection, with a service that says nothing of rooms."""

from __future__ import annotations

import anyio
import pytest

from realtime_fast.control import messages
from realtime_fast.errors import TransportName
from realtime_fast.peer import open_peer
from realtime_fast.transports import auto
from realtime_fast.transports.auto import AutoTransport
from realtime_fast.transports.livekit import LivekitTransport
from realtime_fast.transports.webrtc import WebRtcTransport

from tests.support import Colour, eventually
from tests.transports.line import Line, Reports


def offers(line: Line) -> list[messages.Offer]:
    return [message for message in line.sent if isinstance(message, messages.Offer)]


async def test_a_silent_service_is_offered_a_peer_connection_and_next_time_at_once(
    line: Line, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "PATIENCE", 0.2)
    transport = AutoTransport(LivekitTransport(), WebRtcTransport(ice_servers=()))
    names: list[TransportName] = [transport.name]

    async def answer() -> None:
        offer = await eventually(lambda: offers(line))
        line.say(messages.Answer(sdp=await far.create_answer(offer[0].sdp)))

    for phases in (["room-join", "webrtc-handshake"], ["webrtc-handshake"]):
        line.sent.clear()
        line.phases.clear()
        async with open_peer(lambda _: None) as far, anyio.create_task_group() as group:
            group.start_soon(answer)
            async with transport.open(line, [Colour()], reports):
                names.append(transport.name)
        assert line.phases == phases
        asked = isinstance(line.sent[0], messages.LivekitJoin)
        assert asked is (len(phases) == 2)
        assert messages.SetImage(image_data=None, prompt=None) in line.sent
    assert names == ["livekit", "webrtc", "webrtc"]


async def test_after_a_refusal_the_other_is_tried(line: Line, reports: Reports) -> None:
    transport = AutoTransport(LivekitTransport(), WebRtcTransport(ice_servers=()))
    for name in ("livekit", "webrtc", "livekit"):
        assert transport.name == name
        with anyio.move_on_after(0.1):  # the core ends an attempt that way
            async with transport.open(line, [Colour()], reports):
                raise AssertionError("nobody has answered")


async def test_the_other_is_tried_once_even_if_nothing_is_retried(line: Line, reports: Reports) -> None:
    transport = AutoTransport(LivekitTransport(), WebRtcTransport(ice_servers=()))
    falls_back = [transport.falls_back]
    for _ in range(3):
        with anyio.move_on_after(0.1):
            async with transport.open(line, [Colour()], reports):
                raise AssertionError("nobody has answered")
        falls_back.append(transport.falls_back)
    assert falls_back == [False, True, False, False]

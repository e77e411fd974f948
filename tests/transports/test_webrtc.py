"""The webrtc link's half of the signaling, without a peer connection."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from realtime_fast.control import messages
from realtime_fast.peer.link_events import LinkEvent
from realtime_fast.transports.webrtc import _follow


class Peer:
    """Notes what it is given; a connection without an offer of its own refuses an answer."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def accept_answer(self, sdp: str) -> None:
        assert "answer" not in self.taken, "it is stable"
        self.taken.append("answer")

    async def create_answer(self, sdp: str) -> str:
        self.taken.append("offer")
        return "v=0"


class Line:
    """What the service says, and then no more."""

    def __init__(self, *said: Any) -> None:
        self.said = list(said)

    async def receive(self) -> Any:
        if not self.said:
            raise anyio.EndOfStream
        return self.said.pop(0)

    def send(self, message: Any) -> None:
        assert isinstance(message, messages.Answer)


async def test_a_second_answer_is_ignored() -> None:
    peer, reports = Peer(), list[LinkEvent]()
    answer, offer = messages.Answer(sdp="1"), messages.Offer(sdp="2")
    with pytest.raises(anyio.EndOfStream):
        await _follow(peer, Line(answer, answer, offer, answer), reports.append)  # type: ignore[arg-type]
    assert peer.taken == ["answer", "offer"]
    assert reports == []

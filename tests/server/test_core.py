"""The session's state machine, without I/O."""

from __future__ import annotations

import pytest

from realtime_fast import wire
from realtime_fast.server.core import (
    Apply,
    Close,
    Effects,
    Negotiate,
    Phase,
    Record,
    Send,
    SessionCore,
    StampNext,
)

IDENTITY = wire.SessionId(session_id="s", server_ip="127.0.0.1", server_port=1)
OFFER = wire.Offer(sdp="v=0")


def sent(effects: Effects) -> list[wire.ServerMessage]:
    return [effect.message for effect in effects if isinstance(effect, Send)]


def test_the_identity_comes_first() -> None:
    assert SessionCore(IDENTITY).opened() == (Send(IDENTITY),)


@pytest.mark.parametrize("offer_first", [True, False])
def test_state_and_offer_are_taken_in_either_order(offer_first: bool) -> None:
    core, prompt = SessionCore(IDENTITY), wire.Prompt(prompt="p")
    for message in (OFFER, prompt) if offer_first else (prompt, OFFER):
        expected = Negotiate(OFFER) if message is OFFER else Apply(prompt)
        assert core.received(message) == (expected,)
    assert core.phase is Phase.NEGOTIATING
    assert sent(core.applied(prompt)) == [wire.PromptAck(prompt="p", success=True)]
    assert core.prompt == "p"


def test_a_refused_command_changes_nothing() -> None:
    core = SessionCore(IDENTITY)
    core.applied(wire.Prompt(prompt="old"))
    acks = sent(core.applied(wire.SetImage(image_data="AA", prompt="new"), "bad image"))
    assert acks == [wire.SetImageAck(success=False, error="bad image")]
    assert (core.prompt, core.has_image) == ("old", False)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_prompt_is_refused(text: str) -> None:
    (ack,) = sent(SessionCore(IDENTITY).received(wire.Prompt(prompt=text)))
    assert ack == wire.PromptAck(prompt=text, success=False, error="Prompt must not be empty")


@pytest.mark.parametrize(
    ("command", "prompt", "has_image", "passthrough"),
    [
        (wire.SetImage(image_data=None, prompt=None), None, False, True),
        (wire.SetImage(image_data=None), "old", False, False),
        (wire.SetImage(image_data="AA"), "old", True, False),
        (wire.SetImage(prompt="new"), "new", True, False),
        (wire.SetImage(prompt=None), None, True, False),
        (wire.SetImage(image_data=None, prompt="new"), "new", False, False),
    ],
)
def test_absent_fields_keep_and_null_fields_clear(
    command: wire.SetImage, prompt: str | None, has_image: bool, passthrough: bool
) -> None:
    core = SessionCore(IDENTITY)
    core.applied(wire.SetImage(image_data="AA", prompt="old"))
    core.applied(command)
    assert (core.prompt, core.has_image, core.passthrough) == (prompt, has_image, passthrough)


def test_generation_starts_once_ticks_each_second_and_ends() -> None:
    core = SessionCore(IDENTITY)
    core.received(OFFER)
    core.media_up()
    assert core.tick(99.0) == ()
    assert sent(core.output_began(100.0)) == [wire.GenerationStarted()]
    assert core.output_began(100.1) == ()
    assert core.tick(100.9) == ()
    assert sent(core.tick(101.0)) == [wire.GenerationTick(seconds=1)]
    assert core.tick(101.5) == ()
    assert sent(core.tick(103.2)) == [wire.GenerationTick(seconds=2), wire.GenerationTick(seconds=3)]
    assert core.stopped("enough", 104.9) == (
        Send(wire.GenerationEnded(seconds=4, reason="enough")),
        Close(1001, "enough"),
    )
    assert core.phase is Phase.ENDED


def test_nothing_happens_after_the_end() -> None:
    core = SessionCore(IDENTITY)
    assert core.stopped("bye", 1.0) == (Close(1001, "bye"),)
    assert core.stopped("bye", 2.0) == ()
    assert core.received(wire.Prompt(prompt="p")) == ()
    assert core.output_began(3.0) == ()
    assert core.media_up() == ()
    assert core.phase is Phase.ENDED


def test_a_renegotiation_keeps_a_live_session_live() -> None:
    core = SessionCore(IDENTITY)
    core.received(OFFER)
    core.media_up()
    assert core.received(OFFER) == (Negotiate(OFFER),)
    assert core.phase is Phase.LIVE


@pytest.mark.parametrize(
    "message",
    [wire.Prompt(prompt="p"), wire.SetImage(image_data=None), OFFER, wire.LatencyProbe(seq=1, client_time=0)],
)
def test_over_ivs_nothing_may_come_before_the_join(message: wire.ClientMessage) -> None:
    core = SessionCore(IDENTITY, join_first=True)
    assert core.received(message) == (Send(wire.Error(error="Expected ivs_joined message")), Close(1008, ""))
    assert core.phase is Phase.ENDED


def test_over_ivs_the_join_opens_the_session() -> None:
    core = SessionCore(IDENTITY, join_first=True)
    assert core.received(wire.IvsJoined()) == (Negotiate(wire.IvsJoined()),)
    assert core.received(wire.Prompt(prompt="p")) == (Apply(wire.Prompt(prompt="p")),)
    core.media_up()
    assert core.phase is Phase.LIVE


def test_over_webrtc_there_is_nothing_to_join() -> None:
    effects = SessionCore(IDENTITY).received(wire.IvsJoined())
    assert sent(effects) == [wire.Error(error="Unexpected ivs_joined message")]


def test_probes_and_reports_are_passed_on() -> None:
    core = SessionCore(IDENTITY)
    report = wire.E2eLatencyReport(avg_latency_ms=1.0, delivery_rate=1.0, lost=0, corrupted=0, out_of_order=0)
    assert core.received(wire.LatencyProbe(seq=65537, client_time=0)) == (StampNext(1),)
    assert core.received(report) == (Record(report),)

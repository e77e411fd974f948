"""The session's state machine, without I/O."""

from __future__ import annotations

import pytest

from realtime_fast.control import messages
from realtime_fast.server.inference.core import (
    Apply,
    Close,
    InferenceCore,
    Negotiate,
    Outputs,
    Phase,
    Record,
    Send,
    StampNext,
)

IDENTITY = messages.SessionId(session_id="s", server_ip="127.0.0.1", server_port=1)
OFFER = messages.Offer(sdp="v=0")


def sent(effects: Outputs) -> list[messages.ServerMessage]:
    return [effect.message for effect in effects if isinstance(effect, Send)]


def test_the_identity_comes_first() -> None:
    assert InferenceCore(IDENTITY).opened() == (Send(IDENTITY),)


@pytest.mark.parametrize("offer_first", [True, False])
def test_state_and_offer_are_taken_in_either_order(offer_first: bool) -> None:
    core, prompt = InferenceCore(IDENTITY), messages.Prompt(prompt="p")
    for message in (OFFER, prompt) if offer_first else (prompt, OFFER):
        expected = Negotiate(OFFER) if message is OFFER else Apply(prompt)
        assert core.received(message) == (expected,)
    assert core.phase is Phase.NEGOTIATING
    assert sent(core.applied(prompt)) == [messages.PromptAck(prompt="p", success=True)]
    assert core.prompt == "p"


def test_a_refused_command_changes_nothing() -> None:
    core = InferenceCore(IDENTITY)
    core.applied(messages.Prompt(prompt="old"))
    acks = sent(core.applied(messages.SetImage(image_data="AA", prompt="new"), "bad image"))
    assert acks == [messages.SetImageAck(success=False, error="bad image")]
    assert (core.prompt, core.has_image) == ("old", False)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_prompt_is_refused(text: str) -> None:
    (ack,) = sent(InferenceCore(IDENTITY).received(messages.Prompt(prompt=text)))
    assert ack == messages.PromptAck(prompt=text, success=False, error="Prompt must not be empty")


@pytest.mark.parametrize(
    ("command", "prompt", "has_image", "passthrough"),
    [
        (messages.SetImage(image_data=None, prompt=None), None, False, True),
        (messages.SetImage(image_data=None), "old", False, False),
        (messages.SetImage(image_data="AA"), "old", True, False),
        (messages.SetImage(prompt="new"), "new", True, False),
        (messages.SetImage(prompt=None), None, True, False),
        (messages.SetImage(image_data=None, prompt="new"), "new", False, False),
    ],
)
def test_absent_fields_keep_and_null_fields_clear(
    command: messages.SetImage, prompt: str | None, has_image: bool, passthrough: bool
) -> None:
    core = InferenceCore(IDENTITY)
    core.applied(messages.SetImage(image_data="AA", prompt="old"))
    core.applied(command)
    assert (core.prompt, core.has_image, core.passthrough) == (prompt, has_image, passthrough)


def test_generation_starts_once_ticks_each_second_and_ends() -> None:
    core = InferenceCore(IDENTITY)
    core.received(OFFER)
    core.media_up()
    assert core.tick(99.0) == ()
    assert sent(core.output_began(100.0)) == [messages.GenerationStarted()]
    assert core.output_began(100.1) == ()
    assert core.tick(100.9) == ()
    assert sent(core.tick(101.0)) == [messages.GenerationTick(seconds=1)]
    assert core.tick(101.5) == ()
    assert sent(core.tick(103.2)) == [messages.GenerationTick(seconds=2), messages.GenerationTick(seconds=3)]
    assert core.stopped("enough", 104.9) == (
        Send(messages.GenerationEnded(seconds=4, reason="enough")),
        Close(1001, "enough"),
    )
    assert core.phase is Phase.ENDED


def test_nothing_happens_after_the_end() -> None:
    core = InferenceCore(IDENTITY)
    assert core.stopped("bye", 1.0) == (Close(1001, "bye"),)
    assert core.stopped("bye", 2.0) == ()
    assert core.received(messages.Prompt(prompt="p")) == ()
    assert core.output_began(3.0) == ()
    assert core.media_up() == ()
    assert core.phase is Phase.ENDED


def test_a_renegotiation_keeps_a_live_session_live() -> None:
    core = InferenceCore(IDENTITY)
    core.received(OFFER)
    core.media_up()
    assert core.received(OFFER) == (Negotiate(OFFER),)
    assert core.phase is Phase.LIVE


@pytest.mark.parametrize(
    "message",
    [
        messages.Prompt(prompt="p"),
        messages.SetImage(image_data=None),
        OFFER,
        messages.LatencyProbe(seq=1, client_time=0),
    ],
)
def test_over_ivs_nothing_may_come_before_the_join(message: messages.ClientMessage) -> None:
    core = InferenceCore(IDENTITY, join_first=True)
    assert core.received(message) == (
        Send(messages.Error(error="Expected ivs_joined message")),
        Close(1008, ""),
    )
    assert core.phase is Phase.ENDED


def test_over_ivs_the_join_opens_the_session() -> None:
    core = InferenceCore(IDENTITY, join_first=True)
    assert core.received(messages.IvsJoined()) == (Negotiate(messages.IvsJoined()),)
    assert core.received(messages.Prompt(prompt="p")) == (Apply(messages.Prompt(prompt="p")),)
    core.media_up()
    assert core.phase is Phase.LIVE


def test_over_webrtc_there_is_nothing_to_join() -> None:
    effects = InferenceCore(IDENTITY).received(messages.IvsJoined())
    assert sent(effects) == [messages.Error(error="Unexpected ivs_joined message")]


def test_probes_and_reports_are_passed_on() -> None:
    core = InferenceCore(IDENTITY)
    report = messages.E2eLatencyReport(
        avg_latency_ms=1.0, delivery_rate=1.0, lost=0, corrupted=0, out_of_order=0
    )
    assert core.received(messages.LatencyProbe(seq=65537, client_time=0)) == (StampNext(1),)
    assert core.received(report) == (Record(report),)

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_fast import events
from realtime_fast.control import messages
from realtime_fast.control.signaling import SignalingMessage
from realtime_fast.control.subscribe_token import decode_subscribe_token, encode_subscribe_token
from realtime_fast.errors import (
    AckTimeoutError,
    AuthenticationError,
    ConnectTimeoutError,
    ControlChannelError,
    IceError,
    NotConnectedError,
    ServerError,
)
from realtime_fast.options import Prompt
from realtime_fast.redaction import Secrets
from realtime_fast.session.acks import Settled
from realtime_fast.session.core import GRACE, DesiredState, Emit, Ended, Identified, Relay, Send, SessionCore
from realtime_fast.session.states import AttemptState, Generation


def core_in(link: AttemptState) -> SessionCore:
    core = SessionCore("webrtc", Secrets())
    if link is not AttemptState.DIALING:
        core.channel_opened()
    if link in (AttemptState.LIVE, AttemptState.CLOSED):
        core.ready()
    if link is AttemptState.CLOSED:
        core.close()
    core.take()
    return core


def test_a_command_is_sent_and_settled() -> None:
    core = core_in(AttemptState.LIVE)
    command = messages.Prompt(prompt="boat")
    ticket = core.request(command, timeout=15, now=0)
    assert core.take() == [Send(command)]
    core.receive(messages.PromptAck(prompt="boat", success=True))
    assert core.take() == [Settled(ticket, None)]
    assert core.deadline is None


def test_a_command_that_nobody_answers() -> None:
    core = core_in(AttemptState.LIVE)
    ticket = core.request(messages.SetImage(image_data=None), timeout=30, now=5)
    core.take()
    assert core.deadline == 35
    core.tick(35)
    (settled,) = core.take()
    assert isinstance(settled, Settled)
    assert settled.ticket == ticket
    assert isinstance(settled.error, AckTimeoutError)
    assert settled.error.code == "WEBRTC_ACK_TIMEOUT"
    assert core.state is AttemptState.LIVE


def test_signaling_is_relayed_in_order_from_the_first_byte_on() -> None:
    core = core_in(AttemptState.PREPARING)
    early: list[SignalingMessage] = [
        messages.IvsStageReady(stage_arn="a"),
        messages.IceCandidate(),
        messages.Answer(sdp="x"),
        messages.Offer(sdp="y"),
    ]
    for message in early:
        core.receive(message)
    assert core.take() == [Relay(message) for message in early]


def test_the_first_cause_wins() -> None:
    core = core_in(AttemptState.PREPARING)
    core.enter_phase("webrtc-handshake", limit=300, deadline=300)
    core.receive(messages.Error(error="No capacity"))
    core.fail(ControlChannelError("The service closed the control channel"))
    core.tick(1000)
    (ended,) = core.take()
    assert isinstance(ended, Ended)
    assert isinstance(ended.failure, ServerError)
    assert str(ended.failure) == "No capacity"
    assert ended.failure.phase == "webrtc-handshake"
    assert ended.failure.code == "WEBRTC_SERVER_ERROR"


def test_a_phase_that_takes_too_long() -> None:
    core = core_in(AttemptState.PREPARING)
    core.enter_phase("webrtc-handshake", limit=300, deadline=310)
    core.request(messages.Prompt(prompt="boat"), timeout=15, now=300)
    assert core.deadline == 310
    core.take()
    core.tick(310)
    settled, ended = core.take()
    assert isinstance(ended, Ended)
    assert isinstance(ended.failure, ConnectTimeoutError)
    assert (ended.failure.phase, ended.failure.timeout_s) == ("webrtc-handshake", 300)
    assert isinstance(settled, Settled)
    assert settled.error is ended.failure


def test_a_live_error_resolves_what_waits_and_is_raised_once() -> None:
    core = core_in(AttemptState.LIVE)
    ticket = core.request(messages.Prompt(prompt="boat"), timeout=15, now=0)
    core.take()
    core.receive(messages.Error(error="Model hiccup"))
    settled, emitted = core.take()
    assert isinstance(settled, Settled)
    assert (settled.ticket, str(settled.error)) == (ticket, "Model hiccup")
    assert isinstance(emitted, Emit)
    assert isinstance(emitted.event, events.ErrorRaised)
    assert core.state is AttemptState.LIVE


def test_a_live_refusal_is_the_end() -> None:
    core = core_in(AttemptState.LIVE)
    core.receive(messages.Error(error="Invalid session"))
    (ended,) = core.take()
    assert isinstance(ended, Ended)
    assert isinstance(ended.failure, AuthenticationError)


def test_closing_on_purpose_fails_what_waits() -> None:
    core = core_in(AttemptState.LIVE)
    core.request(messages.Prompt(prompt="boat"), timeout=15, now=0)
    core.take()
    core.close()
    settled, ended = core.take()
    assert isinstance(settled, Settled)
    assert isinstance(settled.error, NotConnectedError)
    assert ended == Ended(None)
    core.close()
    core.fail(IceError("late"))
    core.receive(messages.GenerationTick(seconds=1))
    assert core.take() == []


@pytest.mark.parametrize("kind", ["answer", "ivs_stage_ready", "error"])
def test_broken_essentials_end_the_set_up(kind: str) -> None:
    core = core_in(AttemptState.PREPARING)
    with pytest.raises(messages.MalformedMessageError) as caught:
        messages.decode_server(json.dumps({"type": kind}))
    core.malformed(caught.value, now=1)
    assert core.take() == []
    core.tick(1 + GRACE)
    (ended,) = core.take()
    assert isinstance(ended, Ended)
    assert isinstance(ended.failure, ControlChannelError)
    assert kind in str(ended.failure)


def test_a_proper_message_redeems_a_broken_one() -> None:
    core = core_in(AttemptState.PREPARING)
    core.request(messages.Prompt(prompt="boat"), timeout=15, now=1)
    core.malformed(messages.MalformedMessageError("broken prompt_ack", "prompt_ack"), now=1)
    core.receive(messages.SetImageAck(success=True))
    assert core.deadline == 1 + GRACE
    core.receive(messages.PromptAck(prompt="boat", success=True))
    assert core.deadline is None
    core.tick(100)
    assert core.state is AttemptState.PREPARING


def test_a_broken_acknowledgement_of_nothing_is_noise() -> None:
    core = core_in(AttemptState.PREPARING)
    core.request(messages.SetImage(image_data=None), timeout=30, now=1)
    core.malformed(messages.MalformedMessageError("broken prompt_ack", "prompt_ack"), now=1)
    assert core.deadline == 31


def failure_of(core: SessionCore) -> BaseException | None:
    (ended,) = (output for output in core.take() if isinstance(output, Ended))
    return ended.failure


@pytest.mark.parametrize("link", [AttemptState.PREPARING, AttemptState.LIVE])
@pytest.mark.parametrize(
    "explanation",
    [None, messages.Error(error="No capacity"), ControlChannelError("closed"), IceError("later")],
)
def test_the_channel_may_explain_the_loss_of_the_media_path(link: AttemptState, explanation: object) -> None:
    core, lost = core_in(link), IceError("The far side closed the media connection")
    core.lost(lost, now=1)
    assert core.take() == []
    match explanation:
        case messages.Error():
            core.receive(explanation)
            assert str(failure_of(core)) == "No capacity"
        case ControlChannelError():
            core.fail(explanation)
            assert failure_of(core) is explanation
        case _:
            if isinstance(explanation, IceError):
                core.lost(explanation, now=1.1)
            assert core.deadline == 1 + GRACE
            core.tick(1 + GRACE)
            assert failure_of(core) is lost


@pytest.mark.parametrize("end", ["closed", "lost"])
def test_the_last_word_explains_the_end_and_is_told_once(end: str) -> None:
    core = core_in(AttemptState.LIVE)
    core.receive(messages.Error(error="No capacity"))
    (told,) = core.take()
    core.receive(messages.GenerationEnded(seconds=3, reason="x"))
    core.fail(ControlChannelError("closed")) if end == "closed" else core.lost(IceError("lost"), now=1)
    assert isinstance(told, Emit)
    assert isinstance(told.event, events.ErrorRaised)
    assert failure_of(core) is told.event.error
    assert core.told


def test_an_error_that_was_not_the_last_word_explains_nothing() -> None:
    core = core_in(AttemptState.LIVE)
    core.receive(messages.Error(error="Model hiccup"))
    core.receive(messages.GenerationTick(seconds=1))
    core.take()
    core.fail(ControlChannelError("closed"))
    assert isinstance(failure_of(core), ControlChannelError)
    assert not core.told


def test_noise_is_survived() -> None:
    for link in (AttemptState.PREPARING, AttemptState.LIVE):
        core = core_in(link)
        core.malformed(messages.MalformedMessageError("noise"), now=0)
        core.receive(messages.Unknown("new"))
        core.receive(messages.PromptAck(prompt="never sent", success=True))
        assert core.take() == []
        assert core.state is link


@pytest.mark.parametrize(("session_id", "called"), [("s1", "s1"), (None, "r1")])
def test_a_room_names_its_session_and_later_names_change_nothing(session_id: str | None, called: str) -> None:
    core = core_in(AttemptState.PREPARING)
    core.receive(
        messages.LivekitRoomInfo(livekit_url="wss://h", token="t", room_name="r1", session_id=session_id)
    )
    core.receive(messages.SessionId(session_id="legacy", server_ip="", server_port=0))
    (session,) = [output for output in core.take() if isinstance(output, Identified)]
    assert session.session_id == called
    assert decode_subscribe_token(session.subscribe_token).room_name == "r1"


def test_what_the_user_hears() -> None:
    core = core_in(AttemptState.LIVE)
    session = messages.SessionId(session_id="s", server_ip="h", server_port=1)
    core.receive(session)
    core.receive(messages.GenerationStarted())
    core.receive(messages.GenerationTick(seconds=3))
    core.receive(messages.LatencyReport(server_proxy_rtt_ms=4, pipeline_latency_ms=80))
    core.receive(messages.MetricsReport(rtt_ms=5, output_fps=30))
    assert core.take() == [
        Identified("s", encode_subscribe_token("s", "h", 1)),
        Emit(events.GenerationTickMessage(3)),
        Emit(events.ServerMetrics(rtt_ms=4, pipeline_latency_ms=80)),
        Emit(events.ServerMetrics(rtt_ms=5, output_fps=30)),
    ]
    assert core.generation is Generation.RUNNING


BOAT = Prompt("boat", enhance=False)


@pytest.mark.parametrize(
    ("state", "publishes", "opening"),
    [
        (DesiredState(), True, messages.SetImage(image_data=None, prompt=None)),
        (DesiredState(), False, None),
        (DesiredState(prompt=BOAT), True, messages.Prompt(prompt="boat", enhance_prompt=False)),
        (DesiredState(image="A"), True, messages.SetImage(image_data="A")),
        (DesiredState(image="file_1"), True, messages.SetImage(image_ref="file_1")),
        (
            DesiredState(BOAT, "A"),
            True,
            messages.SetImage(image_data="A", prompt="boat", enhance_prompt=False),
        ),
    ],
)
def test_the_opening_replays_the_desired_state(
    state: DesiredState, publishes: bool, opening: messages.ClientMessage | None
) -> None:
    assert state.opening(publishes=publishes) == opening


def test_the_desired_state_follows_what_was_acknowledged() -> None:
    state = DesiredState().after(messages.Prompt(prompt="boat", enhance_prompt=False))
    assert state == DesiredState(BOAT)
    state = state.after(messages.SetImage(image_data="A"))
    assert state == DesiredState(BOAT, "A")
    assert state.after(messages.SetImage(image_ref="file_1")) == DesiredState(BOAT, "file_1")
    state = state.after(messages.SetImage(prompt="tree", enhance_prompt=True))
    assert state == DesiredState(Prompt("tree"), "A")
    assert state.after(messages.SetImage(image_data=None)) == DesiredState(Prompt("tree"))
    assert state.after(messages.SetImage(image_data=None, prompt=None)) == DesiredState()


texts = st.text(max_size=8)
numbers = st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
servers = st.one_of(
    st.builds(messages.Offer, sdp=texts),
    st.builds(messages.Answer, sdp=texts),
    st.builds(messages.IceCandidate, candidate=st.none() | st.builds(messages.Candidate, candidate=texts)),
    st.builds(messages.SessionId, session_id=texts),
    st.builds(
        messages.PromptAck,
        prompt=st.sampled_from(["boat", "x"]),
        success=st.booleans(),
        error=st.none() | texts,
    ),
    st.builds(messages.SetImageAck, success=st.booleans(), error=st.none() | texts),
    st.builds(messages.GenerationStarted),
    st.builds(messages.GenerationTick, seconds=numbers),
    st.builds(messages.GenerationEnded),
    st.builds(messages.Error, error=texts | st.just("not allowed")),
    st.builds(messages.IvsStageReady, stage_arn=texts),
    st.builds(messages.MetricsReport, rtt_ms=st.none() | numbers),
    st.builds(messages.LatencyReport),
    st.builds(messages.Ready),
    st.builds(messages.Unknown, texts),
)
steps = st.lists(
    st.one_of(
        servers,
        st.sampled_from(["tick", "fail", "lost", "close", "prompt", "image", "malformed", "phase", "leave"]),
    ),
    max_size=60,
)


@settings(max_examples=2000, deadline=None)
@given(steps, st.sampled_from(AttemptState))
def test_no_sequence_breaks_the_core(
    sequence: list[str | messages.ServerMessage | messages.Unknown], link: AttemptState
) -> None:
    core = core_in(link)
    now, waiting, ends = 0.0, set[int](), 0
    for step in sequence:
        now += 1.0
        match step:
            case "tick":
                now += 20
                core.tick(now)
            case "fail":
                core.fail(ControlChannelError("x"))
            case "lost":
                core.lost(IceError("x"), now)
            case "close":
                core.close()
            case "prompt" | "image" if core.state in (AttemptState.PREPARING, AttemptState.LIVE):
                command = (
                    messages.Prompt(prompt="boat") if step == "prompt" else messages.SetImage(image_data=None)
                )
                waiting.add(core.request(command, timeout=15, now=now))
            case "malformed":
                core.malformed(messages.MalformedMessageError("broken", "answer"), now)
            case "phase" if core.state is not AttemptState.CLOSED:
                core.enter_phase("p", limit=5, deadline=now + 5)
            case "leave":
                core.leave_phase()
            case str():
                pass
            case message:
                core.receive(message)
        for output in core.take():
            if isinstance(output, Settled):
                waiting.remove(output.ticket)
            ends += isinstance(output, Ended)
        assert core.deadline is None or core.state is not AttemptState.CLOSED
    core.close()
    for output in core.take():
        if isinstance(output, Settled):
            waiting.remove(output.ticket)
        ends += isinstance(output, Ended)
    assert not waiting
    assert ends == (0 if link is AttemptState.CLOSED else 1)

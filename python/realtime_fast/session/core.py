"""The session core: the decisions of one attempt, without I/O.

Messages, commands, failures and the time go in as calls; what to do comes out of `take()`. Nothing here awaits, reads a
clock, or raises because of what the service sent.

    channel_opened ─┐                 ┌─▶ Send       to the control channel
    receive ────────┤                 ├─▶ Relay      signaling, for the media link
    request ────────┼──▶ SessionCore ─┼─▶ Settled    a command is over
    ready, fail ────┤                 ├─▶ Emit       an event for the user
    lost, tick ─────┘                 └─▶ Ended      the attempt is over, with its first cause

The control channel is the authority on causes. A service that ends a session sends an `error`, closes the channel and
takes the media down, and these arrive in any order. So a lost media path waits `GRACE` for the channel to give the
cause, and an `error` that was the last message is the cause of the close that follows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from msgspec import UNSET, structs

from realtime_fast import events
from realtime_fast.control import messages
from realtime_fast.control.refusals import server_failure
from realtime_fast.control.signaling import SignalingMessage
from realtime_fast.control.subscribe_token import encode_room_token, encode_subscribe_token
from realtime_fast.errors import (
    ConnectError,
    ConnectTimeoutError,
    ControlChannelError,
    NotConnectedError,
    RealtimeError,
    TransportName,
)
from realtime_fast.options import Prompt
from realtime_fast.redaction import Secrets
from realtime_fast.session.acks import AckLedger, Command, Settled
from realtime_fast.session.retry import is_permanent
from realtime_fast.session.states import AttemptState, Generation, Signal, next_state

logger = logging.getLogger(__name__)

GRACE = 0.25
"""Seconds for the control channel to say why the media path was lost, or to repeat a message that was malformed."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this on the control channel."""

    message: messages.ClientMessage


@dataclass(frozen=True, slots=True)
class Relay:
    """Pass this to the media link, in order. Buffered until the link reads it."""

    message: SignalingMessage


@dataclass(frozen=True, slots=True)
class Emit:
    """Raise this event for the user."""

    event: events.Event


@dataclass(frozen=True, slots=True)
class Identified:
    """The service named the session; `subscribe_token` lets others watch it."""

    session_id: str
    subscribe_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt is over; `failure` is its first cause, None if it was closed on purpose."""

    failure: RealtimeError | None


Output: TypeAlias = Send | Relay | Emit | Identified | Settled | Ended


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What each attempt restores: prompt and image as given, then as last acknowledged.

    Attributes:
        prompt: The prompt, None for none.
        image: The reference image as base64 text or the id of an uploaded file, None for none.
    """

    prompt: Prompt | None = None
    image: str | None = None

    def opening(self, *, publishes: bool) -> Command | None:
        """The one message that puts the service into this state (docs/protocol.md, Connecting over WebRTC)."""
        prompt = self.prompt
        if self.image is not None:
            if prompt is None:
                return messages.SetImage.of(self.image)
            return messages.SetImage.of(self.image, prompt=prompt.text, enhance_prompt=prompt.enhance)
        if prompt is not None:
            return messages.Prompt(prompt=prompt.text, enhance_prompt=prompt.enhance)
        return messages.SetImage(image_data=None, prompt=None) if publishes else None

    def after(self, command: Command) -> DesiredState:
        """The state once the service has acknowledged `command`."""
        if isinstance(command, messages.Prompt):
            return replace(self, prompt=Prompt(command.prompt, command.enhance_prompt))
        state = self
        if command.image is not UNSET:
            state = replace(state, image=command.image)
        if isinstance(command.prompt, str):
            enhance = command.enhance_prompt if isinstance(command.enhance_prompt, bool) else True
            state = replace(state, prompt=Prompt(command.prompt, enhance))
        elif command.prompt is None:
            state = replace(state, prompt=None)
        return state


class SessionCore:
    """The state of one attempt.

    Attributes:
        state: How far it has come.
        generation: Whether the model runs.
        failure: What ended it.
        told: Whether the failure was already raised as an event.
    """

    def __init__(self, transport: TransportName, secrets: Secrets) -> None:
        self.state = AttemptState.DIALING
        self.generation = Generation.IDLE
        self.failure: RealtimeError | None = None
        self.told = False
        self._transport = transport
        self._secrets = secrets
        self._acks = AckLedger()
        self._phase: tuple[str, float, float] | None = None
        self._held: tuple[RealtimeError, float, str | None] | None = None
        self._last_word: RealtimeError | None = None
        self._room_named = False
        self._stopped_for = ""
        self._outputs: list[Output] = []

    @property
    def deadline(self) -> float | None:
        """When `tick` is due next; None if nothing is pending."""
        deadlines = [self._acks.deadline, self._phase and self._phase[2], self._held and self._held[1]]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def take(self) -> list[Output]:
        """Take the outputs to perform, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def enter_phase(self, name: str, *, limit: float, deadline: float) -> None:
        """Enter a connect phase, to which failures from here on are attributed.

        Args:
            name: Its name in diagnostics.
            limit: The time limit in seconds, for the error's text.
            deadline: When the attempt fails unless the phase was left.
        """
        self._phase = (name, limit, deadline)

    def leave_phase(self) -> None:
        """Leave the phase."""
        self._phase = None

    def channel_opened(self) -> None:
        """The control channel is open."""
        self.state = next_state(self.state, Signal.CHANNEL_OPEN)

    def ready(self) -> None:
        """Initial state and media are set up: the session is live."""
        self.state = next_state(self.state, Signal.READY)

    @property
    def is_live(self) -> bool:
        """Whether connecting is done, and nothing has ended it."""
        return self.state in (AttemptState.LIVE, AttemptState.MENDING)

    def interrupted(self) -> None:
        """The media link repairs itself."""
        if self.state is AttemptState.LIVE:
            self.state = next_state(self.state, Signal.INTERRUPTED)

    def restored(self) -> None:
        """The media link is whole again."""
        if self.state is AttemptState.MENDING:
            self.state = next_state(self.state, Signal.RESTORED)

    def queued(self, *, limit: float, deadline: float) -> None:
        """The service has no capacity yet: the phase is limited as connecting is."""
        if self._phase is not None:
            self._phase = (self._phase[0], limit, deadline)

    def admitted(self, now: float) -> None:
        """The service has a place for the session: the time of the acknowledgements begins."""
        self._acks.start(now)

    def request(self, command: Command, *, timeout: float, now: float | None) -> int:
        """Send a command that the service acknowledges; `Settled` carries the returned ticket.

        Without `now` its time begins when the session is admitted.
        """
        ticket = self._acks.add(command, timeout=timeout, now=now)
        self._outputs.append(Send(command))
        return ticket

    def forget(self, ticket: int) -> None:
        """Drop a request that nobody waits for any more."""
        self._acks.forget(ticket)

    def send(self, message: messages.ClientMessage) -> None:
        """Send a message that needs no acknowledgement."""
        self._outputs.append(Send(message))

    def receive(self, message: messages.ServerMessage | messages.Unknown) -> None:
        """Process a message from the service."""
        if self.state is AttemptState.CLOSED:
            return
        if not isinstance(message, messages.GenerationEnded):  # it may follow the error that ends a session
            self._last_word = None
        if self._held is not None and self._held[2] == message.__struct_config__.tag:
            self._held = None
        match message:
            case messages.IvsStageReady():
                self._secrets.add(
                    message.client_token, message.client_publish_token, message.client_subscribe_token
                )
                self._outputs.append(Relay(message))
            case messages.Offer() | messages.Answer() | messages.IceCandidate():
                self._outputs.append(Relay(message))
            case messages.QueuePosition():
                self._outputs.append(Relay(message))
                self._outputs.append(Emit(events.QueuePosition(message.position, message.queue_size)))
            case messages.LivekitRoomInfo():
                self._room_named = True
                self._secrets.add(message.token)
                self._outputs.append(Relay(message))
                session_id = message.session_id or message.room_name
                self._outputs.append(Identified(session_id, encode_room_token(message.room_name)))
            case messages.SessionId() if not self._room_named:  # a room's session is named with the room
                token = encode_subscribe_token(
                    message.session_id,
                    message.server_ip,
                    message.server_port,
                    "ivs" if self._transport == "ivs" else "webrtc",
                )
                self._outputs.append(Identified(message.session_id, token))
            case messages.PromptAck() | messages.SetImageAck():
                self._settle(message)
            case messages.GenerationStarted():
                self.generation, self._stopped_for = Generation.RUNNING, ""
            case messages.GenerationTick():
                self.generation, self._stopped_for = (
                    Generation.RUNNING,
                    "",
                )  # the beginning may have been missed
                self._outputs.append(Emit(events.GenerationTickMessage(message.seconds)))
            case messages.GenerationEnded():
                self._stopped_for = self._secrets.clean(message.reason)
                logger.info("generation ended after %s s: %s", message.seconds, self._stopped_for)
            case messages.MetricsReport():
                self._outputs.append(Emit(events.ServerMetrics(**structs.asdict(message))))
            case messages.LatencyReport():
                metrics = events.ServerMetrics(
                    rtt_ms=message.server_proxy_rtt_ms, pipeline_latency_ms=message.pipeline_latency_ms
                )
                self._outputs.append(Emit(metrics))
            case messages.Error():
                self._reported(server_failure(self._secrets.clean(message.error)))
            case messages.SessionId() | messages.Ready():
                pass
            case messages.Unknown():
                kind = self._secrets.clean(message.type)
                logger.debug("ignored a message of the unknown type %r", kind)

    def malformed(self, error: messages.MalformedMessageError, now: float) -> None:
        """Process a malformed message.

        It is ignored, unless the set-up depends on it: then the set-up fails after `GRACE`, rather than by a later
        timeout, if no well-formed one follows.
        """
        reason = self._secrets.clean(str(error))
        logger.warning("ignored a malformed message from the service: %s", reason)
        essential = error.type in _ESSENTIAL or self._acks.awaits(error.type or "")
        if self.state is AttemptState.PREPARING and essential:
            self._hold(ControlChannelError(f"The service sent a {reason}"), now, redeemed_by=error.type)

    def fail(self, failure: RealtimeError) -> None:
        """End the attempt. Only the first failure counts; later ones are its consequences."""
        self._end(self._last_word or failure)

    def lost(self, failure: RealtimeError, now: float) -> None:
        """The media path is lost: ends the attempt after `GRACE`, unless the control channel gives the cause first."""
        if self._last_word is not None:
            self._end(self._last_word)
        else:
            self._hold(failure, now)

    def close(self) -> None:
        """End the attempt intentionally."""
        self._end(None)

    def tick(self, now: float) -> None:
        """Process the deadlines that have passed."""
        if self._phase is not None and self._phase[2] <= now:
            name, limit, _ = self._phase
            self._end(self._held[0] if self._held is not None else ConnectTimeoutError(name, limit))
        if self._held is not None and self._held[1] <= now:
            self._end(self._held[0])
        self._outputs.extend(map(self._located, self._acks.expire(now)))

    def _hold(self, failure: RealtimeError, now: float, *, redeemed_by: str | None = None) -> None:
        if self.state is not AttemptState.CLOSED and self._held is None:
            failure.located(self._phase and self._phase[0], self._transport)
            self._held = failure, now + GRACE, redeemed_by

    def _settle(self, ack: messages.PromptAck | messages.SetImageAck) -> None:
        settled = self._acks.settle(ack)
        if settled is None:
            logger.debug("ignored an unexpected acknowledgement")
        else:
            self._outputs.append(self._located(settled))

    def _reported(self, failure: RealtimeError) -> None:
        if not self.is_live or self._held is not None or is_permanent(failure):
            self._end(failure)
            return
        self._last_word = failure.located(None, self._transport)
        self._outputs.extend(self._acks.fail_all(failure))
        self._outputs.append(Emit(events.ErrorRaised(failure)))

    def _end(self, failure: RealtimeError | None) -> None:
        if self.state is AttemptState.CLOSED:
            return
        self.state = next_state(self.state, Signal.ENDED)
        self.failure = failure
        self.told = failure is not None and failure is self._last_word
        if failure is not None:
            failure.located(self._phase and self._phase[0], self._transport)
            if self._stopped_for and isinstance(failure, ConnectError):
                failure.because(f"the service had ended the generation: {self._stopped_for}")
        self._phase = self._held = None
        lost = failure or NotConnectedError("The client was disconnected")
        self._outputs.extend(self._acks.fail_all(lost))
        self._outputs.append(Ended(failure))

    def _located(self, settled: Settled) -> Settled:
        if settled.error is not None:
            self._secrets.clean_error(settled.error).located(None, self._transport)
        return settled


_ESSENTIAL = frozenset({"offer", "answer", "ivs_stage_ready", "livekit_room_info", "error"})

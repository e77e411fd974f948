"""The inference session's state machine, without I/O (docs/protocol.md, Messages).

Calls in, outputs out: every call returns what to do, in order. All transports share it; over ivs the client has to
join its stage before it sends anything else, over livekit it asks for a room instead of offering.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from realtime_fast.control import messages
from realtime_fast.control.signaling import NegotiationStep

TICK = 1.0
"""Seconds between two billing ticks."""


class Phase(Enum):
    """The progress of a session."""

    JOINING = auto()
    """ivs: the client is not on the stage yet; nothing else is read."""
    READY = auto()
    """Commands are welcome, media is to be negotiated."""
    NEGOTIATING = auto()
    """An offer was taken; media is not up yet."""
    LIVE = auto()
    """Media flows."""
    ENDED = auto()
    """Over; nothing is accepted any more."""


class Signal(Enum):
    """What changes the phase."""

    JOINED = auto()
    OFFERED = auto()
    MEDIA_UP = auto()
    STOPPED = auto()


_MOVES: dict[tuple[Phase, Signal], Phase] = {
    (Phase.JOINING, Signal.JOINED): Phase.READY,
    (Phase.READY, Signal.OFFERED): Phase.NEGOTIATING,
    (Phase.NEGOTIATING, Signal.OFFERED): Phase.NEGOTIATING,
    (Phase.LIVE, Signal.OFFERED): Phase.LIVE,
    (Phase.READY, Signal.MEDIA_UP): Phase.LIVE,
    (Phase.NEGOTIATING, Signal.MEDIA_UP): Phase.LIVE,
    (Phase.LIVE, Signal.MEDIA_UP): Phase.LIVE,
    **{(phase, Signal.STOPPED): Phase.ENDED for phase in Phase},
}


@dataclass(frozen=True, slots=True)
class Send:
    """Send this to the client."""

    message: messages.ServerMessage


@dataclass(frozen=True, slots=True)
class Apply:
    """Change the model's state, then report the result to the core (`applied`)."""

    command: messages.Prompt | messages.SetImage


@dataclass(frozen=True, slots=True)
class Negotiate:
    """Pass this to the media path."""

    message: NegotiationStep


@dataclass(frozen=True, slots=True)
class StampNext:
    """Write this number on the next output picture."""

    seq: int


@dataclass(frozen=True, slots=True)
class Record:
    """Store what the client reported."""

    report: messages.E2eLatencyReport


@dataclass(frozen=True, slots=True)
class Close:
    """Close the control channel."""

    code: int
    reason: str


Output: TypeAlias = Send | Apply | Negotiate | StampNext | Record | Close
Outputs: TypeAlias = tuple[Output, ...]


class InferenceCore:
    """One inference session.

    Attributes:
        phase: Its progress.
        prompt: The current prompt, None for none.
        has_image: Whether there is a reference image.
        passthrough: Whether pictures leave as they came.
    """

    def __init__(self, identity: messages.SessionId, *, join_first: bool = False) -> None:
        self.phase = Phase.JOINING if join_first else Phase.READY
        self.prompt: str | None = None
        self.has_image = False
        self._identity = identity
        self._in_room: bool | None = None
        """Whether media is in a LiveKit room; None until the client has chosen."""
        self._generating_since: float | None = None
        self._ticks = 0

    @property
    def passthrough(self) -> bool:
        """No prompt and no image: the model has nothing to do."""
        return self.prompt is None and not self.has_image

    def opened(self) -> Outputs:
        """The control channel is open."""
        return (Send(self._identity),)

    def received(self, message: messages.ClientMessage) -> Outputs:
        """The client said something."""
        if self.phase is Phase.ENDED:
            return ()
        if self.phase is Phase.JOINING and not isinstance(message, messages.IvsJoined):
            return self.refused("Expected ivs_joined message")
        match message:
            case messages.IvsJoined():
                if self.phase is not Phase.JOINING:
                    return self.refused("Unexpected ivs_joined message")
                self._move(Signal.JOINED)
                return (Negotiate(message),)
            case messages.LivekitJoin():
                if self.phase is not Phase.READY or self._in_room is not None:
                    return self.refused("Unexpected livekit_join message")
                self._in_room = True
                self._move(Signal.OFFERED)
                state = self.received(message.initial_state) if message.initial_state else ()
                return (Negotiate(message), *state)
            case messages.Offer() | messages.Answer() | messages.IceCandidate() if self._in_room:
                return self.refused("Media is in the LiveKit room: expected no offer, answer or candidate")
            case messages.Offer():
                self._in_room = False
                self._move(Signal.OFFERED)
                return (Negotiate(message),)
            case messages.Answer() | messages.IceCandidate():
                self._in_room = False
                return (Negotiate(message),)
            case messages.Prompt() if not message.prompt.strip():
                return self.applied(message, "Prompt must not be empty")
            case messages.Prompt() | messages.SetImage():
                return (Apply(message),)
            case messages.LatencyProbe():
                return (StampNext(message.seq & 0xFFFF),)
            case messages.E2eLatencyReport():
                return (Record(message),)

    def applied(self, command: messages.Prompt | messages.SetImage, error: str | None = None) -> Outputs:
        """The model applied a command, or rejected it with this text."""
        match command:
            case messages.Prompt():
                if error is None:
                    self.prompt = command.prompt
                return (Send(messages.PromptAck(prompt=command.prompt, success=error is None, error=error)),)
            case messages.SetImage():
                if error is None:
                    self._take(command)
                return (Send(messages.SetImageAck(success=error is None, error=error)),)

    def _take(self, command: messages.SetImage) -> None:
        """An absent field leaves things as they are; a null one clears them."""
        if isinstance(command.image_data, str):
            self.has_image = True
        elif command.image_data is None:
            self.has_image = False
        if isinstance(command.prompt, str):
            self.prompt = command.prompt
        elif command.prompt is None:
            self.prompt = None

    def media_up(self) -> Outputs:
        """Media can flow."""
        if self.phase is not Phase.ENDED:
            self._move(Signal.MEDIA_UP)
        return ()

    def output_began(self, now: float) -> Outputs:
        """A picture has left the model; only the first one counts."""
        if self._generating_since is not None or self.phase is Phase.ENDED:
            return ()
        self._generating_since = now
        return (Send(messages.GenerationStarted()),)

    def tick(self, now: float) -> Outputs:
        """Time passed; whole seconds of generation are billed once each, in order."""
        if self._generating_since is None or self.phase is Phase.ENDED:
            return ()
        due = int((now - self._generating_since) / TICK)
        ticks = tuple(Send(messages.GenerationTick(seconds=n)) for n in range(self._ticks + 1, due + 1))
        self._ticks = due
        return ticks

    def refused(self, error: str, code: int = 1008) -> Outputs:
        """Reject a message that ends the session: send an error and close."""
        self._move(Signal.STOPPED)
        return (Send(messages.Error(error=error)), Close(code, ""))

    def stopped(self, reason: str, now: float, code: int = 1001) -> Outputs:
        """The service ends the session."""
        if self.phase is Phase.ENDED:
            return ()
        self._move(Signal.STOPPED)
        if self._generating_since is None:
            return (Close(code, reason),)
        seconds = int(now - self._generating_since)
        return (Send(messages.GenerationEnded(seconds=seconds, reason=reason)), Close(code, reason))

    def _move(self, signal: Signal) -> None:
        self.phase = _MOVES[self.phase, signal]

"""The inference session's state machine, without I/O (`spec` protocol, sections 2, 3 and 4).

Verbs in, effects out: every verb returns what must now happen, in order. Both transports share it; over ivs
the client has to join its stage before it may say anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from realtime_fast import wire

TICK_S = 1.0
"""Seconds between two billing ticks."""


class Phase(Enum):
    """How far a session has come."""

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
    """What moves a session on."""

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

    message: wire.ServerMessage


@dataclass(frozen=True, slots=True)
class Apply:
    """Change the model's state, then tell the core how that went (`applied`)."""

    command: wire.Prompt | wire.SetImage


@dataclass(frozen=True, slots=True)
class Negotiate:
    """Hand this to whatever carries the media."""

    message: wire.Offer | wire.Answer | wire.IceCandidate | wire.IvsJoined


@dataclass(frozen=True, slots=True)
class StampNext:
    """Write this number on the next output picture."""

    seq: int


@dataclass(frozen=True, slots=True)
class Record:
    """Keep what the client reported."""

    report: wire.E2eLatencyReport


@dataclass(frozen=True, slots=True)
class Close:
    """Close the control channel."""

    code: int
    reason: str


Effect: TypeAlias = Send | Apply | Negotiate | StampNext | Record | Close
Effects: TypeAlias = tuple[Effect, ...]


class SessionCore:
    """One inference session.

    Attributes:
        phase: How far it has come.
        prompt: The prompt in force, None for none.
        has_image: Whether a reference image is in force.
        passthrough: Whether pictures leave as they came.
    """

    def __init__(self, identity: wire.SessionId, *, join_first: bool = False) -> None:
        self.phase = Phase.JOINING if join_first else Phase.READY
        self.prompt: str | None = None
        self.has_image = False
        self._identity = identity
        self._generating_since: float | None = None
        self._ticks = 0

    @property
    def passthrough(self) -> bool:
        """No prompt and no image: the model has nothing to do."""
        return self.prompt is None and not self.has_image

    def opened(self) -> Effects:
        """The control channel is open."""
        return (Send(self._identity),)

    def received(self, message: wire.ClientMessage) -> Effects:
        """The client said something."""
        if self.phase is Phase.ENDED:
            return ()
        if self.phase is Phase.JOINING and not isinstance(message, wire.IvsJoined):
            return self.refused("Expected ivs_joined message")
        match message:
            case wire.IvsJoined():
                if self.phase is not Phase.JOINING:
                    return self.refused("Unexpected ivs_joined message")
                self._move(Signal.JOINED)
                return (Negotiate(message),)
            case wire.Offer():
                self._move(Signal.OFFERED)
                return (Negotiate(message),)
            case wire.Answer() | wire.IceCandidate():
                return (Negotiate(message),)
            case wire.Prompt() if not message.prompt.strip():
                return self.applied(message, "Prompt must not be empty")
            case wire.Prompt() | wire.SetImage():
                return (Apply(message),)
            case wire.LatencyProbe():
                return (StampNext(message.seq & 0xFFFF),)
            case wire.E2eLatencyReport():
                return (Record(message),)

    def applied(self, command: wire.Prompt | wire.SetImage, error: str | None = None) -> Effects:
        """The model took a command, or refused it with this text."""
        match command:
            case wire.Prompt():
                if error is None:
                    self.prompt = command.prompt
                return (Send(wire.PromptAck(prompt=command.prompt, success=error is None, error=error)),)
            case wire.SetImage():
                if error is None:
                    self._take(command)
                return (Send(wire.SetImageAck(success=error is None, error=error)),)

    def _take(self, command: wire.SetImage) -> None:
        """An absent field leaves things as they are; a null one clears them."""
        if isinstance(command.image_data, str):
            self.has_image = True
        elif command.image_data is None:
            self.has_image = False
        if isinstance(command.prompt, str):
            self.prompt = command.prompt
        elif command.prompt is None:
            self.prompt = None

    def media_up(self) -> Effects:
        """Media can flow."""
        if self.phase is not Phase.ENDED:
            self._move(Signal.MEDIA_UP)
        return ()

    def output_began(self, now: float) -> Effects:
        """A picture has left the model; only the first one counts."""
        if self._generating_since is not None or self.phase is Phase.ENDED:
            return ()
        self._generating_since = now
        return (Send(wire.GenerationStarted()),)

    def tick(self, now: float) -> Effects:
        """Time passed; whole seconds of generation are billed once each, in order."""
        if self._generating_since is None or self.phase is Phase.ENDED:
            return ()
        due = int((now - self._generating_since) / TICK_S)
        ticks = tuple(Send(wire.GenerationTick(seconds=n)) for n in range(self._ticks + 1, due + 1))
        self._ticks = due
        return ticks

    def refused(self, error: str, code: int = 1008) -> Effects:
        """Something that cannot be carried on with: say so and close."""
        self._move(Signal.STOPPED)
        return (Send(wire.Error(error=error)), Close(code, ""))

    def stopped(self, reason: str, now: float, code: int = 1001) -> Effects:
        """The service ends the session."""
        if self.phase is Phase.ENDED:
            return ()
        self._move(Signal.STOPPED)
        if self._generating_since is None:
            return (Close(code, reason),)
        seconds = int(now - self._generating_since)
        return (Send(wire.GenerationEnded(seconds=seconds, reason=reason)), Close(code, reason))

    def _move(self, signal: Signal) -> None:
        self.phase = _MOVES[self.phase, signal]

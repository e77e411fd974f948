"""The states of a connection, and the transitions between them.

Two small state machines. `AttemptState` belongs to one attempt and follows the table below; a pair outside the table
is a bug and raises. `Generation` says whether the model produces pictures. The public state is a function of both, and
of whether the session was connected before.
"""

from __future__ import annotations

from enum import Enum, auto

from realtime_fast.options import ConnectionState


class AttemptState(Enum):
    """The progress of one attempt."""

    DIALING = auto()
    PREPARING = auto()
    LIVE = auto()
    MENDING = auto()
    CLOSED = auto()


class Signal(Enum):
    """What changes the state of an attempt."""

    CHANNEL_OPEN = auto()
    READY = auto()
    INTERRUPTED = auto()
    RESTORED = auto()
    ENDED = auto()


ATTEMPT_TRANSITIONS: dict[tuple[AttemptState, Signal], AttemptState] = {
    (AttemptState.DIALING, Signal.CHANNEL_OPEN): AttemptState.PREPARING,
    (AttemptState.DIALING, Signal.ENDED): AttemptState.CLOSED,
    (AttemptState.PREPARING, Signal.READY): AttemptState.LIVE,
    (AttemptState.PREPARING, Signal.ENDED): AttemptState.CLOSED,
    (AttemptState.LIVE, Signal.INTERRUPTED): AttemptState.MENDING,
    (AttemptState.LIVE, Signal.ENDED): AttemptState.CLOSED,
    (AttemptState.MENDING, Signal.RESTORED): AttemptState.LIVE,
    (AttemptState.MENDING, Signal.ENDED): AttemptState.CLOSED,
}


class Generation(Enum):
    """Whether the model produces pictures; RUNNING lasts until the connection is lost."""

    IDLE = auto()
    RUNNING = auto()


def next_state(state: AttemptState, signal: Signal) -> AttemptState:
    """The state of an attempt after `signal`.

    Raises:
        RuntimeError: The table has no such transition.
    """
    try:
        return ATTEMPT_TRANSITIONS[state, signal]
    except KeyError:
        raise RuntimeError(f"an attempt that is {state.name} cannot take {signal.name}") from None


def public_state(state: AttemptState, generation: Generation, *, was_live: bool) -> ConnectionState:
    """The public state while an attempt is in these states.

    Args:
        state: The progress of the attempt.
        generation: Whether the model runs.
        was_live: Whether the session has been connected before this attempt.
    """
    if state is AttemptState.LIVE:
        return "generating" if generation is Generation.RUNNING else "connected"
    return "reconnecting" if was_live else "connecting"

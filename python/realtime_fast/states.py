"""The states of a connection, and the only moves there are.

Two small machines. `Link` belongs to one attempt and moves by the table below; a pair that is not in it is a bug
of ours and fails loudly. `Generation` says whether the model produces pictures. What the user sees is a function
of both and of whether the session had been connected before.
"""

from __future__ import annotations

from enum import Enum, auto

from realtime_fast.options import ConnectionState


class Link(Enum):
    """How far one attempt has come."""

    DIALING = auto()
    PREPARING = auto()
    LIVE = auto()
    CLOSED = auto()


class Signal(Enum):
    """What moves a link."""

    CHANNEL_OPEN = auto()
    READY = auto()
    ENDED = auto()


LINK_MOVES: dict[tuple[Link, Signal], Link] = {
    (Link.DIALING, Signal.CHANNEL_OPEN): Link.PREPARING,
    (Link.DIALING, Signal.ENDED): Link.CLOSED,
    (Link.PREPARING, Signal.READY): Link.LIVE,
    (Link.PREPARING, Signal.ENDED): Link.CLOSED,
    (Link.LIVE, Signal.ENDED): Link.CLOSED,
}


class Generation(Enum):
    """Whether the model produces pictures; running is sticky until the connection is lost."""

    IDLE = auto()
    RUNNING = auto()


def moved(link: Link, signal: Signal) -> Link:
    """The state after `signal`.

    Raises:
        RuntimeError: The table has no such move.
    """
    try:
        return LINK_MOVES[link, signal]
    except KeyError:
        raise RuntimeError(f"a {link.name} link cannot take {signal.name}") from None


def public_state(link: Link, generation: Generation, *, was_live: bool) -> ConnectionState:
    """What the user is told while an attempt is in these states.

    Args:
        link: How far the attempt has come.
        generation: Whether the model runs.
        was_live: Whether the session has been connected before this attempt.
    """
    if link is Link.LIVE:
        return "generating" if generation is Generation.RUNNING else "connected"
    return "reconnecting" if was_live else "connecting"

"""The state behind a stage's events, without I/O: the other participants, and whether the socket is alive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from realtime_fast.ivs.events import (
    Participant,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    StageEvent,
    StageState,
)


class Roster:
    """The other participants of a stage."""

    def __init__(self, own_id: str) -> None:
        self._own_id = own_id
        self._sequence = 0
        self._others: dict[str, Participant] = {}

    @property
    def others(self) -> Mapping[str, Participant]:
        """The other participants by id."""
        return self._others

    def restart(self) -> None:
        """Expect sequence numbers from 1, for a new socket; participants are kept until its first state."""
        self._sequence = 0

    def apply(self, state: StageState) -> list[StageEvent]:
        """Apply a state; returns what changed, nothing if the state is stale."""
        if state.sequence_number <= self._sequence:
            return []
        self._sequence = state.sequence_number
        before = self._others
        self._others = {entry.id: entry for entry in state.participants if entry.id != self._own_id}
        events: list[StageEvent] = [
            ParticipantLeft(gone) for key, gone in before.items() if key not in self._others
        ]
        for key, now in self._others.items():
            previous = before.get(key)
            if previous is None:
                events.append(ParticipantJoined(now))
            elif previous != now:
                events.append(ParticipantChanged(now, previous))
        return events


class Heartbeat:
    """When to ping, and when a missing PONG means that the socket is dead. Times are seconds of any clock."""

    def __init__(self, now: float, *, interval: float = 5.0, patience: float = 5.0) -> None:
        self._interval = interval
        self._patience = patience
        self._due = now + interval
        self._waiting = False

    @property
    def deadline(self) -> float:
        """When `tick` must be called at the latest."""
        return self._due

    def pong(self, now: float) -> None:
        """The stage answered."""
        self._waiting = False
        self._due = now + self._interval

    def tick(self, now: float) -> Literal["ping", "dead"] | None:
        """What to do now: send a ping, give up the socket, or nothing."""
        if now < self._due:
            return None
        if self._waiting:
            return "dead"
        self._waiting = True
        self._due = now + self._patience
        return "ping"

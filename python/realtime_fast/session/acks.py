"""The ledger of commands that wait for the service's acknowledgement.

Pure: time is an argument, matching is by the rules of docs/protocol.md, Messages. A `prompt_ack` settles the oldest
outstanding prompt of the same text, a `set_image_ack` the oldest outstanding `set_image`: also one that was cancelled
or timed out meanwhile, whose acknowledgement may be late or lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from realtime_fast.control import messages
from realtime_fast.errors import AckTimeoutError, RealtimeError, ServerError

Command = messages.Prompt | messages.SetImage
Ack = messages.PromptAck | messages.SetImageAck

ABANDONED_LIMIT = 64
"""Abandoned commands whose acknowledgements are awaited at most; then the oldest are not."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome of a command: acknowledged if `error` is None."""

    ticket: int
    error: RealtimeError | None


@dataclass(slots=True)
class _Entry:
    """A command that the service has not acknowledged yet.

    Attributes:
        abandoned: Nobody waits for it any more. It keeps its place in line, so that its acknowledgement, should it
            still come, does not settle the next command.
        spare: An acknowledgement that went to an abandoned command before this one, or may have. If no other comes,
            the abandoned one's was lost and this was meant.
    """

    ticket: int
    command: Command
    timeout: float
    deadline: float | None
    abandoned: bool = False
    spare: Ack | None = None

    @property
    def due(self) -> float:
        """When it must be looked at: an abandoned one is awaited for as long again."""
        if self.deadline is None:
            return math.inf
        return self.deadline + self.timeout if self.abandoned else self.deadline

    def settled_by(self, ack: Ack) -> Settled:
        error = None if ack.success else ServerError(ack.error or _refusal(self.command))
        return Settled(self.ticket, error)


class AckLedger:
    """Outstanding commands in the order they were sent."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._tickets = 0

    def __len__(self) -> int:
        return sum(not entry.abandoned for entry in self._entries)

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to do next; None if nothing is outstanding."""
        return min((entry.due for entry in self._entries), default=None)

    def add(self, command: Command, *, timeout: float, now: float | None) -> int:
        """Add a command that is being sent; returns its ticket. Without `now` its time begins with `start`."""
        self._tickets += 1
        deadline = None if now is None else now + timeout
        self._entries.append(_Entry(self._tickets, command, timeout, deadline))
        return self._tickets

    def start(self, now: float) -> None:
        """Begin the time of the commands whose time has not begun."""
        for entry in self._entries:
            if entry.deadline is None:
                entry.deadline = now + entry.timeout

    def awaits(self, kind: str) -> bool:
        """Whether a command that somebody waits for is acknowledged by this message type."""
        return any(
            _ACKNOWLEDGED_BY[type(entry.command)] == kind for entry in self._entries if not entry.abandoned
        )

    def forget(self, ticket: int) -> None:
        """Nobody waits for this command any more, whether or not it is settled."""
        for entry in self._entries:
            if entry.ticket == ticket:
                self._abandon(entry)
                return

    def settle(self, ack: Ack) -> Settled | None:
        """Settle the command that `ack` answers; None if there is none, or nobody waits for it."""
        answered = [entry for entry in self._entries if _answers(ack, entry.command)]
        if not answered:
            return None
        entry, *later = answered
        self._entries.remove(entry)
        if entry.abandoned or entry.spare is not None:
            following = next((other for other in later if not other.abandoned), None)
            if following is not None:
                following.spare = ack
        return None if entry.abandoned else entry.settled_by(ack)

    def expire(self, now: float) -> Iterator[Settled]:
        """Settle the commands whose time is up."""
        for entry in [entry for entry in self._entries if entry.due <= now]:
            if entry.abandoned:
                self._entries.remove(entry)
            elif entry.spare is not None:
                self._entries.remove(entry)
                yield entry.settled_by(entry.spare)
            else:
                self._abandon(entry)
                if entry.due <= now:  # it is late by twice its time
                    self._entries.remove(entry)
                yield Settled(
                    entry.ticket,
                    AckTimeoutError(
                        f"The service did not acknowledge {_name(entry.command)} in {entry.timeout:g} s"
                    ),
                )

    def _abandon(self, entry: _Entry) -> None:
        entry.abandoned = True
        abandoned = [other for other in self._entries if other.abandoned]
        if len(abandoned) > ABANDONED_LIMIT:
            self._entries.remove(abandoned[0])

    def fail_all(self, error: RealtimeError) -> Iterator[Settled]:
        """Settle every command with `error`: no acknowledgement can arrive any more."""
        entries, self._entries = self._entries, []
        for entry in entries:
            if not entry.abandoned:
                yield Settled(entry.ticket, error)


_ACKNOWLEDGED_BY: dict[type[Command], str] = {
    messages.Prompt: "prompt_ack",
    messages.SetImage: "set_image_ack",
}


def _answers(ack: Ack, command: Command) -> bool:
    if isinstance(ack, messages.PromptAck):
        return isinstance(command, messages.Prompt) and command.prompt == ack.prompt
    return isinstance(command, messages.SetImage)


def _name(command: Command) -> str:
    return "the prompt" if isinstance(command, messages.Prompt) else "set_image"


def _refusal(command: Command) -> str:
    return f"The service rejected {_name(command)} and gave no reason"

"""The ledger of commands that wait for the service's acknowledgement.

Pure: time is an argument, matching is by the rules of docs/protocol.md, Messages. A `prompt_ack` settles the oldest
outstanding prompt of the same text, a `set_image_ack` the oldest outstanding `set_image`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from realtime_fast.control import messages
from realtime_fast.errors import AckTimeoutError, RealtimeError, ServerError

Command = messages.Prompt | messages.SetImage


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome of a command: acknowledged if `error` is None."""

    ticket: int
    error: RealtimeError | None


@dataclass(frozen=True, slots=True)
class _Entry:
    ticket: int
    command: Command
    timeout: float
    deadline: float


class AckLedger:
    """Outstanding commands in the order they were sent."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._tickets = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def deadline(self) -> float | None:
        """When the next command times out; None if none is outstanding."""
        return min((entry.deadline for entry in self._entries), default=None)

    def add(self, command: Command, *, timeout: float, now: float) -> int:
        """Add a command that is being sent; returns its ticket."""
        self._tickets += 1
        self._entries.append(_Entry(self._tickets, command, timeout, now + timeout))
        return self._tickets

    def awaits(self, kind: str) -> bool:
        """Whether an outstanding command is acknowledged by this message type."""
        return any(_ACKNOWLEDGED_BY[type(entry.command)] == kind for entry in self._entries)

    def forget(self, ticket: int) -> None:
        """Drop a command that nobody waits for any more."""
        self._entries = [entry for entry in self._entries if entry.ticket != ticket]

    def settle(self, ack: messages.PromptAck | messages.SetImageAck) -> Settled | None:
        """Settle the command that `ack` answers; None if there is none."""
        for entry in self._entries:
            if _answers(ack, entry.command):
                self.forget(entry.ticket)
                error = None if ack.success else ServerError(ack.error or _refusal(entry.command))
                return Settled(entry.ticket, error)
        return None

    def expire(self, now: float) -> Iterator[Settled]:
        """Settle the commands whose time is up."""
        for entry in [entry for entry in self._entries if entry.deadline <= now]:
            self.forget(entry.ticket)
            yield Settled(
                entry.ticket,
                AckTimeoutError(
                    f"The service did not acknowledge {_name(entry.command)} in {entry.timeout:g} s"
                ),
            )

    def fail_all(self, error: RealtimeError) -> Iterator[Settled]:
        """Settle every command with `error`: no acknowledgement can arrive any more."""
        entries, self._entries = self._entries, []
        for entry in entries:
            yield Settled(entry.ticket, error)


_ACKNOWLEDGED_BY: dict[type[Command], str] = {
    messages.Prompt: "prompt_ack",
    messages.SetImage: "set_image_ack",
}


def _answers(ack: messages.PromptAck | messages.SetImageAck, command: Command) -> bool:
    if isinstance(ack, messages.PromptAck):
        return isinstance(command, messages.Prompt) and command.prompt == ack.prompt
    return isinstance(command, messages.SetImage)


def _name(command: Command) -> str:
    return "the prompt" if isinstance(command, messages.Prompt) else "set_image"


def _refusal(command: Command) -> str:
    return f"The service rejected {_name(command)} and gave no reason"

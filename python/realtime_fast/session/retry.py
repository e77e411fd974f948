"""Whether to retry, and when (docs/protocol.md, Reconnecting).

Pure: the verdict on a failure, and the delays; the connect loop sleeps. A retry library would own the loop; ours is
shared by first connect and reconnect, has two budgets, and depends on how long a connection lived.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator

from realtime_fast.control.refusals import names_unknown_model
from realtime_fast.errors import (
    AuthenticationError,
    ConnectError,
    InvalidInputError,
    RealtimeError,
    ServerError,
    UnsupportedAiortcError,
)
from realtime_fast.options import ReconnectPolicy


def is_permanent(failure: RealtimeError) -> bool:
    """Whether a retry cannot help."""
    return isinstance(failure, AuthenticationError | InvalidInputError | UnsupportedAiortcError)


def stands_no_chance(failure: RealtimeError) -> bool:
    """Whether a session that has never been connected would fail in the same way again.

    Nobody listens at the address, there is no such host or model, or the service refuses (4xx). After a loss the same
    failures pass: a service that restarts refuses connections for a while.
    """
    match failure:
        case ConnectError(status=int(status)) | ServerError(status=int(status)):
            return 400 <= status < 500 and status not in _TRANSIENT_STATUS
        case ServerError():
            return names_unknown_model(failure.message)
        case _:
            return any(map(_found_nobody, _causes(failure)))


_TRANSIENT_STATUS = (408, 425, 429)
"""Refusals that ask to come again: Request Timeout, Too Early, Too Many Requests (RFC 9110, 8470, 6585)."""


def _found_nobody(cause: BaseException) -> bool:
    if isinstance(cause, ConnectionRefusedError | socket.gaierror):
        return True
    # asyncio joins the failures of several addresses, such as both of localhost, into one that has no number.
    return type(cause) is OSError and f"[Errno {errno.ECONNREFUSED}]" in str(cause)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


class RetryBudget:
    """Counts failures against the policy's two budgets.

    A first connect that stands no chance is not retried unless the policy is patient. The first retry after a loss is
    immediate, later ones back off. A connection that soon drops again is a further
    failure of the same loss: the budget refills once a connection has lived for `refill_after` seconds, and after one
    that lived for less than `base_delay` the retry is not immediate.
    """

    def __init__(self, policy: ReconnectPolicy | None, random: Callable[[], float]) -> None:
        self._policy = policy
        self._random = random
        self._attempts = 1
        self._retried = 0
        self._lost = False

    @property
    def attempt(self) -> int:
        """Number of the current or next attempt, 1 for the first one after a loss."""
        return self._attempts

    @property
    def max_attempts(self) -> int:
        """Attempts allowed for one loss."""
        return 1 + (self._policy.retries if self._policy else 0)

    def delay_after(self, failure: RealtimeError, *, lived: float | None) -> float | None:
        """Seconds to wait before the next attempt, None to give up.

        Args:
            failure: What ended the attempt.
            lived: Seconds the connection was live, None if it never was.
        """
        policy = self._policy
        if policy is None or is_permanent(failure):
            return None
        if lived is None and not self._lost and not policy.patient and stands_no_chance(failure):
            return None
        if lived is not None:
            if not self._lost or lived >= policy.refill_after:
                self._attempts = 0
            self._lost = True
        if self._attempts > policy.retries:
            return None
        at_once = lived is not None and (self._attempts == 0 or lived >= policy.base_delay)
        if self._attempts > 0:
            self._retried += 1
            if policy.session_retries is not None and self._retried > policy.session_retries:
                return None
        self._attempts += 1
        if at_once:
            return 0.0
        delay = min(policy.base_delay * 2.0 ** (self._attempts - 2), policy.max_delay)
        return delay * (1 - policy.jitter * self._random())

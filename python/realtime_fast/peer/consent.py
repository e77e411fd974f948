"""Whether the far side still wants what is sent to it (RFC 7675).

aioice asks once every five seconds, waits half a second for the answer, and closes the connection after six answers
that it missed. A path whose round trip is longer than that loses every session half a minute after it began, and one
that loses a third of its packets loses a session now and then.
"""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import anyio
from aioice import Connection, stun

from realtime_fast.peer import aiortc_seams as seams

logger = logging.getLogger(__name__)

COMPONENT: Final = 1
"""RTP; RTCP shares it (RFC 5761)."""
INTERVAL: Final = 5.0
"""Mean seconds from an answer to the next check (RFC 7675 section 5.1), varied by a fifth."""
PATIENCE: Final = 5.0
"""Seconds that an answer may take; the request is repeated meanwhile (RFC 8489 section 6.2.1)."""
EXPIRY: Final = 30.0
"""Seconds without an answer after which consent is over (RFC 7675 section 5.1)."""
_LATEST: Final = 3
"""Checks of which the fastest counts: a busy event loop makes any of them seem slow."""


class Consent:
    """The checks of one connection; called, it makes them until consent expires, and closes the connection then."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._round_trips: deque[float] = deque(maxlen=_LATEST)
        self._told: Callable[[float], None] = lambda _: None

    def tell(self, told: Callable[[float], None]) -> None:
        """Have `told` called with the path's round trip, in seconds, at once if known and after each check."""
        self._told = told
        if self._round_trips:
            told(min(self._round_trips))

    async def __call__(self) -> None:
        """Check until cancelled, or until consent has expired."""
        answered = anyio.current_time()
        while True:
            asked = anyio.current_time()
            if (took := await round_trip(self._connection, PATIENCE)) is not None:
                answered = anyio.current_time()
                self._measured(took)
                # Varied, not to fall into step with others.
                again = answered + INTERVAL * random.uniform(0.8, 1.2)  # noqa: S311
            elif anyio.current_time() - answered < EXPIRY:
                again = asked + PATIENCE  # also where a refusal came at once
            else:
                break
            await anyio.sleep_until(again)
        logger.info("The far side has not answered a consent check for %g s", EXPIRY)
        seams.consent_task.put(self._connection, None)  # this task, which closing would cancel
        await self._connection.close()

    def _measured(self, took: float) -> None:
        # After that the request is repeated, and of an answer nobody knows which of the two it is to.
        if took < stun.RETRY_RTO:
            self._round_trips.append(took)
            self._told(min(self._round_trips))


def of(connection: Connection) -> Consent:
    """The checks that `connection` makes once it is connected, in place of aioice's own."""
    checks = seams.consent_checks.of(connection)
    if not isinstance(checks, Consent):
        checks = Consent(connection)
        seams.consent_checks.put(connection, checks)
    return checks


async def round_trip(connection: Connection, within: float) -> float | None:
    """Seconds the far side takes to answer a binding request, None if it does not."""
    pair = seams.nominated.of(connection).get(COMPONENT)
    if pair is None or connection.remote_password is None:
        return None
    request = connection.build_request(pair, nominate=False)
    key = connection.remote_password.encode()
    begin = time.monotonic()
    with anyio.move_on_after(within), suppress(stun.TransactionError):
        await pair.protocol.request(request, pair.remote_addr, integrity_key=key)
        return time.monotonic() - begin
    return None

"""The connect loop: one for first connects and reconnects, publishers and viewers, on every transport."""

from __future__ import annotations

import logging
import random
import time
from typing import Any, NoReturn

import anyio

from realtime_fast.errors import NotConnectedError, RealtimeError
from realtime_fast.events import ConnectionChange, Diagnostic, ErrorRaised
from realtime_fast.options import ConnectionState, ReconnectPolicy
from realtime_fast.session.acks import Command
from realtime_fast.session.attempt import Attempt, AttemptHost, Plan
from realtime_fast.session.core import DesiredState
from realtime_fast.session.retry import RetryBudget, is_permanent
from realtime_fast.session.states import AttemptState, public_state

logger = logging.getLogger(__name__)


class ConnectLoop:
    """Connects, reconnects after a loss, and restores what the service last acknowledged.

    Attributes:
        state: The public state.
        desired: The state that each attempt restores.
    """

    def __init__(
        self, plan: Plan, policy: ReconnectPolicy | None, desired: DesiredState, host: AttemptHost
    ) -> None:
        self.state: ConnectionState = "disconnected"
        self.desired = desired
        self._plan = plan
        self._host = host
        self._budget = RetryBudget(policy, random.random)
        self._attempt: Attempt | None = None
        self._was_live = False
        self._redial: tuple[int, float] | None = None

    @property
    def live(self) -> Attempt | None:
        """The attempt that is connected now."""
        return self._attempt if self.state in ("connected", "generating") else None

    async def run(self) -> NoReturn:
        """Stay connected until cancelled.

        Raises:
            RealtimeError: The failure is permanent, or the retry budget is spent. The state is
                `disconnected` and the one `error` event has been raised.
        """
        try:
            while True:
                failure, lived, told = await self._dial()
                delay = self._budget.delay_after(failure, lived=lived)
                if delay is None and self._plan.transport.falls_back and not is_permanent(failure):
                    delay = 0.0
                if delay is None:
                    self._set_state("disconnected")
                    if not told:
                        self._host.emit(ErrorRaised(failure))
                    raise failure
                logger.warning("%s: %s; reconnecting in %.1f s", failure.code, failure, delay)
                self._set_state("reconnecting" if self._was_live else "connecting")
                await anyio.sleep(delay)
        finally:
            self._set_state("disconnected")

    async def request(self, command: Command, *, timeout: float) -> None:
        """Send a command and wait for its acknowledgement, after which reconnects restore it.

        Raises:
            NotConnectedError: There is no live connection.
            RealtimeError: Rejected, not acknowledged within `timeout` seconds, or the connection was lost.
        """
        attempt = self.live
        if attempt is None:
            raise NotConnectedError(f"Not connected: the connection is {self.state}")
        await attempt.request(command, timeout=timeout)
        self.desired = self.desired.after(command)

    async def _dial(self) -> tuple[RealtimeError, float | None, bool]:
        """Run one attempt; returns its failure, the seconds it was live, and whether the user was told."""
        self._redial = (self._budget.attempt, time.monotonic()) if self._was_live else None
        attempt = self._attempt = Attempt(self._plan, self._host, self._publish_state)
        self._publish_state()
        try:
            failure = await attempt.run(self.desired)
        finally:
            self._attempt = None
        self._report_redial(failure)
        since = attempt.live_since
        return failure, None if since is None else time.monotonic() - since, attempt.core.told

    def _publish_state(self) -> None:
        """The attempt's state changed: report the public state if that changed too."""
        if self._attempt is None:
            return
        state, generation = self._attempt.states
        if state is AttemptState.CLOSED:
            return  # the verdict on the failure decides the public state
        self._set_state(public_state(state, generation, was_live=self._was_live))
        if state is AttemptState.LIVE:
            self._was_live = True
            self._report_redial(None)

    def _report_redial(self, failure: RealtimeError | None) -> None:
        if self._redial is None:
            return
        (attempt, started), self._redial = self._redial, None
        data: dict[str, Any] = {
            "attempt": attempt,
            "max_attempts": self._budget.max_attempts,
            "duration_ms": (time.monotonic() - started) * 1000,
            "success": failure is None,
        }
        if failure is not None:
            data["error"] = failure.message
        self._host.emit(Diagnostic("reconnect", data, time.time() * 1000))

    def _set_state(self, state: ConnectionState) -> None:
        if state != self.state:
            self.state = state
            self._host.emit(ConnectionChange(state))

"""Presence on a stage: keeps an events socket open, and processes its messages."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

import anyio

from realtime_fast.aio.backoff import Backoff
from realtime_fast.errors import InvalidInputError, StageError
from realtime_fast.ivs import events
from realtime_fast.ivs.events import (
    Disconnect,
    EventsLost,
    EventsRestored,
    JoinError,
    Pong,
    Reassign,
    StageEvent,
    StageState,
    TokenExchanged,
)
from realtime_fast.ivs.events_socket import EventsSocket, open_events
from realtime_fast.ivs.participant_token import StageToken
from realtime_fast.ivs.roster import Heartbeat
from realtime_fast.ivs.stage_host import StageHost
from realtime_fast.redaction import Secrets

REDIAL_DELAYS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each attempt to reopen the events socket; after so many that failed the stage counts as left."""

LIVED = 5.0
"""Seconds that a socket must last for the delays to begin anew."""

_JOIN_STATUS = {
    "TOKEN_INVALID": 401,
    "TOKEN_INVALID_SIGNATURE": 401,
    "TOKEN_MISSING": 401,
    "TOKEN_EXPIRED": 401,
    "PARTICIPANT_DISCONNECTED": 403,
    "STAGE_DELETED": 404,
}


class _OverError(Exception):
    """This participant is off the stage, and retrying cannot help."""

    def __init__(self, error: StageError) -> None:
        self.error = error


class _Exchange:
    """A request to exchange the token, and what became of it."""

    def __init__(self) -> None:
        self.id = token_hex(8)
        self.settled = anyio.Event()
        self.refusal: str | None = None

    def settle(self, refusal: str | None) -> None:
        self.refusal = refusal
        self.settled.set()


class Presence:
    """The presence of one participant.

    Args:
        host: Its token, and the other participants, which are kept up to date here.
        emit: Called with each event.
        reassigned: Called when the client must publish and subscribe again.
    """

    def __init__(
        self,
        host: StageHost,
        emit: Callable[[StageEvent], None],
        reassigned: Callable[[], None],
    ) -> None:
        self._host = host
        self._emit = emit
        self._reassigned = reassigned
        self._socket: EventsSocket | None = None
        self._own_state = events.set_state(audio_muted=True, video_stopped=True)
        self._exchange: _Exchange | None = None

    async def set_state(self, *, audio_muted: bool, video_stopped: bool) -> None:
        """Set this participant's own state, now and on later sockets."""
        self._own_state = events.set_state(audio_muted=audio_muted, video_stopped=video_stopped)
        if self._socket is not None:
            await self._socket.send(self._own_state)

    async def exchange_token(self, new: StageToken) -> None:
        """Have the stage go on with another token, as soon as there is a socket.

        Raises:
            InvalidInputError: An exchange is under way.
            StageError: The stage refused, or the socket was lost meanwhile.
        """
        while self._socket is None:
            self._host.check()
            await self._host.changed.wait()
        if self._exchange is not None:
            raise InvalidInputError("The token is being exchanged already: wait for that")
        exchange = self._exchange = _Exchange()
        try:
            old = self._host.token
            await self._socket.send(events.exchange_token(old.text, new.text, exchange.id, token_hex(8)))
            await exchange.settled.wait()
        finally:
            self._exchange = None
        if exchange.refusal is not None:
            raise StageError(f"The stage did not exchange the token: {exchange.refusal}")

    async def hold(self, joined: Callable[[], None]) -> StageError:
        """Join, call `joined`, and stay on the stage.

        Returns:
            Why that ended: the stage disconnected the participant, or the events socket could not be reopened.

        Raises:
            StageError: Joining failed.
        """
        was_joined = False
        failures = 0
        since: float | None = None
        pause = Backoff(REDIAL_DELAYS, enough=LIVED)

        def up() -> None:
            nonlocal was_joined, failures, since
            failures, since = 0, anyio.current_time()
            if was_joined:
                self._emit(EventsRestored())
            else:
                was_joined = True
                joined()

        while True:
            try:
                async with open_events(self._host.token, self._host.secrets) as socket:
                    await self._converse(socket, up)
            except _OverError as over:
                if not was_joined:
                    raise over.error from None
                return over.error
            except StageError as error:
                if not was_joined:
                    raise
                if error.status in (401, 403, 404) or failures == len(REDIAL_DELAYS):
                    return error
                lived = 0.0 if since is None else anyio.current_time() - since
                if since is None:
                    failures += 1
                else:
                    self._emit(EventsLost(error))
                since = None
                await anyio.sleep(pause.after(lived))
            finally:
                self._socket = None
                if self._exchange is not None:
                    self._exchange.settle("its events socket was lost before the answer")

    async def _converse(self, socket: EventsSocket, up: Callable[[], None]) -> None:
        """Process the messages of one socket until it closes."""
        self._host.roster.restart()
        heartbeat = Heartbeat(anyio.current_time())
        while True:
            message = None
            with anyio.move_on_after(heartbeat.deadline - anyio.current_time()):
                message = await socket.receive()
            now = anyio.current_time()
            match message:
                case StageState():
                    for event in self._host.roster.apply(message):
                        self._emit(event)
                    if self._socket is None:
                        self._socket = socket
                        await socket.send(self._own_state)
                        up()
                case Pong():
                    heartbeat.pong(now)
                case TokenExchanged(request_id, error):
                    if self._exchange is not None and self._exchange.id == request_id:
                        self._exchange.settle(None if error is None else self._said(error.message))
                case Reassign():
                    self._reassigned()
                case Disconnect():
                    reason = f": {self._said(message.reason)}" if message.reason else ""
                    raise _OverError(StageError(f"The stage disconnected this participant{reason}"))
                case JoinError():
                    raise _join_error(message, self._host.secrets)
            match heartbeat.tick(now):
                case "ping":
                    await socket.send(events.ping())
                case "dead":
                    raise StageError("The stage's events socket does not answer pings")

    def _said(self, text: str | None) -> str:
        return self._host.secrets.clean(text or "it does not say why")[:300]


def _join_error(message: JoinError, secrets: Secrets) -> _OverError | StageError:
    words = " ".join(str(word) for word in (message.code, message.message) if word not in (None, ""))
    error = StageError(
        f"The stage did not let this participant join: {secrets.clean(words)[:300]}",
        status=_JOIN_STATUS.get(str(message.code)),
    )
    return error if message.code == "INTERNAL" else _OverError(error)

"""Presence on a stage: keeps an events socket open, and processes its messages."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from realtime_fast.aio.backoff import Backoff
from realtime_fast.errors import StageError
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
)
from realtime_fast.ivs.events_socket import EventsSocket, open_events
from realtime_fast.ivs.participant_token import StageToken
from realtime_fast.ivs.roster import Heartbeat, Roster
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


class Presence:
    """The presence of one participant.

    Args:
        token: Its participant token.
        secrets: What no error may show.
        roster: The other participants, kept up to date here.
        emit: Called with each event.
        reassigned: Called when the client must publish and subscribe again.
    """

    def __init__(
        self,
        token: StageToken,
        secrets: Secrets,
        roster: Roster,
        emit: Callable[[StageEvent], None],
        reassigned: Callable[[], None],
    ) -> None:
        self._token = token
        self._secrets = secrets
        self._roster = roster
        self._emit = emit
        self._reassigned = reassigned
        self._socket: EventsSocket | None = None
        self._own_state = events.set_state(audio_muted=True, video_stopped=True)

    async def set_state(self, *, audio_muted: bool, video_stopped: bool) -> None:
        """Set this participant's own state, now and on later sockets."""
        self._own_state = events.set_state(audio_muted=audio_muted, video_stopped=video_stopped)
        if self._socket is not None:
            await self._socket.send(self._own_state)

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
                async with open_events(self._token, self._secrets) as socket:
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

    async def _converse(self, socket: EventsSocket, up: Callable[[], None]) -> None:
        """Process the messages of one socket until it closes."""
        self._roster.restart()
        heartbeat = Heartbeat(anyio.current_time())
        while True:
            message = None
            with anyio.move_on_after(heartbeat.deadline - anyio.current_time()):
                message = await socket.receive()
            now = anyio.current_time()
            match message:
                case StageState():
                    for event in self._roster.apply(message):
                        self._emit(event)
                    if self._socket is None:
                        self._socket = socket
                        await socket.send(self._own_state)
                        up()
                case Pong():
                    heartbeat.pong(now)
                case Reassign():
                    self._reassigned()
                case Disconnect():
                    reason = f": {self._secrets.clean(message.reason)[:300]}" if message.reason else ""
                    raise _OverError(StageError(f"The stage disconnected this participant{reason}"))
                case JoinError():
                    raise _join_error(message, self._secrets)
            match heartbeat.tick(now):
                case "ping":
                    await socket.send(events.ping())
                case "dead":
                    raise StageError("The stage's events socket does not answer pings")


def _join_error(message: JoinError, secrets: Secrets) -> _OverError | StageError:
    words = " ".join(str(word) for word in (message.code, message.message) if word not in (None, ""))
    error = StageError(
        f"The stage did not let this participant join: {secrets.clean(words)[:300]}",
        status=_JOIN_STATUS.get(str(message.code)),
    )
    return error if message.code == "INTERNAL" else _OverError(error)

"""What the parts of a stage client share: identity, settings, the end of the stage, and the readers of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio

from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.aio.http import HttpClient
from realtime_fast.errors import ConnectTimeoutError, RealtimeError, StageError
from realtime_fast.ivs.events import SendingFailed, StageEvent, StageLeft
from realtime_fast.ivs.participant_token import StageToken
from realtime_fast.ivs.roster import Roster
from realtime_fast.options import IceServer, SendOptions, VideoCodec
from realtime_fast.peer.link_events import LinkDiagnostic, StreamFailed
from realtime_fast.redaction import Secrets


@dataclass(eq=False)
class StageHost:
    """Shared by a stage, its presence and its streams.

    Attributes:
        token: Who one is, and where the stage is.
        timeout: Seconds for each phase.
        video_codec: What sent video prefers.
        ice_servers: STUN and TURN servers.
        sending: How media is sent.
        min_delay: Seconds that what is received is held back at least.
        on_diagnostic: Told what the peer connections notice.
        http: The client for WHIP and WHEP; set while the stage is entered.
        secrets: What no error or event may show: the token.
        roster: Who else is on the stage.
        over: What ended the stage, None while it lasts.
        changed: Set and replaced with every event, and by `wake`.
        readers: The queues of those who read events.
    """

    token: StageToken
    timeout: float
    video_codec: VideoCodec
    ice_servers: tuple[IceServer, ...]
    on_diagnostic: Callable[[LinkDiagnostic | StreamFailed], None] | None
    sending: SendOptions
    min_delay: float | None
    http: HttpClient = field(init=False)
    secrets: Secrets = field(init=False)
    roster: Roster = field(init=False)
    over: StageError | None = field(
        default_factory=lambda: StageError("The stage was not joined: enter it first")
    )
    changed: anyio.Event = field(default_factory=anyio.Event)
    readers: list[DropOldest[StageEvent]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.roster = Roster(self.token.claims.jti)
        self.secrets = Secrets(self.token.text)

    def emit(self, event: StageEvent) -> None:
        """Pass an event to every reader, and wake all waiters."""
        for reader in self.readers:
            reader.put(event)
        self.wake()

    def wake(self) -> None:
        """Have all waiters look again."""
        self.changed.set()
        self.changed = anyio.Event()

    def check(self) -> None:
        """Raise what ended the stage, if it is over."""
        if self.over is not None:
            raise self.over

    def end(self, why: StageError) -> None:
        """End the stage; only the first reason counts."""
        if self.over is None:
            self.over = why
            self.emit(StageLeft(why))
            for reader in self.readers:
                reader.close()

    def failed(self, what: str, cause: BaseException) -> None:
        """Something that sends died of this, while its stream goes on."""
        error = RealtimeError(f"{what} ended on {type(cause).__name__}: {cause}", transport="ivs")
        error.__cause__ = cause
        self.emit(SendingFailed(self.secrets.clean_error(error)))

    def is_publishing(self, participant_id: str) -> bool:
        """Whether another participant publishes, as last reported by the stage."""
        participant = self.roster.others.get(participant_id)
        return participant is not None and participant.is_publishing

    @contextmanager
    def limit(self, phase: str) -> Iterator[None]:
        """Bound a phase by the stage's timeout; raises ConnectTimeoutError."""
        try:
            with anyio.fail_after(self.timeout):
                yield
        except TimeoutError:
            raise ConnectTimeoutError(phase, self.timeout, transport="ivs") from None

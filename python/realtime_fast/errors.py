"""Every error this package raises, as one tree (docs/errors.md).

::

    RealtimeError
    ├── InvalidInputError (also ValueError)
    │   └── InvalidSubscribeTokenError
    ├── NotConnectedError
    ├── AuthenticationError          never retried
    ├── UnsupportedAiortcError       never retried
    ├── AckTimeoutError
    ├── ServerError                  the service's own words
    └── ConnectError                 a connection failed, or was lost
        ├── ControlChannelError      the WebSocket
        ├── LinkError                the media link
        │   ├── IceError             its path: ICE, DTLS, a peer that went silent
        │   ├── StageError           an Amazon IVS stage
        │   └── RoomError            a LiveKit room
        └── ConnectTimeoutError      a phase took longer than its limit

Each has a stable upper-case `code`. Those of a transport are prefixed with its name (`WEBRTC_ICE_ERROR`,
`IVS_WEBSOCKET_ERROR`), the others are not (`INVALID_INPUT`). The first cause is kept as `__cause__`. No message
contains an API key, a token or a URL that carries one.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

TransportName = Literal["webrtc", "ivs", "livekit"]
"""How media travels."""


class RealtimeError(Exception):
    """Base of all errors of this package.

    Attributes:
        message: One sentence: what was expected, what came, what to do.
        phase: The connect phase it happened in (`websocket`, `initial-prompt`, …), None outside of one.
        transport: The transport it happened on, None where none is involved.
    """

    _code: ClassVar[str] = "REALTIME_ERROR"
    _of_transport: ClassVar[bool] = False

    def __init__(
        self, message: str, *, phase: str | None = None, transport: TransportName | None = None
    ) -> None:
        Exception.__init__(self, message)  # by name: `accelerate` adds bases that take other arguments
        self.message = message
        self.phase = phase
        self.transport = transport

    def __reduce__(self) -> tuple[Any, ...]:
        # As it is: subclasses take other arguments than the message that `args` holds.
        return _rebuilt, (type(self), self.args), self.__dict__

    @property
    def code(self) -> str:
        """The stable upper-case code of this failure."""
        if self._of_transport:
            return f"{(self.transport or 'webrtc').upper()}_{self._code}"
        return self._code

    @property
    def cause(self) -> BaseException | None:
        """The first cause, the same object as `__cause__`."""
        return self.__cause__

    @property
    def data(self) -> dict[str, str]:
        """Where it happened: `phase` and `transport`, as far as known."""
        known = {"phase": self.phase, "transport": self.transport}
        return {name: value for name, value in known.items() if value is not None}

    def located(self, phase: str | None, transport: TransportName | None) -> Self:
        """Set `phase` and `transport` unless they are set; returns the error itself."""
        self.phase = self.phase or phase
        self.transport = self.transport or transport
        return self

    def because(self, reason: str) -> Self:
        """Add a reason to the message that became known otherwise; returns the error itself."""
        self.message = f"{self.message} ({reason})"
        self.args = (self.message,)
        return self


def _rebuilt(kind: type[RealtimeError], args: tuple[Any, ...]) -> RealtimeError:
    """An error that comes out of a pickle or a copy; its attributes follow as state."""
    error = kind.__new__(kind)
    error.args = args
    return error


class InvalidInputError(RealtimeError, ValueError):
    """An invalid argument, rejected before anything was sent."""

    _code = "INVALID_INPUT"


class InvalidSubscribeTokenError(InvalidInputError):
    """An invalid subscribe token; the message never contains it."""

    _code = "INVALID_SUBSCRIBE_TOKEN"

    def __init__(self) -> None:
        super().__init__("Invalid subscribe token")


class NotConnectedError(RealtimeError):
    """The call needs a live connection and there is none."""

    _code = "NOT_CONNECTED"


class AuthenticationError(RealtimeError):
    """The service rejected the API key, or denied access. Never retried."""

    _code = "AUTHENTICATION_ERROR"


class UnsupportedAiortcError(RealtimeError):
    """The installed aiortc, aioice or pylibsrtp lacks something this package needs: install a supported release."""

    _code = "UNSUPPORTED_AIORTC"


class AckTimeoutError(RealtimeError):
    """The service did not acknowledge a command in time."""

    _code = "ACK_TIMEOUT"
    _of_transport = True


class ServerError(RealtimeError):
    """The service reported a failure; the message is its own text.

    Attributes:
        status: The HTTP status that it came with, None where it came as a message.
    """

    _code = "SERVER_ERROR"
    _of_transport = True
    status: int | None = None


class ConnectError(RealtimeError):
    """A connection could not be established, or was lost.

    Attributes:
        status: The HTTP status of the refusal, None where it was none.
    """

    _code = "CONNECT_ERROR"
    _of_transport = True

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        phase: str | None = None,
        transport: TransportName | None = None,
    ) -> None:
        super().__init__(message, phase=phase, transport=transport)
        self.status = status


class ControlChannelError(ConnectError):
    """The control channel could not be opened, was lost, or carried an invalid message."""

    _code = "WEBSOCKET_ERROR"


class LinkError(ConnectError):
    """The media link failed. The control channel may know the reason, and is asked for it first."""

    _code = "LINK_ERROR"


class IceError(LinkError):
    """The media path failed: no candidate pair, a failed handshake, or a peer that went silent."""

    _code = "ICE_ERROR"


class StageError(LinkError):
    """An IVS stage refused, disconnected or failed."""

    _code = "STAGE_ERROR"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        phase: str | None = None,
        transport: TransportName | None = "ivs",
    ) -> None:
        super().__init__(message, status=status, phase=phase, transport=transport)


class RoomError(LinkError):
    """A LiveKit room refused this client, disconnected it or failed.

    Attributes:
        reason: Why the server ended the stay, in LiveKit's words (`ROOM_DELETED`, …), else None.
    """

    _code = "ROOM_ERROR"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        reason: str | None = None,
        phase: str | None = None,
        transport: TransportName | None = "livekit",
    ) -> None:
        super().__init__(message, status=status, phase=phase, transport=transport)
        self.reason = reason


class ConnectTimeoutError(ConnectError):
    """A connect phase took longer than its limit.

    Attributes:
        timeout_s: The limit in seconds.
    """

    _code = "TIMEOUT_ERROR"

    def __init__(self, phase: str, timeout_s: float, *, transport: TransportName | None = None) -> None:
        super().__init__(
            f"The {phase} phase was not done within {timeout_s:g} s", phase=phase, transport=transport
        )
        self.timeout_s = timeout_s

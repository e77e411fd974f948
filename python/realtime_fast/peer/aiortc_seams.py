"""Every private name of aiortc, aioice and pylibsrtp that this package uses; they are used nowhere else.

A `Seam` stands for one private name, and says what it is for and which upstream change would make it unnecessary. Any
release may change any of them, so importing this module compares all of them with the installed release, and
`require_supported` refuses to connect if one differs: no function is lost unnoticed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from types import FunctionType, ModuleType
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import aioice.ice
import aiortc.codecs
import pylibsrtp
from aioice import Candidate, Connection, ConnectionClosed, TransportPolicy
from aioice.ice import CandidatePair, StunProtocol
from aioice.turn import TurnClientProtocol, TurnTransport
from aiortc import (
    MediaStreamTrack,
    RTCDtlsTransport,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
)
from aiortc.rtcdtlstransport import State
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpReceiveParameters,
    RTCRtpSendParameters,
)
from aiortc.rtp import AnyRtcpPacket, RtpPacket
from aiortc.stats import RTCStatsReport, RTCTransportStats
from pylibsrtp import Session

from realtime_fast.errors import UnsupportedAiortcError

O = TypeVar("O")  # noqa: E741 - the owner
T = TypeVar("T")

Call: TypeAlias = Callable[..., Any]
Async: TypeAlias = Callable[..., Awaitable[None]]
Task: TypeAlias = "asyncio.Future[None] | None"
RtpHandler: TypeAlias = Callable[[RtpPacket, int], Awaitable[None]]
"""Takes a packet as `packet`, and its arrival as `arrival_time_ms`, milliseconds of the wall clock."""
RtcpHandler: TypeAlias = Callable[[AnyRtcpPacket], Awaitable[None]]

SUPPORTED = {"aiortc": "1.16", "aioice": "0.13", "pylibsrtp": "1.0"}
"""The releases that the tests run against; pyproject.toml has the same bounds."""


@dataclass(frozen=True)
class Seam(Generic[O, T]):
    """One private name of those libraries, with a value of type `T` on objects of type `O`.

    Attributes:
        owner: The class or module it belongs to.
        name: The name as written there, not mangled.
        kind: `attribute`, a function's signature like `async (data)`, or the type of a module's global.
        used_in: The method of `owner` that uses an attribute, which proves that it exists.
        attribute: The name as compiled.
    """

    owner: type[Any] | ModuleType
    name: str
    kind: str = "attribute"
    used_in: str = "__init__"
    attribute: str = field(init=False)

    ALL: ClassVar[list[Seam[Any, Any]]] = []
    """Every seam; each declared one is checked."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "attribute", self._mangled(self.name))  # frozen, but this is its making
        self.ALL.append(self)

    def of(self, obj: O) -> T:
        """The value of `obj` under this name; methods are bound."""
        value: T = getattr(obj, self.attribute)
        return value

    def put(self, obj: O, value: T) -> None:
        """Set the value of `obj`, and of no other object, under this name."""
        setattr(obj, self.attribute, value)

    def fault(self) -> str | None:
        """How the installed release differs from what is expected, None if it does not."""
        owner, found = self.owner.__name__, vars(self.owner).get(self.attribute)
        if self.kind == "attribute":
            user = vars(self.owner).get(self._mangled(self.used_in))
            if not isinstance(user, FunctionType) or self.attribute not in user.__code__.co_names:
                where = owner if self.used_in == "__init__" else f"{owner}.{self.used_in}"
                return f"{where} has no {self.name}"
            return None if found is None else f"{owner}.{self.name} is not an attribute"
        if found is None:
            return f"{owner} has no {self.name}"
        return None if _kind(found) == self.kind else f"{owner}.{self.name} is not {self.kind}"

    def _mangled(self, name: str) -> str:
        private = name.startswith("__") and not name.endswith("__")
        return f"_{self.owner.__name__}{name}" if private else name


def _kind(found: object) -> str:
    if not isinstance(found, FunctionType):
        return type(found).__name__
    code = found.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    word = "async " if code.co_flags & inspect.CO_COROUTINE else ""
    return f"{word}({', '.join(name for name in names if name != 'self')})"


# --- Peer connection: set-up, closing, what was negotiated

Seam[Any, Any](RTCPeerConnection, "__connect", "async ()")
Seam[Any, Any](RTCPeerConnection, "__createTransceiver", "(direction, kind, sender_track)")


class OpenPeerConnection(RTCPeerConnection):
    """A peer connection whose subclasses take part in its set-up."""

    async def connect_transports(self) -> None:
        """Set up what both descriptions allow by now.

        aiortc runs it in tasks whose failures it drops. Goes when those tasks have an owner.
        """
        await super()._RTCPeerConnection__connect()  # type: ignore[misc]

    def transceiver_created(self, transceiver: RTCRtpTransceiver) -> None:
        """Called before anything uses a new transceiver: the moment to replace its halves.

        Goes when the classes of sender and receiver can be passed to the connection.
        """

    async def _RTCPeerConnection__connect(self) -> None:  # noqa: N802
        await self.connect_transports()

    def _RTCPeerConnection__createTransceiver(self, *args: Any, **wanted: Any) -> RTCRtpTransceiver:  # noqa: N802
        made: RTCRtpTransceiver = super()._RTCPeerConnection__createTransceiver(*args, **wanted)  # type: ignore[misc]
        self.transceiver_created(made)
        return made


ice_transports = Seam[RTCPeerConnection, set[RTCIceTransport]](RTCPeerConnection, "__iceTransports")
"""All ICE transports: after a bad description `close` forgets some. Goes when it closes all of them."""
send_parameters = Seam[RTCPeerConnection, Callable[[RTCRtpTransceiver], RTCRtpSendParameters]](
    RTCPeerConnection, "__localRtp", "(transceiver)"
)
"""What was negotiated for sending. Goes when a sender has W3C's `getParameters`."""
receive_parameters = Seam[RTCPeerConnection, Callable[[RTCRtpTransceiver], RTCRtpReceiveParameters]](
    RTCPeerConnection, "__remoteRtp", "(transceiver)"
)
"""What was negotiated for receiving, the far side's SSRCs in `encodings`. Goes when a receiver has `getParameters`."""
negotiated_codecs = Seam[RTCRtpTransceiver, list[RTCRtpCodecParameters]](RTCRtpTransceiver, "_codecs")
"""The negotiated codecs, the one to send first. Goes with `getParameters`."""
negotiated_extensions = Seam[RTCRtpTransceiver, list[RTCRtpHeaderExtensionParameters]](
    RTCRtpTransceiver, "_headerExtensions"
)
"""The negotiated header extensions, with their ids. Goes with `getParameters`."""
sender = Seam[RTCRtpTransceiver, RTCRtpSender](RTCRtpTransceiver, "__sender")
"""Replaced by a subclass. Goes when the class can be passed to the connection."""
receiver = Seam[RTCRtpTransceiver, RTCRtpReceiver](RTCRtpTransceiver, "__receiver")
"""As `sender`."""
cname = Seam[RTCPeerConnection, str](RTCPeerConnection, "__cname")
"""The name that ties our streams together, as our description says. Goes with `getParameters`."""
offered_codecs = Seam[ModuleType, dict[str, list[RTCRtpCodecParameters]]](aiortc.codecs, "CODECS", "dict")
"""By kind, for the whole process. Goes when a connection can be told what to offer."""
offered_extensions = Seam[ModuleType, dict[str, list[RTCRtpHeaderExtensionParameters]]](
    aiortc.codecs, "HEADER_EXTENSIONS", "dict"
)
"""As `offered_codecs`; audio and video share one space of ids."""

# --- DTLS: plain packets in and out, role, counters

send_data = Seam[RTCDtlsTransport, Async](RTCDtlsTransport, "_send_data", "async (data)")
"""Sends for data channels; see `forgive_data`. Goes when SCTP's timers look whether the transport is still there."""
rtp_in = Seam[RTCDtlsTransport, Async](RTCDtlsTransport, "_handle_rtp_data", "async (data, arrival_time_ms)")
"""Called with each RTP datagram, decrypted. Goes, as the next eight, when the transport has plain packets in public."""
rtcp_in = Seam[RTCDtlsTransport, Async](RTCDtlsTransport, "_handle_rtcp_data", "async (data)")
"""The same for RTCP."""
dtls_state = Seam[RTCDtlsTransport, State](RTCDtlsTransport, "_state")
"""`RTCDtlsTransport.state` without making a string of it."""
srtp_in = Seam[RTCDtlsTransport, "Session | None"](RTCDtlsTransport, "_rx_srtp")
"""Decrypts; None until there are keys."""
srtp_out = Seam[RTCDtlsTransport, Session](RTCDtlsTransport, "_tx_srtp")
"""Encrypts."""
_srtp_ffi = Seam[ModuleType, Any](pylibsrtp, "ffi", "FFI")
_srtp_memory = Seam[Session, Any](Session, "_cdata")
_srtp_view = Seam[Session, Any](Session, "_buffer")


def widen(session: Session, size: int) -> None:
    """Give a session room for packets of `size` bytes. Goes, with the three above, when 1500 fit without."""
    ffi = _srtp_ffi.of(pylibsrtp)
    memory = ffi.new("char[]", size)
    _srtp_memory.put(session, memory)
    _srtp_view.put(session, ffi.buffer(memory))


Counter: TypeAlias = Seam[RTCDtlsTransport, int]
bytes_in = Counter(RTCDtlsTransport, "__rx_bytes")
"""Counted by whoever takes a datagram, as the next three."""
packets_in = Counter(RTCDtlsTransport, "__rx_packets")
bytes_out = Counter(RTCDtlsTransport, "__tx_bytes")
packets_out = Counter(RTCDtlsTransport, "__tx_packets")
_stats = Seam[RTCDtlsTransport, Callable[[], RTCStatsReport]](RTCDtlsTransport, "_get_stats", "()")
set_role = Seam[RTCDtlsTransport, Callable[[str], None]](RTCDtlsTransport, "_set_role", "(role)")
"""An answer settles the role, whatever ICE's is. Goes when the constructor takes it."""


def transport_stats(transport: RTCDtlsTransport) -> RTCTransportStats:
    """Packets, bytes, roles and state. Goes when the transport has a public `getStats`."""
    (stats,) = _stats.of(transport)().values()
    assert isinstance(stats, RTCTransportStats)
    return stats


# --- ICE: gathering, checks, aborting

ice_connection = Seam[RTCIceTransport, Connection](RTCIceTransport, "_connection")
"""aioice's connection of a transport, which everything below needs. Goes with the last of that."""
transport_policy = Seam[Connection, TransportPolicy](Connection, "_transport_policy")
"""What may be gathered. Goes, as all of gathering, when aioice bounds its own and survives its cancellation."""
local_username = Seam[Connection, str](Connection, "_local_username")
"""Replaced when the far side restarts ICE. Goes, with the next, when aioice can restart."""
local_password = Seam[Connection, str](Connection, "_local_password")
"""As `local_username`."""
gathering_begun = Seam[Connection, bool](Connection, "_local_candidates_start")
"""Keeps aioice from gathering too. Part of gathering."""
gathering_ended = Seam[Connection, bool](Connection, "_local_candidates_end")
"""`Connection.connect` demands it. Part of gathering."""
local_candidates = Seam[Connection, list[Candidate]](Connection, "_local_candidates")
"""The list itself, `Connection.local_candidates` being a copy. Part of gathering."""
protocols = Seam[Connection, list[StunProtocol]](Connection, "_protocols")
"""The sockets: gathering adds them, `abort` and `mute` end them. Goes with both."""
nominated = Seam[Connection, dict[int, CandidatePair]](Connection, "_nominated")
"""The pair in use, by component. Goes when aioice reports the selected pair and its round trip."""
check_list = Seam[Connection, list[CandidatePair]](Connection, "_check_list")
"""Checks to cancel. Goes, as all of `abort`, when aioice can end without waiting for anything."""
consent_checks = Seam[Connection, Async](Connection, "query_consent", "async ()")
"""Replaced. Goes when aioice waits longer than half a second for an answer, and asks again when there is none."""
consent_task = Seam[Connection, Task](Connection, "_query_consent_task")
"""Cancelled. Part of `abort`, and of the checks."""
datagram_received = Seam[StunProtocol, Callable[[bytes, tuple[Any, ...]], None]](
    StunProtocol, "datagram_received", "(data, addr)"
)
"""Called with each datagram. Goes when strangers' datagrams harm neither aioice nor aiortc."""
datagram_in = Seam[Connection, Callable[[bytes, int], None]](Connection, "data_received", "(data, component)")
"""Called with each datagram but STUN's. Goes with `rtp_in`."""
received = Seam[Connection, "asyncio.Queue[tuple[bytes, int] | None]"](Connection, "_queue")
"""Received datagrams; None wakes the reader. Part of `abort`."""
closed = Seam[Connection, bool](Connection, "_closed")
"""Whether the end was announced. Part of `abort`."""
emit_event = Seam[Connection, Callable[[ConnectionClosed], None]](Connection, "_emit_event", "(event)")
"""Announces the end. Part of `abort`."""
turn_client = Seam[TurnTransport, TurnClientProtocol](TurnTransport, "__inner_protocol")
"""Holds the socket to the relay. Goes, as the next two, when `TurnTransport` has a transport's `abort`."""
turn_close_task = Seam[TurnTransport, Task](TurnTransport, "__close_task")
"""Gives a silent TURN server half a minute. Part of `abort`."""
turn_send_tasks = Seam[TurnTransport, set[asyncio.Task[None]]](TurnTransport, "__send_tasks")
"""Wait as long for a channel. Part of `abort`."""

Seam[Any, Any](aioice.ice, "get_host_addresses", "(use_ipv4, use_ipv6)")
Seam[Any, Any](
    aioice.ice,
    "relayed_candidate",
    "async (component, hide_related_address, protocol_factory, turn_server, turn_username, turn_password, "
    "turn_ssl, turn_transport)",
)


def forgive_data(dtls: RTCDtlsTransport) -> None:
    """Let data channels send into a transport that is gone: their timers do, in tasks that nobody waits for."""
    send = send_data.of(dtls)

    async def forgiving(data: bytes) -> None:
        with suppress(ConnectionError):
            await send(data)

    send_data.put(dtls, forgiving)


def host_addresses() -> list[str]:
    """This machine's addresses without loopback. Part of gathering."""
    return aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True)


async def relayed_candidate(
    connection: Connection, component: int, server: tuple[str, int]
) -> tuple[Candidate, StunProtocol]:
    """Have a TURN server relay for `connection`. Part of gathering.

    Raises:
        OSError: The server cannot be reached, or its answer is incomplete.
        aioice.stun.TransactionError: It refused, or did not answer.
    """
    return await aioice.ice.relayed_candidate(
        component=component,
        # The related address would reveal what the policy hides (RFC 9429 section 3.5.3).
        hide_related_address=transport_policy.of(connection) is TransportPolicy.RELAY,
        protocol_factory=lambda: StunProtocol(connection),
        turn_server=server,
        turn_username=connection.turn_username,
        turn_password=connection.turn_password,
        turn_ssl=connection.turn_ssl,
        turn_transport=connection.turn_transport,
    )


# --- What a half of a transceiver keeps to itself

ssrc = Seam[RTCRtpSender, int](RTCRtpSender, "_ssrc")
"""The SSRC in our description. Goes when a sender has `getParameters`."""
rtx_ssrc = Seam[RTCRtpSender, int](RTCRtpSender, "_rtx_ssrc")
"""The SSRC of retransmissions. Goes as `ssrc`."""
sending_enabled = Seam[RTCRtpSender, bool](RTCRtpSender, "_enabled")
"""Whether the negotiated direction has us send. Goes when the transceiver tells of changes."""
receiver_kind = Seam[RTCRtpReceiver, str](RTCRtpReceiver, "__kind")
"""Audio or video, known before there is a track."""
remote_track = Seam[RTCRtpReceiver, MediaStreamTrack | None](RTCRtpReceiver, "_track")
"""The track that the connection made for it, whose id is that of the description. Goes when the connection lets a
receiver make its own."""


def find_fault() -> str | None:
    """Why an installed release cannot be used, None if all can."""
    faults: dict[str, list[str]] = {}
    for seam in Seam.ALL:
        if (fault := seam.fault()) is not None:
            module = getattr(seam.owner, "__module__", seam.owner.__name__)
            faults.setdefault(module.partition(".")[0], []).append(fault)
    for library, found in faults.items():
        installed, supported = version(library), SUPPORTED[library]
        return f"unsupported {library} {installed}: {', '.join(found)}; realtime_fast supports {supported}"
    return None


_fault = find_fault()


def require_supported() -> None:
    """Refuse to connect on top of a release that lacks a seam.

    Raises:
        UnsupportedAiortcError: Names what is missing, the installed release and the supported one.
    """
    if _fault is not None:
        raise UnsupportedAiortcError(_fault)

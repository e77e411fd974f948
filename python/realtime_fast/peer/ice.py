"""ICE on top of aioice: bounded gathering that leaves no tasks behind, restarts, and ends that are quick.

aioice's own gathering waits five seconds for a STUN server that does not answer, leaves its tasks behind when
it is cancelled, and finds no candidate at all on a machine that has only the loopback interface.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import anyio
from aioice import Candidate, Connection, ConnectionClosed, TransportPolicy, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol
from aioice.turn import TurnTransport

from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer import consent
from realtime_fast.peer.consent import COMPONENT
from realtime_fast.peer.demultiplexing import demultiplex

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
STUN_LIMIT = 0.3
"""Seconds to wait for STUN servers. A reflexive candidate that comes later is worth less than the wait: a
far side with a public address learns it from the first check (peer-reflexive, RFC 8445 section 7.3.1.3)."""
TURN_LIMIT = 5.0
"""Seconds to wait for a TURN server: where one is configured, it is usually needed to connect."""

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_lookups: dict[str, threading.Thread] = {}
"""Names being looked up. A resolver can hang, so there is one thread for a name, not one for a connection."""


@dataclass(frozen=True, slots=True)
class CandidatePair:
    """The nominated pair; each side as address, port, protocol, candidate_type."""

    local: dict[str, Any]
    remote: dict[str, Any]


async def gather(connection: Connection) -> None:
    """Gather within `STUN_LIMIT` (with TURN: `TURN_LIMIT`); on loopback if there is no other address.

    Does what `Connection.gather_candidates` does, which has nothing left to do after it, and has consent checked as it
    is here. With the relay policy there are relays only (RFC 9429 section 3.5.3), and without a TURN server nothing.
    Cancelled at any moment it leaves no task, and no socket that `Connection.close` does not know.
    """
    if seams.gathering_begun.of(connection):
        return
    stun_server, turn_server = connection.stun_server, connection.turn_server
    connection.stun_server = connection.turn_server = None
    candidates: list[Candidate] = []
    addresses: list[str] = []
    if seams.transport_policy.of(connection) is TransportPolicy.ALL:
        addresses = seams.host_addresses() or [LOOPBACK]
    elif turn_server is None:
        logger.warning("Only relays may be used, and there is no TURN server: no path can be found")
    try:
        for address in addresses:
            # One by one: only what is returned belongs to the connection.
            candidates += await connection.get_component_candidates(COMPONENT, [address])
    finally:
        connection.stun_server, connection.turn_server = stun_server, turn_server
    hosts = list(seams.protocols.of(connection))
    for protocol in hosts:
        demultiplex(protocol)
    with anyio.move_on_after(TURN_LIMIT if turn_server else STUN_LIMIT):
        async with anyio.create_task_group() as tasks:
            if stun_server and hosts:
                tasks.start_soon(_reflexive, hosts, stun_server, candidates)
            if turn_server:
                tasks.start_soon(_relayed, connection, turn_server, candidates)
    seams.local_candidates.of(connection).extend(candidates)
    seams.gathering_begun.put(connection, True)
    seams.gathering_ended.put(connection, True)
    consent.of(connection)


async def _reflexive(hosts: list[StunProtocol], server: tuple[str, int], found: list[Candidate]) -> None:
    addresses = await resolve(server[0])
    if not addresses:
        logger.debug("STUN server %s has no address", server[0])
        return

    async def ask(protocol: StunProtocol, address: str) -> None:
        base = protocol.local_candidate
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        try:
            response, _ = await protocol.request(request, (address, server[1]))
            host, port = response.attributes["XOR-MAPPED-ADDRESS"]
        except (stun.TransactionError, KeyError) as exc:
            logger.debug("STUN server %s gave no reflexive candidate: %r", server[0], exc)
            return
        found.append(
            Candidate(
                foundation=candidate_foundation("srflx", "udp", base.host),
                component=base.component,
                transport=base.transport,
                priority=candidate_priority(base.component, "srflx"),
                host=host,
                port=port,
                type="srflx",
                related_address=base.host,
                related_port=base.port,
            )
        )

    async with anyio.create_task_group() as tasks:
        for protocol in hosts:
            own = ipaddress.ip_address(protocol.local_candidate.host)
            for address in addresses:
                # Of its own family, and from the loopback interface nothing but that is in reach.
                if address.version == own.version and (address.is_loopback or not own.is_loopback):
                    tasks.start_soon(ask, protocol, str(address))
                    break


async def _relayed(connection: Connection, server: tuple[str, int], found: list[Candidate]) -> None:
    try:
        candidate, protocol = await seams.relayed_candidate(connection, COMPONENT, server)
    except (OSError, stun.TransactionError) as exc:
        logger.warning("TURN server %s gave no relay candidate: %r", server[0], exc)
        return
    demultiplex(protocol)
    found.append(candidate)
    seams.protocols.of(connection).append(protocol)


async def resolve(name: str) -> list[IPAddress]:
    """The addresses of `name`, none when it has none or a lookup of it already hangs.

    Runs in a thread of its own: a resolver that hangs in the loop's executor would keep the program from exiting.
    """
    with suppress(ValueError):
        return [ipaddress.ip_address(name)]
    if (running := _lookups.get(name)) and running.is_alive():
        return []
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[IPAddress]] = loop.create_future()

    def settle(addresses: list[IPAddress]) -> None:
        if not answer.done():
            answer.set_result(addresses)

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
            addresses = [ipaddress.ip_address(str(place[0]).partition("%")[0]) for *_, place in found]
        except (OSError, UnicodeError):  # no such name, or none that could be
            addresses = []
        with suppress(RuntimeError):  # the loop ended while the resolver was busy
            loop.call_soon_threadsafe(settle, addresses)

    thread = _lookups[name] = threading.Thread(target=look_up, name=f"resolve-{name}", daemon=True)
    thread.start()
    return await answer


def renew_credentials(connection: Connection) -> None:
    """Take new credentials, for the next description to name: our half of an ICE restart (RFC 8839, 4.4.3).

    Sockets, candidates and the pair in use stay as they are; the far side checks them anew.
    """
    seams.local_username.put(connection, secrets.token_hex(4))
    seams.local_password.put(connection, secrets.token_hex(12))


def selected_pair(connection: Connection) -> CandidatePair | None:
    """The nominated candidate pair, None while there is none."""
    pair = seams.nominated.of(connection).get(COMPONENT)
    if pair is None:
        return None
    return CandidatePair(described(pair.local_candidate), described(pair.remote_candidate))


def abort(connection: Connection) -> None:
    """Abort the connection's sockets and tasks at once, without telling the far side."""
    for task in (seams.consent_task.of(connection), *(pair.task for pair in seams.check_list.of(connection))):
        if task is not None:
            task.cancel()
    for protocol in seams.protocols.of(connection):
        _abort_transport(protocol.transport)
    seams.received.of(connection).put_nowait(None)  # wakes whoever waits for a packet
    if not seams.closed.of(connection):
        seams.closed.put(connection, True)
        seams.emit_event.of(connection)(ConnectionClosed())


def _abort_transport(transport: asyncio.DatagramTransport | TurnTransport | _Mute) -> None:
    if isinstance(transport, _Mute):
        transport = transport.muted
    if not isinstance(transport, TurnTransport):
        transport.abort()
        return
    client = seams.turn_client.of(transport)
    sending = seams.turn_send_tasks.of(transport)
    for task in (client.refresh_task, seams.turn_close_task.of(transport), *sending):
        if task is not None:
            task.cancel()
    client.transport.abort()


def mute(connection: Connection) -> None:
    """From now on drop what is sent on the connection's sockets; they stay open."""
    for protocol in seams.protocols.of(connection):
        protocol.transport = cast("asyncio.DatagramTransport", _Mute(protocol.transport))


class _Mute:
    """A datagram transport that drops what it is given to send."""

    def __init__(self, muted: asyncio.DatagramTransport) -> None:
        self.muted = muted

    def sendto(self, data: bytes, address: object = None) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self.muted, name)


def described(candidate: Candidate) -> dict[str, Any]:
    """A candidate as address, port, protocol and candidate_type."""
    return {
        "address": candidate.host,
        "port": candidate.port,
        "protocol": candidate.transport.lower(),
        "candidate_type": candidate.type,
    }

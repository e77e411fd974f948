"""ICE on top of aioice: gathering that is bounded and owned, and a check whether the far side still answers.

aioice's own gathering waits five seconds for a STUN server that does not answer, leaves its tasks behind when
it is cancelled, and finds no candidate at all on a machine that has only the loopback interface.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import anyio
from aioice import Candidate, Connection, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import ConnectionClosed, StunProtocol, get_host_addresses, relayed_candidate

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
COMPONENT = 1
"""RTP; RTCP shares it (RFC 5761)."""
STUN_LIMIT = 0.3
"""Seconds to wait for STUN servers. A reflexive candidate that comes later is worth less than the wait: a
far side with a public address learns it from the first check (peer-reflexive, RFC 8445 section 7.3.1.3)."""
TURN_LIMIT = 5.0
"""Seconds to wait for a TURN server: whoever configures one usually cannot connect without it."""

_lookups: dict[str, threading.Thread] = {}
"""Names being looked up. A resolver can hang, so there is one thread for a name, not one for a connection."""


@dataclass(frozen=True, slots=True)
class CandidatePair:
    """The nominated pair; each side as address, port, protocol, candidate_type."""

    local: dict[str, Any]
    remote: dict[str, Any]


async def gather(connection: Connection) -> None:
    """Gather within `STUN_LIMIT` (with TURN: `TURN_LIMIT`); on loopback if there is no other address.

    Does what `Connection.gather_candidates` does, which has nothing left to do after it. Cancelled at any
    moment it leaves no task, and no socket that `Connection.close` does not know.
    """
    if connection._local_candidates_start:
        return
    stun_server, turn_server = connection.stun_server, connection.turn_server
    connection.stun_server = connection.turn_server = None
    candidates: list[Candidate] = []
    try:
        for address in get_host_addresses(use_ipv4=True, use_ipv6=True) or [LOOPBACK]:
            # One by one: only what is returned belongs to the connection.
            candidates += await connection.get_component_candidates(COMPONENT, [address])
    finally:
        connection.stun_server, connection.turn_server = stun_server, turn_server
    hosts = list(connection._protocols)
    with anyio.move_on_after(TURN_LIMIT if turn_server else STUN_LIMIT):
        async with anyio.create_task_group() as tasks:
            if stun_server:
                tasks.start_soon(_reflexive, hosts, stun_server, candidates)
            if turn_server:
                tasks.start_soon(_relayed, connection, turn_server, candidates)
    connection._local_candidates += candidates
    connection._local_candidates_start = connection._local_candidates_end = True


async def _reflexive(hosts: list[StunProtocol], server: tuple[str, int], found: list[Candidate]) -> None:
    address = await _resolve(server[0])
    if address is None:
        logger.debug("STUN server %s has no address", server[0])
        return

    async def ask(protocol: StunProtocol) -> None:
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
            address_of = ipaddress.ip_address(protocol.local_candidate.host)
            if address_of.version == 4 and not address_of.is_loopback:
                tasks.start_soon(ask, protocol)


async def _relayed(connection: Connection, server: tuple[str, int], found: list[Candidate]) -> None:
    try:
        candidate, protocol = await relayed_candidate(
            component=COMPONENT,
            hide_related_address=False,
            protocol_factory=lambda: StunProtocol(connection),
            turn_server=server,
            turn_username=connection.turn_username or "",
            turn_password=connection.turn_password or "",
            turn_ssl=connection.turn_ssl,
            turn_transport=connection.turn_transport,
        )
    except (OSError, stun.TransactionError) as exc:
        logger.warning("TURN server %s gave no relay candidate: %r", server[0], exc)
        return
    found.append(candidate)
    connection._protocols.append(protocol)


async def _resolve(name: str) -> str | None:
    """The IPv4 address of `name`, None when there is none or a lookup of it already hangs.

    A thread of its own, not the loop's executor, which would keep a program from ending while a resolver
    hangs.
    """
    with suppress(ValueError):
        return str(ipaddress.IPv4Address(name))
    if (running := _lookups.get(name)) and running.is_alive():
        return None
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | None] = loop.create_future()

    def settle(address: str | None) -> None:
        if not answer.done():
            answer.set_result(address)

    def look_up() -> None:
        try:
            address = socket.gethostbyname(name)
        except OSError:
            address = None
        with suppress(RuntimeError):  # the loop ended while the resolver was busy
            loop.call_soon_threadsafe(settle, address)

    thread = _lookups[name] = threading.Thread(target=look_up, name=f"resolve-{name}", daemon=True)
    thread.start()
    return await answer


async def round_trip(connection: Connection, within: float) -> float | None:
    """Seconds the far side takes to answer a binding request (consent check, RFC 7675), None if it does not."""
    pair = connection._nominated.get(COMPONENT)
    if pair is None or connection.remote_password is None:
        return None
    request = connection.build_request(pair, nominate=False)
    key = connection.remote_password.encode()
    begin = time.monotonic()
    with anyio.move_on_after(within), suppress(stun.TransactionError):
        await pair.protocol.request(request, pair.remote_addr, integrity_key=key)
        return time.monotonic() - begin
    return None


def selected_pair(connection: Connection) -> CandidatePair | None:
    """The nominated candidate pair, None while there is none."""
    pair = connection._nominated.get(COMPONENT)
    if pair is None:
        return None
    return CandidatePair(described(pair.local_candidate), described(pair.remote_candidate))


def abort(connection: Connection) -> None:
    """End the connection's sockets and tasks at once, without a word to anybody: the hard end of a close."""
    for task in (connection._query_consent_task, *(pair.task for pair in connection._check_list)):
        if task is not None:
            task.cancel()
    for protocol in connection._protocols:
        protocol.transport.abort()
    connection._queue.put_nowait(None)  # whoever waits for a packet
    if not connection._closed:
        connection._closed = True
        connection._emit_event(ConnectionClosed())


def mute(connection: Connection) -> None:
    """From now on send nothing on the connection's sockets, while they stay open."""
    for protocol in connection._protocols:
        protocol.transport = cast("asyncio.DatagramTransport", _Mute(protocol.transport))


class _Mute:
    """A datagram transport that loses whatever it is given to send."""

    def __init__(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def sendto(self, data: bytes, address: object = None) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def described(candidate: Candidate) -> dict[str, Any]:
    """A candidate as address, port, protocol and candidate_type."""
    return {
        "address": candidate.host,
        "port": candidate.port,
        "protocol": candidate.transport.lower(),
        "candidate_type": candidate.type,
    }

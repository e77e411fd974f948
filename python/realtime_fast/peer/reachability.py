"""Whether STUN and TURN servers can be reached from here, without a session (RFC 8489, RFC 8656)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import anyio
from aioice import Connection, TransportPolicy, stun

from realtime_fast.options import IceServer
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer import ice
from realtime_fast.peer.ice_servers import IceServers

RESEND_AFTER = 0.5
"""Seconds after which a request to a STUN server is sent once more."""


@dataclass(frozen=True, slots=True)
class Reachability:
    """What answered.

    Attributes:
        has_stun: Whether there was a STUN server to ask.
        has_turn: Whether there was a TURN server to ask.
        round_trip: Seconds that the STUN server took, None if it did not answer.
        relay: Whether the TURN server relays.
    """

    has_stun: bool
    has_turn: bool
    round_trip: float | None
    relay: bool


async def reach(ice_servers: Sequence[IceServer], within: float) -> Reachability:
    """Ask the first STUN and the first TURN server.

    Args:
        ice_servers: The servers.
        within: Seconds for both, at once.

    Raises:
        InvalidInputError: An ICE server's URL is invalid.
        UnsupportedAiortcError: The installed aiortc, aioice or pylibsrtp is not supported.
    """
    seams.require_supported()
    servers = IceServers.parse(ice_servers)
    round_trip: float | None = None
    relay = False

    async def ask() -> None:
        nonlocal round_trip
        if servers.stun is not None:
            round_trip = await stun_round_trip(servers.stun)

    async def allocate() -> None:
        nonlocal relay
        if servers.turn is not None:
            relay = await _relays(servers)

    with anyio.move_on_after(within):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(allocate)
    return Reachability(servers.stun is not None, servers.turn is not None, round_trip, relay)


async def stun_round_trip(server: tuple[str, int]) -> float | None:
    """Seconds that a STUN server takes to answer a binding request; waits until it does. None if it has no address."""
    addresses = await ice.resolve(server[0])
    if not addresses:
        return None
    # `connect` makes the system report a closed port, and drops what comes from elsewhere.
    transport, asking = await asyncio.get_running_loop().create_datagram_endpoint(
        _Asking, remote_addr=(str(addresses[0]), server[1])
    )
    try:
        while True:
            asking.ask()
            with anyio.move_on_after(RESEND_AFTER):
                return await asking.answered()
    finally:
        transport.close()


class _Asking(asyncio.DatagramProtocol):
    """Binding requests, each with its own id, so that an answer tells which one it is for."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None
        self._sent: dict[bytes, float] = {}
        self._answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def ask(self) -> None:
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        self._sent[request.transaction_id] = time.monotonic()
        if self._transport is not None:
            self._transport.sendto(bytes(request))

    async def answered(self) -> float:
        return await asyncio.shield(self._answer)

    def datagram_received(self, data: bytes, _: object) -> None:
        with suppress(ValueError):
            message = stun.parse_message(data)
            sent = self._sent.get(message.transaction_id)
            if sent is not None and not self._answer.done():
                self._answer.set_result(time.monotonic() - sent)

    def error_received(self, _: Exception) -> None:
        """The port is closed now; the server may still start."""


async def _relays(servers: IceServers) -> bool:
    connection = Connection(ice_controlling=True, transport_policy=TransportPolicy.RELAY)
    servers.give_to(connection)
    try:
        await ice.gather(connection)
        return any(candidate.type == "relay" for candidate in connection.local_candidates)
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(1):
            await connection.close()

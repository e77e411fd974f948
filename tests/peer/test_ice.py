"""Gathering through a relay, the relay-only policy, and the hard end of a connection that uses one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import anyio
import pytest
from aioice import Connection, TransportPolicy, stun
from aiortc import VideoStreamTrack

from realtime_fast.options import IceServer
from realtime_fast.peer import ice, open_peer

from tests.support import leaving_nothing

RELAY = ("192.0.2.7", 4444)
SEEN_AS = ("198.51.100.9", 5555)


class Turn(asyncio.DatagramProtocol):
    """A TURN server that allocates, without asking who wants it, and relays nothing (RFC 8656)."""

    def __init__(self) -> None:
        self.deaf = False
        self.asked: list[stun.Method] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.address: tuple[str, int] = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = stun.parse_message(data)
        self.asked.append(request.message_method)
        if not self.deaf:
            answer = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
            answer.attributes["LIFETIME"] = request.attributes.get("LIFETIME", 600)
            if request.message_method is stun.Method.ALLOCATE:
                answer.attributes |= {"XOR-RELAYED-ADDRESS": RELAY, "XOR-MAPPED-ADDRESS": SEEN_AS}
            self._transport.sendto(bytes(answer), addr)


@asynccontextmanager
async def turn_server() -> AsyncIterator[Turn]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        Turn, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()


def connection(policy: TransportPolicy, server: Turn | None) -> Connection:
    return Connection(
        ice_controlling=True,
        stun_server=server.address if server else None,
        turn_server=server.address if server else None,
        turn_username="user",
        turn_password="password",
        transport_policy=policy,
    )


async def test_with_the_relay_policy_there_are_relays_only_and_they_hide_where_we_are() -> None:
    async with leaving_nothing(), turn_server() as server:
        ours, theirs = (connection(TransportPolicy.RELAY, server) for _ in range(2))
        await ice.gather(ours)
        assert server.asked == [stun.Method.ALLOCATE], "no STUN server may see the address either"
        await theirs.gather_candidates()
        (candidate,) = ours.local_candidates
        assert (candidate.type, (candidate.host, candidate.port)) == ("relay", RELAY)
        assert (candidate.related_address, candidate.related_port) == ("0.0.0.0", 9)
        assert [candidate.to_sdp()] == [one.to_sdp() for one in theirs.local_candidates], "as aioice does it"
        await ours.close()
        await theirs.close()


async def test_without_a_policy_a_relay_is_one_candidate_of_several() -> None:
    async with leaving_nothing(), turn_server() as server:
        ours = connection(TransportPolicy.ALL, server)
        await ice.gather(ours)
        assert {"host", "relay"} <= {candidate.type for candidate in ours.local_candidates}
        relay = next(candidate for candidate in ours.local_candidates if candidate.type == "relay")
        assert (relay.related_address, relay.related_port) == SEEN_AS
        await ours.close()


async def test_relays_only_and_no_relay_is_said(caplog: pytest.LogCaptureFixture) -> None:
    ours = connection(TransportPolicy.RELAY, None)
    with caplog.at_level(logging.WARNING):
        await ice.gather(ours)
    assert ours.local_candidates == []
    assert "no TURN server" in caplog.text
    await ours.close()


async def test_a_relay_only_peer_describes_itself_by_its_relay() -> None:
    async with leaving_nothing(), turn_server() as server:
        host, port = server.address
        servers = [IceServer(f"turn:{host}:{port}", "user", "password")]
        async with open_peer(lambda _: None, ice_servers=servers, relay_only=True) as peer:
            peer.send(VideoStreamTrack())
            sdp = await peer.create_offer()
        (line,) = [line for line in sdp.splitlines() if line.startswith("a=candidate:")]
        assert f"{RELAY[0]} {RELAY[1]} typ relay raddr 0.0.0.0 rport 9" in line


@pytest.mark.parametrize("muted", [False, True])
async def test_a_relay_that_went_silent_does_not_hold_up_a_close(muted: bool) -> None:
    async with leaving_nothing(), turn_server() as server:
        host, port = server.address
        servers = [IceServer(f"turn:{host}:{port}", "user", "password")]
        async with open_peer(lambda _: None, ice_servers=servers) as peer:
            peer.send(VideoStreamTrack())
            await peer.create_offer()
            if muted:
                peer.mute()
            server.deaf = True
            began = time.monotonic()
        assert time.monotonic() - began < 2.0
    assert stun.Method.REFRESH in server.asked, "it was asked to give the relay up"


async def test_a_relay_can_be_cut() -> None:
    async with leaving_nothing(), turn_server() as server:
        ours = connection(TransportPolicy.RELAY, server)
        await ice.gather(ours)
        server.deaf = True
        ice.abort(ours)
        with anyio.fail_after(1):
            await ours.close()

from __future__ import annotations

import asyncio
import socket
from typing import cast

import pytest
from aioice import Connection, stun

from realtime_fast.errors import InvalidInputError
from realtime_fast.options import IceServer
from realtime_fast.peer import ice
from realtime_fast.peer.ice_servers import IceServers


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("stun:[::1]:3478", ("::1", 3478)),
        ("stun:[2001:db8::7]", ("2001:db8::7", 3478)),
        ("stun:192.0.2.1:19302", ("192.0.2.1", 19302)),
        ("stun:stun.example.com", ("stun.example.com", 3478)),
    ],
)
def test_stun_servers(url: str, address: tuple[str, int]) -> None:
    assert IceServers.parse([IceServer(url)]).stun == address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("turn:[2001:db8::7]:5349", (("2001:db8::7", 5349), "udp", False)),
        ("turn:host?transport=tcp", (("host", 3478), "tcp", False)),
        ("turns:host", (("host", 5349), "tcp", True)),
    ],
)
def test_turn_servers(url: str, expected: tuple[object, ...]) -> None:
    turn = IceServers.parse([IceServer(url, "user", "pa55word")]).turn
    assert turn is not None
    assert (turn.address, turn.transport, turn.is_encrypted) == expected
    assert "pa55word" not in repr(turn)


@pytest.mark.parametrize(
    "url",
    ["stun:::1:3478", "stun:[::1", "stun:host:99999", "http://host", "turn:user:pa55word@host", "stun:"],
)
def test_what_is_no_server_is_refused_and_a_password_in_it_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInputError, match="stun:host:port") as caught:
        IceServers.parse([IceServer(url)])
    assert "pa55word" not in str(caught.value)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_a_stun_server_on_ipv6_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stun(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.DatagramTransport", transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            request = stun.parse_message(data)
            answer = stun.Message(request.message_method, stun.Class.RESPONSE, request.transaction_id)
            answer.attributes["XOR-MAPPED-ADDRESS"] = ("2001:db8::9", 5555)
            self.transport.sendto(bytes(answer), addr)

    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["::1"])
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Stun, local_addr=("::1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        connection = Connection(ice_controlling=True, use_ipv6=True)
        IceServers.parse([IceServer(f"stun:[::1]:{port}")]).give_to(connection)
        await ice.gather(connection)
        found = {(candidate.type, candidate.host) for candidate in connection.local_candidates}
        await connection.close()
    finally:
        transport.close()
    assert ("srflx", "2001:db8::9") in found

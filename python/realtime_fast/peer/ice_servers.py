"""STUN and TURN servers as a connection takes them (RFC 7064, RFC 7065). aiortc's parser knows no IPv6 address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from aioice import Connection

from realtime_fast.errors import InvalidInputError
from realtime_fast.options import IceServer

_URI = re.compile(
    r"(?P<scheme>stuns?|turns?):(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:/?#@\s]+))"
    r"(?::(?P<port>\d{1,5}))?(?:\?transport=(?P<transport>udp|tcp))?"
)


@dataclass(frozen=True, slots=True)
class TurnServer:
    """A TURN server."""

    address: tuple[str, int]
    transport: Literal["udp", "tcp"]
    is_encrypted: bool
    username: str | None
    credential: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class IceServers:
    """The servers of a connection: the first of each kind is used."""

    stun: tuple[str, int] | None = None
    turn: TurnServer | None = None

    @classmethod
    def parse(cls, servers: Sequence[IceServer]) -> IceServers:
        """Read their URLs; STUN over TLS and TURN over DTLS are left out.

        Raises:
            InvalidInputError: One of the URLs is none.
        """
        stun, turn = None, None
        for server in servers:
            for url in [server.urls] if isinstance(server.urls, str) else server.urls:
                parts = _URI.fullmatch(url)
                if parts is None or int(parts["port"] or 1) not in range(1, 65536):
                    # A password may be in it, where it does not belong.
                    shown = "one with a user name in it" if "@" in url else repr(url)
                    raise InvalidInputError(
                        f"An ICE server URL must look like stun:host:port or turn:host:port, not {shown}; an IPv6 "
                        "address stands in brackets, user name and password in `username` and `credential`"
                    )
                is_encrypted = parts["scheme"].endswith("s")
                address = (
                    parts["six"] or parts["host"],
                    int(parts["port"] or (5349 if is_encrypted else 3478)),
                )
                if parts["scheme"] == "stun":
                    stun = stun or address
                elif parts["scheme"].startswith("turn"):
                    transport: Literal["udp", "tcp"] = "tcp" if parts["transport"] == "tcp" else "udp"
                    if is_encrypted and parts["transport"] is None:
                        transport = "tcp"
                    if not is_encrypted or transport == "tcp":
                        turn = turn or TurnServer(
                            address, transport, is_encrypted, server.username, server.credential
                        )
        return cls(stun, turn)

    def give_to(self, connection: Connection) -> None:
        """Have a connection use them when it gathers."""
        connection.stun_server = self.stun
        if self.turn is not None:
            connection.turn_server = self.turn.address
            connection.turn_ssl = self.turn.is_encrypted
            connection.turn_transport = self.turn.transport
            connection.turn_username = self.turn.username
            connection.turn_password = self.turn.credential

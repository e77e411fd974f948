"""What arrives at a socket of ICE, told apart by its first byte (RFC 7983).

Anybody can send anything to such a socket. aioice takes all of it for STUN until that cannot be parsed, which an
attribute of the wrong size makes an error of the event loop; and an empty datagram ends aiortc's connection, whoever
sent it.
"""

from __future__ import annotations

import logging
import struct
from typing import Any, Final

from aioice import stun
from aioice.ice import StunProtocol

from realtime_fast.peer import aiortc_seams as seams

logger = logging.getLogger(__name__)

STUN: Final = range(4)
DTLS: Final = range(20, 64)
MEDIA: Final = range(128, 192)


def demultiplex(protocol: StunProtocol) -> None:
    """Let `protocol` take STUN messages alone, and its connection DTLS and media; what is neither goes nowhere."""
    take = seams.datagram_received.of(protocol)
    connection, component = protocol.receiver, protocol.local_candidate.component

    def received(data: bytes, address: tuple[Any, ...]) -> None:
        kind = data[0] if data else -1
        if kind in MEDIA or kind in DTLS:
            connection.data_received(data, component)
        elif kind in STUN and _is_message(data):
            take(data, address)
        else:
            logger.debug(
                "A datagram of %d bytes from %s is nothing that is expected here", len(data), address[0]
            )

    seams.datagram_received.put(protocol, received)


def _is_message(data: bytes) -> bool:
    try:
        stun.parse_message(data)
    except (ValueError, struct.error):  # whatever the attributes' parsers make of a wrong size
        return False
    return True

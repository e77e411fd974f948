"""Losses that the first repair does not mend: a packet of pictures, and all that answers the first request for it.

SRTP leaves headers readable. A retransmission comes on a stream of its own and is two bytes longer than what it repeats
(RFC 4588, 4). A sender with room to spare answers with more than one.
"""

from __future__ import annotations

import time
from collections import Counter

from realtime_fast.server.network import Network, _Datagram

RTX_HEADER = 2
COPIES = 0.04
"""Seconds in which copies of a retransmission follow it; the answer to another request comes a round trip later."""


class LostTwice:
    """Loses packets and their retransmissions on the way from the service to its clients.

    Attributes:
        losses: How many packets were lost together with their retransmissions.
    """

    def __init__(self, network: Network) -> None:
        self.losses = 0
        self._armed = False
        self._lost: tuple[bytes, int] | None = None
        self._until: float | None = None
        self._bytes: Counter[bytes] = Counter()
        self._passes_on = network._down.send
        network._down.send = self._send  # type: ignore[method-assign]

    def lose(self) -> None:
        """Lose the next packet of pictures, and what answers the first request for it."""
        self._armed, self._lost, self._until = True, None, None

    def _send(self, datagram: _Datagram) -> None:
        if not self._is_lost(datagram):
            self._passes_on(datagram)

    def _is_lost(self, datagram: bytes) -> bool:
        if not _is_rtp(datagram):
            return False
        ssrc, size = datagram[8:12], len(datagram)
        self._bytes[ssrc] += size
        ((pictures, _),) = self._bytes.most_common(1)
        if self._armed and ssrc == pictures:
            self._armed, self._lost = False, (ssrc, size)
            return True
        if self._lost is None or self._lost[0] == ssrc or size != self._lost[1] + RTX_HEADER:
            return False
        now = time.monotonic()
        if self._until is None:
            self._until = now + COPIES
            self.losses += 1
        return now < self._until


def _is_rtp(datagram: bytes) -> bool:
    """Whether it is neither STUN, DTLS nor RTCP (RFC 7983, RFC 5761)."""
    return len(datagram) > 12 and 128 <= datagram[0] <= 191 and not 192 <= datagram[1] <= 223

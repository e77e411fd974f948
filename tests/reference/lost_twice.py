"""Losses that repair does not see: a packet of pictures, and the first retransmission of it.

SRTP leaves headers readable. A retransmission comes on a stream of its own and is two bytes longer than what it repeats
(RFC 4588, 4).
"""

from __future__ import annotations

from collections import Counter

from realtime_fast.server.network import Network, _Datagram

RTX_HEADER = 2


class LostTwice:
    """Loses packets and their retransmissions on the way from the service to its clients.

    Attributes:
        losses: How many packets were lost together with their retransmission.
    """

    def __init__(self, network: Network) -> None:
        self.losses = 0
        self._armed = False
        self._lost: tuple[bytes, int] | None = None
        self._bytes: Counter[bytes] = Counter()
        self._passes_on = network._down.send
        network._down.send = self._send  # type: ignore[method-assign]

    def lose(self) -> None:
        """Lose the next packet of pictures, and its first retransmission."""
        self._armed, self._lost = True, None

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
        if self._lost is not None and self._lost[0] != ssrc and size == self._lost[1] + RTX_HEADER:
            self._lost = None
            self.losses += 1
            return True
        return False


def _is_rtp(datagram: bytes) -> bool:
    """Whether it is neither STUN, DTLS nor RTCP (RFC 7983, RFC 5761)."""
    return len(datagram) > 12 and 128 <= datagram[0] <= 191 and not 192 <= datagram[1] <= 223

"""Plain RTP and RTCP in and out of one DTLS transport, the short way.

aiortc's and aioice's own ways are coroutines within coroutines, and on the way in a queue and a task: a turn of the
event loop for each datagram, which costs as much as all that the RTP core does with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import pylibsrtp
from aiortc import RTCDtlsTransport
from aiortc.rtcdtlstransport import State
from aiortc.rtp import is_rtcp

from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer.consent import COMPONENT
from realtime_fast.peer.demultiplexing import MEDIA

logger = logging.getLogger(__name__)

LARGEST: Final = 4096
"""Bytes that SRTP gets room for where pylibsrtp's own, 1356 of RTP, does not do: GStreamer's packets have 1400."""


class Datagrams:
    """Takes all RTP and RTCP that a transport receives, and leaves none to aiortc's senders and receivers."""

    def __init__(self, dtls: RTCDtlsTransport, take: Callable[[bytes], None]) -> None:
        """Begin to receive.

        Args:
            dtls: From where.
            take: Called with each datagram, decrypted; must neither wait nor raise.
        """
        self._dtls = dtls
        self._take = take
        self._connection = seams.ice_connection.of(dtls.transport)
        self._pass_on = seams.datagram_in.of(self._connection)
        seams.datagram_in.put(self._connection, self._received)

        # What came before there were keys waits in aioice's queue.
        async def take_late(data: bytes, **_: object) -> None:
            take(data)

        seams.rtp_in.put(dtls, take_late)
        seams.rtcp_in.put(dtls, take_late)

    def send(self, data: bytes) -> bool:
        """Encrypt and send one datagram; False if the transport is not up yet, or no longer."""
        pair = seams.nominated.of(self._connection).get(COMPONENT)
        if pair is None or seams.dtls_state.of(self._dtls) is not State.CONNECTED:
            return False
        try:
            data = self._protected(data)
        except ValueError:
            seams.widen(seams.srtp_out.of(self._dtls), LARGEST)
            data = self._protected(data)
        pair.protocol.transport.sendto(data, pair.remote_addr)
        self._count(seams.bytes_out, seams.packets_out, data)
        return True

    def _protected(self, data: bytes) -> bytes:
        srtp = seams.srtp_out.of(self._dtls)
        return srtp.protect_rtcp(data) if is_rtcp(data) else srtp.protect(data)

    def _received(self, data: bytes, component: int) -> None:
        srtp = seams.srtp_in.of(self._dtls)
        if srtp is None or data[0] not in MEDIA or seams.dtls_state.of(self._dtls) is not State.CONNECTED:
            self._pass_on(data, component)
            return
        self._count(seams.bytes_in, seams.packets_in, data)
        try:
            plain = srtp.unprotect_rtcp(data) if is_rtcp(data) else srtp.unprotect(data)
        except (pylibsrtp.Error, ValueError) as exc:  # forged, damaged, a second time, or larger than any
            logger.debug("A datagram of %d bytes is not decrypted: %s", len(data), exc)
            return
        self._take(plain)

    def _count(self, size: seams.Counter, count: seams.Counter, data: bytes) -> None:
        size.put(self._dtls, size.of(self._dtls) + len(data))
        count.put(self._dtls, count.of(self._dtls) + 1)

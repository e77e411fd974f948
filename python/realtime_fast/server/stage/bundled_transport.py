"""The answering end of one bundled transport: ICE and DTLS from aiortc, without its peer connection.

A stage forwards packets and needs no tracks, decoders or threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceCandidate, RTCIceGatherer, RTCIceParameters, RTCIceTransport

from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer.ice import gather
from realtime_fast.server.network import Exposure
from realtime_fast.server.stage.answers import Transport

CONNECT_TIMEOUT = 15.0
CLOSE_TIMEOUT = 2.0


class BundledTransport:
    """One ICE and DTLS transport. Gather, answer, connect, and close it once."""

    def __init__(self, certificate: RTCCertificate, remote: Transport, exposure: Exposure) -> None:
        seams.require_supported()
        self._remote = remote
        self._exposure = exposure
        self._candidates: list[RTCIceCandidate] = []
        self._gatherer = RTCIceGatherer(iceServers=[])
        self._ice = RTCIceTransport(self._gatherer)
        self.dtls = RTCDtlsTransport(self._ice, [certificate])
        # An offer leaves the roles open as a rule, and the answerer takes the active one (RFC 8842, 5.3).
        self._role = "server" if remote.dtls.role == "client" else "client"
        seams.set_role.of(self.dtls)(self._role)
        self._ended = anyio.Event()
        self.dtls.on("statechange", self._watch)

    def _watch(self) -> None:
        if self.dtls.state in ("closed", "failed"):
            self._ended.set()

    async def gather(self) -> None:
        """Find the local candidates."""
        await gather(seams.ice_connection.of(self._ice))
        await self._gatherer.gather()
        for candidate in self._gatherer.getLocalCandidates():
            host, port = await self._exposure.address((candidate.ip, candidate.port))
            self._candidates.append(replace(candidate, ip=host, port=port))

    @property
    def ice_parameters(self) -> RTCIceParameters:
        """Local credentials."""
        return self._gatherer.getLocalParameters()

    @property
    def candidates(self) -> Sequence[RTCIceCandidate]:
        """Local candidates as the far side is shown them, once gathered."""
        return self._candidates

    @property
    def dtls_parameters(self) -> RTCDtlsParameters:
        """Local fingerprints and role."""
        return RTCDtlsParameters(self.dtls.getLocalParameters().fingerprints, self._role)

    async def connect(self) -> bool:
        """Connect; False if the far side cannot be reached, or its fingerprint does not match."""
        with anyio.move_on_after(CONNECT_TIMEOUT):
            if not self._exposure.is_relayed:
                for candidate in self._remote.candidates:
                    await self._ice.addRemoteCandidate(candidate)
            # No end of candidates: a browser that hides its addresses is found by its own checks.
            await self._ice.start(self._remote.ice)
            if self._ice.state == "completed":
                await self.dtls.start(self._remote.dtls)
        return self.dtls.state == "connected"

    @property
    def packets_received(self) -> int:
        """RTP and RTCP packets received so far."""
        return seams.transport_stats(self.dtls).packetsReceived

    def hang_up(self) -> None:
        """Make `wait_ended` return; idempotent."""
        self._ended.set()

    async def wait_ended(self) -> None:
        """Returns after `hang_up`, or when the far side closed or was not heard of for half a minute.

        The half minute is that of ICE's consent checks (RFC 7675).
        """
        await self._ended.wait()

    async def aclose(self) -> None:
        """Close, in bounded time, also in a cancelled scope."""
        with anyio.move_on_after(CLOSE_TIMEOUT, shield=True):
            await self.dtls.stop()
            await self._ice.stop()
            await self._exposure.aclose()

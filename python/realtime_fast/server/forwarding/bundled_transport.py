"""One end of a bundled transport: ICE and DTLS from aiortc, without its peer connection.

A forwarder passes packets on and needs no tracks, decoders or threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceCandidate, RTCIceGatherer, RTCIceParameters, RTCIceTransport

from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer import consent, ice
from realtime_fast.server.forwarding.sections import Transport
from realtime_fast.server.network import Exposure

CONNECT_TIMEOUT = 15.0
CLOSE_TIMEOUT = 2.0


class BundledTransport:
    """One ICE and DTLS transport. Gather, describe, connect, and close it once.

    Args:
        certificate: The service's own.
        exposure: What the far side is shown of the sockets.
        remote: The far side if it offers; None if it answers, and is met later.
    """

    def __init__(
        self, certificate: RTCCertificate, exposure: Exposure, remote: Transport | None = None
    ) -> None:
        seams.require_supported()
        self._exposure = exposure
        self._candidates: list[RTCIceCandidate] = []
        self._gatherer = RTCIceGatherer(iceServers=[])
        self._ice = RTCIceTransport(self._gatherer)
        self.dtls = RTCDtlsTransport(self._ice, [certificate])
        self._role = "auto"
        self._ended = anyio.Event()
        self.dtls.on("statechange", self._watch)
        self._remote: Transport
        if remote is None:
            seams.ice_connection.of(self._ice).ice_controlling = True
        else:
            self.meet(remote)

    def meet(self, remote: Transport) -> None:
        """Learn who the far side is."""
        self._remote = remote
        # An offer leaves the roles open as a rule, and the answerer takes the active one (RFC 8842, 5.3).
        self._role = "server" if remote.dtls.role == "client" else "client"
        seams.set_role.of(self.dtls)(self._role)

    async def move(self, remote: Transport) -> None:
        """The far side restarts ICE, on other sockets as a rule (RFC 8445, 9): its checks find ours where they were."""
        connection = seams.ice_connection.of(self._ice)
        connection.remote_username = remote.ice.usernameFragment
        connection.remote_password = remote.ice.password
        for candidate in remote.candidates:
            await self.add_candidate(candidate)

    async def add_candidate(self, candidate: RTCIceCandidate) -> None:
        """A further address of the far side (RFC 8838)."""
        if not self._exposure.is_relayed:
            await self._ice.addRemoteCandidate(candidate)

    def _watch(self) -> None:
        if self.dtls.state in ("closed", "failed"):
            self._ended.set()

    async def gather(self) -> None:
        """Find the local candidates."""
        await ice.gather(seams.ice_connection.of(self._ice))
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
            for candidate in self._remote.candidates:
                await self.add_candidate(candidate)
            # No end of candidates: a browser that hides its addresses is found by its own checks.
            await self._ice.start(self._remote.ice)
            if self._ice.state == "completed":
                await self.dtls.start(self._remote.dtls)
        return self.dtls.state == "connected"

    @property
    def packets_received(self) -> int:
        """RTP and RTCP packets received so far."""
        return seams.transport_stats(self.dtls).packetsReceived

    async def answers(self, within: float) -> bool:
        """Whether the far side, which need not send, answers a consent check (RFC 7675) within so many seconds."""
        return await consent.round_trip(seams.ice_connection.of(self._ice), within) is not None

    def cut(self) -> None:
        """Close the sockets without telling the far side (fault injection)."""
        ice.abort(seams.ice_connection.of(self._ice))

    def mute(self) -> None:
        """Send no more packets, but keep receiving (fault injection)."""
        ice.mute(seams.ice_connection.of(self._ice))

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

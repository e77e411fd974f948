"""What both connections of a participant have in common: a bundled transport with a section for data channels."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from aiortc import sdp
from aiortc.rtcdtlstransport import RTCCertificate
from aiortc.rtcicetransport import RTCIceCandidate
from aiortc.rtcrtpparameters import RTCRtpParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities
from anyio.abc import TaskGroup

from realtime_fast.peer.media_transport import MediaTransport, Rates
from realtime_fast.server.forwarding.bundled_transport import BundledTransport
from realtime_fast.server.forwarding.sections import DISCARD, Transport
from realtime_fast.server.network import Exposure
from realtime_fast.server.room.plane import Disturbance

SCTP_PORT = 5000
MAX_MESSAGE_BYTES = 65536


class Link:
    """One connection of a participant.

    Args:
        certificate: The service's own.
        exposure: What the far side is shown of the sockets.
        tasks: Runs it.
        up: Called once media can flow.
        ended: Called when it is over.
        remote: The far side if it offers.
    """

    def __init__(
        self,
        certificate: RTCCertificate,
        exposure: Exposure,
        tasks: TaskGroup,
        *,
        up: Callable[[], None],
        ended: Callable[[], None],
        remote: Transport | None = None,
    ) -> None:
        self.transport = BundledTransport(certificate, exposure, remote)
        self.media = MediaTransport(self.transport.dtls, Rates())
        self.is_up = self.is_over = False
        self._tasks = tasks
        self._up = up
        self._ended = ended
        self._begun = False

    def begin(self) -> None:
        """Connect in the background, once the far side is known."""
        self._begun = True
        self._tasks.start_soon(self._run)

    async def take_candidate(self, candidate: RTCIceCandidate) -> None:
        """A trickled address of the far side."""
        if not self.is_over:
            await self.transport.add_candidate(candidate)

    def disturb(self, how: Disturbance) -> None:
        """Cut the sockets, or send no more packets."""
        if how == "cut":
            self.transport.cut()
        else:
            self.transport.mute()

    async def aclose(self) -> None:
        """End it; what has begun closes by itself soon after."""
        self.transport.hang_up()
        if not self._begun:
            self.media.close()
            await self.transport.aclose()

    async def _run(self) -> None:
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch, group.cancel_scope)
                if await self.transport.connect():
                    self.is_up = True
                    self._up()
                    await anyio.sleep_forever()
                group.cancel_scope.cancel()
        finally:
            self.is_up, self.is_over = False, True
            self._ended()
            self.media.close()
            await self.transport.aclose()

    async def _watch(self, scope: anyio.CancelScope) -> None:
        await self.transport.wait_ended()
        scope.cancel()

    # --- descriptions

    def data_section(self, mid: str, direction: str | None = None) -> sdp.MediaDescription:
        """The section for data channels, which clients demand; nothing is said in them here."""
        media = sdp.MediaDescription("application", 9, "UDP/DTLS/SCTP", ["webrtc-datachannel"])
        media.host, media.direction = DISCARD, direction
        media.rtp = RTCRtpParameters(muxId=mid)
        media.sctp_port = SCTP_PORT
        media.sctpCapabilities = RTCSctpCapabilities(MAX_MESSAGE_BYTES)
        media.ice, media.dtls = self.transport.ice_parameters, self.transport.dtls_parameters
        return media

    def complete(self, description: sdp.SessionDescription) -> str:
        """The text of a description of ours: bundled, with our candidates."""
        description.msid_semantic.append(sdp.GroupDescription("WMS", ["*"]))
        bundled = [media for media in description.media if media.port]
        bundled[0].ice_candidates = list(self.transport.candidates)
        bundled[0].ice_candidates_complete = True
        description.group.append(sdp.GroupDescription("BUNDLE", [media.rtp.muxId for media in bundled]))
        return str(description)

"""The transport for a service that may have rooms: livekit where it has, webrtc where it takes an offer only."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import anyio
from aiortc import MediaStreamTrack

from realtime_fast.control import messages
from realtime_fast.control.signaling import Signaling
from realtime_fast.errors import TransportName
from realtime_fast.peer.link_events import LinkEvent
from realtime_fast.transports.base import InitialState, MediaLink
from realtime_fast.transports.livekit import Invitation, LivekitTransport, ask_for_room, named_room
from realtime_fast.transports.webrtc import WebRtcTransport

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds in which a service that has rooms names one, or a place in its queue."""


class AutoTransport:
    """Asks for a room, and offers a peer connection where there is none.

    A service that stays silent is offered one on the same control channel. One that refuses ends the attempt; the
    next one begins with the other transport, and so on. There is such a next one even if nothing else is retried.
    """

    initial_state: InitialState = "within"
    phase: str | None = None

    def __init__(self, livekit: LivekitTransport, webrtc: WebRtcTransport) -> None:
        self._livekit = livekit
        self._webrtc = webrtc
        self._asks = True
        self._has_offered = False

    @property
    def falls_back(self) -> bool:
        """Whether the service has refused to name a room, and was not offered a peer connection yet."""
        return not (self._asks or self._has_offered)

    @property
    def name(self) -> TransportName:
        """The transport that the next attempt begins with."""
        return "livekit" if self._asks else "webrtc"

    @asynccontextmanager
    async def open(
        self,
        signaling: Signaling,
        tracks: Sequence[MediaStreamTrack],
        report: Callable[[LinkEvent], None],
    ) -> AsyncIterator[MediaLink]:
        """Find out what the service speaks, and speak it from then on."""
        began_with = self._asks
        self._asks = not began_with  # unless it succeeds
        timing = self._livekit.settings.frame_timing
        invitation = await _invitation(signaling, frame_timing=timing) if began_with else None
        if invitation is not None:
            self._asks = True

            async def invite(_: Signaling) -> Invitation:
                return invitation

            async with replace(self._livekit, invite=invite).open(signaling, tracks, report) as room:
                yield room
            return
        self._has_offered = True
        if not began_with:
            signaling.begin_with_state()
        if signaling.passthrough and tracks:
            signaling.send(messages.SetImage(image_data=None, prompt=None))
        signaling.admitted()
        async with AsyncExitStack() as stack:
            async with signaling.phase(self._webrtc.phase):
                link = await stack.enter_async_context(self._webrtc.open(signaling, tracks, report))
            self._asks = False
            yield link


async def _invitation(signaling: Signaling, *, frame_timing: bool) -> Invitation | None:
    """The room that the service names, None if it does not know what it was asked."""
    ask_for_room(signaling, frame_timing=frame_timing)
    async with signaling.phase("room-join"):
        with anyio.move_on_after(PATIENCE) as patience:

            def queued() -> None:
                patience.deadline = math.inf

            return await named_room(signaling, queued)
    logger.info("The service names no LiveKit room: offering a peer connection instead")
    return None

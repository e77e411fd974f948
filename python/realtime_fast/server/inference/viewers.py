"""Viewers of a session over WebRTC: `/subscribe/{session id}` (docs/protocol.md, Viewers)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import anyio

from realtime_fast.control import messages
from realtime_fast.peer.link_events import TrackArrived
from realtime_fast.server.faults import Faults
from realtime_fast.server.inference.conversation import Channel, Conversation
from realtime_fast.server.inference.session import InferenceSession
from realtime_fast.server.inference.webrtc_path import MediaPath, webrtc_path
from realtime_fast.server.network import Network


class Viewer(Conversation):
    """Receives a session's output, and sends only what the negotiation needs."""

    def __init__(
        self, session: InferenceSession, channel: Channel, faults: Faults, network: Network | None
    ) -> None:
        super().__init__(session.id, channel, faults)
        self._session = session
        self._network = network

    def _media(self) -> AbstractAsyncContextManager[MediaPath]:
        pipeline = self._session.pipeline
        return webrtc_path(
            self.report, lambda: (pipeline.video.outlet(), pipeline.audio.outlet()), self._network
        )

    def _opened(self) -> None:
        self._tasks.start_soon(self._leave_with_session)

    async def _hear(self, message: messages.ClientMessage) -> None:
        match message:
            case messages.Offer() | messages.Answer() | messages.IceCandidate():
                await self._negotiate(message)
            case messages.E2eLatencyReport():
                pass
            case _:
                self.emit(messages.Error(error="A viewer cannot change the session it watches"))

    def _track_arrived(self, event: TrackArrived) -> None:
        pass  # media from a viewer is ignored

    async def _leave_with_session(self) -> None:
        await self._session.wait_finished()
        self.stop("the session ended")
        await anyio.sleep_forever()

"""The interface of a transport: a way to negotiate a media link, and three facts about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from aiortc import MediaStreamTrack

from realtime_fast.control.signaling import Signaling
from realtime_fast.errors import TransportName
from realtime_fast.peer.link_events import LinkEvent


class MediaLink(Protocol):
    """An established link."""

    async def media_arrived(self) -> None:
        """Return once the session counts as connected; raises what ended the link before."""

    async def stats(self) -> Mapping[str, Any]:
        """The link's report: W3C webrtc-stats entries keyed by id."""


class Transport(Protocol):
    """A way to carry media."""

    @property
    def name(self) -> TransportName:
        """Its name in options, tokens and error codes."""

    @property
    def state_before_media(self) -> bool:
        """Whether prompt and image are sent before the link is negotiated, or after."""

    @property
    def phase(self) -> str:
        """Name of the negotiation phase in diagnostics."""

    def open(
        self,
        signaling: Signaling,
        tracks: Sequence[MediaStreamTrack],
        report: Callable[[LinkEvent], None],
    ) -> AbstractAsyncContextManager[MediaLink]:
        """Negotiate a link; leaving the scope takes it down.

        Args:
            signaling: The control channel's messages for the link.
            tracks: What to publish, made for this link alone; empty for a viewer.
            report: Called on the event loop with each link event. Never raises.

        Raises:
            ConnectError: The negotiation failed.
        """

"""The interface of a transport: a way to negotiate a media link, and a few facts about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeAlias

from aiortc import MediaStreamTrack

from realtime_fast.control.signaling import Signaling
from realtime_fast.errors import TransportName
from realtime_fast.peer.link_events import LinkEvent

InitialState: TypeAlias = Literal["before-media", "after-media", "within"]
"""Before the link is negotiated and acknowledged by then, after it, or within: when `open` says so."""


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
    def initial_state(self) -> InitialState:
        """When prompt and image are sent."""

    @property
    def phase(self) -> str | None:
        """Name of the negotiation phase in diagnostics; None if `open` reports phases of its own to the signaling."""

    @property
    def falls_back(self) -> bool:
        """Whether the next attempt takes another way, not tried yet: a first connect is then not given up."""

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

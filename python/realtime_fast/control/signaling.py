"""Signaling: the messages of the control channel that negotiate media, and the interface that exchanges them."""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from realtime_fast.control import messages

logger = logging.getLogger(__name__)

SignalingMessage: TypeAlias = (
    messages.Offer
    | messages.Answer
    | messages.IceCandidate
    | messages.IvsStageReady
    | messages.LivekitRoomInfo
    | messages.QueuePosition
)
"""Messages for the media link."""

NegotiationStep: TypeAlias = (
    messages.Offer | messages.Answer | messages.IceCandidate | messages.IvsJoined | messages.LivekitJoin
)
"""Messages of a client for the media path of its session."""


class Signaling(Protocol):
    """The control channel, as a transport sees it."""

    def send(self, message: messages.ClientMessage) -> None:
        """Queue a message; messages are sent in order."""

    async def receive(self) -> SignalingMessage:
        """The next signaling message; they are buffered from the opening of the channel."""

    def phase(self, name: str, limit: float | None = None) -> AbstractAsyncContextManager[None]:
        """A phase of connecting: reported with its duration, and named in the error of whatever fails in it.

        Args:
            name: Its name in diagnostics.
            limit: Seconds that it may take; None for what is left of connecting as a whole.
        """

    @property
    def passthrough(self) -> bool:
        """Whether there is no initial state: neither prompt nor image."""

    def begin_with_state(self) -> None:
        """Send the initial state, if there is one, without waiting for its acknowledgement."""

    def queued(self) -> None:
        """The client waits for capacity: from here on the phase has no limit of its own."""

    def admitted(self) -> None:
        """The service has a place for the session: from here on it owes the acknowledgement of the initial state."""


async def drain(signaling: Signaling) -> None:
    """Discard signaling once nothing more is negotiated: a second invitation is ignored."""
    while True:
        logger.debug("ignored %s, which nobody waits for", tag(await signaling.receive()))


def tag(message: SignalingMessage) -> str:
    """The type of a message on the wire."""
    return str(message.__struct_config__.tag)

"""Signaling: the messages of the control channel that negotiate media, and the interface that exchanges them."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from realtime_fast.control import messages

SignalingMessage: TypeAlias = (
    messages.Offer | messages.Answer | messages.IceCandidate | messages.IvsStageReady
)
"""Messages for the media link."""


class Signaling(Protocol):
    """The control channel, as a transport sees it."""

    def send(self, message: messages.ClientMessage) -> None:
        """Queue a message; messages are sent in order."""

    async def receive(self) -> SignalingMessage:
        """The next signaling message; they are buffered from the opening of the channel."""

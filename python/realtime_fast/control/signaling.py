"""The media link's half of the control channel: the messages that negotiate media, and who exchanges them."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from realtime_fast.control import messages

SignalingMessage: TypeAlias = (
    messages.Offer | messages.Answer | messages.IceCandidate | messages.IvsStageReady
)
"""Messages for the media link."""


class Signaling(Protocol):
    """What a transport negotiates through."""

    def send(self, message: messages.ClientMessage) -> None:
        """Queue a message; messages are sent in order."""

    async def receive(self) -> SignalingMessage:
        """The next signaling message since the channel was opened; those that came earlier were kept."""

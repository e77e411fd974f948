"""The ways media travels; all that differs between them is in here."""

from __future__ import annotations

from realtime_fast.errors import InvalidInputError
from realtime_fast.options import RealtimeConnectOptions, SubscribeOptions
from realtime_fast.tokens import TokenPayload
from realtime_fast.transports.base import Transport
from realtime_fast.transports.webrtc import WebRtcTransport


def make_transport(options: RealtimeConnectOptions) -> Transport:
    """The transport that a publisher's options ask for."""
    if options.transport == "ivs":
        raise InvalidInputError("transport 'ivs' is not available yet; use 'webrtc'")
    return WebRtcTransport(
        ice_servers=options.ice_servers,
        video_codec=options.video_codec,
        customize_offer=options.customize_offer,
    )


def make_viewer_transport(
    base_url: str, api_key: str, token: TokenPayload, options: SubscribeOptions, agent: str
) -> Transport:
    """The transport that a session's token asks for."""
    if token.transport == "ivs":
        raise InvalidInputError("transport 'ivs' is not available yet; use 'webrtc'")
    return WebRtcTransport(ice_servers=options.ice_servers)

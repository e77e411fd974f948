"""The transports: everything that differs between them is in this package."""

from __future__ import annotations

from realtime_fast.control.subscribe_token import TokenPayload
from realtime_fast.control.urls import ivs_subscribe_url
from realtime_fast.options import DEFAULT_ICE_SERVERS, IceServer, RealtimeConnectOptions, SubscribeOptions
from realtime_fast.redaction import Secrets
from realtime_fast.transports.base import Transport
from realtime_fast.transports.ivs import IvsTransport, invited_as_viewer
from realtime_fast.transports.webrtc import WebRtcTransport


def make_transport(options: RealtimeConnectOptions) -> Transport:
    """The transport that a publisher's options name."""
    if options.transport == "ivs":
        return IvsTransport(
            ice_servers=_for_stage(options.ice_servers),
            video_codec=options.video_codec,
            min_delay=options.jitter_buffer_min_delay / 1000,
            sending=options.sending,
        )
    return WebRtcTransport(
        ice_servers=options.ice_servers,
        video_codec=options.video_codec,
        customize_offer=options.customize_offer,
        min_delay=options.jitter_buffer_min_delay / 1000,
        sending=options.sending,
    )


def make_viewer_transport(
    base_url: str,
    api_key: str,
    token: TokenPayload,
    options: SubscribeOptions,
    agent: str,
    secrets: Secrets,
) -> Transport:
    """The transport that a session's token names."""
    if token.transport == "ivs":
        url = ivs_subscribe_url(base_url, token.sid)
        return IvsTransport(
            ice_servers=_for_stage(options.ice_servers),
            invite=invited_as_viewer(url, api_key, agent, secrets),
        )
    return WebRtcTransport(ice_servers=options.ice_servers)


def _for_stage(servers: tuple[IceServer, ...]) -> tuple[IceServer, ...]:
    """A stage is publicly reachable and needs no default servers; servers that were given are used."""
    return () if servers == DEFAULT_ICE_SERVERS else servers

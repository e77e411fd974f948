"""The transports: everything that differs between them is in this package."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from realtime_fast.control.subscribe_token import TokenPayload
from realtime_fast.control.urls import ivs_subscribe_url, watch_stream_url
from realtime_fast.options import (
    DEFAULT_ICE_SERVERS,
    IceServer,
    RealtimeConnectOptions,
    SendOptions,
    SubscribeOptions,
)
from realtime_fast.redaction import Secrets
from realtime_fast.transports.base import Transport
from realtime_fast.transports.ivs import IvsTransport, invited_as_viewer
from realtime_fast.transports.webrtc import WebRtcTransport

if TYPE_CHECKING:
    from realtime_fast.transports.livekit import LivekitTransport


def make_transport(options: RealtimeConnectOptions) -> Transport:
    """The transport that a publisher's options name."""
    if options.transport == "ivs":
        return IvsTransport(
            ice_servers=_for_stage(options.ice_servers),
            video_codec=options.video_codec,
            min_delay=options.jitter_buffer_min_delay / 1000,
            sending=options.sending,
        )
    if options.transport == "livekit":
        return _over_livekit(options)
    webrtc = WebRtcTransport(
        ice_servers=options.ice_servers,
        video_codec=options.video_codec,
        customize_offer=options.customize_offer,
        min_delay=options.jitter_buffer_min_delay / 1000,
        sending=options.sending,
    )
    if options.transport == "auto":
        from realtime_fast.transports.auto import AutoTransport

        return AutoTransport(_over_livekit(options), webrtc)
    return webrtc


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
    if token.room_name is not None:
        from realtime_fast.transports import livekit

        invite = livekit.invited_as_viewer(
            watch_stream_url(base_url, token.room_name), api_key, agent, secrets
        )
        return livekit.LivekitTransport(
            livekit.RoomSettings(ice_servers=_for_room(options.ice_servers)), invite
        )
    return WebRtcTransport(ice_servers=options.ice_servers)


def _over_livekit(options: RealtimeConnectOptions) -> LivekitTransport:
    # Imported on demand: it needs the extra of the same name.
    from realtime_fast.transports import livekit

    sending = options.sending
    if sending.max_bitrate == SendOptions().max_bitrate:
        sending = replace(sending, max_bitrate=livekit.MAX_BITRATE)
    return livekit.LivekitTransport(
        livekit.RoomSettings(
            ice_servers=_for_room(options.ice_servers),
            video_codec=options.video_codec or "h264",
            sending=sending,
            min_delay=options.jitter_buffer_min_delay / 1000,
            size=(options.model.width, options.model.height),
            frame_timing=options.latency_tracking is not None and options.latency_tracking.frame_timing,
        )
    )


def _for_room(servers: tuple[IceServer, ...]) -> tuple[IceServer, ...] | None:
    """A room names its own servers; others that were given take their place."""
    return None if servers == DEFAULT_ICE_SERVERS else servers


def _for_stage(servers: tuple[IceServer, ...]) -> tuple[IceServer, ...]:
    """A stage is publicly reachable and needs no default servers; servers that were given are used."""
    return () if servers == DEFAULT_ICE_SERVERS else servers

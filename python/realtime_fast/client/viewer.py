"""`SubscribeClient`: watches a session."""

from __future__ import annotations

from typing import Any

from realtime_fast.client.base import ClientBase
from realtime_fast.client.opening import Connecting
from realtime_fast.control.api_key import checked_key
from realtime_fast.control.subscribe_token import decode_subscribe_token
from realtime_fast.control.urls import subscribe_url, user_agent
from realtime_fast.diagnostics.quality import QualityMonitor
from realtime_fast.errors import InvalidInputError
from realtime_fast.media.tracks import LocalMedia
from realtime_fast.options import SubscribeOptions
from realtime_fast.redaction import Secrets
from realtime_fast.session.core import DesiredState
from realtime_fast.session.event_hub import EventHub
from realtime_fast.session.exporting import exports
from realtime_fast.session.session import Session, SessionSettings
from realtime_fast.transports import make_viewer_transport


class SubscribeClient(ClientBase):
    """A viewer of a session; made by `RealtimeClient.subscribe`."""

    @classmethod
    def connect(
        cls, base_url: str, api_key: str, options: SubscribeOptions, integration: str | None = None
    ) -> Connecting[SubscribeClient]:
        """Watch the session that `options.token` names: `await` it, or enter it with `async with`.

        Raises:
            InvalidSubscribeTokenError: The token is invalid.
            AuthenticationError: The service rejected the API key; never retried.
            RealtimeError: All attempts failed; this is the last one's first cause.
        """
        return Connecting(lambda hub: cls._open(hub, base_url, api_key, options, integration))

    @classmethod
    async def _open(
        cls, hub: EventHub, base_url: str, api_key: str, options: Any, integration: str | None
    ) -> SubscribeClient:
        options = _adopted(options)
        token = decode_subscribe_token(options.token)
        checked_key(api_key)
        agent = user_agent(integration)
        secrets = Secrets(api_key, options.token, *(server.credential for server in options.ice_servers))
        transport = make_viewer_transport(base_url, api_key, token, options, agent, secrets)
        session = Session(
            SessionSettings(
                transport=transport,
                url=subscribe_url(base_url, token, api_key, agent=agent)
                if token.transport == "webrtc"
                else None,
                agent=agent,
                secrets=secrets,
                timeout=options.connect_timeout,
                reconnect=options.reconnect,
                media=LocalMedia(),
                desired=DesiredState(),
                on_remote_stream=options.on_remote_stream,
                quality=QualityMonitor(options.quality_bands),
                exports=exports(options.exporters, transport.name, model=None, integration=integration),
            ),
            hub,
        )
        await session.start()
        return cls(session)


def _adopted(options: Any) -> SubscribeOptions:
    """`options` as ours; the pure-Python SDK's have a subset of the attributes."""
    if isinstance(options, SubscribeOptions):
        return options
    try:
        return SubscribeOptions(options.token, options.on_remote_stream)
    except AttributeError:
        raise InvalidInputError(f"options must be SubscribeOptions, not {type(options).__name__}") from None

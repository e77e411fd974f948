"""`RealtimeClient`: publishes to a model, with the signatures of the pure-Python SDK."""

from __future__ import annotations

import time
import warnings
from typing import Any

from msgspec import UNSET

from realtime_fast.client.base import ClientBase
from realtime_fast.client.image_loader import load_image
from realtime_fast.client.opening import Connecting
from realtime_fast.client.viewer import SubscribeClient
from realtime_fast.control import messages
from realtime_fast.control.api_key import checked_key
from realtime_fast.control.urls import stream_url, user_agent
from realtime_fast.diagnostics.quality import QualityMonitor
from realtime_fast.diagnostics.telemetry_sender import TelemetrySender
from realtime_fast.errors import InvalidInputError
from realtime_fast.media.tracks import local_media
from realtime_fast.options import (
    ImageInput,
    Prompt,
    RealtimeConnectOptions,
    SetInput,
    SubscribeOptions,
)
from realtime_fast.redaction import Secrets
from realtime_fast.session.attempt import IMAGE_TIMEOUT, PROMPT_TIMEOUT
from realtime_fast.session.core import DesiredState
from realtime_fast.session.event_hub import EventHub
from realtime_fast.session.exporting import exports
from realtime_fast.session.session import Session, SessionSettings
from realtime_fast.transports import make_transport

DEFAULT_STATS_INTERVAL = 1.0
"""Seconds between statistics samples where latency tracking or telemetry needs them and no interval is given."""


class RealtimeClient(ClientBase):
    """A session with a realtime model; made by `connect`."""

    @classmethod
    def connect(
        cls,
        base_url: str,
        api_key: str,
        local_track: Any,
        options: RealtimeConnectOptions,
        integration: str | None = None,
    ) -> Connecting[RealtimeClient]:
        """Connect to a model: `await` it for a client to `disconnect()`, or enter it with `async with`.

        Args:
            base_url: `wss://…`; `ws`, `http` and `https` work as well.
            api_key: Sent to the service; appears in no message and no log.
            local_track: An aiortc track, a `(video, audio)` pair, a source of `realtime_fast`, or None.
            options: The model, and how to connect.
            integration: Name and version of the software on top, for the user agent.

        Raises:
            InvalidInputError: An argument is invalid.
            AuthenticationError: The service rejected the API key; never retried.
            RealtimeError: All attempts of the reconnect policy failed; this is the last one's first cause.
        """
        return Connecting(lambda hub: cls._open(hub, base_url, api_key, local_track, options, integration))

    @classmethod
    def subscribe(
        cls, base_url: str, api_key: str, options: SubscribeOptions, integration: str | None = None
    ) -> Connecting[SubscribeClient]:
        """Watch a session: `await` it, or enter it with `async with`.

        Raises:
            InvalidSubscribeTokenError: The token is invalid.
            RealtimeError: As for `connect`.
        """
        return SubscribeClient.connect(base_url, api_key, options, integration)

    @classmethod
    async def _open(
        cls,
        hub: EventHub,
        base_url: str,
        api_key: str,
        local_track: Any,
        options: Any,
        integration: str | None,
    ) -> RealtimeClient:
        began = time.monotonic()
        checked_key(api_key)
        options = _adopted(options)
        agent = user_agent(integration)
        tracking = options.latency_tracking
        secrets = Secrets(api_key, *(server.credential for server in options.ice_servers))
        transport = make_transport(options)
        interval = options.stats_interval_ms
        needed = tracking is not None or options.telemetry is not None
        settings = SessionSettings(
            transport=transport,
            url=stream_url(
                base_url,
                options.model,
                api_key,
                transport=transport.name,
                agent=agent,
                resolution=options.resolution,
                speed=options.speed,
                latency_diagnostics=tracking is not None,
                pixel_latency=tracking is not None and tracking.pixel_marker,
                extra=options.extra_query_params,
            ),
            agent=agent,
            secrets=secrets,
            timeout=options.connect_timeout,
            reconnect=options.reconnect,
            media=local_media(local_track),
            desired=await _initial_state(options.initial_state),
            on_remote_stream=options.on_remote_stream,
            latency_tracking=tracking,
            stats_interval=interval / 1000
            if interval is not None
            else DEFAULT_STATS_INTERVAL
            if needed
            else None,
            began=began,
            quality=QualityMonitor(
                options.quality_bands,
                model_fps=options.model.fps,
                max_kbps=None if options.max_bitrate is None else options.max_bitrate / 1000,
            ),
            exports=exports(
                options.exporters, transport.name, model=options.model.name, integration=integration
            ),
            telemetry=options.telemetry
            and TelemetrySender(
                options.telemetry,
                api_key=api_key,
                agent=agent,
                model=options.model.name,
                integration=integration,
                transport=transport.name,
                secrets=secrets,
            ),
        )
        session = Session(settings, hub)
        await session.start()
        return cls(session)

    @property
    def session_id(self) -> str | None:
        """The service's id of the current session, None before it is known; a reconnect gets a new one."""
        identity = self._session.identity
        return None if identity is None else identity.session_id

    @property
    def subscribe_token(self) -> str | None:
        """The token with which others watch the current session, None before its id is known."""
        identity = self._session.identity
        return None if identity is None else identity.subscribe_token

    async def set_prompt(self, prompt: str, enhance: bool = True, enrich: bool | None = None) -> None:
        """Change the prompt; returns once the service has acknowledged it (15 s at most).

        Args:
            prompt: What the model should do.
            enhance: Whether the service may enrich the prompt.
            enrich: Former name of `enhance`.

        Raises:
            InvalidInputError: The prompt is empty or blank.
            NotConnectedError: There is no live connection.
            ServerError: The service refuses the prompt.
            AckTimeoutError: No acknowledgement in time.
        """
        if enrich is not None:
            warnings.warn("set_prompt(enrich=…) is now called enhance", DeprecationWarning, stacklevel=2)
            enhance = enrich
        command = messages.Prompt(prompt=_prompt(prompt), enhance_prompt=enhance)
        await self._session.connect_loop.request(command, timeout=PROMPT_TIMEOUT)

    async def set_image(
        self,
        image: ImageInput | None,
        prompt: str | None = None,
        enhance: bool = True,
        timeout: float = IMAGE_TIMEOUT,
    ) -> None:
        """Change the reference image, and the prompt with it if one is given.

        Args:
            image: Bytes, path, binary file, data URL, http(s) URL, base64 text, or the id of a file that was uploaded
                to the service (`file_…`); None removes the image.
            prompt: The new prompt; None keeps the current one.
            enhance: Whether the service may enrich the prompt.
            timeout: Seconds to wait for the acknowledgement.

        Raises:
            InvalidInputError: The image cannot be read, or the prompt is blank.
            NotConnectedError: There is no live connection.
            ServerError: The service refuses the image.
            AckTimeoutError: No acknowledgement in time.
        """
        command = messages.SetImage.of(
            None if image is None else await load_image(image),
            prompt=UNSET if prompt is None else _prompt(prompt),
            enhance_prompt=UNSET if prompt is None else enhance,
        )
        await self._session.connect_loop.request(command, timeout=timeout)

    async def set(self, input: SetInput) -> None:  # noqa: A002 - the familiar name
        """Change prompt, image or both at once; what is not given stays as it is.

        Raises:
            InvalidInputError: Neither is given, the prompt is blank, or the image cannot be read.
            NotConnectedError: There is no live connection.
            ServerError: The service refuses.
            AckTimeoutError: No acknowledgement in time.
        """
        if input.prompt is None and input.image is None:
            raise InvalidInputError("set() needs a prompt, an image or both; it was given neither")
        command = messages.SetImage.of(
            UNSET if input.image is None else await load_image(input.image),
            prompt=UNSET if input.prompt is None else _prompt(input.prompt),
            enhance_prompt=UNSET if input.prompt is None else input.enhance,
        )
        await self._session.connect_loop.request(command, timeout=IMAGE_TIMEOUT)

    def __repr__(self) -> str:
        return f"<RealtimeClient {self.get_connection_state()}, session {self.session_id}>"


def _prompt(prompt: Any) -> str:
    if not isinstance(prompt, str) or not prompt.strip():
        raise InvalidInputError(f"prompt must be a non-blank string, not {prompt!r}")
    return prompt


async def _initial_state(state: Any) -> DesiredState:
    if state is None:
        return DesiredState()
    prompt = state.prompt
    return DesiredState(
        prompt=None if prompt is None else Prompt(_prompt(prompt.text), prompt.enhance),
        image=None if state.image is None else await load_image(state.image),
    )


def _adopted(options: Any) -> RealtimeConnectOptions:
    """`options` as ours; the pure-Python SDK's have a subset of the attributes."""
    if isinstance(options, RealtimeConnectOptions):
        return options
    try:
        return RealtimeConnectOptions(
            options.model,
            options.on_remote_stream,
            initial_state=options.initial_state,
            customize_offer=options.customize_offer,
            resolution=options.resolution,
        )
    except AttributeError:
        raise InvalidInputError(
            f"options must be RealtimeConnectOptions, not {type(options).__name__}"
        ) from None

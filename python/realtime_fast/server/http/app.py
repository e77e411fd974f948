"""The service's routes: control channels of sessions and viewers, and `/dev/` for tests in other processes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.datastructures import Address
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from realtime_fast.aio.hush import muted
from realtime_fast.aio.origins import is_token_base
from realtime_fast.control import messages
from realtime_fast.errors import InvalidInputError
from realtime_fast.models import REALTIME_MODELS, RETIRED_MODELS
from realtime_fast.server.bodies import BodyError, bounded_body
from realtime_fast.server.faults import Faults
from realtime_fast.server.http import client_tokens
from realtime_fast.server.http.gate import Gate, where
from realtime_fast.server.http.livekit_routes import livekit_routes, over_livekit
from realtime_fast.server.http.page import page_routes
from realtime_fast.server.http.registry import Registry
from realtime_fast.server.inference.chosen_path import by_first_message
from realtime_fast.server.inference.conversation import ChannelClosedError, Conversation
from realtime_fast.server.inference.session import InferenceSession, OpenPath, SessionRequest, over_webrtc
from realtime_fast.server.inference.viewers import Viewer
from realtime_fast.server.stage import TokenRequest, base_url, stage_routes
from realtime_fast.server.stage.stage_path import over_stage

logger = logging.getLogger(__name__)

AbortConnection: TypeAlias = Callable[[Address | None], None]

_MODELS = {model.name: model for model in (*REALTIME_MODELS, *RETIRED_MODELS)}
MAX_FAULTS_BYTES = 64 * 1024
NOT_ALLOWED = "Permission denied: this client token does not allow such a session"
NO_SESSION = "Invalid session: it does not exist, or has ended"
_RESOLUTIONS = ("720p", "1080p")
SERVICE_RESTART = 1012
"""WebSocket close code (IANA registry of RFC 6455); clients come back after it."""
_OVER_STAGE = "-ivs"
"""Path suffix of sessions over a stage."""


class WebSocketChannel:
    """A control channel over one accepted WebSocket."""

    def __init__(self, websocket: WebSocket, abort: Callable[[], None]) -> None:
        self._websocket = websocket
        self.abort = abort

    async def send(self, data: str | bytes) -> None:
        """Send one message.

        Raises:
            ChannelClosedError: The channel is closed.
        """
        try:
            if isinstance(data, str):
                await self._websocket.send_text(data)
            else:
                await self._websocket.send_bytes(data)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise ChannelClosedError from error

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            ChannelClosedError: The channel is closed.
        """
        try:
            message = await self._websocket.receive()
        except (WebSocketDisconnect, RuntimeError) as error:
            raise ChannelClosedError from error
        if message["type"] == "websocket.disconnect":
            raise ChannelClosedError
        data: str | bytes | None = message.get("text")
        return data if data is not None else message["bytes"]

    async def close(self, code: int, reason: str) -> None:
        """Close the channel; idempotent."""
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(code, reason)


def build_app(registry: Registry, abort_connection: AbortConnection) -> ASGIApp:
    """The ASGI application of a running service.

    Args:
        registry: Who is connected.
        abort_connection: Resets the TCP connection of a client.
    """
    routes: list[BaseRoute] = [
        *(
            WebSocketRoute(f"{path}{suffix}", _guarded(registry, abort_connection, _stream))
            for path in sorted({model.url_path for model in _MODELS.values()})
            for suffix in ("", _OVER_STAGE)
        ),
        Route("/v1/subscribe-ivs/{sid}", _stage_viewers(registry), methods=["GET"]),
        WebSocketRoute("/subscribe/{sid}", _guarded(registry, abort_connection, _watch)),
        *stage_routes(registry.stages),
        *registry.telemetry.routes(registry.config.accepts),
        *livekit_routes(registry),
        Route("/v1/client/tokens", _client_token(registry), methods=["POST"]),
        WebSocketRoute("/{path:path}", _nowhere),
        *page_routes(registry.config),
        Route("/dev/sessions", _answering(registry, _sessions), methods=["GET"]),
        Route("/dev/faults", _answering(registry, _set_faults), methods=["POST"]),
    ]
    return Gate(Starlette(routes=routes), registry.config.origins)


# Control channels

_Serve = Callable[[Registry, WebSocket, WebSocketChannel, Faults], Awaitable[None]]


def _guarded(
    registry: Registry, abort_connection: AbortConnection, serve: _Serve
) -> Callable[[WebSocket], Awaitable[None]]:
    """Accept clients with a valid key; refuse others with an HTTP status, before the handshake."""

    async def endpoint(websocket: WebSocket) -> None:
        faults = registry.faults.take()
        if faults.http is not None:
            await _refuse(websocket, faults.http, "Refused by fault injection")
            return
        if not registry.accepts(_key(websocket)):
            await _refuse(websocket, 401, "Invalid API key")
            return
        try:
            await websocket.accept()
        except (WebSocketDisconnect, RuntimeError):
            return
        channel = WebSocketChannel(websocket, lambda: abort_connection(websocket.client))
        await serve(registry, websocket, channel, faults)

    return endpoint


def _key(websocket: WebSocket) -> str:
    return websocket.query_params.get("api_key") or websocket.headers.get("x-api-key", "")


async def _stream(
    registry: Registry, websocket: WebSocket, channel: WebSocketChannel, faults: Faults
) -> None:
    """One inference session, over either transport."""
    try:
        request = session_request(websocket)
        open_path = _path(registry, websocket, request)
    except InvalidInputError as error:
        await _reject(channel, error.message)
        return
    limits = registry.client_tokens.limits(_key(websocket))
    if not limits.allows(model=request.model.name, origin=websocket.headers.get("origin")):
        await _reject(channel, NOT_ALLOWED)
        return
    session = InferenceSession(
        registry.new_id(_key(websocket), request.model.name),
        channel,
        faults,
        request=request,
        # The address the client connected to: the bound one may be a wildcard. Over a stage there is none.
        address=websocket.scope["server"] if request.transport == "webrtc" else ("", 0),
        delay=registry.config.delay_ms / 1000,
        limit=limits.session_limit,
        open_path=open_path,
    )
    await serve_conversation(registry, session)


def _path(registry: Registry, websocket: WebSocket, request: SessionRequest) -> OpenPath:
    """The media path of a session.

    Raises:
        InvalidInputError: It would send stage tokens in the clear over a network.
    """
    base = base_url(websocket)
    if request.transport == "ivs":
        if not is_token_base(base, "https"):
            raise InvalidInputError(
                "Stages are for clients on this machine, or over https: no token is sent in the clear over a network"
            )
        return over_stage(registry.stages, base)
    return by_first_message(
        over_webrtc(registry.network), over_livekit(registry, base, request.livekit_codec)
    )


async def _watch(registry: Registry, websocket: WebSocket, channel: WebSocketChannel, faults: Faults) -> None:
    """One viewer over WebRTC."""
    session = await registry.find_session(websocket.path_params["sid"])
    if session is None and not registry.is_open:
        # Whether the session exists is for the service to say that comes after this one.
        await channel.close(SERVICE_RESTART, "")
        return
    if session is None:
        await _reject(channel, NO_SESSION)
        return
    await serve_conversation(registry, Viewer(session, channel, faults, registry.network))


def _stage_viewers(registry: Registry) -> Callable[[Request], Awaitable[Response]]:
    """Stage tokens for viewers of a session; the session itself is not involved."""

    async def endpoint(request: Request) -> Response:
        if not registry.accepts(request.headers.get("x-api-key", "")):
            return JSONResponse({"error": "Invalid API key"}, 401)
        place = registry.stages.places.get(request.path_params["sid"])
        if place is None and not registry.is_open:
            return JSONResponse({"error": "The service is stopping"}, 503)
        if place is None:
            return JSONResponse({"error": NO_SESSION}, 404)
        viewer = registry.stages.issue(
            place.room, base_url(request), TokenRequest(user_id="viewer", subscribe=True)
        )
        return JSONResponse(
            {"subscribe_token": viewer.token, "server_publish_participant_id": place.participant_id}
        )

    return endpoint


def _client_token(registry: Registry) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if not registry.accepts(request.headers.get("x-api-key", "")):
            return JSONResponse({"error": "Invalid API key"}, 401)
        return await client_tokens.answer(registry.client_tokens, request)

    return endpoint


async def _nowhere(websocket: WebSocket) -> None:
    await _refuse(websocket, 404, "No such endpoint")


def session_request(websocket: WebSocket) -> SessionRequest:
    """The request in the control channel's URL.

    Raises:
        InvalidInputError: A model or resolution that does not exist.
    """
    query = websocket.query_params
    name = query.get("model", "")
    model = _MODELS.get(name)
    if model is None:
        known = ", ".join(sorted(model.name for model in REALTIME_MODELS))
        raise InvalidInputError(f"Unknown model {name!r}; known are {known}")
    resolution = query.get("resolution")
    if resolution is not None and resolution not in _RESOLUTIONS:
        raise InvalidInputError(f"Unknown resolution {resolution!r}; known are {', '.join(_RESOLUTIONS)}")
    return SessionRequest(
        model=model,
        resolution=resolution,
        latency_diagnostics=query.get("latency_diagnostics") == "true",
        pixel_latency=query.get("pixel_latency") == "1",
        livekit_codec="vp8" if query.get("livekit_server_codec") == "vp8" else "h264",
        transport="ivs" if websocket.url.path.endswith(_OVER_STAGE) else "webrtc",
    )


async def serve_conversation(registry: Registry, conversation: Conversation) -> None:
    """Run a session or viewer to its end, registered with the service; an error in it ends only it."""
    kind = "viewer of" if isinstance(conversation, Viewer) else "session"
    began = time.monotonic()
    logger.info("%s %s began", kind, conversation.id)
    with registry.hosting(conversation):
        try:
            await conversation.run()
        except Exception as error:  # noqa: BLE001 - its text may hold what the client sent; it ends this conversation alone
            logger.error("session %s ended by an error of the service: %s", conversation.id, where(error))
            conversation.drop()
        finally:
            logger.info("%s %s ended after %.1f s", kind, conversation.id, time.monotonic() - began)


async def _reject(channel: WebSocketChannel, error: str) -> None:
    logger.info("refused a client: %s", error)
    try:
        await channel.send(messages.encode(messages.Error(error=error)))
    except ChannelClosedError:
        return
    await channel.close(1008, "")


async def _refuse(websocket: WebSocket, status: int, error: str) -> None:
    logger.info("refused a client with HTTP %d: %s", status, error)
    muted("uvicorn.error")  # which takes a refusal for a handshake that was forgotten (0.54)
    await websocket.send_denial_response(JSONResponse({"error": error}, status))


# Developer routes

_Answer = Callable[[Registry, Request], Awaitable[Response]]


def _answering(registry: Registry, answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await answer(registry, request)

    return endpoint


async def _sessions(registry: Registry, _: Request) -> Response:
    return JSONResponse(
        {
            "sessions": [session.info() for session in registry.sessions.values()],
            "ended": list(registry.ended),
            "viewers": [viewer.id for viewer in registry.viewers],
        }
    )


async def _set_faults(registry: Registry, request: Request) -> Response:
    """Body: a JSON list of `NAME[=VALUE]` strings; `?live=true` applies them to running sessions too."""
    # A web page cannot send this type to another origin without a CORS preflight, which nothing answers.
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return JSONResponse({"error": "expected application/json"}, 415)
    try:
        options: Any = json.loads(await bounded_body(request, MAX_FAULTS_BYTES))
        if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
            raise InvalidInputError('expected a list of "NAME[=VALUE]" strings')
        registry.set_faults(Faults.parse(options), live=request.query_params.get("live") == "true")
    except BodyError as error:
        return JSONResponse({"error": str(error)}, error.status)
    except (ValueError, RecursionError) as error:
        return JSONResponse({"error": str(error)}, 422)
    return Response(status_code=204)

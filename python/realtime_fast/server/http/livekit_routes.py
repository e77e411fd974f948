"""What the livekit transport asks for over plain HTTP: viewers' tokens and client tokens (docs/protocol.md)."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from realtime_fast.server.http.registry import Registry
from realtime_fast.server.inference.session import OpenPath
from realtime_fast.server.stage import base_url

if TYPE_CHECKING:
    from realtime_fast.options import VideoCodec


def livekit_routes(registry: Registry) -> list[BaseRoute]:
    """The routes of LiveKit sessions; none without the extra that they need."""
    if registry.plane is None or registry.rooms is None:
        return []
    from realtime_fast.server.room import room_routes

    return [
        Route("/watch-stream/{room}", _watch(registry), methods=["POST"]),
        *room_routes(registry.rooms),
    ]


def over_livekit(registry: Registry, base: str, codec: VideoCodec) -> OpenPath | None:
    """The media path of LiveKit sessions; None without the extra that it needs."""
    if registry.plane is None:
        return None
    from realtime_fast.server.room import over_room

    return over_room(registry.plane, base, codec)


def _watch(registry: Registry) -> Callable[[Request], Awaitable[Response]]:
    """Room tokens for viewers of a session; the session itself is not involved."""

    async def endpoint(request: Request) -> Response:
        assert registry.plane is not None
        from realtime_fast.server.room import Grant, room_of

        fault = registry.faults.take().watch
        if fault == "html":
            return HTMLResponse("<html><body>It works!</body></html>")
        if fault in ("401", "404", "500"):
            return PlainTextResponse("Refused by fault injection", int(fault))
        if not registry.accepts(request.headers.get("x-api-key", "")):
            return PlainTextResponse("Invalid API key", 401)
        name = request.path_params["room"]
        session = await registry.find_session(name.removeprefix(room_of("")))
        if session is None or session.request.transport != "livekit" or name != room_of(session.id):
            return PlainTextResponse("There is no such stream, or it has ended", 404)
        grant = Grant(identity=f"viewer-{secrets.token_hex(6)}", room=name, publish=False)
        answer = {
            "livekit_url": registry.plane.address(base_url(request)),
            "token": registry.plane.keys.issue(grant),
            "room_name": name,
            "session_id": session.id,
        }
        if fault == "partial":
            del answer["token"]
        return JSONResponse(answer)

    return endpoint

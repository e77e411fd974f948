"""Routes of the embedded stages (docs/ivs-stage.md): WHIP, WHEP, events, and tokens for developers."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import msgspec
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from realtime_fast.server.bodies import BodyError, bounded_body
from realtime_fast.server.stage.refusal import Refusal
from realtime_fast.server.stage.room import Member, Room
from realtime_fast.server.stage.stages import Stages
from realtime_fast.server.stage.tokens import TokenRequest

log = logging.getLogger(__name__)

MAX_OFFER_BYTES = 256 * 1024
MAX_EVENT_BYTES = 64 * 1024
DELETE_RELATION = "urn:ietf:params:whip:ivs-stages:session-delete"
GOODBYES = (1000, 1001)
"""Close codes of a participant that leaves; after any other one the socket may be reopened."""


def stage_routes(stages: Stages) -> list[BaseRoute]:
    """The routes of all stages, for the service's application."""
    face = _Face(stages)
    # Pages may come from any origin, and Amazon's SDK adds headers of its own to each request.
    cors = Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["Location", "Link"],
        max_age=600,
    )
    media = [
        Route("/", face.answering(face.publish), methods=["POST"]),
        Route("/publish/{participant_id}", face.answering(face.publish), methods=["POST"]),
        Route("/subscribe/{participant_id}", face.answering(face.subscribe), methods=["POST"]),
        Route("/sessions/{session_id}", face.answering(face.end), methods=["DELETE"]),
        Route("/sessions/{session_id}", face.answering(face.end_by_beacon), methods=["POST"]),
        Route("/front", face.redirect("", 307), methods=["POST"]),
        Route("/front/", face.redirect("", 307), methods=["POST"]),
        Route("/front/publish/{participant_id}", face.redirect("publish", 307), methods=["POST"]),
        Route("/front/subscribe/{participant_id}", face.redirect("subscribe", 308), methods=["POST"]),
        WebSocketRoute("/events", face.events),
        WebSocketRoute("/events/{topic}", face.events),
    ]
    return [
        # The base as tokens name it, without a slash; a preflight asks for OPTIONS.
        Route("/stages", face.answering(face.publish), methods=["POST", "OPTIONS"], middleware=[cors]),
        Mount("/stages", routes=media, middleware=[cors]),
        Route("/dev/stages", face.answering(face.create), methods=["POST"]),
        Route("/dev/stages/{stage_id}/tokens", face.answering(face.issue), methods=["POST"]),
    ]


class TokenExchange(msgspec.Struct, rename="camel"):
    """What a participant asks for that has another token."""

    new_token: str
    request_id: str
    trace_id: str = ""


class _Exchange(msgspec.Struct):
    payload: TokenExchange


class SetState(msgspec.Struct, rename="camel"):
    """What a participant reports about itself."""

    audio_muted: bool = False
    video_stopped: bool = False


Handler = Callable[[Request], Awaitable[Response]]


class _Face:
    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    def answering(self, handler: Handler) -> Handler:
        """A handler whose refusals become error bodies."""

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except Refusal as refusal:
                return JSONResponse({"code": refusal.code, "message": refusal.message}, refusal.status)

        return answer

    def redirect(self, action: str, status: int) -> Handler:
        """The front door: redirects publish and subscribe."""

        async def away(request: Request) -> Response:
            target = f"{base_url(request)}/stages/"
            if action:
                target += f"{action}/{request.path_params['participant_id']}"
            return Response(status_code=status, headers={"Location": target})

        return away

    # --- media

    async def publish(self, request: Request) -> Response:
        named = request.path_params.get("participant_id")  # plain WHIP clients know their token alone
        session, answer = await self._stages.publish(_bearer(request), named, await _offer(request))
        return _created(request, session.id, answer)

    async def subscribe(self, request: Request) -> Response:
        session, answer = await self._stages.subscribe(
            _bearer(request), request.path_params["participant_id"], await _offer(request)
        )
        return _created(request, session.id, answer)

    async def end(self, request: Request) -> Response:
        self._stages.end(_bearer(request), request.path_params["session_id"])
        return Response(status_code=200)

    async def end_by_beacon(self, request: Request) -> Response:
        """For a page that is closing: it cannot set headers, so the token is in the body."""
        try:
            token = json.loads(await _body(request, MAX_OFFER_BYTES))["authorization"]
        except (ValueError, KeyError, TypeError, RecursionError):
            token = None
        self._stages.end(token if isinstance(token, str) else None, request.path_params["session_id"])
        return Response(status_code=200)

    # --- for developers

    async def create(self, request: Request) -> Response:
        room = self._stages.create()
        return JSONResponse({"stage_id": room.stage_id, "stage_arn": room.arn}, 201)

    async def issue(self, request: Request) -> Response:
        room = self._stages.find(request.path_params["stage_id"])
        try:
            wanted = msgspec.json.decode(await _body(request, MAX_EVENT_BYTES) or b"{}", type=TokenRequest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal(400, 2001, f"unusable token request: {error}") from None
        issued = self._stages.issue(room, base_url(request), wanted)
        return JSONResponse({"token": issued.token, "participant_id": issued.participant_id}, 201)

    # --- events

    async def events(self, socket: WebSocket) -> None:
        offered = socket.scope.get("subprotocols") or []
        token = offered[0] if offered else None
        try:
            room, claims = self._stages.admit(token)
            topic = socket.path_params.get("topic") or socket.query_params.get("topic", "")
            if topic.partition("/")[0] != claims.topic:
                raise Refusal.other_stage()
        except Refusal as refusal:
            await _turn_away(socket, refusal, token)
            return
        await socket.accept(subprotocol=token)
        member = self._stages.arrive(room, claims)
        on_purpose = False
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_tell, socket, room, member)
                on_purpose = await self._listen(socket, room, member)
                group.cancel_scope.cancel()
        finally:
            self._stages.depart(room, member, on_purpose=on_purpose)

    async def _listen(self, socket: WebSocket, room: Room, member: Member) -> bool:
        """Read until the socket closes; returns whether the participant left on purpose."""
        while True:
            message: dict[str, Any] = await socket.receive()  # type: ignore[assignment]
            if message["type"] == "websocket.disconnect":
                return message.get("code") in GOODBYES
            text = message.get("text")
            if text is None or len(text) > MAX_EVENT_BYTES:
                await socket.close(1003)
                return True
            try:
                kind = json.loads(text)["type"].removeprefix("aws:ivs:")
                if kind == "PING":
                    await socket.send_text('{"type":"PONG"}')
                elif kind == "SET_STATE":
                    state = msgspec.json.decode(text, type=SetState)
                    room.mute(member, audio_muted=state.audio_muted, video_stopped=state.video_stopped)
                elif kind == "EXCHANGE_TOKEN":
                    await socket.send_json(self._exchange(room, member, text))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError, msgspec.DecodeError):
                log.debug("ignored a message of %d characters that is no stage event", len(text))

    def _exchange(self, room: Room, member: Member, text: str) -> dict[str, Any]:
        wanted = msgspec.json.decode(text, type=_Exchange).payload
        answer: dict[str, Any] = {"requestId": wanted.request_id, "traceId": wanted.trace_id}
        try:
            self._stages.exchange(room, member, wanted.new_token)
        except Refusal as refusal:
            answer["error"] = {"code": refusal.code, "message": refusal.message}
        return {"type": "aws:ivs:EXCHANGE_TOKEN", "payload": answer}


async def _tell(socket: WebSocket, room: Room, member: Member) -> None:
    seen = 0
    try:
        while True:
            messages, seen = await room.next_messages(member, seen)
            for message in messages:
                await socket.send_text(message)
    except (WebSocketDisconnect, RuntimeError):
        return  # the reader sees the end too, and its cause


async def _turn_away(socket: WebSocket, refusal: Refusal, token: str | None) -> None:
    """Refuse in the way the client requested: browsers cannot read the status of a refused WebSocket."""
    if socket.query_params.get("error_over_ws") == "1":
        payload = {"code": refusal.join_code, "message": refusal.message, "status": refusal.status}
        await socket.accept(subprotocol=token)
        await socket.send_json({"type": "aws:ivs:JOIN_ERROR", "payload": payload})
        await socket.close(1008)
    else:
        body = {"code": refusal.code, "message": refusal.message}
        await socket.send_denial_response(JSONResponse(body, refusal.status))


def base_url(request: Request | WebSocket) -> str:
    """The service as this request reached it: `http://host:port`."""
    return f"{'https' if request.url.scheme in ('https', 'wss') else 'http'}://{request.url.netloc}"


def _created(request: Request, session_id: str, answer: str) -> Response:
    url = f"{base_url(request)}/stages/sessions/{session_id}"
    return Response(
        answer,
        201,
        {"Location": url, "Link": f'<{url}>; rel="{DELETE_RELATION}"'},
        media_type="application/sdp",
    )


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def _offer(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/sdp":
        raise Refusal(415, 2001, f"expected application/sdp, got {kind or 'no content type'}")
    try:
        return (await _body(request, MAX_OFFER_BYTES)).decode()
    except UnicodeDecodeError:
        raise Refusal.bad_offer("not a text") from None


async def _body(request: Request, limit: int) -> bytes:
    try:
        return await bounded_body(request, limit)
    except BodyError as error:
        raise Refusal(error.status, 2001, str(error)) from None

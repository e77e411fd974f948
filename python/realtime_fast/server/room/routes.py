"""Routes of the embedded rooms: the signal socket, and its check of tokens (docs/livekit.md, Signal socket)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from realtime_fast.server.room.access_token import InvalidTokenError
from realtime_fast.server.room.participant import Participant, Socket
from realtime_fast.server.room.room import Room
from realtime_fast.server.room.rooms import Rooms

PING_INTERVAL = 5
PING_TIMEOUT = 15
"""Seconds, as clients are told them."""
SILENCE_LIMIT = float(PING_TIMEOUT)
"""Seconds without any message after which a signal socket counts as lost."""

PROTOCOL = 15
FAREWELL = 1.0
"""Seconds for the last messages and the closing handshake."""


def room_routes(rooms: Rooms) -> list[BaseRoute]:
    """The routes of all rooms, for the service's application.

    Newer clients try `/rtc/v1` first, one connection for both directions, and fall back where there is none.
    """
    face = _Face(rooms)
    return [
        Route("/rtc/validate", face.validate, methods=["GET"]),
        WebSocketRoute("/rtc", face.signal),
    ]


class _Face:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def validate(self, request: Request) -> Response:
        """Say whether a token would be accepted, and why not."""
        try:
            self._rooms.admit(request.query_params.get("access_token", ""))
        except InvalidTokenError as error:
            return PlainTextResponse(f"invalid token: {error}", 401)
        return PlainTextResponse("success")

    async def signal(self, websocket: WebSocket) -> None:
        """One signal socket."""
        query = websocket.query_params
        token = query.get("access_token") or websocket.headers.get("authorization", "").removeprefix(
            "Bearer "
        )
        try:
            room, grant = self._rooms.admit(token)
        except InvalidTokenError as error:
            await websocket.send_denial_response(PlainTextResponse(f"invalid token: {error}", 401))
            return
        with suppress(WebSocketDisconnect, RuntimeError):
            await websocket.accept()
        if query.get("reconnect") == "1":
            participant = room.find_participant(grant, query.get("sid", ""))
            if participant is None:
                leave = rtc.LeaveRequest(reason=models.STATE_MISMATCH, action=rtc.LeaveRequest.RECONNECT)
                await websocket.send_bytes(rtc.SignalResponse(leave=leave).SerializeToString())
                await websocket.close()
                return
            begin = self._resume
        else:
            receives_all = query.get("auto_subscribe", "1") not in ("0", "false")
            participant = await self._rooms.join(room, grant, receives_all=receives_all)
            begin = self._welcome
        await self._serve(websocket, room, participant, begin)

    async def _welcome(self, room: Room, participant: Participant) -> None:
        participant.send(
            rtc.SignalResponse(
                join=rtc.JoinResponse(
                    room=room.info,
                    participant=participant.info,
                    other_participants=room.others(participant),
                    server_version="1.9.11",
                    server_info=_SERVER,
                    subscriber_primary=True,
                    ping_interval=PING_INTERVAL,
                    ping_timeout=PING_TIMEOUT,
                    enabled_publish_codecs=[models.Codec(mime=mime) for mime in _CODECS],
                )
            )
        )
        if participant.grant.subscribe:
            await participant.downlink.open()
            room.subscribe(participant)

    async def _resume(self, room: Room, participant: Participant) -> None:
        participant.send(rtc.SignalResponse(reconnect=rtc.ReconnectResponse(server_info=_SERVER)))
        update = rtc.ParticipantUpdate(participants=[participant.info, *room.others(participant)])
        participant.send(rtc.SignalResponse(update=update))
        participant.downlink.renew()

    async def _serve(
        self,
        websocket: WebSocket,
        room: Room,
        participant: Participant,
        begin: Callable[[Room, Participant], Awaitable[None]],
    ) -> None:
        if participant.socket is not None:
            participant.socket.cut()
        socket = participant.socket = Socket()
        leaves = False

        async def write() -> None:
            # Closed under its reader, it is to be cut.
            with suppress(WebSocketDisconnect, RuntimeError, anyio.ClosedResourceError):
                async with socket.messages:
                    async for message in socket.messages:
                        await websocket.send_bytes(message.SerializeToString())
            with anyio.move_on_after(FAREWELL, shield=True), suppress(WebSocketDisconnect, RuntimeError):
                await websocket.close()
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(write)
                await begin(room, participant)
                leaves = await self._read(websocket, participant)
                socket.close()
                group.cancel_scope.deadline = anyio.current_time() + FAREWELL
        finally:
            socket.cut()
            with anyio.CancelScope(shield=True):
                if participant.socket is socket:
                    participant.socket = None
                    if leaves:
                        await room.leave(participant)
                    else:
                        self._rooms.socket_lost(room, participant)

    async def _read(self, websocket: WebSocket, participant: Participant) -> bool:
        """Take the client's messages until there are no more; True if it said goodbye."""
        message: Any = None
        while True:
            with anyio.move_on_after(SILENCE_LIMIT) as patience, suppress(WebSocketDisconnect, RuntimeError):
                message = await websocket.receive()
            if patience.cancelled_caught or message is None or message["type"] == "websocket.disconnect":
                return False
            with suppress(DecodeError):  # what cannot be read is ignored, as what is unknown
                if not await participant.take(rtc.SignalRequest.FromString(message.get("bytes") or b"")):
                    return True
            message = None


_SERVER = models.ServerInfo(version="1.9.11", protocol=PROTOCOL, region="", node_id="embedded")
_CODECS = ("video/H264", "video/VP8", "audio/opus")

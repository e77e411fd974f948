"""A bare LiveKit client on aiortc, websockets and LiveKit's own messages: it shares no code with the package."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode

import anyio
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from livekit.protocol import models, rtc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

HERE = RTCConfiguration(iceServers=[])
"""Without the public servers that aiortc asks for its address."""


class Client:
    """One participant.

    Attributes:
        join: The server's first message.
        leave: Why the server wants it gone, if it does.
        people: What it was told of the others, by identity.
        tracks: Tracks that it receives, by their ids.
        kinds: Kinds of the messages received, in order.
        answers: Whether it answers the server's offers.
        closed: Set when the signal socket has closed.
    """

    def __init__(self, socket: ClientConnection, answers: bool) -> None:
        self.socket = socket
        self.answers = answers
        self.join = rtc.JoinResponse()
        self.leave: rtc.LeaveRequest | None = None
        self.people: dict[str, models.ParticipantInfo] = {}
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.kinds: list[str] = []
        self.closed = anyio.Event()
        self.published: dict[str, models.TrackInfo] = {}
        self.publisher = RTCPeerConnection(HERE)
        self.subscriber = RTCPeerConnection(HERE)
        self.subscriber.on("track", self._arrived)
        for connection in (self.publisher, self.subscriber):
            connection.on("connectionstatechange", self._tell)
        self._changed = anyio.Event()
        self.offers, self.offered = anyio.create_memory_object_stream[rtc.SessionDescription](16)

    def _arrived(self, track: MediaStreamTrack) -> None:
        self.tracks[track.id] = track
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until it holds; returns what it returned."""
        with anyio.fail_after(15):
            while not (value := holds()):
                await self._changed.wait()
        return value

    async def send(self, **message: Any) -> None:
        await self.socket.send(rtc.SignalRequest(**message).SerializeToString())

    async def publish(self, track: MediaStreamTrack, cid: str | None = None) -> models.TrackInfo:
        kind = models.VIDEO if track.kind == "video" else models.AUDIO
        cid = cid or track.id
        await self.send(
            add_track=rtc.AddTrackRequest(cid=cid, name="camera", type=kind, source=models.CAMERA)
        )
        info: models.TrackInfo = await self.until(lambda: self.published.get(cid))
        self.publisher.addTrack(track)
        await self.publisher.setLocalDescription(await self.publisher.createOffer())
        sdp = self.publisher.localDescription.sdp
        await self.send(offer=rtc.SessionDescription(type="offer", sdp=sdp, id=7))
        await self.until(lambda: self.publisher.connectionState == "connected")
        return info

    async def read(self) -> None:
        try:
            async for data in self.socket:
                assert isinstance(data, bytes)
                await self._take(rtc.SignalResponse.FromString(data))
                self._tell()
        except ConnectionClosed:
            pass
        self.closed.set()
        self._tell()

    async def _take(self, message: rtc.SignalResponse) -> None:
        kind = message.WhichOneof("message")
        assert kind is not None
        self.kinds.append(kind)
        match kind:
            case "join":
                self.join = message.join
                self.people |= {person.identity: person for person in message.join.other_participants}
            case "update":
                self.people |= {person.identity: person for person in message.update.participants}
            case "track_published":
                self.published[message.track_published.cid] = message.track_published.track
            case "leave":
                self.leave = message.leave
            case "answer":
                assert message.answer.id == 7
                await self.publisher.setRemoteDescription(RTCSessionDescription(message.answer.sdp, "answer"))
            case "offer" if self.answers:
                self.offers.send_nowait(message.offer)

    async def answer(self) -> None:
        """Answer one offer after another, beside what else is read."""
        async for offer in self.offered:
            await self._answer(offer)

    async def _answer(self, offer: rtc.SessionDescription) -> None:
        # A second section begins only on a connection that is up: aiortc sets nothing up while it connects.
        if self.subscriber.remoteDescription is not None:
            await self.until(lambda: self.subscriber.connectionState == "connected" or self.closed.is_set())
        await self.subscriber.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await self.subscriber.setLocalDescription(await self.subscriber.createAnswer())
        sdp = self.subscriber.localDescription.sdp
        with suppress(ConnectionClosed):  # what came before the end is still to be read
            await self.send(answer=rtc.SessionDescription(type="answer", sdp=sdp, id=offer.id))


@asynccontextmanager
async def joined(url: str, token: str, *, answers: bool = True, **query: str) -> AsyncIterator[Client]:
    """A participant, for the length of a scope."""
    words = urlencode({"access_token": token, "protocol": "15", "auto_subscribe": "1"} | query)
    async with connect(f"{url}/rtc?{words}", max_size=None) as socket, anyio.create_task_group() as tasks:
        client = Client(socket, answers)
        tasks.start_soon(client.read)
        tasks.start_soon(client.answer)
        try:
            await client.until(lambda: client.kinds)
            yield client
        finally:
            tasks.cancel_scope.cancel()
            client.offers.close()
            client.offered.close()
            with anyio.CancelScope(shield=True):
                await client.publisher.close()
                await client.subscriber.close()


def candidate(line: str) -> str:
    """A trickled candidate, as a signal message carries it."""
    return json.dumps({"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0})

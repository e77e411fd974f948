"""A bare client on aiortc and websockets: it shares no code with the package, so it checks the wire itself."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

import anyio
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from realtime_fast import marker

Message = dict[str, Any]


class Camera(MediaStreamTrack):
    """A flat grey picture, at a steady rate, with a marker on each when asked."""

    kind = "video"

    def __init__(self, width: int = 320, height: int = 192, fps: int = 30, *, marked: bool = False) -> None:
        super().__init__()
        self.size = width, height
        self.fps = fps
        self.marked = marked
        self.sent: dict[int, float] = {}
        self._index = 0
        self._start: float | None = None

    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        self._start = self._start or time.monotonic()
        await anyio.sleep(max(0, self._start + self._index / self.fps - time.monotonic()))
        frame = av.VideoFrame.from_ndarray(
            np.full((self.size[1] * 3 // 2, self.size[0]), 128, np.uint8), format="yuv420p"
        )
        frame.pts, frame.time_base = self._index * 3000, Fraction(1, 90000)
        self._index += 1
        if self.marked:
            marker.stamp(frame, self._index % 65536)
            self.sent[self._index % 65536] = time.monotonic()
        return frame


class Tone(MediaStreamTrack):
    """A loud square wave."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._index = 0
        self._start: float | None = None

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        self._start = self._start or time.monotonic()
        await anyio.sleep(max(0, self._start + self._index * 0.02 - time.monotonic()))
        wave = np.where(np.arange(960) // 48 % 2, 12000, -12000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        frame.sample_rate = 48000
        frame.pts, frame.time_base = self._index * 960, Fraction(1, 48000)
        self._index += 1
        return frame


class Client:
    """One control channel, and one peer connection if wanted."""

    def __init__(self, socket: ClientConnection, pc: RTCPeerConnection) -> None:
        self.socket = socket
        self.pc = pc
        self.messages: list[Message] = []
        self.arrived: list[float] = []
        self.frames: list[tuple[float, av.VideoFrame]] = []
        self.sounds: list[tuple[float, av.AudioFrame]] = []
        self.closed: tuple[int | None, str] | None = None
        self._changed = anyio.Event()

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def offer(self, *tracks: MediaStreamTrack, receive: tuple[str, ...] = ()) -> None:
        for track in tracks:
            self.pc.addTrack(track)
        for kind in receive:
            self.pc.addTransceiver(kind, direction="recvonly")
        await self.pc.setLocalDescription(await self.pc.createOffer())
        await self.send(type="offer", sdp=self.pc.localDescription.sdp)

    async def negotiate(self, *tracks: MediaStreamTrack, receive: tuple[str, ...] = ()) -> None:
        await self.offer(*tracks, receive=receive)
        await self.accept()

    async def accept(self) -> None:
        answer = await self.expect("answer")
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    async def expect(self, kind: str, number: int = 1) -> Message:
        """The number-th message of a kind, waiting for it."""
        await self.until(lambda: len(self.of(kind)) >= number or self.closed)
        found = self.of(kind)
        assert len(found) >= number, f"closed {self.closed} without {kind}: {self.kinds()}"
        return found[number - 1]

    async def until(self, holds: Callable[[], object], within: float = 20) -> None:
        with anyio.fail_after(within):
            while not holds():
                self._changed = anyio.Event()
                await self._changed.wait()

    def of(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message.get("type") == kind]

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.messages]

    async def _listen(self) -> None:
        try:
            while True:
                text = await self.socket.recv()
                self.messages.append(json.loads(text))
                self.arrived.append(time.monotonic())
                self._changed.set()
        except ConnectionClosed as error:
            self.closed = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (None, "")
            self._changed.set()

    async def _watch(self, track: MediaStreamTrack) -> None:
        sink: list[Any] = self.frames if track.kind == "video" else self.sounds
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            sink.append((time.monotonic(), frame))
            self._changed.set()


@asynccontextmanager
async def dial(
    base: str,
    path: str = "/v1/stream",
    *,
    key: str = "key",
    model: str | None = "lucy-restyle-2",
    **query: str,
) -> AsyncIterator[Client]:
    """Connect to a service; leaving the block closes everything."""
    params = {"api_key": key, **({"model": model} if model else {}), **query}
    async with connect(f"{base}{path}?{urlencode(params)}", max_size=None, compression=None) as socket:
        client = Client(socket, pc := RTCPeerConnection())
        async with anyio.create_task_group() as tasks:
            pc.on("track", lambda track: tasks.start_soon(client._watch, track))
            tasks.start_soon(client._listen)
            try:
                yield client
            finally:
                with anyio.CancelScope(shield=True):
                    await pc.close()
                tasks.cancel_scope.cancel()


def base64_png(colour: tuple[int, int, int] = (255, 0, 0), size: tuple[int, int] = (64, 64)) -> str:
    """A flat picture as base64 PNG."""
    return base64.b64encode(png(colour, size)).decode()


def png(colour: tuple[int, int, int] = (255, 0, 0), size: tuple[int, int] = (64, 64)) -> bytes:
    codec = av.CodecContext.create("png", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = *size, "rgb24"
    codec.time_base = Fraction(1, 1)
    picture = np.broadcast_to(np.array(colour, np.uint8), (size[1], size[0], 3))
    packets = codec.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))
    return b"".join(bytes(packet) for packet in [*packets, *codec.encode(None)])

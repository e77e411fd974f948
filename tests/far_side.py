"""A far side that answers with whatever bytes a test wants."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio
from anyio.abc import SocketAttribute, SocketStream

Answer: TypeAlias = bytes | Callable[[SocketStream, bytes], Awaitable[None]]
"""Bytes, after which the connection closes, or what converses over it; it is given the request's head."""


@dataclass
class FarSide:
    """A server on loopback.

    Attributes:
        place: Its host and port.
        requests: The heads of the requests that came, in order.
    """

    place: str = ""
    requests: list[str] = field(default_factory=list)


@asynccontextmanager
async def far_side(*answers: Answer) -> AsyncIterator[FarSide]:
    """Answer one connection after the other; the last answer repeats."""
    side = FarSide()

    async def serve(stream: SocketStream) -> None:
        head = b""
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                while b"\r\n\r\n" not in head:
                    head += await stream.receive()
                answer = answers[min(len(side.requests), len(answers) - 1)]
                side.requests.append(head.decode("latin-1"))
                if isinstance(answer, bytes):
                    await stream.send(answer)
                else:
                    await answer(stream, head)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        side.place = f"127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            yield side
            tasks.cancel_scope.cancel()


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP response as bytes; `_` in a header's name stands for `-`."""
    given = {"Content-Length": str(len(body)), "Connection": "close"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Words", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def upgrade(stream: SocketStream, head: bytes) -> None:
    """Complete a WebSocket handshake (RFC 6455, section 4.2.2)."""
    key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
    assert key is not None
    accept = base64.b64encode(
        hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    ).decode()
    wanted = re.search(rb"(?i)sec-websocket-protocol: *(\S+)", head)
    lines = [
        "HTTP/1.1 101 Words",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
    ]
    if wanted is not None:
        lines.append(f"Sec-WebSocket-Protocol: {wanted[1].decode()}")
    await stream.send("\r\n".join([*lines, "", ""]).encode())


def text_frame(message: object) -> bytes:
    """A WebSocket text frame, of a JSON message or of a text."""
    data = (message if isinstance(message, str) else json.dumps(message)).encode()
    size = len(data)
    head = bytes([0x81, size]) if size < 126 else b"\x81\x7e" + size.to_bytes(2)
    return (head if size < 1 << 16 else b"\x81\x7f" + size.to_bytes(8)) + data


def close_frame(code: int, reason: str = "") -> bytes:
    """A WebSocket close frame."""
    data = code.to_bytes(2) + reason.encode()
    return bytes([0x88, len(data)]) + data

"""A real LiveKit server on loopback, as `make livekit` builds it."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx2

from realtime_fast.server.room import Keys

TREE = Path(__file__).parents[2]
SERVER = TREE / ".livekit" / "livekit-server"
CONFIG = Path(__file__).parent / "livekit.yaml"
URL = "ws://127.0.0.1:7880"
KEYS = Keys("devkey", "0123456789abcdef0123456789abcdef")
"""As livekit.yaml has them."""


@asynccontextmanager
async def deployed(server: Path = SERVER) -> AsyncIterator[str]:
    """A server that accepts participants; its URL."""
    command = [str(server), "--config", str(CONFIG)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with httpx2.AsyncClient() as http:
            with anyio.fail_after(20):
                while not await _answers(http):
                    await anyio.sleep(0.05)
        yield URL
    finally:
        process.kill()
        process.wait()


async def _answers(http: httpx2.AsyncClient) -> bool:
    try:
        return (await http.get(URL.replace("ws", "http", 1))).text == "OK"
    except httpx2.HTTPError:
        return False

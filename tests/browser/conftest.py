"""A headless Chromium whose pages join stages with Amazon's Web Broadcast SDK, or sessions with the service's own."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

HERE = Path(__file__).parent
MODULES = ("amazon-ivs-web-broadcast", "axe-core", "@decartai/sdk", "esbuild", "playwright-core")


def missing() -> str | None:
    """What is not installed of what these tests need."""
    if chromium() is None:
        return "no Chromium on this machine: make browser installs it"
    if shutil.which("node") is None:
        return "no Node.js on this machine"
    if not all((HERE / "node_modules" / name).exists() for name in MODULES):
        return "not all that the pages need is installed: make browser does it"
    return None


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = missing()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


class Browser:
    """Drives `browser.mjs`, one command at a time."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._commands = process.stdin
        self._lines = BufferedByteReceiveStream(process.stdout)
        self._turn = anyio.Lock()

    async def do(self, op: str, page: str, **more: Any) -> Any:
        async with self._turn:
            await self._commands.send(json.dumps({"op": op, "page": page, **more}).encode() + b"\n")
            return await self.answer()

    async def answer(self) -> Any:
        reply = json.loads(await self._lines.receive_until(b"\n", 1 << 20))
        if "error" in reply:
            raise AssertionError(reply["error"])
        return reply["result"]

    async def aclose(self) -> None:
        """Tell it to end."""
        await self._commands.aclose()

    async def join(self, page: str, token: str, *, publish: bool) -> None:
        """Join in a page of that name."""
        state = await self.do("join", page, token=token, publish=publish)
        assert state["joined"], state

    async def open(self, page: str, base: str, **options: str) -> dict[str, Any]:
        """Connect to the service at `base`, as a `model`'s session (with a `prompt`) or with a viewer's `token`."""
        state: dict[str, Any] = await self.do("open", page, base=base, **options)
        return state

    async def until(
        self, page: str, condition: Any, within: float = 20.0, look: str = "look"
    ) -> dict[str, Any]:
        """Look at what a page sees until it is as wanted."""
        seen: dict[str, Any] = {}
        with anyio.move_on_after(within):
            while True:
                seen = await self.do(look, page)
                if condition(seen):
                    return seen
                await anyio.sleep(0.1)
        raise AssertionError(f"the page never saw what it should; it sees {seen}")


@asynccontextmanager
async def open_browser(fake_video: Path | None = None) -> AsyncIterator[Browser]:
    """A browser; what its camera shows is `fake_video` (y4m or mjpeg), or Chromium's own test picture."""
    command = ["node", str(HERE / "browser.mjs"), "--chromium", str(chromium())]
    if fake_video is not None:
        command += ["--fake-video", str(fake_video)]
    async with await anyio.open_process(command, stderr=subprocess.DEVNULL) as process:
        browser = Browser(process)
        assert await browser.answer() == "ready"
        yield browser
        await browser.aclose()
        with anyio.move_on_after(10):
            await process.wait()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened

"""A window with the received pictures, drawn by a process of its own (`realtime_fast.cli.window`)."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import anyio

from realtime_fast.client.base import ClientBase
from realtime_fast.errors import InvalidInputError

START_LIMIT = 20.0
"""Seconds for the window to appear."""

READY = b"shown"


async def previewed(client: ClientBase) -> None:
    """Show what `client` receives until its window is closed, or until cancelled.

    Raises:
        InvalidInputError: There is no display, or no window toolkit; the message says what to do.
    """
    command = [sys.executable, "-m", "realtime_fast.cli.window"]
    async with await anyio.open_process(command, stderr=subprocess.PIPE, start_new_session=True) as window:
        if window.stdin is None or window.stdout is None or window.stderr is None:
            raise AssertionError("open_process makes pipes when told so")
        said = b""
        with anyio.move_on_after(START_LIMIT), suppress(anyio.EndOfStream):
            said = await window.stdout.receive()
        if READY not in said:
            raise InvalidInputError(
                "--show needs a display (DISPLAY or WAYLAND_DISPLAY) and Python's tkinter, such as the package "
                "python3-tk; --output records instead"
            )
        try:
            async for frame in client.frames("rgb24"):
                height, width = frame.array.shape[:2]
                await window.stdin.send(b"P6 %d %d 255\n" % (width, height))
                await window.stdin.send(frame.array.tobytes())
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # the window was closed: the session goes on

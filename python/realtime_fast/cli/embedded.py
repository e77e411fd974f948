"""The embedded service as a child process, for commands that are given no other."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import Process

from realtime_fast.cli.secret_arguments import API_KEY_VARIABLE
from realtime_fast.errors import ConnectError

START_LIMIT = 20.0
"""Seconds the service may take until it listens."""

EXIT_GRACE = 3.0
"""Seconds the service gets to end by itself."""


@asynccontextmanager
async def service_process(delay_ms: float = 0.0, network: str | None = None) -> AsyncIterator[str]:
    """The embedded service in a process of its own, on a free port; yields its URL."""
    command = [sys.executable, "-m", "realtime_fast.cli", "serve", "--port", "0", "--quiet", "--until-eof"]
    command += ["--delay-ms", f"{delay_ms:g}", *(["--network", network] if network else [])]
    # In a session of its own, Ctrl-C reaches this process alone, which then ends the child in order.
    # A key in the environment is meant for another service; this one would ask for it.
    environment = {name: value for name, value in os.environ.items() if name != API_KEY_VARIABLE}
    process = await anyio.open_process(command, stderr=None, start_new_session=True, env=environment)
    try:
        yield await _listening(process)
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.terminate()
            with anyio.move_on_after(EXIT_GRACE):
                await process.wait()
            if process.returncode is None:
                process.kill()
            await process.aclose()


async def _listening(process: Process) -> str:
    output = b""
    if process.stdout is not None:
        with anyio.move_on_after(START_LIMIT):
            async for chunk in process.stdout:
                output += chunk
                for said in output.decode(errors="replace").splitlines(keepends=True):
                    if said.startswith("listening on ") and said.endswith("\n"):
                        return said.split()[2]
    raise ConnectError("The embedded service did not start; `realtime-fast serve` shows why")

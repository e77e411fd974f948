"""Which tests open sockets or start processes, and a guard that holds all others to opening none.

`make quick` leaves them out. The guard stands in every run, so the list below cannot fall behind.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

ROOMS = (
    "aio/test_http.py",
    "aio/test_websocket.py",
    "browser",
    "cli",
    "client",
    "compat",
    "docs/test_blocks.py",
    "docs/test_web_app.py",
    "examples",
    "interop",
    "ivs/test_publishing.py",
    "ivs/test_recording.py",
    "ivs/test_stage.py",
    "ivs/test_stage_failures.py",
    "ivs/test_strategy.py",
    "ivs/test_token_exchange.py",
    "livekit/test_room.py",
    "media/test_live_output.py",
    "peer",
    "server",
    "session/test_connect_loop.py",
    "test_errors.py",
    "transports",
)
"""Folders and files whose tests open sockets or start processes, and so carry the marker `sockets`."""

INTERNET = (socket.AF_INET, socket.AF_INET6)
"""Families that are guarded; an event loop wakes itself up through a pair of sockets of another."""


def opens_sockets(path: Path) -> bool:
    return any(path.is_relative_to(HERE / room) for room in ROOMS)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is left out is not imported either: that takes seconds, and may itself open sockets."""
    left_out = "not sockets" in config.getoption("markexpr")
    return True if left_out and opens_sockets(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if opens_sockets(item.path):
            item.add_marker(pytest.mark.sockets)


class SocketOpenedError(Exception):
    """A test without the marker opened a socket or started a process."""


class Guard:
    """Refuses sockets and processes while it is closed, and remembers what was tried."""

    def __init__(self) -> None:
        self.closed = False
        self.tried: list[str] = []
        sys.addaudithook(self._audit)

    def _audit(self, event: str, args: tuple[object, ...]) -> None:
        if not self.closed:
            return
        if event == "subprocess.Popen" or (event == "socket.__new__" and args[1] in INTERNET):
            self.tried.append(event)
            raise SocketOpenedError(event)


GUARD = Guard()


@pytest.fixture(autouse=True)
def no_sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test swallows fails it all the same."""
    # On Windows an event loop wakes itself up over loopback.
    GUARD.closed = request.node.get_closest_marker("sockets") is None and sys.platform != "win32"
    yield
    GUARD.closed = False
    tried, GUARD.tried = GUARD.tried, []
    assert tried == [], f"{request.node.path} opens sockets or starts processes: name it in {__file__}"

"""Every code block of README and docs: Python runs against the embedded service, commands take their arguments.

A block is a program of its own, or the middle of one: `GIVEN` are the names that a page may take for granted. It ends
by itself, or prints, and is then interrupted as by Ctrl-C. One that needs what no test has says so in its first line,
`# Needs a camera.`; it is compiled, and its imports, names and arguments are checked.
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import av
import pytest
from anyio.from_thread import start_blocking_portal
from sybil import Example

from realtime_fast import models, open_source
from realtime_fast.options import RealtimeConnectOptions
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.room import Grant

from tests.docs import commands, programs
from tests.docs.pages import PYTHON, SHELL, blocks, here, name_of, pages
from tests.support import Colour, Tone

pytestmark = here

URL = "ws://127.0.0.1:8890"
"""Where `realtime-fast serve` listens: in the blocks it stands for the service of the test."""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service in a thread of its own: the main thread belongs to the program that is run."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Service(ServiceConfig(port=0))) as service,
    ):
        yield service


def post(url: str, **body: Any) -> Any:
    request = urllib.request.Request(url.replace("ws", "http", 1), json.dumps(body).encode())
    with urllib.request.urlopen(request) as response:
        return json.load(response)


@cache
def stage(url: str) -> str:
    """The id of a stage."""
    return str(post(f"{url}/dev/stages")["stage_id"])


def stage_token(service: Service, who: str, **wanted: Any) -> str:
    tokens = f"{service.url}/dev/stages/{stage(service.url)}/tokens"
    return str(post(tokens, participant_id=who, **wanted)["token"])


def room_token(service: Service) -> str:
    assert service.rooms is not None
    service.rooms.create("room")
    return service.rooms.keys.issue(Grant(identity="me", room="room"), 60)


GIVEN: dict[str, Callable[[Service], Any]] = {
    "url": lambda service: service.url,
    "key": lambda _: "any-key",
    "source": lambda _: open_source("synthetic", size=(320, 192), fps=15),
    "options": lambda _: RealtimeConnectOptions(models.realtime("lucy-2.1")),
    "camera": lambda _: Colour(),
    "microphone": lambda _: Tone(),
    "screen": lambda _: Colour(),
    "my_token": lambda service: stage_token(service, "me"),
    "my_fresh_token": lambda service: stage_token(service, "me", ttl=7200),
    "their_token": lambda service: stage_token(service, "they"),
    "room_token": room_token,
    "frame": lambda _: av.VideoFrame(640, 352, "yuv420p"),
}


def write_clip(path: Path) -> None:
    """Two seconds of video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 320, 192
        for index in range(50):
            frame = av.VideoFrame(320, 192, "yuv420p")
            for plane, level in zip(frame.planes, (40 + index, 128, 128), strict=True):
                plane.update(bytes([level]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal")
@pytest.mark.parametrize("block", [pytest.param(block, id=name_of(block)) for block in blocks(PYTHON)])
def test_python(block: Example, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if programs.needs(block):
        programs.check(block)
        return
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mp4")
    wanted = set(re.findall(r"\w+", block.parsed))
    given = {name: make(service) for name, make in GIVEN.items() if name in wanted}
    programs.run(block, given, {URL: service.url})


@pytest.mark.parametrize("block", [pytest.param(block, id=name_of(block)) for block in blocks(SHELL)])
def test_commands(block: Example) -> None:
    found = list(commands.lines(block.parsed, prompts="$ " in block.parsed))
    assert found
    for command in found:
        commands.check(command)


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in pages()])
def test_commands_in_the_text(page: Path) -> None:
    for command in re.findall(r"`(realtime-fast [a-z-][^`]*)`", page.read_text()):
        commands.check(re.sub(r"[\[\]]", "", command))

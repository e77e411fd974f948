"""The programs in `examples`, as a reader runs them: a process each, against the embedded service."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import av
import pytest

from realtime_fast import RealtimeClient, RealtimeConnectOptions, models, open_source
from realtime_fast.server import Service, ServiceConfig

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = "the/right+key"
LIMIT = 50.0


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service(ServiceConfig(port=0, api_keys=frozenset({KEY}))) as service:
        yield service


def environment(service: Service) -> dict[str, str]:
    """Nothing but what a reader sets; no display, so that no window opens on whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return kept | {"REALTIME_URL": service.url, "REALTIME_API_KEY": KEY}


async def run(service: Service, name: str, *arguments: str | Path) -> str:
    """What the program printed; it must end well and complain of nothing."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    with anyio.fail_after(LIMIT):
        done = await anyio.run_process(command, check=False, env=environment(service))
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout.decode()


async def prompts(service: Service) -> list[str | None]:
    """The prompts of the program's session, once the service has seen its end."""
    with anyio.fail_after(10):
        while not service.ended:
            await anyio.sleep(0.02)
    told: list[str | None] = service.ended[-1]["prompts"]
    return told


def write_clip(path: Path, pictures: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 320, 192
        for index in range(pictures):
            frame = av.VideoFrame(320, 192, "yuv420p")
            for plane, level in zip(frame.planes, (40 + index, 128, 128), strict=True):
                plane.update(bytes([level]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


async def test_file_to_file(service: Service, tmp_path: Path) -> None:
    clip, output = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    write_clip(clip, 50)
    said = await run(service, "file_to_file.py", clip, output, "a woodcut")
    with av.open(str(output)) as recording:
        recorded = sum(1 for _ in recording.decode(video=0))
    assert recorded > 10
    assert said == f"{recorded} pictures in {output}, 0 dropped\n"
    assert await prompts(service) == ["a woodcut"]


@pytest.mark.parametrize("source", ["synthetic", "/no/such/camera"])
async def test_webcam(service: Service, source: str) -> None:
    said = (await run(service, "webcam.py", source, "3")).splitlines()
    assert said.pop(0).startswith("no preview: ")
    if source != "synthetic":
        assert said.pop(0) == "There is no video file at /no/such/camera: a synthetic picture instead"
    (count,) = said
    assert int(count.removesuffix(" pictures")) > 5


async def test_arrays(service: Service) -> None:
    said = await run(service, "arrays.py", "20")
    assert re.fullmatch(r"picture 20: uint8 \(704, 1280, 3\), mean \d+ \d+ \d+\n", said)
    assert await prompts(service) == ["a bar of gold"]


async def test_viewer(service: Service) -> None:
    model = models.realtime("lucy-2.1")
    async with (
        open_source("synthetic", size=(320, 192), fps=15) as source,
        RealtimeClient.connect(service.url, KEY, source, RealtimeConnectOptions(model)) as client,
    ):
        assert client.subscribe_token is not None
        said = (await run(service, "viewer.py", client.subscribe_token, "3")).splitlines()
    assert "the connection is connected" in said
    last = re.fullmatch(r"(\d+) pictures, 320x192", said[-1])
    assert last is not None
    assert int(last[1]) > 5


async def test_viewer_of_nothing(service: Service) -> None:
    command = [sys.executable, str(EXAMPLES / "viewer.py"), "nonsense"]
    done = await anyio.run_process(command, check=False, env=environment(service))
    assert done.returncode == 1
    assert done.stderr.decode() == "Invalid subscribe token: expected the subscribe_token of a session\n"


async def test_stage(service: Service) -> None:
    said = re.fullmatch(r"60 pictures from camera, (\d+)x(\d+)\n", await run(service, "stage.py"))
    assert said is not None
    assert int(said[1]) * 9 == int(said[2]) * 16, "640x360, or smaller where the machine or the path is busy"


async def test_latency_watch(service: Service) -> None:
    said = await run(service, "latency_watch.py", "5")
    assert re.search(r"^picture \d+: \d+ ms$", said, re.MULTILINE)
    assert re.search(r"^estimate: (at least )?\d+ ms$", said, re.MULTILINE)
    last = re.fullmatch(
        r"(\d+) of (\d+) markers read, 0 lost: median \d+ ms, 95 % within \d+ ms", said.splitlines()[-1]
    )
    assert last is not None
    assert 0 < int(last[1]) <= int(last[2])


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal")
@pytest.mark.parametrize("name", ["webcam.py", "latency_watch.py"])
async def test_ends_in_silence_on_ctrl_c(service: Service, name: str) -> None:
    command = [sys.executable, str(EXAMPLES / name), *(["synthetic"] if name == "webcam.py" else [])]
    with anyio.fail_after(LIMIT):
        async with await anyio.open_process(command, env=environment(service)) as process:
            while not service.sessions:
                await anyio.sleep(0.02)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            errors = b"".join([chunk async for chunk in process.stderr])
            await process.wait()
    assert errors == b""

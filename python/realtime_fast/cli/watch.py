"""`realtime-fast watch`: watch a participant of an Amazon IVS stage."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.live import Live

from realtime_fast.cli.exit_codes import Debug, reported
from realtime_fast.cli.secret_arguments import STAGE_TOKEN_VARIABLE, resolved
from realtime_fast.ivs import Stage, Subscription
from realtime_fast.media.recorder import Recorder
from realtime_fast.media.tracks import ReceivedTrack

LOOK_INTERVAL = 0.5
"""Seconds between two updates of the figures."""


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
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after this many seconds.")] = None,
    output: Annotated[Path | None, typer.Option(help="Record to this mp4 or webm.")] = None,
    debug: Debug = False,
) -> None:
    """Watch a participant of a stage until they leave, or until interrupted.

    It needs only the token, which names the stage.
    """
    with reported(debug):
        stage_token = resolved(token, name="participant token", variable=STAGE_TOKEN_VARIABLE)
        anyio.run(_watch, stage_token, participant, seconds, output)


async def _watch(token: str, participant: str | None, seconds: float | None, output: Path | None) -> None:
    console = Console()
    async with AsyncExitStack() as stack:
        recorder = await stack.enter_async_context(Recorder(output)) if output is not None else None
        stage = await stack.enter_async_context(Stage(token))
        with Live(console=console, refresh_per_second=4) as live:
            live.update("waiting for a participant to publish")
            who = await stage.wait_publishing(lambda one: participant in (None, one.id))
            stream = await stage.subscribe(who.id)
            for track in stream.tracks.values():
                if recorder is not None and isinstance(track, ReceivedTrack):
                    recorder.add(track)
            began = time.monotonic()
            with anyio.move_on_after(seconds):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_show, live, stream, who.user_id or who.id, began)
                    error = await stream.wait_ended()
                    tasks.cancel_scope.cancel()
                if error is not None:
                    raise error
        console.print(f"{_figures(stream)} in {time.monotonic() - began:.1f} s")


async def _show(live: Live, stream: Subscription, name: str, began: float) -> None:
    while True:
        live.update(f"{name}   {time.monotonic() - began:5.1f} s   {_figures(stream)}")
        await anyio.sleep(LOOK_INTERVAL)


def _figures(stream: Subscription) -> str:
    video = stream.video
    if not isinstance(video, ReceivedTrack):
        return "no pictures"
    figures = video.meter.inbound(time.monotonic())
    return (
        f"{figures['framesDecoded']} pictures, {figures['frameWidth']}x{figures['frameHeight']}, "
        f"{figures['framesPerSecond']:.0f} a second"
    )

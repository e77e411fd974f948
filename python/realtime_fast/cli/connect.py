"""`realtime-fast connect`: stream to a service, with prompts typed while it runs."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Annotated

import anyio
import typer
from rich.console import Console

from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.cli.arguments import (
    MODEL,
    URL_VARIABLE,
    ApiKey,
    Image,
    Input,
    ModelName,
    Output,
    Prompt,
    TransportName,
    is_local,
    key_for,
)
from realtime_fast.cli.embedded import service_process
from realtime_fast.cli.exit_codes import Debug, reported
from realtime_fast.cli.live_view import LiveView, table
from realtime_fast.cli.preview import previewed
from realtime_fast.cli.streaming import Stream, Streaming
from realtime_fast.cli.typed_prompts import TypedLine, typed_lines
from realtime_fast.client.publisher import RealtimeClient
from realtime_fast.errors import RealtimeError
from realtime_fast.options import ReconnectPolicy
from realtime_fast.report.run import summary

PROBE_INTERVAL_MS = 500.0
"""Milliseconds between two marked pictures: enough to watch, and hardly seen."""


def connect(
    url: Annotated[
        str | None,
        typer.Option(
            envvar=URL_VARIABLE,
            show_envvar=True,
            help="The service; by default one is started on this machine.",
        ),
    ] = None,
    model: ModelName = MODEL,
    transport: TransportName = "webrtc",
    input: Input = "synthetic",  # noqa: A002 - the option's name
    prompt: Prompt = None,
    image: Image = None,
    output: Output = None,
    show: Annotated[bool, typer.Option("--show", help="Show the result in a window.")] = False,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="How long to stream; until Ctrl-C by default.")
    ] = None,
    api_key: ApiKey = None,
    debug: Debug = False,
) -> None:
    """Stream to a service and back; each line that is typed becomes the prompt.

    \b
    Examples:
      realtime-fast connect --input clip.mp4 --output out.mp4
      realtime-fast connect --url wss://api3.decart.ai --input 0 --show
      echo "oil on canvas" | realtime-fast connect --seconds 20
    """  # noqa: D301 - the escape is click's
    with reported(debug):
        settings = Streaming(
            input=input,
            model=model,
            prompt=prompt,
            image=image,
            transport=transport,
            probe_interval_ms=PROBE_INTERVAL_MS,
            seconds=seconds,
            output=output,
            reconnect=ReconnectPolicy(),
            local=url is None or is_local(url),
            integration="connect",
        )
        console = Console()
        line = TypedLine()
        asks = console.is_terminal and sys.stdin.isatty()
        stream = Stream(settings, LiveView(console, typed=(lambda: line.text) if asks else None))
        key = "local" if url is None else key_for(url, api_key)
        try:
            anyio.run(_connect, stream, url, key, show, line)
        finally:
            if stream.cpu_cores is not None:
                console.print(table(summary(stream.run)))


async def _connect(stream: Stream, url: str | None, key: str, show: bool, line: TypedLine) -> None:
    service = service_process() if url is None else nullcontext(url)
    with typed_lines(line) as lines:
        async with service as base_url, stream.connected(base_url, key) as client, owned_tasks() as tasks:
            tasks.start_soon(_prompts, client, lines, stream.run.errors)
            if show:
                tasks.start_soon(previewed, client)
            await stream.stay()


async def _prompts(client: RealtimeClient, lines: DropOldest[str], errors: list[str]) -> None:
    """Send each line as the prompt; one that is refused shows among the errors, and the next may be better."""
    while True:
        try:
            prompt = await lines.get()
        except anyio.EndOfStream:
            return
        try:
            await client.set_prompt(prompt)
        except RealtimeError as error:
            errors.append(f"{error.code}: {error}")

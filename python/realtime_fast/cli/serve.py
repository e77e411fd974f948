"""`realtime-fast serve`: the embedded service as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.cli.exit_codes import Debug, reported

if TYPE_CHECKING:
    from realtime_fast.server import ServiceConfig

try:
    from realtime_fast.server.faults import HELP
except ImportError:  # `serve` then says what to install; other commands work without it
    HELP = {}

FAULTS = "\b\nFaults (phases are open, state, offer, answer, connected):\n" + "\n".join(
    f"  {line}" for line in HELP.values()
)


def serve(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 picks a free one.")] = 8890,
    delay_ms: Annotated[float, typer.Option(help="Milliseconds of delay to add.")] = 0.0,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            help="Accept only this key (repeatable); by default any non-empty key.",
            envvar="REALTIME_FAST_API_KEYS",
            show_envvar=True,
        ),
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=VALUE]", help="A fault to inject (repeatable).")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Give returning clients their previous session id.")
    ] = False,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="PROFILE",
            help="Put a network in between: wifi, lte, 3g, transatlantic, lossy, 600k, or settings such as "
            "rate=600k,delay=40ms,loss=5%.",
        ),
    ] = None,
    stage_front_door: Annotated[
        bool,
        typer.Option("--stage-front-door", help="Redirect IVS clients to the stage, as production does."),
    ] = False,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="Exit when standard input closes: do not outlive a parent.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Run a local stand-in for the hosted service until interrupted.

    Prints `listening on ws://HOST:PORT` once it accepts connections.
    """
    with reported(debug):
        from realtime_fast.server import Faults, NetworkProfile, ServiceConfig

        config = ServiceConfig(
            host=host,
            port=port,
            delay_ms=delay_ms,
            api_keys=frozenset(api_key) if api_key else None,
            faults=Faults.parse(fault or ()),
            resume=resume,
            stage_front_door=stage_front_door,
            network=NetworkProfile.parse(network) if network else None,
        )
        anyio.run(_serve, config, until_eof)


async def _serve(config: ServiceConfig, until_eof: bool) -> None:
    from realtime_fast.server import Service

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with Service(config) as service, owned_tasks() as tasks:
            print(f"listening on {service.url}", flush=True)
            if until_eof:
                tasks.start_soon(_end_with_input)
            async for _ in signals:
                return


async def _end_with_input() -> None:
    """Terminate this process once the parent has closed the pipe, however it ended."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while await reader.read(4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        pipe.close()

"""`realtime-fast serve`: the embedded service as a process."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from realtime_fast.cli.reporting import Debug, reported

if TYPE_CHECKING:
    from realtime_fast.server import ServiceConfig

try:
    from realtime_fast.server.faults import HELP
except ImportError:  # the command says what to install; the others work without it
    HELP = {}

FAULTS = "\b\nFaults (phases are open, state, offer, answer, connected):\n" + "\n".join(
    f"  {line}" for line in HELP.values()
)


def serve(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 picks a free one.")] = 8890,
    delay_ms: Annotated[float, typer.Option(help="Milliseconds to hold everything back.")] = 0.0,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            help="Accept this key only (repeatable). Without any, every key that is not empty will do.",
            envvar="REALTIME_FAST_API_KEYS",
            show_envvar=True,
        ),
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=VALUE]", help="Something to do wrong (repeatable).")
    ] = None,
    debug: Debug = False,
) -> None:
    """Run a local stand-in for the hosted service until interrupted.

    Prints `listening on ws://HOST:PORT` once it accepts connections.
    """
    with reported(debug):
        from realtime_fast.server import Faults, ServiceConfig

        config = ServiceConfig(
            host=host,
            port=port,
            delay_ms=delay_ms,
            api_keys=frozenset(api_key) if api_key else None,
            faults=Faults.parse(fault or ()),
        )
        anyio.run(_serve, config)


async def _serve(config: ServiceConfig) -> None:
    from realtime_fast.server import Service

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with Service(config) as service:
            print(f"listening on {service.url}", flush=True)
            async for _ in signals:
                return

"""`realtime-fast serve`: the embedded service as a process."""

from __future__ import annotations

import logging
import os
import signal
import sys
import textwrap
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.aio.threads import in_own_thread
from realtime_fast.cli.exit_codes import Debug, reported
from realtime_fast.cli.secret_arguments import API_KEY_VARIABLE, LIVEKIT_SECRET_VARIABLE, resolved
from realtime_fast.cli.signals import ending

if TYPE_CHECKING:
    from realtime_fast.server import ServiceConfig

EXIT_LIMIT = 1.2
"""Seconds from a signal, or the end of standard input, to the end of the process."""

try:
    from realtime_fast.server.faults import HELP
except ImportError:  # `serve` then says what to install; other commands work without it
    HELP = {}

FAULTS = "\b\nFaults (phases are open, state, offer, queue, answer, connected):\n" + "\n".join(
    textwrap.fill(
        line,
        78,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in HELP.values()
)


def serve(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 picks a free one.")] = 8890,
    delay_ms: Annotated[float, typer.Option(help="Milliseconds of delay to add.")] = 0.0,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Accept these keys only: from {API_KEY_VARIABLE} (separated by spaces), or - for a line of standard "
            "input (repeatable). A key given as an argument is in the process list. By default any key that is not "
            "blank.",
            envvar=API_KEY_VARIABLE,
            show_envvar=True,
        ),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Let web pages of this origin connect (repeatable; * for all). Those on loopback always may."
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
    livekit_url: Annotated[
        str | None,
        typer.Option(
            help="Carry the rooms of sessions on this LiveKit deployment instead of in this process.",
            envvar="LIVEKIT_URL",
            show_envvar=True,
        ),
    ] = None,
    livekit_key: Annotated[
        str, typer.Option(help="Its API key.", envvar="LIVEKIT_API_KEY", show_envvar=True)
    ] = "",
    livekit_secret: Annotated[
        str | None,
        typer.Option(
            help=f"Its API secret: from {LIVEKIT_SECRET_VARIABLE}, or - for a line of standard input, after those of "
            "--api-key. A secret given as an argument is in the process list.",
            envvar=LIVEKIT_SECRET_VARIABLE,
            show_envvar=True,
        ),
    ] = None,
    stage_front_door: Annotated[
        bool,
        typer.Option("--stage-front-door", help="Redirect IVS clients to the stage, as production does."),
    ] = False,
    ivs_sdk: Annotated[
        Path | None,
        typer.Option(
            help="Have the web page load Amazon's Web Broadcast SDK from this file instead of from Amazon."
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="Print neither the page's URL nor a line for each session and refusal."),
    ] = False,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="Exit when standard input closes: do not outlive a parent.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Run a local stand-in for the hosted service until interrupted.

    Prints `listening on ws://HOST:PORT` once it accepts connections and the URL of its web page, then a line for each
    session.

    \b
    Examples:
      realtime-fast serve --network lte --delay-ms 200
      realtime-fast serve --port 0 --fault close=connected
    """  # noqa: D301 - the escape is click's
    with reported(debug):
        from realtime_fast.server import Faults, NetworkProfile, ServiceConfig

        config = ServiceConfig(
            host=host,
            port=port,
            delay_ms=delay_ms,
            api_keys=frozenset(resolved(key, name="API key", variable=API_KEY_VARIABLE) for key in api_key)
            if api_key
            else None,
            origins=frozenset(origin or ()),
            faults=Faults.parse(fault or ()),
            resume=resume,
            livekit_url=livekit_url,
            livekit_key=livekit_key,
            livekit_secret=resolved(
                livekit_secret, name="LiveKit API secret", variable=LIVEKIT_SECRET_VARIABLE
            )
            if livekit_url is not None
            else "",
            stage_front_door=stage_front_door,
            ivs_sdk=ivs_sdk,
            network=NetworkProfile.parse(network) if network else None,
        )
        if not quiet:
            _log_sessions()
        anyio.run(_serve, config, until_eof, quiet)


def _log_sessions() -> None:
    """Print what the service logs about its sessions."""
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("realtime_fast.server")
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    logger.propagate = False


async def _serve(config: ServiceConfig, until_eof: bool, quiet: bool) -> None:
    from realtime_fast.server import Service

    with ending() as told:
        async with Service(config) as service, owned_tasks() as tasks:
            print(f"listening on {service.url}", flush=True)
            if not quiet:
                print(f"web page at {service.page_url}", flush=True)
            if until_eof:
                tasks.start_soon(_end_with_input)
            await told.wait()
            _exit_soon()


async def _end_with_input() -> None:
    """Terminate this process once the parent has closed the pipe, however it ended."""
    # A thread: a busy event loop would notice late, and not every system can wait for a pipe in its loop.
    await in_own_thread("read-input", _read_to_end)
    signal.raise_signal(signal.SIGTERM)


def _read_to_end() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    _exit_soon()


def _exit_soon() -> None:
    """End the process in `EXIT_LIMIT` seconds in any case, however much there is to wind up."""
    timer = threading.Timer(EXIT_LIMIT, os._exit, [0])  # no word of it: a full pipe would hold that up
    timer.daemon = True
    timer.start()

"""`realtime-fast doctor`: what works here, and what to do about the rest."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
import typer
from rich.console import Console
from rich.text import Text

from realtime_fast.cli import checks
from realtime_fast.cli.arguments import (
    MODEL,
    URL_VARIABLE,
    ApiKey,
    Json,
    ModelName,
    TransportName,
    is_local,
    key_for,
)
from realtime_fast.cli.environment import machine, versions
from realtime_fast.cli.exit_codes import Debug, reported
from realtime_fast.models import realtime
from realtime_fast.options import DEFAULT_ICE_SERVERS, IceServer

_MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "bold red")}


def doctor(
    url: Annotated[
        str | None, typer.Option(envvar=URL_VARIABLE, show_envvar=True, help="A service to check as well.")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Open a real session with it for 12 s, which is billed as one.")
    ] = False,
    stun: Annotated[str | None, typer.Option(metavar="stun:HOST:PORT", help="Ask this STUN server.")] = None,
    turn: Annotated[
        str | None,
        typer.Option(
            metavar="turn:HOST:PORT",
            help="Ask this TURN server; its user and password come from TURN_USERNAME and TURN_CREDENTIAL.",
        ),
    ] = None,
    turn_username: Annotated[str | None, typer.Option(envvar="TURN_USERNAME", hidden=True)] = None,
    turn_credential: Annotated[str | None, typer.Option(envvar="TURN_CREDENTIAL", hidden=True)] = None,
    model: ModelName = MODEL,
    transport: TransportName = "webrtc",
    api_key: ApiKey = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Check what realtime video needs on this machine, in this network and at a service.

    Each line is ok, warn (works, but worse than it could) or FAIL, and says what to do. Exits with 1 if one failed.

    \b
    Examples:
      realtime-fast doctor
      realtime-fast doctor --url wss://api3.decart.ai --deep
    """  # noqa: D301 - the escape is click's
    with reported(debug):
        servers = [IceServer(stun)] if stun else [] if turn else list(DEFAULT_ICE_SERVERS)
        if turn:
            servers.append(IceServer(turn, turn_username, turn_credential))
        key = None if url is None else key_for(url, api_key)
        console = Console()
        if not as_json:
            shown = {**machine(), **versions()}
            console.print(", ".join(f"{name} {value}" for name, value in shown.items()), highlight=False)
        found = anyio.run(_examine, console, as_json, servers, url, key, realtime(model), transport, deep)
        if as_json:
            listed = [dataclasses.asdict(check) for check in found]
            print(json.dumps({"machine": machine(), "versions": versions(), "checks": listed}, indent=2))
        if any(check.verdict == "fail" for check in found):
            raise typer.Exit(1)


async def _examine(console: Console, silent: bool, *what: Any) -> list[checks.Check]:
    found = []
    async for check in _checks(*what):
        found.append(check)
        if not silent:
            mark, colour = _MARKS[check.verdict]
            console.print(Text.assemble((mark, colour), "  ", (check.name, "bold"), f": {check.said}"))
            if check.advice:
                console.print(Text(f"      {check.advice}", "italic"))
    return found


async def _checks(
    servers: list[IceServer], url: str | None, key: str | None, model: Any, transport: Any, deep: bool
) -> AsyncIterator[checks.Check]:
    yield checks.check_aiortc()
    yield checks.check_level(checks.processor_flags(), checks.level_in_use())
    for check in checks.check_codecs():
        yield check
    yield checks.check_rooms(transport in ("livekit", "auto"))
    yield checks.check_camera()
    yield await checks.check_loopback()
    if url is None or not is_local(url):
        yield await checks.check_network(servers)
    if url is not None and key is not None:
        service = await checks.check_service(url, key, model, transport)
        yield service
        if deep and service.verdict != "fail":
            yield await checks.check_session(url, key, model, transport)

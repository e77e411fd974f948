"""`realtime-fast load`: many sessions at once, over several processes."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import anyio
import numpy as np
import typer
from anyio.streams.text import TextReceiveStream
from rich.console import Console
from rich.table import Table

from realtime_fast.cli.arguments import (
    URL_VARIABLE,
    ApiKey,
    Json,
    ModelName,
    TransportName,
    is_local,
    key_for,
)
from realtime_fast.cli.exit_codes import Debug, reported
from realtime_fast.contrib.load_spec import OK, LoadSpec
from realtime_fast.errors import InvalidInputError
from realtime_fast.report.run import percentiles

DIED = "PROCESS_DIED"
"""The outcome of a session whose process ended without a word about it."""

EXIT_GRACE = 3.0
"""Seconds a process gets to end by itself."""


def load(
    url: Annotated[
        str,
        typer.Argument(metavar="URL", envvar=URL_VARIABLE, show_envvar=True, help="The service."),
    ],
    sessions: Annotated[int, typer.Option("-n", "--sessions", min=1, help="How many sessions.")] = 10,
    seconds: Annotated[float, typer.Option(min=1, help="How long each streams.")] = 60.0,
    ramp: Annotated[
        float, typer.Option(min=0, help="Seconds over which their beginnings are spread.")
    ] = 10.0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Over how many processes; one a core by default.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Pictures to send; the model's size by default."),
    ] = None,
    fps: Annotated[
        int | None, typer.Option(min=1, help="Frame rate to send; the model's by default.")
    ] = None,
    model: ModelName = "lucy-2.1",
    transport: TransportName = "webrtc",
    probe_interval_ms: Annotated[
        float, typer.Option(min=0, help="Milliseconds between two markers.")
    ] = 500.0,
    api_key: ApiKey = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Open many sessions with a service, and say what became of each.

    For more than one machine can do, `realtime_fast.contrib.locust` has the same sessions as a Locust user.

    \b
    Examples:
      realtime-fast load ws://127.0.0.1:8890 -n 20 --size 320x180
      realtime-fast load wss://api3.decart.ai -n 5 --ramp 30 --seconds 120 --json
    """  # noqa: D301 - the escape is click's
    with reported(debug):
        spec = LoadSpec(
            url=url,
            api_key=key_for(url, api_key),
            seconds=seconds,
            model=model,
            size=_size(size),
            fps=fps,
            transport=transport,
            probe_interval_ms=probe_interval_ms,
            local=is_local(url),
        )
        console = Console()
        results = _Results(sessions, None if as_json else console)
        shares = _shared(sessions, ramp, processes or _cores())
        began = time.monotonic()
        anyio.run(_run, spec, shares, results)
        figures = results.figures(time.monotonic() - began)
        if as_json:
            print(json.dumps(figures, indent=2))
        else:
            console.print(_table(figures))
        if figures["outcomes"].get(OK, 0) < sessions:
            raise typer.Exit(1)


class _Results:
    """What the processes report."""

    def __init__(self, wanted: int, console: Console | None) -> None:
        self._wanted = wanted
        self._console = console
        self._sessions: list[dict[str, Any]] = []
        self._cpu_seconds = 0.0

    def take(self, line: dict[str, Any]) -> bool:
        """Take a line of a process; whether it was about a session."""
        if "cpu_seconds" in line:
            self._cpu_seconds += line["cpu_seconds"]
            return False
        self._sessions.append(line)
        if self._console is not None:
            said = line["outcome"] if line["outcome"] == OK else f"{line['outcome']}: {line['message']}"
            self._console.print(f"{len(self._sessions)} of {self._wanted} over: {said}", highlight=False)
        return True

    def figures(self, took: float) -> dict[str, Any]:
        def of(name: str) -> dict[str, Any]:
            values = [one[name] for one in self._sessions if one.get(name) is not None]
            return percentiles(np.array(values, dtype=np.float64))

        latencies = [value for one in self._sessions for value in one.get("latencies_ms", ())]
        return {
            "sessions": self._wanted,
            "outcomes": dict(Counter(one["outcome"] for one in self._sessions)),
            "messages": sorted({one["message"] for one in self._sessions if one["message"]}),
            "connect_ms": of("connect_ms"),
            "first_frame_ms": of("first_frame_ms"),
            "e2e_ms": percentiles(np.array(latencies, dtype=np.float64)),
            "fps": of("fps"),
            "unreturned": sum(one.get("unreturned", 0) for one in self._sessions),
            "seconds": round(took, 1),
            "cpu_seconds": round(self._cpu_seconds, 1),
            "cpu_cores": round(self._cpu_seconds / took, 2),
        }


async def _run(spec: LoadSpec, shares: Sequence[tuple[float, ...]], results: _Results) -> None:
    async with anyio.create_task_group() as tasks:
        for starts in shares:
            tasks.start_soon(_process, dataclasses.replace(spec, starts=starts), results)


async def _process(spec: LoadSpec, results: _Results) -> None:
    """Run a process to its end; a session it says nothing about counts as died."""
    said = 0
    command = [sys.executable, "-m", "realtime_fast.contrib.load"]
    async with await anyio.open_process(command, stderr=None, start_new_session=True) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("open_process makes pipes unless told otherwise")
        try:
            await process.stdin.send(json.dumps(dataclasses.asdict(spec)).encode() + b"\n")
            rest = ""
            async for chunk in TextReceiveStream(process.stdout):
                *lines, rest = (rest + chunk).split("\n")
                said += sum(results.take(json.loads(line)) for line in lines)
            await process.wait()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # it died, and what it did not say is counted below
        finally:
            with anyio.CancelScope(shield=True):
                if process.returncode is None:
                    process.terminate()
                with anyio.move_on_after(EXIT_GRACE):
                    await process.wait()
                if process.returncode is None:
                    process.kill()
    for _ in range(len(spec.starts) - said):
        results.take({"outcome": DIED, "message": f"a process ended with {process.returncode}"})


def _shared(sessions: int, ramp: float, processes: int) -> list[tuple[float, ...]]:
    """When the sessions of each process begin: spread over the ramp, dealt in turn."""
    starts = [ramp * number / sessions for number in range(sessions)]
    return [tuple(starts[first::processes]) for first in range(min(processes, sessions))]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise InvalidInputError(f"--size is WIDTHxHEIGHT in pixels, such as 320x180, not {text!r}")
    return int(match[1]), int(match[2])


def _table(figures: dict[str, Any]) -> Table:
    shown = Table("figure", "value", title=f"{figures['sessions']} sessions, {figures['seconds']} s")
    shown.add_row(
        "outcomes", ", ".join(f"{count} {outcome}" for outcome, count in figures["outcomes"].items())
    )
    for name, key, unit in (
        ("connecting", "connect_ms", " ms"),
        ("first picture", "first_frame_ms", " ms"),
        ("latency, end to end", "e2e_ms", " ms"),
        ("frames a second", "fps", ""),
    ):
        values = figures[key]
        known = [
            f"{values[one]:.0f}{unit} {one}"
            for one in ("p50", "p95", "p99", "max")
            if values[one] is not None
        ]
        shown.add_row(name, f"{', '.join(known) or 'none'} (n = {values['n']})")
    shown.add_row("lost or corrupted", f"{figures['unreturned']} marked pictures")
    shown.add_row("processor", f"{figures['cpu_seconds']} s, {figures['cpu_cores']} cores on average")
    for message in figures["messages"]:
        shown.add_row("failed", message)
    return shown

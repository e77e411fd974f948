"""`realtime-fast report`: renders a measurement, or two side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from realtime_fast.cli.arguments import Json
from realtime_fast.cli.exit_codes import Debug, reported
from realtime_fast.report import read_measured, write_report


def report(
    first: Annotated[
        Path, typer.Argument(metavar="DIR", help="What `measure` or `demo --report` wrote, or an event log.")
    ],
    second: Annotated[
        Path | None, typer.Argument(metavar="DIR2", help="Another one to compare it with.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to write; DIR, or for two DIR-and-DIR2, by default."),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a report of a measurement: one HTML page that needs nothing else, its charts as PNG, and summary.json.

    With two, the page shows them side by side, with their differences and how sure these are.

    \b
    Examples:
      realtime-fast report monday
      realtime-fast report monday tuesday --output compared
    """  # noqa: D301 - the escape is typer's
    with reported(debug):
        measured = [read_measured(path) for path in (first, second) if path is not None]
        page = write_report(output or _folder(first, second), *measured)
        if as_json:
            figures = [{"name": one.name, **one.figures} for one in measured]
            print(json.dumps(figures if second is not None else figures[0], indent=2))
        else:
            print(page)


def _folder(first: Path, second: Path | None) -> Path:
    if second is not None:
        return Path(f"{first.resolve().name}-and-{second.resolve().name}")
    return first if first.is_dir() else first.with_suffix("")

"""A measured session from its beginning to its report, for `demo` and `measure`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from rich.console import Console

from realtime_fast.cli.environment import machine, versions
from realtime_fast.cli.live_view import LiveView, table
from realtime_fast.cli.streaming import Stream, Streaming
from realtime_fast.diagnostics.event_log import EventLog
from realtime_fast.errors import InvalidInputError, RealtimeError
from realtime_fast.report import Measured, read_measured, write_about, write_report
from realtime_fast.report.csv_log import CsvLog
from realtime_fast.report.folder import EVENTS


@dataclass(frozen=True, slots=True)
class Service:
    """Where to connect.

    Attributes:
        running: Enters the service, if it is not running by itself, and gives its URL.
        name: What the report calls it.
        api_key: For it.
    """

    running: Callable[[], AbstractAsyncContextManager[str]]
    name: str
    api_key: str = field(repr=False)


def run_measured(settings: Streaming, service: Service, folder: Path | None, *, as_json: bool) -> None:
    """Run a session, show it, and leave its report in `folder`, or none.

    A session that fails or is interrupted once something was measured is reported first.

    Raises:
        InvalidInputError: There is a measurement in `folder` already, or it cannot be made.
        RealtimeError: What ended the session.
        KeyboardInterrupt: The user did.
    """
    about = {
        "settings": {
            "service": service.name,
            **{name: getattr(settings, name) for name in _SETTINGS},
        },
        "versions": versions(),
        "machine": machine(),
    }
    if folder is not None:
        _make(folder)
        write_about(folder, about)
        settings = dataclasses.replace(settings, exporters=(EventLog(folder / EVENTS), CsvLog(folder)))
    console = Console()
    stream = Stream(settings, LiveView(console, silent=as_json))
    failure: RealtimeError | KeyboardInterrupt | None = None
    try:
        anyio.run(_run, stream, service)
    except (RealtimeError, KeyboardInterrupt) as error:
        if stream.cpu_cores is None:
            raise
        failure = error
    about["measured"] = {
        "client_cpu_cores": stream.cpu_cores,
        "first_frame_ms": stream.run.first_frame_ms,
    }
    measured = Measured("", stream.run, about)
    if folder is not None:
        write_about(folder, about)
        measured = read_measured(folder)
    if as_json:
        print(json.dumps(measured.figures, indent=2))
    else:
        console.print(table(measured.figures))
    if folder is not None:
        _render(folder, measured, console, silent=as_json)
    if failure is not None:
        raise failure


_SETTINGS = ("input", "model", "prompt", "image", "transport", "probe_interval_ms", "seconds")


async def _run(stream: Stream, service: Service) -> None:
    async with service.running() as url, stream.connected(url, service.api_key):
        await stream.stay()


def _render(folder: Path, measured: Measured, console: Console, *, silent: bool) -> None:
    try:
        said = f"report: {write_report(folder, measured)}"
    except ImportError as error:
        said = f"no charts: {error}; then: realtime-fast report {folder}"
    if not silent:
        console.print(said, soft_wrap=True, highlight=False)


def _make(folder: Path) -> None:
    if (folder / EVENTS).exists():
        raise InvalidInputError(
            f"There is a measurement in {folder} already: choose another folder, or remove it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"The folder {folder} cannot be made: {error.strerror}") from error

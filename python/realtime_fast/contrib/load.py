"""Sessions under load: the processes of `realtime-fast load` and of the Locust user.

`python -m realtime_fast.contrib.load` reads a `LoadSpec` as JSON from standard input, runs its sessions side by side,
and prints a line of JSON for each when it is over, and one about the process at the end. The key thus appears in no
process list.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import anyio

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.client.publisher import RealtimeClient
from realtime_fast.contrib.load_spec import OK, LoadSpec, SessionResult
from realtime_fast.diagnostics.event_log import event_fields
from realtime_fast.errors import ConnectTimeoutError, RealtimeError
from realtime_fast.media.sources import open_source
from realtime_fast.models import ModelDefinition, realtime
from realtime_fast.options import DEFAULT_ICE_SERVERS, LatencyTracking, RealtimeConnectOptions
from realtime_fast.report.run import Run

FIRST_PICTURE_LIMIT = 30.0
"""Seconds after connecting within which a picture has to come back."""


async def run_load(spec: LoadSpec, report: Callable[[SessionResult], None]) -> None:
    """Run all sessions of a process; `report` gets each result when its session is over."""

    async def one(start: float) -> None:
        await anyio.sleep(start)
        report(await run_session(spec))

    async with anyio.create_task_group() as tasks:
        for start in spec.starts:
            tasks.start_soon(one, start)


async def run_session(spec: LoadSpec) -> SessionResult:
    """Run one session; whatever happens is its result."""
    run = Run()
    try:
        await _stream(spec, run)
    except RealtimeError as error:
        return _result(run, error.code, str(error))
    except Exception as error:  # noqa: BLE001 - a session that breaks is a finding, the others go on
        return _result(run, type(error).__name__, str(error))
    return _result(run, OK, "")


async def _stream(spec: LoadSpec, run: Run) -> None:
    known = realtime(spec.model)
    width, height = spec.size or (known.width, known.height)
    model = ModelDefinition(known.name, known.url_path, spec.fps or known.fps, width, height)
    came = anyio.Event()

    def received(track: Any) -> None:
        if track.kind == "video":
            track.observers.append(lambda _: came.set())

    options = RealtimeConnectOptions(
        model,
        received,
        transport=spec.transport,
        latency_tracking=LatencyTracking(pixel_marker=True, probe_interval_ms=spec.probe_interval_ms),
        ice_servers=() if spec.local else DEFAULT_ICE_SERVERS,
        reconnect=None,
    )
    over = anyio.Event()

    async def listen(events: Any) -> None:
        async for event in events:
            run.feed({"t": time.time() * 1000, "event": event.name, **event_fields(event)})
        over.set()

    async with (
        open_source("synthetic", size=(width, height), fps=model.fps) as source,
        owned_tasks() as tasks,
    ):
        connecting = RealtimeClient.connect(spec.url, spec.api_key, source, options, "load")
        tasks.start_soon(listen, connecting.events())
        async with connecting:
            with anyio.move_on_after(FIRST_PICTURE_LIMIT) as waiting:
                await came.wait()
            if waiting.cancelled_caught:
                raise ConnectTimeoutError("first-picture", FIRST_PICTURE_LIMIT, transport=spec.transport)
            with anyio.move_on_after(spec.seconds):
                await over.wait()
                raise ConnectionLostEarlyError(run.errors[-1] if run.errors else "the session ended early")


class ConnectionLostEarlyError(RealtimeError):
    """The session was lost before its time."""

    _code = "CONNECTION_LOST"


def _result(run: Run, outcome: str, message: str) -> SessionResult:
    total = next((span for span in run.phases if span.label == "total" and not span.detail), None)
    connect = None if total is None or total.end is None else round(1000 * (total.end - total.begin), 1)
    fps = run.series["fps_received"].mean
    return SessionResult(
        outcome=outcome,
        message=message,
        connect_ms=connect,
        first_frame_ms=run.first_frame_ms and round(run.first_frame_ms, 1),
        latencies_ms=tuple(round(value, 1) for value in run.probes.values),
        unreturned=len(run.lost) + len(run.corrupted),
        fps=None if fps is None else round(fps, 2),
        reconnects=len(run.reconnects),
    )


def main() -> None:
    """The process: specification in, results out."""
    given = json.loads(sys.stdin.readline())
    given["starts"] = tuple(given["starts"])
    given["size"] = given["size"] and tuple(given["size"])
    began = time.process_time()

    def report(result: SessionResult) -> None:
        print(json.dumps(asdict(result)), flush=True)  # noqa: T201 - it is the process's answer

    anyio.run(run_load, LoadSpec(**given), report)
    print(json.dumps({"cpu_seconds": time.process_time() - began}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

"""Hands the events of a session to its exporters: off the event loop, in order, never disturbing the session."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import anyio

from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.control.urls import package_version
from realtime_fast.errors import TransportName
from realtime_fast.events import Event, EventsDropped
from realtime_fast.options import Exporter

logger = logging.getLogger(__name__)

QUEUE_LIMIT = 4096
"""Events that wait for one exporter; then the oldest are dropped, and counted."""


class Export:
    """One exporter and what waits for it."""

    def __init__(self, exporter: Exporter, about: Mapping[str, Any]) -> None:
        self._exporter = exporter
        self._about = about
        self._queue: DropOldest[tuple[float, Event | EventsDropped]] = DropOldest(QUEUE_LIMIT)

    def put(self, event: Event) -> None:
        """Queue an event; never waits."""
        self._queue.put((time.time() * 1000, event))

    def close(self) -> None:
        """No more events; `run` ends once the rest is exported."""
        self._queue.close()

    async def run(self) -> None:
        """Export until `close` is called, or the exporter fails."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="export")
        in_thread = partial(asyncio.get_running_loop().run_in_executor, thread)
        try:
            await in_thread(self._exporter.begin, self._about)
            while batch := await self._batch():
                await in_thread(self._exporter.export, batch)
            await in_thread(self._exporter.end)
        except Exception:
            logger.exception("the exporter %s failed, and gets no more events", type(self._exporter).__name__)
            self._queue.close()
        finally:
            # One that hangs must not keep the session from ending.
            thread.shutdown(wait=False)

    async def _batch(self) -> Sequence[tuple[float, Event | EventsDropped]]:
        """What waits, at least one event; empty at the end."""
        try:
            batch = [await self._queue.get()]
        except anyio.EndOfStream:
            return ()
        if missing := self._queue.newly_dropped():
            batch.insert(0, (batch[0][0], EventsDropped(missing)))
        while len(self._queue):
            batch.append(self._queue.get_nowait())
        return batch


def exports(
    exporters: Sequence[Exporter], transport: TransportName, *, model: str | None, integration: str | None
) -> list[Export]:
    """One for each exporter, with what they are told about the session."""
    about = {
        "sdk_version": package_version(),
        "transport": transport,
        "model": model,
        "integration": integration,
    }
    return [Export(exporter, about) for exporter in exporters]

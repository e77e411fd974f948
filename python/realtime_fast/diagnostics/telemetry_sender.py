"""Sends a session's telemetry: every interval and once at the end, never disturbing the session.

A report is sent again until it has been sent whole, or as long as the service answers that it failed; never after it
was sent and nothing came back (docs/protocol.md, Telemetry).
"""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass

import anyio
import msgspec

from realtime_fast.aio.http import HttpClient, HttpError, Progress, Request, open_http
from realtime_fast.control.urls import package_version
from realtime_fast.diagnostics.telemetry_buffer import Reporter, TelemetryBuffer
from realtime_fast.errors import InvalidInputError, TransportName
from realtime_fast.options import Telemetry
from realtime_fast.redaction import Secrets

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT = 5.0
"""Seconds one request may take."""

MAX_ANSWER_BYTES = 64 * 1024
"""Limit of an answer, of which only the status counts."""

LAST_WORDS = 1.0
"""Seconds for the final report, all requests together."""


@dataclass(frozen=True, slots=True)
class _Report:
    """One request, the same each time it is sent."""

    id: str
    body: bytes


class TelemetrySender:
    """Owns the buffer and the requests.

    Attributes:
        buffer: Where the session puts its items.
    """

    def __init__(
        self,
        settings: Telemetry,
        *,
        api_key: str,
        agent: str,
        model: str | None,
        integration: str | None,
        transport: TransportName,
        secrets: Secrets,
    ) -> None:
        self.buffer = TelemetryBuffer()
        self._unsent: _Report | None = None
        self._settings = settings
        self._secrets = secrets
        self._headers = {"X-API-KEY": api_key, "User-Agent": agent, "Content-Type": "application/json"}
        self._reporter = Reporter(package_version(), model, integration, transport)

    async def run(self) -> None:
        """Report until cancelled, then send what is left."""
        async with open_http() as http:
            try:
                while True:
                    await anyio.sleep(self._settings.interval)
                    await self._flush(http)
            finally:
                with anyio.move_on_after(LAST_WORDS, shield=True):
                    await self._flush(http)

    async def _flush(self, http: HttpClient) -> None:
        while (report := self._unsent or self._next()) is not None:
            self._unsent = report
            progress = Progress()
            status: int | None = None
            try:
                status = await self._post(http, report, progress)
            finally:
                # Without an answer to what was sent, the service may have it: better lost than told twice.
                if progress.is_sent if status is None else status < 500:
                    self._unsent = None
            if status is None or status >= 500:
                return

    async def _post(self, http: HttpClient, report: _Report, progress: Progress) -> int | None:
        """Send a report; the status it was answered with, None if it was not."""
        headers = {**self._headers, "Idempotency-Key": report.id}
        try:
            response = await http.send(
                Request("POST", self._settings.url, headers, report.body),
                far_side="The telemetry service",
                secrets=self._secrets,
                max_bytes=MAX_ANSWER_BYTES,
                within=REQUEST_TIMEOUT,
                progress=progress,
            )
        except (HttpError, InvalidInputError) as error:
            logger.warning("telemetry could not be delivered: %s", error)
            return None
        if response.status >= 500:
            logger.warning("telemetry failed with HTTP %d: it is kept for later", response.status)
        elif response.status >= 400:
            logger.warning("telemetry was rejected with HTTP %d", response.status)
        return response.status

    def _next(self) -> _Report | None:
        batch = self.buffer.take()
        if batch is None:
            return None
        body = self._reporter.head(batch.session_id, time.time() * 1000)
        body |= {"stats": batch.stats, "diagnostics": batch.diagnostics}
        return _Report(uuid.uuid4().hex, msgspec.json.encode(body))

"""Sends a session's telemetry: every interval and once at the end, never disturbing the session."""

from __future__ import annotations

import logging
import time

import anyio
import msgspec

from realtime_fast.aio.http import HttpClient, HttpError, Request, open_http
from realtime_fast.control.urls import package_version
from realtime_fast.diagnostics.telemetry_buffer import Batch, Reporter, TelemetryBuffer
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
        while (batch := self.buffer.take()) is not None:
            try:
                delivered = await self._post(http, batch)
            except BaseException:
                self.buffer.put_back(batch)
                raise
            if not delivered:
                self.buffer.put_back(batch)
                return

    async def _post(self, http: HttpClient, batch: Batch) -> bool:
        """Send one request; False if it should be tried again later."""
        body = self._reporter.head(batch.session_id, time.time() * 1000)
        body |= {"stats": batch.stats, "diagnostics": batch.diagnostics}
        try:
            response = await http.send(
                Request("POST", self._settings.url, self._headers, msgspec.json.encode(body)),
                far_side="The telemetry service",
                secrets=self._secrets,
                max_bytes=MAX_ANSWER_BYTES,
                within=REQUEST_TIMEOUT,
            )
        except (HttpError, InvalidInputError) as error:
            logger.warning("telemetry could not be delivered: %s", error)
            return False
        if response.status >= 500:
            logger.warning("telemetry failed with HTTP %d: it is kept for later", response.status)
            return False
        if response.status >= 400:
            logger.warning("telemetry was rejected with HTTP %d", response.status)
        return True

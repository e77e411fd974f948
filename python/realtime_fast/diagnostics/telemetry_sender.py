"""Sends a session's telemetry: every interval and once at the end, never disturbing the session."""

from __future__ import annotations

import logging
import time

import anyio
import httpx2
import msgspec

from realtime_fast.control.urls import package_version
from realtime_fast.diagnostics.telemetry_buffer import Batch, Reporter, TelemetryBuffer
from realtime_fast.errors import TransportName
from realtime_fast.options import Telemetry

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT = 5.0
"""Seconds one request may take."""

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
    ) -> None:
        self.buffer = TelemetryBuffer()
        self._settings = settings
        self._headers = {"X-API-KEY": api_key, "User-Agent": agent, "Content-Type": "application/json"}
        self._reporter = Reporter(package_version(), model, integration, transport)

    async def run(self) -> None:
        """Report until cancelled, then send what is left."""
        async with httpx2.AsyncClient(timeout=REQUEST_TIMEOUT) as http:
            try:
                while True:
                    await anyio.sleep(self._settings.interval)
                    await self._flush(http)
            finally:
                with anyio.move_on_after(LAST_WORDS, shield=True):
                    await self._flush(http)

    async def _flush(self, http: httpx2.AsyncClient) -> None:
        while (batch := self.buffer.take()) is not None:
            try:
                delivered = await self._post(http, batch)
            except BaseException:
                self.buffer.put_back(batch)
                raise
            if not delivered:
                self.buffer.put_back(batch)
                return

    async def _post(self, http: httpx2.AsyncClient, batch: Batch) -> bool:
        """Send one request; False if it should be tried again later."""
        body = self._reporter.head(batch.session_id, time.time() * 1000)
        body |= {"stats": batch.stats, "diagnostics": batch.diagnostics}
        try:
            response = await http.post(
                self._settings.url, headers=self._headers, content=msgspec.json.encode(body)
            )
        except httpx2.HTTPError as error:
            logger.warning("telemetry could not be delivered: %s", type(error).__name__)
            return False
        if response.status_code >= 500:
            logger.warning("telemetry failed with HTTP %d: it is kept for later", response.status_code)
            return False
        if response.status_code >= 400:
            logger.warning("telemetry was rejected with HTTP %d", response.status_code)
        return True

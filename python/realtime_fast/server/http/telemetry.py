"""The telemetry sink: takes what clients report, and shows it to tests (docs/protocol.md, Telemetry)."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MAX_ITEMS = 120
"""Items of each kind in one report."""

MAX_REPORT_BYTES = 4 * 1024 * 1024
"""Limit of a report's body."""

KEPT = 256
"""Reports that are remembered; then the oldest are forgotten."""


class _Tags(msgspec.Struct):
    session_id: str
    sdk_version: str
    transport: str = "webrtc"


class _Diagnostic(msgspec.Struct):
    name: str
    data: dict[str, Any]
    timestamp: float


class _Report(msgspec.Struct, rename="camel"):
    """What a report has at least."""

    session_id: str
    timestamp: float
    sdk_version: str
    tags: _Tags
    stats: list[dict[str, Any]]
    diagnostics: list[_Diagnostic]


class TelemetrySink:
    """Keeps the newest reports.

    Attributes:
        reports: Each as `{"id": its Idempotency-Key or None, "repeats": how often it came again, "body": its JSON}`.
    """

    def __init__(self) -> None:
        self.reports: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def routes(self, accepts: Callable[[str], bool]) -> list[Route]:
        """Where clients report, and the developer route where it is read back.

        Args:
            accepts: Whether an API key may report.
        """

        async def take(request: Request) -> Response:
            if not accepts(request.headers.get("x-api-key", "")):
                return JSONResponse({"error": "Invalid API key"}, 401)
            return await self._take(request)

        return [
            Route("/api/v1/telemetry", take, methods=["POST"]),
            Route("/dev/telemetry", self._answer(), methods=["GET"]),
        ]

    def _answer(self) -> Callable[[Request], Awaitable[Response]]:
        async def answer(_: Request) -> Response:
            return JSONResponse({"reports": list(self.reports)})

        return answer

    async def _take(self, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_REPORT_BYTES:
                return JSONResponse({"error": f"A report may have {MAX_REPORT_BYTES} bytes at most"}, 413)
        try:
            report = msgspec.json.decode(bytes(body), type=_Report)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return JSONResponse({"error": f"The report cannot be read: {error}"}, 422)
        for name, items in (("stats", report.stats), ("diagnostics", report.diagnostics)):
            if len(items) > MAX_ITEMS:
                return JSONResponse(
                    {"error": f"A report may have {MAX_ITEMS} {name} at most, this one has {len(items)}"}, 422
                )
        if report.tags.session_id != report.session_id:
            return JSONResponse({"error": "sessionId and tags.session_id differ"}, 422)
        id_ = request.headers.get("idempotency-key")
        for known in self.reports:
            if id_ is not None and known["id"] == id_:
                known["repeats"] += 1
                return Response(status_code=204)
        self.reports.append({"id": id_, "repeats": 0, "body": msgspec.json.decode(bytes(body))})
        return Response(status_code=204)

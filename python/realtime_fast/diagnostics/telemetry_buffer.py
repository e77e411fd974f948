"""What is reported about a session, and in which portions (docs/protocol.md, Telemetry). Pure: no clock, no requests.

The buffers are bounded: with the backend down for hours the newest items win and memory stays flat.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BATCH_LIMIT = 120
"""Items of each kind in one request."""

BUFFER_LIMIT = 10 * BATCH_LIMIT
"""Items of each kind that are kept at most."""


@dataclass(frozen=True)
class Reporter:
    """The fields that are the same in all reports of a session.

    Attributes:
        sdk_version: Version of this package.
        model: The model's name, None for a viewer.
        integration: Name of the application.
        transport: `webrtc` or `ivs`.
    """

    sdk_version: str
    model: str | None
    integration: str | None
    transport: str

    def head(self, session_id: str, now_ms: float) -> dict[str, Any]:
        """A request's fields without its items."""
        tags = {
            "session_id": session_id,
            "sdk_version": self.sdk_version,
            "model": self.model,
            "integration": self.integration,
            "transport": self.transport,
        }
        head: dict[str, Any] = {"sessionId": session_id, "timestamp": now_ms, "sdkVersion": self.sdk_version}
        if self.model is not None:
            head["model"] = self.model
        head["tags"] = {name: value for name, value in tags.items() if value is not None}
        return head


@dataclass(frozen=True)
class Batch:
    """The items of one request."""

    session_id: str
    stats: tuple[Mapping[str, Any], ...]
    diagnostics: tuple[Mapping[str, Any], ...]


class TelemetryBuffer:
    """Collects items until they can be reported."""

    def __init__(self, limit: int = BUFFER_LIMIT) -> None:
        self._limit = limit
        self._session_id: str | None = None
        self._stats: deque[tuple[str | None, Mapping[str, Any]]] = deque(maxlen=limit)
        self._diagnostics: deque[tuple[str | None, Mapping[str, Any]]] = deque(maxlen=limit)

    def identified(self, session_id: str) -> None:
        """A session begins. Items from before any session belong to it; the previous session keeps its unsent items."""
        self._session_id = session_id

    def add_stats(self, sample: Mapping[str, Any]) -> None:
        """Queue a statistics sample, in wire names."""
        self._stats.append((self._session_id, sample))

    def add_diagnostic(self, kind: str, data: Mapping[str, Any], timestamp: float) -> None:
        """Queue a diagnostic; its keys become camelCase."""
        item = {"name": kind, "data": camel_keys(data), "timestamp": timestamp}
        self._diagnostics.append((self._session_id, item))

    def take(self) -> Batch | None:
        """The oldest items of the oldest session, as many as one request holds; None if nothing can be sent."""
        if self._session_id is None:
            return None
        heads = [queue[0][0] or self._session_id for queue in (self._stats, self._diagnostics) if queue]
        if not heads:
            return None
        session = (
            heads[0]
            if self._session_id not in heads
            else min(heads, key=lambda head: head == self._session_id)
        )
        return Batch(session, self._pop(self._stats, session), self._pop(self._diagnostics, session))

    def _pop(
        self, queue: deque[tuple[str | None, Mapping[str, Any]]], session: str
    ) -> tuple[Mapping[str, Any], ...]:
        items: list[Mapping[str, Any]] = []
        while queue and len(items) < BATCH_LIMIT and (queue[0][0] or self._session_id) == session:
            items.append(queue.popleft()[1])
        return tuple(items)


def camel_keys(value: Any) -> Any:
    """`value` with the keys of all mappings in it in camelCase."""
    if isinstance(value, Mapping):
        return {_camel(key): camel_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [camel_keys(item) for item in value]
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)

"""What happened in a session: the records of an event log, live or from its file, as figures over time."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from realtime_fast.report.series import Series

OUTCOMES = ("received", "lost", "corrupted", "dropped")
"""How a probe may end; `sent` is their sum and those that are pending (docs/latency.md)."""

STAMPED = ("received", "lost", "dropped")
"""The same for a stamped picture."""

ENOUGH = {"p50": 2, "p95": 20, "p99": 100}
"""Values a percentile needs: with fewer it would be the greatest one under another name."""

GIVEN_UP_AFTER: Final = 60.0
"""Seconds from sending a marked picture to the event that says it is lost (docs/latency.md)."""

NEAREST_RANK: Final = "inverted_cdf"
"""The percentile is one of the values, never something between two of them."""


@dataclass(slots=True)
class Span:
    """From `begin` to `end` in seconds of the run, None while it lasts; `label` says what."""

    begin: float
    end: float | None
    label: str = ""
    detail: str = ""


@dataclass(slots=True)
class Probes:
    """The measured latencies, in milliseconds, and when (seconds of the run)."""

    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("f"))

    def add(self, time: float, value: float) -> None:
        """A picture came back."""
        self.times.append(time)
        self.values.append(value)

    @property
    def array(self) -> NDArray[np.float64]:
        """The latencies in the order in which they were measured."""
        return np.array(self.values, dtype=np.float64)


class Run:
    """The course of a session; feed it the records of its log, in order (docs/quality.md, Event log).

    Attributes:
        about: What the log's first record says of the session.
        began: Unix time in seconds of the first record.
        seconds: From the first record to the last one.
        ended: Whether the log was closed; without it, the process was ended in the middle.
        state: The newest connection state, or the place in the queue for capacity.
        phases: The phases of all connects, as they passed.
        reconnects: From each loss to the new connection.
        stalls: In which no pictures came.
        qualities: The verdicts on the connection; the label is the level, the detail what limits it.
        probes: The end-to-end latency of each marked picture.
        frames: The end-to-end latency of each stamped picture that was told of.
        composite: The estimated latency in milliseconds.
        lost: When a marked picture that never returned was sent (seconds of the run).
        corrupted: When a marker was illegible.
        series: Figures over time, by name (`SERIES` lists them).
        markers: What became of the probes.
        stamped: What became of the stamped pictures, told of or not.
        first_frame_ms: From the call of `connect` to the first picture, None if unknown.
        size: Width and height of the last picture.
        errors: The errors raised, as texts.
    """

    def __init__(self) -> None:
        self.about: Mapping[str, Any] = {}
        self.began: float | None = None
        self.seconds = 0.0
        self.ended = False
        self.state = "connecting"
        self.phases: list[Span] = []
        self.reconnects: list[Span] = []
        self.stalls: list[Span] = []
        self.qualities: list[Span] = []
        self.probes = Probes()
        self.frames = Probes()
        self.composite = Series()
        self.lost: array[float] = array("d")
        self.corrupted: array[float] = array("d")
        self.series: dict[str, Series] = {name: Series() for name in SERIES}
        self.markers: Counter[str] = Counter()
        self.stamped: Counter[str] = Counter()
        self.first_frame_ms: float | None = None
        self.size: tuple[int, int] | None = None
        self.errors: list[str] = []

    def feed(self, record: Mapping[str, Any]) -> None:
        """Take one record; those of unknown events are skipped."""
        at = record["t"] / 1000
        if self.began is None:
            self.began = at
        now = max(0.0, at - self.began)
        self.seconds = max(self.seconds, now)
        handler = _HANDLERS.get(record["event"])
        if handler is not None:
            handler(self, now, record)

    @property
    def connect_phases(self) -> list[Span]:
        """The phases of the first connect, in the order in which they began; the total comes last."""
        first = next((number for number, one in enumerate(self.phases) if one.label == "total"), None)
        mine = self.phases if first is None else self.phases[: first + 1]
        return sorted(mine, key=lambda one: (one.label == "total", one.begin))

    def _session(self, now: float, record: Mapping[str, Any]) -> None:
        skipped = ("t", "event", "version")
        self.about = {name: value for name, value in record.items() if name not in skipped}

    def _end(self, now: float, record: Mapping[str, Any]) -> None:
        self.ended = True
        for span in (*self.qualities[-1:], *self.stalls[-1:], *self.reconnects[-1:]):
            span.end = now if span.end is None else span.end

    def _connection_change(self, now: float, record: Mapping[str, Any]) -> None:
        self.state = record["state"]
        if self.reconnects and self.reconnects[-1].end is None and self.state != "reconnecting":
            self.reconnects[-1].end = now
        elif self.state == "reconnecting":
            self.reconnects.append(Span(now, None, "reconnect"))

    def _queue_position(self, now: float, record: Mapping[str, Any]) -> None:
        self.state = f"queued, {record['position']} of {record['queue_size']}"

    def _diagnostic(self, now: float, record: Mapping[str, Any]) -> None:
        data = record["data"]
        match record["kind"]:
            case "phaseTiming":
                begin = max(0.0, now - data["duration_ms"] / 1000)
                failed = "" if data["success"] else data.get("error", "failed")
                self.phases.append(Span(begin, now, data["phase"], failed))
            case "videoStall" if data["stalled"]:
                self.stalls.append(Span(now, None, "stall"))
            case "videoStall" if self.stalls:
                self.stalls[-1].end = now
            case _:
                pass

    def _stats(self, now: float, record: Mapping[str, Any]) -> None:
        for name, value in figures_of(record["stats"]).items():
            if value is not None:
                self.series[name].add(now, value)
        video = record["stats"].get("video")
        if video and video["frameWidth"]:
            self.size = (video["frameWidth"], video["frameHeight"])

    def _probe(self, now: float, record: Mapping[str, Any]) -> None:
        match record["status"]:
            case "lost":
                self.lost.append(max(0.0, now - GIVEN_UP_AFTER))
            case "corrupted":
                self.corrupted.append(now)
            case _ if record["e2e_latency_ms"] is not None:
                self.probes.add(now, record["e2e_latency_ms"])
            case _:
                pass

    def _probe_report(self, now: float, record: Mapping[str, Any]) -> None:
        self.markers.update({name: record.get(name, 0) for name in ("sent", *OUTCOMES, "out_of_order")})
        self.markers["pending"] = record["pending"]

    def _frame(self, now: float, record: Mapping[str, Any]) -> None:
        self.frames.add(now, record["e2e_latency_ms"])

    def _frame_report(self, now: float, record: Mapping[str, Any]) -> None:
        self.stamped.update({name: record[name] for name in ("sent", *STAMPED)})
        self.stamped["pending"] = record["pending"]

    def _composite(self, now: float, record: Mapping[str, Any]) -> None:
        self.composite.add(now, record["composite_e2e_ms"])

    def _quality(self, now: float, record: Mapping[str, Any]) -> None:
        if self.qualities:
            self.qualities[-1].end = now
        warming_up = "warming up" if record["warming_up"] else ""
        factor = record["limiting_factor"] if record["limiting_factor"] != "none" else ""
        self.qualities.append(Span(now, None, record["quality"], factor or warming_up))
        self.first_frame_ms = self.first_frame_ms or record["metrics"]["first_frame_ms"]

    def _error(self, now: float, record: Mapping[str, Any]) -> None:
        self.errors.append(f"{record['error']['code']}: {record['error']['message']}")

    def _dropped(self, now: float, record: Mapping[str, Any]) -> None:
        self.errors.append(f"{record['count']} events were dropped unread")


SERIES: dict[str, tuple[str, str, float]] = {
    "fps_sent": ("outboundVideo", "framesPerSecond", 1),
    "fps_received": ("video", "framesPerSecond", 1),
    "kbps_sent": ("outboundVideo", "bitrate", 1e-3),
    "kbps_received": ("video", "bitrate", 1e-3),
    "rtt_ms": ("connection", "currentRoundTripTime", 1e3),
    "packets_lost": ("video", "packetsLostDelta", 1),
    "jitter_ms": ("video", "jitter", 1e3),
}
"""Series → part and field of a statistics sample, and what it is multiplied by (docs/stats.md)."""


def figures_of(sample: Mapping[str, Any]) -> dict[str, float | None]:
    """The figures of one statistics sample by the names of `SERIES`; None where it has none."""
    figures: dict[str, float | None] = {}
    for name, (part, key, scale) in SERIES.items():
        value = (sample.get(part) or {}).get(key)
        figures[name] = None if value is None else value * scale
    return figures


_HANDLERS: dict[str, Callable[[Run, float, Mapping[str, Any]], None]] = {
    "session": Run._session,
    "end": Run._end,
    "connection_change": Run._connection_change,
    "queue_position": Run._queue_position,
    "diagnostic": Run._diagnostic,
    "stats": Run._stats,
    "pixel_latency_event": Run._probe,
    "pixel_latency_report": Run._probe_report,
    "frame_latency": Run._frame,
    "frame_timing_report": Run._frame_report,
    "composite_latency": Run._composite,
    "connection_quality": Run._quality,
    "error": Run._error,
    "events_dropped": Run._dropped,
}


def run_of(records: Iterable[Mapping[str, Any]]) -> Run:
    """The course of a session from the records of its log."""
    run = Run()
    for record in records:
        run.feed(record)
    return run


def percentiles(values: NDArray[np.float64]) -> dict[str, float | int | None]:
    """How many there are, percentiles (nearest rank) and the greatest; None where there are too few for it."""
    count = len(values)
    figures: dict[str, float | int | None] = {"n": count}
    for name, least in ENOUGH.items():
        at = np.percentile(values, float(name[1:]), method=NEAREST_RANK) if count >= least else None
        figures[name] = None if at is None else round(float(at), 2)
    figures["max"] = round(float(values.max()), 2) if count else None
    return figures


def summary(run: Run) -> dict[str, Any]:
    """The figures of a run, in the names of `summary.json` (docs/report.md)."""
    return {
        "transport": run.about.get("transport"),
        "model": run.about.get("model"),
        "complete": run.ended,
        "seconds": round(run.seconds, 2),
        "size": list(run.size) if run.size else None,
        "connect_ms": {
            one.label: round(1000 * (one.end - one.begin), 1)
            for one in run.connect_phases
            if one.end is not None and not one.detail
        },
        "first_frame_ms": _rounded(run.first_frame_ms),
        "e2e_ms": percentiles(run.probes.array),
        "frame_timing_ms": percentiles(run.frames.array),
        "stamped": {name: run.stamped[name] for name in ("sent", *STAMPED, "pending")},
        "composite_ms": {"n": run.composite.count, "mean": _rounded(run.composite.mean)},
        "markers": {name: run.markers[name] for name in ("sent", *OUTCOMES, "pending", "out_of_order")},
        **{name: _rounded(series.mean) for name, series in run.series.items() if name != "packets_lost"},
        "packets_lost": round((run.series["packets_lost"].mean or 0) * run.series["packets_lost"].count),
        "quality": run.qualities[-1].label if run.qualities else None,
        "stalls": len(run.stalls),
        "reconnects": len(run.reconnects),
        "errors": run.errors,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)

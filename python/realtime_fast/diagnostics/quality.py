"""How good a connection is, and what limits it (docs/quality.md). Pure: samples in, verdicts out."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from realtime_fast.events import ConnectionQuality, LimitingFactor, QualityLevel, QualityMetrics
from realtime_fast.options import Band, QualityBands

LEVELS: Final[tuple[QualityLevel, ...]] = ("good", "fair", "poor", "critical")

WINDOW: Final = 5
"""Samples over which figures are smoothed, and that have to agree before the level changes."""

WARM_UP: Final = 8
"""Samples after connecting in which bandwidth does not count: its estimate is still rising."""

USUAL_FPS: Final = 25.0
"""Frame rate of a model from which on the bands of the frame rate hold as they are."""

_RANKING: Final[tuple[LimitingFactor, ...]] = ("bandwidth", "loss", "latency", "stall")
"""Which factor is named where several are equally bad."""


@dataclass(frozen=True, slots=True)
class QualitySample:
    """What one interval measured; None where unknown.

    Attributes:
        rtt_ms: Round trip.
        relayed: Whether either end of the path is a relay.
        e2e_ms: Median end-to-end latency of the stamped pictures that came back, or else of the markers.
        packet_loss: Share of the packets sent that the far side reports lost.
        frame_loss: Share of the marked pictures that ended and never returned.
        fps: Pictures received a second.
        froze: Whether a freeze ended in the interval.
        available_kbps: What can be sent.
        limitation: What limits the encoder: none, cpu, bandwidth or other.
        upstream_jitter_ms: Jitter of what is sent.
        frame_drop_ratio: Share of the received pictures that were never shown.
    """

    rtt_ms: float | None = None
    relayed: bool = False
    e2e_ms: float | None = None
    packet_loss: float | None = None
    frame_loss: float | None = None
    fps: float | None = None
    froze: bool = False
    available_kbps: float | None = None
    limitation: str = "none"
    upstream_jitter_ms: float | None = None
    frame_drop_ratio: float | None = None


class _Verdict(NamedTuple):
    severity: int
    factor: LimitingFactor


class QualityMonitor:
    """Follows one client's connection.

    Args:
        bands: What counts as good, fair and poor.
        model_fps: Frame rate of the model, None if unknown.
        max_kbps: What is sent at most; no more than that is wanted.
    """

    def __init__(
        self, bands: QualityBands, *, model_fps: float | None = None, max_kbps: float | None = None
    ) -> None:
        wanted = min(bands.wanted_kbps, max_kbps or bands.wanted_kbps)
        self._bands = replace(bands, wanted_kbps=wanted)
        self._fps_scale = min(1.0, (model_fps or USUAL_FPS) / USUAL_FPS)
        self._first_frame_ms: float | None = None
        self.current: ConnectionQuality | None = None
        self.restart()

    def restart(self) -> None:
        """A new connection: its figures say nothing about the old one's."""
        self._samples: deque[QualitySample] = deque(maxlen=WINDOW)
        self._verdicts: deque[_Verdict] = deque(maxlen=WINDOW)
        self._taken = 0
        self._settled: _Verdict | None = None

    def first_frame(self, first_frame_ms: float) -> None:
        """The first picture came, so long after the call of `connect`."""
        self._first_frame_ms = first_frame_ms

    def update(self, sample: QualitySample) -> ConnectionQuality | None:
        """Take a sample; the new state if the verdict or the warm-up changed, else None."""
        self._samples.append(sample)
        self._taken += 1
        warming_up = self._taken <= WARM_UP
        metrics = self._metrics()
        verdict = self._judged(metrics, counts_bandwidth=not warming_up)
        if self._settled is None or self._taken == WARM_UP + 1:
            self._verdicts.clear()
            self._settled = verdict
        else:
            self._verdicts.append(verdict)
            self._settled = _settled(self._settled, self._verdicts)
        before = self.current
        level, factor = LEVELS[self._settled.severity], self._settled.factor
        self.current = ConnectionQuality(level, factor, warming_up, metrics)
        is_news = before is None or (before.quality, before.limiting_factor, before.warming_up) != (
            level,
            factor,
            warming_up,
        )
        return self.current if is_news else None

    def _metrics(self) -> QualityMetrics:
        samples = self._samples
        return QualityMetrics(
            rtt_ms=_median(one.rtt_ms for one in samples),
            e2e_ms=_median(one.e2e_ms for one in samples),
            first_frame_ms=self._first_frame_ms,
            fps=min((one.fps for one in samples if one.fps is not None), default=None),
            packet_loss=_median(one.packet_loss for one in samples),
            frame_loss=_median(one.frame_loss for one in samples),
            upstream_jitter_ms=_median(one.upstream_jitter_ms for one in samples),
            frame_drop_ratio=_median(one.frame_drop_ratio for one in samples),
            available_upstream_kbps=_median(one.available_kbps for one in samples),
        )

    def _judged(self, metrics: QualityMetrics, *, counts_bandwidth: bool) -> _Verdict:
        bands, latest = self._bands, self._samples[-1]
        wider = bands.relay_ms if latest.relayed else 0.0
        fps_band: Sequence[float] = [limit * self._fps_scale for limit in bands.fps]
        severities: dict[LimitingFactor, int] = {
            "latency": above(metrics.e2e_ms, bands.e2e_ms)
            if metrics.e2e_ms is not None
            else above(metrics.rtt_ms, [limit + wider for limit in bands.rtt_ms]),
            "loss": above(metrics.packet_loss, bands.packet_loss),
            "stall": max(
                above(metrics.frame_loss, bands.frame_loss), below(metrics.fps, fps_band), int(latest.froze)
            ),
            "bandwidth": 0,
        }
        if counts_bandwidth:
            available = metrics.available_upstream_kbps
            share = None if available is None else available / bands.wanted_kbps
            severities["bandwidth"] = max(
                below(share, bands.bandwidth), int(latest.limitation == "bandwidth")
            )
        worst = max(_RANKING, key=lambda factor: severities[factor])
        if severities[worst]:
            return _Verdict(severities[worst], worst)
        return _Verdict(0, "cpu" if latest.limitation == "cpu" else "none")


def first_frame_level(first_frame_ms: float, bands: QualityBands) -> QualityLevel:
    """How good a time to the first picture is."""
    return LEVELS[above(first_frame_ms, bands.first_frame_ms)]


def above(value: float | None, band: Band | Sequence[float]) -> int:
    """0 to 3, from good to critical, of a figure that is better the smaller it is; an unknown one is good."""
    return 0 if value is None else sum(value > limit for limit in band)


def below(value: float | None, band: Band | Sequence[float]) -> int:
    """0 to 3, from good to critical, of a figure that is better the larger it is; an unknown one is good."""
    return 0 if value is None else sum(value < limit for limit in band)


def _settled(current: _Verdict, verdicts: Sequence[_Verdict]) -> _Verdict:
    """The verdict after these: another one only if all of a window say that much."""
    if len(verdicts) < WINDOW:
        return current
    if all(one.severity > current.severity for one in verdicts):
        return min(reversed(verdicts), key=lambda one: one.severity)
    if all(one.severity < current.severity for one in verdicts):
        return max(reversed(verdicts), key=lambda one: one.severity)
    return verdicts[-1] if len(set(verdicts)) == 1 else current


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None

"""The figures that quality is judged by, out of what a session measures. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime_fast.diagnostics.quality import QualitySample
from realtime_fast.latency import LatencySnapshot, ProbeCounts
from realtime_fast.stats import RtcStats


class QualityFigures:
    """Turns reports into samples; shares are of what happened since the last one."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A new connection: counters start anew."""
        self._probes: dict[str, ProbeCounts] = {}
        self._frames: tuple[int, int] = (0, 0)

    def sample(
        self,
        report: Mapping[str, Any],
        stats: RtcStats,
        *,
        fps: float,
        latency: LatencySnapshot | None,
    ) -> QualitySample:
        """One sample.

        Args:
            report: The statistics report, as entries by id.
            stats: What the parser made of it.
            fps: Pictures received within the last second.
            latency: What is known about latency, None if it is not tracked.
        """
        far_side = _far_side(report)
        trip, available = (
            stats.connection.current_round_trip_time,
            stats.connection.available_outgoing_bitrate,
        )
        outbound, video = stats.outbound_video, stats.video
        method, e2e_ms, counts = _measured(latency)
        return QualitySample(
            rtt_ms=None if trip is None else trip * 1000,
            relayed=any(
                "relay" in (pair.local.candidate_type, pair.remote.candidate_type)
                for pair in stats.connection.selected_candidate_pairs
            ),
            e2e_ms=e2e_ms,
            packet_loss=far_side.get("fractionLost"),
            frame_loss=self._frame_loss(method, counts),
            fps=fps,
            froze=video is not None and video.freeze_count_delta > 0,
            available_kbps=None if available is None or outbound is None else available / 1000,
            limitation="none" if outbound is None else outbound.quality_limitation_reason,
            upstream_jitter_ms=_ms(far_side.get("jitter")),
            frame_drop_ratio=None
            if video is None
            else self._frame_drop_ratio(video.frames_received, video.frames_dropped),
        )

    def _frame_loss(self, method: str, probes: ProbeCounts) -> float | None:
        before = self._probes.get(method, ProbeCounts())
        self._probes[method] = probes
        received = probes.received - before.received
        failed = probes.lost - before.lost + probes.corrupted - before.corrupted
        return failed / (received + failed) if received + failed > 0 else None

    def _frame_drop_ratio(self, received: int, dropped: int) -> float | None:
        (received_before, dropped_before), self._frames = self._frames, (received, dropped)
        came = received - received_before
        return min(1.0, max(0, dropped - dropped_before) / came) if came > 0 else None


def _measured(latency: LatencySnapshot | None) -> tuple[str, float | None, ProbeCounts]:
    """The best method that measures from end to end: its name, its median, and what became of its pictures."""
    if latency is not None and (timing := latency.frame_timing) is not None and timing.frames.sent:
        return "frame_timing", timing.window.p50_ms, timing.frames
    if latency is not None and latency.method == "end_to_end":
        return "markers", latency.window.p50_ms, latency.probes
    return "none", None, ProbeCounts()


def _far_side(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the far side says of the video that is sent."""
    return next(
        (
            entry
            for entry in report.values()
            if entry.get("type") == "remote-inbound-rtp" and entry.get("kind") == "video"
        ),
        {},
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000

"""The service's own figures, as `metrics_report` carries them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from realtime_fast.control import messages
from realtime_fast.server.model.pipeline import Figures


class LinkMeter:
    """Turns the pipeline's and the link's figures into one report a second."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._last_at: float | None = None

    def report(
        self, figures: Figures, stats: Mapping[str, Any], now: float, loop_lag: float
    ) -> messages.MetricsReport:
        """One report.

        Args:
            figures: Of the pipeline, since the last report.
            stats: W3C webrtc-stats entries by id, times in seconds.
            now: Monotonic seconds.
            loop_lag: Seconds by which the event loop was late for this.
        """
        inbound = _video(stats, "inbound-rtp")
        outbound = _video(stats, "outbound-rtp")
        remote = _video(stats, "remote-inbound-rtp")
        lost, received = inbound.get("packetsLost"), inbound.get("packetsReceived")
        new_lost, new_received = self._gain("lost", lost), self._gain("received", received)
        new_bytes = self._gain("bytes", outbound.get("bytesSent"))
        span = None if self._last_at is None else now - self._last_at
        self._last_at = now
        expected = (new_lost or 0) + (new_received or 0)
        return messages.MetricsReport(
            frame_recv_ms=_ms(figures.recv_s),
            pipeline_latency_ms=_ms(figures.latency_s),
            input_fps=round(figures.input_fps, 2),
            output_fps=round(figures.output_fps, 2),
            video_in_depth=figures.in_depth,
            video_out_depth=figures.out_depth,
            skipped_in_frames=figures.skipped_in,
            skipped_out_frames=figures.skipped_out,
            event_loop_latency_ms=_ms(max(0.0, loop_lag)),
            rtt_ms=_ms(remote.get("roundTripTime")),
            jitter_ms=_ms(inbound.get("jitter")),
            inbound_loss_rate=round(max(0.0, new_lost) / expected, 4)
            if new_lost is not None and expected > 0
            else None,
            bitrate_kbps=round(new_bytes * 8 / span / 1000, 1) if new_bytes is not None and span else None,
            encoder_target_bitrate_kbps=_scaled(outbound.get("targetBitrate"), 1e-3),
        )

    def _gain(self, name: str, value: float | None) -> float | None:
        """By how much a counter grew since the last report; None the first time, or without it."""
        if value is None:
            return None
        last, self._last[name] = self._last.get(name), value
        return None if last is None else value - last


def _video(stats: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((e for e in stats.values() if e.get("type") == kind and e.get("kind") == "video"), {})


def _ms(seconds: float | None) -> float | None:
    return _scaled(seconds, 1000)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else round(value * factor, 3)

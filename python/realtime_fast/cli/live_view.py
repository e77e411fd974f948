"""How a run looks on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from realtime_fast.cli.measure import Measurement


def line(measured: Measurement, now: float) -> str:
    """One line about what is going on."""
    latency = f"{measured.latencies[-1]:.0f} ms" if measured.latencies else "not known yet"
    size = f"{measured.size[0]}x{measured.size[1]}" if measured.size else "no picture yet"
    return (
        f"{measured.elapsed(now):5.1f} s   {size}   {measured.rate(now):4.1f} fps   "
        f"{measured.bitrate / 1e6:.2f} Mbit/s   latency {latency}"
    )


def table(summary: Mapping[str, Any]) -> Table:
    """The figures of a run."""
    shown = Table("figure", "value", title=f"{summary['transport']}, {summary['seconds']} s")
    size, latency, markers = summary["size"], summary["e2e_ms"], summary["markers"]
    shown.add_row("picture", f"{size[0]}x{size[1]}" if size else "none")
    shown.add_row("frames", f"{summary['frames_sent']} sent, {summary['frames_received']} received")
    shown.add_row("rate", f"{summary['fps_out']} fps sent, {summary['fps_in']} fps received")
    shown.add_row(
        "connecting", ", ".join(f"{name} {ms:.0f} ms" for name, ms in summary["connect_ms"].items())
    )
    shown.add_row("first frame", f"{summary['first_frame_ms']:.0f} ms")
    if latency["n"]:
        shown.add_row(
            "latency, end to end",
            f"{latency['p50']} ms median, {latency['p95']} ms p95, {latency['p99']} ms p99, {latency['max']} ms max",
        )
    shown.add_row(
        "markers", ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in markers.items())
    )
    shown.add_row("processor", f"{summary['client_cpu_cores']} cores in this process")
    for error in summary["errors"]:
        shown.add_row("error", error)
    return shown

"""How a run looks on a terminal: calm in 80 columns, with curves where there is room; elsewhere as plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from realtime_fast.report import Run
from realtime_fast.report.run import OUTCOMES, percentiles

WIDE = 120
"""Columns from which on there is room for curves."""

RECENT = 20_000
"""Measured latencies, the newest ones, that the view's percentiles are of: ten minutes of every frame."""

QUICK, SLOW = 1.0, 10.0
"""Seconds between two plain lines: of a short run, of one that lasts."""

LONG = 120.0

_BARS = "▁▂▃▄▅▆▇█"
_COLOURS = {"good": "green", "fair": "yellow", "poor": "dark_orange", "critical": "red"}


class LiveView:
    """Shows a run while it lasts.

    Args:
        console: Where to.
        silent: Show nothing: what goes to the console is for machines.
        typed: What is being typed, to be shown below the view.

    Attributes:
        interval: Seconds between two refreshes.
    """

    def __init__(
        self, console: Console, *, silent: bool = False, typed: Callable[[], str] | None = None
    ) -> None:
        self._typed = typed
        self.interval = 0.5 if console.is_terminal else QUICK
        self._console = console
        self._silent = silent
        self._live: Live | None = None
        self._run = Run()
        self._began = time.monotonic()
        self._seconds: float | None = None

    @contextmanager
    def shown(self, run: Run, seconds: float | None) -> Iterator[None]:
        """Show `run`, which is to last `seconds` from its first picture on (None: until interrupted)."""
        self._run, self._seconds = run, seconds
        if self._silent:
            yield
        elif not self._console.is_terminal:
            if seconds is None or seconds > LONG:
                self.interval = SLOW
            yield
        else:
            with Live(console=self._console, auto_refresh=False, transient=True) as self._live:
                self.refresh()
                yield

    def refresh(self) -> None:
        """Show the run as it is now."""
        if self._live is not None:
            shown = view(self._run, self._seconds, self._console.width)
            if self._typed is not None:
                shown = Group(shown, Text.assemble(("prompt      ", "dim"), self._typed(), ("_", "blink")))
            self._live.update(shown, refresh=True)
        elif not self._silent:
            self._console.print(line(self._run), soft_wrap=True, highlight=False)


def line(run: Run) -> str:
    """A run in one line."""
    latency = _recent(run)
    shown = f"{latency['p50']:.0f} ms" if latency["p50"] is not None else "not known yet"
    parts = [
        f"{run.seconds:6.1f} s",
        run.state,
        f"latency {shown}",
        f"{_last(run, 'fps_received'):.1f} fps",
        f"{_last(run, 'kbps_received') / 1000:.2f} Mbit/s",
        *([run.qualities[-1].label] if run.qualities else []),
    ]
    return "   ".join(parts)


def view(run: Run, seconds: float | None, width: int) -> RenderableType:
    """A run as it is watched.

    Args:
        run: The run.
        seconds: How long it is to last, None for until interrupted.
        width: Columns there are.
    """
    room = min(60, width - 82) if width >= WIDE else 0
    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    lasts = f" of {seconds:.0f} s" if seconds is not None else ""
    head.add_row(
        Text.assemble(
            (str(run.about.get("model", "")), "bold"), f" over {run.about.get('transport', '')}", style="none"
        ),
        Text.assemble(
            (run.state, _state_colour(run.state)), f"   {run.seconds:.0f}{lasts}{'' if lasts else ' s'}"
        ),
    )
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", width=10)
    rows.add_column(overflow="fold")
    if room:
        rows.add_column(width=room, no_wrap=True, style="cyan")
    for name, text, values in _rows(run, inline=not room):
        curve = [sparkline(values, room)] if room else []
        rows.add_row(name, text, *curve)
    return Group(head, rows)


def table(summary: Mapping[str, Any]) -> Table:
    """The figures of a run that is over."""
    shown = Table("figure", "value", title=f"{summary['transport']}, {summary['seconds']} s")
    latency, timed, composite = summary["e2e_ms"], summary["frame_timing_ms"], summary["composite_ms"]
    shown.add_row("picture", "x".join(map(str, summary["size"])) if summary["size"] else "none")
    shown.add_row(
        "frames", f"{_a_second(summary, 'fps_sent')} sent, {_a_second(summary, 'fps_received')} received"
    )
    shown.add_row(
        "bit rate", f"{_kbits(summary, 'kbps_sent')} sent, {_kbits(summary, 'kbps_received')} received"
    )
    if summary["connect_ms"]:
        phases = ", ".join(f"{name} {ms:.0f} ms" for name, ms in summary["connect_ms"].items())
        shown.add_row("connecting", phases)
    if summary["first_frame_ms"] is not None:
        shown.add_row("first picture", f"{summary['first_frame_ms']:.0f} ms after connect was called")
    known = [
        f"{latency[name]:.0f} ms {name}" for name in ("p50", "p95", "p99", "max") if latency[name] is not None
    ]
    shown.add_row("latency, end to end", f"{', '.join(known) or 'not measured'} (n = {latency['n']})")
    if timed["n"]:
        shown.add_row("latency, frame timing", f"{timed['p50']:.0f} ms median (n = {timed['n']})")
    if composite["n"]:
        shown.add_row("latency, estimate", f"{composite['mean']:.0f} ms mean (n = {composite['n']})")
    shown.add_row("marked pictures", books(summary["markers"]))
    if summary.get("client_cpu_cores") is not None:
        shown.add_row("processor", f"{summary['client_cpu_cores']} cores in this process")
    if summary["quality"]:
        shown.add_row("quality", summary["quality"])
    for name in ("stalls", "reconnects"):
        if summary[name]:
            shown.add_row(name, str(summary[name]))
    for error in summary["errors"]:
        shown.add_row("error", error)
    return shown


def books(markers: Mapping[str, int]) -> str:
    """What became of the marked pictures, as a sum that adds up."""
    parts = [
        f"{markers[name]} {name}" for name in (*OUTCOMES, "pending") if markers[name] or name == "received"
    ]
    late = f"; {markers['out_of_order']} out of order" if markers["out_of_order"] else ""
    return f"{markers['sent']} sent = {' + '.join(parts)}{late}"


def sparkline(values: Sequence[float], width: int) -> str:
    """The newest `width` values as bars, over at least a quarter of the greatest, so that calm looks calm."""
    newest = np.asarray(values[-width:], dtype=np.float64) if width else np.empty(0)
    if not len(newest) or newest.max() <= 0:
        return ""
    top = newest.max()
    base = min(newest.min(), 0.75 * top)
    heights = ((newest - base) / (top - base) * (len(_BARS) - 1)).round().astype(int)
    return "".join(_BARS[height] for height in heights)


def _rows(run: Run, *, inline: bool) -> Iterator[tuple[str, RenderableType, Sequence[float]]]:
    """Name, figures and course of what is watched."""
    phases = run.connect_phases
    passed = " · ".join(
        f"{one.label} {1000 * ((one.end or one.begin) - one.begin):.0f} ms"
        + (" failed" if one.detail else "")
        for one in phases
        if one.label != "total"
    )
    yield "connecting", passed or "dialling", ()
    latency = _recent(run)
    known = [f"{name} {latency[name]:.0f}" for name in ("p50", "p95", "p99") if latency[name] is not None]
    text = Text(f"{' · '.join(known)} ms (n = {latency['n']})  " if known else "not known yet")
    if inline:
        text.append(sparkline(list(run.probes.values[-24:]), 24), "cyan")
    yield "latency", text, list(run.probes.values[-400:])
    yield "markers", books(run.markers) if run.markers else "not known yet", ()
    size = "" if run.size is None else f", {run.size[0]}x{run.size[1]}"
    rates = f"{_last(run, 'fps_sent'):.1f}/s out, {_last(run, 'fps_received'):.1f}/s in{size}"
    yield "frames", rates, _course(run, "fps_received")
    out, into = (_last(run, name) / 1000 for name in ("kbps_sent", "kbps_received"))
    yield "bit rate", f"{out:.2f} Mbit/s out, {into:.2f} Mbit/s in", _course(run, "kbps_received")
    trip = run.series["rtt_ms"].last
    lost = run.series["packets_lost"]
    shown_trip = "not known yet" if trip is None else f"{trip:.0f} ms"
    network = f"round trip {shown_trip}, {(lost.mean or 0) * lost.count:.0f} packets lost"
    yield "network", f"{network}, {len(run.reconnects)} reconnects", _course(run, "rtt_ms")
    yield "quality", _verdict(run), ()
    for error in run.errors[-2:]:
        yield "error", Text(error, "red"), ()


def _verdict(run: Run) -> RenderableType:
    if not run.qualities:
        return "not known yet"
    newest = run.qualities[-1]
    return Text.assemble(
        (newest.label, _COLOURS[newest.label]), f", {newest.detail}" if newest.detail else "", style="none"
    )


def _recent(run: Run) -> dict[str, float | int | None]:
    return percentiles(np.array(run.probes.values[-RECENT:], dtype=np.float64))


def _course(run: Run, name: str) -> Sequence[float]:
    return list(run.series[name].curve.mean[-400:])


def _last(run: Run, name: str) -> float:
    return run.series[name].last or 0.0


def _state_colour(state: str) -> str:
    return {"generating": "green", "connected": "green", "disconnected": "red"}.get(state, "yellow")


def _a_second(summary: Mapping[str, Any], name: str) -> str:
    return "none" if summary[name] is None else f"{summary[name]:.1f} a second"


def _kbits(summary: Mapping[str, Any], name: str) -> str:
    return "none" if summary[name] is None else f"{summary[name]:.0f} kbit/s"

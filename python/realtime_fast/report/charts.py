"""The charts of a report, drawn by matplotlib: each is a function of a figure, a palette and what to show."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO, StringIO
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from realtime_fast.report.palette import LIGHT, MARKED, themed
from realtime_fast.report.run import Run, Span, percentiles
from realtime_fast.report.series import Series

Palette = Mapping[str, str]
Draw = Callable[[Figure, Palette], None]

MOST_DOTS = 3000
"""Latencies that are drawn one by one; more of them become a band and a median."""

BUCKETS = 400
"""Spans of time that such a band consists of."""

LETTER = 0.011
"""Width of a letter, as a share of the chart's."""

_STYLE: Any = {
    "font.size": 9.5,
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
}

_UNITS = ((2 * 86400.0, 86400.0, "days"), (2 * 3600.0, 3600.0, "hours"), (300.0, 60.0, "minutes"))


class Chart(NamedTuple):
    """A chart of a report: the name of its file, what it shows in words, its height in inches, and how it is drawn."""

    name: str
    title: str
    caption: str
    height: float
    draw: Draw


def as_svg(chart: Chart, width: float = 9.0) -> str:
    """The chart as an SVG element for a page: its colours are CSS variables, its size is that of its parent."""
    out = StringIO()
    with mpl.rc_context({**_STYLE, **_coloured(MARKED), "svg.hashsalt": chart.name}):
        _drawn(chart, MARKED, width).savefig(
            out, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' width="[\d.]+pt"', "", re.sub(r' height="[\d.]+pt"', "", svg, count=1), count=1)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", svg)
    # Several charts share a page, and matplotlib numbers the parts of each from one.
    svg = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{chart.name}-", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    label = chart.caption.replace("&", "and").replace('"', "'").replace("<", "under ")
    return themed(svg).replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def as_png(chart: Chart, width: float = 9.0) -> bytes:
    """The chart as a picture on white."""
    out = BytesIO()
    with mpl.rc_context({**_STYLE, **_coloured(LIGHT)}):
        _drawn(chart, LIGHT, width).savefig(out, format="png", dpi=144)
    return out.getvalue()


def latency_over_time(run: Run, until: float) -> Draw:
    """Each measured latency, what was lost, and the quality below; stalls and reconnects as bands."""

    def draw(figure: Figure, palette: Palette) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(12, 1))
        _latencies(above, np.array(run.probes.times), run.probes.array, palette, "a", "measured")
        if run.frames.times:
            above.plot(
                run.frames.times, run.frames.array, ".", ms=2, color=palette["b"], label="by frame timing"
            )
        if run.composite.count:
            curve = run.composite.curve
            above.plot(
                curve.time, curve.mean, color=palette["b"], lw=1.2, ls="--", label="composite estimate"
            )
        for times, name, at in ((run.lost, "lost", 0.985), (run.corrupted, "corrupted", 0.955)):
            if times:
                above.plot(
                    times,
                    [at] * len(times),
                    "|",
                    ms=6,
                    color=palette[name],
                    transform=above.get_xaxis_transform(),
                    label=f"{name} ({len(times)})",
                )
        _bands(above, run, palette)
        above.set_ylabel("ms")
        _legend(figure, above)
        _quality(below, run, until, palette)
        _time_axis(below, until)

    return draw


def latency_distribution(run: Run) -> Draw:
    """How often which latency was measured, with the percentiles that there are enough values for."""

    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        values = run.probes.array
        bins = min(80, max(10, int(np.sqrt(len(values)))))
        axes.hist(values, bins=bins, color=palette["a"], alpha=0.75)
        figures = percentiles(values)
        for row, name in enumerate(name for name in ("p50", "p95", "p99") if figures[name] is not None):
            at = float(figures[name] or 0)
            axes.axvline(at, color=palette["text"], lw=0.9, ls=(0, (4, 3)))
            axes.annotate(
                f"{name} {at:.0f} ms",
                (at, 1 - 0.09 * row),
                xycoords=("data", "axes fraction"),
                xytext=(4, -4),
                textcoords="offset points",
                va="top",
                color=palette["text"],
            )
        axes.set_xlabel("latency, ms")
        axes.set_ylabel("pictures")
        axes.margins(x=0.02)

    return draw


def rates(run: Run, until: float) -> Draw:
    """Frames and bits a second, both ways."""

    def draw(figure: Figure, palette: Palette) -> None:
        above, below = figure.subplots(2, 1, sharex=True)
        for axes, unit, title in ((above, "fps", "frames a second"), (below, "kbps", "kbit/s")):
            _bands(axes, run, palette, named=False)
            for way, colour in (("sent", "a"), ("received", "b")):
                _curve(axes, run.series[f"{unit}_{way}"], palette[colour], way)
            axes.set_title(title, color=palette["muted"])
            axes.set_ylim(bottom=0)
            axes.margins(y=0.12)
        _legend(figure, above)
        _time_axis(below, until)

    return draw


def waterfall(phases: Sequence[Span]) -> Draw:
    """The phases of the first connect, each from when it began to when it was done."""

    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        begin = min(one.begin for one in phases)
        for row, one in enumerate(phases):
            long = 1000 * ((one.end or one.begin) - one.begin)
            start = 1000 * (one.begin - begin)
            colour = palette["lost"] if one.detail else palette["muted" if one.label == "total" else "a"]
            axes.barh(row, long, left=start, height=0.6, color=colour)
            text = f"{long:.0f} ms" + (": failed" if one.detail else "")
            axes.annotate(text, (start + long, row), xytext=(5, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(phases)), [one.label for one in phases])
        axes.invert_yaxis()
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("ms since connect was called")
        axes.margins(x=0.12)
        axes.set_xlim(left=0)

    return draw


def latency_of_two(runs: Sequence[Run], names: Sequence[str]) -> Draw:
    """The latencies of two runs over the time of each."""

    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        for run, name, colour in zip(runs, names, "ab", strict=True):
            _latencies(axes, np.array(run.probes.times), run.probes.array, palette, colour, name)
        axes.set_ylabel("ms")
        _legend(figure, axes)
        _time_axis(axes, max(run.seconds for run in runs))

    return draw


def shares_of_two(runs: Sequence[Run], names: Sequence[str]) -> Draw:
    """For two runs, the share of pictures that took at most so long."""

    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        for run, name, colour in zip(runs, names, "ab", strict=True):
            values = np.sort(run.probes.array)
            if len(values):
                kept = np.unique(np.linspace(0, len(values) - 1, 1000).astype(int))
                axes.plot(values[kept], 100 * (kept + 1) / len(values), color=palette[colour], label=name)
        for share in (50, 95, 99):
            axes.axhline(share, color=palette["muted"], lw=0.7, ls=(0, (4, 3)))
        axes.set_yticks((0, 25, 50, 75, 95))
        axes.set_xlabel("latency, ms")
        axes.set_ylabel("% of pictures")
        _legend(figure, axes)

    return draw


def _drawn(chart: Chart, palette: Palette, width: float) -> Figure:
    figure = Figure(figsize=(width, chart.height), layout="constrained")
    chart.draw(figure, palette)
    return figure


def _coloured(palette: Palette) -> Any:
    text = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(text, palette["text"]),
        "axes.edgecolor": palette["muted"],
        "grid.color": palette["grid"],
        "axes.facecolor": palette["paper"],
        "figure.facecolor": palette["paper"],
    }


def _latencies(
    axes: Axes, times: NDArray[Any], values: NDArray[Any], palette: Palette, colour: str, name: str
) -> None:
    if len(values) <= MOST_DOTS:
        size = 3.5 if len(values) > MOST_DOTS / 6 else 6
        axes.plot(times, values, ".", ms=size, mew=0, color=palette[colour], label=name, alpha=0.7)
    else:
        edges = np.linspace(times[0], times[-1], BUCKETS + 1)
        parts = np.split(values, np.searchsorted(times, edges[1:-1]))
        middle = (edges[:-1] + edges[1:]) / 2
        low, half, high = (
            np.array([share(part) if len(part) else np.nan for part in parts])
            for share in (np.min, np.median, np.max)
        )
        axes.fill_between(
            middle, low, high, color=palette[colour], alpha=0.25, lw=0, label="least to greatest"
        )
        axes.plot(middle, half, color=palette[colour], lw=1.3, label=f"{name}: median")
    if len(values) and values.max() > 12 * np.median(values) > 0:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
        axes.margins(y=0.15)


def _curve(axes: Axes, series: Series, colour: str, name: str) -> None:
    curve = series.curve
    if not len(curve.time):
        return
    if (curve.counts > 1).any():
        axes.fill_between(curve.time, curve.low, curve.high, color=colour, alpha=0.2, lw=0)
    axes.plot(curve.time, curve.mean, color=colour, lw=1.3, label=name)


def _bands(axes: Axes, run: Run, palette: Palette, *, named: bool = True) -> None:
    for spans, name, colour, strength in (
        (run.stalls, "stall", "band", 0.45),
        (run.reconnects, "reconnect", "lost", 0.18),
    ):
        for number, span in enumerate(spans):
            axes.axvspan(
                span.begin,
                run.seconds if span.end is None else span.end,
                color=palette[colour],
                alpha=strength,
                lw=0,
                label=name if named and number == 0 else None,
            )


def _quality(axes: Axes, run: Run, until: float, palette: Palette) -> None:
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(0, 1)
    if not run.qualities:
        axes.text(0, 0.5, "quality is not known", va="center", color=palette["muted"])
    for span in run.qualities:
        end = run.seconds if span.end is None else span.end
        axes.axvspan(span.begin, end, color=palette[span.label], lw=0)
        room = (end - span.begin) / until / LETTER if until else 0.0
        full = f"{span.label}: {span.detail}" if span.detail else span.label
        for text in (full, span.label):
            if len(text) <= room:
                middle = (span.begin + end) / 2
                axes.text(middle, 0.46, text, ha="center", va="center", color=palette["paper"], fontsize=8.5)
                break


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            labels,
            loc="outside upper right",
            ncols=len(handles),
            columnspacing=1.3,
            handlelength=1.3,
        )


def _time_axis(axes: Axes, until: float) -> None:
    scale, unit = next(((by, unit) for least, by, unit in _UNITS if until >= least), (1.0, "seconds"))
    axes.set_xlim(0, max(until, 1e-3))
    steps = MaxNLocator(10, steps=[1, 2, 3, 5, 6, 10]).tick_values(0, max(until, 1e-3) / scale)
    axes.set_xticks([scale * step for step in steps if 0 <= scale * step <= until])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{at / scale:g}"))
    axes.set_xlabel(f"{unit} since connect was called")

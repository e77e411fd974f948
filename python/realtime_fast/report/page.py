"""A report as one HTML page that needs nothing else: charts inside, light and dark, fit to be printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from typing import Any

from realtime_fast.report.charts import (
    Chart,
    as_svg,
    latency_distribution,
    latency_of_two,
    latency_over_time,
    rates,
    shares_of_two,
    waterfall,
)
from realtime_fast.report.comparison import Difference, compare
from realtime_fast.report.folder import Measured
from realtime_fast.report.palette import DARK, LIGHT, variables
from realtime_fast.report.run import OUTCOMES, STAMPED, Run, percentiles, summary

Row = tuple[str, ...]


def charts_of(first: Measured, second: Measured | None = None) -> list[Chart]:
    """The charts that there is something to show in."""
    return _of_one(first.run) if second is None else _of_two(first, second)


def page(first: Measured, second: Measured | None, charts: Sequence[Chart]) -> str:
    """The page of one run, or of two side by side."""
    if second is None:
        title = f"{first.name}: latency and quality"
        body = [_notice(first), _tiles(first.run), *map(_figure, charts), _figures(first.run)]
    else:
        title = f"{first.name} and {second.name} compared"
        body = [_notice(first), _notice(second), *map(_figure, charts), _differences(first, second)]
    body += [_about(one) for one in (first, second) if one is not None]
    return _DOCUMENT.format(title=escape(title), style=_style(), body="\n".join(filter(None, body)))


def _of_one(run: Run) -> list[Chart]:
    charts = []
    if run.probes.values or run.lost or run.composite.count or run.qualities:
        charts.append(
            Chart(
                "latency",
                "Latency, end to end",
                "From a picture's way out to its way back, over time. Below: the quality of the connection.",
                3.9,
                latency_over_time(run, run.seconds),
            )
        )
    if len(run.probes.values) > 1:
        charts.append(
            Chart(
                "distribution",
                "How the latencies are distributed",
                "How many pictures were how late.",
                2.6,
                latency_distribution(run),
            )
        )
    if run.series["fps_received"].count:
        charts.append(
            Chart(
                "rates",
                "Frames and bits",
                "Sent and received; the shade goes from the least to the greatest value.",
                3.6,
                rates(run, run.seconds),
            )
        )
    if run.connect_phases:
        charts.append(
            Chart(
                "connecting",
                "Connecting, phase by phase",
                "How long each phase of the first connect took.",
                1.0 + 0.34 * len(run.connect_phases),
                waterfall(run.connect_phases),
            )
        )
    return charts


def _of_two(first: Measured, second: Measured) -> list[Chart]:
    runs, names = (first.run, second.run), (first.name, second.name)
    if not all(run.probes.values for run in runs):
        return []
    return [
        Chart(
            "latency-of-both",
            "Latency, end to end",
            "Each run over its own time.",
            3.4,
            latency_of_two(runs, names),
        ),
        Chart(
            "shares-of-both",
            "How many pictures were in time",
            "The share of pictures that took at most so long; further left is better.",
            3.2,
            shares_of_two(runs, names),
        ),
    ]


def _figure(chart: Chart) -> str:
    return (
        f"<section><h2>{escape(chart.title)}</h2><figure>{as_svg(chart)}"
        f"<figcaption>{escape(chart.caption)}</figcaption></figure></section>"
    )


def _notice(measured: Measured) -> str:
    run = measured.run
    if run.ended:
        return ""
    return (
        f'<p class="notice" role="note"><strong>{escape(measured.name)} was cut off</strong> after '
        f"{_time(run.seconds)}: its process ended without closing the log. What was written until then is shown.</p>"
    )


def _tiles(run: Run) -> str:
    latency = percentiles(run.probes.array)
    n = f"of {latency['n']} pictures"
    tiles = [
        ("latency, median", _ms(latency["p50"]), n),
        ("latency, p95", _ms(latency["p95"]), n),
        ("latency, p99", _ms(latency["p99"]), n),
        ("frames received", _number(run.series["fps_received"].mean, "/s"), "on average"),
        ("first picture", _ms(run.first_frame_ms), "since connect was called"),
        ("quality", run.qualities[-1].label if run.qualities else "-", "at the end"),
    ]
    cells = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>"
        for name, value, note in tiles
    )
    return f'<dl class="tiles">{"".join(cells)}</dl>'


def _figures(run: Run) -> str:
    figures = summary(run)
    latency, markers = figures["e2e_ms"], figures["markers"]
    outcomes = " + ".join(f"{markers[name]} {name}" for name in (*OUTCOMES, "pending"))
    rows: list[Row] = [
        ("duration", _time(run.seconds)),
        ("picture", "x".join(map(str, run.size)) if run.size else "-"),
        ("latency", f"{_ms(latency['p50'])} median, {_ms(latency['p95'])} p95, {_ms(latency['p99'])} p99, "
         f"{_ms(latency['max'])} max, {latency['n']} measured"),
        *_frame_timing(figures),
        ("marked pictures", f"{markers['sent']} sent = {outcomes}"),
        ("out of order", str(markers["out_of_order"])),
        ("frames", f"{_number(figures['fps_sent'], '/s')} sent, {_number(figures['fps_received'], '/s')} received"),
        ("bit rate", f"{_number(figures['kbps_sent'], ' kbit/s')} sent, "
         f"{_number(figures['kbps_received'], ' kbit/s')} received"),
        ("round trip", _ms(figures["rtt_ms"])),
        ("packets lost", str(figures["packets_lost"])),
        ("stalls, reconnects", f"{len(run.stalls)}, {len(run.reconnects)}"),
        *(("error", error) for error in run.errors[:20]),
    ]  # fmt: skip
    return f"<section><h2>Figures</h2>{_table((), rows)}</section>"


def _frame_timing(figures: Mapping[str, Any]) -> list[Row]:
    latency, stamped = figures["frame_timing_ms"], figures["stamped"]
    if not stamped["sent"]:
        return []
    outcomes = " + ".join(f"{stamped[name]} {name}" for name in (*STAMPED, "pending"))
    return [
        ("latency by frame timing", f"{_ms(latency['p50'])} median, {_ms(latency['p95'])} p95, "
         f"{_ms(latency['p99'])} p99, {_ms(latency['max'])} max, {latency['n']} told of"),
        ("stamped pictures", f"{stamped['sent']} sent = {outcomes}"),
    ]  # fmt: skip


def _differences(first: Measured, second: Measured) -> str:
    head = ("", first.name, second.name, "difference", "95 % confidence")
    rows = [_difference(one) for one in compare(first.run, second.run)]
    return (
        f"<section><h2>Differences</h2>{_table(head, rows)}"
        "<p>The difference is second - first. Its interval comes from resampling blocks of consecutive values. Where "
        "it leaves out 0 (●), chance alone does not explain the difference.</p></section>"
    )


def _difference(one: Difference) -> Row:
    interval = "-" if one.interval is None else " … ".join(map(_signed, one.interval))
    change = "-" if one.change is None else _signed(one.change)
    return (
        one.name,
        _number(one.first),
        _number(one.second),
        change,
        f"{interval}{' ●' if one.sure else ''}",
    )


def _signed(value: float) -> str:
    return f"{value:+.1f}" if round(value, 1) else "0"


def _about(measured: Measured) -> str:
    parts = {"session": measured.run.about, **measured.about}
    began = datetime.fromtimestamp(measured.run.began or 0, UTC)
    rows: list[Row] = [("began", f"{began:%Y-%m-%d %H:%M:%S} UTC")]
    for name, part in parts.items():
        if isinstance(part, Mapping):
            rows += [(f"{name}: {key}", _plain(value)) for key, value in part.items()]
        else:
            rows.append((name, _plain(part)))
    return (
        f"<details open><summary>{escape(measured.name)}: settings, versions, machine</summary>"
        f"{_table((), rows)}</details>"
    )


def _table(head: Sequence[str], rows: Iterable[Row]) -> str:
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    top = f"<thead><tr>{top}</tr></thead>" if head else ""
    return f'<div class="wide"><table>{top}<tbody>{body}</tbody></table></div>'


def _ms(value: float | None) -> str:
    return _number(value, " ms")


def _number(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.0f}{unit}" if abs(value) >= 100 else f"{value:.3g}{unit}"


def _time(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{seconds:.1f} s"


def _plain(value: Any) -> str:
    return "-" if value is None else str(value)


def _style() -> str:
    sheet = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    return (
        f":root {{ color-scheme: light dark; {variables(LIGHT)} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}\n{sheet}"
    )


_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""

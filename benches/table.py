"""Writes the table and the chart of `make bench` from pytest-benchmark's JSON.

A bench takes part by its group. In `extra_info` it may say `contender` (else its own name), `beside` (the
contender of ours it stands beside, else "ours") and `wanted` (the least ratio of its time to ours).
"""

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

Bench: TypeAlias = dict[str, Any]
Group: TypeAlias = dict[str, Bench]
"""By contender."""
Groups: TypeAlias = dict[str, Group]

OURS, OTHERS = "#1f77b4", "#b8b8b8"


def contenders(report: dict[str, Any]) -> Groups:
    """Group → contender → its bench, in the order of the run."""
    groups: Groups = {}
    for bench in report["benchmarks"]:
        name = bench["extra_info"].get("contender", bench["name"])
        groups.setdefault(bench["group"] or bench["fullname"], {})[name] = bench
    return groups


def microseconds(bench: Bench) -> float:
    seconds: float = bench["stats"]["min"]
    return seconds * 1e6


def amount(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratio(bench: Bench, group: Group) -> float | None:
    """How many times the time of ours; None for ours itself, or where ours did not run."""
    ours = group.get(bench["extra_info"].get("beside", "ours"))
    return None if ours is None or ours is bench else microseconds(bench) / microseconds(ours)


def markdown(groups: Groups, machine: str, date: str) -> str:
    """The report as text."""
    lines = [
        "# Benchmarks",
        "",
        f"{machine}, {date}, one core, the best round of each. Every bench also checks that the results agree.",
        "“out=” and “dst=” write to memory that is used again; the others make new arrays, whose memory the",
        "allocator has at hand after the first rounds. The ratio is a contender's time to ours of the same kind.",
        "`make bench` writes this page.",
        "",
        "![Times beside ours](bench.png)",
        "",
        "| what | contender | µs | ratio | wanted |",
        "|---|---|--:|--:|--:|",
    ]
    for title, group in groups.items():
        for name, bench in group.items():
            times, wanted = ratio(bench, group), bench["extra_info"].get("wanted")
            verdict = ""
            if wanted is not None and times is not None:
                verdict = f"≥ {wanted:.3g} {'✓' if times >= wanted else '✗'}"
            shown = "" if times is None else f"{times:.2f}"
            lines.append(f"| {title} | {name} | {amount(microseconds(bench))} | {shown} | {verdict} |")
            title = ""
    return "\n".join(lines) + "\n"


def chart(groups: Groups, machine: str, date: str, path: Path) -> None:
    """A panel for each group: time of each contender, ours in colour."""
    columns = 2
    rows = -(-len(groups) // columns)
    heights = [
        max(len(group) for group in list(groups.values())[row * columns : (row + 1) * columns]) + 1.5
        for row in range(rows)
    ]
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(13, 0.27 * sum(heights)),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    for axis in axes.flat[len(groups) :]:
        axis.set_visible(False)
    for axis, (title, group) in zip(axes.flat, groups.items(), strict=False):
        names = [textwrap.shorten(name, 40) for name in group]
        times = [microseconds(bench) for bench in group.values()]
        bars = axis.barh(names, times, color=[OURS if "ours" in name else OTHERS for name in group])
        axis.bar_label(bars, [f" {amount(time)} µs" for time in times], fontsize=8)
        axis.set_title(title, fontsize=9, loc="left")
        axis.invert_yaxis()
        axis.tick_params(labelsize=8)
        axis.set_xticks([])
        axis.set_xlim(0, max(times) * 1.25)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    figure.suptitle(f"{machine}, {date}, one core", fontsize=9)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="pytest-benchmark's JSON")
    parser.add_argument("folder", type=Path, help="where README.md and bench.png go")
    arguments = parser.parse_args()
    report = json.loads(arguments.report.read_text())
    cpu = report["machine_info"]["cpu"]
    machine = f"{cpu.get('brand_raw', 'unknown CPU')} ({report['machine_info']['machine']})"
    groups, date = contenders(report), report["datetime"][:10]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "README.md").write_text(markdown(groups, machine, date), encoding="utf-8")
    chart(groups, machine, date, arguments.folder / "bench.png")


if __name__ == "__main__":
    main()

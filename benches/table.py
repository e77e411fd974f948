"""Writes the table and the chart of `make bench` from pytest-benchmark's JSON.

A bench takes part by its group. In `extra_info` it may say `contender` (else its own name), `level` (the CPU level
that ours was run on, else the highest), `beside` (the contender of ours it stands beside, else "ours") and `wanted`
(the least ratio of its time to ours).
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
Group: TypeAlias = dict[str, dict[str, Bench]]
"""By contender and level; the highest level is ""."""
Groups: TypeAlias = dict[str, Group]

OURS, OTHERS = "#1f77b4", "#b8b8b8"
LOW = ("sse4.1", "scalar")


def contenders(report: dict[str, Any]) -> Groups:
    """Group → contender → level → its bench, in the order of the run."""
    groups: Groups = {}
    highest = highest_level(report)
    for bench in report["benchmarks"]:
        info = bench["extra_info"]
        group = groups.setdefault(bench["group"] or bench["fullname"], {})
        level = info.get("level", highest)
        group.setdefault(info.get("contender", bench["name"]), {})["" if level == highest else level] = bench
    return groups


def highest_level(report: dict[str, Any]) -> str:
    """The first level of the run; "" if no bench has one."""
    levels = (str(bench["extra_info"].get("level", "")) for bench in report["benchmarks"])
    return next(filter(None, levels), "")


def lower_levels(groups: Groups) -> list[str]:
    """The other levels, in the order of the run."""
    levels = (level for group in groups.values() for benches in group.values() for level in benches)
    return list(dict.fromkeys(level for level in levels if level))


def microseconds(bench: Bench) -> float:
    seconds: float = bench["stats"]["min"]
    return seconds * 1e6


def amount(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def cell(name: str, bench: Bench, group: Group, level: str) -> str:
    """The time of ours on that level, or how many times as long another takes, and whether that is enough."""
    if "ours" in name:
        return amount(microseconds(group[name][level])) if level in group[name] else ""
    ours = group.get(bench["extra_info"].get("beside", "ours"), {}).get(level)
    if ours is None:
        return ""
    times, wanted = microseconds(bench) / microseconds(ours), bench["extra_info"].get("wanted")
    # Others run on the highest level they know: those below AVX2 are no match and owe nothing.
    verdict = "" if wanted is None or level in LOW else " ✓" if times >= wanted else " ✗"
    return f"{times:.2f}{verdict}"


def markdown(groups: Groups, machine: str, highest: str, date: str) -> str:
    """The report as text."""
    levels = ["", *lower_levels(groups)]
    named = [level or highest or "ours" for level in levels]
    lines = [
        "# Benchmarks",
        "",
        f"{machine}, {date}, one core, the best round of each. Every bench also checks that the results agree.",
        "There is a column for each level of this CPU: what ours takes on it in µs, and how many times as long others",
        "take. “out=” and “dst=” write to memory that is used again; the others make new arrays, whose memory the",
        "allocator has at hand after the first rounds. `make bench` writes this page.",
        "",
        "![Times beside ours](bench.png)",
        "",
        f"| what | contender | µs | {' | '.join(named)} | wanted |",
        f"|---|---|--:|{'--:|' * len(levels)}---|",
    ]
    for title, group in groups.items():
        for name, benches in group.items():
            bench = next(iter(benches.values()))
            time = "" if "ours" in name else amount(microseconds(bench))
            cells = [cell(name, bench, group, level) for level in levels]
            wanted = bench["extra_info"].get("wanted")
            goal = "" if wanted is None else f"≥ {wanted:.3g}"
            lines.append(f"| {title} | {name} | {time} | {' | '.join(cells)} | {goal} |")
            title = ""
    return "\n".join(lines) + "\n"


def chart(groups: Groups, machine: str, date: str, path: Path) -> None:
    """A panel for each group: time of each contender, ours in colour."""
    bars = {
        title: {
            f"{name}, {level}" if level else name: bench
            for name, benches in group.items()
            for level, bench in benches.items()
        }
        for title, group in groups.items()
    }
    columns = 2
    rows = -(-len(bars) // columns)
    panels = list(bars.values())
    heights = [
        max(len(panel) for panel in panels[row * columns : (row + 1) * columns]) + 1.5 for row in range(rows)
    ]
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(13, 0.27 * sum(heights)),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    for axis in axes.flat[len(bars) :]:
        axis.set_visible(False)
    for axis, (title, panel) in zip(axes.flat, bars.items(), strict=False):
        names = [textwrap.shorten(name, 40) for name in panel]
        times = [microseconds(bench) for bench in panel.values()]
        drawn = axis.barh(names, times, color=[OURS if "ours" in name else OTHERS for name in panel])
        axis.bar_label(drawn, [f" {amount(time)} µs" for time in times], fontsize=8)
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
    page = markdown(groups, machine, highest_level(report), date)
    (arguments.folder / "README.md").write_text(page, encoding="utf-8")
    chart(groups, machine, date, arguments.folder / "bench.png")


if __name__ == "__main__":
    main()

"""Makes the chart and the tables of docs/marker.md of docs/marker-channels.csv, which `benches.marker_channels` writes.

Run as `python -m benches.marker_page`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import msgspec

DOCS = Path(__file__).parents[1] / "docs"
PAGE, DATA, CHART = DOCS / "marker.md", DOCS / "marker-channels.csv", DOCS / "images" / "marker-channels.svg"

SOFT, HARD, RULE = "#1f66b0", "#b7530f", "#e3e7ec"


class Row(msgspec.Struct, frozen=True):
    """What both readers made of the frames of a picture behind a channel; counts of frames from `frames` on."""

    codec: str
    kbps: int
    scale: str
    filter: str
    encoded: int
    picture: str
    frames: int
    later_frames: int
    hard: int
    soft: int
    soft_later: int
    standing: int
    hard_wrong: int
    soft_wrong: int

    @property
    def channel(self) -> tuple[str, int, str, str, int]:
        """All that happens to a picture."""
        return self.codec, self.kbps, self.scale, self.filter, self.encoded


COUNTS = Row.__struct_fields__[6:]


def read(path: Path) -> list[Row]:
    """The rows of a file, in its order."""
    with path.open(newline="") as file:
        return msgspec.convert(list(csv.DictReader(file)), list[Row], strict=False)


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write what `read` reads."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([Row.__struct_fields__, *map(msgspec.structs.astuple, rows)])


def totals(rows: Sequence[Row]) -> list[Row]:
    """A row for each channel, of all its pictures together."""
    whole = []
    for _, group in groupby(rows, key=lambda row: row.channel):
        parts = list(group)
        counts = {count: sum(getattr(part, count) for part in parts) for count in COUNTS}
        whole.append(msgspec.structs.replace(parts[0], picture="all", **counts))
    return whole


def table(rows: Sequence[Row]) -> str:
    """As Markdown."""
    lines = [
        "| codec | kbit/s | scale | filter | encoded | picture | hard | soft | soft later | standing | hard wrong "
        "| soft wrong |",
        "|---|--:|---|---|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        shares = row.hard / row.frames, row.soft / row.frames, row.soft_later / row.later_frames
        cells = [row.codec, row.kbps, row.scale, row.filter or "-", f"{row.encoded}x", row.picture]
        cells += [*(f"{share:.1%}" for share in shares), row.standing, row.hard_wrong, row.soft_wrong]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def filled(page: str, rows: Sequence[Row]) -> str:
    """The page, with these rows in its tables."""
    for name, part in (("channels", totals(rows)), ("pictures", rows)):
        before, begin, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("\n<!-- end -->")
        if not end:
            raise ValueError(
                f"expected a place for the table {name!r} in the page: <!-- {name} --> … <!-- end -->"
            )
        page = f"{before}{begin}\n{table(part)}\n{end}{after}"
    return page


def named(row: Row) -> str:
    """A channel in words, but for its codec."""
    scale = "" if row.scale == "1" else f", {row.scale} {row.filter}"
    return f"{row.kbps} kbit/s{scale}{', encoded twice' if row.encoded == 2 else ''}"


def draw(rows: Sequence[Row], path: Path) -> None:
    """For each channel the share of frames that each reader reads, and how far it differs between pictures."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "marker", "font.size": 9})
    from matplotlib import pyplot as plt

    codecs = list(dict.fromkeys(row.codec for row in rows))
    figure, axes = plt.subplots(
        1, len(codecs), figsize=(9, 4), sharey=True, layout="constrained", squeeze=False
    )
    for axis, codec in zip(axes.flat, codecs, strict=True):
        channels = [list(group) for _, group in groupby((row for row in rows if row.codec == codec), named)]
        for place, group in enumerate(channels):
            (whole,) = totals(group)
            shares = [row.soft / row.frames for row in group]
            axis.plot(
                [min(shares), max(shares)], [place, place], color=SOFT, alpha=0.3, linewidth=5, zorder=2
            )
            soft = axis.scatter(whole.soft / whole.frames, place, 36, SOFT, zorder=3)
            hard = axis.scatter(
                whole.hard / whole.frames, place, 30, "none", marker="s", edgecolors=HARD, zorder=3
            )
        axis.set_yticks(range(len(channels)), [named(group[0]) for group in channels])
        axis.set_xlim(-0.04, 1.04)
        axis.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1))
        axis.set_title(codec.replace("H264", "H.264"), loc="left", fontweight="bold")
        axis.grid(axis="x", color=RULE)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(left=False)
    axes[0, 0].invert_yaxis()
    figure.supxlabel("frames whose number was read", fontsize=9)
    figure.legend(
        [soft, mpl.lines.Line2D([], [], color=SOFT, alpha=0.3, linewidth=5), hard],
        ["soft reader, all pictures", "soft reader, worst to best picture", "hard reader"],
        loc="outside upper right",
        ncols=3,
        frameon=False,
    )
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def main() -> None:
    rows = read(DATA)
    draw(rows, CHART)
    PAGE.write_text(filled(PAGE.read_text(), rows))


if __name__ == "__main__":
    main()

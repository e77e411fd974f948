"""Writes a report into a folder."""

from __future__ import annotations

import json
from pathlib import Path

from realtime_fast.report.folder import SUMMARY, Measured


def write_report(folder: Path, first: Measured, second: Measured | None = None) -> Path:
    """Write `report.html`, its charts as PNG and, for one run, `summary.json`; returns the page's path.

    Raises:
        ImportError: matplotlib is not installed (the extra `report`); `summary.json` is written all the same.
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if second is None:
        text = json.dumps(first.figures, indent=2) + "\n"
        (folder / SUMMARY).write_text(text, encoding="utf-8")

    from realtime_fast.report.charts import as_png
    from realtime_fast.report.page import charts_of, page

    charts = charts_of(first, second)
    for chart in charts:
        (folder / f"{chart.name}.png").write_bytes(as_png(chart))
    path = folder / "report.html"
    path.write_text(page(first, second, charts), encoding="utf-8")
    return path

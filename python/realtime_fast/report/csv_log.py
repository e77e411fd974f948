"""A session as tables, for spreadsheets: a row for each measured picture and each sample (docs/report.md)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from realtime_fast.events import FrameLatency, PixelLatencyEvent, StatsSample
from realtime_fast.report.run import SERIES, figures_of

LATENCY, FRAMES, SAMPLES = "latency.csv", "frames.csv", "samples.csv"


class CsvLog:
    """Writes `latency.csv`, `frames.csv` and `samples.csv` as a session goes on; one of a client's `exporters`.

    `unix_ms` is the time of a row. What is written stays, however the process ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[IO[str]] = []

    def begin(self, about: Mapping[str, Any]) -> None:
        """Begin the files.

        Raises:
            OSError: They cannot be written.
        """
        self._latency = self._table(LATENCY, ("unix_ms", "seq", "outcome", "latency_ms"))
        self._frames = self._table(FRAMES, ("unix_ms", "frame_id", "latency_ms"))
        self._samples = self._table(SAMPLES, ("unix_ms", *SERIES))

    def export(self, events: Sequence[tuple[float, Any]]) -> None:
        """Write the rows of these events.

        Raises:
            OSError: They cannot be written.
        """
        for at, event in events:
            match event:
                case PixelLatencyEvent():
                    self._latency.writerow((round(at, 1), event.seq, event.status, event.e2e_latency_ms))
                case FrameLatency():
                    self._frames.writerow((round(at, 1), event.frame_id, event.e2e_latency_ms))
                case StatsSample():
                    figures = figures_of(event.stats.to_dict()).values()
                    rounded = (None if figure is None else round(figure, 3) for figure in figures)
                    self._samples.writerow((round(at, 1), *rounded))
                case _:
                    pass
        for file in self._files:
            file.flush()

    def end(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def _table(self, name: str, columns: Sequence[str]) -> Any:
        file = open(self._folder / name, "w", newline="", encoding="utf-8")  # noqa: SIM115 - `end` closes it
        self._files.append(file)
        table = csv.writer(file)
        table.writerow(columns)
        return table

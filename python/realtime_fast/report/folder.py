"""A measurement as a folder: its event log, and what is known about it beside (docs/report.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime_fast.diagnostics.event_log import read_event_log
from realtime_fast.errors import InvalidInputError
from realtime_fast.report.run import Run, run_of, summary

EVENTS, ABOUT, SUMMARY = "events.jsonl", "run.json", "summary.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement as it was read back.

    Attributes:
        name: Of its folder or file.
        run: What happened.
        about: `settings`, `versions`, `machine` and `measured`, as far as they were written.
    """

    name: str
    run: Run
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, Any]:
        """The figures of `summary.json`: those of the run, and what the process measured of itself."""
        return {**summary(self.run), **self.about.get("measured", {})}


def read_measured(path: Path) -> Measured:
    """The measurement in a folder, or in an event log alone.

    Raises:
        InvalidInputError: There is none, or it cannot be read.
    """
    events = path / EVENTS if path.is_dir() else path
    if not events.is_file():
        raise InvalidInputError(
            f"There is no measurement in {path}: expected {EVENTS} in it, as `realtime-fast measure --report` writes it"
        )
    try:
        run = run_of(read_event_log(events))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(f"{events} is no event log of a session: {error!r}") from error
    if run.began is None:
        raise InvalidInputError(f"{events} is empty: nothing was measured")
    about = _about(path / ABOUT if path.is_dir() else None)
    # The log tells it only if the verdict on the connection changed after the first picture.
    run.first_frame_ms = about.get("measured", {}).get("first_frame_ms") or run.first_frame_ms
    return Measured(path.resolve().name, run, about)


def write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """Write what was measured, with which versions, on which machine."""
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _about(path: Path | None) -> Mapping[str, Any]:
    if path is None or not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInputError(f"{path} is no JSON: {error}") from error
    return about if isinstance(about, dict) else {}

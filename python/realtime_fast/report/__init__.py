"""Reports: what a session's event log says, as charts and figures.

::

    from realtime_fast.report import read_measured, write_report

    write_report(Path("run"), read_measured(Path("run")))

docs/report.md describes them.
"""

from __future__ import annotations

from realtime_fast.report.folder import Measured, read_measured, write_about
from realtime_fast.report.run import Run, run_of
from realtime_fast.report.writing import write_report

__all__ = ["Measured", "Run", "read_measured", "run_of", "write_about", "write_report"]

from __future__ import annotations

from realtime_fast.diagnostics.stall import StallDetector


def test_a_stall_begins_and_ends_once_and_says_how_long_it_was() -> None:
    stall = StallDetector()
    rates = [(30, 0), (0.5, 1), (0.4, 2), (0, 3), (0.49, 4), (0.5, 5.5), (30, 6), (0, 7)]
    assert [stall.update(fps, now) for fps, now in rates] == [
        None, None, (True, 0), None, None, (False, 3.5), None, (True, 0),
    ]  # fmt: skip
    assert stall.stalled

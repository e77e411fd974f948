"""The frame rate that a track is believed to have."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from realtime_fast.peer.source_rate import SourceRate


def believed(gaps: Iterable[float]) -> list[int]:
    """What is believed after each picture, which come with these gaps."""
    rate = SourceRate()
    rates = []
    for now in itertools.accumulate(gaps):
        rate.add(now)
        rates.append(rate.fps)
    return rates


@pytest.mark.parametrize("fps", [1, 5, 10, 15, 60, 120])
def test_it_is_found(fps: int) -> None:
    assert believed([1 / fps] * 5 * fps)[-1] == pytest.approx(fps, abs=1)


@pytest.mark.parametrize("stall", [0.3, 0.7, 1.2, 5.0])
def test_a_stall_is_no_other_rate(stall: float) -> None:
    steady = [1 / 25] * 100
    assert set(believed([*steady, stall, *steady])) == {30}, "25 is too near to what is usual"
    burst = [0.001] * int(25 * min(stall, 1))
    assert set(believed([*steady, stall, *burst, *steady])) == {30}


def test_pictures_that_nobody_had_time_for_count() -> None:
    rate = SourceRate()
    for picture in range(100):
        rate.add(picture / 15, 4)
    assert rate.fps == pytest.approx(60, abs=4)

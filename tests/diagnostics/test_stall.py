"""When received video counts as stalled: begun by the last picture before, ended by the first after."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from realtime_fast.diagnostics.stall import Stall, StallDetector

TICK = 0.5


def watched(
    detector: StallDetector, pictures: Iterable[float], until: float, begin: float = 0.0
) -> list[Stall]:
    """What a detector says of pictures that come at these times, if it is asked every half second."""
    ticks = [begin + TICK * index for index in range(int((until - begin) / TICK) + 1)]
    moments = sorted([(at, True) for at in pictures] + [(at, False) for at in ticks])
    return [
        change
        for at, is_picture in moments
        if (change := detector.picture(at) if is_picture else detector.tick(at)) is not None
    ]


def steady(begin: float, end: float, fps: float) -> list[float]:
    return [begin + index / fps for index in range(int((end - begin) * fps) + 1)]


@pytest.mark.parametrize("phase", [0.0, 0.1, 0.25, 0.4])
def test_a_stall_of_three_seconds_is_three_seconds_long(phase: float) -> None:
    begin, end = 5 + phase, 8 + phase
    pictures = [*steady(begin - 4, begin, 32), *steady(end, end + 2, 32)]
    assert watched(StallDetector(), pictures, 11) == [Stall(True, begin, 0.0), Stall(False, end, 3.0)]


@pytest.mark.parametrize("fps", [0.52, 0.6, 0.8, 1.0])
def test_a_slow_but_steady_picture_is_no_stall(fps: float) -> None:
    assert watched(StallDetector(), steady(0.3, 40, fps), 40) == []


@pytest.mark.parametrize("fps", [0.2, 0.45])
def test_pictures_one_by_one_are_one_stall(fps: float) -> None:
    pictures = [*steady(0, 4, 32), *steady(4, 44, fps)[1:], *steady(48, 52, 32)]
    begin, end = watched(StallDetector(), pictures, 52)
    assert (begin, end.stalled, end.at) == (Stall(True, 4.0, 0.0), False, 48.0)


def test_a_wanted_delay_before_the_first_picture_is_no_stall() -> None:
    assert watched(StallDetector(), steady(20, 24, 32), 24) == []


def test_a_stall_that_a_reconnect_ends_gets_its_end() -> None:
    detector = StallDetector()
    assert watched(detector, steady(0, 1, 32), 6) == [Stall(True, 1.0, 0.0)]
    detector.restart()
    assert watched(detector, steady(10, 12, 32), 12, begin=9) == [Stall(False, 10.0, 9.0)]


def test_a_reconnect_is_no_stall_by_itself() -> None:
    detector = StallDetector()
    assert watched(detector, steady(0, 1, 32), 1) == []
    detector.restart()
    assert watched(detector, steady(20, 22, 32), 22, begin=10) == []

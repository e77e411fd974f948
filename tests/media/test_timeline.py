from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.media.timeline import BACKWARD, FORWARD, LEAST, Timeline


def placed(times: list[float | None], duration: float = 0.04, dts: list[float] | None = None) -> list[float]:
    timeline = Timeline()
    return [
        timeline.place("video", time, duration, dts=None if dts is None else dts[index])
        for index, time in enumerate(times)
    ]


def test_times_begin_at_the_beginning_and_keep_their_distances() -> None:
    assert placed([100.0, 100.04, 100.08, 100.5]) == pytest.approx([0, 0.04, 0.08, 0.5])


def test_a_missing_time_comes_from_the_rate() -> None:
    assert placed([None, None, None]) == pytest.approx([0, 0.04, 0.08])
    assert placed([5.0, None, 5.08]) == pytest.approx([0, 0.04, 0.08])


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 95_443.7, -0.3, FORWARD + 0.1])
def test_after_a_jump_it_goes_on_without_a_pause(jump: float) -> None:
    times: list[float | None] = [10 + n * 0.04 + (jump if n >= 25 else 0) for n in range(50)]
    assert placed(times) == pytest.approx([n * 0.04 for n in range(50)], abs=0.002)


def test_a_jump_moves_all_streams_alike() -> None:
    timeline = Timeline()
    moved: dict[str, list[float]] = {"video": [], "audio": []}
    frames = [(n * 0.04, "video", 0.04) for n in range(100)] + [(n * 0.02, "audio", 0.02) for n in range(200)]
    for time, stream, duration in sorted(frames):
        # The sound comes to the splice 60 ms later than the pictures, as muxers interleave.
        spliced = time >= (2.0 if stream == "video" else 2.06)
        moved[stream].append(timeline.place(stream, time - 1.5 if spliced else time, duration))
    assert np.diff(moved["video"]).min() > 0
    assert np.diff(moved["audio"]).max() < 0.2
    assert abs(moved["video"][-1] - moved["audio"][-1]) < 0.15, "in step behind the splice as before it"


def test_a_gap_in_one_stream_is_a_gap_while_the_other_goes_on() -> None:
    timeline = Timeline()
    timeline.place("video", 0.0, 0.04)
    for n in range(1000):
        timeline.place("audio", n * 0.02, 0.02)
    assert timeline.place("video", 19.0, 0.04) == pytest.approx(19.0)


def test_of_two_kinds_of_time_stamps_the_one_that_grows_counts() -> None:
    pts: list[float | None] = [0.04, 0.12, 0.16, 0.08, 0.24, 0.28, 0.2, 0.36]
    assert np.diff(placed(pts, dts=[0.08 + 0.04 * n for n in range(8)])).min() > 0.03


@given(st.lists(st.tuples(st.sampled_from(["a", "v"]), st.none() | st.floats(-1e5, 1e5)), max_size=60))
def test_whatever_comes_each_stream_grows_and_nothing_is_far_off(
    frames: list[tuple[str, float | None]],
) -> None:
    timeline, last = Timeline(2.0), dict.fromkeys("av", 2.0 - LEAST)
    for stream, time in frames:
        before = timeline.end
        at = timeline.place(stream, time, 0.04)
        assert last[stream] < at <= before + FORWARD + BACKWARD + LEAST
        last[stream] = at

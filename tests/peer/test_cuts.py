"""What is a cut and what is not."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from realtime_fast.peer.codecs.cuts import Cuts

from tests.reference import video

SIZE = 320, 176


def cuts(pictures: Iterable[np.ndarray]) -> list[int]:
    found = Cuts()
    return [index for index, pixels in enumerate(pictures) if found.is_cut(video.frame(pixels, index))]


def test_a_clip_that_begins_again_is_cut_there() -> None:
    clip = video.clip(*SIZE, 60)
    assert cuts([*clip, *clip[10:]]) == [60]
    assert cuts([*clip, *clip[::-1]]) == []


def test_noise_and_motion_are_no_cut() -> None:
    assert cuts(video.clip(*SIZE, 60, 12.0)) == []
    still = video.clip(*SIZE)[0]
    panned = [np.roll(still, 12 * step, axis=1) for step in range(60)]
    assert len(cuts(panned)) <= 1, "where a pan begins, at most"


def test_flashes_are_met_by_few() -> None:
    dark, bright = (np.full((SIZE[1] * 3 // 2, SIZE[0]), level, np.uint8) for level in (30, 220))
    assert len(cuts([dark, bright] * 50)) <= 3


def test_another_size_is_none() -> None:
    assert cuts([video.clip(*SIZE)[0], 255 - video.clip(640, 352)[0]]) == []

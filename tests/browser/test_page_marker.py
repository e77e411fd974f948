"""The marker code of the web page beside the reference, cell by cell."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_fast.server.http.page import FILES

from tests.browser.conftest import HERE
from tests.reference.marker import CELLS, ROWS, read_luma, stamp_luma

HIGH, LOW = 200, 50


def in_page(*, stamp: list[int] | None = None, read: list[Any] | None = None, in_flight: Any = ()) -> Any:
    """What the page's code makes of numbers to stamp and of corners to read."""
    given = {
        "stamp": stamp or [],
        "read": [corner.reshape(-1).tolist() for corner in read or []],
        "inFlight": [int(number) for number in in_flight],
    }
    done = subprocess.run(
        ["node", str(HERE / "marker.mjs"), str(FILES / "marker.js")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def stamped(seq: int) -> NDArray[np.uint8]:
    corner = np.zeros((ROWS, CELLS), np.uint8)
    stamp_luma(corner, seq, HIGH, LOW)
    return corner


def test_it_stamps_what_the_reference_stamps() -> None:
    numbers = [0, 1, 2, 0x1234, 0x8000, 0xA5A5, 0xFFFF]
    for seq, corner in zip(numbers, in_page(stamp=numbers)["stamped"], strict=True):
        assert np.array_equal(np.reshape(corner, (ROWS, CELLS)), stamped(seq))


def test_its_hard_reader_is_the_reference_reader() -> None:
    dice = np.random.default_rng(1)
    corners = [dice.integers(0, 256, (ROWS, CELLS), np.uint8) for _ in range(300)]
    for seq in dice.integers(0, 65536, 300):
        noise = dice.normal(0, 45, (ROWS, CELLS))
        corners.append(np.clip(stamped(int(seq)) + noise, 0, 255).astype(np.uint8))
    expected = [read_luma(corner, 128) for corner in corners]
    assert [one["hard"] for one in in_page(read=corners)["read"]] == expected
    assert {type(reading) for reading in expected} == {int, str, type(None)}


def test_its_soft_reader_reads_what_the_hard_one_cannot_and_guesses_nothing() -> None:
    dice = np.random.default_rng(2)
    in_flight = range(500, 532)
    blurred, foreign, pictures = [], [], []
    for seq in in_flight:
        corner = stamped(seq).astype(float)
        # Too bright, and each cell smeared into the next: what an encoder short of bits leaves.
        smeared = 0.6 * corner + 0.25 * np.roll(corner, 1, axis=1) + 0.15 * 128
        blurred.append(np.clip(175 + 0.9 * (smeared - 125), 0, 255).astype(np.uint8))
        foreign.append(stamped(seq + 20_000))
        slope = np.add.outer(dice.uniform(0, 9) * np.arange(ROWS), dice.uniform(-9, 9) * np.arange(CELLS))
        pictures.append(np.clip(128 + slope + dice.normal(0, 20, (ROWS, CELLS)), 0, 255).astype(np.uint8))
    readings = in_page(read=[*blurred, *foreign, *pictures], in_flight=in_flight)["read"]
    soft = [one["soft"] for one in readings]
    assert soft[:32] == list(in_flight)
    assert [one["hard"] for one in readings[:32]] != list(in_flight)
    assert not set(soft[32:]) & set(in_flight)

"""Markers whose cells are several pixels wide and high."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from realtime_fast.errors import InvalidInputError
from realtime_fast.latency import PixelProbes
from realtime_fast.marker import read, read_soft, stamp, stamped_copy

from tests.reference import channels
from tests.reference.channels import HEIGHT, WIDTH, Channel
from tests.reference.marker import bits
from tests.reference.planes import rows

CELL = 8


def numbered(kind: str, count: int) -> Iterator[tuple[int, np.ndarray]]:
    """Pictures with numbers from 1."""
    for seq, packed in enumerate(channels.pictures(kind, count), 1):
        chroma = packed[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
        stamp((packed[:HEIGHT], *chroma), seq, cell=CELL)
        yield seq, packed


@pytest.mark.parametrize("cell", [1, 2, 5, 8, 16])
def test_every_pixel_of_a_cell_is_written_and_nothing_else(cell: int) -> None:
    shape = (64 + 9, 384 + 11)
    luma, *chroma = planes = [np.full(side, 77, np.uint8) for side in (shape, (37, 198), (37, 198))]
    stamp(tuple(planes), 0xBEEF, cell=cell)
    cells = np.where(np.tile(bits(0xBEEF), (4, 1)), 188, 59)
    expected = np.full(shape, 77, np.uint8)
    expected[-4 * cell :, : 24 * cell] = np.kron(cells, np.ones((cell, cell), np.uint8))
    np.testing.assert_array_equal(luma, expected)
    for plane in chroma:
        expected = np.full((37, 198), 77, np.uint8)
        expected[(73 - 4 * cell) // 2 :, : 12 * cell] = 128
        np.testing.assert_array_equal(plane, expected)
    assert read(luma, cell=cell) == read_soft(luma, cell=cell, stamped_size=(395, 73))[0] == 0xBEEF
    assert all(read(luma, cell=other) != 0xBEEF for other in (1, 2, 5, 8, 16) if other != cell)


def test_the_hard_reader_looks_at_the_middle_of_a_cell() -> None:
    picture = np.zeros((32, 192, 3), np.uint8)
    stamp(picture, 777, cell=CELL)
    middle = np.zeros_like(picture)
    middle[4::8, 4::8] = picture[4::8, 4::8]
    assert read(middle, cell=CELL) == 777


@pytest.mark.parametrize(
    ("scale", "known"),
    [
        (Fraction(1), True),
        (Fraction(2, 3), True),
        (Fraction(1, 4), True),
        (Fraction(1), False),
        (Fraction(2, 3), False),
    ],
)
def test_every_frame_is_read_after_an_encoder_at_250_kbit(scale: Fraction, known: bool) -> None:
    probes, got = PixelProbes(epoch=0.0, cell=CELL), []
    for index, (seq, frame) in enumerate(
        channels.received(Channel("H264", 250_000, scale), numbered("clip", 20))
    ):
        assert probes.stamp(index / 30) == seq
        reading = probes.read(frame, index / 30 + 0.01, (WIDTH, HEIGHT) if known else None)
        got.append((seq, reading))
        probes.observe(reading, index / 30 + 0.01)
    assert len(got) == 20
    assert [pair for pair in got if pair[0] != pair[1]] == []


@pytest.mark.slow
def test_no_reading_on_unmarked_video() -> None:
    waiting, found, corners = list(range(1, 65)), [], 0
    for kind in ("clip", "detail"):
        for packed in channels.pictures(kind, 40):
            for y in range(64, HEIGHT, 16):
                corner = packed[y - 64 : y, (7 * y) % 1000 :][:, :256]
                reading, confidence = read_soft(corner, in_flight=waiting, cell=CELL)
                corners += 1
                if reading is not None:
                    found.append((kind, y, reading, confidence))
    assert corners > 3000
    assert found == []


def test_a_copy_may_have_larger_cells() -> None:
    frame = av.VideoFrame(320, 180, "yuv420p")
    rows(frame)[:] = 90
    copy = stamped_copy(frame, 5, cell=CELL)
    assert read(copy, cell=CELL) == 5
    assert read(frame, cell=CELL) is None


@pytest.mark.parametrize("cell", [0, 17, -1, 2**70])
def test_cells_that_there_are_not(cell: int) -> None:
    luma: Any = np.zeros((100, 400), np.uint8)
    for call in (
        lambda: stamp(luma, 1, cell=cell),
        lambda: read(luma, cell=cell),
        lambda: read_soft(luma, cell=cell),
    ):
        with pytest.raises(InvalidInputError, match=f"1 to 16.*got {cell}"):
            call()
    with pytest.raises(InvalidInputError, match="at least 192x32 pixels for the marker, got 400x31"):
        stamp(luma[:31], 1, cell=CELL)

"""The soft reader's evidence and its weighing, against the same in NumPy."""

from fractions import Fraction

import numpy as np
import pytest

from realtime_fast.marker import CORRUPTED, read, read_soft, stamp

from tests.reference import channels, evidence
from tests.reference.channels import Channel
from tests.reference.planes import rows

MARKED = 0.01
"""How likely the reader takes a picture out of nowhere to be marked."""

PLAIN = 3.5
"""What it adds to a number's evidence that the reference reader sees it as well."""


@pytest.mark.slow
@pytest.mark.parametrize("scale", [Fraction(3, 4), Fraction(2, 3), Fraction(1, 2)])
@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_one_number_is_as_probable_as_the_reference_says(codec: str, scale: Fraction) -> None:
    rng = np.random.default_rng(6)
    telling = 0
    for seq, frame in channels.received(Channel(codec, 500_000, scale), channels.stamped("noise", 900, 20)):
        luma = rows(frame)[: frame.height, : frame.width]
        width, height = round(frame.width / scale), round(frame.height / scale)
        numbers = np.array([seq, *range(seq + 1, seq + 9), *rng.integers(0, 65_536, 20)])
        # Senders round to even sides, so the two directions differ by a hair.
        ratios = np.exp(evidence.log_ratios(luma, frame.width / width, numbers))
        expected = MARKED * ratios / (1 + MARKED * ratios)
        for number, probability in zip(numbers, expected, strict=True):
            reading, confidence = read_soft(luma, in_flight=[int(number)], stamped_size=(width, height))
            found = confidence if reading in (number, CORRUPTED) else 1 - confidence
            assert found == pytest.approx(probability, rel=0.02, abs=1e-4)
            telling += 0.01 < probability < 0.99
    assert telling >= 20


def test_the_reference_reader_has_a_say_at_full_size() -> None:
    rng = np.random.default_rng(7)
    telling = 0
    for seq in range(500, 700):
        levels = rng.normal(110, 12, (36, 64))
        marked = np.zeros((36, 64), np.uint8)
        stamp(marked, seq)
        levels[-4:, :24] += (marked[-4:, :24] - 123.0) * rng.uniform(0.15, 0.45) + 13
        luma = np.clip(levels, 0, 255).astype(np.uint8)
        if read(luma) != seq:
            continue
        ratio = np.exp(evidence.log_ratios(luma, 1.0, np.array([seq]))[0] + PLAIN)
        reading, confidence = read_soft(luma, in_flight=[seq], stamped_size=(64, 36))
        found = confidence if reading in (seq, CORRUPTED) else 1 - confidence
        probability = MARKED * ratio / (1 + MARKED * ratio)
        assert found == pytest.approx(probability, rel=0.02, abs=1e-4)
        telling += 0.01 < probability < 0.95
    assert telling >= 10

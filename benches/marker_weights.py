"""Fits the weights of the soft reader's evidence, which `rust/core/src/marker/evidence.rs` holds rounded.

A conditional logistic regression: which of 64 numbers, or none, does a corner carry? Corners are those of marked
pictures after real encoders, and of the same pictures elsewhere. Run as
`python -m benches.marker_weights [--frames 60]`; takes some minutes.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from scipy.optimize import minimize

from tests.reference import channels, evidence
from tests.reference.channels import PICTURES, Channel
from tests.reference.planes import rows

NUMBERS = 64
TEMPER = 0.8
"""What is left over in one frame is there in the next one as well, so frames are not taken at face value."""
ELSEWHERE = (112, 208, 352, 464)
"""Columns where the bottom of a picture stands for one without a marker."""


def table() -> Iterator[Channel]:
    for codec in ("H264", "VP8"):
        for bitrate in (500_000, 1_000_000):
            yield Channel(codec, bitrate)
        for scale, filter_ in itertools.product((Fraction(3, 4), Fraction(2, 3)), ("BILINEAR", "AREA")):
            yield Channel(codec, 500_000, scale, filter_)
        for filter_ in ("BILINEAR", "AREA"):
            yield Channel(codec, 500_000, Fraction(1, 2), filter_)
        for scale in (Fraction(1), Fraction(2, 3), Fraction(1, 2)):
            yield Channel(codec, 500_000, scale, "BILINEAR", 2)


def corners(channel: Channel, kind: str, count: int) -> Iterator[tuple[np.ndarray, int]]:
    """(terms of 64 numbers by sampler, index of the true number or -1) of marked corners and unmarked ones."""
    rng = np.random.default_rng(8)
    scale = float(channel.scale)
    before = None
    for seq, frame in channels.received(channel, channels.stamped(kind, int(rng.integers(65_000)), count)):
        luma = rows(frame)[: frame.height, : frame.width]
        marked = luma[-3:, : int(24 * scale)]
        # What the encoder left standing carries the number before.
        if before is None or not np.array_equal(marked, before):
            at = int(rng.integers(NUMBERS))
            numbers = (seq - at + np.arange(NUMBERS)) & 0xFFFF
            yield evidence.terms(luma[:, :48], scale, numbers), at
        before = marked.copy()
        for left in rng.choice(ELSEWHERE, 2, replace=False):
            numbers = (int(rng.integers(65_536)) + np.arange(NUMBERS)) & 0xFFFF
            yield evidence.terms(luma[:, left : left + 48], scale, numbers), -1


def loss(weights: np.ndarray, terms: np.ndarray, true: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean surprise at the truth, and its gradient.

    Args:
        weights: One a term.
        terms: Of shape (corners, samplers, numbers, terms), -inf where a number is out of the question.
        true: Index of each corner's number, -1 for none.
    """
    possible = np.logical_not(np.isneginf(terms).any(-1))
    terms = np.where(possible[..., None], terms, 0)
    scores = np.where(possible, terms @ weights, -1e9)
    sampler = scores.argmax(1)[:, None]
    scores = np.take_along_axis(scores, sampler, 1)[:, 0] - np.log(NUMBERS)
    terms = np.take_along_axis(terms, sampler[..., None], 1)[:, 0]
    top = np.maximum(scores.max(1), 0)
    total = top + np.log(np.exp(-top) + np.exp(scores - top[:, None]).sum(1))
    each, marked = np.arange(len(true)), true >= 0
    truth = np.where(marked, np.maximum(scores[each, true], -30), 0)
    gradient = np.einsum("nc,nct->nt", np.exp(scores - total[:, None]), terms)
    gradient[marked] -= terms[each, true][marked]
    ridge = 1e-3
    return (total - truth).mean() + ridge * weights @ weights, gradient.mean(0) + 2 * ridge * weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    arguments = parser.parse_args()
    found = [
        corner
        for channel, kind in itertools.product(table(), PICTURES)
        for corner in corners(channel, kind, arguments.frames)
    ]
    terms = np.full((len(found), 2, NUMBERS, len(evidence.WEIGHTS)), -np.inf, np.float32)
    for of_corner, (of_found, _) in zip(terms, found, strict=True):
        of_corner[: len(of_found)] = of_found
    true = np.array([at for _, at in found])
    start = np.array(list(evidence.WEIGHTS.values())) / TEMPER
    fitted = minimize(loss, start, (terms, true), jac=True, method="L-BFGS-B", options={"maxiter": 100})
    print(f"{len(found)} corners, {(true >= 0).sum()} of them marked")
    print(f"mean surprise {loss(start, terms, true)[0]:.4f} as they are, {fitted.fun:.4f} fitted")
    for (name, now), then in zip(evidence.WEIGHTS.items(), fitted.x * TEMPER, strict=True):
        print(f"{name:16} {now:7.3f} {then:7.3f}")


if __name__ == "__main__":
    main()

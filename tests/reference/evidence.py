"""The terms of the soft reader's evidence in NumPy: slow, and plain enough to be checked by eye."""

from functools import cache

import numpy as np

from tests.reference.marker import CELLS, ROWS, bits

WEIGHTS = {
    "fit": 0.72,
    "fit by columns": 1.28,
    "break": 1.76,
    "unlike rows": 0.34,
    "level": 0.086,
    "contrast": 0.055,
    "bias": 0.08,
    "bias by columns": 0.4,
}
"""By term, as in `rust/core/src/marker/evidence.rs`; `benches/marker_weights.py` fits them."""


def cells(numbers: np.ndarray) -> np.ndarray:
    """(numbers, 25): 1 for high, 0 for low, and the middle for what is not known right of them."""
    return np.array([[*bits(int(number)), 0.5] for number in numbers])


@cache
def samplers(scale: float) -> list[np.ndarray]:
    """Of area and bilinear scalers, each (columns, 25); beyond its left edge a picture goes on as it begins."""
    found = []
    for bilinear in (False, True)[: 2 if scale < 1 else 1]:
        weights = np.zeros((int(CELLS * scale + 1e-3), CELLS + 1))
        for column, of_column in enumerate(weights):
            left, right = column / scale, (column + 1) / scale
            for cell in range(-8, CELLS + 8):
                if bilinear:
                    weight = max(0.0, 1 - abs(cell + 0.5 - (left + right) / 2) * scale)
                else:
                    weight = max(0.0, min(cell + 1, right) - max(cell, left))
                of_column[min(max(cell, 0), CELLS)] += weight
            of_column /= of_column.sum()
        found.append(weights)
    return found


def terms(luma: np.ndarray, scale: float, numbers: np.ndarray) -> np.ndarray:
    """(samplers, numbers, terms) of the corner of `luma`, limited range; -inf where the contrast is too little."""
    columns, rows = int(CELLS * scale + 1e-3), int(np.ceil(ROWS * scale - 1e-3))
    share = columns / CELLS
    lines = luma[-rows:, :columns].astype(float)
    below_edge = ROWS * scale - np.arange(rows, 0, -1)
    profile = np.average(lines, axis=0, weights=np.clip(0.25 + 0.35 * below_edge, 0.2, 1.0))
    above = luma[-rows - 3 : -rows, :columns].astype(float).mean(0)
    unlike = ((lines[-1] - lines[-2]) ** 2).mean() if rows > 1 else 0.0
    mean = profile.mean()
    profile, above = profile - mean, above - above.mean()
    broken = ((profile - above) ** 2).mean()
    found = []
    for sampler in samplers(scale):
        template = cells(numbers) @ sampler.T
        middle = template.mean(1)
        template -= middle[:, None]
        spread, dot = (template**2).sum(1), template @ profile
        contrast = (dot + 0.3 * 125) / (spread + 0.3)
        left = ((profile - contrast[:, None] * template) ** 2).mean(1)
        fit = -np.log(left / contrast**2 + 0.002)
        one = np.ones(len(numbers))
        of_sampler = np.stack(
            [
                fit,
                share * fit,
                np.minimum(np.log((broken + 16) / (left + 16)), 5),
                -np.log(unlike + 4) * one,
                -np.minimum(np.abs(mean - contrast * (middle - 0.5) - 123), 60),
                -np.abs(contrast - 125),
                one,
                share * one,
            ],
            axis=-1,
        )
        of_sampler[dot < 10 * spread] = -np.inf
        found.append(of_sampler)
    return np.stack(found)


def log_ratios(luma: np.ndarray, scale: float, numbers: np.ndarray) -> np.ndarray:
    """How much likelier the corner is with each number than without a marker, natural logarithm."""
    weights = np.array(list(WEIGHTS.values()))
    found = terms(luma, scale, numbers)
    low = np.isneginf(found).any(-1)
    ratios: np.ndarray = np.where(low, -np.inf, np.where(np.isneginf(found), 0, found) @ weights).max(0)
    return ratios

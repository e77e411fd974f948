"""The marker of `spec/marker.md` in NumPy: stamp and hard reader on planes, bit for bit."""

from typing import Literal

import numpy as np

CELLS, ROWS = 24, 4
SYNC = np.array([1, 0, 1, 0], bool)
SHIFTS = np.arange(15, -1, -1)


def bits(seq: int) -> np.ndarray:
    """The 24 cells of a row, True for high."""
    check = (seq ^ seq >> 4 ^ seq >> 8 ^ seq >> 12) & 15
    return np.concatenate([SYNC, seq >> SHIFTS & 1 == 1, check >> SHIFTS[12:] & 1 == 1])


def stamp_luma(luma: np.ndarray, seq: int, high: int = 188, low: int = 59) -> None:
    """Writes on a plane of shape (rows, width)."""
    luma[-ROWS:, :CELLS] = np.where(bits(seq), high, low)


def stamp_yuv420p(
    luma: np.ndarray, u: np.ndarray, v: np.ndarray, seq: int, high: int = 188, low: int = 59
) -> None:
    stamp_luma(luma, seq, high, low)
    top = (luma.shape[0] - ROWS) // 2
    u[top:, : CELLS // 2] = 128
    v[top:, : CELLS // 2] = 128


def read_luma(luma: np.ndarray, threshold: int = 126) -> int | Literal["corrupted"] | None:
    """The number, "corrupted", or None for no marker."""
    rows = luma[-ROWS:, :CELLS] >= threshold
    rows = rows[(rows[:, :4] == SYNC).all(axis=1)]
    if not len(rows):
        return None
    voted = rows[:, 4:].sum(axis=0) * 2 > len(rows)
    seq = int((voted[:16] << SHIFTS).sum())
    return seq if (bits(seq)[20:] == voted[16:]).all() else "corrupted"

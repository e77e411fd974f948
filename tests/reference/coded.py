"""Pictures that say which they are in 16 large cells: a truth beside the pixel marker, which encoders do not blur."""

from __future__ import annotations

import numpy as np
from aiortc import VideoStreamTrack
from av import VideoFrame

WIDTH, HEIGHT = 320, 192
ROWS, COLUMNS = 2, 8
_CHECK = 0x9


def drawn(number: int) -> np.ndarray:
    """A picture (HEIGHT, WIDTH) of luma with a number of 12 bits in its upper half."""
    luma = np.full((HEIGHT, WIDTH), 110, np.uint8)
    luma[HEIGHT // 2 :] += (np.arange(WIDTH, dtype=np.uint8) + 3 * (number % 40))[None, :] % 32
    bits = number & 0xFFF
    word = bits << 4 | (_CHECK ^ bits ^ bits >> 4 ^ bits >> 8) & 0xF
    cells = np.array([(word >> at) & 1 for at in range(16)], np.uint8).reshape(ROWS, COLUMNS)
    luma[: HEIGHT // 2] = 40 + 160 * np.kron(
        cells, np.ones((HEIGHT // 2 // ROWS, WIDTH // COLUMNS), np.uint8)
    )
    return luma


def told(luma: np.ndarray) -> int | None:
    """The number in a picture of any size; None where it cannot be told."""
    height, width = luma.shape[0] // 2 // ROWS, luma.shape[1] // COLUMNS
    word = 0
    for at in range(16):
        y, x = divmod(at, COLUMNS)
        cell = luma[y * height : (y + 1) * height, x * width : (x + 1) * width]
        middle = cell[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
        word |= int(middle.mean() > 120) << at
    bits, check = word >> 4, word & 0xF
    return bits if check == (_CHECK ^ bits ^ bits >> 4 ^ bits >> 8) & 0xF else None


class CodedCamera(VideoStreamTrack):
    """Numbered pictures at 30 fps."""

    def __init__(self) -> None:
        super().__init__()
        self._number = 0

    async def recv(self) -> VideoFrame:
        pts, time_base = await self.next_timestamp()
        self._number = self._number % 4095 + 1
        frame = VideoFrame.from_ndarray(drawn(self._number), format="gray8").reformat(format="yuv420p")
        frame.pts, frame.time_base = pts, time_base
        return frame

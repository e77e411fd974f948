"""Conversion in NumPy and real numbers: the standards' formulas, rounded once at the end."""

import numpy as np

KR_KB = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
STEPS: dict[str, tuple[int, int, int]] = {"limited": (16, 219, 224), "full": (0, 255, 255)}
CHANNELS = {"rgb24": [0, 1, 2], "bgr24": [2, 1, 0], "rgba": [0, 1, 2], "bgra": [2, 1, 0]}


def to_rgb(
    y: np.ndarray, u: np.ndarray, v: np.ndarray, matrix: str = "bt601", range_: str = "limited"
) -> np.ndarray:
    """Luma of shape (h, w) and chroma of its half, rounded up, to float64[h, w, 3] in 0..255."""
    kr, kb = KR_KB[matrix]
    black, luma, chroma = STEPS[range_]
    height, width = y.shape
    u, v = (np.repeat(np.repeat(c, 2, 0), 2, 1)[:height, :width].astype(float) - 128 for c in (u, v))
    y = (y.astype(float) - black) / luma
    red = y + 2 * (1 - kr) * v / chroma
    blue = y + 2 * (1 - kb) * u / chroma
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.rint(255 * np.stack([red, green, blue], 2)), 0, 255)


def to_yuv(rgb: np.ndarray, matrix: str = "bt601", range_: str = "limited") -> tuple[np.ndarray, ...]:
    """uint8[h, w, 3] to luma and chroma of its half, rounded up, each float64."""
    kr, kb = KR_KB[matrix]
    black, luma, chroma = STEPS[range_]
    height, width = rgb.shape[:2]
    even = np.pad(rgb.astype(float), ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    mean = (even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2]) / 4

    def weigh(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        red, green, blue = np.moveaxis(rgb / 255, 2, 0)
        y = kr * red + (1 - kr - kb) * green + kb * blue
        return y, (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))

    y, _, _ = weigh(rgb)
    _, u, v = weigh(mean)
    return tuple(
        np.clip(np.rint(code), 0, 255) for code in (black + luma * y, 128 + chroma * u, 128 + chroma * v)
    )


def packed(rgb: np.ndarray, format: str) -> np.ndarray:
    """uint8[h, w, 3] in the order of `format`, a fourth channel 255."""
    pixels = rgb[..., CHANNELS[format]]
    if format in ("rgba", "bgra"):
        pixels = np.concatenate([pixels, np.full((*rgb.shape[:2], 1), 255, np.uint8)], 2)
    return np.ascontiguousarray(pixels)


def unpacked(pixels: np.ndarray, format: str) -> np.ndarray:
    """The RGB of what `packed` made."""
    return pixels[..., CHANNELS[format]]

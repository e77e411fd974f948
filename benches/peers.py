"""libyuv and the `yuv` crate, as far as rust/bench was built (`make bench` does so)."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

PEERS = ("libyuv", "yuv crate")
FOLDER = Path(__file__).parents[1] / "rust/bench/target/release"
NAME = {"win32": "realtime_fast_bench.dll", "darwin": "librealtime_fast_bench.dylib"}


@cache
def library() -> ctypes.CDLL | None:
    """The C library of rust/bench; None if it was not built."""
    path = FOLDER / NAME.get(sys.platform, "librealtime_fast_bench.so")
    if not path.exists():
        return None
    loaded = ctypes.CDLL(str(path))
    word, size = ctypes.c_char_p, ctypes.c_size_t
    loaded.peer_convert.argtypes = [word, size, size, word, ctypes.c_void_p, word, ctypes.c_void_p]
    loaded.peer_convert.restype = ctypes.c_bool
    return loaded


def peer(
    name: str,
    source: np.ndarray,
    source_format: str,
    target: np.ndarray,
    target_format: str,
    size: tuple[int, int],
) -> Callable[[], np.ndarray | None] | None:
    """A call by which a peer converts one array into another; None if there is no such peer, or if it cannot."""
    loaded = library()
    if loaded is None:
        return None
    assert source.flags.c_contiguous
    assert target.flags.c_contiguous
    words = (name.encode(), *size, source_format.encode(), source.ctypes.data, target_format.encode())

    def convert(source: np.ndarray = source) -> np.ndarray | None:
        # It holds on to the memory that it points to.
        return target if loaded.peer_convert(*words, target.ctypes.data) else None

    return convert if convert() is not None else None


def planar(size: tuple[int, int]) -> np.ndarray:
    """An array for a picture in yuv420p or nv12."""
    width, height = size
    return np.empty((height * 3 // 2, width), np.uint8)

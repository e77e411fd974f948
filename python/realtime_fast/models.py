"""The realtime models of the hosted service."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Protocol

from realtime_fast.errors import InvalidInputError


class Model(Protocol):
    """What a connection needs to know about a model; the pure-Python SDK's definitions fit too."""

    @property
    def name(self) -> str:
        """Name sent to the service."""

    @property
    def url_path(self) -> str:
        """Path of the control channel."""

    @property
    def fps(self) -> int:
        """Frames a second the model takes."""

    @property
    def width(self) -> int:
        """Width in pixels of the pictures it takes."""

    @property
    def height(self) -> int:
        """Height in pixels of the pictures it takes."""


@dataclass(frozen=True)
class ModelDefinition:
    """A model: its name, control channel path and picture geometry (pixels, frames a second)."""

    name: str
    url_path: str
    fps: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.fps < 1 or self.width < 1 or self.height < 1:
            raise InvalidInputError(
                f"model {self.name!r} needs fps, width and height of at least 1, "
                f"not {self.fps}, {self.width}, {self.height}"
            )


_SMALL = (1088, 624)
_LARGE = (1280, 704)
_WIDE = (1280, 720)

_REALTIME = {
    name: ModelDefinition(name, "/v1/stream", 30, *size)
    for name, size in {
        "lucy-2.1": _SMALL,
        "lucy-2.1-vton": _SMALL,
        "lucy-vton-2": _SMALL,
        "lucy-vton-3": _SMALL,
        "lucy-restyle-2": _LARGE,
        "lucy-latest": _SMALL,
        "lucy-vton-latest": _SMALL,
        "lucy-restyle-latest": _LARGE,
        "lucy-vton": _SMALL,
        "lucy-2.1-vton-2": _SMALL,
        "mirage_v2": _LARGE,
        "lucy-2.5": _WIDE,
        "lucy-2.6": _WIDE,
        "lucy-vton-3.5": _WIDE,
        "lucy-vton-3.6": _WIDE,
    }.items()
}

_RENAMED = {"mirage_v2": "lucy-restyle-2", "lucy-vton": "lucy-2.1-vton", "lucy-2.1-vton-2": "lucy-vton-2"}

RETIRED_MODELS: tuple[ModelDefinition, ...] = tuple(
    ModelDefinition(name, url_path, fps, 1280, height)
    for name, url_path, fps, height in (
        ("mirage", "/v1/stream", 25, 704),
        ("lucy_v2v_720p_rt", "/v1/stream", 25, 704),
        ("lucy_2_rt", "/v1/stream", 20, 720),
        ("lucy-2", "/v1/stream", 20, 720),
        ("lucy", "/v1/stream", 25, 704),
        ("lucy-restyle", "/v1/stream", 25, 704),
        ("avatar-live", "/v1/avatar-live/stream", 25, 720),
        ("live_avatar", "/v1/stream", 25, 720),
        ("live-avatar", "/v1/stream", 25, 720),
    )
)
"""Models of earlier releases of the pure-Python SDK: the hosted service has them no more, the embedded one does."""

REALTIME_MODELS: tuple[ModelDefinition, ...] = tuple(_REALTIME.values())
"""All realtime models, renamed ones under both names."""


def realtime(name: str) -> ModelDefinition:
    """The definition of a realtime model.

    Raises:
        InvalidInputError: No such model; the message lists those there are.
    """
    try:
        model = _REALTIME[name]
    except (KeyError, TypeError):
        raise InvalidInputError(f"Unknown model {name!r}; known are {', '.join(sorted(_REALTIME))}") from None
    if renamed := _RENAMED.get(name):
        warnings.warn(f"Model {name!r} is now called {renamed!r}", DeprecationWarning, stacklevel=2)
    return model

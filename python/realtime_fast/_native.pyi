"""Types of the Rust extension."""

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Literal, TypeAlias, final

import av
from typing_extensions import Buffer

from realtime_fast.frames import Filter, Matrix, Memory, PixelFormat, Range

__all__ = [
    "ProbeLedger",
    "StatsParser",
    "VideoMeter",
    "__version__",
    "_testing",
    "convert",
    "read",
    "read_soft",
    "stamp",
]

__version__: str

_Picture: TypeAlias = av.VideoFrame | Buffer | Sequence[Buffer]

_Plane: TypeAlias = tuple[Memory, int | None]
"""Memory and, for a flat buffer, its stride in bytes."""

_PlaneSet: TypeAlias = tuple[PixelFormat, int, int, Sequence[_Plane]]
"""Format, width, height, planes."""

def convert(
    source: _PlaneSet, target: _PlaneSet, matrix: Matrix, range: Range, filter: Filter | None = None
) -> None:
    """Converts the picture `source` into the picture `target`. With a filter, sizes may differ."""

def stamp(
    picture: _Picture, seq: int, *, format: str | None = None, full_range: bool | None = None
) -> None: ...
def read(
    picture: _Picture,
    method: Literal["hard", "soft"] = "hard",
    *,
    in_flight: ProbeLedger | Iterable[int] | None = None,
    now: float | None = None,
    stamped_size: tuple[int, int] | None = None,
    format: str | None = None,
    full_range: bool | None = None,
) -> int | Literal["corrupted"] | None: ...
def read_soft(
    picture: _Picture,
    *,
    in_flight: ProbeLedger | Iterable[int] | None = None,
    now: float | None = None,
    stamped_size: tuple[int, int] | None = None,
    format: str | None = None,
    full_range: bool | None = None,
) -> tuple[int | Literal["corrupted"] | None, float]: ...

@final
class ProbeLedger:
    def __new__(cls, timeout: float) -> ProbeLedger: ...
    def stamp(self, now: float) -> tuple[int, int | None]: ...
    def arrive(self, seq: int, now: float) -> tuple[float, bool] | None: ...
    def corrupt(self, now: float) -> bool: ...
    def lost(self, now: float) -> list[int]: ...
    def drop_in_flight(self) -> None: ...
    def in_flight(self) -> list[int]: ...
    def __len__(self) -> int: ...

@final
class StatsParser:
    def __new__(cls) -> StatsParser: ...
    def parse(
        self, report: Mapping[str, Any] | str | bytes, now: float
    ) -> tuple[
        tuple[Any, ...] | None,
        tuple[Any, ...] | None,
        tuple[Any, ...] | None,
        tuple[
            float | None,
            float | None,
            list[tuple[tuple[str, int, str, str], tuple[str, int, str, str]]],
        ],
    ]: ...
    def reset(self) -> None: ...

@final
class VideoMeter:
    def __new__(cls) -> VideoMeter: ...
    @property
    def frames(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    def add(self, now: float, width: int, height: int) -> None: ...
    def rate(self, now: float) -> int: ...
    def inbound(self, now: float) -> dict[str, Any]: ...
    def outbound(self, now: float) -> dict[str, Any]: ...

_testing: ModuleType

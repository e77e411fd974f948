"""Types of the Rust extension."""

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Literal, TypeAlias, TypedDict, final

import av

from realtime_fast.frames import Filter, Matrix, Memory, Picture, PixelFormat, Range, Size

__all__ = [
    "Adaptation",
    "NetworkLink",
    "ProbeLedger",
    "RtpEndpoint",
    "RtpPacket",
    "RtpPicture",
    "RtpSound",
    "StatsParser",
    "VideoMeter",
    "View",
    "__version__",
    "_testing",
    "array_shape",
    "convert",
    "describe",
    "new_frame",
    "read",
    "read_soft",
    "stamp",
]

__version__: str

_AnyPicture: TypeAlias = Picture | Sequence[Memory]

def convert(
    source: Picture,
    target: Picture,
    *,
    source_format: PixelFormat | None = None,
    target_format: PixelFormat | None = None,
    source_size: Size | None = None,
    target_size: Size | None = None,
    matrix: Matrix | None = None,
    range: Range | None = None,
    filter: Filter | None = None,
    level: str | None = None,
) -> None: ...
def describe(
    picture: Picture, format: PixelFormat | None = None, size: Size | None = None
) -> tuple[PixelFormat, Size]: ...
def array_shape(format: PixelFormat, size: Size) -> tuple[int, ...]: ...
def new_frame(format: PixelFormat, size: Size) -> av.VideoFrame: ...
def stamp(
    picture: _AnyPicture,
    seq: int,
    *,
    cell: int = 1,
    format: PixelFormat | None = None,
    full_range: bool | None = None,
) -> None:
    """Writes the number `seq` into the bottom-left corner of a picture, in place.

    The marker covers 24x4 cells; chroma under it becomes neutral and alpha opaque. Stamp only what nobody else
    holds: `stamped_copy` is for frames that may be sent again.

    Args:
        picture: An `av.VideoFrame`; an array of (height, width) for gray8 or luma, (height, width, 2) for yuyv422,
            (height, width, 3) for rgb24, (height, width, 4) for rgba; or a tuple of planes, `(y, u, v)` or `(y, uv)`.
        seq: 0 to 65535.
        cell: The side of a cell in pixels, 1 to 16.
        format: Of an array, if its shape does not tell, such as "bgra". A frame has its own.
        full_range: Whether luma is 0 to 255 instead of 16 to 235. As the frame says by default, else limited; RGB
            is always full range.

    Raises:
        InvalidInputError: A `ValueError`: the picture is smaller than 24x4 cells, read-only or not in a known
            format, or `seq` or `cell` is out of range; it says what was expected and what came.
    """

def read(
    picture: _AnyPicture,
    method: Literal["hard", "soft"] = "hard",
    *,
    in_flight: ProbeLedger | Iterable[int] | None = None,
    now: float | None = None,
    stamped_size: Size | None = None,
    cell: int = 1,
    format: PixelFormat | None = None,
    full_range: bool | None = None,
) -> int | Literal["corrupted"] | None:
    """Reads the number in the bottom-left corner of a picture.

    Args:
        picture: As for `stamp`; the luma plane alone will do. Only its first plane is read.
        method: "hard" is the reference reader, for pictures as they were stamped: it thresholds cells and takes the
            majority of the rows. "soft" is for pictures that were encoded or scaled since.
        in_flight: For "soft": the numbers that may come, as `PixelProbes.in_flight` or an iterable of numbers, the
            likeliest first. Without it every number may come, which takes longer and needs a clearer picture. The
            ledger learns from each frame which number to expect of the next: show it every received frame once, in
            order.
        now: When the frame arrived, in seconds of the ledger's clock. Needed beside a ledger.
        stamped_size: For "soft": (width, height) in pixels when it was stamped. Without it the scales 1, 3/4, 2/3
            and 1/2 are tried.
        cell: The side of a cell in pixels, 1 to 16: for "hard" in this picture, for "soft" as it was stamped.
        format: As for `stamp`.
        full_range: As for `stamp`.

    Returns:
        The number; `CORRUPTED` where a marker is but its number cannot be told; None where no marker is.

    Raises:
        InvalidInputError: A `ValueError`: the picture is smaller than 24x4 cells ("hard") or not in a known format, or
            an argument is out of range; it says what was expected and what came.
    """

def read_soft(
    picture: _AnyPicture,
    *,
    in_flight: ProbeLedger | Iterable[int] | None = None,
    now: float | None = None,
    stamped_size: Size | None = None,
    cell: int = 1,
    format: PixelFormat | None = None,
    full_range: bool | None = None,
) -> tuple[int | Literal["corrupted"] | None, float]:
    """Reads as `read(picture, "soft", ...)` does, and says how probable the reading is.

    Args:
        picture: As for `read`.
        in_flight: As for `read`.
        now: As for `read`.
        stamped_size: As for `read`.
        cell: As for `read`.
        format: As for `stamp`.
        full_range: As for `stamp`.

    Returns:
        The reading of `read`, and its probability from 0 to 1, be it a number or none.

    Raises:
        InvalidInputError: As `read`.
    """

@final
class View:
    """A frame whose planes were looked up once.

    PyAV makes an object for a plane whenever it is asked for one, which takes longer than to stamp or read a marker.
    Every function of `realtime_fast.frames` and `realtime_fast.marker` takes a view in place of the frame. It holds the
    frame's memory; what the frame says about colour is as it was when the view was made.

    Args:
        frame: The frame, of a format that `convert` takes.

    Raises:
        InvalidInputError: A `ValueError`: it is no frame, of another format, or its rows run upwards.
    """

    def __new__(cls, frame: av.VideoFrame) -> View: ...
    @property
    def format(self) -> PixelFormat: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...

@final
class ProbeLedger:
    def __new__(cls, timeout: float) -> ProbeLedger: ...
    def stamp(self, now: float) -> tuple[int, int | None]: ...
    def observe(
        self, reading: int | Literal["corrupted"] | None, now: float
    ) -> list[tuple[float, tuple[int, float, bool] | None]]: ...
    def lost(self, now: float) -> list[int]: ...
    def drop_in_flight(self) -> int: ...
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

_Codec: TypeAlias = Literal["vp8", "h264", "opus"]

@final
class RtpPicture:
    """A picture to be decoded: a VP8 frame, or H.264 with start codes. Times are seconds of the endpoint's clock."""

    @property
    def codec(self) -> _Codec: ...
    @property
    def data(self) -> bytes:
        """Without the trailer."""
    @property
    def timestamp(self) -> int:
        """Ticks of the codec's clock; goes on where 32 bits would begin again."""
    @property
    def key(self) -> bool: ...
    @property
    def first_arrival(self) -> float: ...
    @property
    def complete(self) -> float: ...
    @property
    def contiguous(self) -> bool:
        """It follows the picture before it: none between was lost."""
    @property
    def trailer(self) -> tuple[int | None, int] | None:
        """When it was taken, in microseconds since the Unix epoch, and its number, 0 for none; None if it had none."""

@final
class RtpSound:
    """A packet's worth of sound; no data where the packet is missing and will not come any more."""

    @property
    def codec(self) -> _Codec: ...
    @property
    def data(self) -> bytes | None: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def arrival(self) -> float: ...

@final
class RtpPacket:
    """A packet that goes on to another endpoint's `forward`."""

    @property
    def codec(self) -> _Codec: ...
    @property
    def ssrc(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def marker(self) -> bool: ...
    @property
    def key(self) -> bool: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def arrival(self) -> float: ...

_RtpEvent: TypeAlias = (
    tuple[Literal["picture"], int, RtpPicture]
    | tuple[Literal["sound"], int, RtpSound]
    | tuple[Literal["packet"], int, RtpPacket]
    | tuple[Literal["ended"], int]
    | tuple[Literal["key_frame"], int]
    | tuple[Literal["rate"], int, int]
)
"""What it is, the stream that it is about, and what belongs to it: of `rate`, bit/s for the encoder."""

_RtpWork: TypeAlias = tuple[list[bytes], list[_RtpEvent], float | None]
"""Datagrams to encrypt and send at once, events in order, and when to call `tick` at the latest."""

class _ExtensionIds(TypedDict, total=False):
    mid: int
    abs_send_time: int
    transport_cc: int
    audio_level: int
    video_orientation: int
    playout_delay: int
    capture_time: int

_Feedback: TypeAlias = Literal["nack", "pli", "fir", "remb", "transport_cc", "reduced_size"]

@final
class RtpEndpoint:
    """All streams of one transport. `now` is seconds of a monotonic clock, spans are seconds, rates bit/s.

    What cannot be worked with raises `InvalidInputError`; a datagram that cannot be read is counted and dropped.
    """

    def __new__(
        cls,
        seed: int,
        now: float,
        *,
        start_bitrate: int | None = None,
        min_bitrate: int | None = None,
        max_bitrate: int | None = None,
    ) -> RtpEndpoint:
        """Without streams. Starts at 1 Mbit/s and stays within 100 kbit/s and 8 Mbit/s unless told otherwise."""
    def add_sender(
        self,
        *,
        codec: _Codec,
        payload_type: int,
        clock_rate: int,
        ssrc: int,
        cname: str,
        mid: str,
        rtx: tuple[int, int] | None = None,
        extensions: _ExtensionIds | None = None,
        feedback: Iterable[_Feedback] | None = None,
        trailers: bool = False,
    ) -> int:
        """Adds an outgoing stream; `rtx` is payload type and SSRC of its retransmissions. The number names it.

        `trailers`: the far side takes trailers off its pictures; otherwise they are neither sent nor passed on.
        """
    def add_receiver(
        self,
        *,
        kind: Literal["audio", "video"],
        codecs: Sequence[tuple[int, _Codec, int, int | None]],
        own_ssrc: int,
        cname: str,
        mid: str,
        ssrc: int | None = None,
        rtx_ssrc: int | None = None,
        sync_group: str | None = None,
        extensions: _ExtensionIds | None = None,
        feedback: Iterable[_Feedback] | None = None,
        deliver: Literal["media", "packets"] | None = None,
        min_delay: float | None = None,
        max_delay: float | None = None,
    ) -> int:
        """Adds an incoming stream.

        Each codec is a payload type, the codec, its clock rate, and the payload type of its retransmissions. Sound
        and pictures of one `sync_group` are kept in step. `media` (unless told otherwise) is whole pictures and
        sound, `packets` is for a forwarder. The number names the stream.
        """
    def remove_sender(self, sender: int, now: float) -> _RtpWork: ...
    def remove_receiver(self, receiver: int) -> None: ...
    def receive(self, datagram: bytes, now: float) -> _RtpWork:
        """Takes a datagram, RTP or RTCP, after decryption."""
    def send(
        self,
        sender: int,
        media: bytes | memoryview,
        timestamp: int,
        now: float,
        *,
        key: bool = False,
        width: int | None = None,
        height: int | None = None,
        quantizer: float | None = None,
        encode_time: float | None = None,
        trailer: tuple[int, int] | None = None,
    ) -> _RtpWork:
        """Sends an encoded picture or packet of sound with its timestamp of 32 bits.

        `trailer` is when the picture was taken, in microseconds since the Unix epoch, and its number, 0 for none.
        """
    def forward(self, sender: int, packet: RtpPacket, now: float) -> _RtpWork: ...
    def tick(self, now: float) -> _RtpWork: ...
    def request_key_frame(self, receiver: int, now: float) -> _RtpWork: ...
    def set_bitrates(self, start: int, min: int, max: int) -> None: ...
    def set_delay(self, receiver: int, min: float, max: float) -> None: ...
    def set_round_trip(self, round_trip: float) -> None:
        """Take the path's round trip, in seconds, as ICE's checks measured it.

        An endpoint that only receives learns it by no report, and asks for lost packets by what it knows of it.
        """
    def limit(self, bitrate: int | None, now: float) -> _RtpWork: ...
    def sender_stats(self, sender: int) -> dict[str, Any] | None: ...
    def receiver_stats(self, receiver: int) -> dict[str, Any] | None: ...
    def pacer_delay(self, now: float) -> float:
        """Seconds that packets wait to be sent, now."""
    def transport_stats(self, now: float) -> dict[str, Any]: ...

class _Conditions(TypedDict, total=False):
    loss: float
    burst_loss: float
    burst_length: float
    delay: float
    jitter: float
    reorder: float
    duplicate: float
    rate: int | None
    queue: float

@final
class NetworkLink:
    """One direction of a network that loses, delays and queues datagrams, from a seed.

    Shares are 0 to 1, spans seconds, `rate` is bit/s. `changes` are conditions that begin so many seconds after the
    start, in ascending order. What cannot be worked with raises `InvalidInputError`.
    """

    def __new__(
        cls,
        seed: int,
        now: float,
        conditions: _Conditions | None = None,
        changes: Sequence[tuple[float, _Conditions]] | None = None,
    ) -> NetworkLink: ...
    @staticmethod
    def profile(name: str) -> tuple[_Conditions, _Conditions]:
        """From and to the client: `wifi`, `lte`, `3g`, `transatlantic`, `lossy` or `600k`."""
    def change(
        self,
        now: float,
        conditions: _Conditions | None = None,
        changes: Sequence[tuple[float, _Conditions]] | None = None,
    ) -> None: ...
    def push(self, now: float, datagram: bytes) -> bool: ...
    def pop(self, now: float) -> bytes | None: ...
    def deadline(self) -> float | None: ...
    def figures(self) -> dict[str, int]: ...

@final
class Adaptation:
    """Chooses the size and the rate of pictures for what can be sent and encoded."""

    limitation: Literal["none", "cpu", "bandwidth"]
    worth: int
    changes: int
    def __new__(
        cls, codec: str, preference: str, width: int, height: int, fps: float, bitrate: int, now: float
    ) -> Adaptation: ...
    def set(self, preference: str, width: int, height: int, fps: float) -> None: ...
    def rate(self, bitrate: int, now: float) -> None: ...
    def encoded(self, bytes: int, quantizer: float | None, seconds: float, now: float) -> None: ...
    def skipped(self, busy: bool, now: float) -> None: ...
    def update(self, now: float) -> tuple[int, int, float]: ...
    def durations(self, now: float) -> tuple[float, float, float]: ...

_testing: ModuleType

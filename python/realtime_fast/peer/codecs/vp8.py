"""VP8 with libvpx, following the rate without a new codec.

FFmpeg reads libvpx's bit rate once, when it opens the codec; and a new codec begins with a key frame. But libvpx
thinks in bits a picture: its rate times the time from one picture to the next, and that time is ours to give. So the
codec keeps the rate it was opened with, and each picture is told to last as long as that rate takes for the bits the
picture may have. With half the rate time runs at half speed. What comes out is within some percent of the target
after a second (docs/encoders.md).

What libvpx derives from the frame rate is off by the same factor, its buffer in seconds among it. Beyond four times the
opening rate, where the buffer holds less than two pictures, and below a tenth of it, where it holds seconds, there is a
new codec in any case.

It chooses a quantiser by what the pictures before took, and hardly moves away from it. What has nothing to do with
them, the first picture after a cut, took 300 to 480 ms of the rate, and the one after a key frame up to 290. A new
codec has nothing to go by and stays within `KEY_FRAME_SPAN`, so it makes both.
"""

from __future__ import annotations

from fractions import Fraction

from av import CodecContext, VideoFrame
from av.video.codeccontext import VideoCodecContext

from realtime_fast.peer.codecs.cuts import Cuts
from realtime_fast.peer.codecs.pictures import KEY_FRAME_SPAN, VideoEncoder, lent
from realtime_fast.peer.quantiser import vp8_quantiser

SPEED, SPEED_LARGE = 8, 12
"""libvpx's `cpu-used`, negated, for small pictures and for large ones. Above 8 both lose up to 1 dB; large ones save a
millisecond by it, a fifth of what encoding costs, and small ones next to nothing. At 16 quality is gone."""
LARGE = 1024 * 576
"""Pixels from which on a picture is large."""

_TICKS = 1_000_000
_TIME_BASE = Fraction(1, _TICKS)
_BUFFER, _BUFFER_OPTIMUM = 0.6, 0.5
"""Seconds at the opening rate that libvpx may run ahead by, and what FFmpeg makes of it as the fill to aim at."""
_QUANTISER_BEST, _QUANTISER_WORST, _QUANTISER_EMERGENCY = 2, 56, 63
_KEY_USUAL, _KEY_FINE = 0.14 / KEY_FRAME_SPAN, 0.23 / KEY_FRAME_SPAN
"""Bits per second and pixel from which on a first key frame takes less than `KEY_FRAME_SPAN`: at the usual worst
quantiser it has 0.14 bits a pixel (measured); where the buffer is said to be full it is 2 dB better and has 0.23. Below
the first, the quantiser may go to its end."""
_GREATEST_STRETCH, _LEAST_STRETCH = 4, 0.1
"""Multiples of the opening rate above and below which a new codec is due."""


class Vp8Encoder(VideoEncoder):
    """A `VideoEncoder` for VP8.

    Args:
        bitrate: Bits per second to begin with.
        speed: 0 to 16; None for what suits the size, see `SPEED`.
        denoise: libvpx's temporal denoiser, 0 (off) to 4. It costs a quarter more time and 1 to 3 dB on clean
            pictures, and gains 0.2 dB on noisy ones.
    """

    codec_name = "VP8"

    def __init__(self, bitrate: int, *, speed: int | None = None, denoise: int = 0) -> None:
        super().__init__(bitrate)
        self._speed = speed
        self._denoise = denoise
        self._cuts = Cuts()
        self._opened_at = 0.0
        self._clock = 0.0

    def _coded(
        self, codec: VideoCodecContext, frame: VideoFrame, bits: float, key: bool
    ) -> tuple[bytes, bool, float | None]:
        codec.qmax = self._worst_quantiser(frame)
        duration = max(1.0, bits / self._opened_at * _TICKS)
        with lent(
            frame, key=key, pts=round(self._clock), duration=round(duration), time_base=_TIME_BASE
        ) as picture:
            packets = codec.encode(picture)
        self._clock += duration
        data = b"".join(bytes(packet) for packet in packets)
        return data, not data[0] & 1, vp8_quantiser(data)

    def _still_suits(self, frame: VideoFrame, bits: float, key: bool) -> bool:
        is_cut = self._cuts.is_cut(frame)
        stretch = self._budget.rate / self._opened_at
        return not (key or is_cut) and _LEAST_STRETCH <= stretch <= _GREATEST_STRETCH

    def _open(self, frame: VideoFrame, bits: float) -> VideoCodecContext:
        rate = round(self._budget.rate)
        is_first = not self._opened_at
        filled = _BUFFER if is_first and self._density(frame) >= _KEY_FINE else _BUFFER_OPTIMUM
        pictures = KEY_FRAME_SPAN / self._budget.interval
        suitable = SPEED_LARGE if frame.width * frame.height >= LARGE else SPEED
        codec = CodecContext.create("libvpx", "w")
        codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuv420p"
        codec.time_base = _TIME_BASE
        codec.bit_rate = rate
        codec.gop_size = 1 << 30
        codec.qmin, codec.qmax = _QUANTISER_BEST, self._worst_quantiser(frame)
        # A second thread waits by spinning: on a busy machine it took 30 to 100 ms of processor time a picture.
        codec.thread_count = 1
        codec.options = {
            "deadline": "realtime",
            "cpu-used": str(-(suitable if self._speed is None else self._speed)),
            "noise-sensitivity": str(self._denoise),
            "lag-in-frames": "0",
            "minrate": str(rate),  # all three equal: constant rate
            "maxrate": str(rate),
            "bufsize": str(round(rate * _BUFFER)),
            "rc_init_occupancy": str(round(rate * filled)),
            "max-intra-rate": str(max(100, round(100 * pictures))),
            "static-thresh": "1",
        }
        self._opened_at = float(rate)
        self._clock = 0.0
        return codec

    def _worst_quantiser(self, frame: VideoFrame) -> int:
        return _QUANTISER_WORST if self._density(frame) >= _KEY_USUAL else _QUANTISER_EMERGENCY

    def _density(self, frame: VideoFrame) -> float:
        return self._budget.rate / (frame.width * frame.height)

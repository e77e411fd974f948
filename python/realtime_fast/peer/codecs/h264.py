"""H.264 with libx264, constrained baseline, following the rate without a new codec.

FFmpeg hands a changed `bit_rate` to an open x264, and a stream that was opened with `maxrate` equal to `bit_rate`
takes its VBV along. What stays is the VBV's size and the highest rate, so both are chosen anew with each key frame
that is due anyway, or when the rate has outgrown them.

x264's zero-latency mode counts pictures, not time, at a nominal frame rate: the rate it is told is the bits a picture
may have, times that. Its own control leaves up to a third of a low rate unused and is slow to come down, so what was
spent beyond the budget, or saved, is asked back over half a second.
"""

from __future__ import annotations

from fractions import Fraction

from av import CodecContext, VideoFrame
from av.video.codeccontext import VideoCodecContext

from realtime_fast.peer.codecs.pictures import VideoEncoder, lent
from realtime_fast.peer.quantiser import H264Quantiser, nal_units

_NOMINAL_RATE = 30
"""Pictures per second as x264 counts them."""
_HEADROOM = 6
"""The highest rate x264 is opened for, as a multiple of the rate at that time. x264 makes the VBV hold at least one
picture of the highest rate, so this many pictures: more would let key frames grow too large."""
_BUFFER = 0.1
"""Seconds of the rate that the VBV holds, and so that a key frame or the first picture after a cut may take. What
stands in queues grows with it; with less, x264 no longer uses the rate up."""
_SHRINKAGE = 10
"""Part of that rate below which x264 does not find down, because its VBV holds seconds: then it is opened anew, too."""
_BUFFER_STRETCH = 1.5
"""Factor by which the VBV's span may be off before a key frame that is due is made by a new codec."""
_REPAYMENT = 0.25
"""Seconds over which bits beyond the budget, or saved, are asked back."""
_LEAST_SHARE, _GREATEST_SHARE = 0.5, 1.25
"""Bounds of what x264 is asked for, as a share of the budget."""
_MACROBLOCKS_OF_LEVEL_3_1 = 3600
_KEY, _SEI, _PARAMETER_SET = 5, 6, 7

_X264 = ":".join(
    (
        "keyint=infinite",
        "scenecut=0",  # it would make key frames nobody asked for
        "aq-mode=0",  # 0.2 to 0.4 dB more at equal rate
        "qpstep=10",  # the default of 4 takes several pictures to leave a good quantiser when the rate falls
    )
)


class H264Encoder(VideoEncoder):
    """A `VideoEncoder` for H.264: profile-level-id 42e01f as far as the size allows.

    Args:
        bitrate: Bits per second to begin with.
        preset: x264's. `ultrafast` saves a quarter of the time and loses 2 to 5 dB, `veryfast` takes 1.7 times as
            long for 0.2 dB at most.
    """

    codec_name = "H.264"

    def __init__(self, bitrate: int, *, preset: str = "superfast") -> None:
        super().__init__(bitrate)
        self._preset = preset
        self._quantiser = H264Quantiser()
        self._opened_for = 0.0
        self._count = 0

    def _coded(
        self, codec: VideoCodecContext, frame: VideoFrame, bits: float, key: bool
    ) -> tuple[bytes, bool, float | None]:
        codec.bit_rate = round(bits * _NOMINAL_RATE * self._share())
        with lent(
            frame, key=key, pts=self._count, duration=1, time_base=Fraction(1, _NOMINAL_RATE)
        ) as picture:
            packets = codec.encode(picture)
        self._count += 1
        data, is_key = _without_sei(b"".join(bytes(packet) for packet in packets))
        return data, is_key, self._quantiser.of(data)

    def _share(self) -> float:
        return min(max(1 - self._budget.owed / _REPAYMENT, _LEAST_SHARE), _GREATEST_SHARE)

    def _still_suits(self, frame: VideoFrame, bits: float, key: bool) -> bool:
        stretch = bits / self._opened_for
        if key:
            return 1 / _BUFFER_STRETCH <= stretch <= _BUFFER_STRETCH
        return 1 / _SHRINKAGE <= stretch <= _HEADROOM / _GREATEST_SHARE

    def _open(self, frame: VideoFrame, bits: float) -> VideoCodecContext:
        ceiling = round(bits * _NOMINAL_RATE * _HEADROOM)
        codec = CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuv420p"
        codec.framerate = Fraction(_NOMINAL_RATE)
        codec.time_base = Fraction(1, _NOMINAL_RATE)
        codec.bit_rate = ceiling  # equal to maxrate while it is opened: the VBV then follows the rate
        # A second one halves the time on the clock on an idle machine, at the price of a second slice in each picture.
        codec.thread_count = 1
        codec.options = {
            "preset": self._preset,
            "profile": "baseline",  # of which x264 has the constrained part only
            "tune": "zerolatency",
            "maxrate": str(ceiling),
            "bufsize": str(round(self._budget.rate * _BUFFER)),
            "forced-idr": "1",
            "x264-params": _X264,
        }
        macroblocks = -(-frame.width // 16) * -(-frame.height // 16)
        if macroblocks <= _MACROBLOCKS_OF_LEVEL_3_1:
            codec.options["level"] = "31"
        codec.open()
        self._opened_for = bits
        return codec


def _without_sei(unit: bytes) -> tuple[bytes, bool]:
    """The access unit without x264's description of itself (700 bytes before the first picture); and if it is a key."""
    units = list(nal_units(unit))
    kinds = [unit[start] & 0x1F for start, _ in units]
    if _SEI in kinds:
        wanted = ((start, end) for (start, end), kind in zip(units, kinds, strict=True) if kind != _SEI)
        unit = b"".join(b"\0\0\0\1" + unit[start:end] for start, end in wanted)
    return unit, _KEY in kinds

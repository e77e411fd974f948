"""What arrives, decoded: VP8 and H.264 with FFmpeg's own decoders, Opus with libopus.

One thread each: decoding 1280x704 takes 1.5 ms. FFmpeg's frame threads would hold each picture back until the next one
comes (40 ms at 25 fps, for no less processor time), slice threads find one slice to work on.
"""

from __future__ import annotations

import logging
from fractions import Fraction

from av import AudioFrame, CodecContext, FFmpegError, Packet, VideoFrame
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from realtime_fast.peer.quantiser import nal_units

logger = logging.getLogger(__name__)

_VIDEO_TIME_BASE = Fraction(1, 90000)
_AUDIO_RATE = 48000
_AUDIO_TIME_BASE = Fraction(1, _AUDIO_RATE)
_LONGEST_PACKET = _AUDIO_RATE * 120 // 1000
"""Samples of the longest Opus packet."""
_KEY_SLICE = 5
_MOST_PIXELS = 4096 * 4096
"""Larger pictures are taken for damage: ten bytes of VP8 can ask for 100 MB and more."""


class DamagedPictureError(Exception):
    """A picture could not be decoded: ask for a key frame. Until it comes, `decode` returns no pictures."""


class VideoDecoder:
    """Decodes one stream of VP8 or H.264, from one thread at a time.

    It hands out no picture that refers to one it could not decode. That one is missing altogether it cannot see in VP8
    and not always in H.264; whoever puts packets together knows, and calls `wait_for_key_frame`.

    Args:
        codec: `vp8` or `h264`.

    Attributes:
        waiting: Whether pictures are withheld until a key frame comes, as at the start.
    """

    def __init__(self, codec: str) -> None:
        if codec not in ("vp8", "h264"):
            raise ValueError(f"Decoders are for vp8 and h264, not for {codec}")
        self._name = codec
        self._codec: VideoCodecContext | None = self._open()
        self.waiting = True

    def decode(self, data: bytes, timestamp: int) -> list[VideoFrame]:
        """The pictures in `data`, as a rule one; its size may differ from the one before.

        Args:
            data: A VP8 frame, or an H.264 access unit with start codes.
            timestamp: Becomes the picture's `pts`, in ticks of 1/90000 s.

        Raises:
            DamagedPictureError: It does not decode. In VP8 any bits within a frame mean something, so damage shows in
                the header only; packets that passed SRTP are not damaged.
            RuntimeError: The decoder was closed.
        """
        codec = self._codec
        if codec is None:
            raise RuntimeError(f"The {self._name} decoder was closed; make a new one")
        if self.waiting and not self._is_key(data):
            return []
        if not data:  # which FFmpeg would take as the end of the stream
            raise self._damaged(codec, "it is empty", timestamp)
        packet = Packet(data)
        packet.pts, packet.time_base = timestamp, _VIDEO_TIME_BASE
        try:
            frames = codec.decode(packet)
        except FFmpegError as exc:
            raise self._damaged(codec, str(exc.strerror), timestamp) from exc
        if any(frame.is_corrupt for frame in frames):
            raise self._damaged(codec, "parts of the picture are missing", timestamp)
        self.waiting = False
        return frames

    def wait_for_key_frame(self) -> None:
        """Withhold pictures until a key frame: something before them is missing."""
        self.waiting = True

    def close(self) -> None:
        """Free the codec; doing so again changes nothing."""
        self._codec = None

    def _damaged(self, codec: VideoCodecContext, why: str, timestamp: int) -> DamagedPictureError:
        self.waiting = True
        codec.flush_buffers()  # the half picture it may have kept; H.264's parameter sets stay
        return DamagedPictureError(
            f"The {self._name} picture of RTP time {timestamp} does not decode ({why}); ask for a key frame"
        )

    def _open(self) -> VideoCodecContext:
        codec: VideoCodecContext = CodecContext.create(self._name, "r")  # type: ignore[assignment]
        codec.thread_count = 1
        codec.options = {
            "flags": "low_delay",  # no reordering, whatever an H.264 profile would allow: nobody sends B-frames
            "max_pixels": str(_MOST_PIXELS),
        }
        return codec

    def _is_key(self, data: bytes) -> bool:
        if self._name == "vp8":
            return bool(data) and not data[0] & 1
        return any(data[start] & 0x1F == _KEY_SLICE for start, _ in nal_units(data))


class _EmptyError(Exception):
    """A packet without bytes."""


class OpusDecoder:
    """Decodes one stream of Opus to stereo s16 at 48 kHz, from one thread at a time."""

    def __init__(self) -> None:
        self._codec: AudioCodecContext | None = self._open()
        self._samples = _AUDIO_RATE // 50
        self._empty = b""
        self.damaged = 0
        """Packets that did not decode and were concealed."""

    def decode(self, data: bytes, timestamp: int) -> list[AudioFrame]:
        """The sound in a packet; concealed like a lost one if it does not decode.

        Args:
            data: An Opus packet.
            timestamp: Becomes the sound's `pts`, in ticks of 1/48000 s.

        Raises:
            RuntimeError: The decoder was closed.
        """
        try:
            frames = self._decode(data, timestamp)
        except (FFmpegError, _EmptyError) as exc:
            self.damaged += 1
            logger.debug("Concealed a damaged Opus packet of RTP time %s: %s", timestamp, exc)
            return self.conceal(timestamp)
        if frames:
            self._samples = sum(frame.samples for frame in frames)
            self._empty = bytes([data[0] & 0xFC])
        return frames

    def conceal(self, timestamp: int) -> list[AudioFrame]:
        """Sound in place of a lost packet, as long as the last one: libopus goes on with what it heard and fades out.

        FFmpeg passes neither a missing packet nor the copy that in-band FEC carries to libopus. But it passes on a
        packet with an empty frame, which libopus conceals (RFC 6716 3.2.1). Nothing before the first packet.

        Raises:
            RuntimeError: The decoder was closed.
        """
        frames: list[AudioFrame] = []
        samples = 0
        while self._empty and samples < min(self._samples, _LONGEST_PACKET):
            made = self._decode(self._empty, timestamp + samples)
            if not made:
                break
            samples += sum(frame.samples for frame in made)
            frames += made
        return frames

    def close(self) -> None:
        """Free the codec; doing so again changes nothing."""
        self._codec = None

    def _decode(self, data: bytes, timestamp: int) -> list[AudioFrame]:
        if self._codec is None:
            raise RuntimeError("The Opus decoder was closed; make a new one")
        if not data:
            raise _EmptyError("it is empty, which FFmpeg would take as the end of the stream")
        packet = Packet(data)
        packet.pts, packet.time_base = timestamp, _AUDIO_TIME_BASE
        frames = self._codec.decode(packet)
        for frame in frames:
            frame.pts, frame.time_base = timestamp, _AUDIO_TIME_BASE
            timestamp += frame.samples
        return frames

    def _open(self) -> AudioCodecContext:
        codec = CodecContext.create("libopus", "r")
        codec.format, codec.layout, codec.sample_rate = "s16", "stereo", _AUDIO_RATE
        return codec

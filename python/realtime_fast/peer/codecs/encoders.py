"""The encoders a sender chooses from."""

from __future__ import annotations

from realtime_fast.peer.codecs.h264 import H264Encoder
from realtime_fast.peer.codecs.opus import EncodedSound, OpusEncoder
from realtime_fast.peer.codecs.pictures import EncodedPicture, VideoEncoder
from realtime_fast.peer.codecs.vp8 import Vp8Encoder

__all__ = [
    "EncodedPicture",
    "EncodedSound",
    "H264Encoder",
    "OpusEncoder",
    "VideoEncoder",
    "Vp8Encoder",
    "video_encoder",
]


def video_encoder(codec: str, bitrate: int) -> VideoEncoder:
    """An encoder for the codec that was agreed on.

    Args:
        codec: `vp8` or `h264`, in any case, as SDP's encoding names are.
        bitrate: Bits per second to begin with.

    Raises:
        ValueError: There is none for this codec.
    """
    match codec.lower():
        case "vp8":
            return Vp8Encoder(bitrate)
        case "h264":
            return H264Encoder(bitrate)
        case _:
            raise ValueError(f"Video is encoded as vp8 or h264, not as {codec}")

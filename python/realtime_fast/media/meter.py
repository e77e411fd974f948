"""What a track's frames tell about it, in the terms of W3C webrtc-stats; aiortc counts none of it."""

from realtime_fast._native import VideoMeter

__all__ = ["VideoMeter"]

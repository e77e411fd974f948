"""Pictures and sound on their way in and out: sources, tracks, meters, sinks."""

from realtime_fast.media.frame_stream import Frame, FrameStream
from realtime_fast.media.recorder import Recorder
from realtime_fast.media.sources import MediaSource, VideoSource, open_source
from realtime_fast.media.tracks import LocalMedia, ReceivedTrack, SentTrack, local_media

__all__ = [
    "Frame",
    "FrameStream",
    "LocalMedia",
    "MediaSource",
    "ReceivedTrack",
    "Recorder",
    "SentTrack",
    "VideoSource",
    "local_media",
    "open_source",
]

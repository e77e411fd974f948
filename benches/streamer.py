"""A client of the service that sends and receives NumPy pictures: `python -m benches.streamer WHICH URL [TRANSPORT]`.

`decart`, `ours`, `h264` (ours on that codec), `marked` (ours with every picture's latency measured by markers) or
`timed` (by frame timing); each is written as its users would write it. It answers (`benches.answers`) with the pictures
sent and received, and where it is timed with the latest median `latency` in seconds.
"""

import asyncio
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.codecs import vpx
from benches.answers import Counts, answer
from benches.clip import there_and_back
from benches.pace import ticks

from realtime_fast.errors import TransportName
from realtime_fast.events import FrameTimingReport
from realtime_fast.options import LatencyTracking, VideoCodec

WIDTH, HEIGHT, FPS = 1280, 704, 30
BITRATE = 1_000_000
"""Of both directions (see `benches.service`): what encoding and decoding cost depends on it."""
SECONDS_OF_PICTURES = 1

PINNED: dict[str, Any] = {
    "start_bitrate": BITRATE,
    "min_bitrate": BITRATE,
    "max_bitrate": BITRATE,
    "degradation_preference": "maintain-framerate-and-resolution",
}
"""What keeps a sender of ours to that rate and to its size."""


def pictures() -> Iterator[np.ndarray]:
    """RGB pictures of real video without end."""
    return itertools.cycle(there_and_back(WIDTH, HEIGHT, FPS * SECONDS_OF_PICTURES))


async def paced(counts: Counts) -> AsyncIterator[np.ndarray]:
    """The next picture, thirty times a second."""
    clip = pictures()
    async for _ in ticks(FPS):
        counts["sent"] += 1
        yield next(clip)


async def sdk(url: str, counts: Counts, transport: TransportName) -> None:
    """On the pure-Python SDK, which knows WebRTC only: PyAV converts."""
    from aiortc import VideoStreamTrack
    from decart import models
    from decart.realtime import RealtimeClient, RealtimeConnectOptions

    class Pushed(VideoStreamTrack):
        def __init__(self) -> None:
            super().__init__()
            self.pictures = paced(counts)
            self.pts = 0

        async def recv(self) -> av.VideoFrame:
            frame = av.VideoFrame.from_ndarray(await anext(self.pictures), format="rgb24")
            self.pts += 90000 // FPS
            frame.pts, frame.time_base = self.pts, Fraction(1, 90000)
            return frame

    remote = asyncio.get_running_loop().create_future()

    def on_remote_stream(track: MediaStreamTrack) -> None:
        if track.kind == "video":
            remote.set_result(track)

    options = RealtimeConnectOptions(models.realtime("lucy-restyle-2"), on_remote_stream)
    client = await RealtimeClient.connect(url, "key", Pushed(), options)
    try:
        track = await remote
        while True:
            frame = await track.recv()
            check(frame.to_ndarray(format="rgb24"))
            counts["received"] += 1
    finally:
        await client.disconnect()


async def ours(
    url: str,
    counts: Counts,
    transport: TransportName,
    tracking: LatencyTracking | None = None,
    codec: VideoCodec | None = None,
) -> None:
    """On this package."""
    from realtime_fast import RealtimeClient, RealtimeConnectOptions, models
    from realtime_fast.media import VideoSource

    source = VideoSource(WIDTH, HEIGHT, FPS)

    async def push() -> None:
        async for picture in paced(counts):
            source.push(picture)

    def told(report: FrameTimingReport) -> None:
        if report.p50_ms is not None:
            counts["latency"] = report.p50_ms / 1000

    options = RealtimeConnectOptions(
        models.realtime("lucy-restyle-2"),
        transport=transport,
        video_codec=codec,
        latency_tracking=tracking,
        **PINNED,
    )
    async with RealtimeClient.connect(url, "key", source, options) as client, asyncio.TaskGroup() as tasks:
        client.on("frame_timing_report", told)
        tasks.create_task(push())
        async for frame in client.frames("rgb24", latest=False):
            check(frame.array)
            counts["received"] += 1


CONTENDERS: dict[str, Callable[[str, Counts, TransportName], Coroutine[None, None, None]]] = {
    "decart": sdk,
    "ours": ours,
    "h264": partial(ours, codec="h264"),
    "marked": partial(ours, tracking=LatencyTracking(pixel_marker=True, probe_interval_ms=0)),
    "timed": partial(ours, tracking=LatencyTracking(frame_timing=True)),
}


def check(array: np.ndarray) -> None:
    """It is a picture of the right kind."""
    assert array.shape == (HEIGHT, WIDTH, 3)
    assert array.dtype == np.uint8


async def main(which: str, url: str, transport: TransportName = "webrtc") -> None:
    """Stream until there is nothing more to read from standard input."""
    # The SDK has no option for it.
    vpx.DEFAULT_BITRATE = vpx.MIN_BITRATE = vpx.MAX_BITRATE = BITRATE
    counts: Counts = {"sent": 0, "received": 0}
    async with asyncio.TaskGroup() as tasks:
        streaming = tasks.create_task(CONTENDERS[which](url, counts, transport))
        await answer(counts)
        streaming.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))  # type: ignore[arg-type]

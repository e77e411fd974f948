"""The tracks of a connection: what they forward, count, drop and never stop."""

from __future__ import annotations

from fractions import Fraction

import anyio
import pytest
from aiortc import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from realtime_fast.errors import InvalidInputError
from realtime_fast.media.tracks import (
    VIDEO_BACKLOG,
    LocalMedia,
    ReceivedTrack,
    SentTrack,
    Stamping,
    local_media,
)
from realtime_fast.stamps import FrameTiming, Stamp


class Scripted(MediaStreamTrack):
    """Gives frames as fast as they are read, then ends."""

    def __init__(self, kind: str = "video", count: int = 20) -> None:
        super().__init__()
        self.kind = kind
        self.given: list[VideoFrame | AudioFrame] = []
        self._count = count

    async def recv(self) -> VideoFrame | AudioFrame:
        await anyio.sleep(0)
        if len(self.given) == self._count or self.readyState != "live":
            raise MediaStreamError
        if self.kind == "video":
            frame: VideoFrame | AudioFrame = VideoFrame(64, 48, "yuv420p")
        else:
            frame = AudioFrame("s16", "mono", 160)
            frame.sample_rate = 8000
        frame.pts, frame.time_base = len(self.given), Fraction(1, 30)
        self.given.append(frame)
        return frame


async def test_a_sent_track_passes_frames_through_untouched_and_counts_them() -> None:
    source = Scripted(count=5)
    sent = SentTrack(source)
    frames = [await sent.recv() for _ in range(5)]
    assert all(given is got for given, got in zip(source.given, frames, strict=True))
    assert (sent.meter.frames, sent.meter.width, sent.meter.height) == (5, 64, 48)
    with pytest.raises(MediaStreamError):
        await sent.recv()
    assert sent.readyState == "ended"


class Measuring:
    """Numbers pictures by their width."""

    is_timed = True

    def stamp_for(self, frame: VideoFrame, timed: bool) -> Stamp:
        return Stamp(frame.width, 8, FrameTiming(1, 2) if timed else None)


async def test_who_stamps_the_pictures_is_asked_through_every_wrapper() -> None:
    picture = VideoFrame(64, 48, "yuv420p")
    plain = SentTrack(Scripted())
    assert (plain.stamp_for(picture, True), plain.is_timed) == (Stamp(), False)
    stamped = SentTrack(Scripted(), Measuring())
    assert isinstance(stamped, Stamping)
    outer = SentTrack(stamped)
    assert outer.is_timed
    assert outer.stamp_for(picture, False) == Stamp(64, 8)
    assert outer.stamp_for(picture, True) == Stamp(64, 8, FrameTiming(1, 2))


async def test_stopping_a_sent_track_leaves_the_user_s_track_alone() -> None:
    source = Scripted()
    sent = SentTrack(source)
    sent.stop()
    assert source.readyState == "live"
    with pytest.raises(MediaStreamError):
        await sent.recv()
    await SentTrack(source).recv()


async def test_a_received_track_nobody_reads_stays_small_and_shows_the_newest() -> None:
    remote = Scripted(count=100)
    track = ReceivedTrack(remote)
    seen: list[object] = []
    track.observers.append(seen.append)
    await track.pump()
    assert seen == remote.given, "observers see every frame, in order"
    assert track.meter.frames == 100
    assert track.dropped == 100 - VIDEO_BACKLOG
    kept = [await track.recv() for _ in range(VIDEO_BACKLOG)]
    assert kept == remote.given[-VIDEO_BACKLOG:]
    with pytest.raises(MediaStreamError):
        await track.recv()
    assert track.readyState == "ended"


async def test_cancelling_the_pump_ends_a_waiting_reader() -> None:
    class Endless(Scripted):
        async def recv(self) -> VideoFrame | AudioFrame:
            await anyio.sleep_forever()
            raise AssertionError

    track = ReceivedTrack(Endless())

    async def read() -> None:
        with pytest.raises(MediaStreamError):
            await track.recv()

    with anyio.fail_after(2):
        async with anyio.create_task_group() as readers:
            readers.start_soon(read)
            async with anyio.create_task_group() as pumps:
                pumps.start_soon(track.pump)
                await anyio.wait_all_tasks_blocked()
                pumps.cancel_scope.cancel()


async def test_a_track_its_user_stopped_is_still_read() -> None:
    remote = Scripted(count=30)
    track = ReceivedTrack(remote)
    track.stop()
    await track.pump()
    assert len(remote.given) == 30
    with pytest.raises(MediaStreamError):
        await track.recv()


async def test_sound_is_forwarded_too() -> None:
    track = ReceivedTrack(Scripted("audio", 3))
    await track.pump()
    assert isinstance(await track.recv(), AudioFrame)
    assert track.meter.frames == 0


def test_what_a_caller_may_send() -> None:
    class Player:
        video = VideoStreamTrack()
        audio = None

    video, audio = VideoStreamTrack(), AudioStreamTrack()
    assert local_media(None) == LocalMedia()
    assert local_media(video) == LocalMedia(video=video)
    assert local_media(audio) == LocalMedia(audio=audio)
    assert local_media((video, audio)) == LocalMedia(video, audio)
    assert local_media([video, None]) == LocalMedia(video)
    assert local_media(Player()).tracks == [Player.video]
    assert local_media((video, audio)).tracks == [video, audio]


@pytest.mark.parametrize("given", ["clip.mp4", 7, (1, 2, 3), object(), (AudioStreamTrack(), None), (None, 3)])
def test_anything_else_is_refused(given: object) -> None:
    with pytest.raises(InvalidInputError, match="local_track"):
        local_media(given)


def test_a_track_that_has_ended_is_refused() -> None:
    track = VideoStreamTrack()
    track.stop()
    with pytest.raises(InvalidInputError, match="has ended"):
        local_media(track)

"""The recorder: files that play, with the right pictures at the right time."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import anyio
import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from realtime_fast.errors import InvalidInputError, RealtimeError
from realtime_fast.media.recorder import Recorder
from realtime_fast.media.tracks import ReceivedTrack


class Remote(MediaStreamTrack):
    """A remote track that gives `count` frames, `speed` times as fast as they say."""

    def __init__(
        self, kind: str, count: int, size: tuple[int, int] = (64, 48), speed: float = 4.0, gray: int = 100
    ) -> None:
        super().__init__()
        self.kind = kind
        self._left = count
        self._index = 0
        self._size = size
        self._speed = speed
        self._gray = gray

    async def recv(self) -> VideoFrame | AudioFrame:
        if self._index == self._left:
            raise MediaStreamError
        index, self._index = self._index, self._index + 1
        await anyio.sleep((1 / 25 if self.kind == "video" else 0.02) / self._speed)
        if self.kind == "video":
            width, height = self._size
            picture = np.full((height, width, 3), self._gray, np.uint8)
            video = VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            video.pts, video.time_base = index * 3600, Fraction(1, 90000)
            return video
        wave = (np.sin(np.arange(960) / 20) * 9000).astype(np.int16)
        sound = AudioFrame.from_ndarray(np.repeat(wave, 2)[None, :], "s16", "stereo")
        sound.sample_rate = 48000
        sound.pts, sound.time_base = index * 960, Fraction(1, 48000)
        return sound


class Jumping(Remote):
    """A remote track whose timestamps jump by so many seconds half-way, as those of a looped file do."""

    def __init__(self, kind: str, count: int, *, jump: float) -> None:
        super().__init__(kind, count, speed=1.5)
        self._middle = count // 2
        self._jump = round(jump * 90_000)

    async def recv(self) -> VideoFrame | AudioFrame:
        frame = await super().recv()
        if self._index > self._middle and frame.pts is not None:
            frame.pts += self._jump
        return frame


async def record(recorder: Recorder, *remotes: Remote) -> None:
    async with anyio.create_task_group() as tasks:
        for remote in remotes:
            track = ReceivedTrack(remote)
            recorder.add(track)
            tasks.start_soon(track.pump)


def played(path: Path) -> tuple[list[VideoFrame], list[AudioFrame]]:
    with av.open(str(path)) as container:
        frames: list[object] = [*container.decode()]
    video = [frame for frame in frames if isinstance(frame, VideoFrame)]
    audio = [frame for frame in frames if isinstance(frame, AudioFrame)]
    return video, audio


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
async def test_video_and_sound_can_be_played_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    async with Recorder(path) as recorder:
        await record(recorder, Remote("video", 50), Remote("audio", 100))
    video, audio = played(path)
    assert len(video) == recorder.pictures == 50
    assert recorder.dropped == 0
    assert (video[0].width, video[0].height) == (64, 48)
    assert abs(int(video[25].to_ndarray(format="rgb24")[20, 20, 0]) - 100) < 8
    gaps = np.diff([frame.time or 0.0 for frame in video])
    assert gaps == pytest.approx([0.04] * 49, abs=0.003), "the time of the media, not of its arrival"
    sound = np.concatenate([frame.to_ndarray()[0].ravel() for frame in audio])
    seconds = sum(frame.samples for frame in audio) / 48000
    assert seconds == pytest.approx(2.0, abs=0.1)
    assert np.abs(sound.astype(np.float64)).max() > 0.1


async def test_video_alone(tmp_path: Path) -> None:
    async with Recorder(str(tmp_path / "out.mp4")) as recorder:
        await record(recorder, Remote("video", 10))
    video, audio = played(tmp_path / "out.mp4")
    assert (len(video), len(audio)) == (10, 0)


async def test_sound_that_never_comes_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async with Recorder(tmp_path / "out.mp4") as recorder:
        await record(recorder, Remote("video", 40, speed=1.0), Remote("audio", 0))
    video, audio = played(tmp_path / "out.mp4")
    assert (len(video), len(audio)) == (40, 0)


async def test_a_reconnect_with_another_size_goes_on_in_the_same_file(tmp_path: Path) -> None:
    async with Recorder(tmp_path / "out.mp4") as recorder:
        await record(recorder, Remote("video", 10, speed=1.0), Remote("audio", 20, speed=1.0))
        await anyio.sleep(0.5)
        again = Remote("video", 10, (128, 96), 1.0, gray=200), Remote("audio", 20, speed=1.0)
        await record(recorder, *again)
    video, audio = played(tmp_path / "out.mp4")
    assert len(video) == 20
    assert {(frame.width, frame.height) for frame in video} == {(64, 48)}
    brightness = [int(frame.to_ndarray(format="rgb24")[20, 20, 0]) for frame in video]
    assert max(brightness[:10]) < 120 < 180 < min(brightness[10:])
    times = np.array([frame.time or 0.0 for frame in video])
    gaps = np.diff(times)
    assert gaps.min() > 0
    assert 0.45 < gaps[9] < 1.0, "the gap is where the connection was lost"
    sound = [frame.time or 0.0 for frame in audio]
    assert np.diff(sound).max() > 0.4
    assert abs(sound[-1] - times[-1]) < 0.3


async def test_the_frames_themselves_are_left_alone(tmp_path: Path) -> None:
    track = ReceivedTrack(Remote("video", 3))
    async with Recorder(tmp_path / "out.mp4") as recorder:
        recorder.add(track)
        await track.pump()
    assert [((await track.recv()).pts) for _ in range(3)] == [0, 3600, 7200]


async def test_cancelling_finishes_the_file(tmp_path: Path) -> None:
    with anyio.move_on_after(0.5) as scope:
        async with Recorder(tmp_path / "out.mp4") as recorder:
            await record(recorder, Remote("video", 1000))
    assert scope.cancelled_caught
    assert len(played(tmp_path / "out.mp4")[0]) == recorder.pictures > 3
    assert not [thread for thread in threading.enumerate() if thread.name == "recorder"]


@pytest.mark.parametrize("jump", [-1.5, -60.0, 2.0**32 / 90_000])
async def test_timestamps_that_jump_leave_no_mark(tmp_path: Path, jump: float) -> None:
    path = tmp_path / "out.mp4"
    async with Recorder(path) as recorder:
        track = ReceivedTrack(Jumping("video", 60, jump=jump))
        recorder.add(track)
        await track.pump()
    with av.open(path) as recorded:
        times = [frame.time for frame in recorded.decode(video=0) if frame.time is not None]
    assert len(times) == 60
    steps = np.diff(times)
    assert steps.min() > 0.001
    assert steps.max() < 5
    # Only the step across the jump may differ from the sender's 40 ms.
    assert np.count_nonzero(np.abs(steps - 0.04) > 0.005) <= 1


async def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    async with Recorder(tmp_path / "out.mp4") as recorder:
        await record(recorder, Remote("video", 0))
    await recorder.aclose()
    assert not (tmp_path / "out.mp4").exists()


async def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.symlink_to("/dev/full")
    with pytest.raises(RealtimeError, match=r"out\.mp4 could not be written"):
        async with Recorder(path) as recorder:
            await record(recorder, Remote("video", 200, (640, 480), 10.0), Remote("audio", 300, speed=10.0))


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dir.mp4").mkdir()
    refused: list[tuple[str | Path, str]] = [
        ("out.avi", r"\.mp4 or \.webm"),
        (tmp_path / "missing" / "out.mp4", "does not exist"),
        (tmp_path / "dir.mp4", "cannot be written"),
    ]
    for path, words in refused:
        with pytest.raises(InvalidInputError, match=words):
            Recorder(path)


def seen(kind: str, at: float) -> VideoFrame | AudioFrame:
    """A frame of this time."""
    if kind == "video":
        video = VideoFrame(64, 48, "yuv420p")
        video.pts, video.time_base = round(at * 90000), Fraction(1, 90000)
        return video
    sound = AudioFrame("s16", "stereo", 960)
    sound.sample_rate = 48000
    sound.pts, sound.time_base = round(at * 48000), Fraction(1, 48000)
    return sound


def shown(recorder: Recorder, *kinds: str) -> dict[str, ReceivedTrack]:
    """Tracks that are recorded; a frame is shown to them by `observers[0]`."""
    tracks = {kind: ReceivedTrack(Remote(kind, 0)) for kind in kinds}
    for track in tracks.values():
        recorder.add(track)
    return tracks


async def test_pictures_that_begin_long_after_the_sound_are_recorded(tmp_path: Path) -> None:
    async with Recorder(tmp_path / "out.mp4") as recorder:
        tracks = shown(recorder, "video", "audio")
        for n in range(50):
            tracks["audio"].observers[0](seen("audio", n * 0.02))
        await anyio.sleep(1.5)  # longer than sound was waited for with once
        for n in range(10):
            tracks["video"].observers[0](seen("video", 100 + n * 0.04))
    video, audio = played(tmp_path / "out.mp4")
    assert len(video) == 10
    assert len(audio) > 40
    assert (video[0].time or 0) - (audio[0].time or 0) > 1.4


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("jump", [3600.0, -3600.0, -0.4, 2**32 / 90000])
async def test_after_a_jump_the_recording_goes_on(tmp_path: Path, suffix: str, jump: float) -> None:
    path = tmp_path / f"out{suffix}"
    async with Recorder(path) as recorder:
        tracks = shown(recorder, "video", "audio")
        for n in range(40):
            own = 4000 + n * 0.02 + (jump if n >= 20 else 0)
            tracks["audio"].observers[0](seen("audio", own))
            if n % 2 == 0:
                tracks["video"].observers[0](seen("video", own))
    video, audio = played(path)
    assert len(video) == recorder.pictures == 20
    assert np.diff([frame.time or 0.0 for frame in video]).min() >= 0
    assert (video[-1].time or 0) < 3
    assert (audio[-1].time or 0) < 3


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
async def test_a_file_that_is_cut_off_plays_to_within_a_second(tmp_path: Path, suffix: str) -> None:
    path, cut = tmp_path / f"out{suffix}", tmp_path / f"cut{suffix}"
    async with Recorder(path) as recorder:
        tracks = shown(recorder, "video", "audio")
        for n in range(100):
            tracks["audio"].observers[0](seen("audio", n * 0.02))
            if n % 2 == 0:
                tracks["video"].observers[0](seen("video", n * 0.02))
        with anyio.fail_after(10):
            while recorder.pictures < 50:
                await anyio.sleep(0.01)
        cut.write_bytes(path.read_bytes())  # as a crash leaves it
    video, audio = played(cut)
    assert (video[-1].time or 0) > 1.0
    assert (audio[-1].time or 0) > 1.0
    assert len(played(path)[0]) == 50


async def test_what_is_left_out_is_told_in_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Recorder(tmp_path / "out.mp4") as recorder:
        shown(recorder, "video")["video"].observers[0](seen("video", 0))
        with anyio.fail_after(10):
            while not recorder.pictures:
                await anyio.sleep(0.01)
        late = shown(recorder, "audio")["audio"]
        for n in range(7):
            late.observers[0](seen("audio", n * 0.02))
    assert "is without 7 pieces of sound: none had come when it began" in caplog.text

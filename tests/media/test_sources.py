"""Sources: what they give, when, and that their threads and files end with them."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from realtime_fast.errors import InvalidInputError
from realtime_fast.media.decode import decoded
from realtime_fast.media.inputs import Input, open_input
from realtime_fast.media.sources import MediaSource, VideoSource, open_source


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of video (25 fps, 160x90, brightness grows) with a second of sound."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "10"})
        video.width, video.height, video.pix_fmt = 160, 90, "yuv420p"
        audio = container.add_stream("aac", rate=44100, layout="mono")
        for index in range(25):
            picture = np.full((90, 160, 3), index * 8, np.uint8)
            for packet in video.encode(VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        wave = (np.sin(np.arange(44100) / 10) * 8000).astype(np.int16)
        sound = AudioFrame.from_ndarray(wave[None, :], "s16", "mono")
        sound.sample_rate = 44100
        for packet in [*audio.encode(sound), *audio.encode(None), *video.encode(None)]:
            container.mux(packet)
    return path


@pytest.fixture
def nothing_left() -> Iterator[None]:
    gc.collect()
    threads, files = set(threading.enumerate()), set(os.listdir("/proc/self/fd"))
    yield
    gc.collect()
    deadline = time.monotonic() + 3
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - threads
    assert len(os.listdir("/proc/self/fd")) <= len(files)


async def read(track: MediaStreamTrack | None, count: int) -> list[VideoFrame | AudioFrame]:
    assert track is not None
    return [await track.recv() for _ in range(count)]  # type: ignore[misc]


@pytest.mark.alone
async def test_a_file_is_played_at_its_own_pace(clip: Path, nothing_left: None) -> None:
    async with open_source(clip) as source:
        (first,) = await read(source.video, 1)
        begin = time.monotonic()
        frames = [first, *await read(source.video, 20)]
        took = time.monotonic() - begin
        assert all(isinstance(f, VideoFrame) and f.format.name == "yuv420p" for f in frames)
        assert [f.time for f in frames] == pytest.approx([index / 25 for index in range(21)], abs=0.001)
        assert 0.7 < took < 1.5
    assert source.video.readyState == "ended"


async def test_sound_comes_beside_the_pictures_in_even_chunks(clip: Path, nothing_left: None) -> None:
    async with open_source(clip) as source:
        got: dict[str, list[VideoFrame | AudioFrame]] = {"video": [], "audio": []}

        async def drain(track: MediaStreamTrack | None) -> None:
            assert track is not None
            with suppress(MediaStreamError):
                while True:
                    got[track.kind].append(await track.recv())  # type: ignore[arg-type]

        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(drain, source.video)
                tasks.start_soon(drain, source.audio)
    assert len(got["video"]) == 25
    assert 49 <= len(got["audio"]) <= 54, "AAC pads a little"
    assert all(isinstance(f, AudioFrame) and (f.sample_rate, f.samples) == (48000, 960) for f in got["audio"])
    times = [f.pts or 0 for f in got["audio"]]
    assert times == [times[0] + 960 * index for index in range(len(times))]


def test_looping_continues_the_time(clip: Path) -> None:
    frames = decoded(open_input(str(clip)), loop=True)
    times: dict[str, list[float]] = {"video": [], "audio": []}
    brightness = []
    while len(times["video"]) < 60:
        at, frame = next(frames)
        times["audio" if isinstance(frame, AudioFrame) else "video"].append(at)
        if isinstance(frame, VideoFrame):
            brightness.append(int(frame.to_ndarray()[0, 0]))
    frames.close()  # type: ignore[attr-defined]
    gaps = np.diff(times["video"])
    assert gaps.min() > 0.03
    assert gaps.max() < 0.12, "a loop must not jump"
    assert np.diff(times["audio"]).min() >= 0.019
    assert brightness[25] == brightness[0] < brightness[24]


def test_pictures_and_sound_come_in_order_of_time(clip: Path) -> None:
    times = [at for at, _ in decoded(open_input(str(clip)))]
    worst = max(max(times[:index]) - at for index, at in enumerate(times) if index)
    assert worst < 0.15, "a frame that comes late by much would be played late"


async def test_size_and_rate_can_be_asked_for(clip: Path, nothing_left: None) -> None:
    async with open_source(clip, size=(128, 70), fps=12.5) as source:
        frames = await read(source.video, 8)
    assert {(f.width, f.height) for f in frames if isinstance(f, VideoFrame)} == {(128, 70)}
    assert np.diff([f.time for f in frames]) == pytest.approx([0.08] * 7, abs=0.002)


async def test_a_synthetic_picture_moves_and_has_a_tone(nothing_left: None) -> None:
    async with open_source("synthetic", size=(320, 180), fps=50) as source:
        one, *_, other = await read(source.video, 5)
        (sound,) = await read(source.audio, 1)
    assert isinstance(one, VideoFrame)
    assert isinstance(other, VideoFrame)
    assert (one.width, one.height, one.format.name) == (320, 180, "yuv420p")
    a, b = one.to_ndarray(), other.to_ndarray()
    assert a[:180].std() > 20, "detailed"
    assert (a != b).mean() > 0.3, "moving"
    assert other.time == pytest.approx(4 / 50)
    assert isinstance(sound, AudioFrame)
    assert np.abs(sound.to_ndarray()).max() > 1000


@pytest.mark.alone
async def test_what_ffmpeg_reads_live_is_not_paced(nothing_left: None) -> None:
    # A camera's frames come when they come; FFmpeg's test pictures stand in for one, as fast as they are made.
    container = av.open("testsrc2=size=320x240:rate=30", format="lavfi")
    frames = decoded(Input(container, container.streams.video[0], None, is_live=True))
    async with MediaSource(frames, has_audio=False, paced=False) as source:
        begin = time.monotonic()
        got = await read(source.video, 30)
        assert time.monotonic() - begin < 0.9
    assert all(isinstance(frame, VideoFrame) and frame.width == 320 for frame in got)


async def test_a_late_reader_gets_the_newest(clip: Path, nothing_left: None) -> None:
    async with open_source(clip) as source:
        await read(source.video, 1)
        await anyio.sleep(0.6)
        (frame,) = await read(source.video, 1)
        assert frame.time is not None
        assert frame.time > 0.4


async def test_what_cannot_be_opened_is_refused_in_one_sentence(tmp_path: Path, nothing_left: None) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a video\n" * 100)
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(os.urandom(4096))
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    small = tmp_path / "small.mp4"
    with av.open(str(small), "w") as container:
        tiny = container.add_stream("libx264", rate=25)
        tiny.width, tiny.height, tiny.pix_fmt = 16, 16, "yuv420p"
        container.mux(tiny.encode(VideoFrame(16, 16, "yuv420p")))
        container.mux(tiny.encode(None))
    refused: list[tuple[str | Path, str]] = [
        (tmp_path / "missing.mp4", "There is no video file"),
        (tmp_path, "cannot be read"),
        (text, "no video|cannot be read"),
        (noise, "cannot be read"),
        (sound, "no video"),
        (small, "at least 24 x 4"),
        ("/dev/video97", "There is no camera"),
    ]
    for path, words in refused:
        with pytest.raises(InvalidInputError, match=words) as caught:
            open_source(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("size", "fps"), [((15, 20), None), ((22, 4), None), ((641, 480), None), (None, 0)])
def test_sizes_and_rates_that_cannot_be_are_refused(size: tuple[int, int] | None, fps: float | None) -> None:
    with pytest.raises(InvalidInputError):
        open_source("synthetic", size=size, fps=fps)


async def test_a_source_ends_also_when_its_task_is_cancelled(clip: Path, nothing_left: None) -> None:
    async def play(started: anyio.Event) -> None:
        async with open_source(clip, loop=True) as source:
            await read(source.video, 1)
            started.set()
            await anyio.sleep_forever()

    started = anyio.Event()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(play, started)
            await started.wait()
            tasks.cancel_scope.cancel()


async def test_a_source_that_was_never_read_or_is_forgotten_ends_too(clip: Path, nothing_left: None) -> None:
    async with open_source(clip, loop=True):
        pass
    forgotten = open_source("synthetic")
    await read(forgotten.video, 1)
    del forgotten


async def test_a_source_outlives_the_loop_it_was_read_on(clip: Path, nothing_left: None) -> None:
    source = open_source("synthetic", size=(64, 48))
    await anyio.to_thread.run_sync(lambda: asyncio.run(read(source.video, 2)))
    await read(source.video, 2)
    await source.aclose()
    await source.aclose()


def picture(value: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


async def test_the_newest_pushed_picture_wins() -> None:
    source = VideoSource(64, 48, fps=100)
    for value in (0, 100, 200):
        source.push(picture(value))
    frame = await source.recv()
    assert (frame.width, frame.height, frame.format.name, frame.pts) == (64, 48, "yuv420p", 0)
    assert abs(int(frame.to_ndarray(format="rgb24")[20, 20, 0]) - 200) < 4
    assert source.dropped == 2
    source.stop()
    with pytest.raises(MediaStreamError):
        await source.recv()


@pytest.mark.alone
async def test_pushing_faster_than_the_rate_sends_at_the_rate() -> None:
    source = VideoSource(64, 48, fps=20)
    times: list[float | None] = []

    async def push() -> None:
        while True:
            source.push(picture(1))
            await anyio.sleep(0.004)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(push)
            times += [(await source.recv()).time for _ in range(12)]
            tasks.cancel_scope.cancel()
    gaps = np.diff(np.array(times, float))
    assert gaps.min() > 0
    assert gaps[1:].mean() == pytest.approx(0.05, abs=0.01)


async def test_the_pushed_array_may_be_reused_and_pushed_from_a_thread() -> None:
    source = VideoSource(64, 48)
    array = picture(250)

    def produce() -> None:
        source.push(array)
        array[:] = 0

    thread = threading.Thread(target=produce)
    thread.start()
    with anyio.fail_after(2):
        frame = await source.recv()
    thread.join()
    assert frame.to_ndarray(format="rgb24")[20, 20, 0] > 240


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        ("bgr24", (48, 64, 3)),
        ("rgba", (48, 64, 4)),
        ("bgra", (48, 64, 4)),
        ("gray8", (48, 64)),
        ("yuv420p", (72, 64)),
        ("nv12", (72, 64)),
    ],
)
async def test_every_format_is_taken(layout: str, shape: tuple[int, ...]) -> None:
    source = VideoSource(64, 48, format=layout)  # type: ignore[arg-type]
    source.push(np.full(shape, 128, np.uint8))
    assert abs(int((await source.recv()).to_ndarray()[10, 10]) - 126) < 4


@pytest.mark.parametrize(
    "view",
    [
        lambda array: array[::-1],
        lambda array: array[:, ::-1],
        lambda array: array[::-1, ::-1],
        lambda array: array[..., ::-1],
        lambda array: np.repeat(array, 2, axis=1)[:, ::2],
        lambda array: np.repeat(array, 2, axis=0)[::2],
        lambda array: array.transpose(1, 0, 2).copy().transpose(1, 0, 2),
    ],
)
async def test_a_view_in_any_direction_is_as_good_as_its_copy(
    view: Callable[[np.ndarray], np.ndarray],
) -> None:
    array = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    pictures: list[Any] = []
    for pushed in (view(array), np.ascontiguousarray(view(array))):
        source = VideoSource(64, 48)
        source.push(pushed)
        pictures.append((await source.recv()).to_ndarray())
    assert np.array_equal(pictures[0], pictures[1])


def test_arrays_and_settings_that_cannot_be_are_refused() -> None:
    source = VideoSource(64, 48)
    for array in (picture(0, 47), picture(0)[..., :1], picture(0).astype(np.float32), [1, 2], None):
        with pytest.raises(InvalidInputError, match="uint8 array of shape"):
            source.push(array)  # type: ignore[arg-type]
    for settings in (
        {"width": 63, "height": 48},
        {"width": 64, "height": 2},
        {"width": 64, "height": 48, "fps": 0},
        {"width": 64, "height": 48, "format": "yuyv"},
    ):
        with pytest.raises(InvalidInputError):
            VideoSource(**settings)

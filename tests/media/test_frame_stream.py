"""The stream of received pictures: the right pixels, the newest of them, and no thread left."""

from __future__ import annotations

import threading
from fractions import Fraction

import anyio
import numpy as np
import pytest
from av import VideoFrame

from realtime_fast.errors import InvalidInputError
from realtime_fast.media.frame_stream import BACKLOG, FrameStream

from tests.support import eventually


def frame(pts: int, gray: int = 100, size: tuple[int, int] = (64, 48)) -> VideoFrame:
    width, height = size
    made = VideoFrame.from_ndarray(np.full((height * 3 // 2, width), gray, np.uint8), format="yuv420p")
    made.pts, made.time_base = pts, Fraction(1, 90000)
    return made


def converters() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("convert")]


async def test_pictures_arrive_as_arrays_in_the_format_asked_for() -> None:
    shapes = {"rgb24": (48, 64, 3), "bgra": (48, 64, 4), "gray8": (48, 64), "yuv420p": (72, 64)}
    for format_, shape in shapes.items():
        async with FrameStream(format_) as stream:  # type: ignore[arg-type]
            stream.put(frame(9000), 7)
            got = await anext(stream)
            assert got.array.shape == shape
            assert got.array.dtype == np.uint8
            assert (got.pts, got.time, got.seq) == (9000, 0.1, 7)


async def test_the_newest_wins_for_a_slow_reader() -> None:
    async with FrameStream() as stream:
        for pts in range(100):
            stream.put(frame(pts))
        assert (await anext(stream)).pts == 99
        assert stream.dropped == 99


async def test_all_of_them_within_bounds() -> None:
    async with FrameStream(latest=False) as stream:
        for pts in range(BACKLOG + 5):
            stream.put(frame(pts))
        assert [(await anext(stream)).pts for _ in range(BACKLOG)] == list(range(5, BACKLOG + 5))
        assert stream.dropped == 5


async def test_closing_wakes_the_reader_but_keeps_what_came_before() -> None:
    closed: list[FrameStream] = []
    stream = FrameStream(latest=False, on_close=closed.append)
    stream.put(frame(1))
    seen = [(await anext(stream)).pts]
    stream.put(frame(2))

    async def read() -> None:
        seen.extend([got.pts async for got in stream])

    with anyio.fail_after(2):
        async with anyio.create_task_group() as tasks:
            stream.close()
            stream.close()
            stream.put(frame(3))
            tasks.start_soon(read)
    assert seen == [1, 2]
    assert closed == [stream]


async def test_a_waiting_reader_is_woken_by_the_end() -> None:
    stream = FrameStream()

    async def read() -> None:
        assert [got async for got in stream] == []

    with anyio.fail_after(2):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            stream.close()


async def test_large_pictures_are_converted_by_a_thread_and_it_is_not_left() -> None:
    async with FrameStream() as stream:
        stream.put(frame(1))
        assert (await anext(stream)).array.shape == (48, 64, 3)
        assert not converters(), "the way to a thread takes longer than such a picture"
        stream.put(frame(2, size=(1280, 704)))
        assert (await anext(stream)).array.shape == (704, 1280, 3)
        assert converters()
    await eventually(lambda: not converters(), 2)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="rgb24"):
        FrameStream("rgb")  # type: ignore[arg-type]

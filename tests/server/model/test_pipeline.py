"""Queues and delays of the pipeline, without a network."""

from __future__ import annotations

import threading
import time
from collections import deque
from fractions import Fraction

import anyio
import av
import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from realtime_fast import marker
from realtime_fast.server.model.effect import Effect, canvas
from realtime_fast.server.model.fan_out import FanOut, Frame, Freshest
from realtime_fast.server.model.pipeline import DelayLine, Pipeline
from realtime_fast.stamps import FrameTiming, Stamp

from tests.support import eventually


class Pushed(MediaStreamTrack):
    """A remote track whose frames the test pushes."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._frames: deque[av.VideoFrame | None] = deque()
        self._wake = anyio.Event()

    def push(self, frame: av.VideoFrame | None) -> None:
        """None ends the track."""
        self._frames.append(frame)
        self._wake.set()

    async def recv(self) -> av.VideoFrame:
        while not self._frames:
            self._wake = anyio.Event()
            await self._wake.wait()
        frame = self._frames.popleft()
        if frame is None:
            raise MediaStreamError
        return frame


def picture(pts: int, size: tuple[int, int] = (64, 32), seq: int | None = None) -> av.VideoFrame:
    frame = canvas(*size)
    frame.pts, frame.time_base = pts, Fraction(1, 30)
    if seq is not None:
        marker.stamp(frame, seq)
    return frame


@pytest.mark.alone
async def test_the_delay_line_keeps_order_rate_and_delay() -> None:
    delivered: list[tuple[int, float]] = []
    put: list[float] = []
    line = DelayLine(0.2, 60, lambda frame, _: delivered.append((frame.pts or 0, time.monotonic())))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(line.run)
        for n in range(30):
            put.append(time.monotonic())
            line.put(picture(n), 0.0)
            await anyio.sleep(0.01)
        await eventually(lambda: len(delivered) == 30)
        tasks.cancel_scope.cancel()
    assert [pts for pts, _ in delivered] == list(range(30))
    held = sorted(at - began for (_, at), began in zip(delivered, put, strict=True))
    assert held[0] >= 0.2
    assert held[3] < 0.215  # a busy machine may be late for some, never early


async def test_the_delay_line_is_bounded_and_drops_the_oldest() -> None:
    line = DelayLine(1.0, 10, lambda _, __: None)
    for n in range(25):
        line.put(picture(n), 0.0)
    assert (len(line), line.skipped) == (20, 5)


async def test_a_queue_of_the_freshest_passes_bursts_and_skips_what_is_old() -> None:
    queue: Freshest[int] = Freshest(4, 0.1)
    for n in range(6):
        queue.put(n)
    assert [await queue.get() for _ in range(3)] == [2, 3, 4]
    assert (len(queue), queue.skipped) == (1, 2)
    await anyio.sleep(0.15)
    assert await queue.get() == 5  # old, but nothing is newer
    queue.put(6)
    queue.put(7)
    await anyio.sleep(0.15)
    queue.put(8)
    assert await queue.get() == 8
    assert queue.skipped == 4
    queue.close()
    with pytest.raises(anyio.EndOfStream):
        await queue.get()


async def test_a_receiver_that_is_behind_disturbs_nobody() -> None:
    fan = FanOut("video")
    slow, quick = fan.outlet(), fan.outlet()
    for n in range(3):
        fan.put(picture(n))
    assert (await slow.recv()).pts == 2  # nobody begins with the past, nor is that a loss
    assert (await quick.recv()).pts == 2
    assert fan.skipped == 0
    got: list[Frame] = []
    for n in range(3, 50):
        fan.put(picture(n))
        got.append(await quick.recv())
    assert [frame.pts for frame in got] == list(range(3, 50))
    assert (slow.skipped, quick.skipped) == (31, 0)
    assert fan.skipped == 31
    slow.stop()
    slow.stop()
    assert fan.skipped == 31
    with pytest.raises(MediaStreamError):
        await slow.recv()
    fan.close()
    with pytest.raises(MediaStreamError):
        await quick.recv()


async def test_ending_an_outlet_wakes_its_reader() -> None:
    fan = FanOut("video")
    outlet = fan.outlet()

    async def read() -> None:
        with pytest.raises(MediaStreamError):
            await outlet.recv()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            fan.close()


async def run_through(pipeline: Pipeline, frames: list[av.VideoFrame], expected: int) -> list[av.VideoFrame]:
    """Push frames in one burst and collect what comes out."""
    source, out = Pushed(), pipeline.video.outlet()
    finished: list[av.VideoFrame] = []
    with anyio.fail_after(20):
        async with pipeline.running(), anyio.create_task_group() as tasks:

            async def collect() -> None:
                while len(finished) < expected:
                    frame = await out.recv()
                    assert isinstance(frame, av.VideoFrame)
                    finished.append(frame)

            tasks.start_soon(pipeline.feed, source)
            tasks.start_soon(collect)
            for frame in frames:
                source.push(frame)
            source.push(None)
    return finished


def silent() -> None:
    pass


async def test_the_number_that_came_in_goes_out_on_the_same_picture() -> None:
    pipeline = Pipeline(delay=0, on_output=silent)
    pipeline.effect = Effect("dark and strange")
    out = await run_through(pipeline, [picture(0, seq=513), picture(1), picture(2, seq=7)], 3)
    assert [(frame.pts, marker.read(frame)) for frame in out][:1] == [(0, 513)]
    assert [marker.read(frame) for frame in out][2] == 7
    assert not isinstance(marker.read(out[1]), int)
    assert pipeline.markers_read == 2


@pytest.mark.parametrize("size", [(23, 32), (64, 3), (25, 5), (2, 2)])
async def test_pictures_too_small_or_odd_for_a_marker_pass(size: tuple[int, int]) -> None:
    pipeline = Pipeline(delay=0, on_output=silent)
    pipeline.effect = Effect("p")
    pipeline.stamp_next(5)
    (out,) = await run_through(pipeline, [picture(3, size)], 1)
    assert ((out.width, out.height), out.pts) == (size, 3)


async def test_pass_through_leaves_the_picture_alone() -> None:
    frame = picture(0)
    (out,) = await run_through(Pipeline(delay=0, on_output=silent), [frame], 1)
    assert out is frame


async def test_a_number_travels_with_its_picture_and_is_not_written_into_it() -> None:
    pipeline, frame = Pipeline(delay=0, on_output=silent), picture(0)
    pipeline.stamp_next(99)
    (out,) = await run_through(pipeline, [frame], 1)
    assert out.opaque == Stamp(99), "for the sender, which stamps the copy that it encodes"
    assert marker.read(frame) is None


@pytest.mark.parametrize("prompt", [None, "p"])
async def test_what_a_picture_says_of_itself_goes_with_what_is_made_of_it(prompt: str | None) -> None:
    pipeline = Pipeline(delay=0, on_output=silent)
    pipeline.effect = Effect(prompt)
    outlet, said = pipeline.video.outlet(), FrameTiming(1_795_780_800_000_000, 7)
    frame = picture(0, (320, 192))
    frame.opaque = said
    (out,) = await run_through(pipeline, [frame], 1)
    assert isinstance(out, av.VideoFrame)
    assert outlet.stamp_for(out, True) == Stamp(timing=said)


async def test_large_cells_are_read_where_they_are_stamped() -> None:
    pipeline, frame = Pipeline(delay=0, on_output=silent), picture(0, (320, 192))
    pipeline.cell = 8
    marker.stamp(frame, 1234, cell=8)
    (out,) = await run_through(pipeline, [frame], 1)
    assert out.opaque == Stamp(1234, 8)


@pytest.mark.alone
async def test_a_burst_passes_whole_and_overload_leaves_the_freshest() -> None:
    burst = await run_through(Pipeline(delay=0, on_output=silent), [picture(n) for n in range(12)], 12)
    assert [frame.pts for frame in burst] == list(range(12))
    pipeline = Pipeline(delay=0, on_output=silent)
    pipeline.slow = 0.2
    overload = await run_through(pipeline, [picture(n) for n in range(12)], 2)
    assert [frame.pts for frame in overload] == [0, 11]
    assert pipeline.figures().skipped_in == 10


async def test_a_stalled_pipeline_sends_nothing_and_comes_back() -> None:
    finished: list[int | None] = []
    outputs: list[int] = []

    class Watched(Pipeline):
        def _finished(self, frame: Frame, began: float) -> None:
            super()._finished(frame, began)
            finished.append(frame.pts)

    pipeline = Watched(delay=0, on_output=lambda: outputs.append(1))
    source = Pushed()
    async with pipeline.running(), anyio.create_task_group() as tasks:
        tasks.start_soon(pipeline.feed, source)
        pipeline.stalled = True
        source.push(picture(0))
        await eventually(lambda: finished == [0])
        assert outputs == []
        pipeline.stalled = False
        source.push(picture(1))
        await eventually(lambda: outputs)
        assert finished == [0, 1]
        tasks.cancel_scope.cancel()


async def test_its_thread_ends_with_it_even_when_busy() -> None:
    pipeline = Pipeline(delay=0, on_output=silent)
    pipeline.slow = 30
    source = Pushed()
    began = time.monotonic()
    with anyio.move_on_after(0.2):
        async with pipeline.running(), anyio.create_task_group() as tasks:
            tasks.start_soon(pipeline.feed, source)
            source.push(picture(0))
            await anyio.sleep_forever()
    assert time.monotonic() - began < 2
    assert not [t for t in threading.enumerate() if t.name.startswith("model")]

"""What dies says so in one `error` event with its cause; the rest goes on, and the state tells the truth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from typing import Any

import anyio
import av
import pytest
from aiortc import MediaStreamTrack, VideoStreamTrack
from av import VideoFrame
from av.filter import Graph

from realtime_fast import LatencyTracking, RealtimeClient, RealtimeError, Telemetry
from realtime_fast.diagnostics.latency_tracker import LatencyTracker
from realtime_fast.diagnostics.stall import StallDetector
from realtime_fast.diagnostics.telemetry_sender import TelemetrySender
from realtime_fast.errors import TransportName
from realtime_fast.ivs import SendingFailed, Stage
from realtime_fast.media.sources import MediaSource
from realtime_fast.peer.sender import VideoSendStream
from realtime_fast.server import Service
from realtime_fast.session.connect_loop import ConnectLoop

from tests.support import KEY, Colour, Issue, Watch, eventually, first_picture, options


class Dying(Colour):
    """Pictures, and then an exception."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    async def recv(self) -> VideoFrame:
        if self.given == 10:
            raise self.error
        return await super().recv()


@pytest.mark.parametrize("error", [LookupError(f"lens {KEY}"), asyncio.CancelledError()])
async def test_a_track_that_raises_is_told_once_and_the_session_lives(
    service: Service, transport: TransportName, watch: Watch, error: BaseException
) -> None:
    async with RealtimeClient.connect(service.url, KEY, Dying(error), options(transport=transport)) as client:
        (told,) = await eventually(lambda: watch.errors)
        assert "The local video track ended on" in str(told)
        assert type(error).__name__ in str(told) or "CancelledError" in str(told)
        assert KEY not in str(told) + repr(told.__cause__)
        assert told.__cause__ is not None
        await client.set_prompt("boat")
        assert client.is_connected()
    assert len(watch.errors) == 1


async def test_a_source_that_fails_says_what_of(service: Service, watch: Watch) -> None:
    def frames() -> Any:
        for n in range(10):
            yield n / 30, VideoFrame(320, 240, "yuv420p")
        raise av.error.InvalidDataError(1, "damaged")

    async with (
        MediaSource(frames(), has_audio=False, paced=True) as source,
        RealtimeClient.connect(service.url, KEY, source, options()) as client,
    ):
        (told,) = await eventually(lambda: watch.errors)
        assert isinstance(told.__cause__, av.error.InvalidDataError)
        assert client.is_connected()


async def test_a_source_that_ends_is_no_failure(service: Service, watch: Watch) -> None:
    def frames() -> Any:
        for n in range(10):
            yield n / 30, VideoFrame(320, 240, "yuv420p")

    async with (
        MediaSource(frames(), has_audio=False, paced=True) as source,
        RealtimeClient.connect(service.url, KEY, source, options()) as client,
    ):
        await eventually(lambda: source.video.readyState == "ended")
        await client.set_prompt("boat")
    assert watch.errors == []


async def test_an_encoder_that_fails_is_told_once_and_made_anew(
    service: Service,
    transport: TransportName,
    camera: MediaSource,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = 3
    work = VideoSendStream._work

    def failing(stream: VideoSendStream, *args: Any) -> Any:
        nonlocal failures
        track: Any = stream._track
        while track is not None and track is not camera.video:
            track = getattr(track, "_source", None)
        if track is not None and failures > 0:  # the service encodes in this process too
            failures -= 1
            raise OSError("no encoder today")
        return work(stream, *args)

    async with RealtimeClient.connect(service.url, KEY, camera, options(transport=transport)) as client:
        await first_picture(client)
        monkeypatch.setattr(VideoSendStream, "_work", failing)
        (told,) = await eventually(lambda: watch.errors)
        assert "The encoder of a local track ended on OSError: no encoder today" in str(told)
        await eventually(lambda: failures == 0)
        assert client.is_connected()
    assert len(watch.errors) == 1


def broken(*_: Any, **__: Any) -> Any:
    raise LookupError("a bug")


async def broken_later(*_: Any, **__: Any) -> Any:
    await anyio.lowlevel.checkpoint()
    raise LookupError("a bug")


@pytest.mark.parametrize(
    ("owner", "name", "by", "what"),
    [
        (TelemetrySender, "_flush", broken_later, "Telemetry"),
        (LatencyTracker, "run", broken_later, "Latency tracking"),
        (StallDetector, "tick", broken, "Stall detection"),
    ],
)
async def test_a_part_that_the_session_can_do_without_is_told_once(
    service: Service,
    camera: MediaSource,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    by: Callable[..., Any],
    what: str,
) -> None:
    assert hasattr(owner, name)
    monkeypatch.setattr(owner, name, by)
    wanted = options(
        telemetry=Telemetry("http://127.0.0.1:9/", interval=0.1),
        latency_tracking=LatencyTracking(pixel_marker=True),
    )
    async with RealtimeClient.connect(service.url, KEY, camera, wanted) as client:
        (told,) = await eventually(lambda: watch.errors)
        assert str(told).startswith(f"{what} ended on LookupError: a bug")
        assert isinstance(told.__cause__, LookupError)
        await first_picture(client)
        assert client.is_connected()
        if what == "Telemetry":
            monkeypatch.undo()  # it has its last words on the way out


async def test_statistics_that_cannot_be_read_are_told_once(
    service: Service, camera: MediaSource, watch: Watch
) -> None:
    async with RealtimeClient.connect(service.url, KEY, camera, options(stats_interval_ms=500)) as client:
        link: Any = client._session.connect_loop.live.link  # type: ignore[union-attr]
        link.stats = broken_later
        (told,) = await eventually(lambda: watch.errors)
        assert str(told).startswith("Statistics ended on LookupError")
        await first_picture(client)


async def test_a_bug_in_the_session_itself_ends_it_and_says_so(
    service: Service, camera: MediaSource, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ConnectLoop, "_dial", broken_later)
    with pytest.raises(RealtimeError, match="The session ended on LookupError: a bug"):
        await RealtimeClient.connect(service.url, KEY, camera, options())
    assert len(watch.errors) == 1


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_callback_that_raises_a_cancellation_ends_nothing(
    service: Service, camera: MediaSource, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def cancel(_: object) -> None:
        raise asyncio.CancelledError

    async def cancel_later(_: object) -> None:
        await anyio.lowlevel.checkpoint()
        raise asyncio.CancelledError

    wanted = options(on_remote_stream=cancel, stats_interval_ms=500)
    connecting = RealtimeClient.connect(service.url, KEY, camera, wanted)
    connecting.on("connection_change", cancel_later if is_async else cancel)
    connecting.on("stats", cancel_later if is_async else cancel)
    async with connecting as client:
        await eventually(lambda: caplog.text.count("callback failed") >= 3)
        await client.set_prompt("boat")
        await first_picture(client)


async def test_a_hook_that_raises_a_cancellation_fails_the_attempt(
    service: Service, camera: MediaSource
) -> None:
    async def customize(_: object) -> None:
        raise asyncio.CancelledError

    with anyio.fail_after(20), pytest.raises(RealtimeError, match="CancelledError"):
        await RealtimeClient.connect(service.url, KEY, camera, options(customize_offer=customize))


def flipped(frame: VideoFrame) -> VideoFrame:
    """Upside down, as FFmpeg does it: with negative strides."""
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 90_000)
    )
    flip, sink = graph.add("vflip"), graph.add("buffersink")
    source.link_to(flip)
    flip.link_to(sink)
    graph.configure()
    graph.push(frame)
    out = graph.pull()
    assert isinstance(out, VideoFrame)
    return out


PICTURES: dict[str, Callable[[], VideoFrame]] = {
    "yuv422p": lambda: VideoFrame(320, 240, "yuv422p"),
    "10 bit": lambda: VideoFrame(320, 240, "yuv420p10le"),
    "p010": lambda: VideoFrame(320, 240, "p010le"),
    "palette": lambda: VideoFrame(320, 240, "rgb24").reformat(format="rgb8"),
    "grey 16": lambda: VideoFrame(320, 240, "gray16le"),
    "small": lambda: VideoFrame(16, 16, "yuv420p"),
    "odd": lambda: VideoFrame(321, 241, "yuv420p"),
    "flipped": lambda: flipped(VideoFrame(320, 240, "yuv420p")),
    "flipped rgb": lambda: flipped(VideoFrame(320, 240, "rgb24")),
}


class Odd(VideoStreamTrack):
    """Pictures of an odd kind."""

    def __init__(self, make: Callable[[], VideoFrame]) -> None:
        super().__init__()
        self.make = make

    async def recv(self) -> VideoFrame:
        frame = self.make()
        frame.pts, frame.time_base = await self.next_timestamp()
        return frame


@pytest.mark.parametrize("kind", PICTURES)
async def test_pictures_that_no_marker_fits_on_are_sent_all_the_same(
    service: Service, watch: Watch, kind: str
) -> None:
    tracking = LatencyTracking(pixel_marker=True, probe_interval_ms=0)
    wanted = options(latency_tracking=tracking)
    async with RealtimeClient.connect(service.url, KEY, Odd(PICTURES[kind]), wanted) as client:
        pictures = client.frames()
        with anyio.fail_after(15):
            for _ in range(3):
                await anext(pictures)
    assert watch.errors == []


async def first(events: AsyncIterator[Any], kind: type[SendingFailed]) -> AsyncIterator[SendingFailed]:
    async for event in events:
        if isinstance(event, kind):
            yield event
            return


async def test_a_track_that_dies_on_a_stage_is_an_event(stage_token: Issue) -> None:
    cause = LookupError("lens")
    async with Stage(stage_token()) as stage:
        events = stage.events()
        track: MediaStreamTrack = Dying(cause)
        publication = await stage.publish(video=track)
        with anyio.fail_after(10):
            failed = [event async for event in first(events, SendingFailed)]
        assert [event.error.__cause__ for event in failed] == [cause]
        assert publication in stage.streams.values()

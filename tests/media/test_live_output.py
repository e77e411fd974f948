"""Recordings that are live streams, sent over loopback; FFmpeg is the far end."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
import av
import numpy as np
import pytest

from realtime_fast.errors import InvalidInputError, RealtimeError
from realtime_fast.media import ReceivedTrack, Recorder
from realtime_fast.media.destination import has_protocol

from tests.support import Colour, Tone, eventually

KEY = "s3cret-stream-key"
PLACES = {"rtmp": "rtmp://127.0.0.1:{port}/live/" + KEY, "srt": "srt://127.0.0.1:{port}?streamid=" + KEY}
LISTENING: dict[str, tuple[str, dict[str, str]]] = {
    "rtmp": (PLACES["rtmp"], {"listen": "1"}),
    "srt": ("srt://127.0.0.1:{port}?mode=listener", {}),
}
SCHEMES = [
    "rtmp",
    pytest.param(
        "srt",
        marks=pytest.mark.skipif(not has_protocol("srt"), reason="FFmpeg as it is installed has no srt"),
    ),
]
KINDS = {"rtmp": socket.SOCK_STREAM, "srt": socket.SOCK_DGRAM}


def free_port(scheme: str) -> int:
    with socket.socket(socket.AF_INET, KINDS[scheme]) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def received(recorder: Recorder) -> AsyncIterator[None]:
    """Record a red picture and a tone for the length of the block."""
    async with anyio.create_task_group() as tasks:
        for source in (Colour((200, 30, 30)), Tone()):
            track = ReceivedTrack(source)
            recorder.add(track)
            tasks.start_soon(track.pump)
        yield
        tasks.cancel_scope.cancel()


def watch(scheme: str, port: int, until: Callable[[int], bool]) -> tuple[np.ndarray[Any, Any], set[str]]:
    """Listen, and return the colour of a late picture and the codecs that came; blocking."""
    place, options = LISTENING[scheme]
    with av.open(place.format(port=port), options=options, timeout=20) as container:
        codecs = {
            stream.codec_context.name for stream in (*container.streams.video, *container.streams.audio)
        }
        for count, frame in enumerate(container.decode(container.streams.video[0])):
            if until(count):
                mean = frame.to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
                return mean, codecs
    raise AssertionError("the stream ended early")


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_stream_is_sent_on_and_its_end_is_told_once(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port(scheme)
    recorder = Recorder(PLACES[scheme].format(port=port))
    assert recorder.path is None
    seen: list[tuple[np.ndarray[Any, Any], set[str]]] = []

    async def listen() -> None:
        seen.append(await anyio.to_thread.run_sync(watch, scheme, port, lambda count: count == 30))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await listening(scheme, port)
        async with received(recorder):
            await eventually(lambda: seen, 30)
            # The far end is gone now: the recording ends, and what is received goes on.
            await eventually(lambda: "could not be written" in caplog.text, 20)
    (colour, codecs) = seen[0]
    assert np.abs(colour - (200, 30, 30)).max() < 12
    assert codecs == {"h264", "aac"}
    with pytest.raises(
        RealtimeError, match=rf"The recording {scheme}://127\.0\.0\.1 could not be written"
    ) as caught:
        await recorder.aclose()
    assert (
        KEY not in f"{caplog.text} {caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    )
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


async def listening(scheme: str, port: int) -> None:
    """Return once somebody has the port."""

    def taken() -> bool:
        with socket.socket(socket.AF_INET, KINDS[scheme]) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return True
        return False

    await eventually(taken, 20)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_far_end_that_refuses_is_one_clear_error(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(PLACES[scheme].format(port=free_port(scheme)))
    with pytest.raises(RealtimeError, match="could not be written") as caught:
        async with recorder, received(recorder):
            await eventually(lambda: "could not be written" in caplog.text, 20)
    assert KEY not in f"{caplog.text} {caught.value!r}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rtmp://", "names no host"),
        ("srt://[::", "names no host"),
        ("udp://127.0.0.1:9", "rtmp:// or srt://"),
    ],
)
def test_what_is_no_destination(name: str, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        Recorder(name)

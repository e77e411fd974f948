"""A peer under garbage, cancellation and repetition: clear errors, prompt ends, nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from aiortc import AudioStreamTrack, VideoStreamTrack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime_fast.control.messages import Candidate
from realtime_fast.errors import IceError
from realtime_fast.peer import Peer, open_peer
from realtime_fast.peer.link_events import LinkEvent, TrackArrived


def ignore(_: LinkEvent) -> None:
    pass


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """What the block starts is gone shortly after it: tasks, threads, file descriptors."""
    gc.collect()
    tasks, threads, files = asyncio.all_tasks(), set(threading.enumerate()), descriptors()
    yield
    deadline = time.monotonic() + 5
    while True:
        gc.collect()
        left = (asyncio.all_tasks() - tasks, set(threading.enumerate()) - threads, descriptors() - files)
        if not left[0] and not left[1] and left[2] <= 0:
            return
        assert time.monotonic() < deadline, left
        await anyio.sleep(0.01)


async def connect(caller: Peer, callee: Peer) -> None:
    caller.send(VideoStreamTrack())
    caller.send(AudioStreamTrack())
    offer = await caller.create_offer()
    await caller.accept_answer(await callee.create_answer(offer, (VideoStreamTrack(), AudioStreamTrack())))
    await caller.wait_up()
    await callee.wait_up()


async def example(kind: str) -> str:
    async with open_peer(ignore) as caller, open_peer(ignore) as callee:
        caller.send(VideoStreamTrack())
        caller.send(AudioStreamTrack())
        offer = await caller.create_offer()
        return offer if kind == "offer" else await callee.create_answer(offer)


EXAMPLES = {kind: anyio.run(example, kind) for kind in ("offer", "answer")}


@st.composite
def damaged(draw: st.DrawFn, sdp: str) -> str:
    """A real description with lines lost, doubled, swapped or garbled."""
    lines = sdp.splitlines()
    for _ in range(draw(st.integers(1, 6))):
        if not lines:
            break
        spot = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(("drop", "double", "swap", "cut", "garble", "number"))):
            case "drop":
                del lines[spot]
            case "double":
                lines.insert(spot, lines[spot])
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[spot], lines[other] = lines[other], lines[spot]
            case "cut":
                lines[spot] = lines[spot][: draw(st.integers(0, len(lines[spot])))]
            case "garble":
                lines[spot] = lines[spot][:2] + draw(st.text(max_size=20))
            case _:
                lines[spot] = lines[spot].replace(draw(st.sampled_from("0123456789")), "99999")
    return "\r\n".join(lines) + "\r\n"


fuzz = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.timeout(300)
@given(sdp=damaged(EXAMPLES["offer"]) | st.text(max_size=60))
@fuzz
def test_any_offer_is_answered_or_refused(sdp: str) -> None:
    async def run() -> None:
        with anyio.fail_after(15):
            async with nothing_left(), open_peer(ignore) as callee:
                with suppress(IceError):
                    assert await callee.create_answer(sdp, (VideoStreamTrack(),))

    anyio.run(run)


@pytest.mark.timeout(300)
@given(sdp=damaged(EXAMPLES["answer"]) | st.text(max_size=60))
@fuzz
def test_any_answer_is_taken_or_refused(sdp: str) -> None:
    async def run() -> None:
        with anyio.fail_after(15):
            async with nothing_left(), open_peer(ignore) as caller:
                caller.send(VideoStreamTrack())
                caller.send(AudioStreamTrack())
                await caller.create_offer()
                with suppress(IceError):
                    await caller.accept_answer(sdp)

    anyio.run(run)


WORDS = """
    candidate:1 1 0 -5 udp TCP 2130706431 99999 127.0.0.1 ::1 host x.local typ srflx relay prflx
    raddr rport tcptype active generation
"""
candidates = st.builds(
    " ".join,
    st.lists(
        st.sampled_from(WORDS.split()) | st.text(max_size=8),
        max_size=12,
    ),
)


@pytest.mark.timeout(300)
@given(
    texts=st.lists(
        st.tuples(candidates, st.none() | st.text(max_size=3), st.none() | st.integers(-2, 3)), max_size=30
    )
)
@settings(max_examples=8, deadline=None)
def test_candidates_of_any_kind_do_no_harm(texts: list[tuple[str, str | None, int | None]]) -> None:
    async def run() -> None:
        with anyio.fail_after(30):
            async with nothing_left(), open_peer(ignore) as caller, open_peer(ignore) as callee:
                caller.send(VideoStreamTrack())
                answer = await callee.create_answer(await caller.create_offer())
                for text, mid, index in texts:
                    await callee.add_candidate(Candidate(candidate=text, sdpMid=mid, sdpMLineIndex=index))
                    await caller.add_candidate(Candidate(candidate=text, sdpMid=mid, sdpMLineIndex=index))
                await caller.accept_answer(answer)
                await caller.wait_up()

    anyio.run(run)


@pytest.mark.parametrize("seed", range(60))
async def test_cancelled_anywhere_it_ends_at_once_and_leaves_nothing(seed: int) -> None:
    dice = random.Random(seed)
    arrived: list[TrackArrived] = []

    def report(event: LinkEvent) -> None:
        if isinstance(event, TrackArrived):
            arrived.append(event)

    async def session() -> None:
        async with open_peer(report) as caller, open_peer(ignore) as callee:
            await connect(caller, callee)
            for track in arrived:
                await track.track.recv()
            await caller.stats()

    async with nothing_left():
        steps = dice.randint(1, 120)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(session)
                await after(steps, dice)
                begin = time.monotonic()
                scope.cancel()
        assert time.monotonic() - begin < 3.0


async def after(steps: int, dice: random.Random) -> None:
    """Let the loop turn so often, now and then long enough for packets to come."""
    for _ in range(steps):
        await anyio.sleep(dice.choice((0, 0, 0, 0.001, 0.005)))


async def test_a_close_that_takes_too_long_is_cut_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime_fast.peer.peer.CLOSE_LIMIT", 0.0)
    async with nothing_left(), open_peer(ignore) as caller, open_peer(ignore) as callee:
        await connect(caller, callee)


@pytest.mark.slow
async def test_a_hundred_connections_leave_everything_flat() -> None:
    async def once() -> None:
        tracks: list[TrackArrived] = []

        def report(event: LinkEvent) -> None:
            if isinstance(event, TrackArrived):
                tracks.append(event)

        async with open_peer(report) as caller, open_peer(ignore) as callee:
            await connect(caller, callee)
            await tracks[0].track.recv()

    await once()
    async with nothing_left():
        for _ in range(100):
            with anyio.fail_after(20):
                await once()

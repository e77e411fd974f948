"""Datagrams of strangers: anybody can send anything to an open socket, and nothing comes of it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from aioice import stun
from aiortc import VideoStreamTrack
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.peer import Peer, demultiplexing, open_peer
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer.link_events import LinkLost, TrackArrived

from tests.peer.test_peer import Inbox


def message(kind: int, attribute: int, value: bytes) -> bytes:
    """A STUN message with one attribute."""
    content = struct.pack("!HH", attribute, len(value)) + value + bytes(-len(value) % 4)
    return struct.pack("!HHI12s", kind, len(content), stun.COOKIE, b"of a strange") + content


ANYTHING = (
    b"",
    *(bytes([first]) * size for first in range(0, 256, 3) for size in (1, 2, 12, 20, 60)),
    b"\x80\x60" + bytes(4_000),  # RTP larger than any
    b"\x80\xc8" + bytes(4_000),  # RTCP
    *(
        message(kind, attribute, bytes(size))
        for kind in (0x0001, 0x0101, 0x0111)  # a binding request, a response, an error
        for attribute in stun.ATTRIBUTES_BY_TYPE
        for size in (0, 1, 2, 3, 5)
    ),
)


def send_anything(*peers: Peer) -> None:
    """To every socket of theirs."""
    for peer in peers:
        for connection in peer._pc.ice_connections:
            for protocol in seams.protocols.of(connection):
                family = protocol.transport.get_extra_info("socket").family
                with socket.socket(family, socket.SOCK_DGRAM) as stranger:
                    for data in ANYTHING:
                        stranger.sendto(data, protocol.transport.get_extra_info("sockname"))


@asynccontextmanager
async def no_error_of_the_loop() -> AsyncIterator[None]:
    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: told.append(context))
    try:
        yield
    finally:
        loop.set_exception_handler(before)
    assert told == []


@pytest.mark.parametrize("when", ["before", "while"])
async def test_whatever_strangers_send_the_session_goes_on(when: str) -> None:
    near, far = Inbox(), Inbox()
    async with open_peer(near) as caller, open_peer(far) as callee, no_error_of_the_loop():
        caller.receive("video")
        offer = await caller.create_offer()
        answer = await callee.create_answer(offer, (VideoStreamTrack(),))
        if when == "before":
            send_anything(caller, callee)
        await caller.accept_answer(answer)
        with anyio.fail_after(10):
            await caller.wait_up()
            track = (await near.wait(TrackArrived)).track
            await track.recv()
            if when == "while":
                send_anything(caller, callee)
            for _ in range(10):
                await track.recv()
        assert not near.of(LinkLost) + far.of(LinkLost)


@given(
    st.integers(0, 0x3FFF),
    st.sampled_from(sorted(stun.ATTRIBUTES_BY_TYPE)),
    st.binary(max_size=40),
)
def test_any_message_is_one_or_none(kind: int, attribute: int, value: bytes) -> None:
    demultiplexing._is_message(message(kind, attribute, value))

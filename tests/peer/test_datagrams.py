"""RTP and RTCP in and out of a connection, past aiortc's own ways."""

from __future__ import annotations

import struct

import anyio
import pytest
from aiortc import VideoStreamTrack

from realtime_fast.peer import Peer, open_peer
from realtime_fast.peer.datagrams import Datagrams

from tests.peer.test_peer import Inbox, negotiate, until


def datagrams_of(peer: Peer) -> Datagrams:
    (media,) = peer._streams._media.values()
    return media._datagrams


@pytest.mark.parametrize("size", [12, 1_200, 1_400, 1_450])
async def test_packets_of_any_size_that_paths_take_are_sent(size: int) -> None:
    """GStreamer's have 1400 bytes, where this package's and browsers' stay below 1250."""
    async with open_peer(Inbox()) as caller, open_peer(Inbox()) as callee:
        caller.receive("video")
        await negotiate(caller, callee, VideoStreamTrack())
        with anyio.fail_after(10):
            await caller.wait_up()
            await callee.wait_up()
        packet = struct.pack("!BBHII", 0x80, 99, 1, 2, 77) + bytes(size - 12)
        taken: list[bytes] = []
        datagrams_of(caller)._take = taken.append
        assert datagrams_of(callee).send(packet)
        await until(lambda: packet in taken)

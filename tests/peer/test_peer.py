"""Two peers on this machine: negotiation, media, loss and closing, all over real sockets and codecs."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TypeVar

import anyio
import pytest
from aiortc import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError

from realtime_fast.control.messages import Candidate
from realtime_fast.errors import IceError, InvalidInputError
from realtime_fast.options import DEFAULT_ICE_SERVERS, IceServer
from realtime_fast.peer import Peer, consent, ice, open_peer
from realtime_fast.peer.link_events import LinkDiagnostic, LinkEvent, LinkLost, LinkUp, TrackArrived

T = TypeVar("T")


class Inbox:
    """Link events in order, and waiting for one of them."""

    def __init__(self) -> None:
        self.events: list[LinkEvent] = []
        self._changed = anyio.Event()

    def __call__(self, event: LinkEvent) -> None:
        self.events.append(event)
        self._changed.set()
        self._changed = anyio.Event()

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    async def wait(self, kind: type[T], count: int = 1) -> T:
        while len(self.of(kind)) < count:
            await self._changed.wait()
        return self.of(kind)[count - 1]

    def kinds(self) -> set[str]:
        return {event.kind for event in self.of(LinkDiagnostic)}


async def negotiate(caller: Peer, callee: Peer, *back: MediaStreamTrack) -> None:
    await caller.accept_answer(await callee.create_answer(await caller.create_offer(), back))


async def until(condition: object, limit: float = 5.0) -> None:
    assert callable(condition)
    with anyio.fail_after(limit):
        while not condition():
            await anyio.sleep(0.01)


async def test_media_flows_both_ways_and_the_story_is_told_in_order() -> None:
    near, far = Inbox(), Inbox()
    async with open_peer(near) as caller, open_peer(far) as callee:
        caller.send(VideoStreamTrack())
        caller.send(AudioStreamTrack())
        await negotiate(caller, callee, VideoStreamTrack(), AudioStreamTrack())
        with anyio.fail_after(5):
            await caller.wait_up()
            await callee.wait_up()
            for inbox in (near, far):
                await inbox.wait(TrackArrived, 2)
                for arrived in inbox.of(TrackArrived):
                    frame = await arrived.track.recv()
                    assert frame.pts is not None
        for inbox in (near, far):
            assert {arrived.kind for arrived in inbox.of(TrackArrived)} == {"audio", "video"}
            assert len(inbox.of(LinkUp)) == 1
            assert not inbox.of(LinkLost)
            assert inbox.kinds() >= {
                "iceCandidate",
                "iceStateChange",
                "peerConnectionStateChange",
                "signalingStateChange",
                "selectedCandidatePair",
            }
        pair = next(e.data for e in near.of(LinkDiagnostic) if e.kind == "selectedCandidatePair")
        assert set(pair) == {"local", "remote"}
        assert set(pair["local"]) == {"address", "port", "protocol", "candidate_type"}
        told = len(far.events)
    assert len(far.events) == told, "a peer that is being closed has nothing more to say"


async def test_a_viewer_offers_to_receive_only() -> None:
    near, far = Inbox(), Inbox()
    async with open_peer(near) as viewer, open_peer(far) as server:
        viewer.receive("video")
        viewer.receive("audio")
        await negotiate(viewer, server, VideoStreamTrack())
        with anyio.fail_after(5):
            await viewer.wait_up()
            arrived = await near.wait(TrackArrived)
            await arrived.track.recv()
        assert [arrived.kind for arrived in near.of(TrackArrived)] == ["video"]
        assert not far.of(TrackArrived)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_the_offer_prefers_the_codec_asked_for(codec: str) -> None:
    async with open_peer(Inbox(), video_codec=codec) as peer:  # type: ignore[arg-type]
        peer.send(VideoStreamTrack())
        sdp = await peer.create_offer()
    first = next(line for line in sdp.splitlines() if line.startswith("m=video")).split()[3]
    assert f"a=rtpmap:{first} {codec.upper()}/90000" in sdp


async def test_customize_offer_is_awaited_before_the_description_is_set() -> None:
    async def drop_audio(offer: object) -> None:
        await asyncio.sleep(0)
        offer.sdp = offer.sdp.replace("a=sendrecv", "a=sendonly")  # type: ignore[attr-defined]

    async with open_peer(Inbox()) as peer:
        peer.send(VideoStreamTrack())
        sdp = await peer.create_offer(drop_audio)
    assert "a=sendonly" in sdp
    assert "a=candidate" in sdp


async def test_candidates_may_come_before_the_description() -> None:
    near, far = Inbox(), Inbox()
    async with open_peer(near) as caller, open_peer(far) as callee:
        caller.send(VideoStreamTrack())
        offer = await caller.create_offer()
        answer = await callee.create_answer(offer)
        trickled = [line[2:] for line in answer.splitlines() if line.startswith("a=candidate:")]
        bare = "".join(
            line + "\r\n"
            for line in answer.splitlines()
            if not line.startswith(("a=candidate:", "a=end-of-candidates"))
        )
        await caller.add_candidate(Candidate(candidate=trickled[0], sdpMid="0"))
        await caller.accept_answer(bare)
        for line in trickled[1:]:
            await caller.add_candidate(Candidate(candidate=line, sdpMLineIndex=0))
        await caller.add_candidate(Candidate(candidate=""))
        await caller.add_candidate(None)
        with anyio.fail_after(5):
            await caller.wait_up()
        remote = [
            e.data
            for e in near.of(LinkDiagnostic)
            if e.kind == "iceCandidate" and e.data["source"] == "remote"
        ]
        assert len(remote) == len(trickled)


@pytest.mark.parametrize("text", ["nonsense", "candidate:", "candidate:1 x udp y 1.2.3.4 z typ host", "\0"])
async def test_a_candidate_that_cannot_be_read_is_left_out(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_peer(Inbox()) as caller, open_peer(Inbox()) as callee:
        caller.send(VideoStreamTrack())
        await negotiate(caller, callee)
        await caller.add_candidate(Candidate(candidate=text, sdpMid="0"))
        assert "unusable ICE candidate" in caplog.text
        with anyio.fail_after(5):
            await caller.wait_up()


@pytest.mark.parametrize(
    "sdp", ["", "nonsense", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=fmtp:97 x\r\n", "m=video\r\n"]
)
async def test_a_description_that_cannot_be_read_is_an_ice_error(sdp: str) -> None:
    async with open_peer(Inbox(), transport="ivs") as peer:
        peer.send(VideoStreamTrack())
        await peer.create_offer()
        with pytest.raises(IceError, match="far side's answer cannot be used") as caught:
            await peer.accept_answer(sdp)
        assert caught.value.code == "IVS_ICE_ERROR"


async def test_an_ice_server_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="http://example"):
        async with open_peer(Inbox(), ice_servers=[IceServer("http://example")]):
            pass


async def test_the_far_side_closing_is_a_loss_reported_once() -> None:
    near, far = Inbox(), Inbox()
    async with open_peer(near) as caller:
        async with open_peer(far) as callee:
            caller.send(VideoStreamTrack())
            await negotiate(caller, callee, VideoStreamTrack())
            with anyio.fail_after(5):
                await caller.wait_up()
                await callee.wait_up()
        with anyio.fail_after(1):
            lost = await near.wait(LinkLost)
        assert isinstance(lost.error, IceError)
        assert "closed" in str(lost.error)
        with pytest.raises(IceError):
            await caller.wait_up()
    assert len(near.of(LinkLost)) == 1
    assert not far.of(LinkLost)


async def test_a_far_side_gone_silent_is_noticed() -> None:
    near, far = Inbox(), Inbox()
    async with open_peer(near, silence_limit=1.0) as caller, open_peer(far) as callee:
        caller.send(VideoStreamTrack())
        await negotiate(caller, callee, VideoStreamTrack())
        with anyio.fail_after(5):
            await caller.wait_up()
            await callee.wait_up()
            await (await near.wait(TrackArrived)).track.recv()
        for connection in callee._pc.ice_connections:
            ice.abort(connection)
        cut = time.monotonic()
        with anyio.fail_after(3):
            lost = await near.wait(LinkLost)
        assert "silent" in str(lost.error)
        assert time.monotonic() - cut < 1.5


async def test_a_far_side_that_has_nothing_to_send_is_not_lost() -> None:
    near = Inbox()
    async with open_peer(near, silence_limit=0.4) as viewer, open_peer(Inbox()) as server:
        viewer.receive("video")
        await negotiate(viewer, server)
        with anyio.fail_after(5):
            await viewer.wait_up()
        heard = viewer._packets_received()
        await anyio.sleep(1.2)
        assert viewer._packets_received() == heard, "the far side was meant to be quiet"
        assert not near.of(LinkLost)


async def test_an_unreachable_stun_server_delays_nothing_for_long() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        server = IceServer(f"stun:127.0.0.1:{deaf.getsockname()[1]}")
        async with open_peer(Inbox(), ice_servers=[server]) as peer:
            peer.send(VideoStreamTrack())
            begin = time.monotonic()
            await peer.create_offer()
            assert time.monotonic() - begin < ice.STUN_LIMIT + 0.3
    async with open_peer(Inbox(), ice_servers=DEFAULT_ICE_SERVERS) as peer:
        peer.send(VideoStreamTrack())
        begin = time.monotonic()
        await peer.create_offer()
        assert time.monotonic() - begin < ice.STUN_LIMIT + 0.3


async def test_two_peers_connect_where_there_is_only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime_fast.peer.aiortc_seams.host_addresses", list)
    async with open_peer(Inbox()) as caller, open_peer(Inbox()) as callee:
        caller.send(VideoStreamTrack())
        await negotiate(caller, callee)
        with anyio.fail_after(5):
            await caller.wait_up()


async def test_the_body_s_own_error_leaves_the_scope_as_it_was_raised() -> None:
    class Mine(Exception):
        pass

    cause = KeyError("why")
    with pytest.raises(Mine) as caught:
        async with open_peer(Inbox()):
            raise Mine from cause
    assert caught.value.__cause__ is cause


async def test_nothing_is_left_after_closing_and_it_is_quick() -> None:
    tasks, threads = len(asyncio.all_tasks()), set(threading.enumerate())
    async with open_peer(Inbox()) as caller, open_peer(Inbox()) as callee:
        track = VideoStreamTrack()
        caller.send(track)
        await negotiate(caller, callee, VideoStreamTrack())
        with anyio.fail_after(5):
            await caller.wait_up()
        await until(lambda: any(t.name.startswith("encode-video") for t in threading.enumerate()))
        assert not any(thread.name.startswith("asyncio_") for thread in set(threading.enumerate()) - threads)
        begin = time.monotonic()
    assert time.monotonic() - begin < 1.0
    await until(lambda: len(asyncio.all_tasks()) == tasks)
    await until(lambda: not set(threading.enumerate()) - threads)
    for peer in (caller, callee):
        assert peer._pc.connectionState == "closed"


async def test_a_second_cancellation_does_not_cut_the_close_short() -> None:
    peers: list[Peer] = []

    async def hold(up: anyio.Event) -> None:
        async with open_peer(Inbox()) as caller, open_peer(Inbox()) as callee:
            peers[:] = caller, callee
            caller.send(VideoStreamTrack())
            await negotiate(caller, callee)
            await caller.wait_up()
            up.set()
            await anyio.sleep_forever()

    up = anyio.Event()
    holder = asyncio.get_running_loop().create_task(hold(up))
    with anyio.fail_after(5):
        await up.wait()
    for _ in range(4):
        holder.cancel()
        await asyncio.sleep(0)
    with anyio.fail_after(3), pytest.raises(asyncio.CancelledError):
        await holder
    assert [peer._pc.connectionState for peer in peers] == ["closed", "closed"]


async def test_a_far_side_that_restarts_ice_is_followed_and_media_goes_on() -> None:
    far = Inbox()
    async with open_peer(Inbox()) as caller, open_peer(far) as callee:
        caller.send(VideoStreamTrack())
        await negotiate(caller, callee)
        with anyio.fail_after(10):
            await caller.wait_up()
            arrived = await far.wait(TrackArrived)
            ours, theirs = (peer._pc.ice_connections[0] for peer in (callee, caller))
            before = ours.local_username, ours.local_password
            ice.renew_credentials(theirs)
            await negotiate(caller, callee)
            assert (ours.remote_username, ours.remote_password) == (
                theirs.local_username,
                theirs.local_password,
            )
            assert (theirs.remote_username, theirs.remote_password) == (
                ours.local_username,
                ours.local_password,
            )
            assert not set(before) & {ours.local_username, ours.local_password}
            for connection in (ours, theirs):
                assert await consent.round_trip(connection, 2) is not None
            for _ in range(5):
                await arrived.track.recv()
        assert not far.of(LinkLost)


async def test_a_section_that_is_given_to_another_track_begins_anew() -> None:
    far = Inbox()
    async with open_peer(Inbox()) as caller, open_peer(far) as callee:
        caller.send(track := VideoStreamTrack())
        await negotiate(caller, callee)
        with anyio.fail_after(10):
            first = (await far.wait(TrackArrived)).track
            await first.recv()
            offer = (await caller.create_offer()).replace(track.id, "another")
            await caller.accept_answer(await callee.create_answer(offer))
            second = (await far.wait(TrackArrived, 2)).track
            assert (first.id, second.id) == (track.id, "another")
            await second.recv()
            with pytest.raises(MediaStreamError):
                while True:  # what waits can still be read
                    await first.recv()

"""The report of a live peer connection, against what really went through it."""

from __future__ import annotations

import math
import time
from typing import Any

import anyio
import pytest
from aiortc import AudioStreamTrack, VideoStreamTrack

from realtime_fast.peer import Peer, consent, open_peer
from realtime_fast.peer.codecs.decoders import DamagedPictureError, VideoDecoder
from realtime_fast.peer.link_events import LinkEvent, TrackArrived


async def until_stats(peer: Peer, *needed: str) -> dict[str, Any]:
    with anyio.fail_after(10):
        while not set(needed) <= set(stats := await peer.stats()):
            await anyio.sleep(0.1)
    return stats


async def test_a_report_says_what_went_over_the_wire() -> None:
    arrived: list[TrackArrived] = []

    def report(event: LinkEvent) -> None:
        if isinstance(event, TrackArrived):
            arrived.append(event)

    async with open_peer(report) as caller, open_peer(lambda _: None) as callee:
        caller.send(VideoStreamTrack())
        caller.send(AudioStreamTrack())
        answer = await callee.create_answer(
            await caller.create_offer(), (VideoStreamTrack(), AudioStreamTrack())
        )
        await caller.accept_answer(answer)
        with anyio.fail_after(10):
            await caller.wait_up()
            read = {"video": 0, "audio": 0}

            async def drain(track: TrackArrived) -> None:
                while True:
                    await track.track.recv()
                    read[track.kind] += 1

            async with anyio.create_task_group() as tasks:
                for track in arrived:
                    tasks.start_soon(drain, track)
                stats = await until_stats(
                    caller, "inbound-rtp-0", "inbound-rtp-1", "outbound-rtp-0", "remote-inbound-rtp-0"
                )
                while read["video"] < 30:
                    await anyio.sleep(0.05)
                caller.request_key_frame()
                stats = await caller.stats()
                tasks.cancel_scope.cancel()
        video, sound = stats["inbound-rtp-0"], stats["inbound-rtp-1"]
        assert (video["kind"], sound["kind"]) == ("video", "audio")
        assert (video["frameWidth"], video["frameHeight"]) == (640, 480)
        assert abs(video["framesDecoded"] - read["video"]) <= 3
        assert 1 <= video["framesPerSecond"] <= 40
        assert 0 < video["bytesReceived"] < 1_000_000
        assert video["packetsReceived"] >= video["framesDecoded"]
        assert video["packetsLost"] == sound["packetsLost"] == 0
        assert 0 <= video["jitter"] < 0.5, "seconds, not clock units"
        assert video["pliCount"] >= 1
        assert 0 < video["jitterBufferEmittedCount"] - video["framesDecoded"] + 1 <= 4
        per_frame = video["jitterBufferDelay"] / video["jitterBufferEmittedCount"]
        assert per_frame < 0.02, "a picture must not wait for the next one"
        assert 0 < video["totalDecodeTime"] <= video["totalProcessingDelay"]
        assert sound["packetsReceived"] > 20
        sent = stats["outbound-rtp-0"]
        assert sent["framesEncoded"] >= 30
        assert 0 < sent["totalEncodeTime"] < time.monotonic()
        assert sent["targetBitrate"] > 100_000
        assert (sent["frameWidth"], sent["frameHeight"]) == (640, 480)
        remote = stats["remote-inbound-rtp-0"]
        assert 0 <= remote["jitter"] < 0.5
        pair = stats["candidate-pair"]
        assert pair["state"] == "succeeded"
        assert 0 < pair["currentRoundTripTime"] < 0.5
        local, far = stats[pair["localCandidateId"]], stats[pair["remoteCandidateId"]]
        assert (local["type"], far["type"]) == ("local-candidate", "remote-candidate")
        assert isinstance(local["address"], str)
        assert isinstance(far["port"], int)
        assert {local["candidateType"], far["candidateType"]} <= {"host", "prflx"}
        assert stats["transport"]["bytesReceived"] > video["bytesReceived"]
        assert all(math.isfinite(v) for e in stats.values() for v in e.values() if isinstance(v, float))
        assert all(stats[key]["id"] == key for key in stats)

        with anyio.fail_after(10):  # the key frame asked for above
            while (other := await callee.stats())["outbound-rtp-0"]["pliCount"] < 1:
                await anyio.sleep(0.01)
        assert other["inbound-rtp-0"]["framesDecoded"] >= 30


async def receiving(caller: Peer, callee: Peer) -> None:
    """Have `caller` send video to `callee`."""
    caller.send(VideoStreamTrack())
    await caller.accept_answer(await callee.create_answer(await caller.create_offer()))
    with anyio.fail_after(10):
        await caller.wait_up()


async def test_no_report_waits_for_the_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, answered = 0, anyio.Event()
    monkeypatch.setattr(consent, "INTERVAL", 60)

    async def slow(*_: Any) -> float:
        nonlocal begun
        begun += 1
        await answered.wait()
        return 0.123

    async with open_peer(lambda _: None) as caller, open_peer(lambda _: None) as callee:
        await receiving(caller, callee)
        monkeypatch.setattr(consent, "round_trip", slow)
        for _ in range(3):
            with anyio.fail_after(5):
                assert (await caller.stats()).get("candidate-pair", {}).get("currentRoundTripTime") != 0.123
        with anyio.fail_after(5):
            while not begun:
                await anyio.sleep(0.01)
        assert begun == 1, "one check at a time"
        answered.set()
        with anyio.fail_after(5):
            while (await caller.stats())["candidate-pair"].get("currentRoundTripTime") != 0.123:
                await anyio.sleep(0.01)


async def test_pictures_that_cannot_be_decoded_were_received_and_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def damaged(*_: Any) -> None:
        raise DamagedPictureError

    monkeypatch.setattr(VideoDecoder, "decode", damaged)
    async with open_peer(lambda _: None) as caller, open_peer(lambda _: None) as callee:
        await receiving(caller, callee)
        with anyio.fail_after(20):
            while (video := (await callee.stats()).get("inbound-rtp-0", {})).get("framesDropped", 0) < 5:
                await anyio.sleep(0.05)
    assert video["framesDecoded"] == 0
    assert video["framesReceived"] >= video["framesDropped"]


async def test_a_peer_that_is_not_up_reports_no_stream() -> None:
    async with open_peer(lambda _: None) as peer:
        assert await peer.stats() == {}
        peer.send(VideoStreamTrack())
        await peer.create_offer()
        assert set(await peer.stats()) == {"transport"}

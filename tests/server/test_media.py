"""Pictures and sound through the service, over real peer connections."""

from __future__ import annotations

import re
import time

import av
import numpy as np
import pytest
from aiortc import RTCRtpSender

from realtime_fast import marker
from realtime_fast.server import Faults, Service, ServiceConfig
from realtime_fast.server.model.effect import planes

from tests.server.client import Camera, Client, Tone, base64_png, dial
from tests.support import eventually

ANY_PORT = ServiceConfig(port=0)


def middle(frame: av.VideoFrame) -> tuple[int, int, int]:
    y, u, v = planes(frame)
    return tuple(int(np.median(p[p.shape[0] // 2 - 4 : p.shape[0] // 2 + 4, 10:20])) for p in (y, u, v))  # type: ignore[return-value]


def latencies(camera: Camera, client: Client) -> list[float]:
    readings = ((at, marker.read(frame)) for at, frame in client.frames)
    return [at - camera.sent[seq] for at, seq in readings if isinstance(seq, int) and seq in camera.sent]


@pytest.mark.alone
async def test_a_session_from_beginning_to_end() -> None:
    camera = Camera(marked=True)
    async with Service(ANY_PORT) as service:
        async with dial(service.url) as client:
            await client.send(type="prompt", prompt="a painting", enhance_prompt=True)
            await client.expect("prompt_ack")
            await client.negotiate(camera, Tone())
            await client.expect("generation_tick", 2)
            await client.expect("metrics_report", 3)
            await client.until(lambda: len(client.sounds) > 50)
            assert client.kinds()[:4] == ["session_id", "prompt_ack", "answer", "ice-candidate"]
            assert client.of("ice-candidate") == [{"type": "ice-candidate", "candidate": None}]
            assert len(client.of("generation_started")) == 1
            assert [tick["seconds"] for tick in client.of("generation_tick")][:2] == [1, 2]
            started = client.arrived[client.kinds().index("generation_started")]
            ticked = client.arrived[client.kinds().index("generation_tick")]
            assert ticked - started == pytest.approx(1.0, abs=0.3)
            await service.stop()
            await client.until(lambda: client.closed)
            ended = client.of("generation_ended")
        assert [(m["reason"], m["seconds"] >= 2) for m in ended] == [("service stopped", True)]
    frames = [frame for _, frame in client.frames]
    assert {(frame.width, frame.height) for frame in frames} == {camera.size}
    assert len(latencies(camera, client)) >= 0.9 * len(frames)
    assert middle(frames[-1])[1:] != (128, 128)
    loud = np.abs(client.sounds[-1][1].to_ndarray().astype(int)).mean()
    assert loud > 3000


async def test_prompt_image_and_passthrough_change_the_picture() -> None:
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        await client.negotiate(Camera())

        async def seen() -> av.VideoFrame:
            count = len(client.frames)
            await client.until(lambda: len(client.frames) >= count + 12)
            return client.frames[-1][1]

        plain = middle(await seen())
        assert all(abs(value - 128) < 4 for value in plain)
        await client.send(type="prompt", prompt="one")
        one = middle(await seen())
        await client.send(type="prompt", prompt="another")
        another = middle(await seen())
        assert max(abs(a - b) for a, b in zip(one, another, strict=True)) > 8
        await client.send(type="set_image", image_data=base64_png((255, 0, 0)), prompt=None)
        inset = await seen()
        assert planes(inset)[2][4, -8] > 180
        assert all(abs(value - 128) < 4 for value in middle(inset))
        await client.send(type="set_image", image_data=None, prompt=None)
        assert abs(int(planes(await seen())[2][4, -8]) - 128) < 6


@pytest.mark.alone
@pytest.mark.parametrize("delay_ms", [100.0, 700.0])
async def test_the_delay_is_added_to_pictures_and_sound(delay_ms: float) -> None:
    """How exact it is, is tested without a network: a busy machine adds delays of its own to everything here."""
    camera = Camera(marked=True)
    async with Service(ServiceConfig(port=0, delay_ms=delay_ms)) as service, dial(service.url) as client:
        await client.negotiate(camera, Tone())
        await client.until(lambda: len(client.frames) > 60 and client.sounds)
        await client.expect("metrics_report", 3)
        reports = [ms for m in client.of("metrics_report") if (ms := m["pipeline_latency_ms"]) is not None]
        sound = client.sounds[0][0] - client.arrived[client.kinds().index("answer")]
    quickest = min(latencies(camera, client)) * 1000
    assert delay_ms < quickest < delay_ms + 400
    assert delay_ms < min(reports) < delay_ms + 100
    assert sound > delay_ms / 1000


@pytest.mark.alone
async def test_figures_are_true() -> None:
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        await client.negotiate(Camera(fps=20), Tone())
        await client.expect("metrics_report", 4)
        last = client.of("metrics_report")[-1]
    assert 10 < last["input_fps"] < 24
    assert last["output_fps"] == pytest.approx(last["input_fps"], abs=6)
    assert last["frame_recv_ms"] == pytest.approx(1000 / last["input_fps"], rel=0.3)
    assert 0 < last["pipeline_latency_ms"] < 1000
    assert last["skipped_in_frames"] + last["skipped_out_frames"] < 20
    assert 0 <= last["event_loop_latency_ms"] < 1000
    assert 0 <= last["rtt_ms"] < 200
    assert 0 <= last["jitter_ms"] < 100
    assert last["inbound_loss_rate"] == 0
    assert last["bitrate_kbps"] > 0


@pytest.mark.alone
async def test_an_overloaded_model_takes_the_freshest_pictures() -> None:
    camera = Camera(marked=True)
    async with (
        Service(ServiceConfig(port=0, faults=Faults(slow=0.1))) as service,
        dial(service.url) as client,
    ):
        await client.negotiate(camera)
        await client.expect("metrics_report", 4)
        last = client.of("metrics_report")[-1]
        delays = latencies(camera, client)
    assert last["output_fps"] < 12 < last["input_fps"]
    assert last["skipped_in_frames"] > 20
    assert max(delays[5:]) < 0.8  # three in the queue and one in work; it does not grow


async def test_a_probe_over_the_control_channel_marks_a_picture() -> None:
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        await client.negotiate(Camera())
        await client.expect("generation_started")
        await client.send(type="latency_probe", seq=4242, client_time=1.0)
        await client.until(lambda: 4242 in [marker.read(frame) for _, frame in client.frames[-30:]])
        marked = [reading for _, frame in client.frames if (reading := marker.read(frame)) is not None]
    assert marked == [4242]


async def test_without_video_the_model_imagines_some() -> None:
    async with Service(ANY_PORT) as service, dial(service.url, model="lucy-2.1") as client:
        await client.send(type="prompt", prompt="an avatar")
        await client.negotiate(Tone(), receive=("video",))
        await client.until(lambda: len(client.frames) > 20 and len(client.sounds) > 20)
    assert {(frame.width, frame.height) for _, frame in client.frames} == {(1088, 624)}


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_the_offered_codec_is_used(codec: str) -> None:
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        client.pc.addTrack(Camera())
        (transceiver,) = client.pc.getTransceivers()
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences(sorted(codecs, key=lambda c: c.name != codec))
        await client.negotiate()
        await client.until(lambda: len(client.frames) > 10)
        used = client.pc.remoteDescription.sdp.split("m=video")[1].split("a=rtpmap:")[1].splitlines()[0]
    assert f" {codec}/90000" in used


async def test_the_client_may_renegotiate() -> None:
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        await client.negotiate(Camera())
        await client.until(lambda: len(client.frames) > 10)
        await client.offer()
        answer = await client.expect("answer", 2)
        assert "m=video" in answer["sdp"]
        assert re.search(r"a=rtpmap:(\d+) VP8/90000\r\na=fmtp:\1 x-google-start-bitrate=", answer["sdp"])
        count = len(client.frames)
        await client.until(lambda: len(client.frames) > count + 20)
        assert not client.closed


async def test_a_client_whose_peer_closes_ends_the_session() -> None:
    async with Service(ANY_PORT) as service, dial(service.url) as client:
        await client.negotiate(Camera())
        await client.expect("generation_started")
        await client.pc.close()
        assert "Media connection lost" in (await client.expect("error"))["error"]
        await client.expect("generation_ended")
        await client.until(lambda: client.closed)
        assert client.closed == (1011, "media connection lost")


async def test_viewers_see_and_hear_the_session_and_leave_with_it() -> None:
    async with Service(ANY_PORT) as service:
        async with dial(service.url) as client:
            await client.negotiate(Camera(marked=True), Tone())
            sid = (await client.expect("session_id"))["session_id"]
            async with (
                dial(service.url, f"/subscribe/{sid}", model=None, IP="127.0.0.1", port="1") as viewer,
                dial(service.url, f"/subscribe/{sid}", model=None, IP="127.0.0.1", port="1") as other,
            ):
                await viewer.negotiate(receive=("video", "audio"))
                await other.negotiate(receive=("video", "audio"))
                await viewer.until(lambda: len(viewer.frames) > 15 and len(viewer.sounds) > 15)
                await other.until(lambda: other.frames)
                assert isinstance(marker.read(viewer.frames[-1][1]), int)
                assert len(service.viewers) == 2
                await viewer.send(type="prompt", prompt="mine")
                assert "cannot change" in (await viewer.expect("error"))["error"]
                assert service.sessions[sid].prompt is None
                await client.socket.close()
                await viewer.until(lambda: viewer.closed)
                await other.until(lambda: other.closed)
                assert viewer.closed == other.closed == (1001, "the session ended")
        async with dial(service.url, f"/subscribe/{sid}", model=None, IP="", port="0") as late:
            assert "Invalid session" in (await late.expect("error"))["error"]


async def test_viewers_find_a_session_that_came_back_under_its_id() -> None:
    async with Service(ServiceConfig(port=0, resume=True)) as service:
        async with dial(service.url) as client, dial(service.url) as other:
            sid = (await client.expect("session_id"))["session_id"]
            assert (await other.expect("session_id"))["session_id"] != sid
        await service.kill()
        await service.start()
        async with dial(service.url, f"/subscribe/{sid}", model=None, IP="", port="0") as viewer:
            await viewer.offer(receive=("video",))
            async with dial(service.url, key="somebody else's") as stranger:
                assert (await stranger.expect("session_id"))["session_id"] != sid
                assert not viewer.messages
                async with dial(service.url) as client:
                    assert (await client.expect("session_id"))["session_id"] == sid
                    await client.negotiate(Camera())
                    await viewer.accept()
                    await viewer.until(lambda: viewer.frames)


async def test_a_viewer_who_waits_does_not_hold_the_service_up() -> None:
    async with Service(ServiceConfig(port=0, resume=True)) as service:
        async with dial(service.url, "/subscribe/nobody", model=None) as viewer:
            began = time.monotonic()
            await service.stop()
            await viewer.until(lambda: viewer.closed)
        assert time.monotonic() - began < 0.9
        # It comes back later: this service cannot say what becomes of the session.
        assert viewer.closed == (1012, "")
        assert not viewer.messages


async def test_a_session_leaves_no_thread_or_task_behind() -> None:
    """The bare client's own executor is why only what the service names is counted."""
    import threading

    def ours() -> list[str]:
        return [
            t.name
            for t in threading.enumerate()
            if t.name.startswith(("model", "encode", "video-", "audio-"))
        ]

    async with Service(ANY_PORT) as service:
        for _ in range(3):
            async with dial(service.url) as client:
                await client.negotiate(Camera(), Tone())
                await client.until(lambda: client.frames)
        await eventually(lambda: not (service.sessions or ours()), 5)
        began = time.monotonic()
    assert time.monotonic() - began < 2

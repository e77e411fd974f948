"""The ivs transport against the embedded service and its stages; the control channel is played by the test."""

from __future__ import annotations

import math

import anyio
import numpy as np
import pytest

from realtime_fast import wire
from realtime_fast.control import open_channel
from realtime_fast.link import TrackArrived
from realtime_fast.models import realtime
from realtime_fast.transports.ivs import IvsTransport


class Line:
    """The link's half of a control channel, in memory."""

    def __init__(self):
        self.sent = []
        self._post, self._inbox = anyio.create_memory_object_stream(math.inf)

    def say(self, message):
        self._post.send_nowait(message)

    def send(self, message):
        self.sent.append(message)

    async def receive(self):
        return await self._inbox.receive()

    def close(self):
        self._post.close()
        self._inbox.close()


class Reports(list):
    """What a link reported, to be waited for."""

    def __init__(self):
        super().__init__()
        self._news = anyio.Event()

    def __call__(self, event):
        self.append(event)
        self._news.set()
        self._news = anyio.Event()

    async def first(self, kind, within=10):
        with anyio.fail_after(within):
            while not (found := [event for event in self if isinstance(event, kind)]):
                await self._news.wait()
        return found[0]


@pytest.fixture
def line():
    line = Line()
    yield line
    line.close()


@pytest.fixture
def reports():
    return Reports()


@pytest.fixture
def stage_base(stage_service):
    return stage_service.url.replace("ws", "http", 1)


@pytest.fixture
def invite(stage_service, stage_room, stage_base):
    """An invitation, and the service's own token on the same stage."""

    def make(**more):
        server = stage_service.stages.issue(stage_room, stage_base, user_id="service")
        client = stage_service.stages.issue(stage_room, stage_base, user_id="client", **more)
        ready = wire.IvsStageReady(
            stage_arn=stage_room.arn,
            client_token=client.token,
            server_publish_participant_id=server.participant_id,
        )
        return ready, server.token

    return make


async def test_a_session_of_the_service_sees_the_camera_and_its_output_comes_back(
    stage_service, line, reports, camera, microphone
):
    model = realtime("lucy-restyle-2")
    url = f"{stage_service.url}{model.url_path}-ivs?api_key=k&model={model.name}"
    heard = []
    async with open_channel(url, agent="test") as channel, anyio.create_task_group() as group:

        async def read():
            while True:
                message = wire.decode_server(await channel.receive())
                heard.append(message)
                if isinstance(message, wire.IvsStageReady):
                    line.say(message)

        group.start_soon(read)
        transport = IvsTransport()
        tracks = [camera((40, 200, 40)), microphone()]
        async with transport.open(line, tracks, reports) as link:
            assert line.sent == [wire.IvsJoined()]
            await channel.send(wire.encode(line.sent[0]))
            await channel.send(wire.encode(wire.SetImage(image_data=None, prompt=None)))
            with anyio.fail_after(10):
                await link.media_arrived()
            picture = await reports.first(TrackArrived)
            with anyio.fail_after(10):
                for _ in range(15):
                    frame = await picture.track.recv()
            red, green, blue = frame.to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
            assert green > max(red, blue) + 60
            kinds = {entry["type"] for entry in (await link.stats()).values()}
            assert {"inbound-rtp", "outbound-rtp"} <= kinds
        group.cancel_scope.cancel()
    names = [message.__struct_config__.tag for message in heard]
    assert names.index("session_id") < names.index("ivs_stage_ready")
    assert "generation_started" in names
    assert np.isfinite(green)

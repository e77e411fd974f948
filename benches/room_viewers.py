"""What viewers cost the service on a livekit session: in rooms of its own, and on a LiveKit deployment.

The viewers take every packet and decode nothing. Each asks for the service's video only.

    python benches/room_viewers.py --viewers 50 --seconds 10 [--server .livekit/livekit-server]

With `--server`, that livekit-server carries the rooms (`tests/interop/livekit.yaml`).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import httpx2
from aiortc.rtcdtlstransport import RTCCertificate
from aiortc.sdp import candidate_from_sdp
from benches.stage_viewers import processor_time, say
from livekit.protocol import models, rtc
from websockets.asyncio.client import connect

from realtime_fast import RealtimeClient, RealtimeConnectOptions
from realtime_fast.media.sources import open_source
from realtime_fast.models import ModelDefinition
from realtime_fast.server.network import Exposure
from realtime_fast.server.room.uplink import Incoming, Uplink

from tests.interop.deployment import KEYS, deployed

SMALL = ModelDefinition("lucy-restyle-2", "/v1/stream", 30, 320, 192)
"""Few packets a viewer, as the viewers share one process."""
CERTIFICATE = RTCCertificate.generateCertificate()


def without_vp8(offer: str) -> str:
    """The offer without the codec that the service does not send: an uplink takes the first one that it can."""
    for number in re.findall(r"a=rtpmap:(\d+) VP8/", offer):
        offer = re.sub(rf"a=(rtpmap|fmtp|rtcp-fb):{number} .*\r\n", "", offer)
    return offer


class Viewer:
    """A participant that counts packets: what the embedded room does with a publisher's, done by a subscriber."""

    def __init__(self) -> None:
        self._tracks: list[Incoming] = []

    @property
    def figures(self) -> Counter[str]:
        """Packets and lost ones so far."""
        counts: Counter[str] = Counter()
        for track in self._tracks:
            stats = track.ingest._transport.receiver_stats(track.ingest._stream)
            counts.update(packets=stats.get("packetsReceived", 0), lost=stats.get("packetsLost", 0))
        return counts

    async def run(self, url: str, token: str, ready: anyio.Event) -> None:
        """Watch until cancelled."""
        address = f"{url}/rtc?access_token={token}&protocol=15&auto_subscribe=0"
        async with connect(address, max_size=None) as socket, anyio.create_task_group() as tasks:

            def began(track: Incoming) -> None:
                self._tracks.append(track)
                ready.set()

            link = Uplink(CERTIFICATE, Exposure(None), tasks, began=began, ended=lambda _: None)

            async def send(**message: object) -> None:
                await socket.send(rtc.SignalRequest(**message).SerializeToString())  # type: ignore[arg-type]

            async def ping() -> None:
                while True:
                    await anyio.sleep(5)
                    await send(ping_req=rtc.Ping(timestamp=1))

            async def watch(people: list[models.ParticipantInfo]) -> None:
                sids = [
                    track.sid
                    for who in people
                    if who.identity.startswith("inference-server-")
                    for track in who.tracks
                    if track.type == models.VIDEO
                ]
                if sids:
                    await send(subscription=rtc.UpdateSubscription(track_sids=sids, subscribe=True))

            tasks.start_soon(ping)
            async for data in socket:
                message = rtc.SignalResponse.FromString(data)  # type: ignore[arg-type]
                match message.WhichOneof("message"):
                    case "join":
                        await watch(list(message.join.other_participants))
                    case "offer":
                        answer = await link.answer(without_vp8(message.offer.sdp))
                        await send(
                            answer=rtc.SessionDescription(type="answer", sdp=answer, id=message.offer.id)
                        )
                    case "trickle" if message.trickle.target == rtc.SUBSCRIBER:
                        line = json.loads(message.trickle.candidateInit)["candidate"]
                        if line:
                            await link.take_candidate(candidate_from_sdp(line.removeprefix("candidate:")))
                    case _:
                        pass


@asynccontextmanager
async def deployment(server: Path | None) -> AsyncIterator[list[str]]:
    """A LiveKit server, if one is given; yields what `serve` is told of it."""
    if server is None:
        yield []
        return
    async with deployed(server) as url:
        yield ["--livekit-url", url, "--livekit-key", KEYS.api_key, "--livekit-secret", KEYS.secret]


async def main(wanted: int, seconds: float, server: Path | None) -> None:
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(deployment(server))
        program = "from realtime_fast.cli import main; main()"
        command = [sys.executable, "-c", program, "serve", "--port", "0", "--until-eof", *where]
        process = await stack.enter_async_context(await anyio.open_process(command, stderr=None))
        stack.callback(process.terminate)
        assert process.stdout is not None
        url = (await process.stdout.receive()).decode().split()[-1]
        source = await stack.enter_async_context(open_source("synthetic"))
        options = RealtimeConnectOptions(SMALL, transport="livekit", reconnect=None)
        client = await stack.enter_async_context(RealtimeClient.connect(url, "bench", source, options))
        http = await stack.enter_async_context(httpx2.AsyncClient())
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        viewers: list[Viewer] = []
        say(
            f"{'viewers':>8} {'codecs and pictures':>20} {'event loop':>11} {'packets/s each':>15} {'lost':>6}"
        )
        for count in (0, wanted):
            while len(viewers) < count:
                base = url.replace("ws", "http", 1)
                room = f"session-{client.session_id}"
                grant = (
                    await http.post(f"{base}/watch-stream/{room}", headers={"x-api-key": "bench"})
                ).json()
                viewers.append(Viewer())
                ready = anyio.Event()
                tasks.start_soon(viewers[-1].run, grant["livekit_url"], grant["token"], ready)
                await ready.wait()
            await anyio.sleep(3)
            before, counted, began = processor_time(process.pid), total(viewers), anyio.current_time()
            await anyio.sleep(seconds)
            after, elapsed = processor_time(process.pid), anyio.current_time() - began
            cores = {kind: (after[kind] - before[kind]) / elapsed for kind in after}
            gained = total(viewers)
            gained.subtract(counted)
            each = gained["packets"] / elapsed / max(1, count)
            say(
                f"{count:>8} {cores['codecs and pictures']:>20.3f} {cores['event loop']:>11.3f} "
                f"{each:>15.0f} {gained['lost']:>6}"
            )


def total(viewers: list[Viewer]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for viewer in viewers:
        counts.update(viewer.figures)
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--server", type=Path, help="path of a livekit-server")
    arguments = parser.parse_args()
    anyio.run(main, arguments.viewers, arguments.seconds, arguments.server)

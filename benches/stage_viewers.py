"""What viewers cost the service: its processor time with none and with many on an ivs session, by thread.

The viewers take every packet and decode nothing, so that one machine can hold twenty of them beside the service.

    python benches/stage_viewers.py --viewers 20 --seconds 10
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import httpx2
from aiortc import sdp
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceTransport

from realtime_fast import RealtimeClient, RealtimeConnectOptions
from realtime_fast.aio.http import HttpClient, open_http
from realtime_fast.ivs import StageToken
from realtime_fast.ivs.stream import perform
from realtime_fast.ivs.whip import end, subscribe
from realtime_fast.media.sources import open_source
from realtime_fast.models import realtime
from realtime_fast.redaction import Secrets

OFFER = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
{audio}{video}"""

SECTION = """m={kind} 9 UDP/TLS/RTP/SAVPF {formats}
c=IN IP4 0.0.0.0
a=recvonly
a=mid:{mid}
a=rtcp-mux
{codecs}
a=ice-ufrag:{ufrag}
a=ice-pwd:{password}
a=fingerprint:{fingerprint}
a=setup:actpass
"""

CODECS = {
    "audio": ("96", "a=rtpmap:96 opus/48000/2"),
    "video": (
        "97 98",
        "a=rtpmap:97 H264/90000\na=fmtp:97 packetization-mode=1;profile-level-id=42e01f\na=rtcp-fb:97 nack pli\n"
        "a=rtpmap:98 VP8/90000\na=rtcp-fb:98 nack pli",
    ),
}


REQUEST_LIMIT = 30.0
"""Seconds a request to the stage may take."""


@asynccontextmanager
async def viewing(http: HttpClient, token: StageToken, participant: str) -> AsyncIterator[RTCDtlsTransport]:
    """A subscription whose packets are taken and thrown away; yields its transport."""
    gatherer = RTCIceGatherer(iceServers=[])
    gatherer._connection.ice_controlling = True
    ice = RTCIceTransport(gatherer)
    dtls = RTCDtlsTransport(ice, [RTCCertificate.generateCertificate()])
    dtls._set_role("server")
    await gatherer.gather()
    local, (fingerprint, *_) = gatherer.getLocalParameters(), dtls.getLocalParameters().fingerprints
    sections = {
        kind: SECTION.format(
            kind=kind,
            formats=formats,
            codecs=codecs,
            mid=mid,
            ufrag=local.usernameFragment,
            password=local.password,
            fingerprint=f"{fingerprint.algorithm} {fingerprint.value}",
        )
        for mid, (kind, (formats, codecs)) in enumerate(CODECS.items())
    }
    offer = OFFER.format(**sections).replace("\n", "\r\n")
    resource = await perform(
        http,
        subscribe(token.claims.whip_url, participant, token.text, offer),
        Secrets(token.text),
        REQUEST_LIMIT,
    )
    try:
        remote = sdp.SessionDescription.parse(resource.answer).media[0]
        for candidate in remote.ice_candidates:
            await ice.addRemoteCandidate(candidate)
        assert remote.ice is not None
        assert remote.dtls is not None
        await ice.start(remote.ice)
        await dtls.start(remote.dtls)
        assert dtls.state == "connected"
        yield dtls
    finally:
        with anyio.CancelScope(shield=True):
            await perform(http, end(resource.url, token.text), Secrets(token.text), REQUEST_LIMIT)
            await dtls.stop()
            await ice.stop()


def processor_time(pid: int) -> dict[str, float]:
    """Seconds of each kind of thread; the event loop is the main one."""
    times: dict[str, float] = defaultdict(float)
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            _, rest = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        except FileNotFoundError:
            continue
        fields = rest.split()
        kind = "event loop" if int(task.name) == pid else "codecs and pictures"
        times[kind] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return times


async def measure(
    pid: int, seconds: float, viewers: list[RTCDtlsTransport]
) -> tuple[dict[str, float], float]:
    """Cores in use by kind of thread, and packets a second that the viewers got."""

    def packets() -> int:
        return sum(e.packetsReceived for dtls in viewers for e in dtls._get_stats().values())

    before, count, began = processor_time(pid), packets(), anyio.current_time()
    await anyio.sleep(seconds)
    after, elapsed = processor_time(pid), anyio.current_time() - began
    return {kind: (after[kind] - before[kind]) / elapsed for kind in after}, (packets() - count) / elapsed


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def main(wanted: int, seconds: float) -> None:
    command = [
        sys.executable,
        "-c",
        "from realtime_fast.cli import main; main()",
        "serve",
        "--port",
        "0",
        "--until-eof",
    ]
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(await anyio.open_process(command, stderr=None))
        stack.callback(process.terminate)
        assert process.stdout is not None
        url = (await process.stdout.receive()).decode().split()[-1]
        source = await stack.enter_async_context(open_source("synthetic"))
        options = RealtimeConnectOptions(realtime("lucy-restyle-2"), transport="ivs", reconnect=None)
        client = await stack.enter_async_context(RealtimeClient.connect(url, "bench", source, options))
        http = await stack.enter_async_context(httpx2.AsyncClient())
        whip = await stack.enter_async_context(open_http())
        base = url.replace("ws", "http", 1)
        viewers: list[RTCDtlsTransport] = []
        say(f"{'viewers':>8} {'codecs and pictures':>20} {'event loop':>11} {'total':>6} {'packets/s':>10}")
        results = {}
        for count in (0, wanted):
            while len(viewers) < count:
                grant = await http.get(
                    f"{base}/v1/subscribe-ivs/{client.session_id}",
                    headers={"x-api-key": secrets.token_hex(4)},
                )
                token = StageToken.parse(grant.json()["subscribe_token"])
                participant = grant.json()["server_publish_participant_id"]
                viewers.append(await stack.enter_async_context(viewing(whip, token, participant)))
            await anyio.sleep(3)
            cores, rate = await measure(process.pid, seconds, viewers)
            results[count] = cores, rate
            say(
                f"{count:>8} {cores['codecs and pictures']:>20.3f} {cores['event loop']:>11.3f} "
                f"{sum(cores.values()):>6.3f} {rate:>10.0f}"
            )
        (none, _), (many, rate) = results[0], results[wanted]
        if rate:
            say(f"{(many['event loop'] - none['event loop']) / rate * 1e6:.0f} microseconds a packet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    anyio.run(main, arguments.viewers, arguments.seconds)

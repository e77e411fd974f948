"""The fence around aiortc: a seam that moved is a clear refusal to connect; packets pass where it says."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any, NoReturn

import aiortc.codecs
import anyio
import pytest
from aiortc import RTCDtlsTransport, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from aiortc.rtcdtlstransport import RTCCertificate
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpRtxParameters, RTCRtpSendParameters
from aiortc.rtp import RtcpRrPacket, RtpPacket

from realtime_fast.errors import UnsupportedAiortcError
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer import open_peer
from realtime_fast.peer.connection import RtcConnection
from realtime_fast.peer.datagrams import Datagrams
from realtime_fast.peer.streams import Streams
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.forwarding.bundled_transport import BundledTransport
from realtime_fast.server.network import Exposure

Seam = seams.Seam[Any, Any]


def titled(seam: Seam) -> str:
    return f"{seam.owner.__name__}.{seam.name}"


def rename(seam: Seam, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the owner's source spelt the name in another way, wherever it does."""
    old, new = seam.attribute, f"{seam.attribute}_moved"
    for function in [member for member in vars(seam.owner).values() if isinstance(member, FunctionType)]:
        code = function.__code__
        names = tuple(new if name == old else name for name in code.co_names)
        monkeypatch.setattr(function, "__code__", code.replace(co_names=names))
    if old in vars(seam.owner):
        monkeypatch.setattr(seam.owner, new, vars(seam.owner)[old], raising=False)
        monkeypatch.delattr(seam.owner, old)


def imported_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check as importing the module does."""
    monkeypatch.setattr(seams, "_fault", seams.find_fault())


async def refusal() -> UnsupportedAiortcError:
    with pytest.raises(UnsupportedAiortcError) as caught:
        async with open_peer(lambda _: None):
            pass
    assert caught.value.code == "UNSUPPORTED_AIORTC"
    return caught.value


def test_the_installed_releases_are_as_expected() -> None:
    assert seams.find_fault() is None
    assert len(seams.Seam.ALL) > 30
    seams.require_supported()


@pytest.mark.parametrize("seam", seams.Seam.ALL, ids=titled)
async def test_connecting_names_a_seam_that_was_renamed(seam: Seam, monkeypatch: pytest.MonkeyPatch) -> None:
    rename(seam, monkeypatch)
    imported_anew(monkeypatch)
    error = await refusal()
    library = getattr(seam.owner, "__module__", seam.owner.__name__).partition(".")[0]
    where = seam.owner.__name__ + ("" if seam.used_in == "__init__" else f".{seam.used_in}")
    assert re.fullmatch(
        rf"unsupported {library} {version(library)}: .*; realtime_fast supports {seams.SUPPORTED[library]}",
        error.message,
    )
    assert f"{where} has no {seam.name}" in re.split("[:;,] ", error.message)


@pytest.mark.parametrize(
    ("owner", "name", "other", "complaint"),
    [
        (
            RTCDtlsTransport,
            "_handle_rtcp_data",
            lambda self, data: None,
            "_handle_rtcp_data is not async (data)",
        ),
        (RTCDtlsTransport, "_set_role", lambda self, dtls_role: None, "_set_role is not (role)"),
        (RTCDtlsTransport, "_get_stats", property(lambda self: {}), "_get_stats is not ()"),
        (RTCRtpSender, "_ssrc", property(lambda self: 1), "_ssrc is not an attribute"),
        (aiortc.codecs, "CODECS", [], "CODECS is not dict"),
    ],
)
async def test_connecting_names_a_seam_of_another_kind(
    owner: Any, name: str, other: object, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, other, raising=False)
    imported_anew(monkeypatch)
    assert f": {owner.__name__}.{complaint};" in (await refusal()).message


async def test_a_stage_refuses_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seams, "_fault", "unsupported")
    with pytest.raises(UnsupportedAiortcError):
        BundledTransport(RTCCertificate.generateCertificate(), Exposure(None))


CLIENT = """
import sys, anyio
from realtime_fast import RealtimeClient, RealtimeConnectOptions, RealtimeError
from realtime_fast.models import ModelDefinition

async def main(url):
    model = ModelDefinition("lucy-2.1", "/v1/stream", 30, 320, 192)
    options = RealtimeConnectOptions(model, ice_servers=(), reconnect=None)
    try:
        async with RealtimeClient.connect(url, "key", None, options):
            print("connected")
    except RealtimeError as error:
        print(error.code, error.message)

anyio.run(main, sys.argv[1])
"""


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("aiortc/rtcrtpsender.py", "_ssrc", "_source", "aiortc {}: RTCRtpSender has no _ssrc"),
        ("aioice/ice.py", "_nominated", "_selected", "aioice {}: Connection has no _nominated"),
        (
            "aiortc/rtcdtlstransport.py",
            "_handle_rtp_data",
            "_handle",
            "aiortc {}: RTCDtlsTransport has no _handle_rtp_data",
        ),
        ("aiortc/rtcdtlstransport.py", "untouched", "untouched", None),
    ],
)
async def test_a_client_on_a_library_that_was_edited_by_hand(
    tmp_path: Path, file: str, old: str, new: str, complaint: str | None
) -> None:
    library = file.partition("/")[0]
    spec = find_spec(library)
    assert spec is not None
    assert spec.origin is not None
    shutil.copytree(Path(spec.origin).parent, tmp_path / library)
    source = (tmp_path / file).read_text()
    (tmp_path / file).write_text(re.sub(rf"\b{old}\b", new, source))
    path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    async with Service(ServiceConfig(port=0)) as service:
        done = await anyio.run_process(
            [sys.executable, "-c", CLIENT, service.url], env={**os.environ, "PYTHONPATH": path}
        )
    expected = "connected"
    if complaint is not None:
        supported = f"; realtime_fast supports {seams.SUPPORTED[library]}"
        expected = "UNSUPPORTED_AIORTC unsupported " + complaint.format(version(library)) + supported
    assert done.stdout.decode().strip() == expected


def test_the_dependencies_are_bounded_to_what_is_supported() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    for library, supported in seams.SUPPORTED.items():
        major, minor = supported.split(".")
        assert f"{library}>={supported},<{major}.{int(minor) + 1}" in project["dependencies"]
        assert version(library).startswith(f"{supported}.")


# Packets


class Sender(RTCRtpSender):
    """In the place of aiortc's: is told what was negotiated, and sends nothing by itself."""

    negotiated: RTCRtpSendParameters

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        self.negotiated = parameters


class Receiver(RTCRtpReceiver):
    negotiated: RTCRtpReceiveParameters

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        self.negotiated = parameters


class NoStreams(Streams):
    """Nothing is to be sent or received."""

    def __init__(self) -> None:
        pass

    def sending(self, *_: Any) -> NoReturn:
        raise AssertionError("a stream of the package's own was asked for")

    def receiving(self, *_: Any) -> NoReturn:
        raise AssertionError("a stream of the package's own was asked for")


class Connection(RtcConnection):
    """A connection with halves of our own."""

    def __init__(self) -> None:
        super().__init__((), self._fail, streams=NoStreams())
        self.connected = anyio.Event()
        self.on("connectionstatechange", self._changed)

    def _fail(self, error: Exception) -> None:
        raise error

    def _changed(self) -> None:
        if self.connectionState == "connected":
            self.connected.set()

    def transceiver_created(self, transceiver: RTCRtpTransceiver) -> None:
        transport = transceiver.sender.transport
        seams.sender.put(transceiver, Sender(transceiver.sender.track or transceiver.kind, transport))
        seams.receiver.put(transceiver, Receiver(transceiver.kind, transport))


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Connection, Connection]]:
    near, far = Connection(), Connection()
    try:
        for kind in ("video", "audio"):
            near.addTransceiver(kind)
        await far.take("offer", await near.describe(await near.createOffer()))
        for transceiver in far.getTransceivers():
            transceiver.direction = "sendrecv"
        await near.take("answer", await far.describe(await far.createAnswer()))
        with anyio.fail_after(5):
            await near.connected.wait()
            await far.connected.wait()
        yield near, far
    finally:
        for connection in (near, far):
            assert await connection.shut(1.0)


async def test_plain_packets_go_from_one_transport_to_the_other_and_are_counted() -> None:
    got: list[bytes] = []
    changed = anyio.Event()

    def take(data: bytes) -> None:
        got.append(data)
        changed.set()

    async with connected() as (near, far):
        (ours,), (theirs,) = near.transports, far.transports
        source, _ = Datagrams(ours, lambda _: None), Datagrams(theirs, take)
        media = RtpPacket(payload_type=97, sequence_number=7, ssrc=1234, payload=b"payload").serialize()
        report = bytes(RtcpRrPacket(ssrc=1234))
        before = [seams.transport_stats(transport) for transport in (ours, theirs)]
        for sent in (media, report):
            changed = anyio.Event()
            assert source.send(sent)
            with anyio.fail_after(5):
                await changed.wait()
        assert got == [media, report]
        after = [seams.transport_stats(transport) for transport in (ours, theirs)]
        assert after[0].packetsSent - before[0].packetsSent == 2
        assert after[1].packetsReceived - before[1].packetsReceived == 2
        assert after[1].bytesReceived - before[1].bytesReceived > len(media) + len(report)
        # What does not decrypt is no packet, and harms nothing.
        seams.datagram_in.of(seams.ice_connection.of(theirs.transport))(media, 1)
        assert len(got) == 2
    assert not source.send(media)


async def test_packets_that_wait_until_there_are_keys_are_taken() -> None:
    got: list[bytes] = []
    async with connected() as (_, far):
        (transport,) = far.transports
        Datagrams(transport, got.append)
        await seams.rtp_in.of(transport)(b"media", arrival_time_ms=0)
        await seams.rtcp_in.of(transport)(b"report")
    assert got == [b"media", b"report"]


async def test_halves_of_our_own_are_told_what_was_negotiated() -> None:
    async with connected() as (near, far):
        for ours, theirs in zip(near.getTransceivers(), far.getTransceivers(), strict=True):
            sender, receiver = ours.sender, theirs.receiver
            assert isinstance(sender, Sender)
            assert isinstance(receiver, Receiver)
            with anyio.fail_after(5):
                while not (hasattr(sender, "negotiated") and hasattr(receiver, "negotiated")):
                    await anyio.sleep(0.01)
            assert seams.send_parameters.of(near)(ours) == sender.negotiated
            assert seams.receive_parameters.of(far)(theirs) == receiver.negotiated
            assert sender.negotiated.muxId == receiver.negotiated.muxId == ours.mid
            assert sender.negotiated.codecs == seams.negotiated_codecs.of(ours)
            assert sender.negotiated.headerExtensions == seams.negotiated_extensions.of(ours) != []
            encoding = receiver.negotiated.encodings[0]
            assert encoding.ssrc == seams.ssrc.of(sender)
            if ours.kind == "video":
                assert encoding.rtx == RTCRtpRtxParameters(seams.rtx_ssrc.of(sender))
            offered = seams.offered_codecs.of(aiortc.codecs)[ours.kind]
            assert {codec.mimeType for codec in sender.negotiated.codecs} <= {c.mimeType for c in offered}
            known = {extension.uri for extension in seams.offered_extensions.of(aiortc.codecs)[ours.kind]}
            assert {extension.uri for extension in sender.negotiated.headerExtensions} <= known

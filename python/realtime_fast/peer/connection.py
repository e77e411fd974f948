"""aiortc's connection with its edges taken off: checked input, owned set-up, a close that always ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty
from typing import Literal

import anyio
from aioice import Connection
from aiortc import (
    RTCConfiguration,
    RTCDtlsTransport,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.rtcicetransport import connection_kwargs
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.sdp import SessionDescription

from realtime_fast.errors import IceError, InvalidInputError, TransportName
from realtime_fast.options import IceServer, VideoCodec
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer import ice
from realtime_fast.peer.h264 import FastH264Encoder

logger = logging.getLogger(__name__)


class RtcConnection(seams.OpenPeerConnection):
    """One peer connection, to be shut exactly once.

    Attributes:
        set_up: Set while no task is setting the connection up.
    """

    def __init__(
        self,
        ice_servers: Sequence[IceServer],
        failed: Callable[[Exception], None],
        *,
        relay_only: bool = False,
    ) -> None:
        """Prepare a connection.

        Args:
            ice_servers: STUN and TURN servers.
            failed: Told what setting up died of.
            relay_only: Connect through a TURN server, and show the far side no address but the relay's.

        Raises:
            InvalidInputError: An ICE server's URL is none.
        """
        policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
        super().__init__(RTCConfiguration(_ice_servers(ice_servers), iceTransportPolicy=policy))
        self.set_up = anyio.Event()
        self.set_up.set()
        self._setting_up = 0
        self._failed = failed

    @property
    def transports(self) -> list[RTCDtlsTransport]:
        """The DTLS transports in use, that of the first section first."""
        transports = (transceiver.receiver.transport for transceiver in self.getTransceivers())
        return list(dict.fromkeys(transports))

    @property
    def ice_connections(self) -> list[Connection]:
        """The ICE connections in use, that of the first section first."""
        return [seams.ice_connection.of(transport.transport) for transport in self.transports]

    def prefer(self, codec: VideoCodec) -> None:
        """Put `codec` first in the offer's video sections that are new."""
        capabilities = RTCRtpSender.getCapabilities("video").codecs
        wanted = sorted(capabilities, key=lambda capability: capability.name.lower() != codec)
        for transceiver in self.getTransceivers():
            if transceiver.kind == "video" and transceiver.mid is None:
                transceiver.setCodecPreferences(wanted)

    async def describe(self, description: RTCSessionDescription) -> str:
        """Make `description` the local one; returns it with all candidates."""
        async with anyio.create_task_group() as tasks:
            for connection in self.ice_connections:
                tasks.start_soon(ice.gather, connection)
        await self.setLocalDescription(description)
        return self.localDescription.sdp

    async def take(self, kind: Literal["offer", "answer"], sdp: str) -> None:
        """Take the far side's description; raises anything if it is not one."""
        _check(sdp)
        # Bundling closes the transports it does without, and aioice can never close one if that was cancelled.
        with anyio.CancelScope(shield=True):
            await self.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=kind))

    async def connect_transports(self) -> None:
        """Set up what both descriptions allow by now, and tell of what that dies of."""
        if not self._setting_up:
            self.set_up = anyio.Event()
        self._setting_up += 1
        for transceiver in self.getTransceivers():
            _speed_up(transceiver)
        try:
            await super().connect_transports()
        except Exception as exc:  # noqa: BLE001 - what it does not expect of a description can be anything
            self._failed(exc)
        finally:
            self._setting_up -= 1
            if not self._setting_up:
                self.set_up.set()

    async def shut(self, limit: float) -> bool:
        """Close, whatever the state, within `limit` seconds; False if the sockets had to be cut instead.

        aiortc's `close` must not be cancelled: it would never end after that.
        """
        # Not those of the transceivers: a bad description can leave a transceiver without any.
        connections = [seams.ice_connection.of(transport) for transport in seams.ice_transports.of(self)]
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(limit):
                for receiver in self.getReceivers():
                    _discard_undecoded(receiver)
                try:
                    await self.close()
                except Exception:  # a description half taken left it without what it wants to close
                    logger.debug("Closing piece by piece", exc_info=True)
                    for connection in connections:
                        await connection.close()
                # What was being set up meanwhile may have started tasks and threads after all.
                await self.set_up.wait()
                for connection in connections:
                    await connection.close()
                for transceiver in self.getTransceivers():
                    await _stop(transceiver)
                for receiver in self.getReceivers():
                    _end(receiver)
                return True
            self._cut(connections)
        return False

    def _cut(self, connections: Sequence[Connection]) -> None:
        """End sockets, tasks and threads without waiting for any of them."""
        for transceiver in self.getTransceivers():
            tasks = [seam.of(transceiver.sender) for seam in seams.sender_tasks]
            for task in (*tasks, seams.receiver_task.of(transceiver.receiver)):
                if task is not None:
                    task.cancel()
            seams.undecoded.of(transceiver.receiver).put(None)
            _end(transceiver.receiver)
        for connection in connections:
            ice.abort(connection)


@contextmanager
def foreign_errors(what: str, transport: TransportName) -> Iterator[None]:
    """Turn whatever aiortc raises over a description into one clear error: its parser raises anything."""
    try:
        yield
    except Exception as exc:
        detail = str(exc) or type(exc).__name__
        raise IceError(f"{what}: {detail}", transport=transport) from exc


def _speed_up(transceiver: RTCRtpTransceiver) -> None:
    """Have a sender of H.264 use our encoder; it makes aiortc's own only where it has none."""
    codecs = seams.negotiated_codecs.of(transceiver)
    if codecs and codecs[0].mimeType.lower() == "video/h264" and seams.encoder.of(transceiver.sender) is None:
        seams.encoder.put(transceiver.sender, FastH264Encoder())


def _check(sdp: str) -> None:
    """Refuse what aiortc would take and stumble over later, in a task of its own."""
    description = SessionDescription.parse(sdp)
    mids = [media.rtp.muxId for media in description.media]
    if not mids:
        raise ValueError("it describes no media")
    if len(set(mids)) != len(mids):
        raise ValueError("two media sections have the same mid")
    for group in description.group:
        if group.semantic == "BUNDLE" and not set(group.items) <= set(mids):
            raise ValueError("its BUNDLE group names a media section that is not there")
    for media in description.media:
        if media.dtls is None or not media.dtls.fingerprints:
            raise ValueError("a media section has no DTLS fingerprint and role")


def _ice_servers(servers: Sequence[IceServer]) -> list[RTCIceServer]:
    configured = [
        RTCIceServer(
            urls=[server.urls] if isinstance(server.urls, str) else list(server.urls),
            username=server.username,
            credential=server.credential,
        )
        for server in servers
    ]
    for server in configured:
        try:
            connection_kwargs([server])
        except ValueError as exc:
            raise InvalidInputError(
                f"An ICE server URL must look like stun:host:port or turn:host:port, not {server.urls!r}"
            ) from exc
    return configured


def _discard_undecoded(receiver: RTCRtpReceiver) -> None:
    """Stopping a receiver waits, on the event loop, until all it has queued is decoded: leave it nothing."""
    with suppress(Empty):
        while True:
            seams.undecoded.of(receiver).get_nowait()


async def _stop(transceiver: RTCRtpTransceiver) -> None:
    for half in (transceiver.receiver, transceiver.sender):
        if half.transport is not None:  # None after a bad description
            await half.stop()


def _end(receiver: RTCRtpReceiver) -> None:
    """End a remote track for a reader that waits for its next frame: aiortc does not if it never started."""
    track = receiver.track
    if isinstance(track, RemoteStreamTrack) and track.readyState == "live":
        seams.decoded.of(track).put_nowait(None)

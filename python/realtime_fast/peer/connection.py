"""aiortc's peer connection, made robust: validated input, tracked set-up, a close that always ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import anyio
from aioice import Connection
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDtlsTransport,
    RTCIceTransportPolicy,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters, RTCRtpSendParameters
from aiortc.sdp import SessionDescription

from realtime_fast.errors import IceError, TransportName
from realtime_fast.options import IceServer, VideoCodec
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer import ice
from realtime_fast.peer.agreed import Agreed, agreed, extended
from realtime_fast.peer.descriptions import FarSide
from realtime_fast.peer.encoding import Encoding
from realtime_fast.peer.halves import TrackReceiver, TrackSender
from realtime_fast.peer.ice_servers import IceServers
from realtime_fast.peer.receiver import ReceiveStream
from realtime_fast.peer.sender import SendStream
from realtime_fast.peer.stream_configs import CODECS, receive_config, send_config
from realtime_fast.peer.streams import Streams

logger = logging.getLogger(__name__)


class RtcConnection(seams.OpenPeerConnection):
    """One peer connection, to be shut exactly once.

    Attributes:
        set_up: Set while no task is setting the connection up.
        far_side: What the far side's descriptions need.
        trailers: Whether packet trailers are sent whatever the descriptions say.
    """

    def __init__(
        self,
        ice_servers: Sequence[IceServer],
        failed: Callable[[Exception], None],
        *,
        streams: Streams,
        relay_only: bool = False,
        one_transport: bool = False,
    ) -> None:
        """Prepare a connection.

        Args:
            ice_servers: STUN and TURN servers.
            failed: Told what setting up died of.
            streams: Makes what sends and receives, once media may flow.
            relay_only: Connect through a TURN server, and show the far side no address but the relay's.
            one_transport: All sections share the transport of the first one from the beginning (RFC 9429, 4.1.1,
                `max-bundle`). Otherwise aiortc lets two new sections of a kind share one that bundling then closes.

        Raises:
            InvalidInputError: An ICE server's URL is none.
        """
        policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
        bundle = RTCBundlePolicy.MAX_BUNDLE if one_transport else RTCBundlePolicy.BALANCED
        super().__init__(RTCConfiguration([], iceTransportPolicy=policy, bundlePolicy=bundle))
        self.far_side = FarSide()
        self.trailers = False
        self._servers = IceServers.parse(ice_servers)
        self.set_up = anyio.Event()
        self.set_up.set()
        self._setting_up = 0
        self._failed = failed
        self._streams = streams
        self._ours = self._theirs = ""
        self._offered = self._has_data = False

    @property
    def transports(self) -> list[RTCDtlsTransport]:
        """The DTLS transports in use, that of the first section first."""
        transports = [transceiver.receiver.transport for transceiver in self.getTransceivers()]
        if (
            self.sctp is not None
        ):  # data channels that the far side wants: they may even come first, and alone
            transports.append(self.sctp.transport)
        return list(dict.fromkeys(transports))

    @property
    def ice_connections(self) -> list[Connection]:
        """The ICE connections in use, that of the first section first."""
        return [seams.ice_connection.of(transport.transport) for transport in self.transports]

    def prefer(self, codec: VideoCodec) -> None:
        """Put `codec` first in the offer's video sections that are new."""
        known = [item for item in RTCRtpSender.getCapabilities("video").codecs if item.name.lower() in CODECS]
        wanted = sorted(known, key=lambda capability: capability.name.lower() != codec)
        for transceiver in self.getTransceivers():
            if transceiver.kind == "video" and transceiver.mid is None:
                transceiver.setCodecPreferences(wanted)

    async def withdraw(self, track: MediaStreamTrack) -> None:
        """Send `track` no more; the next offer says so."""
        for transceiver in self.getTransceivers():
            if transceiver.sender.track is track:
                transceiver.direction = "inactive"
                await transceiver.sender.stop()

    def send(self, track: MediaStreamTrack, encoding: Encoding) -> None:
        """Send a track in this way, in a section of its own."""
        _encode(self.addTrack(track), encoding)

    def reserve(self, kind: Literal["audio", "video"], encoding: Encoding) -> None:
        """Make a section in which a track may be sent later."""
        _encode(self.addTransceiver(kind, direction="sendonly").sender, encoding)

    def replace_track(self, track: MediaStreamTrack) -> None:
        """Send a track in the first section of its kind, if there is any, in place of what is sent there."""
        for transceiver in self.getTransceivers():
            if transceiver.kind == track.kind:
                transceiver.sender.replaceTrack(track)
                return

    def request_key_frame(self) -> None:
        """Ask the far side for a key frame of the video it sends."""
        for half in self.getReceivers():
            if isinstance(half, TrackReceiver) and half.kind == "video" and half.stream is not None:
                half.stream.request_key_frame()

    async def describe(self, description: RTCSessionDescription) -> str:
        """Make `description` the local one; returns it with all candidates."""
        async with anyio.create_task_group() as tasks:
            for connection in self.ice_connections:
                self._servers.give_to(connection)
                tasks.start_soon(ice.gather, connection)
        await self.setLocalDescription(description)
        self._offered = description.type == "offer"
        self._ours = extended(self.localDescription.sdp, None if self._offered else self._theirs)
        return self._ours if self._offered else self.far_side.answer(self._ours)

    async def take(self, kind: Literal["offer", "answer"], sdp: str) -> None:
        """Apply the far side's description; may raise anything if it is invalid."""
        sdp = self.far_side.offer(sdp) if kind == "offer" else self.far_side.accepted(sdp, self._ours)
        description = _checked(sdp)
        self._follow_restart(kind, description)
        await self._take_candidates(description)
        # Bundling closes unused transports, and aioice cannot close one whose closing was cancelled.
        with anyio.CancelScope(shield=True):
            await self.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=kind))
        self._theirs = sdp
        if self.sctp is not None and not self._has_data:
            self._has_data = True
            seams.forgive_data(self.sctp.transport)
        self._replace_tracks(description)

    async def _take_candidates(self, description: SessionDescription) -> None:
        """Take each section's candidates: aiortc takes the last one's, and a bundle may have them in the first."""
        transports = self.transports
        if len(transports) == 1:
            for section in description.media[:-1]:
                for candidate in section.ice_candidates:
                    await transports[0].transport.addRemoteCandidate(candidate)

    def _follow_restart(self, kind: Literal["offer", "answer"], description: SessionDescription) -> None:
        """Follow a far side that restarts ICE, which is beyond aiortc: the path stays, its credentials are new."""
        connections = self.ice_connections
        remote = description.media[0].ice
        if len(connections) != 1 or remote is None:
            return
        if connections[0].remote_username in (None, remote.usernameFragment):
            return
        if kind == "offer":
            ice.renew_credentials(connections[0])
        connections[0].remote_username = remote.usernameFragment
        connections[0].remote_password = remote.password

    def _replace_tracks(self, description: SessionDescription) -> None:
        """Begin anew where a section was given to another track, which aiortc does not notice."""
        sending = {
            media.rtp.muxId: description.webrtc_track_id(media)
            for media in description.media
            if media.kind != "application" and media.direction in ("sendonly", "sendrecv")
        }
        for transceiver in self.getTransceivers():
            track_id, receiver = sending.get(transceiver.mid or ""), transceiver.receiver
            if track_id is not None and isinstance(receiver, TrackReceiver) and receiver.renew(track_id):
                self.emit("track", receiver.track)

    async def connect_transports(self) -> None:
        """Set up what both descriptions allow by now, and tell of what that dies of."""
        if not self._setting_up:
            self.set_up = anyio.Event()
        self._setting_up += 1
        try:
            await super().connect_transports()
        except Exception as exc:  # noqa: BLE001 - what it does not expect of a description can be anything
            self._failed(exc)
        finally:
            self._setting_up -= 1
            if not self._setting_up:
                self.set_up.set()

    def transceiver_created(self, transceiver: RTCRtpTransceiver) -> None:
        """Have both halves hand their media to the RTP core."""
        sender = TrackSender.instead_of(transceiver.sender, self._begin_sending)
        seams.sender.put(transceiver, sender)
        receiver = TrackReceiver.instead_of(transceiver.receiver, self._begin_receiving)
        seams.receiver.put(transceiver, receiver)
        if (
            transceiver.kind == "audio"
        ):  # video's codecs are all known, and an answer keeps the offer's order of them
            capabilities = RTCRtpSender.getCapabilities("audio").codecs
            transceiver.setCodecPreferences([codec for codec in capabilities if codec.name.lower() in CODECS])

    def _begin_sending(self, sender: TrackSender, parameters: RTCRtpSendParameters) -> SendStream[Any]:
        config = send_config(
            parameters, self._agreed(parameters.muxId), seams.ssrc.of(sender), seams.rtx_ssrc.of(sender)
        )
        config["trailers"] = config["trailers"] or self.trailers
        return self._streams.sending(sender, config)

    def _begin_receiving(self, receiver: TrackReceiver, parameters: RTCRtpReceiveParameters) -> ReceiveStream:
        own = next(t.sender for t in self.getTransceivers() if t.receiver is receiver)
        config = receive_config(
            parameters, self._agreed(parameters.muxId), seams.ssrc.of(own), seams.cname.of(self)
        )
        return self._streams.receiving(receiver, config)

    def _agreed(self, mid: str) -> Agreed:
        answer, offer = (self._theirs, self._ours) if self._offered else (self._ours, self._theirs)
        return agreed(answer, offer).get(mid) or Agreed({}, {}, False, "")

    async def shut(self, limit: float) -> bool:
        """Close in any state within `limit` seconds; False if the sockets had to be aborted instead.

        aiortc's `close` must not be cancelled: later calls of it would never return.
        """
        # Not those of the transceivers: a bad description can leave a transceiver without any.
        connections = [seams.ice_connection.of(transport) for transport in seams.ice_transports.of(self)]
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(limit):
                try:
                    await self.close()
                except Exception:  # a partly applied description can leave it without what it closes
                    logger.debug("Closing piece by piece", exc_info=True)
                    for connection in connections:
                        await connection.close()
                # What was being set up meanwhile may have started tasks and threads after all.
                await self.set_up.wait()
                for connection in connections:
                    await connection.close()
                await self._stop_halves()
                return True
            await self._cut(connections)
        return False

    async def _cut(self, connections: Sequence[Connection]) -> None:
        """End streams and sockets without waiting for anything."""
        await self._stop_halves()
        for connection in connections:
            ice.abort(connection)

    async def _stop_halves(self) -> None:
        for transceiver in self.getTransceivers():
            await transceiver.sender.stop()
            await transceiver.receiver.stop()


def _encode(sender: RTCRtpSender, encoding: Encoding) -> None:
    assert isinstance(sender, TrackSender)
    sender.encoding = encoding


@contextmanager
def foreign_errors(what: str, transport: TransportName) -> Iterator[None]:
    """Map whatever aiortc raises for a description to one clear error: its parser may raise anything."""
    try:
        yield
    except Exception as exc:
        detail = str(exc) or type(exc).__name__
        raise IceError(f"{what}: {detail}", transport=transport) from exc


def _checked(sdp: str) -> SessionDescription:
    """A description, unless it is one that aiortc accepts but fails on later, in a background task."""
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
    return description

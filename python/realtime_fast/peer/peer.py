"""The peer connection: negotiation, events, detection of silence, statistics.

aiortc notices a vanished far side only after half a minute, and on closing stops the tracks it was given.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
from aioice import Connection
from aiortc import MediaStreamTrack, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp
from anyio.abc import TaskGroup

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.control.messages import Candidate
from realtime_fast.errors import IceError, RealtimeError, TransportName
from realtime_fast.options import CustomizeOffer, IceServer, SendOptions, VideoCodec
from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer import consent, ice
from realtime_fast.peer.connection import RtcConnection, foreign_errors
from realtime_fast.peer.descriptions import MAX_CANDIDATES
from realtime_fast.peer.encoding import Encoding
from realtime_fast.peer.link_events import (
    LinkDiagnostic,
    LinkEvent,
    LinkLost,
    LinkUp,
    TrackArrived,
)
from realtime_fast.peer.rtp_stats import (
    keyed,
    pair_entries,
    section_entries,
    transport_entry,
)
from realtime_fast.peer.streams import Streams

logger = logging.getLogger(__name__)

CLOSE_LIMIT = 1.0
"""Seconds a close may take before the sockets are aborted."""

STATS_PATIENCE = 0.5


@asynccontextmanager
async def open_peer(
    report: Callable[[LinkEvent], None],
    *,
    ice_servers: Sequence[IceServer] = (),
    video_codec: VideoCodec = "vp8",
    transport: TransportName = "webrtc",
    silence_limit: float = 4.0,
    relay_only: bool = False,
    one_transport: bool = False,
    sending: SendOptions | None = None,
    min_delay: float | None = 0.0,
) -> AsyncIterator[Peer]:
    """Open a peer connection for the length of a scope.

    Args:
        report: Called on the event loop with each link event, until the scope is left; must not raise.
        ice_servers: STUN and TURN servers; the first of each kind is used.
        video_codec: The codec an offer prefers. An answer keeps the order of the offer it answers.
        transport: Whose error codes the failures carry.
        silence_limit: Seconds without any packet, and without an answer to a consent check, after which a
            link that was up is reported lost.
        relay_only: Connect through a TURN server, and show the far side no address but the relay's.
        one_transport: Whether all sections share one transport from the beginning; a far side that offers several new
            tracks at a time on a connection that is up needs it.
        sending: Bit rates, and what to give up first where not everything can be had.
        min_delay: Seconds that what is received is held back at least, to smooth jitter; None to hold nothing back,
            for what is worked on and not shown.

    Raises:
        InvalidInputError: An ICE server's URL is invalid.
        UnsupportedAiortcError: The installed aiortc, aioice or pylibsrtp is not supported.
    """
    seams.require_supported()
    async with owned_tasks() as tasks:
        peer = Peer(
            report,
            ice_servers,
            video_codec,
            transport,
            tasks=tasks,
            relay_only=relay_only,
            one_transport=one_transport,
            sending=sending or SendOptions(),
            min_delay=min_delay,
        )
        tasks.start_soon(peer._watch, silence_limit)
        try:
            yield peer
        finally:
            # In a task of its own, which a second cancellation of this one cannot reach.
            tasks.start_soon(peer._close)


class Peer:
    """One peer connection; made by `open_peer`."""

    def __init__(
        self,
        report: Callable[[LinkEvent], None],
        ice_servers: Sequence[IceServer],
        video_codec: VideoCodec,
        transport: TransportName,
        *,
        tasks: TaskGroup,
        relay_only: bool,
        one_transport: bool,
        sending: SendOptions,
        min_delay: float | None,
    ) -> None:
        self._report_to = report
        self._tasks = tasks
        self._video_codec = video_codec
        self._transport = transport
        self._streams = Streams(tasks, self._report, sending, min_delay)
        self._pc = RtcConnection(
            ice_servers,
            self._setup_failed,
            streams=self._streams,
            relay_only=relay_only,
            one_transport=one_transport,
        )
        self._early_candidates: list[Candidate | None] = []
        self._candidates = 0
        self._settled = anyio.Event()
        self._up = self._closing = self._checking = False
        self._lost: RealtimeError | None = None
        self._round_trip: float | None = None
        self._states = {"ice": "new", "connection": "new", "signaling": "stable"}
        self._pc.on("track", self._on_track)
        self._pc.on("iceconnectionstatechange", self._on_ice_state)
        self._pc.on("signalingstatechange", self._on_signaling_state)
        self._pc.on("connectionstatechange", self._on_connection_state)

    # Negotiation

    def send(
        self, track: MediaStreamTrack, encoding: Encoding | None = None, *, trailers: bool = False
    ) -> None:
        """Send `track` in this way, and offer to receive one of its kind; call it before `create_offer`.

        With `trailers` pictures have them, whatever the descriptions say: for those who agree on it elsewhere.
        """
        self._pc.trailers |= trailers
        self._pc.send(track, encoding or Encoding())

    def replace_track(self, track: MediaStreamTrack) -> None:
        """Send `track` instead of the one of its kind that is sent; nothing is negotiated anew."""
        self._pc.replace_track(track)

    async def withdraw(self, track: MediaStreamTrack) -> None:
        """Send `track` no more; the next offer says so."""
        await self._pc.withdraw(track)

    def receive(self, kind: Literal["audio", "video"]) -> None:
        """Offer to receive a track of `kind` without sending one; call it before `create_offer`."""
        self._pc.addTransceiver(kind, direction="recvonly")

    def reserve(self, kind: Literal["audio", "video"], encoding: Encoding | None = None) -> None:
        """Offer to send a track of `kind` that does not exist yet; call it before `create_offer`."""
        self._pc.reserve(kind, encoding or Encoding())

    async def create_offer(self, customize: CustomizeOffer | None = None) -> str:
        """Create the offer, gather candidates and set the local description; returns the SDP.

        Args:
            customize: Awaited with the offer (`sdp`, `type`) before it becomes the local description.

        Raises:
            IceError: The offer cannot be made, or is unusable after `customize`.
        """
        self._pc.prefer(self._video_codec)
        with foreign_errors("The offer could not be made", self._transport):
            offer = await self._pc.createOffer()
        if customize is not None:
            await customize(offer)
        return await self._describe(offer)

    async def accept_answer(self, sdp: str) -> None:
        """Apply the far side's answer.

        Raises:
            IceError: It cannot be used.
        """
        await self._take("answer", sdp)

    async def create_answer(self, offer_sdp: str, tracks: Sequence[MediaStreamTrack] = ()) -> str:
        """Apply the far side's offer, the first or a renegotiation; returns the complete SDP answer.

        Args:
            offer_sdp: The offer.
            tracks: Sent on the offer's sections of their kind; one without a section is not sent.

        Raises:
            IceError: The offer cannot be used.
        """
        await self._take("offer", offer_sdp)
        for track in tracks:
            if any(t.kind == track.kind and t.sender.track is None for t in self._pc.getTransceivers()):
                self._pc.addTrack(track)
            else:
                logger.debug("The offer has no section for the %s track", track.kind)
        with foreign_errors("The answer could not be made", self._transport):
            answer = await self._pc.createAnswer()
        return await self._describe(answer)

    async def add_candidate(self, candidate: Candidate | None) -> None:
        """Add a trickled candidate; None or an empty one ends the candidates. Early ones are queued.

        An unusable candidate is logged and skipped, and so is what comes after `MAX_CANDIDATES`.
        """
        self._candidates += 1
        if self._candidates > MAX_CANDIDATES:
            logger.debug("Left out an ICE candidate: there were %d already", MAX_CANDIDATES)
        elif self._pc.remoteDescription is None:
            self._early_candidates.append(candidate)
        else:
            await self._add_candidate(candidate)

    async def _add_candidate(self, candidate: Candidate | None) -> None:
        if candidate is None or not candidate.candidate.strip():
            await self._pc.addIceCandidate(None)
            return
        try:
            parsed = candidate_from_sdp(candidate.candidate.strip().removeprefix("candidate:"))
            parsed.sdpMid = candidate.sdpMid
            parsed.sdpMLineIndex = self._pc.far_side.index_taken(candidate.sdpMLineIndex)
            if parsed.sdpMid is None and parsed.sdpMLineIndex is None:
                parsed.sdpMLineIndex = 0
            await self._pc.addIceCandidate(parsed)
        except (AssertionError, ValueError) as exc:
            logger.warning("Skipped an unusable ICE candidate: %r (%s)", candidate.candidate, exc)
            return
        self._report(
            LinkDiagnostic(
                "iceCandidate",
                {
                    "source": "remote",
                    "candidate_type": parsed.type,
                    "protocol": parsed.protocol.lower(),
                    "address": parsed.ip,
                    "port": parsed.port,
                },
            )
        )

    async def wait_up(self) -> None:
        """Return once media can flow (ICE and DTLS are done).

        Raises:
            IceError: Why it did not come up, or ended.
        """
        await self._settled.wait()
        if self._lost is not None:
            raise self._lost

    # Fault injection, to test the far side

    def cut(self) -> None:
        """Close the media sockets at once, without telling the far side."""
        for connection in self._pc.ice_connections:
            ice.abort(connection)

    def mute(self) -> None:
        """Stop sending packets of any kind, but keep receiving."""
        for connection in self._pc.ice_connections:
            ice.mute(connection)

    def request_key_frame(self) -> None:
        """Ask the far side for a key frame of the video it sends."""
        self._pc.request_key_frame()

    async def stats(self) -> dict[str, Any]:
        """A report in the terms of W3C webrtc-stats: dictionaries with camelCase names, by id.

        All of it is of this moment, and each entry's `timestamp` says so: nothing is waited for. The round trip is that
        of the latest STUN check, one of which each report begins, and RTCP's while there is none.
        """
        connections = self._pc.ice_connections[:1]
        if connections and not self._checking and not self._closing:
            self._checking = True
            self._tasks.start_soon(self._check_round_trip, connections[0])
        round_trip = self._round_trip
        entries: list[dict[str, Any]] = []
        for transceiver in self._pc.getTransceivers():
            entries += section_entries(transceiver)
        for dtls, connection in zip(self._pc.transports, connections, strict=False):
            entries.append(transport_entry(dtls))
            media = self._streams.stats(dtls)
            if (pair := ice.selected_pair(connection)) is not None:
                entries += pair_entries(
                    pair,
                    media.get("currentRoundTripTime") if round_trip is None else round_trip,
                    media.get("availableOutgoingBitrate"),
                    media.get("availableIncomingBitrate"),
                )
        return keyed(entries)

    async def _check_round_trip(self, connection: Connection) -> None:
        try:
            self._round_trip = await consent.round_trip(connection, STATS_PATIENCE)
        finally:
            self._checking = False

    async def _describe(self, description: RTCSessionDescription) -> str:
        with foreign_errors(
            f"The {description.type} could not become the local description", self._transport
        ):
            sdp = await self._pc.describe(description)
        for connection in self._pc.ice_connections[:1]:
            for candidate in connection.local_candidates:
                self._report(LinkDiagnostic("iceCandidate", {"source": "local", **ice.described(candidate)}))
        return sdp

    async def _take(self, kind: Literal["offer", "answer"], sdp: str) -> None:
        with foreign_errors(f"The far side's {kind} cannot be used", self._transport):
            await self._pc.take(kind, sdp)
        early, self._early_candidates = self._early_candidates, []
        for candidate in early:
            await self._add_candidate(candidate)

    # Callbacks of aiortc

    def _on_track(self, track: MediaStreamTrack) -> None:
        kind: Literal["audio", "video"] = "audio" if track.kind == "audio" else "video"
        self._report(TrackArrived(kind, track))

    def _on_ice_state(self) -> None:
        self._state_changed("iceStateChange", "ice", self._pc.iceConnectionState)

    def _on_signaling_state(self) -> None:
        self._state_changed("signalingStateChange", "signaling", self._pc.signalingState)

    def _on_connection_state(self) -> None:
        state = self._pc.connectionState
        self._state_changed("peerConnectionStateChange", "connection", state)
        if state == "connected" and not self._up and self._lost is None:
            self._up = True
            self._settled.set()
            for connection in self._pc.ice_connections[:1]:
                if (pair := ice.selected_pair(connection)) is not None:
                    self._report(
                        LinkDiagnostic("selectedCandidatePair", {"local": pair.local, "remote": pair.remote})
                    )
            self._report(LinkUp())
        elif state == "failed":
            if self._pc.iceConnectionState == "failed":
                found = "works any more" if self._up else "was found"
                self._lose(f"No network path to the far side {found}")
            else:
                self._lose("The DTLS handshake with the far side failed")
        elif state == "closed":
            expired = any(map(seams.closed.of, self._pc.ice_connections))
            why = "answers no consent checks any more" if expired else "closed the media connection"
            self._lose(f"The far side {why}")

    def _setup_failed(self, error: Exception) -> None:
        self._lose(f"What the far side described could not be set up: {error or type(error).__name__}", error)

    def _state_changed(self, kind: str, machine: str, state: str) -> None:
        previous, self._states[machine] = self._states[machine], state
        if state != previous:
            data = {"state": state, "previous_state": previous, "timestamp_ms": time.time() * 1000}
            self._report(LinkDiagnostic(kind, data))

    def _lose(self, why: str, cause: Exception | None = None) -> None:
        if self._lost is None and not self._closing:
            self._lost = IceError(why, transport=self._transport)
            self._lost.__cause__ = cause
            self._settled.set()
            self._report(LinkLost(self._lost))

    def _report(self, event: LinkEvent) -> None:
        if not self._closing:
            self._report_to(event)

    # Lifetime

    async def _watch(self, limit: float) -> None:
        """Report a far side that went silent: no packets, and no answer to a consent check."""
        await self._settled.wait()
        packets, heard = -1, anyio.current_time()
        while self._lost is None:
            now, received = anyio.current_time(), self._packets_received()
            if received != packets:
                packets, heard = received, now
            elif now - heard >= limit / 2:
                # After the event loop was blocked, packets wait unread: never give up without a check.
                patience = max(heard + limit - now, limit / 4)
                connections = self._pc.ice_connections
                if connections and await consent.round_trip(connections[0], patience) is not None:
                    heard = anyio.current_time()
                elif self._packets_received() == packets:
                    self._lose(f"The far side has been silent for {anyio.current_time() - heard:.1f} s")
            await anyio.sleep(limit / 8)

    def _packets_received(self) -> int:
        return sum(seams.transport_stats(transport).packetsReceived for transport in self._pc.transports)

    async def _close(self) -> None:
        self._closing = True
        if not await self._pc.shut(CLOSE_LIMIT):
            logger.warning("Closing a media connection took over %g s: its sockets were cut", CLOSE_LIMIT)
        self._streams.close()

"""One participant of a room: what it says on its signal socket, its tracks, and its two connections."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable
from typing import Protocol

import anyio
import msgspec
from aiortc.rtcdtlstransport import RTCCertificate
from aiortc.rtcicetransport import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp
from anyio.abc import TaskGroup
from livekit.protocol import models, rtc

from realtime_fast.control import messages
from realtime_fast.server.forwarding.sections import UnusableOfferError
from realtime_fast.server.network import Exposure
from realtime_fast.server.room.access_token import Grant
from realtime_fast.server.room.downlink import Downlink, Outgoing
from realtime_fast.server.room.plane import Disturbance
from realtime_fast.server.room.uplink import Incoming, Uplink

logger = logging.getLogger(__name__)

OUTBOX = 256
"""Messages queued for a client that does not read; one more and its signal socket is cut."""

MAX_TRACKS = 16
"""Tracks that one participant may publish."""

TYPES = {"audio": models.AUDIO, "video": models.VIDEO}


class Host(Protocol):
    """The room, as far as its participants need it."""

    def published(self, participant: Participant, track: Outgoing) -> None:
        """A track has begun."""

    def unpublished(self, participant: Participant, sid: str) -> None:
        """A track has ended."""

    def changed(self, participant: Participant) -> None:
        """What others are told of the participant is different now."""

    def subscribed(self, sid: str) -> None:
        """Somebody receives a track."""

    def find(self, sid: str) -> Outgoing | None:
        """The track of that id."""


class Socket:
    """The server's end of one signal socket: messages that wait to be written, and how it ends."""

    def __init__(self) -> None:
        self._send, self.messages = anyio.create_memory_object_stream[rtc.SignalResponse](OUTBOX)

    def post(self, message: rtc.SignalResponse) -> None:
        """Queue a message; never blocks."""
        try:
            self._send.send_nowait(message)
        except anyio.WouldBlock:
            self.cut()
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            pass  # it is closed

    def close(self) -> None:
        """Close it once everything is written."""
        self._send.close()

    def cut(self) -> None:
        """Close it without writing what still waits."""
        self.messages.close()
        self._send.close()


class Participant:
    """One participant.

    Attributes:
        grant: What its token allows.
        sid: Its id.
        socket: Its signal socket; None while it has lost it.
        receives_all: Whether it is subscribed to each new track.
        left: Set once it is no longer in the room.
    """

    def __init__(
        self,
        host: Host,
        grant: Grant,
        certificate: RTCCertificate,
        exposures: tuple[Exposure, Exposure],
        tasks: TaskGroup,
        *,
        receives_all: bool,
    ) -> None:
        self.grant = grant
        self.sid = f"PA_{secrets.token_hex(6)}"
        self.socket: Socket | None = None
        self.receives_all = receives_all
        self.left = anyio.Event()
        self._host = host
        self._joined_at = time.time()
        self._announced: dict[str, models.TrackInfo] = {}
        self._tracks: dict[str, models.TrackInfo] = {}
        self.uplink = Uplink(certificate, exposures[0], tasks, began=self._began, ended=self._ended)
        self.downlink = Downlink(
            certificate, exposures[1], tasks, offer=self._offer, received=host.subscribed
        )

    @property
    def info(self) -> models.ParticipantInfo:
        """What others are told of it."""
        return models.ParticipantInfo(
            sid=self.sid,
            identity=self.grant.identity,
            state=models.ParticipantInfo.DISCONNECTED
            if self.left.is_set()
            else models.ParticipantInfo.ACTIVE,
            tracks=self._tracks.values(),
            joined_at=int(self._joined_at),
            joined_at_ms=int(self._joined_at * 1000),
            is_publisher=bool(self._tracks),
            permission=models.ParticipantPermission(
                can_publish=self.grant.publish, can_subscribe=self.grant.subscribe
            ),
        )

    def owns(self, sid: str) -> bool:
        """Whether it publishes the track of that id."""
        return sid in self._tracks

    def send(self, message: rtc.SignalResponse) -> None:
        """Queue a message for its client; lost while there is no signal socket."""
        if self.socket is not None:
            self.socket.post(message)

    def dismiss(
        self,
        reason: models.DisconnectReason,
        action: rtc.LeaveRequest.Action = rtc.LeaveRequest.DISCONNECT,
    ) -> None:
        """Tell its client to leave, and why; its signal socket closes after that."""
        self.send(rtc.SignalResponse(leave=rtc.LeaveRequest(reason=reason, action=action)))
        if self.socket is not None:
            self.socket.close()

    def disturb(self, how: Disturbance) -> None:
        """Cut its sockets, or send it no more packets, without telling it."""
        if how != "signal":
            self.uplink.disturb(how)
            self.downlink.disturb(how)
        elif self.socket is not None:
            self.socket.cut()

    async def aclose(self) -> None:
        """End both connections."""
        await self.uplink.aclose()
        await self.downlink.aclose()

    # --- what the client asks for

    async def take(self, request: rtc.SignalRequest) -> bool:
        """Do what a message asks for; False if the client is gone with it. Unknown ones are ignored."""
        match request.WhichOneof("message"):
            case "offer":
                return await self._described(self._answer(request.offer))
            case "answer":
                answer = request.answer
                return await self._described(self.downlink.take_answer(answer.sdp, answer.id))
            case "trickle":
                await self._trickle(request.trickle)
            case "add_track":
                self._add_track(request.add_track)
            case "mute":
                self._mute(request.mute)
            case "subscription":
                self._subscribe(request.subscription)
            case "ping":
                self.send(rtc.SignalResponse(pong=request.ping))
            case "ping_req":
                pong = rtc.Pong(
                    last_ping_timestamp=request.ping_req.timestamp, timestamp=int(time.time() * 1000)
                )
                self.send(rtc.SignalResponse(pong_resp=pong))
            case "leave":
                return False
            case _:
                pass
        return True

    async def _answer(self, offer: rtc.SessionDescription) -> None:
        answer = await self.uplink.answer(offer.sdp)
        description = rtc.SessionDescription(type="answer", sdp=answer, id=offer.id)
        self.send(rtc.SignalResponse(answer=description))

    async def _described(self, taking: Awaitable[None]) -> bool:
        """Take a description; if it cannot be used, the client has to dial anew."""
        try:
            await taking
        except UnusableOfferError as error:
            logger.info("participant %s: its description cannot be used: %s", self.grant.identity, error)
            self.dismiss(models.STATE_MISMATCH, rtc.LeaveRequest.RECONNECT)
            return False
        return True

    async def _trickle(self, trickle: rtc.TrickleRequest) -> None:
        try:
            candidate = _candidate(trickle.candidateInit)
        except (ValueError, IndexError, AssertionError, RecursionError):
            logger.debug("participant %s: skipped an unusable candidate", self.grant.identity)
            return
        if candidate is not None:
            link = self.uplink if trickle.target == rtc.PUBLISHER else self.downlink
            await link.take_candidate(candidate)

    def _add_track(self, wanted: rtc.AddTrackRequest) -> None:
        if not self.grant.publish or len(self._announced) >= MAX_TRACKS:
            reason = rtc.RequestResponse.NOT_ALLOWED
            self.send(
                rtc.SignalResponse(request_response=rtc.RequestResponse(reason=reason, add_track=wanted))
            )
            return
        info = models.TrackInfo(
            sid=f"TR_{secrets.token_hex(6)}",
            type=wanted.type,
            name=wanted.name,
            muted=wanted.muted,
            width=wanted.width,
            height=wanted.height,
            source=wanted.source,
            stream=wanted.stream,
            packet_trailer_features=wanted.packet_trailer_features,
        )
        self._announced[wanted.cid] = info
        self.send(rtc.SignalResponse(track_published=rtc.TrackPublishedResponse(cid=wanted.cid, track=info)))

    def _mute(self, mute: rtc.MuteTrackRequest) -> None:
        for info in self._announced.values():
            if info.sid == mute.sid:
                info.muted = mute.muted
        self._host.changed(self)

    def _subscribe(self, wanted: rtc.UpdateSubscription) -> None:
        if not self.grant.subscribe:
            return
        sids = [*wanted.track_sids, *(sid for one in wanted.participant_tracks for sid in one.track_sids)]
        for sid in sids:
            if not wanted.subscribe:
                self.downlink.remove(sid)
            elif not self.owns(sid) and (track := self._host.find(sid)) is not None:
                self.downlink.add(track)

    # --- what the connections report

    def _began(self, track: Incoming) -> None:
        info = self._announced.get(track.cid)
        if info is None or info.sid in self._tracks:
            return  # sent without having been announced: nobody is told of it
        info.mime_type = track.section.codec.mimeType
        info.mid = track.section.mid
        self._tracks[info.sid] = info
        self._host.published(self, Outgoing(info.sid, self.sid, track.section, track.ingest))

    def _ended(self, track: Incoming) -> None:
        info = self._announced.pop(track.cid, None)
        if info is not None and self._tracks.pop(info.sid, None) is not None:
            self._host.unpublished(self, info.sid)

    def _offer(self, text: str, number: int) -> None:
        description = rtc.SessionDescription(type="offer", sdp=text, id=number)
        self.send(rtc.SignalResponse(offer=description))


def _candidate(text: str) -> RTCIceCandidate | None:
    """A trickled candidate; None for the end of them."""
    line = msgspec.json.decode(text, type=messages.Candidate).candidate.strip().removeprefix("candidate:")
    return candidate_from_sdp(line) if line else None

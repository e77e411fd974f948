"""A room without I/O: what the server's messages mean for this client, and what it has to say.

Messages, media and the time go in as calls; what to do comes out of `take()`. Nothing here awaits, reads a clock, or
raises because of what the server sent.

    receive ────────┐              ┌─▶ Send                     to the server
    media_arrived ──┼─▶ RoomCore ──┼─▶ Negotiate, AddCandidate  for one of the two connections
    publish ────────┤              ├─▶ Emit                     an event for the user
    lost, tick ─────┘              └─▶ HangUp                   close the socket; `lost` says what follows
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, TypeAlias

import msgspec
from livekit.protocol import models, rtc

from realtime_fast.control.messages import Candidate
from realtime_fast.errors import LinkError, RoomError
from realtime_fast.livekit.events import (
    Participant,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    PublicationEnded,
    PublishedTrack,
    RoomEvent,
    SignalLost,
    SignalRestored,
    TrackSubscribed,
    TrackUnsubscribed,
)
from realtime_fast.livekit.outputs import AddCandidate, Emit, HangUp, Negotiate, Output, Send, Target

logger = logging.getLogger(__name__)

RESUME_LIMIT = 15.0
"""Seconds in which a lost signal socket must be back: then the server, too, forgets the participant."""

RESUME_DELAYS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each attempt to open the signal socket again; the last one stays."""

PING_INTERVAL = 5.0
PING_TIMEOUT = 15.0
"""Seconds, where the server does not say."""

MAX_MOVES = 3
"""Servers that may pass a client on to another one."""

Wants: TypeAlias = Callable[[Participant, PublishedTrack], bool]


class Stay(Enum):
    """How this client is in the room."""

    JOINING = auto()
    JOINED = auto()
    RESUMING = auto()
    OVER = auto()


@dataclass(slots=True)
class _Publishing:
    """A track that is to be published, until the server has named it or refused."""

    request: rtc.AddTrackRequest
    info: models.TrackInfo | None = None
    refusal: RoomError | None = None


@dataclass(slots=True)
class _Known:
    participant: Participant
    media: dict[str, Any] = field(default_factory=dict)


class RoomCore:
    """The state of one stay in a room.

    Attributes:
        stay: How this client is in the room.
        server: The server to dial.
        token: The newest access token.
        local: This client, None before it has joined.
        ice_servers: What the server names, as LiveKit describes them.
        failure: Why the stay is over.
    """

    def __init__(self, server: str, token: str, wants: Wants) -> None:
        self.stay = Stay.JOINING
        self.server = server
        self.token = token
        self.local: Participant | None = None
        self.may_publish = self.may_subscribe = True
        self.ice_servers: Sequence[rtc.ICEServer] = ()
        self.failure: LinkError | None = None
        self._wants = wants
        self._others: dict[str, _Known] = {}
        self._orphans: dict[str, Any] = {}
        self._publishing: dict[str, _Publishing] = {}
        self._outputs: list[Output] = []
        self._interval, self._patience = PING_INTERVAL, PING_TIMEOUT
        self._ping_due = self._heard = 0.0
        self._round_trip_ms = 0
        self._connected = False
        self._moves = self._failures = 0
        self._resume_until = 0.0
        self._whole_list_follows = False

    # --- what is known

    @property
    def participants(self) -> dict[str, Participant]:
        """The other participants by their ids."""
        return {sid: known.participant for sid, known in self._others.items()}

    @property
    def deadline(self) -> float | None:
        """When `tick` is due next; None while there is no signal socket."""
        return min(self._ping_due, self._heard + self._patience) if self._connected else None

    @property
    def resumes(self) -> str | None:
        """The id under which the next signal socket takes up the stay; None for a first one."""
        return self.local.sid if self.stay is Stay.RESUMING and self.local is not None else None

    @property
    def resume_until(self) -> float | None:
        """When a lost signal socket must be back."""
        return self._resume_until if self.stay is Stay.RESUMING else None

    def take(self) -> list[Output]:
        """Take the outputs to perform, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # --- the signal socket

    def opened(self, now: float) -> None:
        """A signal socket is open."""
        self._connected = True
        self._heard, self._ping_due = now, now + self._interval

    def lost(self, error: RoomError, now: float) -> float | None:
        """The signal socket is gone; returns the seconds to wait before the next one, None if the stay is over."""
        self._connected = False
        if self.stay is Stay.JOINED:
            self.stay = Stay.RESUMING
            self._failures, self._resume_until = 0, now + RESUME_LIMIT
            self._emit(SignalLost(error))
        elif self.stay is Stay.JOINING and self._moves and error.reason == "MOVED":
            return 0.0
        elif self.stay is not Stay.RESUMING or (error.status is not None and 400 <= error.status < 500):
            self.end(error)
        delay = RESUME_DELAYS[min(self._failures, len(RESUME_DELAYS) - 1)]
        self._failures += 1
        if self.stay is Stay.RESUMING and now + delay >= self._resume_until:
            self.end(error)
        return None if self.stay is Stay.OVER else delay

    def end(self, error: LinkError) -> None:
        """The stay is over; only the first reason counts."""
        if self.stay is not Stay.OVER:
            self.stay, self.failure = Stay.OVER, error

    def tick(self, now: float) -> None:
        """Ping the server if that is due, and give up the socket of one that is silent."""
        if not self._connected:
            return
        if now - self._heard >= self._patience:
            self._hang_up(RoomError("The LiveKit server does not answer pings"))
        elif now >= self._ping_due:
            self._ping_due = now + self._interval
            ping = rtc.Ping(timestamp=int(now * 1000), rtt=self._round_trip_ms)
            self._send(rtc.SignalRequest(ping_req=ping))

    def receive(self, message: rtc.SignalResponse, now: float) -> None:
        """Process a message of the server."""
        self._heard = now
        kind = message.WhichOneof("message")
        match kind:
            case "join":
                self._join(message.join, now)
            case "reconnect":
                self._resumed()
            case "offer":
                self._outputs.append(Negotiate("subscriber", message.offer.sdp, message.offer.id))
            case "answer":
                self._outputs.append(Negotiate("publisher", message.answer.sdp, message.answer.id))
            case "trickle":
                self._trickle(message.trickle)
            case "update":
                self._update(message.update.participants)
            case "track_published":
                if (publishing := self._publishing.get(message.track_published.cid)) is not None:
                    publishing.info = message.track_published.track
            case "request_response":
                self._refused(message.request_response)
            case "track_unpublished":
                self._unpublished(message.track_unpublished.track_sid)
            case "refresh_token":
                self.token = message.refresh_token or self.token
            case "pong_resp":
                self._round_trip_ms = max(0, int(now * 1000) - message.pong_resp.last_ping_timestamp)
            case "leave":
                self._leave(message.leave)
            case _:
                logger.debug("ignored a %s of the LiveKit server", kind or "message of an unknown kind")

    def _join(self, join: rtc.JoinResponse, now: float) -> None:
        if self.stay is not Stay.JOINING:
            return
        if join.alternative_url and self._moves < MAX_MOVES:
            self._moves += 1
            self.server = join.alternative_url
            self._hang_up(RoomError("The LiveKit server names another one", reason="MOVED"))
            return
        self.stay = Stay.JOINED
        self.local = Participant.of(join.participant)
        if join.participant.HasField("permission"):
            self.may_publish = join.participant.permission.can_publish
            self.may_subscribe = join.participant.permission.can_subscribe
        self.ice_servers = tuple(join.ice_servers)
        if join.ping_interval > 0 and join.ping_timeout > 0:
            self._interval, self._patience = float(join.ping_interval), float(join.ping_timeout)
        self._ping_due = now + self._interval
        self._update(join.other_participants)

    def _resumed(self) -> None:
        if self.stay is not Stay.RESUMING:
            return
        self.stay = Stay.JOINED
        self._whole_list_follows = True
        for publishing in self._publishing.values():  # what was under way may never have been read
            if publishing.info is None:
                self._send(rtc.SignalRequest(add_track=publishing.request))
        self._emit(SignalRestored())

    def _leave(self, leave: rtc.LeaveRequest) -> None:
        known = leave.reason in models.DisconnectReason.values()
        reason = models.DisconnectReason.Name(leave.reason) if known else f"REASON_{leave.reason}"
        error = RoomError(f"The LiveKit server ended the stay in the room: {reason}", reason=reason)
        if leave.action != rtc.LeaveRequest.RESUME or self.stay is not Stay.JOINED:
            self.end(error)
        self._hang_up(error)

    def _trickle(self, trickle: rtc.TrickleRequest) -> None:
        target: Target = "publisher" if trickle.target == rtc.PUBLISHER else "subscriber"
        if trickle.candidateInit:
            try:
                candidate = msgspec.json.decode(trickle.candidateInit, type=Candidate)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                logger.warning("Ignored a malformed candidate of the LiveKit server")
                return
            # One bundled transport: its candidates belong to the first section, which an empty name stands for.
            candidate = msgspec.structs.replace(candidate, sdpMid=candidate.sdpMid or None)
            self._outputs.append(AddCandidate(target, candidate))
        if trickle.final:
            self._outputs.append(AddCandidate(target, None))

    # --- the other participants

    def _update(self, infos: Sequence[models.ParticipantInfo]) -> None:
        for info in infos:
            if self.local is not None and info.sid == self.local.sid:
                self.local = Participant.of(info)
            elif info.state == models.ParticipantInfo.DISCONNECTED:
                self._gone(info.sid)
            elif info.sid:
                self._seen(Participant.of(info))
        if self._whole_list_follows:
            # Who left while there was no signal socket is missed in the list that follows a resume.
            self._whole_list_follows = False
            for sid in self._others.keys() - {info.sid for info in infos}:
                self._gone(sid)
            for known in self._others.values():
                self._ask_for(known, [sid for sid in known.participant.tracks if sid not in known.media])

    def _seen(self, participant: Participant) -> None:
        known = self._others.get(participant.sid)
        if known is None:
            known = self._others[participant.sid] = _Known(participant)
            self._emit(ParticipantJoined(participant))
            before: Participant | None = None
        else:
            before, known.participant = known.participant, participant
            if participant == before:
                return
            self._emit(ParticipantChanged(participant, before))
        ended = set(before.tracks) - set(participant.tracks) if before is not None else set()
        for sid in ended:
            if before is not None and known.media.pop(sid, None) is not None:
                self._emit(TrackUnsubscribed(participant, before.tracks[sid]))
        begun = [sid for sid in participant.tracks if before is None or sid not in before.tracks]
        self._ask_for(known, begun)
        for sid in begun:
            if (media := self._orphans.pop(sid, None)) is not None:
                self._deliver(known, sid, media)

    def _gone(self, sid: str) -> None:
        known = self._others.pop(sid, None)
        if known is None:
            return
        for track_sid in known.media:
            self._emit(TrackUnsubscribed(known.participant, known.participant.tracks[track_sid]))
        self._emit(ParticipantLeft(known.participant))

    def _ask_for(self, known: _Known, sids: Sequence[str]) -> None:
        tracks = known.participant.tracks
        wanted = [sid for sid in sids if self._wants(known.participant, tracks[sid])]
        if wanted and self.may_subscribe:
            subscription = rtc.UpdateSubscription(track_sids=wanted, subscribe=True)
            self._send(rtc.SignalRequest(subscription=subscription))

    def media_arrived(self, sid: str, media: Any) -> None:
        """The track of that id can be received; its publisher may be announced only later."""
        for known in self._others.values():
            if sid in known.participant.tracks:
                self._deliver(known, sid, media)
                return
        self._orphans[sid] = media

    def _deliver(self, known: _Known, sid: str, media: Any) -> None:
        known.media[sid] = media
        self._emit(TrackSubscribed(known.participant, known.participant.tracks[sid], media))

    # --- what this client publishes

    def publish(self, request: rtc.AddTrackRequest) -> None:
        """Announce a track of this client's own."""
        self._publishing[request.cid] = _Publishing(request)
        if self.stay is Stay.JOINED:
            self._send(rtc.SignalRequest(add_track=request))

    def unpublish(self, cid: str) -> None:
        """A track is sent no more: its end is nobody's doing but this client's."""
        del self._publishing[cid]

    def _unpublished(self, sid: str) -> None:
        if any(one.info is not None and one.info.sid == sid for one in self._publishing.values()):
            self._emit(PublicationEnded(sid))

    def announced(self, cid: str) -> models.TrackInfo | None:
        """What the server calls a track, None if it has not answered yet.

        Raises:
            RoomError: It refused.
        """
        publishing = self._publishing[cid]
        if publishing.refusal is not None:
            raise publishing.refusal
        return publishing.info

    def _refused(self, response: rtc.RequestResponse) -> None:
        publishing = self._publishing.get(response.add_track.cid)
        if publishing is None or response.reason == rtc.RequestResponse.OK:
            return
        known = response.reason in rtc.RequestResponse.Reason.values()
        reason = rtc.RequestResponse.Reason.Name(response.reason) if known else str(response.reason)
        publishing.refusal = RoomError(
            f"The LiveKit server refused to publish a track: {reason}", status=403, reason=reason
        )

    # --- outputs

    def send(self, request: rtc.SignalRequest) -> None:
        """Send a message of one of the connections; lost while there is no signal socket."""
        if self.stay is Stay.JOINED:
            self._send(request)

    def _send(self, request: rtc.SignalRequest) -> None:
        self._outputs.append(Send(request))

    def _emit(self, event: RoomEvent) -> None:
        self._outputs.append(Emit(event))

    def _hang_up(self, error: RoomError) -> None:
        self._connected = False
        self._outputs.append(HangUp(error))

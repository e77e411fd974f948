"""One room: who is in it, which tracks there are, and who receives them. Used on the event loop only."""

from __future__ import annotations

import secrets
import time

from aiortc.rtcdtlstransport import RTCCertificate
from anyio.abc import TaskGroup
from livekit.protocol import models, rtc

from realtime_fast.server.network import Exposure
from realtime_fast.server.room.access_token import Grant
from realtime_fast.server.room.downlink import Outgoing
from realtime_fast.server.room.participant import Participant


class Room:
    """A room.

    Attributes:
        name: Its name, which tokens carry.
        participants: By identity.
    """

    def __init__(self, name: str, certificate: RTCCertificate, tasks: TaskGroup) -> None:
        self.name = name
        self.sid = f"RM_{secrets.token_hex(6)}"
        self.participants: dict[str, Participant] = {}
        self._certificate = certificate
        self._tasks = tasks
        self._created = int(time.time())
        self._published: dict[str, Outgoing] = {}

    @property
    def info(self) -> models.Room:
        """What participants are told of it."""
        return models.Room(
            sid=self.sid,
            name=self.name,
            creation_time=self._created,
            num_participants=len(self.participants),
        )

    # --- presence

    async def join(
        self, grant: Grant, exposures: tuple[Exposure, Exposure], *, receives_all: bool
    ) -> Participant:
        """Add a participant; one of the same identity is disconnected."""
        if (former := self.participants.get(grant.identity)) is not None:
            await self.remove(former, models.DUPLICATE_IDENTITY)
        participant = Participant(
            self, grant, self._certificate, exposures, self._tasks, receives_all=receives_all
        )
        self.participants[grant.identity] = participant
        self.changed(participant)
        return participant

    def find_participant(self, grant: Grant, sid: str) -> Participant | None:
        """The participant who comes back with this token and this id."""
        participant = self.participants.get(grant.identity)
        return participant if participant is not None and participant.sid == sid else None

    def others(self, participant: Participant) -> list[models.ParticipantInfo]:
        """What a participant is told of the others."""
        return [other.info for other in self.participants.values() if other is not participant]

    async def remove(
        self, participant: Participant, reason: models.DisconnectReason = models.PARTICIPANT_REMOVED
    ) -> None:
        """Disconnect a participant, and tell it why; harmless when repeated."""
        participant.dismiss(reason)
        await self.leave(participant)

    async def leave(self, participant: Participant) -> None:
        """Forget a participant and end its connections; harmless when repeated."""
        if participant.left.is_set():
            return
        participant.left.set()
        if self.participants.get(participant.grant.identity) is participant:
            del self.participants[participant.grant.identity]
        self.changed(participant)
        await participant.aclose()

    async def aclose(self, reason: models.DisconnectReason = models.ROOM_DELETED) -> None:
        """Disconnect everybody."""
        for participant in list(self.participants.values()):
            await self.remove(participant, reason)

    # --- tracks

    def subscribe(self, participant: Participant) -> None:
        """Send a participant what is already published."""
        if participant.receives_all and participant.grant.subscribe:
            for track in self._published.values():
                if not participant.owns(track.sid):
                    participant.downlink.add(track)

    def published(self, participant: Participant, track: Outgoing) -> None:
        """A track has begun."""
        self._published[track.sid] = track
        self.changed(participant)
        for other in self.participants.values():
            if other is not participant and other.receives_all and other.grant.subscribe:
                other.downlink.add(track)

    def unpublished(self, participant: Participant, sid: str) -> None:
        """A track has ended."""
        self._published.pop(sid, None)
        for other in self.participants.values():
            other.downlink.remove(sid)
        if not participant.left.is_set():
            gone = rtc.TrackUnpublishedResponse(track_sid=sid)
            participant.send(rtc.SignalResponse(track_unpublished=gone))
            self.changed(participant)

    def find(self, sid: str) -> Outgoing | None:
        """The track of that id."""
        return self._published.get(sid)

    def subscribed(self, sid: str) -> None:
        """Tell the publisher of a track that somebody receives it."""
        for participant in self.participants.values():
            if participant.owns(sid):
                participant.send(rtc.SignalResponse(track_subscribed=rtc.TrackSubscribed(track_sid=sid)))

    def changed(self, participant: Participant) -> None:
        """Tell everybody what a participant is now."""
        update = rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=[participant.info]))
        for other in self.participants.values():
            other.send(update)

"""Who is on a stage and what they publish; everybody who listens is told the whole state at each change."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import anyio
import msgspec

from realtime_fast.ivs.events import Participant
from realtime_fast.ivs.participant_token import Claims
from realtime_fast.server.stage.whip_session import Publication, Subscription, WhipSession

ACCOUNT = "123456789012"


@dataclass(slots=True)
class Member:
    """A participant: present while an events socket or a media session of theirs is.

    Attributes:
        participant: What the others are told.
        sockets: Events sockets that are up.
        sessions: All media sessions, those still coming up among them.
        publication: The one that is up and publishes.
        outbox: What to tell this participant alone.
    """

    participant: Participant
    sockets: int = 0
    publication: Publication | None = None
    sessions: set[WhipSession] = field(default_factory=set)
    outbox: list[str] = field(default_factory=list)


class Room:
    """One stage. All of it happens on the event loop, so nothing needs a lock."""

    def __init__(self) -> None:
        self.stage_id = secrets.token_urlsafe(9)
        self.arn = f"arn:aws:ivs:local:{ACCOUNT}:stage/{self.stage_id}"
        self.members: dict[str, Member] = {}
        self._sequence = 1
        self._changed = anyio.Event()

    # --- presence

    def enter(self, claims: Claims) -> Member:
        """The member with these claims, who is present from now on."""
        member = self.members.get(claims.jti)
        if member is None:
            member = self.members[claims.jti] = Member(
                Participant(id=claims.jti, user_id=claims.user_id, attributes=claims.attributes or {})
            )
            self._announce()
        return member

    def leave(self, member: Member) -> None:
        """Somebody is gone, and with them whatever they sent and received."""
        if self.members.get(member.participant.id) is not member:
            return
        del self.members[member.participant.id]
        if member.publication is not None:
            self._silence(member.publication)
        for session in member.sessions:
            session.stop()
        self._announce()

    def leave_if_idle(self, member: Member) -> None:
        """Somebody without an events socket is gone once they neither send nor receive."""
        if not member.sockets and not member.sessions:
            self.leave(member)

    def mute(self, member: Member, *, audio_muted: bool, video_stopped: bool) -> None:
        """What a member says about themselves."""
        self._update(member, audio_muted=audio_muted, video_stopped=video_stopped)

    # --- media

    def published(self, member: Member, publication: Publication) -> None:
        """Media of a member flows; a publication they had before is over."""
        if self.members.get(member.participant.id) is not member:
            publication.stop()
            return
        if member.publication is not None:
            self.unpublished(member, member.publication)
        member.publication = publication
        self._update(member, is_publishing=True)

    def unpublished(self, member: Member, publication: Publication) -> None:
        """That publication is over, and so is what others received of it."""
        self._silence(publication)
        if member.publication is publication:
            member.publication = None
            self._update(member, is_publishing=False)

    def _silence(self, publication: Publication) -> None:
        publication.stop()
        for member in self.members.values():
            for session in member.sessions:
                if isinstance(session, Subscription) and session.publication is publication:
                    session.stop()

    # --- telling

    def disconnect(self, participant_id: str, reason: str) -> None:
        """Put a participant out, for good as far as their client is concerned."""
        self._tell(participant_id, "aws:ivs:DISCONNECT", {"reason": reason})

    def reassign(self, participant_id: str) -> None:
        """Have a participant's client publish and subscribe anew."""
        self._tell(participant_id, "aws:ivs:REASSIGN", {})

    async def next_messages(self, member: Member, seen: int) -> tuple[list[str], int]:
        """What a listener who has seen state number `seen` must be told, once there is something."""
        while self._sequence <= seen and not member.outbox:
            await self._changed.wait()
        messages, member.outbox = member.outbox, []
        if self._sequence > seen:
            messages.insert(0, self._state())
        return messages, self._sequence

    def _tell(self, participant_id: str, kind: str, payload: dict[str, Any]) -> None:
        member = self.members.get(participant_id)
        if member is not None:
            member.outbox.append(_message(kind, payload))
            self._wake()

    def _state(self) -> str:
        return _message(
            "STAGE_STATE",
            {
                "sequenceNumber": self._sequence,
                "stageId": self.stage_id,
                "participants": [member.participant for member in self.members.values()],
            },
        )

    def _update(self, member: Member, **changes: Any) -> None:
        participant = msgspec.structs.replace(member.participant, **changes)
        if participant != member.participant:
            member.participant = participant
            self._announce()

    def _announce(self) -> None:
        self._sequence += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _message(kind: str, payload: Any) -> str:
    return msgspec.json.encode({"type": kind, "payload": payload}).decode()

"""The participants of a stage and what they publish; each change is sent to all of them, as the whole state."""

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
    """A participant, present while it has an events socket or a media session.

    Attributes:
        participant: What the others are told.
        claims: Those of the newest token.
        sockets: Number of open events sockets.
        sessions: All media sessions, including those still connecting.
        publication: The session that is up and publishes.
        outbox: Messages for this participant alone.
    """

    participant: Participant
    claims: Claims
    sockets: int = 0
    publication: Publication | None = None
    sessions: set[WhipSession] = field(default_factory=set)
    outbox: list[str] = field(default_factory=list)


class Room:
    """One stage. It is used on the event loop only and needs no locks."""

    def __init__(self) -> None:
        self.stage_id = secrets.token_urlsafe(9)
        self.arn = f"arn:aws:ivs:local:{ACCOUNT}:stage/{self.stage_id}"
        self.members: dict[str, Member] = {}
        self._sequence = 1
        self._changed = anyio.Event()

    # --- presence

    def enter(self, claims: Claims) -> Member:
        """The member with these claims, added if it is new."""
        member = self.members.get(claims.jti)
        if member is None:
            member = self.members[claims.jti] = Member(
                Participant(id=claims.jti, user_id=claims.user_id, attributes={**(claims.attributes or {})}),
                claims,
            )
            self._announce()
        return member

    def newest(self, claims: Claims) -> Claims:
        """The claims that count for a participant who shows these: those it was given last."""
        member = self.members.get(claims.jti)
        return claims if member is None else member.claims

    def describe(self, member: Member, claims: Claims) -> None:
        """Go on with what another token of a member says."""
        member.claims = claims
        self._update(member, user_id=claims.user_id, attributes={**(claims.attributes or {})})

    def leave(self, member: Member) -> None:
        """Remove a member, and end its sessions."""
        if self.members.get(member.participant.id) is not member:
            return
        del self.members[member.participant.id]
        if member.publication is not None:
            self._silence(member.publication)
        for session in member.sessions:
            session.stop()
        self._announce()

    def leave_if_idle(self, member: Member) -> None:
        """Remove a member that has neither an events socket nor a media session."""
        if not member.sockets and not member.sessions:
            self.leave(member)

    def mute(self, member: Member, *, audio_muted: bool, video_stopped: bool) -> None:
        """Set what a member reports about itself."""
        self._update(member, audio_muted=audio_muted, video_stopped=video_stopped)

    # --- media

    def published(self, member: Member, publication: Publication) -> None:
        """A member's publication is up, and replaces its earlier one."""
        if self.members.get(member.participant.id) is not member:
            publication.stop()
            return
        if member.publication is not None:
            self.unpublished(member, member.publication)
        member.publication = publication
        self._update(member, is_publishing=True)

    def unpublished(self, member: Member, publication: Publication) -> None:
        """A publication ended, and so do the subscriptions to it."""
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

    # --- messages

    def disconnect(self, participant_id: str, reason: str) -> None:
        """Disconnect a participant; its client does not reconnect."""
        self._tell(participant_id, "aws:ivs:DISCONNECT", {"reason": reason})

    def reassign(self, participant_id: str) -> None:
        """Make a participant's client publish and subscribe again."""
        self._tell(participant_id, "aws:ivs:REASSIGN", {})

    async def next_messages(self, member: Member, seen: int) -> tuple[list[str], int]:
        """Wait for messages to a listener that has seen state `seen`; returns them and the newest state's number."""
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

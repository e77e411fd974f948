"""The embedded IVS stages and their media sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from aiortc.rtcdtlstransport import RTCCertificate

from realtime_fast.ivs.participant_token import FIXED_CLAIMS, Claims
from realtime_fast.server.network import Exposure, Network
from realtime_fast.server.stage.answers import Offer
from realtime_fast.server.stage.refusal import Refusal
from realtime_fast.server.stage.room import Member, Room
from realtime_fast.server.stage.tokens import IssuedToken, TokenAuthority, TokenRequest
from realtime_fast.server.stage.whip_session import Publication, Subscription, WhipSession

GRACE = 1.0
"""Seconds for replacing a broken socket before its participant counts as gone."""


SERVICE = "service"
"""The user id of the service's own participant."""


@dataclass(frozen=True, slots=True)
class Place:
    """The stage of an inference session, and the participant that publishes its output."""

    room: Room
    participant_id: str


class Stages(anyio.AsyncContextManagerMixin):
    """All stages of a service. Open it around the application that serves `routes`.

    Args:
        front_door: Issue tokens whose `whip_url` redirects, as production's does.

    Attributes:
        rooms: The stages by ARN.
        places: The places of inference sessions, by session id.
        network: What lies between the stages and participants that are not the service itself.
    """

    def __init__(self, *, front_door: bool = False) -> None:
        self.front_door = front_door
        self.network: Network | None = None
        self.authority = TokenAuthority()
        self.rooms: dict[str, Room] = {}
        self.places: dict[str, Place] = {}
        self._certificate = RTCCertificate.generateCertificate()
        self._sessions: dict[str, tuple[Room, WhipSession]] = {}

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncIterator[Stages]:
        async with anyio.create_task_group() as self._group:
            yield self
            self._group.cancel_scope.cancel()

    # --- rooms and tokens

    def create(self) -> Room:
        """A new, empty stage."""
        room = Room()
        self.rooms[room.arn] = room
        return room

    def delete(self, room: Room) -> None:
        """End a stage and disconnect its participants."""
        self.rooms.pop(room.arn, None)
        for member in list(room.members.values()):
            room.disconnect(member.participant.id, "STAGE_DELETED")
        for member in list(room.members.values()):
            room.leave(member)

    def clear(self) -> None:
        """End all stages."""
        for room in list(self.rooms.values()):
            self.delete(room)

    def find(self, stage_id: str) -> Room:
        """The stage of that id.

        Raises:
            Refusal: There is none.
        """
        for room in self.rooms.values():
            if room.stage_id == stage_id:
                return room
        raise Refusal.no_stage()

    def issue(self, room: Room, base_url: str, wanted: TokenRequest | None = None) -> IssuedToken:
        """A token for a participant of a stage, who reaches the service at `base_url`."""
        return self.authority.issue(
            room.arn, wanted or TokenRequest(), base_url=base_url, front_door=self.front_door
        )

    def admit(self, token: str | None) -> tuple[Room, Claims]:
        """The stage and the claims of a token.

        Raises:
            Refusal: The token is missing, invalid, or of a stage that is gone.
        """
        if not token:
            raise Refusal.missing_token()
        claims = self.authority.verify(token)
        room = self.rooms.get(claims.resource)
        if room is None:
            raise Refusal.no_stage()
        return room, claims

    def exchange(self, room: Room, member: Member, token: str) -> None:
        """Go on with another token of a participant: what it does not allow ends.

        Raises:
            Refusal: The token is invalid, or not for the same participant, stage and place.
        """
        _, claims = self.admit(token)
        if any(getattr(claims, name) != getattr(member.claims, name) for name in FIXED_CLAIMS):
            raise Refusal.other_stage()
        room.describe(member, claims)
        may = claims.capabilities
        for session in tuple(member.sessions):
            if not (may.allow_publish if isinstance(session, Publication) else may.allow_subscribe):
                self._forget(room, session)

    # --- media

    async def publish(
        self, token: str | None, participant_id: str | None, offer: str
    ) -> tuple[WhipSession, str]:
        """Start publishing as the token's participant; returns the session and the SDP answer.

        Args:
            token: The participant's.
            participant_id: Whom the request names, None for nobody.
            offer: The SDP offer.

        Raises:
            Refusal: The token or the offer is not acceptable.
        """
        room, claims = self.admit(token)
        if not room.newest(claims).capabilities.allow_publish:
            raise Refusal.no_permission("publishing")
        if participant_id not in (None, claims.jti):
            raise Refusal.no_permission("publishing as somebody else")

        def live() -> None:
            room.published(member, session)

        exposure = self._exposure(claims)
        session = Publication(claims.jti, Offer.parse(offer), self._certificate, exposure, live)
        member = room.enter(claims)
        return session, await self._begin(room, member, session)

    async def subscribe(self, token: str | None, participant_id: str, offer: str) -> tuple[WhipSession, str]:
        """Start receiving another participant; returns the session and the SDP answer.

        Raises:
            Refusal: The token or the offer is not acceptable, or nothing is published.
        """
        room, claims = self.admit(token)
        if not room.newest(claims).capabilities.allow_subscribe:
            raise Refusal.no_permission("subscribing")
        publisher = room.members.get(participant_id)
        if publisher is None and any(participant_id in other.members for other in self.rooms.values()):
            raise Refusal.other_stage()
        if publisher is None or publisher.publication is None:
            raise Refusal.no_stream()
        session = Subscription(
            claims.jti, Offer.parse(offer), self._certificate, self._exposure(claims), publisher.publication
        )
        member = room.enter(claims)
        return session, await self._begin(room, member, session)

    def _exposure(self, claims: Claims) -> Exposure:
        """The service sits beside the stage: the network is between both and everybody else."""
        return Exposure(None if claims.user_id == SERVICE else self.network)

    def end(self, token: str | None, session_id: str) -> None:
        """End a session of the token's participant.

        Raises:
            Refusal: There is none, or it belongs to another participant.
        """
        _, claims = self.admit(token)
        found = self._sessions.get(session_id)
        if found is None:
            raise Refusal.no_session()
        room, session = found
        if claims.jti != session.participant_id:
            raise Refusal.no_permission("ending another's session")
        self._forget(room, session)

    async def _begin(self, room: Room, member: Member, session: WhipSession) -> str:
        member.sessions.add(session)
        try:
            text = await session.answer()
            self._group.start_soon(self._run, room, session)
        except BaseException:
            member.sessions.discard(session)
            await session.aclose()
            raise
        self._sessions[session.id] = (room, session)
        return text

    async def _run(self, room: Room, session: WhipSession) -> None:
        try:
            await session.run()
        finally:
            self._forget(room, session)

    def _forget(self, room: Room, session: WhipSession) -> None:
        self._sessions.pop(session.id, None)
        session.stop()
        member = room.members.get(session.participant_id)
        if member is None:
            return
        if isinstance(session, Publication):
            room.unpublished(member, session)
        member.sessions.discard(session)
        room.leave_if_idle(member)

    # --- events sockets

    def arrive(self, room: Room, claims: Claims) -> Member:
        """An events socket of a participant is up."""
        member = room.enter(claims)
        room.describe(member, claims)
        member.sockets += 1
        return member

    def depart(self, room: Room, member: Member, *, on_purpose: bool) -> None:
        """An events socket of a participant closed: on purpose, or it broke and may soon be replaced."""
        member.sockets -= 1
        if member.sockets:
            return
        if on_purpose:
            room.leave(member)
        else:
            self._group.start_soon(self._depart_later, room, member)

    async def _depart_later(self, room: Room, member: Member) -> None:
        await anyio.sleep(GRACE)
        if not member.sockets:
            room.leave(member)

"""The livekit transport: media over a LiveKit room (docs/protocol.md, Connecting over LiveKit).

The service names the room. The client publishes there, and takes the tracks of the service's participant and of nobody
else. Viewers are told the room in answer to an HTTP request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio
import msgspec
from aiortc import MediaStreamTrack
from msgspec import UNSET

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.control import messages
from realtime_fast.control.signaling import Signaling, drain, tag
from realtime_fast.errors import ConnectError, InvalidInputError, LinkError, RoomError, TransportName
from realtime_fast.livekit import (
    Participant,
    ParticipantChanged,
    ParticipantJoined,
    PublicationEnded,
    PublishedTrack,
    Room,
    RoomEvent,
    SendingFailed,
    SignalLost,
    SignalRestored,
    TrackSubscribed,
)
from realtime_fast.livekit.events import can_decode
from realtime_fast.options import IceServer, SendOptions, VideoCodec
from realtime_fast.peer.link_events import (
    LinkEvent,
    LinkInterrupted,
    LinkLost,
    LinkRestored,
    LinkUp,
    StreamFailed,
    TrackArrived,
)
from realtime_fast.redaction import Secrets
from realtime_fast.transports.base import InitialState
from realtime_fast.transports.viewer_grant import request_grant

SERVICE = "inference-server-"
"""What the identity of the service's participant begins with."""

MAX_BITRATE = 3_500_000
"""Bit/s of what is sent at most, unless the caller says otherwise."""

ROOM_INFO_LIMIT = 15.0
"""Seconds in which the service names the room, or a place in its queue."""

ROOM_LIMIT = 15.0
"""Seconds for joining, publishing and receiving each; the limit of connecting may be shorter."""

ARRIVAL_LIMIT = 30.0
"""Seconds in which the service's participant must come into the room."""

ABSENCE_LIMIT = 5.0
"""Seconds in which the service's participant may come back before the link counts as lost."""


class Invitation(msgspec.Struct, frozen=True):
    """The room to join. The token stays out of the repr."""

    livekit_url: str
    token: str
    room_name: str

    def __repr__(self) -> str:
        return f"Invitation(room_name={self.room_name!r})"


Invite: TypeAlias = Callable[[Signaling], Awaitable[Invitation]]
"""Obtains the invitation."""


@dataclass(frozen=True, kw_only=True)
class RoomSettings:
    """How the room is used.

    Attributes:
        ice_servers: STUN and TURN servers instead of those that the room names; None for those.
        video_codec: What sent video prefers.
        sending: Bit rates, and what to give up first.
        min_delay: Seconds that what is received is held back at least.
        size: Width and height of the video, as it is announced.
        frame_timing: Whether pictures say something of themselves behind their encoded bytes.
    """

    ice_servers: Sequence[IceServer] | None = None
    video_codec: VideoCodec = "h264"
    sending: SendOptions | None = None
    min_delay: float = 0.0
    size: tuple[int, int] = (0, 0)
    frame_timing: bool = False


@dataclass(frozen=True)
class LivekitTransport:
    """Media over the room that the service names."""

    settings: RoomSettings = field(default_factory=RoomSettings)
    invite: Invite | None = None
    name: TransportName = "livekit"
    initial_state: InitialState = "within"
    phase: str | None = None
    falls_back: bool = False

    @asynccontextmanager
    async def open(
        self,
        signaling: Signaling,
        tracks: Sequence[MediaStreamTrack],
        report: Callable[[LinkEvent], None],
    ) -> AsyncIterator[LivekitLink]:
        """Obtain the invitation, join, publish, and follow the service's participant."""
        settings = self.settings
        if self.invite is None:
            invitation = await invited_by_service(signaling, frame_timing=settings.frame_timing)
        else:
            invitation = await self.invite(signaling)
        async with AsyncExitStack() as stack:
            async with signaling.phase("livekit-connect"):
                room = _room(invitation, settings, report)
                link = LivekitLink(room, report)
                events = room.events()
                await stack.enter_async_context(room)
                tasks = await stack.enter_async_context(owned_tasks())
                tasks.start_soon(drain, signaling)
                tasks.start_soon(link.follow, events)
                tasks.start_soon(link.watch)
                if not tracks:
                    await room.wait_receiving()
            if tracks:
                async with signaling.phase("publish-local-track"):
                    by_kind = {track.kind: track for track in tracks}
                    await room.publish(
                        video=by_kind.get("video"), audio=by_kind.get("audio"), size=settings.size
                    )
                    await room.wait_receiving()
            report(LinkUp())
            yield link


def _room(invitation: Invitation, settings: RoomSettings, report: Callable[[LinkEvent], None]) -> Room:
    try:
        return Room(
            invitation.livekit_url,
            invitation.token,
            wants=lambda participant, track: _is_service(participant) and can_decode(participant, track),
            video_codec=settings.video_codec,
            ice_servers=settings.ice_servers,
            timeout=ROOM_LIMIT,
            sending=settings.sending,
            min_delay=settings.min_delay,
            on_diagnostic=report,
        )
    except InvalidInputError as error:
        raise RoomError(f"The service names no room that can be joined: {error}") from None


class LivekitLink:
    """An established link: this client in the room, and media of the service's participant."""

    def __init__(self, room: Room, report: Callable[[LinkEvent], None]) -> None:
        self._room = room
        self._report = report
        self._video: MediaStreamTrack | None = None

    async def media_arrived(self) -> None:
        """Nothing more to wait for: the session counts as connected once the tracks are published."""

    async def stats(self) -> Mapping[str, Any]:
        """The reports of both connections."""
        return await self._room.get_stats()

    async def follow(self, events: AsyncIterator[RoomEvent]) -> None:
        """Report what happens in the room."""
        async for event in events:
            match event:
                case TrackSubscribed(participant, track, media) if _is_service(participant):
                    self._take(track, media)
                case ParticipantJoined(participant) | ParticipantChanged(participant) if _is_service(
                    participant
                ):
                    self._examine(participant)
                case SendingFailed(error):
                    self._report(StreamFailed(error))
                case SignalLost():
                    self._report(LinkInterrupted())
                case SignalRestored():
                    self._report(LinkRestored())
                case PublicationEnded():
                    self._report(
                        LinkLost(RoomError("The LiveKit server ended the publication of the camera"))
                    )
                case _:
                    pass
        self._report(LinkLost(await self._room.wait_over()))

    async def watch(self) -> None:
        """End the link when the service's participant does not come, or stays away."""
        limit, fault = ARRIVAL_LIMIT, "did not come into the room"
        try:
            while True:
                with anyio.move_on_after(limit) as patience:
                    await self._room.wait_until(self._service_is_here)
                if patience.cancelled_caught:
                    raise RoomError(f"The service's participant {fault} within {limit:g} s")
                await self._room.wait_until(lambda: not self._service_is_here())
                limit, fault = ABSENCE_LIMIT, "left the room and did not come back"
        except LinkError as error:
            self._report(LinkLost(error))

    def _service_is_here(self) -> bool:
        return any(map(_is_service, self._room.participants.values()))

    def _examine(self, participant: Participant) -> None:
        for track in participant.tracks.values():
            if track.kind == "video" and not can_decode(participant, track):
                self._report(
                    LinkLost(
                        RoomError(f"The service sends {track.mime_type}, which this client cannot decode")
                    )
                )

    def _take(self, track: PublishedTrack, media: MediaStreamTrack) -> None:
        if track.kind == "video":
            if self._video is not None:
                self._video.stop()  # a newer one takes its place
            self._video = media
        self._report(TrackArrived(track.kind, media))


def _is_service(participant: Participant) -> bool:
    return participant.identity.startswith(SERVICE)


async def invited_by_service(signaling: Signaling, *, frame_timing: bool) -> Invitation:
    """Ask for a room on the control channel, with the initial state right behind the question."""
    ask_for_room(signaling, frame_timing=frame_timing)
    async with signaling.phase("room-join", ROOM_INFO_LIMIT):
        return await named_room(signaling, signaling.queued)


def ask_for_room(signaling: Signaling, *, frame_timing: bool) -> None:
    """Send `livekit_join`, and the initial state right behind it."""
    capabilities = messages.ClientCapabilities(frame_timing=True) if frame_timing else UNSET
    signaling.send(messages.LivekitJoin(passthrough=signaling.passthrough, client_capabilities=capabilities))
    signaling.begin_with_state()


async def named_room(signaling: Signaling, queued: Callable[[], None]) -> Invitation:
    """Wait for the room; `queued` is called while the service has no place."""
    while True:
        answer = await signaling.receive()
        match answer:
            case messages.LivekitRoomInfo():
                signaling.admitted()
                return Invitation(answer.livekit_url, answer.token, answer.room_name)
            case messages.QueuePosition():
                queued()
            case _:
                raise ConnectError(
                    f"Expected livekit_room_info on a livekit session, got {tag(answer)}",
                    transport="livekit",
                )


def invited_as_viewer(url: str, api_key: str, agent: str, secrets: Secrets) -> Invite:
    """Obtains a viewer's invitation by an HTTP request, anew for each attempt.

    Args:
        url: The URL to `POST` to, from `watch_stream_url`.
        api_key: Sent in a header.
        agent: The user agent.
        secrets: What must not show in errors.
    """

    async def invite(signaling: Signaling) -> Invitation:
        async with signaling.phase("room-join", ARRIVAL_LIMIT):
            invitation = await request_grant(
                "POST", url, Invitation, api_key=api_key, agent=agent, secrets=secrets, transport="livekit"
            )
        secrets.add(invitation.token)
        return invitation

    return invite

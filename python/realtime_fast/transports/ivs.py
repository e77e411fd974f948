"""The ivs transport: media over an Amazon IVS stage (docs/protocol.md, Connecting over IVS and Viewers).

The service names the stage, to a viewer in answer to an HTTP request. The client publishes there and subscribes to the
service's participant, and to nobody else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio
import msgspec
from aiortc import MediaStreamTrack

from realtime_fast.aio.tasks import owned_tasks
from realtime_fast.control import messages
from realtime_fast.control.signaling import Signaling, drain, tag
from realtime_fast.errors import ConnectError, RealtimeError, StageError, TransportName
from realtime_fast.ivs import Participant, Publication, Stage, Subscription
from realtime_fast.options import IceServer, SendOptions, VideoCodec
from realtime_fast.peer.link_events import LinkEvent, LinkLost, LinkUp, TrackArrived
from realtime_fast.redaction import Secrets
from realtime_fast.stats import merge_reports
from realtime_fast.transports.base import InitialState
from realtime_fast.transports.viewer_grant import request_grant

RETURN_LIMIT = 1.0
"""Seconds in which the service's participant may publish again before the link counts as lost."""

STAGE_TIMEOUT = 30.0
"""Seconds for joining, publishing and subscribing each; the limits of the attempt may be shorter."""


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """The tokens for a stage, and whom to expect there.

    Attributes:
        subscribe_token: For receiving; also for sending if there is no `publish_token`.
        publish_token: For sending, in the older form with two tokens.
        server_id: The service's participant, None if unknown.
        own_ids: Further participants that are this client.
        announce: Whether the service waits for `ivs_joined`.
    """

    subscribe_token: str = field(repr=False)
    publish_token: str | None = field(default=None, repr=False)
    server_id: str | None = None
    own_ids: frozenset[str] = frozenset()
    announce: bool = True


Invite: TypeAlias = Callable[[Signaling], Awaitable[Invitation]]
"""Obtains the invitation."""


class IvsTransport:
    """Media over the stage that the service names."""

    name: TransportName = "ivs"
    initial_state: InitialState = "after-media"
    falls_back = False
    phase = "ivs-stage-setup"

    def __init__(
        self,
        *,
        ice_servers: Sequence[IceServer] = (),
        video_codec: VideoCodec | None = None,
        min_delay: float = 0.0,
        sending: SendOptions | None = None,
        invite: Invite | None = None,
    ) -> None:
        self._ice_servers = ice_servers
        self._video_codec: VideoCodec = video_codec or "h264"
        self._min_delay = min_delay
        self._sending = sending
        self._invite = invite or invited_by_service

    @asynccontextmanager
    async def open(
        self,
        signaling: Signaling,
        tracks: Sequence[MediaStreamTrack],
        report: Callable[[LinkEvent], None],
    ) -> AsyncIterator[IvsLink]:
        """Obtain the invitation, join, publish, send `ivs_joined`, and follow the service's participant."""
        invitation = await self._invite(signaling)

        def stage(token: str) -> Stage:
            return Stage(
                token,
                video_codec=self._video_codec,
                ice_servers=self._ice_servers,
                timeout=STAGE_TIMEOUT,
                sending=self._sending,
                min_delay=self._min_delay,
                on_diagnostic=report,
            )

        async with AsyncExitStack() as stack:
            watched = await stack.enter_async_context(stage(invitation.subscribe_token))
            stages = [watched]
            if invitation.publish_token is not None and tracks:
                stages.append(await stack.enter_async_context(stage(invitation.publish_token)))
            link = IvsLink(stages, invitation, report)
            tasks = await stack.enter_async_context(owned_tasks())
            for joined in stages:
                tasks.start_soon(link.watch, joined)
            # The service may publish while this client still does.
            tasks.start_soon(link.follow)
            if tracks:
                by_kind = {track.kind: track for track in tracks}
                publication = await stages[-1].publish(video=by_kind.get("video"), audio=by_kind.get("audio"))
                tasks.start_soon(link.guard, publication)
            if invitation.announce:
                signaling.send(messages.IvsJoined())
                tasks.start_soon(drain, signaling)
            report(LinkUp())
            yield link


class IvsLink:
    """An established link: this client on the stage, and media from the service's participant."""

    def __init__(
        self,
        stages: Sequence[Stage],
        invitation: Invitation,
        report: Callable[[LinkEvent], None],
    ) -> None:
        self._stages = stages
        self._report = report
        self._server_id = invitation.server_id
        self._own = invitation.own_ids | {stage.participant_id for stage in stages}
        self._settled = anyio.Event()
        self._lost: RealtimeError | None = None

    async def media_arrived(self) -> None:
        """Return once the service's video has arrived; raises what ended the link before."""
        await self._settled.wait()
        if self._lost is not None:
            raise self._lost

    async def stats(self) -> Mapping[str, Any]:
        """The reports of what is sent and received, merged."""
        reports: dict[str, Mapping[str, Any]] = {}
        for stage in self._stages:
            reports |= await stage.get_stats()
        return merge_reports(reports)

    async def watch(self, stage: Stage) -> None:
        """End the link when the stage ends."""
        self._lose(await stage.wait_over())

    async def guard(self, publication: Publication) -> None:
        """End the link when the publication ends."""
        self._lose(await publication.wait_ended() or StageError("Publishing on the stage has ended"))

    async def follow(self) -> None:
        """Subscribe to the service's participant whenever it publishes."""
        stage = self._stages[0]
        try:
            await stage.wait_publishing(self._is_service)
            while True:
                with anyio.move_on_after(RETURN_LIMIT) as patience:
                    service = await stage.wait_publishing(self._is_service)
                if patience.cancelled_caught:
                    raise StageError("The service's participant stopped publishing")
                subscription = await self._subscribe(stage, service)
                if subscription is not None and (error := await subscription.wait_ended()) is not None:
                    raise error
        except RealtimeError as error:
            self._lose(error)

    async def _subscribe(self, stage: Stage, service: Participant) -> Subscription | None:
        try:
            subscription = await stage.subscribe(service.id, buffered=False)
        except StageError as error:
            if error.status == 404:
                return None  # it has stopped publishing meanwhile
            raise
        for kind, track in subscription.tracks.items():
            self._report(TrackArrived(kind, track))
        if subscription.video is not None:
            self._settled.set()
        return subscription

    def _is_service(self, participant: Participant) -> bool:
        """Never this client itself; if the service's participant is known, only that one."""
        if self._server_id is not None:
            return participant.id == self._server_id
        return participant.id not in self._own

    def _lose(self, error: RealtimeError) -> None:
        if self._lost is None:
            self._lost = error
            self._settled.set()
            self._report(LinkLost(error))


async def invited_by_service(signaling: Signaling) -> Invitation:
    """The invitation in `ivs_stage_ready`, in either of its forms."""
    ready = await signaling.receive()
    if not isinstance(ready, messages.IvsStageReady):
        raise ConnectError(f"Expected ivs_stage_ready on an ivs session, got {tag(ready)}", transport="ivs")
    if ready.client_token:
        return Invitation(subscribe_token=ready.client_token, server_id=ready.server_publish_participant_id)
    if not ready.client_publish_token or not ready.client_subscribe_token:
        raise StageError("The service sent ivs_stage_ready without the tokens to join the stage")
    own = ready.client_publish_participant_id
    return Invitation(
        subscribe_token=ready.client_subscribe_token,
        publish_token=ready.client_publish_token,
        server_id=ready.server_publish_participant_id,
        own_ids=frozenset([own] if own else []),
    )


class _ViewerGrant(msgspec.Struct):
    subscribe_token: str
    server_publish_participant_id: str


def invited_as_viewer(url: str, api_key: str, agent: str, secrets: Secrets) -> Invite:
    """Obtains a viewer's invitation by an HTTP request, without the inference session.

    Args:
        url: The URL to `GET`, from `ivs_subscribe_url`.
        api_key: Sent in a header.
        agent: The user agent.
        secrets: What no error may show; the granted token becomes one.
    """

    async def invite(_: Signaling) -> Invitation:
        grant = await request_grant(
            "GET", url, _ViewerGrant, api_key=api_key, agent=agent, secrets=secrets, transport="ivs"
        )
        secrets.add(grant.subscribe_token)
        return Invitation(
            subscribe_token=grant.subscribe_token,
            server_id=grant.server_publish_participant_id,
            announce=False,
        )

    return invite

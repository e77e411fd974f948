"""Media sessions of the embedded stage: what a WHIP or WHEP resource stands for."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import anyio
from aiortc.rtcdtlstransport import RTCCertificate

from realtime_fast.server.stage.answers import Kind, Offer, Section, answer
from realtime_fast.server.stage.bundled_transport import BundledTransport
from realtime_fast.server.stage.forward import Egress, Ingest

REPORT_INTERVAL = 0.5
"""Seconds between two receiver reports to a publisher."""

SILENCE_LIMIT = 3.0
"""Seconds after which a publisher that sends neither media nor reports is gone: ICE needs half a minute to say so."""


class WhipSession:
    """One transport with agreed sections; the subclasses say what flows."""

    _direction: ClassVar[Literal["recvonly", "sendonly"]]

    def __init__(
        self,
        participant_id: str,
        offer: Offer,
        sections: Mapping[Kind, Section],
        certificate: RTCCertificate,
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.participant_id = participant_id
        self.sections = sections
        self._offer = offer
        self._link = BundledTransport(certificate, offer.transport)

    async def answer(self) -> str:
        """The answer to the offer, candidates included."""
        await self._link.gather()
        return answer(
            self._offer,
            self.sections,
            self._direction,
            ice=self._link.ice_parameters,
            dtls=self._link.dtls_parameters,
            candidates=self._link.candidates,
            stream_id=self.id,
        )

    def stop(self) -> None:
        """End the session soon; may be called at any time, and again."""
        self._link.hang_up()

    async def run(self) -> None:
        """Bring the session up, keep it until it is stopped or the far side has gone, close it."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch, group.cancel_scope)
                if await self._link.connect():
                    await self._flow()
                group.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(1.0, shield=True):
                await self._finish()
            await self._link.aclose()

    async def aclose(self) -> None:
        """Release a session that never ran."""
        await self._link.aclose()

    async def _watch(self, scope: anyio.CancelScope) -> None:
        await self._link.wait_ended()
        scope.cancel()

    async def _flow(self) -> None:
        raise NotImplementedError

    async def _finish(self) -> None:
        """Say to the far side what is still to be said."""


class Publication(WhipSession):
    """What a participant publishes.

    Args:
        participant_id: Who publishes.
        offer: Their offer.
        certificate: The stage's own.
        on_live: Called once media can flow.
    """

    _direction = "recvonly"

    def __init__(
        self, participant_id: str, offer: Offer, certificate: RTCCertificate, on_live: Callable[[], None]
    ) -> None:
        super().__init__(participant_id, offer, offer.published(), certificate)
        self._on_live = on_live
        self.sources = {kind: Ingest(section, self._link.dtls) for kind, section in self.sections.items()}

    async def _flow(self) -> None:
        self._on_live()
        heard, silent = -1, 0.0
        while silent < SILENCE_LIMIT:
            await anyio.sleep(REPORT_INTERVAL)
            for source in self.sources.values():
                await source.report()
            now = self._link.packets_received
            heard, silent = now, silent + REPORT_INTERVAL if now == heard else 0.0


class Subscription(WhipSession):
    """What a participant receives of another's publication."""

    _direction = "sendonly"

    def __init__(
        self, participant_id: str, offer: Offer, certificate: RTCCertificate, publication: Publication
    ) -> None:
        # Two neighbouring numbers a kind, media and retransmissions, and both kinds apart from each other.
        base = secrets.randbits(30) << 2
        sections = offer.subscribed(publication.sections, {"audio": base, "video": base + 2})
        super().__init__(participant_id, offer, sections, certificate)
        self.publication = publication
        self._sinks = [
            Egress(publication.sources[kind], section, self._link.dtls, cname=publication.id)
            for kind, section in sections.items()
        ]

    async def _flow(self) -> None:
        for sink in self._sinks:
            await sink.start()
        await anyio.sleep_forever()

    async def _finish(self) -> None:
        for sink in self._sinks:
            await sink.stop()

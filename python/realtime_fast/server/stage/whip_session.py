"""Media sessions of the embedded stage, one for each WHIP or WHEP resource."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import anyio
from aiortc.rtcdtlstransport import RTCCertificate

from realtime_fast.peer.agreed import Agreed, agreed
from realtime_fast.peer.media_transport import MediaTransport, Rates
from realtime_fast.server.forwarding.bundled_transport import BundledTransport
from realtime_fast.server.forwarding.forward import Egress, Ingest
from realtime_fast.server.forwarding.sections import Kind, Section
from realtime_fast.server.network import Exposure
from realtime_fast.server.stage.answers import Offer, answer

CHECK_INTERVAL = 1.0
"""Seconds between two looks at whether a publisher still sends."""

PATIENCE = 2.0
"""Seconds in which a publisher that sends nothing has to answer, or counts as gone; ICE takes half a minute."""


class WhipSession:
    """One transport with its negotiated sections; subclasses add the media."""

    _direction: ClassVar[Literal["recvonly", "sendonly"]]

    def __init__(
        self,
        participant_id: str,
        offer: Offer,
        sections: Mapping[Kind, Section],
        certificate: RTCCertificate,
        exposure: Exposure,
    ) -> None:
        self.id = secrets.token_urlsafe(12)
        self.participant_id = participant_id
        self.sections = sections
        self._offer = offer
        self._link = BundledTransport(certificate, exposure, offer.transport)
        self._media = MediaTransport(self._link.dtls, Rates())
        self._agreed: dict[str, Agreed] = {}

    async def answer(self) -> str:
        """The answer to the offer, candidates included."""
        await self._link.gather()
        text = answer(
            self._offer,
            self.sections,
            self._direction,
            ice=self._link.ice_parameters,
            dtls=self._link.dtls_parameters,
            candidates=self._link.candidates,
            stream_id=self.id,
        )
        self._agreed = agreed(text, self._offer.text)
        self._prepare()
        return text

    def _prepare(self) -> None:
        """Set up the streams that were agreed on."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the session soon; idempotent."""
        self._link.hang_up()

    async def run(self) -> None:
        """Connect, run until stopped or until the far side is gone, then close."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch, group.cancel_scope)
                if await self._link.connect():
                    await self._flow()
                group.cancel_scope.cancel()
        finally:
            self._finish()
            self._media.close()
            await self._link.aclose()

    async def aclose(self) -> None:
        """Release a session that never ran."""
        self._media.close()
        await self._link.aclose()

    async def _watch(self, scope: anyio.CancelScope) -> None:
        await self._link.wait_ended()
        scope.cancel()

    async def _flow(self) -> None:
        raise NotImplementedError

    def _finish(self) -> None:
        """End the streams, and say so to the far side."""
        raise NotImplementedError


class Publication(WhipSession):
    """What a participant publishes.

    Args:
        participant_id: Who publishes.
        offer: Their offer.
        certificate: The stage's own.
        exposure: What the far side is shown of the transport's sockets.
        on_live: Called once media can flow.
    """

    _direction = "recvonly"

    def __init__(
        self,
        participant_id: str,
        offer: Offer,
        certificate: RTCCertificate,
        exposure: Exposure,
        on_live: Callable[[], None],
    ) -> None:
        super().__init__(participant_id, offer, offer.published(), certificate, exposure)
        self._on_live = on_live
        self.ingests: dict[Kind, Ingest] = {}

    def _prepare(self) -> None:
        for kind, section in self.sections.items():
            own = secrets.randbits(32)
            self.ingests[kind] = Ingest(section, self._agreed[section.mid], self._media, own)

    async def _flow(self) -> None:
        self._on_live()
        heard = -1
        # Who sends nothing may have nothing to send yet, or be muted.
        while self._link.packets_received != heard or await self._link.answers(PATIENCE):
            heard = self._link.packets_received
            await anyio.sleep(CHECK_INTERVAL)

    def _finish(self) -> None:
        for ingest in self.ingests.values():
            ingest.close()


class Subscription(WhipSession):
    """What a participant receives of another's publication."""

    _direction = "sendonly"

    def __init__(
        self,
        participant_id: str,
        offer: Offer,
        certificate: RTCCertificate,
        exposure: Exposure,
        publication: Publication,
    ) -> None:
        # Two consecutive SSRCs for each kind, media and retransmissions.
        base = secrets.randbits(30) << 2
        sections = offer.subscribed(publication.sections, {"audio": base, "video": base + 2})
        super().__init__(participant_id, offer, sections, certificate, exposure)
        self.publication = publication
        self._egresses: list[Egress] = []

    def _prepare(self) -> None:
        self._egresses = [
            Egress(
                self.publication.ingests[kind],
                section,
                self._agreed[section.mid],
                self._media,
                cname=self.publication.id,
            )
            for kind, section in self.sections.items()
        ]

    async def _flow(self) -> None:
        for egress in self._egresses:
            egress.start()
        await anyio.sleep_forever()

    def _finish(self) -> None:
        for egress in self._egresses:
            egress.stop()

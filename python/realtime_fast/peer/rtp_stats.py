"""A report in the terms of W3C webrtc-stats: entries with camelCase names, by id."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Literal

from aiortc import RTCDtlsTransport, RTCRtpTransceiver

from realtime_fast.peer import aiortc_seams as seams
from realtime_fast.peer.halves import TrackReceiver, TrackSender
from realtime_fast.peer.ice import CandidatePair


def section_entries(transceiver: RTCRtpTransceiver) -> list[dict[str, Any]]:
    """The entries of both halves of a media section, none before it has a `mid`."""
    entries: list[dict[str, Any]] = []
    sender, receiver = transceiver.sender, transceiver.receiver
    if transceiver.mid is None:
        return entries
    kind: Literal["audio", "video"] = "audio" if transceiver.kind == "audio" else "video"
    if isinstance(sender, TrackSender) and sender.stream is not None:
        entries += outbound_entries(transceiver.mid, kind, sender.stream.stats())
    if isinstance(receiver, TrackReceiver) and receiver.stream is not None:
        entries += inbound_entries(transceiver.mid, kind, receiver.stream.stats())
    return entries


def outbound_entries(
    mid: str, kind: Literal["audio", "video"], figures: dict[str, Any]
) -> list[dict[str, Any]]:
    """The `outbound-rtp` entry of a sender and, once the far side reports, its `remote-inbound-rtp`."""
    if not figures.get("packetsSent"):
        return []
    remote = figures.pop("remote")
    outbound = _stream("outbound-rtp", mid, kind) | figures
    if not remote["reportsReceived"]:
        return [outbound]
    outbound["remoteId"] = f"remote-inbound-rtp-{mid}"
    inbound = (
        _stream("remote-inbound-rtp", mid, kind)
        | remote
        | {"localId": outbound["id"], "ssrc": figures["ssrc"]}
    )
    return [outbound, inbound]


def inbound_entries(
    mid: str, kind: Literal["audio", "video"], figures: dict[str, Any]
) -> list[dict[str, Any]]:
    """The `inbound-rtp` entry of a receiver, once anything has arrived."""
    figures.pop("remote", None)
    return [_stream("inbound-rtp", mid, kind) | figures] if figures.get("packetsReceived") else []


def pair_entries(
    pair: CandidatePair, round_trip: float | None, outgoing: int | None, incoming: int | None
) -> list[dict[str, Any]]:
    """The nominated pair and its two candidates."""
    entry: dict[str, Any] = {
        "id": "candidate-pair",
        "type": "candidate-pair",
        "timestamp": _epoch_ms(),
        "state": "succeeded",
        "nominated": True,
        "localCandidateId": "local-candidate",
        "remoteCandidateId": "remote-candidate",
    }
    known = {
        "currentRoundTripTime": round_trip,
        "availableOutgoingBitrate": outgoing,
        "availableIncomingBitrate": incoming,
    }
    entry |= {name: value for name, value in known.items() if value is not None}
    return [entry, _candidate("local", pair.local), _candidate("remote", pair.remote)]


def transport_entry(transport: RTCDtlsTransport) -> dict[str, Any]:
    """The `transport` entry of a DTLS transport."""
    stats = seams.transport_stats(transport)
    return {
        "id": "transport",
        "type": "transport",
        "timestamp": _epoch_ms(),
        "packetsSent": stats.packetsSent,
        "packetsReceived": stats.packetsReceived,
        "bytesSent": stats.bytesSent,
        "bytesReceived": stats.bytesReceived,
        "iceRole": stats.iceRole,
        "dtlsState": stats.dtlsState,
        "selectedCandidatePairId": "candidate-pair",
    }


def keyed(entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A report: the entries by their id."""
    return {entry["id"]: entry for entry in entries}


def _stream(kind_of_entry: str, mid: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"{kind_of_entry}-{mid}",
        "type": kind_of_entry,
        "timestamp": _epoch_ms(),
        "kind": kind,
        "mid": mid,
        "transportId": "transport",
    }


def _candidate(side: str, candidate: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{side}-candidate",
        "type": f"{side}-candidate",
        "timestamp": _epoch_ms(),
        "address": candidate["address"],
        "port": candidate["port"],
        "protocol": candidate["protocol"],
        "candidateType": candidate["candidate_type"],
    }


_EPOCH = time.time() - time.monotonic()


def _epoch_ms() -> float:
    """Unix time in ms on a clock that never jumps: rates are computed with it."""
    return (_EPOCH + time.monotonic()) * 1000

"""The statistics parser of `spec/stats.md`, written the plain way."""

import json
import math
from typing import Any, TypeAlias

INBOUND_COUNTERS = {
    "frames_decoded": "framesDecoded",
    "frames_dropped": "framesDropped",
    "bytes_received": "bytesReceived",
    "packets_received": "packetsReceived",
    "packets_lost": "packetsLost",
    "freeze_count": "freezeCount",
    "nack_count": "nackCount",
    "fir_count": "firCount",
    "pli_count": "pliCount",
    "frames_received": "framesReceived",
}
INBOUND_DELTAS = {
    "packets_lost_delta": "packets_lost",
    "frames_dropped_delta": "frames_dropped",
    "freeze_count_delta": "freeze_count",
    "freeze_duration_delta": "total_freezes_duration",
    "nack_count_delta": "nack_count",
}
OUTBOUND_COUNTERS = {
    "bytes_sent": "bytesSent",
    "packets_sent": "packetsSent",
    "nack_count": "nackCount",
    "fir_count": "firCount",
    "pli_count": "pliCount",
    "retransmitted_bytes_sent": "retransmittedBytesSent",
    "retransmitted_packets_sent": "retransmittedPacketsSent",
}

MOST = 2**64 - 1

Entry: TypeAlias = Any
"""A mapping or an object with attributes."""

Figures: TypeAlias = dict[str, Any]
Previous: TypeAlias = dict[tuple[str, str], float]


def get(entry: Any, name: Any) -> Any:
    return entry.get(name) if isinstance(entry, dict) else getattr(entry, name, None)


def number(entry: Any, name: Any) -> float | None:
    """The finite, non-negative number of that name, or None."""
    value = get(entry, name)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if 0 <= value < math.inf else None


def amount(entry: Any, name: Any) -> float:
    return number(entry, name) or 0.0


def count(entry: Any, name: Any) -> int:
    return min(int(amount(entry, name)), MOST)


def text(entry: Any, name: Any, default: Any = None) -> Any:
    value = get(entry, name)
    return value if isinstance(value, str) else default


def ratio(total: float, parts: float) -> float:
    return total / parts if parts else 0.0


class ReferenceParser:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.at: float | None = None
        self.previous: Previous = {}

    def parse(self, report: Any, now: float) -> dict[str, Any]:
        if isinstance(report, (str, bytes)):
            report = json.loads(report)
        elapsed = now - self.at if self.at is not None else 0.0
        self.at = now
        previous, self.previous = self.previous, {}

        inbound: list[Figures] = []
        audio: list[Figures] = []
        outbound: list[Figures] = []
        pairs: list[tuple[str, Entry]] = []
        candidates: dict[str, Entry] = {}
        remote: list[float | None] = []
        for key, entry in report.items():
            kind = text(entry, "type")
            if kind == "inbound-rtp":
                media = text(entry, "kind")
                if media == "video":
                    inbound.append(self.inbound(key, entry, previous, elapsed))
                elif media == "audio":
                    audio.append(self.audio(key, entry, previous, elapsed))
            elif kind == "outbound-rtp":
                if text(entry, "kind") == "video":
                    outbound.append(self.outbound(key, entry, previous, elapsed))
            elif kind == "remote-inbound-rtp":
                remote.append(number(entry, "roundTripTime"))
            elif kind == "candidate-pair":
                if text(entry, "state") == "succeeded":
                    pairs.append((key, entry))
            elif kind in ("local-candidate", "remote-candidate"):
                candidates[key] = entry
        return {
            "video": merge(inbound, {*INBOUND_COUNTERS, *INBOUND_DELTAS, "total_freezes_duration"}),
            "audio": merge(
                audio, {"bytes_received", "packets_received", "packets_lost", "packets_lost_delta"}
            ),
            "outbound_video": merge(outbound, {*OUTBOUND_COUNTERS, "target_bitrate_kbps"}),
            "connection": connection(pairs, candidates, remote),
        }

    def delta(self, key: str, name: Any, value: float, previous: Previous) -> float:
        self.previous[key, name] = value
        return max(0, value - previous.get((key, name), 0))

    def bitrate(self, key: str, name: Any, value: float, previous: Previous, elapsed: float) -> int:
        before = previous.get((key, name), 0)
        self.previous[key, name] = value
        return min(int(8 * max(0, value - before) / elapsed + 0.5), MOST) if elapsed > 0 else 0

    def inbound(self, key: str, e: Entry, previous: Previous, elapsed: float) -> Figures:
        out: Figures = {ours: count(e, theirs) for ours, theirs in INBOUND_COUNTERS.items()}
        out["total_freezes_duration"] = amount(e, "totalFreezesDuration")
        for ours, of in INBOUND_DELTAS.items():
            out[ours] = self.delta(key, of, out[of], previous)
        frames = out["frames_decoded"]
        emitted = amount(e, "jitterBufferEmittedCount")
        between = amount(e, "totalInterFrameDelay")
        squared = amount(e, "totalSquaredInterFrameDelay")
        variance = ratio(squared - ratio(between * between, frames), frames)
        return out | {
            "bitrate": self.bitrate(key, "bytes_received", out["bytes_received"], previous, elapsed),
            "frames_per_second": amount(e, "framesPerSecond"),
            "frame_width": count(e, "frameWidth"),
            "frame_height": count(e, "frameHeight"),
            "jitter": amount(e, "jitter"),
            "avg_inter_frame_delay_ms": ratio(between, frames) * 1000,
            "inter_frame_delay_variance_ms": math.sqrt(ratio(squared, frames)) * 1000,
            "inter_frame_delay_stddev_ms": math.sqrt(max(0.0, variance)) * 1000,
            "jitter_buffer_target_delay_ms": ratio(amount(e, "jitterBufferTargetDelay"), emitted) * 1000,
            "jitter_buffer_minimum_delay_ms": ratio(amount(e, "jitterBufferMinimumDelay"), emitted) * 1000,
            "avg_decode_time_ms": ratio(amount(e, "totalDecodeTime"), frames) * 1000,
            "avg_jitter_buffer_ms": ratio(amount(e, "jitterBufferDelay"), emitted) * 1000,
            "avg_processing_delay_ms": ratio(amount(e, "totalProcessingDelay"), frames) * 1000,
        }

    def audio(self, key: str, e: Entry, previous: Previous, elapsed: float) -> Figures:
        received, lost = count(e, "bytesReceived"), count(e, "packetsLost")
        return {
            "bytes_received": received,
            "packets_received": count(e, "packetsReceived"),
            "packets_lost": lost,
            "jitter": amount(e, "jitter"),
            "bitrate": self.bitrate(key, "bytes_received", received, previous, elapsed),
            "packets_lost_delta": self.delta(key, "packets_lost", lost, previous),
        }

    def outbound(self, key: str, e: Entry, previous: Previous, elapsed: float) -> Figures:
        out: Figures = {ours: count(e, theirs) for ours, theirs in OUTBOUND_COUNTERS.items()}
        durations = get(e, "qualityLimitationDurations")
        names = durations if isinstance(durations, dict) else {}
        target = number(e, "targetBitrate")
        return out | {
            "quality_limitation_reason": text(e, "qualityLimitationReason", "none"),
            "quality_limitation_durations": {
                name: value for name in names if (value := number(names, name)) is not None
            },
            "frames_per_second": amount(e, "framesPerSecond"),
            "frame_width": count(e, "frameWidth"),
            "frame_height": count(e, "frameHeight"),
            "bitrate": self.bitrate(key, "bytes_sent", out["bytes_sent"], previous, elapsed),
            "target_bitrate_kbps": None if target is None else target / 1000,
            "avg_packet_send_delay_ms": ratio(amount(e, "totalPacketSendDelay"), out["packets_sent"]) * 1000,
            "avg_encode_time_ms": ratio(amount(e, "totalEncodeTime"), count(e, "framesEncoded")) * 1000,
        }


def merge(entries: list[Figures], summed: set[str]) -> Figures | None:
    """Sums of counters and bitrates; the rest from the entry with the largest picture, the first of equals."""
    if not entries:
        return None
    largest = max(entries, key=lambda e: e.get("frame_width", 0) * e.get("frame_height", 0))
    out = dict(largest)
    if len(entries) > 1:
        for name in summed:
            values = [e[name] for e in entries if e[name] is not None]
            out[name] = total(values) if values else None
        out["bitrate"] = total([e["bitrate"] for e in entries])
    return out


def total(values: list[Any]) -> Any:
    """Sums of counters stop where 64 bits end, as counters themselves do."""
    return min(sum(values), MOST) if isinstance(values[0], int) else sum(values)


def connection(
    pairs: list[tuple[str, Entry]], candidates: dict[str, Entry], remote: list[float | None]
) -> Figures:
    selected, measured = [], sorted(pairs, key=lambda pair: get(pair[1], "nominated") is not True)
    for key, entry in pairs:
        own = text(entry, "id", "")
        prefix = key[: len(key) - len(own)] if key.endswith(own) else ""
        ends = [
            candidates.get(prefix + text(entry, name, ""))
            for name in ("localCandidateId", "remoteCandidateId")
        ]
        if all(end is not None and text(end, "address") for end in ends):
            selected.append(dict(zip(("local", "remote"), map(candidate, ends), strict=True)))
    trips = [number(entry, "currentRoundTripTime") for _, entry in measured] + remote
    rates = [number(entry, "availableOutgoingBitrate") for _, entry in measured]
    return {
        "current_round_trip_time": next((trip for trip in trips if trip is not None), None),
        "available_outgoing_bitrate": next((rate for rate in rates if rate is not None), None),
        "selected_candidate_pairs": selected,
    }


def candidate(entry: Any) -> Figures:
    return {
        "address": text(entry, "address"),
        "port": count(entry, "port"),
        "protocol": text(entry, "protocol", "udp"),
        "candidate_type": text(entry, "candidateType", "unknown"),
    }

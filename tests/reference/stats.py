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
    "frames_unread": "framesUnread",
}
INBOUND_DELTAS = {
    "packets_lost_delta": "packetsLost",
    "frames_dropped_delta": "framesDropped",
    "freeze_count_delta": "freezeCount",
    "freeze_duration_delta": "totalFreezesDuration",
    "nack_count_delta": "nackCount",
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
GONE = 30.0

MOMENTARY = {"framesPerSecond", "frameWidth", "frameHeight", "jitter", "targetBitrate"}


class Known:
    """An entry that knows what earlier ones of its id have said."""

    def __init__(self, entry: Entry, before: "Known | None", now: float) -> None:
        self.entry, self.before, self.now = entry, before, now
        self.numbers: dict[str, float] = dict(before.numbers) if before else {}
        self.bytes_at: tuple[float, float | None] = before.bytes_at if before else (now, None)
        self.bitrate: int = before.bitrate if before else 0

    def get(self, name: Any) -> Any:
        value = number(self.entry, name)
        if value is None:
            return get(self.entry, name) if name in MOMENTARY else self.numbers.get(name)
        self.numbers[name] = value
        return value

    def delta(self, name: str) -> float:
        before = self.before.numbers.get(name, 0) if self.before else 0
        whole = float if name.startswith("total") else lambda value: min(int(value), MOST)
        return max(0, whole(amount(self, name)) - whole(before))

    def rate(self, name: str, elapsed: float) -> int:
        """The bitrate of the counter `name`; `elapsed` is for a stream that is new."""
        if self.before is not None and number(self.entry, name) is None:
            return self.bitrate
        stamp = number(self.entry, "timestamp")
        if self.before is not None:
            then, stamped = self.bytes_at
            elapsed = self.now - then
            if stamp is not None and stamped is not None and elapsed > 0:
                by_stamp = (stamp - stamped) / 1000
                elapsed = by_stamp if elapsed / 2 <= by_stamp <= 2 * elapsed else elapsed
        gain = self.delta(name)
        self.bitrate = min(int(8 * gain / elapsed + 0.5), MOST) if elapsed > 0 else 0
        self.bytes_at = (self.now, stamp)
        return self.bitrate


def get(entry: Any, name: Any) -> Any:
    return entry.get(name) if isinstance(entry, (dict, Known)) else getattr(entry, name, None)


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
        self.known: dict[str, Known] = {}

    def parse(self, report: Any, now: float) -> dict[str, Any]:
        if isinstance(report, (str, bytes)):
            report = json.loads(report)
        elapsed = now - self.at if self.at is not None else 0.0
        self.at = now
        current: dict[str, Known] = {}

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
                if media in ("video", "audio"):
                    current[key] = known = Known(entry, self.known.get(key), now)
                    if media == "video":
                        inbound.append(self.inbound(known, elapsed))
                    else:
                        audio.append(self.audio(known, elapsed))
            elif kind == "outbound-rtp":
                if text(entry, "kind") == "video":
                    current[key] = known = Known(entry, self.known.get(key), now)
                    outbound.append(self.outbound(known, entry, elapsed))
            elif kind == "remote-inbound-rtp":
                remote.append(number(entry, "roundTripTime"))
            elif kind == "candidate-pair":
                if text(entry, "state") == "succeeded":
                    pairs.append((key, entry))
            elif kind in ("local-candidate", "remote-candidate"):
                candidates[key] = entry
        self.known = {
            key: known for key, known in (self.known | current).items() if abs(now - known.now) <= GONE
        }
        return {
            "video": merge(inbound, {*INBOUND_COUNTERS, *INBOUND_DELTAS, "total_freezes_duration"}),
            "audio": merge(
                audio, {"bytes_received", "packets_received", "packets_lost", "packets_lost_delta"}
            ),
            "outbound_video": merge(outbound, {*OUTBOUND_COUNTERS, "target_bitrate_kbps"}),
            "connection": connection(pairs, candidates, remote),
        }

    def inbound(self, e: Known, elapsed: float) -> Figures:
        out: Figures = {ours: count(e, theirs) for ours, theirs in INBOUND_COUNTERS.items()}
        out["total_freezes_duration"] = amount(e, "totalFreezesDuration")
        for ours, of in INBOUND_DELTAS.items():
            out[ours] = e.delta(of)
        frames = out["frames_decoded"]
        emitted = amount(e, "jitterBufferEmittedCount")
        between = amount(e, "totalInterFrameDelay")
        squared = amount(e, "totalSquaredInterFrameDelay")
        variance = ratio(squared - ratio(between * between, frames), frames)
        return out | {
            "bitrate": e.rate("bytesReceived", elapsed),
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

    def audio(self, e: Known, elapsed: float) -> Figures:
        received, lost = count(e, "bytesReceived"), count(e, "packetsLost")
        return {
            "bytes_received": received,
            "packets_received": count(e, "packetsReceived"),
            "packets_lost": lost,
            "jitter": amount(e, "jitter"),
            "bitrate": e.rate("bytesReceived", elapsed),
            "packets_lost_delta": e.delta("packetsLost"),
        }

    def outbound(self, e: Known, entry: Entry, elapsed: float) -> Figures:
        out: Figures = {ours: count(e, theirs) for ours, theirs in OUTBOUND_COUNTERS.items()}
        durations = get(entry, "qualityLimitationDurations")
        names = durations if isinstance(durations, dict) else {}
        target = number(e, "targetBitrate")
        return out | {
            "quality_limitation_reason": text(entry, "qualityLimitationReason", "none"),
            "quality_limitation_durations": {
                name: value for name in names if (value := number(names, name)) is not None
            },
            "frames_per_second": amount(e, "framesPerSecond"),
            "frame_width": count(e, "frameWidth"),
            "frame_height": count(e, "frameHeight"),
            "bitrate": e.rate("bytesSent", elapsed),
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

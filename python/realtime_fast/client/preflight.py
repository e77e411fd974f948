"""Is this connection good enough? Asked before a session, or with one (docs/quality.md, Preflight)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import anyio

from realtime_fast.client.publisher import RealtimeClient
from realtime_fast.diagnostics.quality import LEVELS, WARM_UP, WINDOW, above, first_frame_level
from realtime_fast.errors import InvalidInputError, RealtimeError, TransportName
from realtime_fast.events import ConnectionQuality, LimitingFactor, QualityLevel, QualityMetrics, StatsSample
from realtime_fast.media.sources import open_source
from realtime_fast.models import Model
from realtime_fast.options import (
    DEFAULT_ICE_SERVERS,
    IceServer,
    LatencyTracking,
    QualityBands,
    RealtimeConnectOptions,
)
from realtime_fast.peer.reachability import reach

ROUND_TRIP_MS: Final = (150, 300)
"""Round trips to the STUN server, in milliseconds, up to which the path is good and fair."""

SAMPLE_INTERVAL_MS: Final = 500
"""Milliseconds between two samples of a deep check: as often as statistics go."""


@dataclass(frozen=True, slots=True)
class ConnectivityReport:
    """What a check found.

    Attributes:
        quality: The verdict.
        metrics: The figures behind it.
        reasons: Why it is not good, as sentences to act on; empty where it is good.
        transport: How the network can be crossed: `udp`, by a `relay` only, or not at all (`failed`). None for a deep
            check, which had a connection or says why not.
    """

    quality: QualityLevel
    metrics: QualityMetrics
    reasons: tuple[str, ...] = ()
    transport: Literal["udp", "relay", "failed"] | None = None


async def check_connectivity(
    *,
    ice_servers: Sequence[IceServer] = DEFAULT_ICE_SERVERS,
    timeout: float = 5.0,
    deep: bool = False,
    base_url: str | None = None,
    api_key: str | None = None,
    model: Model | None = None,
    transport: TransportName | Literal["auto"] = "webrtc",
    seconds: float = 12.0,
    bands: QualityBands | None = None,
) -> ConnectivityReport:
    """Check whether a session would be any good.

    The shallow check asks the STUN server, and the TURN server if there is one: no session, no cost. The deep check
    opens a real session with a synthetic picture and a marker on every frame, **which uses a GPU session of the
    account**, and ends as soon as it knows.

    Args:
        ice_servers: STUN and TURN servers, for both checks.
        timeout: Seconds for the shallow check.
        deep: Whether to open a session.
        base_url: Of the service (deep).
        api_key: Of the account (deep).
        model: What to connect to (deep).
        transport: How media travels (deep).
        seconds: Seconds for the deep check, connecting included.
        bands: What counts as good, fair and poor.

    Returns:
        The report. A connection that cannot be made is a report as well, with its cause among the reasons.

    Raises:
        InvalidInputError: Something that the check needs is missing or invalid.
        UnsupportedAiortcError: The installed aiortc, aioice or pylibsrtp is not supported.
    """
    if not deep:
        return await _shallow(ice_servers, timeout)
    if base_url is None or api_key is None or model is None:
        raise InvalidInputError("a deep check needs base_url, api_key and model")
    bands = bands or QualityBands()
    options = RealtimeConnectOptions(
        model,
        transport=transport,
        ice_servers=tuple(ice_servers),
        latency_tracking=LatencyTracking(pixel_marker=True, probe_interval_ms=0),
        stats_interval_ms=SAMPLE_INTERVAL_MS,
        quality_bands=bands,
        connect_timeout=seconds,
        reconnect=None,
    )
    return await _deep(base_url, api_key, options, seconds)


async def _shallow(ice_servers: Sequence[IceServer], timeout: float) -> ConnectivityReport:
    if not ice_servers:
        raise InvalidInputError("a check without ice_servers has nothing to ask: give a STUN or TURN server")
    found = await reach(ice_servers, timeout)
    reasons: list[str] = []
    if found.has_stun and found.round_trip is None:
        reasons.append(
            f"The STUN server did not answer within {timeout:g} s: UDP is blocked, or its name has no address. "
            "Allow outgoing UDP, or use a TURN server."
        )
    if found.has_turn and not found.relay:
        reasons.append(
            "The TURN server gave no relay: check its address, user name and credential, and whether its port is open."
        )
    if found.round_trip is None and not found.relay:
        return ConnectivityReport("critical", QualityMetrics(), tuple(reasons), "failed")
    if found.round_trip is None:
        return ConnectivityReport("good", QualityMetrics(), tuple(reasons), "relay")
    rtt_ms = found.round_trip * 1000
    severity = above(rtt_ms, ROUND_TRIP_MS)
    if severity:
        reasons.append(
            f"The STUN server takes {rtt_ms:.0f} ms; up to {ROUND_TRIP_MS[0]} ms are good. "
            "Use a nearer network, or one that is less busy."
        )
    return ConnectivityReport(LEVELS[severity], QualityMetrics(rtt_ms=rtt_ms), tuple(reasons), "udp")


async def _deep(
    base_url: str, api_key: str, options: RealtimeConnectOptions, seconds: float
) -> ConnectivityReport:
    model, verdict = options.model, None
    failure: RealtimeError | None = None
    size = (model.width, model.height)
    async with open_source("synthetic", size=size, fps=model.fps) as source:
        with anyio.move_on_after(seconds):
            try:
                async with RealtimeClient.connect(base_url, api_key, source, options, "preflight") as client:
                    samples = 0
                    async for event in client.events():
                        samples += isinstance(event, StatsSample)
                        verdict = client.connection_quality
                        if samples >= WARM_UP + WINDOW:
                            break
            except InvalidInputError:
                raise
            except RealtimeError as error:
                failure = error
    return judged(verdict, failure, options.quality_bands, seconds)


def judged(
    verdict: ConnectionQuality | None, failure: RealtimeError | None, bands: QualityBands, seconds: float
) -> ConnectivityReport:
    """The report of a deep check: its last verdict, and what ended it too early."""
    metrics = verdict.metrics if verdict is not None else QualityMetrics()
    if failure is not None:
        during = f" during {failure.phase}" if failure.phase else ""
        return ConnectivityReport("critical", metrics, (f"The session failed{during}: {failure.message}",))
    if verdict is None:
        return ConnectivityReport(
            "critical", metrics, (f"The session was not connected within {seconds:g} s.",)
        )
    if metrics.first_frame_ms is None:
        return ConnectivityReport("critical", metrics, (f"No picture came back within {seconds:g} s.",))
    reasons: list[str] = []
    if verdict.quality != "good" or verdict.limiting_factor == "cpu":
        reasons.append(_SENTENCES[verdict.limiting_factor].format(m=_Shown(metrics), b=bands))
    first = first_frame_level(metrics.first_frame_ms, bands)
    if first != "good":
        reasons.append(
            f"The first picture took {metrics.first_frame_ms:.0f} ms; up to {bands.first_frame_ms[0]:g} ms are good."
        )
    worst = max(verdict.quality, first, key=LEVELS.index)
    return ConnectivityReport(worst, metrics, tuple(reasons))


class _Shown:
    """Metrics as text: an unknown one is a dash."""

    def __init__(self, metrics: QualityMetrics) -> None:
        self._metrics = metrics

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._metrics, name)
        return "-" if value is None else f"{value:.3g}" if abs(value) < 10 else f"{value:.0f}"


_SENTENCES: Final[dict[LimitingFactor, str]] = {
    "bandwidth": "The path carries {m.available_upstream_kbps} kbit/s upwards where {b.wanted_kbps:g} are wanted: "
    "use a faster network, or a lower max_bitrate.",
    "loss": "A share of {m.packet_loss} of the packets sent is lost: use a cable, or a network that is less busy.",
    "latency": "Pictures come back after {m.e2e_ms} ms, with a round trip of {m.rtt_ms} ms: use a nearer network.",
    "stall": "Pictures come at {m.fps} a second, and a share of {m.frame_loss} of those marked never returned.",
    "cpu": "This machine encodes more slowly than pictures come: use a smaller model, or close other programs.",
    "none": "",
}

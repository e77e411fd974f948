"""The composite estimate: the sum of what both ends report."""

from __future__ import annotations

from typing import Literal, TypeAlias

from realtime_fast.events import CompositeLatency

Legs: TypeAlias = Literal["one", "two"]
"""Whether both ends measure the same network path, or one each (through an SFU)."""


def composite_latency(
    client_rtt_s: float | None, server_rtt_ms: float | None, pipeline_ms: float | None, legs: Legs = "two"
) -> CompositeLatency:
    """The sum of the network's round trips and the pipeline latency; unknown ones count as 0.

    Args:
        client_rtt_s: `connection.current_round_trip_time` of the latest sample, in seconds.
        server_rtt_ms: `rtt_ms` of a `metrics_report`.
        pipeline_ms: `pipeline_latency_ms` of the same report.
        legs: `two` where each end measures its own way to an SFU: both are added. `one` where both measure the same
            path: it counts once, as the client measures it, or else as the service does.
    """
    client, server = (client_rtt_s or 0.0) * 1000.0, server_rtt_ms or 0.0
    if legs == "one":
        network, is_known = client or server, bool(client or server)
    else:
        network, is_known = client + server, bool(client and server)
    return CompositeLatency(
        client_proxy_rtt_ms=client,
        server_proxy_rtt_ms=server,
        pipeline_latency_ms=pipeline_ms or 0.0,
        composite_e2e_ms=network + (pipeline_ms or 0.0),
        lower_bound=not is_known or pipeline_ms is None,
        legs=legs,
    )

"""Faults on a stage, for testing the resilience of the other participants."""

from __future__ import annotations

from realtime_fast.ivs.stage import Stage


def cut(stage: Stage) -> None:
    """Close the media sockets of all streams without telling the stage."""
    for stream in tuple(stage._streams.values()):
        stream.cut()


def mute(stage: Stage) -> None:
    """Stop sending packets on all streams, but keep receiving."""
    for stream in tuple(stage._streams.values()):
        stream.mute()


def renew(stage: Stage) -> None:
    """Publish and subscribe again, as after a reassignment."""
    for stream in tuple(stage._streams.values()):
        stream.renew()

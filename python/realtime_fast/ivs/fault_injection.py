"""Misbehaviour on purpose, to test the resilience of whoever is at the other end of a stage."""

from __future__ import annotations

from realtime_fast.ivs.stage import Stage


def cut(stage: Stage) -> None:
    """Close the media sockets of all streams without a word to the stage."""
    for stream in tuple(stage._streams.values()):
        stream.cut()


def mute(stage: Stage) -> None:
    """Send no further packet on any stream, while receiving goes on."""
    for stream in tuple(stage._streams.values()):
        stream.mute()


def renew(stage: Stage) -> None:
    """Publish and subscribe anew, as after a reassignment."""
    for stream in tuple(stage._streams.values()):
        stream.renew()

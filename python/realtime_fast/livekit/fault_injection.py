"""Faults in a room, for testing the resilience of whoever is in it."""

from __future__ import annotations

from realtime_fast.livekit.room import Room


def drop_signal(room: Room) -> None:
    """Reset the connection under the signal socket."""
    if room._socket is not None:
        room._socket.abort()


def cut(room: Room) -> None:
    """Close the media sockets of both connections without telling the server."""
    for connection in (room._publisher, room._subscriber):
        if connection is not None:
            connection.cut()


def mute(room: Room) -> None:
    """Stop sending packets on both connections, but keep receiving."""
    for connection in (room._publisher, room._subscriber):
        if connection is not None:
            connection.mute()

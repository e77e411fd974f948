"""A client for LiveKit rooms; all it needs is a server's URL and an access token.

::

    async with Room(url, token) as room:
        await room.publish(video=camera)
        async for event in room.events():
            match event:
                case TrackSubscribed():
                    frame = await event.media.recv()

docs/livekit.md introduces it.
"""

from __future__ import annotations

try:
    import livekit.protocol as _protocol  # noqa: F401
except ImportError as error:
    raise ImportError(
        "LiveKit rooms need the messages of LiveKit: pip install 'realtime-fast[livekit]'"
    ) from error

from realtime_fast.livekit.events import (
    Participant,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    PublicationEnded,
    PublishedTrack,
    RoomEvent,
    RoomLeft,
    SendingFailed,
    SignalLost,
    SignalRestored,
    TrackSubscribed,
    TrackUnsubscribed,
)
from realtime_fast.livekit.room import Room

__all__ = [
    "Participant",
    "ParticipantChanged",
    "ParticipantJoined",
    "ParticipantLeft",
    "PublicationEnded",
    "PublishedTrack",
    "Room",
    "RoomEvent",
    "RoomLeft",
    "SendingFailed",
    "SignalLost",
    "SignalRestored",
    "TrackSubscribed",
    "TrackUnsubscribed",
]

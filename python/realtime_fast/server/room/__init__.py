"""An embedded LiveKit room: signal socket, access tokens, one connection each way (docs/livekit.md).

`Rooms` holds the rooms and `room_routes` serves them; media is forwarded, never decoded.
"""

from __future__ import annotations

try:
    import livekit.protocol as _protocol  # noqa: F401
except ImportError as error:
    raise ImportError(
        "LiveKit rooms need the messages of LiveKit: pip install 'realtime-fast[server,livekit]'"
    ) from error

from realtime_fast.server.room.access_token import Grant, Keys
from realtime_fast.server.room.plane import Deployment, Plane
from realtime_fast.server.room.room_path import over_room, room_of
from realtime_fast.server.room.rooms import Rooms
from realtime_fast.server.room.routes import room_routes

__all__ = ["Deployment", "Grant", "Keys", "Plane", "Rooms", "over_room", "room_of", "room_routes"]

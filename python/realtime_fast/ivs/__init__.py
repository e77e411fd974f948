"""A client for Amazon IVS Real-Time stages; all it needs is a participant token.

::

    async with Stage(token) as stage:
        publisher = await stage.wait_publishing()
        stream = await stage.subscribe(publisher.id)
        frame = await stream.video.recv()

docs/stage.md introduces it.
"""

from realtime_fast.ivs.events import (
    EventsLost,
    EventsRestored,
    Participant,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    SendingFailed,
    StageEvent,
    StageLeft,
    StreamEnded,
    StreamStarted,
)
from realtime_fast.ivs.participant_token import StageToken
from realtime_fast.ivs.stage import Stage
from realtime_fast.ivs.strategy import Strategy
from realtime_fast.ivs.streams import Publication, StageStream, Subscription

__all__ = [
    "EventsLost",
    "EventsRestored",
    "Participant",
    "ParticipantChanged",
    "ParticipantJoined",
    "ParticipantLeft",
    "Publication",
    "SendingFailed",
    "Stage",
    "StageEvent",
    "StageLeft",
    "StageStream",
    "StageToken",
    "Strategy",
    "StreamEnded",
    "StreamStarted",
    "Subscription",
]

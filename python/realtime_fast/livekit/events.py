"""Who is in a room and what they publish, and the events that `Room.events()` yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from livekit.protocol import models

from realtime_fast.errors import LinkError, RoomError


@dataclass(frozen=True, slots=True)
class PublishedTrack:
    """A track, as the server describes it.

    Attributes:
        sid: Its id.
        kind: What it carries.
        name: Its publisher's word for it.
        source: `camera`, `microphone`, `screen_share`, `screen_share_audio` or `unknown`.
        mime_type: Its codec, such as `video/H264`; empty where the server does not say.
        muted: Whether its publisher has muted it.
        width: In pixels, 0 if unknown.
        height: In pixels, 0 if unknown.
    """

    sid: str
    kind: Literal["video", "audio"]
    name: str = ""
    source: str = "unknown"
    mime_type: str = ""
    muted: bool = False
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant, as the server describes it; `tracks` are by their ids."""

    sid: str
    identity: str
    name: str = ""
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    tracks: Mapping[str, PublishedTrack] = field(default_factory=dict)

    @classmethod
    def of(cls, info: models.ParticipantInfo) -> Participant:
        """The participant that a message describes; tracks that carry no media are left out."""
        tracks = (_track(track) for track in info.tracks)
        return cls(
            info.sid,
            info.identity,
            info.name,
            info.metadata,
            MappingProxyType(dict(info.attributes)),
            MappingProxyType({track.sid: track for track in tracks if track is not None}),
        )


MIME_TYPES = frozenset({"", "video/h264", "video/vp8", "audio/opus"})
"""The codecs that can be decoded, in lower case; empty where the server does not say."""


def can_decode(_: Participant, track: PublishedTrack) -> bool:
    """Whether this client can decode a track."""
    return track.mime_type.lower() in MIME_TYPES


def _track(info: models.TrackInfo) -> PublishedTrack | None:
    if info.type not in (models.AUDIO, models.VIDEO):
        return None
    sources = models.TrackSource
    source = sources.Name(info.source).lower() if info.source in sources.values() else "unknown"
    kind: Literal["video", "audio"] = "video" if info.type == models.VIDEO else "audio"
    return PublishedTrack(
        info.sid, kind, info.name, source, info.mime_type, info.muted, info.width, info.height
    )


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """Another participant joined, or was there already."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class ParticipantChanged:
    """Another participant published, unpublished or muted a track, or changed what is said of it."""

    participant: Participant
    previous: Participant


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Another participant left."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class TrackSubscribed:
    """A track of another participant can be received: `media` is an `aiortc.MediaStreamTrack`."""

    participant: Participant
    track: PublishedTrack
    media: Any = field(compare=False)


@dataclass(frozen=True, slots=True)
class TrackUnsubscribed:
    """A track that was received has ended, or its publisher has left."""

    participant: Participant
    track: PublishedTrack


@dataclass(frozen=True, slots=True)
class PublicationEnded:
    """The server has ended the publication of a track of this client's own."""

    sid: str


@dataclass(frozen=True, slots=True)
class SendingFailed:
    """A track of this client's own, or its encoder, died of this; the stay goes on, without that track."""

    error: Exception


@dataclass(frozen=True, slots=True)
class SignalLost:
    """The signal socket was lost and is being opened again; media goes on."""

    error: RoomError


@dataclass(frozen=True, slots=True)
class SignalRestored:
    """The signal socket is back."""


@dataclass(frozen=True, slots=True)
class RoomLeft:
    """This client is out of the room: the server ended the stay, or a connection was lost."""

    error: LinkError


RoomEvent: TypeAlias = (
    ParticipantJoined
    | ParticipantChanged
    | ParticipantLeft
    | TrackSubscribed
    | TrackUnsubscribed
    | PublicationEnded
    | SendingFailed
    | SignalLost
    | SignalRestored
    | RoomLeft
)
"""Everything `Room.events()` yields."""

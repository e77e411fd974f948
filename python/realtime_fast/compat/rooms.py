"""`decart.realtime` as it is from 0.1 on, where media travels over LiveKit rooms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from realtime_fast.client.opening import Connecting
from realtime_fast.client.publisher import RealtimeClient
from realtime_fast.client.viewer import SubscribeClient
from realtime_fast.compat.rtc_bridge import adopted_track
from realtime_fast.control import messages
from realtime_fast.control.subscribe_token import TokenPayload, decode_subscribe_token, encode_room_token
from realtime_fast.errors import InvalidInputError, TransportName
from realtime_fast.events import GenerationTickMessage
from realtime_fast.options import ConnectionState, RealtimeConnectOptions, SetInput, SubscribeOptions

RealtimeSpeed: TypeAlias = Literal["fast"]
RoomCodec: TypeAlias = Literal["h264", "vp9"]


@dataclass(frozen=True)
class RoomConnectOptions(RealtimeConnectOptions):
    """`RealtimeConnectOptions` whose transport is livekit unless it is given, with the codec under the SDK's name."""

    transport: TransportName | Literal["auto"] = field(default="livekit", kw_only=True)
    preferred_video_codec: RoomCodec = field(default="h264", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.preferred_video_codec == "vp9":
            raise InvalidInputError(
                "preferred_video_codec='vp9' cannot be sent by realtime_fast: use 'h264', or the SDK without "
                "accelerate()"
            )


class RoomClient(RealtimeClient):
    """`RealtimeClient` that takes tracks and options of the SDK."""

    @classmethod
    def connect(
        cls,
        base_url: str,
        api_key: str,
        local_track: Any,
        options: Any,
        integration: str | None = None,
    ) -> Connecting[RealtimeClient]:
        """As `RealtimeClient.connect`; `local_track` may be a `livekit.rtc.LocalVideoTrack` as well."""
        options = _adopted(options)
        model = options.model
        track = adopted_track(local_track, model.width, model.height, model.fps)
        return super().connect(base_url, api_key, track, options, integration)


def _adopted(options: Any) -> RealtimeConnectOptions:
    if isinstance(options, RealtimeConnectOptions):
        return options
    names = ("initial_state", "resolution", "speed", "preferred_video_codec")
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    try:
        return RoomConnectOptions(options.model, options.on_remote_stream, **given)
    except AttributeError:
        raise InvalidInputError(
            f"options must be RealtimeConnectOptions, not {type(options).__name__}"
        ) from None


EXPORTS: dict[str, Any] = {
    "RealtimeClient": RoomClient,
    "SetInput": SetInput,
    "SubscribeClient": SubscribeClient,
    "SubscribeOptions": SubscribeOptions,
    "encode_subscribe_token": encode_room_token,
    "decode_subscribe_token": decode_subscribe_token,
    "GenerationTickMessage": GenerationTickMessage,
    "RealtimeConnectOptions": RoomConnectOptions,
    "ConnectionState": ConnectionState,
    "RealtimeSpeed": RealtimeSpeed,
}
"""What `decart.realtime` exports from 0.1 on."""

SUBMODULES: dict[str, dict[str, Any]] = {
    "client": EXPORTS,
    "subscribe": {
        "SubscribeClient": SubscribeClient,
        "SubscribeOptions": SubscribeOptions,
        "TokenPayload": TokenPayload,
        "encode_subscribe_token": encode_room_token,
        "decode_subscribe_token": decode_subscribe_token,
        "ConnectionState": ConnectionState,
    },
    "types": {
        "RealtimeConnectOptions": RoomConnectOptions,
        "ConnectionState": ConnectionState,
        "RealtimeSpeed": RealtimeSpeed,
        "VideoCodec": RoomCodec,
    },
    "messages": {
        "GenerationTickMessage": GenerationTickMessage,
        "ErrorMessage": messages.Error,
        "GenerationEndedMessage": messages.GenerationEnded,
        "GenerationStartedMessage": messages.GenerationStarted,
        "LiveKitJoinMessage": messages.LivekitJoin,
        "LiveKitRoomInfoMessage": messages.LivekitRoomInfo,
        "PromptAckMessage": messages.PromptAck,
        "PromptMessage": messages.Prompt,
        "QueuePositionMessage": messages.QueuePosition,
        "ReadyMessage": messages.Ready,
        "SessionIdMessage": messages.SessionId,
        "SetAvatarImageMessage": messages.SetImage,
        "SetImageAckMessage": messages.SetImageAck,
    },
}
"""Its public submodules."""

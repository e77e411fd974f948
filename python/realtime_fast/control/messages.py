"""The control channel's messages, both ways, and their JSON form (docs/protocol.md, Messages).

Client and embedded service share these definitions; hand-checked transcripts in the tests pin the wire.
A field of type `… | UnsetType` is absent from the JSON unless it was given: absent and null differ.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
"""Limit of one message, which may contain a reference image."""


class Message(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """Base of all messages; `type` on the wire is the class's tag."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One ICE candidate (RTCIceCandidateInit)."""

    candidate: str
    sdpMid: str | None = None  # noqa: N815 - the name on the wire
    sdpMLineIndex: int | None = None  # noqa: N815


class Offer(Message, frozen=True, tag="offer"):
    """An SDP offer; from the service it is a renegotiation."""

    sdp: str


class Answer(Message, frozen=True, tag="answer"):
    """An SDP answer."""

    sdp: str


class IceCandidate(Message, frozen=True, tag="ice-candidate"):
    """A trickled candidate; None or an empty one means there are no more."""

    candidate: Candidate | None = None


class SessionId(Message, frozen=True, tag="session_id"):
    """The session exists; ip and port may be empty over ivs."""

    session_id: str
    server_ip: str = ""
    server_port: int = 0


class Ready(Message, frozen=True, tag="ready"):
    """Legacy; ignored."""


class PromptAck(Message, frozen=True, tag="prompt_ack"):
    """Answers the outstanding prompt of the same text."""

    prompt: str
    success: bool
    error: str | None = None


class SetImageAck(Message, frozen=True, tag="set_image_ack"):
    """Answers the oldest outstanding `set_image`."""

    success: bool
    error: str | None = None


class GenerationStarted(Message, frozen=True, tag="generation_started"):
    """The model produces pictures."""


class GenerationTick(Message, frozen=True, tag="generation_tick"):
    """Billing tick, in seconds."""

    seconds: int | float


class GenerationEnded(Message, frozen=True, tag="generation_ended"):
    """The model stopped."""

    seconds: float = 0
    reason: str = ""


class Error(Message, frozen=True, tag="error"):
    """The service reports a failure; `error` is its text."""

    error: str


class IvsStageReady(Message, frozen=True, tag="ivs_stage_ready"):
    """The stage to join: one `client_token`, or the older pair of tokens. Tokens stay out of the repr."""

    stage_arn: str
    client_token: str | None = None
    client_publish_token: str | None = None
    client_subscribe_token: str | None = None
    client_publish_participant_id: str | None = None
    server_publish_participant_id: str | None = None

    def __repr__(self) -> str:
        return f"IvsStageReady(stage_arn={self.stage_arn!r})"


class LivekitRoomInfo(Message, frozen=True, tag="livekit_room_info"):
    """The LiveKit room to join. The token stays out of the repr."""

    livekit_url: str
    token: str
    room_name: str
    session_id: str | None = None
    """An old relay names none: then it is the room's name."""

    def __repr__(self) -> str:
        return f"LivekitRoomInfo(room_name={self.room_name!r}, session_id={self.session_id!r})"


class QueuePosition(Message, frozen=True, tag="queue_position"):
    """Waiting for capacity; the first place is 1."""

    position: int
    queue_size: int


class MetricsReport(Message, frozen=True, tag="metrics_report"):
    """The service's own figures; null and absent both mean unknown."""

    frame_recv_ms: float | None = None
    pipeline_latency_ms: float | None = None
    input_fps: float | None = None
    output_fps: float | None = None
    video_in_depth: float | None = None
    video_out_depth: float | None = None
    skipped_in_frames: float | None = None
    skipped_out_frames: float | None = None
    event_loop_latency_ms: float | None = None
    rtt_ms: float | None = None
    jitter_ms: float | None = None
    inbound_loss_rate: float | None = None
    bitrate_kbps: float | None = None
    encoder_target_bitrate_kbps: float | None = None


class LatencyReport(Message, frozen=True, tag="latency_report"):
    """Older form of two figures of `metrics_report`."""

    server_proxy_rtt_ms: float | None = None
    pipeline_latency_ms: float | None = None


class Prompt(Message, frozen=True, tag="prompt"):
    """Change the prompt."""

    prompt: str
    enhance_prompt: bool = True


_FILE_ID: Final = re.compile(r"file_[A-Za-z0-9_-]{1,200}")


def is_file_id(text: str) -> bool:
    """Whether a text is the id of a file that was uploaded to the service; base64 text never is."""
    return _FILE_ID.fullmatch(text) is not None


class SetImage(Message, frozen=True, tag="set_image"):
    """Change image, prompt or both; null image and null prompt together are passthrough.

    `image_ref` is the id of an uploaded file, instead of `image_data`.
    """

    image_data: str | UnsetType | None = UNSET
    image_ref: str | UnsetType = UNSET
    prompt: str | UnsetType | None = UNSET
    enhance_prompt: bool | UnsetType = UNSET

    @classmethod
    def of(
        cls,
        image: str | UnsetType | None,
        *,
        prompt: str | UnsetType | None = UNSET,
        enhance_prompt: bool | UnsetType = UNSET,
    ) -> SetImage:
        """The message for an image that is base64 text, or the id of an uploaded file (`is_file_id`)."""
        if isinstance(image, str) and is_file_id(image):
            return cls(image_ref=image, prompt=prompt, enhance_prompt=enhance_prompt)
        return cls(image_data=image, prompt=prompt, enhance_prompt=enhance_prompt)

    @property
    def image(self) -> str | UnsetType | None:
        """The image, as `of` takes it."""
        return self.image_data if self.image_ref is UNSET else self.image_ref

    def __repr__(self) -> str:
        size = len(self.image_data) if isinstance(self.image_data, str) else self.image_data
        return (
            f"SetImage(image_data={size!r}, prompt={self.prompt!r}, enhance_prompt={self.enhance_prompt!r})"
        )


class IvsJoined(Message, frozen=True, tag="ivs_joined"):
    """The client is on the stage."""


class ClientCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a client can do beyond the protocol."""

    frame_timing: bool = False


class LivekitJoin(Message, frozen=True, tag="livekit_join"):
    """Ask for a LiveKit room; `passthrough` is false if a prompt or an image will follow.

    A few old clients put it inside, as `initial_state`.
    """

    passthrough: bool | UnsetType = UNSET
    initial_state: Prompt | SetImage | UnsetType | None = UNSET
    client_capabilities: ClientCapabilities | UnsetType = UNSET


class LatencyProbe(Message, frozen=True, tag="latency_probe"):
    """Ask for a marker on the next output picture; `client_time` is monotonic milliseconds."""

    seq: int
    client_time: float


class E2eLatencyReport(Message, frozen=True, tag="e2e_latency_report"):
    """Five seconds of pixel probes; the three counts are deltas."""

    avg_latency_ms: float | None
    delivery_rate: float
    lost: int
    corrupted: int
    out_of_order: int


ServerMessage: TypeAlias = (
    SessionId
    | Ready
    | Offer
    | Answer
    | IceCandidate
    | PromptAck
    | SetImageAck
    | GenerationStarted
    | GenerationTick
    | GenerationEnded
    | Error
    | IvsStageReady
    | LivekitRoomInfo
    | QueuePosition
    | MetricsReport
    | LatencyReport
)
ClientMessage: TypeAlias = (
    Offer
    | Answer
    | IceCandidate
    | Prompt
    | SetImage
    | IvsJoined
    | LivekitJoin
    | LatencyProbe
    | E2eLatencyReport
)


class Unknown(msgspec.Struct, frozen=True):
    """A message of unknown type, to be ignored."""

    type: str


class MalformedMessageError(Exception):
    """Not a JSON object with a type, or a known type with wrong fields; `type` is None if unreadable."""

    def __init__(self, reason: str, type: str | None = None) -> None:  # noqa: A002 - the wire's word
        super().__init__(reason)
        self.type = type


class _Envelope(msgspec.Struct):
    type: str


_from_server = msgspec.json.Decoder(ServerMessage)
_from_client = msgspec.json.Decoder(ClientMessage)
_envelope = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()


def _tags(union: Any) -> frozenset[str]:
    return frozenset(kind.__struct_config__.tag for kind in union.__args__)


SERVER_TYPES = _tags(ServerMessage)
CLIENT_TYPES = _tags(ClientMessage)


def encode(message: ClientMessage | ServerMessage) -> str:
    """The message as JSON text."""
    return _encoder.encode(message).decode()


def decode_server(text: str | bytes) -> ServerMessage | Unknown:
    """Read what a service sent.

    Raises:
        MalformedMessageError: What came is not a message at all, or one with wrong fields.
    """
    return _decode(text, _from_server, SERVER_TYPES)  # type: ignore[no-any-return]


def decode_client(text: str | bytes) -> ClientMessage | Unknown:
    """Read what a client sent.

    Raises:
        MalformedMessageError: What came is not a message at all, or one with wrong fields.
    """
    return _decode(text, _from_client, CLIENT_TYPES)  # type: ignore[no-any-return]


def _decode(text: str | bytes, decoder: msgspec.json.Decoder[Any], known: frozenset[str]) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = error
    # The slow path tells an unknown type, which is ignored, from a malformed message.
    try:
        kind = _envelope.decode(text).type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedMessageError(f"expected a JSON object with a type, but {reason}") from None
    if kind in known:
        raise MalformedMessageError(f"malformed {kind}: {reason}", kind)
    return Unknown(kind)

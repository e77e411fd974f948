"""What was negotiated, as the RTP core takes it."""

from __future__ import annotations

from typing import Any

from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters, RTCRtpSendParameters

from realtime_fast.peer.agreed import ABS_SEND_TIME, MID, TRANSPORT_CC, Agreed

_EXTENSIONS = {"mid": MID, "abs_send_time": ABS_SEND_TIME, "transport_cc": TRANSPORT_CC}
_FEEDBACK = {
    "nack": "nack",
    "nack pli": "pli",
    "ccm fir": "fir",
    "goog-remb": "remb",
    "transport-cc": "transport_cc",
}
"""The words of descriptions, and those of `RtpEndpoint`."""
_MEDIA = frozenset({"vp8", "h264", "opus"})

CODECS = _MEDIA | {"rtx"}
"""The codecs that are negotiated, by their name in lower case."""


def send_config(parameters: RTCRtpSendParameters, agreed: Agreed, ssrc: int, rtx_ssrc: int) -> dict[str, Any]:
    """The arguments of `RtpEndpoint.add_sender`.

    Raises:
        ValueError: None of the codecs agreed on can be sent.
    """
    codec = next((codec for codec in parameters.codecs if _name(codec) in _MEDIA), None)
    if codec is None:
        raise ValueError(f"expected a codec of {', '.join(sorted(_MEDIA))}, got {_names(parameters.codecs)}")
    rtx = _rtx_payload_type(parameters.codecs, codec.payloadType)
    return {
        "codec": _name(codec),
        "payload_type": codec.payloadType,
        "clock_rate": codec.clockRate,
        "ssrc": ssrc,
        "rtx": None if rtx is None else (rtx, rtx_ssrc),
        "cname": parameters.rtcp.cname or "",
        "mid": parameters.muxId,
        "extensions": extension_ids(agreed),
        "feedback": feedback_kinds(agreed, codec.payloadType),
        "trailers": agreed.trailers,
    }


def receive_config(
    parameters: RTCRtpReceiveParameters, agreed: Agreed, own_ssrc: int, cname: str
) -> dict[str, Any]:
    """The arguments of `RtpEndpoint.add_receiver`, but for kind, delivery and delay.

    Raises:
        ValueError: None of the codecs agreed on can be received.
    """
    media = [codec for codec in parameters.codecs if _name(codec) in _MEDIA]
    if not media:
        raise ValueError(f"expected a codec of {', '.join(sorted(_MEDIA))}, got {_names(parameters.codecs)}")
    encoding = next(iter(parameters.encodings), None)
    return {
        "codecs": [
            (
                codec.payloadType,
                _name(codec),
                codec.clockRate,
                _rtx_payload_type(parameters.codecs, codec.payloadType),
            )
            for codec in media
        ],
        "ssrc": None if encoding is None else encoding.ssrc,
        "rtx_ssrc": None if encoding is None or encoding.rtx is None else encoding.rtx.ssrc,
        "own_ssrc": own_ssrc,
        "cname": cname,
        "mid": parameters.muxId,
        "sync_group": agreed.stream,
        "extensions": extension_ids(agreed),
        "feedback": feedback_kinds(agreed, media[0].payloadType),
    }


def _name(codec: RTCRtpCodecParameters) -> str:
    return codec.mimeType.partition("/")[2].lower()


def _names(codecs: list[RTCRtpCodecParameters]) -> str:
    return ", ".join(_name(codec) for codec in codecs) or "none"


def _rtx_payload_type(codecs: list[RTCRtpCodecParameters], payload_type: int | None) -> int | None:
    return next(
        (
            codec.payloadType
            for codec in codecs
            if _name(codec) == "rtx" and codec.parameters.get("apt") == payload_type
        ),
        None,
    )


def extension_ids(agreed: Agreed) -> dict[str, int]:
    """The header extensions agreed on, in the words of `RtpEndpoint`."""
    return {name: agreed.extensions[uri] for name, uri in _EXTENSIONS.items() if uri in agreed.extensions}


def feedback_kinds(agreed: Agreed, payload_type: int | None) -> list[str]:
    """The kinds of feedback agreed on for a payload type, in the words of `RtpEndpoint`."""
    said = agreed.feedback_for(payload_type or 0)
    kinds = {word for name, word in _FEEDBACK.items() if name in said}
    if TRANSPORT_CC not in agreed.extensions:
        kinds.discard("transport_cc")  # reports of arrival need the numbers that the extension carries
    return sorted(kinds | ({"reduced_size"} if agreed.reduced_size else set()))

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.control.subscribe_token import (
    TokenPayload,
    decode_subscribe_token,
    encode_room_token,
    encode_subscribe_token,
)
from realtime_fast.errors import InvalidSubscribeTokenError


def token(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@given(st.text(min_size=1), st.text(min_size=1), st.integers(1, 65535), st.sampled_from(["webrtc", "ivs"]))
def test_what_is_encoded_is_decoded(
    sid: str, ip: str, port: int, transport: Literal["webrtc", "ivs"]
) -> None:
    payload = TokenPayload(sid, ip, port, transport)
    assert decode_subscribe_token(encode_subscribe_token(sid, ip, port, transport)) == payload


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_both_alphabets_padded_or_not(encode: Callable[[bytes], bytes], strip: bool) -> None:
    raw = json.dumps({"sid": "é?>~", "ip": "::1", "port": 8}, ensure_ascii=False).encode()
    text = encode(raw).decode()
    assert decode_subscribe_token(text.rstrip("=") if strip else text) == TokenPayload(
        "é?>~", "::1", 8, "webrtc"
    )


def test_an_ivs_token_needs_no_address() -> None:
    assert decode_subscribe_token(encode_subscribe_token("s", "", 0, "ivs")).transport == "ivs"


@pytest.mark.parametrize(
    "text",
    [
        encode_room_token("session-é/1"),
        base64.b64encode(b'{"room_name":"session-\xc3\xa9/1"}').decode().rstrip("="),
        base64.urlsafe_b64encode(b'{"room_name": "session-\xc3\xa9/1"}').decode(),
        token({"room_name": "session-é/1", "sid": "s"}),
    ],
)
def test_a_livekit_token_names_a_room(text: str) -> None:
    payload = decode_subscribe_token(text)
    assert (payload.transport, payload.room_name) == ("livekit", "session-é/1")
    assert decode_subscribe_token(token({"sid": "s", "ip": "h", "port": 1})).room_name is None


@pytest.mark.parametrize(
    "text",
    [
        token({"room_name": ""}),
        token({"room_name": 7}),
        token({"room_name": None}),
        token({"sid": "s", "ip": "h", "port": 1, "transport": "livekit"}),
        "",
        "!!!",
        "é",
        token([]),
        token("s"),
        token({}),
        token({"sid": "", "ip": "h", "port": 1}),
        token({"sid": "s"}),
        token({"sid": "s", "ip": "", "port": 0}),
        token({"sid": "s", "ip": "h", "port": "1"}),
        token({"sid": "s", "ip": "h", "port": 70000}),
        token({"sid": "s", "ip": "h", "port": True}),
        token({"sid": 7, "ip": "h", "port": 1}),
        token({"sid": "s", "ip": "h", "port": 1, "transport": "pigeon"}),
        base64.b64encode(b"\xff\xfe").decode(),
        token({"sid": "s" * 5000, "ip": "h", "port": 1}),
        None,
        b"eyJ9",
    ],
)
def test_anything_else_is_one_clear_error_without_an_echo(text: Any) -> None:
    with pytest.raises(InvalidSubscribeTokenError) as caught:
        decode_subscribe_token(text)
    assert str(caught.value) == "Invalid subscribe token"
    assert caught.value.__cause__ is None
    assert isinstance(caught.value, ValueError)

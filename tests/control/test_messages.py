"""The wire, pinned by transcripts checked by hand: a codec that serves both ends would hide its own mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.control import messages

TRANSCRIPTS = Path(__file__).with_name("wire")


def transcript(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((TRANSCRIPTS / name).read_text())
    return cases


@pytest.mark.parametrize("text", transcript("client.json"), ids=lambda message: message["type"])
def test_client_messages_survive_both_ways(text: dict[str, Any]) -> None:
    message = messages.decode_client(json.dumps(text))
    assert not isinstance(message, messages.Unknown)
    assert json.loads(messages.encode(message)) == text


@pytest.mark.parametrize("case", transcript("server.json"), ids=lambda case: case["as"])
def test_server_messages_are_understood(case: dict[str, Any]) -> None:
    message = messages.decode_server(json.dumps(case["json"]))
    assert type(message).__name__ == case["as"]
    for name, value in case["fields"].items():
        assert getattr(message, name) == value or getattr(getattr(message, name), "candidate", None) == value


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            messages.SetImage(image_data=None, prompt=None),
            '{"type":"set_image","image_data":null,"prompt":null}',
        ),
        (messages.SetImage(image_data=None), '{"type":"set_image","image_data":null}'),
        (
            messages.SetImage(prompt="p", enhance_prompt=False),
            '{"type":"set_image","prompt":"p","enhance_prompt":false}',
        ),
        (messages.IceCandidate(), '{"type":"ice-candidate","candidate":null}'),
        (messages.IvsJoined(), '{"type":"ivs_joined"}'),
    ],
)
def test_absent_and_null_differ(message: messages.ClientMessage, text: str) -> None:
    assert messages.encode(message) == text
    assert messages.decode_client(text) == message


def test_unknown_types_and_fields_are_no_error() -> None:
    assert messages.decode_server('{"type":"brand_new","x":[1]}') == messages.Unknown("brand_new")
    assert messages.decode_server('{"type":"ready","more":{"a":1}}') == messages.Ready()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", None),
        ("nonsense", None),
        ("[]", None),
        ("{}", None),
        ('{"type":7}', None),
        (b"\xff\xfe", None),
        ("[" * 100_000, None),
        ('{"type":"answer"}', "answer"),
        ('{"type":"prompt_ack","prompt":1,"success":true}', "prompt_ack"),
        ('{"type":"session_id","session_id":"s","server_port":"many"}', "session_id"),
    ],
)
def test_what_is_no_message_says_why(text: str | bytes, kind: str | None) -> None:
    with pytest.raises(messages.MalformedMessageError) as caught:
        messages.decode_server(text)
    assert caught.value.type == kind
    assert "expected" in str(caught.value).lower() or "malformed" in str(caught.value)


def test_tokens_and_images_stay_out_of_reprs() -> None:
    ready = messages.IvsStageReady(stage_arn="arn", client_token="t0ken", client_publish_token="t0ken")
    assert "t0ken" not in repr(ready)
    assert "QUJD" not in repr(messages.SetImage(image_data="QUJD" * 10))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
typed = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(sorted(messages.SERVER_TYPES | {"new"})),
    st.dictionaries(
        st.sampled_from(
            ["sdp", "candidate", "session_id", "prompt", "success", "error", "seconds", "rtt_ms"]
        ),
        json_values,
    ),
)


@given(typed | json_values)
def test_any_json_is_a_message_or_malformed(value: object) -> None:
    try:
        message = messages.decode_server(json.dumps(value))
    except messages.MalformedMessageError:
        return
    assert isinstance(message, messages.Message | messages.Unknown)

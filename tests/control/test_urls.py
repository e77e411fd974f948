from __future__ import annotations

from typing import Any, get_args
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.control import urls
from realtime_fast.control.subscribe_token import TokenPayload
from realtime_fast.errors import InvalidInputError, TransportName
from realtime_fast.models import ModelDefinition, realtime

MODEL = realtime("lucy-restyle-2")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_value_survives_the_url(key: str) -> None:
    url = urls.stream_url("ws://h:1", MODEL, key, transport="webrtc", agent="a b/1", extra={"k&": key})
    parts = urlsplit(url)
    assert parts.path == "/v1/stream"
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    assert query == {"api_key": key, "model": MODEL.name, "k&": key, "user_agent": "a b/1"}


def test_options_show_in_the_url_and_ivs_in_the_path() -> None:
    model = ModelDefinition("m/1", "/v1/stream/", 30, 64, 64)
    url = urls.stream_url(
        "https://h/base/",
        model,
        "k",
        transport="ivs",
        agent="x",
        resolution="1080p",
        latency_diagnostics=True,
    )
    assert url == (
        "wss://h/base/v1/stream-ivs?api_key=k&model=m%2F1&resolution=1080p&latency_diagnostics=true&user_agent=x"
    )


def test_large_markers_are_asked_for_where_there_are_rooms() -> None:
    asked = [
        "pixel_latency=1"
        in urls.stream_url("ws://h", MODEL, "k", transport=transport, agent="x", pixel_latency=True)
        for transport in get_args(TransportName)
    ]
    assert dict(zip(get_args(TransportName), asked, strict=True)) == {
        "webrtc": False,
        "ivs": False,
        "livekit": True,
    }


def test_viewers() -> None:
    url = urls.subscribe_url("wss://h", TokenPayload("s/1", "10.0.0.1", 5), "k+/", agent="x")
    assert url == "wss://h/subscribe/s%2F1?IP=10.0.0.1&port=5&api_key=k%2B%2F&user_agent=x"
    assert urls.ivs_subscribe_url("wss://h:8/", "s 1") == "https://h:8/v1/subscribe-ivs/s%201"
    assert urls.ivs_subscribe_url("http://h", "s") == "http://h/v1/subscribe-ivs/s"


@pytest.mark.parametrize("base", ["", "h", "ftp://h", "ws://", "ws://h:port", None, 5])
def test_a_base_that_is_none(base: Any) -> None:
    with pytest.raises(InvalidInputError, match="base_url"):
        urls.control_base(base)


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("wss://user:pa55word@h", "user name or a password"),
        ("wss://pa55word@h", "user name or a password"),
        ("wss://h/path#pa55word", "no fragment"),
        ("wss://h/path#", "no fragment"),
        ("wss://h?api_key=pa55word", "instead of a query"),
        ("wss://h/pa55word\n", "line breaks"),
        ("wss://h /pa55word", "spaces"),
        ("wss://h\\@evil/pa55word", "backslashes"),
    ],
)
def test_a_base_is_scheme_host_port_and_path_alone(base: str, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as caught:
        urls.control_base(base)
    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["/v1/stream#x", "/v1/stream?x=1", "v1/stream", "", "/v1/a b", "/v1/\n", None]
)
def test_a_model_s_path_is_one(path: object) -> None:
    model = ModelDefinition("m", path, 30, 64, 64)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="url_path"):
        urls.stream_url("wss://h", model, "k", transport="webrtc", agent="x")


@pytest.mark.parametrize("integration", ["a\r\nX-Evil: 1", "\x00", "ä", 5])
def test_an_integration_cannot_add_headers(integration: object) -> None:
    with pytest.raises(InvalidInputError, match="integration"):
        urls.user_agent(integration)  # type: ignore[arg-type]


def test_user_agent() -> None:
    assert urls.user_agent(None).startswith("realtime-fast/")
    assert urls.user_agent("pipes/2").endswith(" lang/py pipes/2")

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.control import urls
from realtime_fast.control.subscribe_token import TokenPayload
from realtime_fast.errors import InvalidInputError
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


def test_viewers() -> None:
    url = urls.subscribe_url("wss://h", TokenPayload("s/1", "10.0.0.1", 5), "k+/", agent="x")
    assert url == "wss://h/subscribe/s%2F1?IP=10.0.0.1&port=5&api_key=k%2B%2F&user_agent=x"
    assert urls.ivs_subscribe_url("wss://h:8/", "s 1") == "https://h:8/v1/subscribe-ivs/s%201"
    assert urls.ivs_subscribe_url("http://h", "s") == "http://h/v1/subscribe-ivs/s"


@pytest.mark.parametrize("base", ["", "h", "ftp://h", "ws://", "ws://h:port", None, 5])
def test_a_base_that_is_none(base: Any) -> None:
    with pytest.raises(InvalidInputError, match="base_url"):
        urls.control_base(base)


def test_user_agent() -> None:
    assert urls.user_agent(None).startswith("realtime-fast/")
    assert urls.user_agent("pipes/2").endswith(" lang/py pipes/2")

"""Every call that the SDK's signatures accept, ours accept too, and mean the same by it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, get_args

import decart.realtime
import pytest

import realtime_fast

MADE_BY_CONNECT = {"RealtimeClient", "SubscribeClient"}
NOT_A_CONSTRUCTOR = {"ConnectionState", *MADE_BY_CONNECT}
KEYWORD_ONLY_HERE = {"initial_state", "customize_offer", "resolution"}
"""Parameters of `RealtimeConnectOptions` that the SDK takes by position as well (docs/compatibility.md)."""


def public_methods() -> Iterator[Any]:
    for kind in sorted(MADE_BY_CONNECT):
        for name, member in vars(getattr(decart.realtime, kind)).items():
            if not name.startswith("_"):
                yield pytest.param(kind, name, member, id=f"{kind}.{name}")


def check(theirs: Callable[..., Any], ours: Callable[..., Any]) -> None:
    given = inspect.signature(ours).parameters
    expected = inspect.signature(theirs).parameters
    positions = [name for name, one in given.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    for position, (name, one) in enumerate(expected.items()):
        assert name in given, f"no parameter {name}"
        mine = given[name]
        if one.kind is one.POSITIONAL_OR_KEYWORD and name not in KEYWORD_ONLY_HERE:
            assert positions[position] == name, f"{name} is at another position"
        assert mine.kind in (mine.POSITIONAL_OR_KEYWORD, mine.KEYWORD_ONLY)
        if one.default is not one.empty:
            assert mine.default == one.default, f"{name} has another default"
    required = {name for name, one in given.items() if one.default is one.empty}
    assert required <= set(expected), "more is required than the SDK requires"


@pytest.mark.parametrize(("kind", "name", "member"), list(public_methods()))
def test_methods(kind: str, name: str, member: Any) -> None:
    ours = inspect.getattr_static(getattr(realtime_fast, kind), name)
    assert type(ours) is type(member), "method, class method or property"
    if isinstance(member, property):
        return
    check(getattr(getattr(decart.realtime, kind), name), getattr(getattr(realtime_fast, kind), name))
    if not isinstance(member, classmethod):
        assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(member)


@pytest.mark.parametrize("name", sorted(set(decart.realtime.__all__) - NOT_A_CONSTRUCTOR))
def test_functions_and_constructors(name: str) -> None:
    check(getattr(decart.realtime, name), getattr(realtime_fast, name))


def test_connect_and_subscribe_return_coroutines() -> None:
    options = realtime_fast.RealtimeConnectOptions(realtime_fast.models.realtime("lucy-2.1"))
    connecting = realtime_fast.RealtimeClient.connect("ws://127.0.0.1:1", "key", None, options)
    subscribing = realtime_fast.RealtimeClient.subscribe(
        "ws://127.0.0.1:1", "key", realtime_fast.SubscribeOptions("t")
    )
    for one in connecting, subscribing:
        assert isinstance(one, Coroutine)
        one.close()


def test_connection_states() -> None:
    assert set(get_args(realtime_fast.ConnectionState)) == set(get_args(decart.realtime.ConnectionState))


def test_tokens_are_read_by_both() -> None:
    ours = realtime_fast.encode_subscribe_token("session/1", "10.0.0.1", 8000)
    theirs = decart.realtime.encode_subscribe_token("session/1", "10.0.0.1", 8000)
    for token in ours, theirs:
        for decode in decart.realtime.decode_subscribe_token, realtime_fast.decode_subscribe_token:
            payload = decode(token)
            assert (payload.sid, payload.ip, payload.port) == ("session/1", "10.0.0.1", 8000)

from __future__ import annotations

import pytest

from realtime_fast.aio.origins import (
    is_loopback,
    is_token_base,
    may_carry_token,
    never_less_secure,
    same_origin,
)


@pytest.mark.parametrize(
    ("url", "target", "same"),
    [
        ("wss://host/a?k=1", "wss://host/b", True),
        ("wss://host/a", "wss://HOST:443/b", True),
        ("ws://host/a", "ws://host:80/b", True),
        ("ws://host/a", "wss://host/a", False),
        ("wss://host/a", "wss://host:8443/a", False),
        ("wss://host/a", "wss://sub.host/a", False),
        ("wss://host/a", "wss://user@host/a", False),
        ("wss://host/a", "wss://host\\@evil/a", False),
        ("wss://host/a", "https://host/a", False),
        ("wss://host/a", "wss://[", False),
        ("wss://host/a", "", False),
    ],
)
def test_one_origin(url: str, target: str, same: bool) -> None:
    assert same_origin(url, target) is same


@pytest.mark.parametrize(
    ("url", "target", "may"),
    [
        ("wss://global.events.live-video.net", "wss://eu.events.live-video.net/x", True),
        ("wss://global.events.live-video.net", "ws://eu.events.live-video.net/x", False),
        ("wss://global.events.live-video.net", "https://eu.events.live-video.net/x", False),
        ("wss://global.events.live-video.net", "wss://evil.net/x", False),
        ("ws://127.0.0.1:1/", "ws://localhost:2/", True),
        ("ws://127.0.0.1:1/", "wss://evil.net/", False),
    ],
)
def test_the_token_s_rule_holds_for_websockets(url: str, target: str, may: bool) -> None:
    assert may_carry_token(url, target) is may


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("wss://events.live-video.net", True),
        ("wss://events.live-video.net/v2/x", True),
        ("ws://127.0.0.1:8890/stages/events", True),
        ("ws://[::1]:8890/stages/events", True),
        ("ws://events.live-video.net", False),
        ("ws://10.0.0.1/stages/events", False),
        ("https://events.live-video.net", False),
        ("wss://user:pass@events.live-video.net", False),
        ("wss://events.live-video.net?x=1", False),
        ("wss://events.live-video.net#x", False),
        ("wss://events.live-video.net/a b", False),
        ("wss://events.live-video.net:99999", False),
        ("wss://", False),
    ],
)
def test_a_token_is_for_encrypted_bases_and_for_loopback(url: str, usable: bool) -> None:
    assert is_token_base(url, "wss") is usable


def test_encryption_is_never_given_up() -> None:
    assert never_less_secure("http://a/", "https://b/")
    assert never_less_secure("https://a/", "https://b/")
    assert not never_less_secure("https://a/", "http://a/")
    assert not never_less_secure("http://a/", "file:///etc/passwd")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.9.9.9", "::1"])
def test_what_is_this_machine(host: str) -> None:
    assert is_loopback(host)
    assert not is_loopback(f"{host}.evil.net")


def test_nothing_is_no_machine() -> None:
    assert not is_loopback("")

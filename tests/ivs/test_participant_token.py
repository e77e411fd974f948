"""Participant tokens as a client reads them."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.errors import StageError
from realtime_fast.ivs.participant_token import StageToken

CLAIMS: dict[str, Any] = {
    "jti": "participant-1",
    "resource": "arn:aws:ivs:eu-central-1:123456789012:stage/abc",
    "topic": "abc",
    "whip_url": "https://global.whip.live-video.net",
    "events_url": "wss://global.events.live-video.net",
    "exp": 2_000_000_000,
    "iat": 1_900_000_000,
    "capabilities": {"allow_publish": True, "allow_subscribe": True},
    "user_id": "somebody",
    "attributes": {"role": "camera"},
    "version": "1.0",
}
NOW = 1_950_000_000.0


def encode(claims: object, signature: str = "c2VjcmV0LXNpZ25hdHVyZQ") -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJFUzM4NCJ9.{part}.{signature}"


def test_the_claims_of_a_token_are_read_and_the_token_never_shows() -> None:
    token = StageToken.parse(f"  {encode(CLAIMS)}\n")
    assert token.claims.jti == "participant-1"
    assert token.claims.capabilities.allow_publish
    assert token.text == encode(CLAIMS)
    token.check(NOW, publish=True, subscribe=True)
    assert token.text not in repr(token)
    assert "c2VjcmV0" not in repr(token)


def test_only_what_a_client_needs_must_be_there() -> None:
    needed = {k: CLAIMS[k] for k in ("jti", "resource", "topic", "whip_url", "events_url", "exp")}
    token = StageToken.parse(encode(needed))
    assert not token.claims.capabilities.allow_publish
    with pytest.raises(StageError, match="does not allow publishing"):
        token.check(NOW, publish=True)


def test_an_expired_token_is_refused_before_any_request() -> None:
    token = StageToken.parse(encode(CLAIMS))
    with pytest.raises(StageError, match="expired 5 s ago") as caught:
        token.check(CLAIMS["exp"] + 5)
    assert caught.value.status == 401


@pytest.mark.parametrize("verb", ["publish", "subscribe"])
def test_a_token_that_may_not_is_refused_before_any_request(verb: str) -> None:
    claims = CLAIMS | {
        "capabilities": {"allow_publish": True, "allow_subscribe": True, f"allow_{verb}": False}
    }
    token = StageToken.parse(encode(claims))
    with pytest.raises(StageError, match=f"does not allow {verb[:8]}") as caught:
        token.check(NOW, **{verb: True})
    assert caught.value.status == 403
    token.check(NOW)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "three parts"),
        ("one.two", "three parts"),
        ("a.b.c.d", "three parts"),
        ("a.!!!.c", "a character that no JWT has"),
        ("a.b\n.c", "a character that no JWT has"),
        ("a.YQ.c", "unreadable"),
        ("a." + base64.urlsafe_b64encode(b"\xff\xfe").decode().rstrip("=") + ".c", "unreadable"),
        ("x" * 100_000, "JWT"),
        (encode([1, 2]), "Expected `object`"),
        (encode({**CLAIMS, "jti": 5}), "jti"),
        (encode({k: v for k, v in CLAIMS.items() if k != "exp"}), "exp"),
        (encode({**CLAIMS, "jti": ""}), "names no participant"),
        (encode({**CLAIMS, "jti": "../other"}), "names no participant"),
        (encode({**CLAIMS, "jti": ".."}), "names no participant"),
        (encode({**CLAIMS, "whip_url": "ftp://x"}), "whip_url"),
        (encode({**CLAIMS, "whip_url": "http://x.live-video.net"}), "whip_url is not a plain https URL"),
        (encode({**CLAIMS, "whip_url": "https://user:pa55@x"}), "whip_url"),
        (encode({**CLAIMS, "whip_url": "https://x/#y"}), "whip_url"),
        (encode({**CLAIMS, "events_url": "ws://10.0.0.1"}), "events_url is not a plain wss URL"),
        (encode({**CLAIMS, "events_url": "wss://x?y=z"}), "events_url"),
        (encode({**CLAIMS, "events_url": "https://x"}), "events_url"),
        (encode({**CLAIMS, "events_url": "wss://["}), "events_url"),
    ],
)
def test_what_is_no_participant_token_says_so(text: str, says: str) -> None:
    with pytest.raises(StageError, match=says) as caught:
        StageToken.parse(text)
    assert len(str(caught.value)) < 250
    assert caught.value.code == "IVS_STAGE_ERROR"


def test_plain_http_is_for_loopback() -> None:
    claims = {
        **CLAIMS,
        "whip_url": "http://127.0.0.1:8890/stages",
        "events_url": "ws://localhost:8890/stages/events",
    }
    assert StageToken.parse(encode(claims)).claims.whip_url == claims["whip_url"]


@given(st.text() | st.binary().map(lambda b: f"a.{base64.urlsafe_b64encode(b).decode()}.c"))
def test_nothing_but_a_stage_error_comes_of_garbage(text: str) -> None:
    with pytest.raises(StageError):
        StageToken.parse(text)

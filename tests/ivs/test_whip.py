"""WHIP and WHEP exchanges, driven by hand: no socket, no library, only requests and responses."""

import json
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.aio.http import Request, Response
from realtime_fast.aio.origins import may_carry_token
from realtime_fast.errors import StageError
from realtime_fast.ivs import whip
from realtime_fast.ivs.whip import Flow

T = TypeVar("T")

TOKEN = "head.secret.tail"
BASE = "https://global.whip.live-video.net"
OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"
ANSWER = b"v=0\r\no=- 2 2 IN IP4 0.0.0.0\r\n"


def drive(flow: Flow[T], *responses: Response) -> tuple[list[Request], T]:
    """Run a flow to its end; the requests it made and its result."""
    requests, replies = [], iter(responses)
    request = next(flow)
    while True:
        requests.append(request)
        try:
            request = flow.send(next(replies))
        except StopIteration as stop:
            return requests, stop.value


def created(location: str = "/session/7", body: bytes = ANSWER, status: int = 201) -> Response:
    return Response(status, {"location": location}, body)


def test_publish_sends_the_offer_with_the_token_and_resolves_the_session() -> None:
    (request,), resource = drive(whip.publish(BASE + "/", "me", TOKEN, OFFER), created())
    assert (request.method, request.url) == ("POST", f"{BASE}/publish/me")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Content-Type"] == "application/sdp"
    assert request.body == OFFER.encode()
    assert resource.url == f"{BASE}/session/7"
    assert resource.answer == ANSWER.decode()


def test_subscribe_names_the_other_participant() -> None:
    (request,), _ = drive(whip.subscribe(BASE, "them", TOKEN, OFFER), created())
    assert request.url == f"{BASE}/subscribe/them"


@pytest.mark.parametrize(
    ("participant", "path"),
    [
        ("a/../../admin", "a%2F..%2F..%2Fadmin"),
        ("a?x=1#y", "a%3Fx%3D1%23y"),
        ("a b\r\nX: y", "a%20b%0D%0AX%3A%20y"),
        ("%2e%2e", "%252e%252e"),
    ],
)
def test_a_participant_s_id_is_one_step_of_the_path(participant: str, path: str) -> None:
    for action in (whip.publish, whip.subscribe):
        assert next(action(BASE, participant, TOKEN, OFFER)).url == f"{BASE}/{action.__name__}/{path}"


@pytest.mark.parametrize("participant", ["", ".", ".."])
def test_what_no_quoting_saves_is_no_id(participant: str) -> None:
    with pytest.raises(StageError, match="no participant id"):
        next(whip.subscribe(BASE, participant, TOKEN, OFFER))


def test_an_answer_with_thousands_of_candidates_is_refused() -> None:
    body = (
        ANSWER
        + b"m=video 9 X 96\r\n"
        + b"".join(b"a=candidate:%d 1 udp 1 h 1 typ host\r\n" % n for n in range(999))
    )
    with pytest.raises(StageError, match="999 candidates; at most 64"):
        drive(whip.publish(BASE, "me", TOKEN, OFFER), created(body=body))


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_is_followed_with_body_and_token_and_the_session_belongs_to_its_target(
    status: int,
) -> None:
    requests, resource = drive(
        whip.publish(BASE, "me", TOKEN, OFFER),
        Response(status, {"location": "https://eu.whip.live-video.net/v2/publish/me"}),
        created("session/9"),
    )
    assert requests[1].url == "https://eu.whip.live-video.net/v2/publish/me"
    assert requests[1].body == requests[0].body
    assert requests[1].headers == requests[0].headers
    assert resource.url == "https://eu.whip.live-video.net/v2/publish/session/9"


def test_five_redirects_are_followed_and_a_sixth_is_not() -> None:
    hops = [Response(307, {"location": f"/hop{n}"}) for n in range(6)]
    requests, _ = drive(whip.publish(BASE, "me", TOKEN, OFFER), *hops[:5], created())
    assert len(requests) == 6
    with pytest.raises(StageError, match="more than 5"):
        drive(whip.publish(BASE, "me", TOKEN, OFFER), *hops)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (BASE, "https://live-video.net.evil.com/publish/me"),
        (BASE, "https://evil.net/publish/me"),
        (BASE, "http://eu.whip.live-video.net/publish/me"),
        (BASE, "https://user@eu.whip.live-video.net/"),
        (BASE, "https://eu.whip.live-video.net\\@evil.com/"),
        (BASE, "https://eu.whip.live-video.net:99999/"),
        (BASE, "http://127.0.0.1/publish/me"),
        (BASE, "ftp://eu.whip.live-video.net/"),
        ("https://stage.co.uk/", "https://other.co.uk/"),
        ("https://one.cloudfront.net/", "https://two.cloudfront.net/"),
        ("https://93.184.216.34/", "https://93.184.216.35/"),
        ("http://127.0.0.1:8890/", "https://evil.net/"),
        ("http://127.0.0.1:8890/", "http://127.0.0.1.evil.net/"),
        ("http://localhost:8890/", "http://10.0.0.1/"),
    ],
)
def test_a_token_never_travels_to_another_site(url: str, target: str) -> None:
    assert not may_carry_token(url, target)
    flow = whip.publish(url, "me", TOKEN, OFFER)
    next(flow)
    with pytest.raises(StageError, match="another site") as caught:
        flow.send(Response(307, {"location": target}))
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (BASE, "https://eu-central-1.whip.live-video.net:8443/publish/me"),
        (BASE, "https://LIVE-VIDEO.net./publish/me"),
        ("https://a.stage.co.uk/", "https://b.stage.co.uk/"),
        ("http://127.0.0.1:8890/", "http://127.0.0.1:9000/"),
        ("http://localhost:8890/", "http://[::1]:9000/"),
        ("http://127.0.0.1:8890/", "https://localhost/"),
    ],
)
def test_a_token_may_travel_within_its_site(url: str, target: str) -> None:
    assert may_carry_token(url, target)


@given(st.text(max_size=40))
def test_no_location_makes_the_rule_fail_in_another_way(location: str) -> None:
    flow = whip.publish(BASE, "me", TOKEN, OFFER)
    next(flow)
    try:
        request = flow.send(Response(307, {"location": location}))
    except StageError:
        return
    assert request.url.startswith("https://")
    assert "live-video.net" in request.url


def test_a_session_on_another_site_is_refused() -> None:
    with pytest.raises(StageError, match="another site"):
        drive(whip.publish(BASE, "me", TOKEN, OFFER), created("https://evil.net/session/1"))


def test_a_refusal_carries_the_stage_s_words_and_status_but_never_the_token() -> None:
    body = json.dumps({"code": 2003, "message": f"no permission for {TOKEN}" + "x" * 1000}).encode()
    with pytest.raises(StageError, match="refused to publish: 2003 no permission") as caught:
        drive(whip.publish(BASE, "me", TOKEN, OFFER), Response(403, {}, body))
    assert caught.value.status == 403
    assert caught.value.code == "IVS_STAGE_ERROR"
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[1,2]", b'{"code": {}}', b"[" * 100_000])
def test_an_error_body_that_is_none_leaves_the_status(body: bytes) -> None:
    with pytest.raises(StageError, match=r"refused to subscribe \(HTTP 500\)") as caught:
        drive(whip.subscribe(BASE, "them", TOKEN, OFFER), Response(500, {}, body))
    assert caught.value.status == 500


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (Response(201, {}, ANSWER), "names no session"),
        (created(body=b"<html>"), "not a session description"),
        (created(body=b"\xff"), "not a session description"),
        (Response(307), "without saying where"),
        (Response(302, {"location": "/x"}), "HTTP 302"),
    ],
)
def test_answers_that_are_none(response: Response, says: str) -> None:
    with pytest.raises(StageError, match=says):
        drive(whip.publish(BASE, "me", TOKEN, OFFER), response)


@pytest.mark.parametrize("status", [200, 204, 404])
def test_a_session_that_is_gone_is_ended(status: int) -> None:
    (request,), _ = drive(whip.end(f"{BASE}/session/7", TOKEN), Response(status))
    assert (request.method, request.url, request.body) == ("DELETE", f"{BASE}/session/7", b"")


def test_a_session_that_will_not_end_is_an_error() -> None:
    with pytest.raises(StageError, match="end the session") as caught:
        drive(whip.end(f"{BASE}/session/7", TOKEN), Response(500))
    assert caught.value.status == 500


def test_neither_requests_nor_resources_show_their_secrets() -> None:
    (request,), resource = drive(whip.publish(BASE, "me", TOKEN, OFFER), created())
    assert "secret" not in repr(request) + repr(resource) + repr(Response(200, {"x": TOKEN}, TOKEN.encode()))
    assert isinstance(request, Request)


BUNDLED = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdef0123456789
a=fingerprint:sha-256 AA:BB
a=setup:passive
a=candidate:1 1 udp 2130706431 10.0.0.1 5000 typ host
a=candidate:2 1 udp 1694498815 1.2.3.4 5001 typ srflx raddr 10.0.0.1 rport 5000
m=video 9 UDP/TLS/RTP/SAVPF 96
a=mid:1
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdef0123456789
a=setup:passive
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_candidates_and_fingerprint_reach_every_section(newline: str) -> None:
    head, audio, video = whip.share_transport(BUNDLED.replace("\n", newline)).split("m=")
    for section in (audio, video):
        lines = section.split("\r\n")
        assert sum(line.startswith("a=candidate:") for line in lines) == 2
        for once in ("a=ice-ufrag:abcd", "a=fingerprint:sha-256 AA:BB", "a=setup:passive"):
            assert lines.count(once) == 1
        assert lines.count("a=end-of-candidates") == 1
    assert "candidate" not in head
    assert whip.share_transport("m=".join((head, audio, video))) == "m=".join((head, audio, video))

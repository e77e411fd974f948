"""The embedded stage's face: what it refuses, and how, over real HTTP and WebSockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from realtime_fast.server import Service
from realtime_fast.server.stage.room import Room
from realtime_fast.server.stage.tokens import IssuedToken, TokenRequest

OFFERS = Path(__file__).parent / "offers"
PUBLISH = (OFFERS / "chromium-publish.sdp").read_text()
SUBSCRIBE = (OFFERS / "chromium-subscribe.sdp").read_text()
SDP = {"content-type": "application/sdp"}

Issue: TypeAlias = Callable[..., IssuedToken]
"""Makes a token for the stage of the test, or for another `room`."""


@pytest.fixture
def base(stage_service: Service) -> str:
    return stage_service.url.replace("ws", "http", 1)


@pytest.fixture
async def http(base: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=base) as client:
        yield client


@pytest.fixture
def issue(stage_service: Service, stage_room: Room, base: str) -> Issue:
    def make(room: Room | None = None, **wanted: Any) -> IssuedToken:
        return stage_service.stages.issue(room or stage_room, base, TokenRequest(**wanted))

    return make


def bearer(issued: IssuedToken) -> dict[str, str]:
    token = issued if isinstance(issued, str) else issued.token
    return {"authorization": f"Bearer {token}"}


def forged(issued: IssuedToken) -> str:
    """The same claims under somebody else's key."""
    claims = jwt.decode(issued.token, options={"verify_signature": False})
    return jwt.encode(claims, ec.generate_private_key(ec.SECP384R1()), algorithm="ES384")


def unsigned(issued: IssuedToken) -> str:
    claims = jwt.decode(issued.token, options={"verify_signature": False})
    return jwt.encode(claims, "", algorithm="none")


async def post(
    http: httpx2.AsyncClient,
    action: str,
    participant: str,
    headers: dict[str, str],
    body: str | bytes = PUBLISH,
) -> httpx2.Response:
    return await http.post(f"/stages/{action}/{participant}", content=body, headers=SDP | headers)


async def test_who_may_publish(http: httpx2.AsyncClient, issue: Issue, stage_service: Service) -> None:
    good = issue()
    for token, status, code in [
        (None, 401, 2001),
        ("not.a.token", 401, 2001),
        ("x" * 100_000, 401, 2001),
        (forged(good), 401, 2001),
        (unsigned(good), 401, 2001),
        (good.token[:-8] + "AAAAAAAA", 401, 2001),
    ]:
        headers = {} if token is None else {"authorization": f"Bearer {token}"[:30_000]}
        answer = await post(http, "publish", good.participant_id, headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), token
        assert set(answer.json()) == {"code", "message"}
    for issued, participant, status, code in [
        (issue(ttl=-1), None, 401, 2002),
        (issue(publish=False), None, 403, 2003),
        (good, "somebody-else", 403, 2003),
        (issue(stage_service.stages.create()), good.participant_id, 403, 2003),
    ]:
        answer = await post(http, "publish", participant or issued.participant_id, bearer(issued))
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    gone = stage_service.stages.create()
    orphan = issue(gone)
    stage_service.stages.delete(gone)
    assert (await post(http, "publish", orphan.participant_id, bearer(orphan))).status_code == 404


async def test_a_publication_is_answered_found_and_deleted_by_its_owner_only(
    http: httpx2.AsyncClient, issue: Issue, stage_room: Room
) -> None:
    owner, other = issue(), issue()
    answer = await post(http, "publish", owner.participant_id, bearer(owner))
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("application/sdp")
    first, second = answer.text.split("m=")[1:]
    assert "a=candidate:" in first
    assert "a=candidate:" not in second
    location = answer.headers["location"]
    assert answer.headers["link"] == f'<{location}>; rel="urn:ietf:params:whip:ivs-stages:session-delete"'
    assert (await http.delete(location)).status_code == 401
    assert (await http.delete(location, headers=bearer(other))).status_code == 403
    assert (await http.delete(location, headers=bearer(owner))).status_code == 200
    assert (await http.delete(location, headers=bearer(owner))).status_code == 404
    assert not stage_room.members


async def test_plain_whip_publishes_at_the_base_as_the_token_says(
    http: httpx2.AsyncClient, issue: Issue, stage_room: Room, base: str
) -> None:
    owner = issue(publish=True)
    for path in ("/stages", "/stages/"):
        answer = await http.post(path, content=PUBLISH, headers=SDP | bearer(owner))
        assert answer.status_code == 201
        assert set(stage_room.members) == {owner.participant_id}
        assert (await http.delete(answer.headers["location"], headers=bearer(owner))).status_code == 200
        assert not stage_room.members
        asked = {"origin": "https://page.example", "access-control-request-method": "POST"}
        assert (await http.options(path, headers=asked)).status_code == 200
    for path in ("/stages/front", "/stages/front/"):
        answer = await http.post(path, content=PUBLISH, headers=SDP | bearer(owner))
        assert (answer.status_code, answer.headers["location"]) == (307, f"{base}/stages/")
    answer = await http.post("/stages", content=PUBLISH, headers=SDP)
    assert (answer.status_code, answer.json()["code"]) == (401, 2001)


@pytest.mark.parametrize(
    ("named", "publishes", "subscribes"),
    [
        ({}, True, True),
        ({"publish": True}, True, False),
        ({"subscribe": True}, False, True),
        ({"publish": False}, False, True),
        ({"subscribe": False}, True, False),
        ({"publish": True, "subscribe": True}, True, True),
        ({"publish": False, "subscribe": False}, False, False),
    ],
)
async def test_a_token_allows_what_was_asked_for_and_no_more(
    http: httpx2.AsyncClient, stage_room: Room, named: dict[str, bool], publishes: bool, subscribes: bool
) -> None:
    made = await http.post(f"/dev/stages/{stage_room.stage_id}/tokens", json=named)
    issued = IssuedToken(**made.json())
    published = await post(http, "publish", issued.participant_id, bearer(issued))
    at_base = await http.post("/stages", content=PUBLISH, headers=SDP | bearer(issued))
    assert [published.status_code, at_base.status_code] == [201 if publishes else 403] * 2
    subscribed = await post(http, "subscribe", "nobody", bearer(issued), SUBSCRIBE)
    assert (subscribed.status_code, subscribed.json()["code"]) == ((404, 2004) if subscribes else (403, 2003))


async def test_a_closing_page_ends_its_session_without_headers(
    http: httpx2.AsyncClient, issue: Issue, stage_room: Room
) -> None:
    owner = issue()
    location = (await post(http, "publish", owner.participant_id, bearer(owner))).headers["location"]
    assert stage_room.members
    for body, status in [
        ("", 401),
        ("[]", 401),
        ('{"authorization": 5}', 401),
        (json.dumps({"authorization": owner.token}), 200),
    ]:
        assert (await http.post(location, content=body)).status_code == status
    assert not stage_room.members


async def test_who_may_subscribe(http: httpx2.AsyncClient, issue: Issue, stage_service: Service) -> None:
    nobody = issue()
    for issued, participant, status, code in [
        (issue(), nobody.participant_id, 404, 2004),
        (issue(), "unknown", 404, 2004),
        (issue(subscribe=False), nobody.participant_id, 403, 2003),
        (issue(ttl=-1), nobody.participant_id, 401, 2002),
    ]:
        answer = await post(http, "subscribe", participant, bearer(issued), SUBSCRIBE)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    # Somebody is there, but on another stage.
    other = stage_service.stages.create()
    stage_service.stages.arrive(other, stage_service.stages.authority.verify(issue(other).token))
    stranger = next(iter(other.members))
    answer = await post(http, "subscribe", stranger, bearer(issue()), SUBSCRIBE)
    assert (answer.status_code, answer.json()["code"]) == (403, 2003)


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (PUBLISH.partition("m=video")[0], "application/sdp", 400, 2001),
        ("hello", "application/sdp", 400, 2001),
        (b"\xff\xfe", "application/sdp", 400, 2001),
        ("", "application/sdp", 400, 2001),
        (PUBLISH, "application/json", 415, 2001),
        ("v=0\r\n" * 100_000, "application/sdp", 413, 2001),
    ],
)
async def test_offers_that_will_not_do(
    http: httpx2.AsyncClient,
    issue: Issue,
    stage_room: Room,
    body: str | bytes,
    kind: str,
    status: int,
    code: int,
) -> None:
    issued = issue()
    answer = await http.post(
        f"/stages/publish/{issued.participant_id}",
        content=body,
        headers={"content-type": kind, **bearer(issued)},
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not stage_room.members


async def test_browsers_may_come_from_anywhere_with_their_headers(
    http: httpx2.AsyncClient, issue: Issue
) -> None:
    asked = "authorization,content-type,x-stages-request-id,x-stages-sdk,x-stages-anything"
    preflight = await http.options(
        "/stages/publish/me",
        headers={
            "origin": "https://page.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": asked,
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] in ("*", "https://page.example")
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert all(header in allowed for header in asked.split(","))
    issued = issue()
    answer = await post(
        http, "publish", issued.participant_id, {**bearer(issued), "origin": "https://page.example"}
    )
    exposed = answer.headers["access-control-expose-headers"].lower()
    assert "location" in exposed
    assert "link" in exposed


@pytest.mark.parametrize(("action", "status"), [("publish", 307), ("subscribe", 308)])
async def test_the_front_door_says_where_to_go(
    http: httpx2.AsyncClient, base: str, action: str, status: int
) -> None:
    answer = await http.post(f"/stages/front/{action}/me", content="x")
    assert answer.status_code == status
    assert answer.headers["location"] == f"{base}/stages/{action}/me"


# --- events


def url(stage_service: Service, path: str = "", **query: Any) -> str:
    return f"{stage_service.url}/stages/events{path}" + (
        "?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else ""
    )


@pytest.mark.parametrize("form", ["query", "path"])
async def test_events_tell_the_whole_state_and_answer_pings(
    stage_service: Service, stage_room: Room, issue: Issue, form: str
) -> None:
    issued = issue(user_id="me", attributes={"role": "camera"})
    topic = stage_room.stage_id
    where = (
        url(stage_service, error_over_ws=1, topic=f"{topic}/publishers", traceid="t")
        if form == "query"
        else url(stage_service, f"/{topic}")
    )
    async with connect(where, subprotocols=[Subprotocol(issued.token)]) as socket:
        assert socket.subprotocol == issued.token
        with anyio.fail_after(5):
            state = json.loads(await socket.recv())
            assert state["type"] == "STAGE_STATE"
            assert state["payload"]["sequenceNumber"] >= 1
            assert state["payload"]["stageId"] == topic
            assert state["payload"]["participants"] == [
                {
                    "id": issued.participant_id,
                    "userId": "me",
                    "isPublishing": False,
                    "audioMuted": False,
                    "videoStopped": False,
                    "attributes": {"role": "camera"},
                }
            ]
            await socket.send('{"type": "PING"}')
            assert json.loads(await socket.recv())["type"] == "PONG"
            for nonsense in ("", "[]", "{}", '{"type": 5}', '{"type": "SET_STATE", "audioMuted": "x"}'):
                await socket.send(nonsense)
            await socket.send(
                '{"type": "SET_STATE", "version": "0", "audioMuted": true, "videoStopped": true}'
            )
            later = json.loads(await socket.recv())["payload"]
            assert later["sequenceNumber"] > state["payload"]["sequenceNumber"]
            assert later["participants"][0]["audioMuted"]
            assert later["participants"][0]["videoStopped"]
            await socket.send(b"\x00binary")
            with pytest.raises(ConnectionClosed):
                await socket.recv()


async def test_who_may_listen(stage_service: Service, stage_room: Room, issue: Issue) -> None:
    other = stage_service.stages.create()
    topic = stage_room.stage_id
    for token, status, code in [
        (None, 401, "TOKEN_MISSING"),
        ("garbage", 401, "TOKEN_INVALID"),
        (forged(issue()), 401, "TOKEN_INVALID_SIGNATURE"),
        (issue(ttl=-1).token, 401, "TOKEN_EXPIRED"),
        (issue(other).token, 403, "TOKEN_INVALID"),
    ]:
        offered = [Subprotocol(token)] if token else None
        with pytest.raises(InvalidStatus) as caught:
            await connect(url(stage_service, f"/{topic}"), subprotocols=offered)
        assert caught.value.response.status_code == status
        where = url(stage_service, error_over_ws=1, topic=f"{topic}/publishers")
        async with connect(where, subprotocols=offered) as socket:
            with anyio.fail_after(5):
                refusal = json.loads(await socket.recv())
                assert refusal["type"] == "aws:ivs:JOIN_ERROR"
                assert refusal["payload"]["code"] == code
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
    assert not stage_room.members


# --- for developers


async def test_developers_make_stages_and_tokens(http: httpx2.AsyncClient, stage_service: Service) -> None:
    stage = (await http.post("/dev/stages")).json()
    assert stage["stage_arn"].endswith(stage["stage_id"])
    answer = await http.post(
        f"/dev/stages/{stage['stage_id']}/tokens", json={"user_id": "dev", "publish": False, "ttl": 60}
    )
    assert answer.status_code == 201
    issued = answer.json()
    claims = jwt.decode(issued["token"], options={"verify_signature": False})
    assert claims["jti"] == issued["participant_id"]
    assert claims["capabilities"] == {"allow_publish": False, "allow_subscribe": True}
    assert claims["resource"] == stage["stage_arn"]
    assert claims["exp"] - claims["iat"] == 60
    assert jwt.get_unverified_header(issued["token"])["alg"] == "ES384"
    for body, status in [(b"{", 400), (b'{"ttl": "x"}', 400), (b'{"typo": 1}', 400), (b"", 201)]:
        answer = await http.post(f"/dev/stages/{stage['stage_id']}/tokens", content=body)
        assert answer.status_code == status
    assert (await http.post("/dev/stages/unknown/tokens")).status_code == 404


async def test_developer_routes_are_for_loopback_only(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/dev/stages", headers={"host": "evil.example"})
    assert answer.status_code == 403
    assert (await http.get("/dev/stages")).status_code == 405

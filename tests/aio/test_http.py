from __future__ import annotations

import gzip
import logging
import time
import tracemalloc

import anyio
import pytest
from anyio.abc import SocketStream

from realtime_fast.aio.http import HttpError, Request, Response, open_http
from realtime_fast.aio.origins import never_less_secure
from realtime_fast.errors import InvalidInputError
from realtime_fast.redaction import Secrets

from tests.far_side import far_side, http

KEY = "s3cret/key+of&mine"
MIB = 1024 * 1024
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def fetch(url: str, **limits: object) -> Response:
    wanted = {"max_bytes": MIB, "within": 5.0, **limits}
    async with open_http() as client:
        return await client.send(
            Request("GET", url, {"X-Key": KEY}),
            far_side="The far side",
            secrets=Secrets(KEY),
            **wanted,  # type: ignore[arg-type]
        )


async def test_status_headers_and_body_come_as_they_are() -> None:
    async with far_side(http(201, b"body", Location="/there")) as side:
        response = await fetch(f"http://{side.place}/a?b=c")
    assert (response.status, response.headers["location"], response.body) == (201, "/there", b"body")
    assert side.requests[0].startswith("GET /a?b=c HTTP/1.1\r\n")


async def test_an_endless_body_is_given_up_at_its_limit() -> None:
    async def endless(stream: SocketStream, _: bytes) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send(b"x" * 65536)

    async with far_side(endless) as side:
        with pytest.raises(HttpError, match="The far side answers with more than 1048576 bytes"):
            await fetch(f"http://{side.place}/")


@pytest.mark.parametrize("layers", [1, 2, 3])
async def test_a_body_that_swells_is_given_up_before_it_does(layers: int) -> None:
    bomb = b"\0" * (64 * MIB)
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    answer = http(200, bomb, Content_Encoding=", ".join(["gzip"] * layers))
    async with far_side(answer) as side:
        tracemalloc.start()
        try:
            with pytest.raises(HttpError, match=r"more than 1048576 bytes|not asked for"):
                await fetch(f"http://{side.place}/")
            assert tracemalloc.get_traced_memory()[1] < 8 * MIB
        finally:
            tracemalloc.stop()


async def test_a_compressed_body_within_the_limit_is_read() -> None:
    async with far_side(http(200, gzip.compress(b"body" * 1000), Content_Encoding="gzip")) as side:
        assert (await fetch(f"http://{side.place}/")).body == b"body" * 1000


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"no gzip at all", "cannot be decompressed"), (gzip.compress(b"body" * 1000)[:-20], "breaks off")],
    ids=["not gzip", "cut off"],
)
async def test_a_body_that_is_not_what_it_says_is_an_error(body: bytes, words: str) -> None:
    async with far_side(http(200, body, Content_Encoding="gzip")) as side:
        with pytest.raises(HttpError, match=words):
            await fetch(f"http://{side.place}/")


async def test_a_trickle_counts_against_the_whole_time() -> None:
    async def trickle(stream: SocketStream, _: bytes) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send(b"x")
            await anyio.sleep(0.02)

    async with far_side(trickle) as side:
        began = time.monotonic()
        with pytest.raises(HttpError, match=r"did not answer within 0.3 s"):
            await fetch(f"http://{side.place}/", within=0.3)
        assert time.monotonic() - began < 2


async def test_a_redirect_is_an_answer_unless_there_is_a_rule() -> None:
    async with far_side(http(302, Location="/there"), http(200, b"there")) as side:
        assert (await fetch(f"http://{side.place}/")).status == 302
        assert (await fetch(f"http://{side.place}/", may_follow=never_less_secure)).body == b"there"


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://[", "ftp://a/", "//user@host/", "\\\\host\\x"]
)
async def test_a_redirect_that_its_rule_forbids_says_so_and_no_more(location: str) -> None:
    async with far_side(http(302, Location=location)) as side:
        with pytest.raises(HttpError, match="redirects to where the request must not go") as caught:
            await fetch(f"http://{side.place}/", may_follow=never_less_secure)
        assert location not in str(caught.value)


async def test_a_circle_of_redirects_ends() -> None:
    async with far_side(http(302, Location="/again")) as side:
        with pytest.raises(HttpError, match="redirects more than 5 times"):
            await fetch(f"http://{side.place}/", may_follow=never_less_secure)
        assert len(side.requests) == 6


async def test_cookies_are_not_kept() -> None:
    async with far_side(http(200, Set_Cookie="a=b")) as side, open_http() as client:
        for _ in range(2):
            await client.send(
                Request("GET", f"http://{side.place}/"),
                far_side="It",
                secrets=Secrets(),
                max_bytes=10,
                within=5,
            )
        assert all("cookie" not in request.lower() for request in side.requests)


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"]
)
async def test_what_is_no_answer_is_one_sentence(answer: bytes) -> None:
    async with far_side(answer) as side:
        with pytest.raises(HttpError, match=r"The far side cannot be reached \(\w+\)"):
            await fetch(f"http://{side.place}/")


async def test_a_header_that_cannot_be_sent_does_not_show() -> None:
    async with open_http() as client:
        with pytest.raises(HttpError) as caught:
            await client.send(
                Request("GET", "http://127.0.0.1:9/", {"X-Key": f"{KEY}\n"}),
                far_side="It",
                secrets=Secrets(KEY),
                max_bytes=10,
                within=5,
            )
    error: BaseException | None = caught.value
    while error is not None:
        assert KEY not in repr((error, vars(error)))
        error = error.__cause__ or error.__context__


async def test_our_requests_leave_no_trace_in_the_logs_and_those_of_others_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    import httpx2

    caplog.set_level(logging.DEBUG)
    async with far_side(http(200, Set_Cookie="presigned=1")) as side:
        await fetch(f"http://{side.place}/presigned")
        assert [record for record in caplog.records if record.name.startswith("http")] == []
        async with httpx2.AsyncClient() as client:
            await client.get(f"http://{side.place}/theirs")
    names = {record.name for record in caplog.records}
    assert {"httpx2", "httpcore2.http11"} <= names


async def test_loopback_is_reached_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with far_side(http(200, b"direct")) as side:
        assert (await fetch(f"http://{side.place}/")).body == b"direct"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_a_password_is_named(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    async with far_side(http(407, Proxy_Authenticate="Basic")) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://user:pa55word@{proxy.place}")
        with pytest.raises(HttpError, match="proxy") as caught:
            await fetch(f"{scheme}://service.test/")
        assert proxy.place in str(caught.value)
        assert "HTTP 407" in str(caught.value)
        assert "pa55word" not in str(caught.value)
        assert "The far side" not in str(caught.value)


async def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(HttpError, match=r"The proxy 127.0.0.1:9 did not connect the request"):
        await fetch("https://service.test/")


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("socks5h://127.0.0.1:9", r"pip install 'realtime-fast\[socks\]'"),
        ("socks4://127.0.0.1:9", "expected http or socks5h"),
        ("gopher://pa55word@127.0.0.1:9", "must look like"),
    ],
)
async def test_a_proxy_that_cannot_be_used_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, proxy: str, words: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(InvalidInputError, match=words) as caught:
        await fetch("https://service.test/")
    assert "pa55word" not in str(caught.value)

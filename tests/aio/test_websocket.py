"""The WebSocket against far sides that redirect, refuse, hang up and repeat what they must not."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote

import anyio
import pytest
from anyio.abc import SocketStream

from realtime_fast.aio.origins import may_carry_token, same_origin
from realtime_fast.aio.websocket import MessageSocket, open_socket
from realtime_fast.errors import ControlChannelError, InvalidInputError
from realtime_fast.redaction import Secrets

from tests.far_side import close_frame, far_side, http, text_frame, upgrade

KEY = "s3cret/key+of&mine"
QUERY = f"api_key={quote(KEY, safe='')}"


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def failure(message: str, *, status: int | None = None) -> ControlChannelError:
    return ControlChannelError(message)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


async def exchange(url: str, *, rule: object = same_origin, **options: object) -> str | bytes:
    """Open, read one message."""
    async with opened(url, rule=rule, **options) as socket:
        return await socket.receive()


def opened(
    url: str, *, rule: object = same_origin, **options: object
) -> AbstractAsyncContextManager[MessageSocket]:
    return open_socket(
        url,
        far_side="The service",
        purpose="the channel",
        failure=failure,
        secrets=Secrets(KEY),
        may_follow=rule,  # type: ignore[arg-type]
        **{"max_size": 1000, **options},  # type: ignore[arg-type]
    )


async def fails(url: str, words: str, **options: object) -> ControlChannelError:
    """The error, which shows the key nowhere, not even in what it holds."""
    with pytest.raises(ControlChannelError, match=words) as caught:
        await exchange(url, **options)
    told = "".join(traceback.format_exception(caught.value))
    for error in chain(caught.value):
        told += repr((error, vars(error)))
    assert KEY not in told
    assert quote(KEY, safe="") not in told
    return caught.value


async def greeting(stream: SocketStream, head: bytes) -> None:
    await upgrade(stream, head)
    await stream.send(text_frame("hello"))
    await anyio.sleep_forever()


async def test_a_redirect_within_the_origin_is_followed() -> None:
    async with far_side(http(307, Location=f"/elsewhere?{QUERY}"), greeting) as side:
        assert await exchange(f"ws://{side.place}/here?{QUERY}") == "hello"
        assert side.requests[1].startswith("GET /elsewhere?api_key=")


async def test_a_redirect_to_another_origin_is_not_followed() -> None:
    async with (
        far_side(greeting) as other,
        far_side(http(302, Location=f"ws://{other.place}/?{QUERY}")) as side,
    ):
        await fails(f"ws://{side.place}/?{QUERY}", "redirects the channel to where its secrets must not go")
        assert other.requests == []


async def test_a_token_is_not_sent_to_another_site() -> None:
    async with far_side(greeting) as side:
        elsewhere = f"ws://{side.place.replace('127.0.0.1', '127.0.0.1.nip.io')}/"
        async with far_side(http(302, Location=elsewhere)) as first:
            await fails(f"ws://{first.place}/", "where its secrets must not go", rule=may_carry_token)
        assert side.requests == []
        async with far_side(http(302, Location=f"ws://{side.place}/")) as first:
            socket = await exchange(f"ws://{first.place}/", rule=may_carry_token)
        assert socket == "hello"


@pytest.mark.parametrize(
    "location",
    [
        "#x",
        f"/?{QUERY}#x",
        f"http://127.0.0.1:1/?{QUERY}",
        "ws://[",
        "ws://127.0.0.1:99999/",
        "ws://\udce4",
        "ws://",
    ],
)
async def test_a_redirect_to_nonsense_is_one_sentence(location: str) -> None:
    answer = http(302, Location="").replace(
        b"Location: ", b"Location: " + location.encode("latin-1", "surrogateescape")
    )
    async with far_side(answer) as side:
        await fails(f"ws://{side.place}/?{QUERY}", "redirects the channel to|does not speak WebSocket")


async def test_a_circle_of_redirects_ends() -> None:
    async with far_side(http(302, Location=f"/?{QUERY}")) as side:
        await fails(f"ws://{side.place}/?{QUERY}", "does not speak WebSocket")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(503, KEY.encode()), "refused the channel with HTTP 503"),
        (http(200, KEY.encode()), "refused the channel with HTTP 200"),
        (b"", "hung up before|does not speak WebSocket"),
        (f"{KEY}\r\n\r\n".encode(), "does not speak WebSocket"),
        (
            b"HTTP/1.1 101 Words\r\nUpgrade: %s\r\nConnection: Upgrade\r\n\r\n" % KEY.encode(),
            "does not speak",
        ),
    ],
)
async def test_a_handshake_that_fails_is_one_sentence(answer: bytes, words: str) -> None:
    async with far_side(answer) as side:
        await fails(f"ws://{side.place}/?{QUERY}", words)


async def test_a_close_reason_that_repeats_the_key_is_cleaned() -> None:
    async def close(stream: SocketStream, head: bytes) -> None:
        await upgrade(stream, head)
        await stream.send(close_frame(4000, f"bad key {KEY}"))
        await anyio.sleep_forever()

    async with far_side(close) as side:
        error = await fails(f"ws://{side.place}/?{QUERY}", "closed the channel with code 4000")
        assert str(error).endswith("(bad key [hidden])")


async def test_a_message_over_the_limit_says_so() -> None:
    async def talk(stream: SocketStream, head: bytes) -> None:
        await upgrade(stream, head)
        await stream.send(text_frame("x" * 2000))
        await anyio.sleep_forever()

    async with far_side(talk) as side:
        await fails(f"ws://{side.place}/?{QUERY}", "sent a message on the channel that is too long")


async def test_loopback_is_reached_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with far_side(greeting) as side:
        assert await exchange(f"ws://{side.place}/") == "hello"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http(407), "wants a user name and a password for the channel .HTTP 407."),
        (http(502), "refused the channel with HTTP 502"),
        (b"nonsense\r\n\r\n", "did not connect the channel"),
    ],
)
async def test_what_a_proxy_refuses_is_the_proxy_s(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, words: str
) -> None:
    async with far_side(answer) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:pa55word@{proxy.place}")
        error = await fails(f"wss://service.test/?{QUERY}", words)
        assert f"The proxy {proxy.place}" in str(error)
        assert "The service" not in str(error)
        assert "pa55word" not in str(error)


async def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "127.0.0.1:9")
    await fails(f"wss://service.test/?{QUERY}", "The proxy 127.0.0.1:9 did not connect the channel")


async def test_a_socks_proxy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_socks", None)
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    with pytest.raises(InvalidInputError, match=r"pip install 'realtime-fast\[socks\]'"):
        await exchange(f"wss://service.test/?{QUERY}")


async def test_a_socket_that_is_closed_does_not_send() -> None:
    async def close(stream: SocketStream, head: bytes) -> None:
        await upgrade(stream, head)

    async with far_side(close) as side, opened(f"ws://{side.place}/") as socket:
        assert isinstance(socket, MessageSocket)
        with pytest.raises(ControlChannelError, match="without a closing handshake"):
            await socket.receive()
        assert not await socket.send("anybody?")

"""All HTTP requests of this package: bounded in size and time, through the environment's proxy, silent in the logs.

Nothing happens by itself: no cookie is kept, no redirect followed unless its rule allows it, no environment's password
sent along.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin

import anyio
import httpx2

from realtime_fast.aio.hush import hushed
from realtime_fast.aio.proxies import Proxy, proxy_for
from realtime_fast.errors import InvalidInputError
from realtime_fast.redaction import Secrets

MAX_REDIRECTS = 5

_LOGGERS = ("httpx2", *(f"httpcore2.{name}" for name in ("connection", "http11", "http2", "proxy", "socks")))
_REDIRECTS = (301, 302, 303, 307, 308)
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, decompressed; header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Progress:
    """How far a request has come.

    Attributes:
        is_sent: Whether all of it was sent: from then on the far side may have it, whatever comes back.
    """

    is_sent: bool = False

    async def trace(self, step: str, _: object) -> None:
        """Take a step of the HTTP library (httpcore's `trace` extension)."""
        if step.endswith(".send_request_body.complete"):
            self.is_sent = True


class HttpError(Exception):
    """A request without an answer, or with one that is too long; the text is a sentence fit to be shown."""


class HttpClient:
    """Sends requests; only `open_http` makes one. Connections are kept for its lifetime."""

    def __init__(self) -> None:
        self._transports: dict[Proxy | None, httpx2.AsyncHTTPTransport] = {}

    async def send(
        self,
        request: Request,
        *,
        far_side: str,
        secrets: Secrets,
        max_bytes: int,
        within: float,
        may_follow: Callable[[str, str], bool] | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """Send a request and read the whole answer.

        Args:
            request: What to send.
            far_side: The subject of error messages, such as "The stage".
            secrets: What must not show in them; the URL does not in any case.
            max_bytes: Limit of the answer's body, as it comes and decompressed.
            within: Seconds for all of it, redirects included.
            may_follow: Called with the URL that redirects and the one it redirects to; whether to go there. Without
                it a redirect is an answer like any other.
            progress: Told how far the request comes, for those who must not send it twice.

        Raises:
            HttpError: There is no answer, it is too long or cannot be read, or a redirect is not allowed.
            InvalidInputError: The environment's proxy cannot be used.
        """
        try:
            with hushed(*_LOGGERS), anyio.fail_after(within):
                for _ in range(MAX_REDIRECTS + 1):
                    response = await self._send(request, far_side, secrets, max_bytes, progress or Progress())
                    location = response.headers.get("location")
                    if may_follow is None or response.status not in _REDIRECTS or location is None:
                        return response
                    request = replace(request, url=_next(request.url, location, may_follow, far_side))
                raise HttpError(f"{far_side} redirects more than {MAX_REDIRECTS} times")
        except TimeoutError:
            pass
        raise HttpError(f"{far_side} did not answer within {within:g} s")

    async def aclose(self) -> None:
        """Close all connections."""
        transports, self._transports = self._transports, {}
        for transport in transports.values():
            await transport.aclose()

    async def _send(
        self, request: Request, far_side: str, secrets: Secrets, max_bytes: int, progress: Progress
    ) -> Response:
        proxy = _proxy_for(request.url, far_side)
        transport = self._transport(proxy)
        # What is compressed is refused below unless it is simple: better not to ask for it.
        headers = {"Accept-Encoding": "identity", **request.headers}
        try:
            sent = httpx2.Request(
                request.method,
                request.url,
                headers=headers,
                content=request.body,
                extensions={"trace": progress.trace},
            )
            answer = await transport.handle_async_request(sent)
            try:
                if proxy is not None and answer.status_code == 407:
                    raise HttpError(proxy.refused("the request", 407))
                body = await _read(answer, max_bytes, far_side)
            finally:
                await answer.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ValueError) as error:
            caught = error
        else:
            return Response(
                answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body
            )
        # Outside of the handler: the library's own words may hold the URL.
        raise HttpError(_explained(caught, proxy, far_side)) from secrets.cleaned_cause(caught)

    def _transport(self, proxy: Proxy | None) -> httpx2.AsyncHTTPTransport:
        if proxy not in self._transports:
            try:
                transport = httpx2.AsyncHTTPTransport(proxy=proxy.url if proxy else None)
            except ImportError:
                if proxy is None or not proxy.is_socks:
                    raise
                raise proxy.needs_packages() from None
            except ValueError:
                assert proxy is not None
                raise InvalidInputError(
                    f"The proxy {proxy.place} is of a kind that HTTP requests cannot use: expected http or socks5h"
                ) from None
            self._transports[proxy] = transport
        return self._transports[proxy]


@asynccontextmanager
async def open_http() -> AsyncIterator[HttpClient]:
    """A client for the length of a scope."""
    client = HttpClient()
    try:
        yield client
    finally:
        with hushed(*_LOGGERS), anyio.CancelScope(shield=True):
            await client.aclose()


async def _read(answer: httpx2.Response, max_bytes: int, far_side: str) -> bytes:
    """The body, decompressed, without ever holding more than its limit."""
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise HttpError(f"{far_side} answers in an encoding that was not asked for")
    unpack = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding not in ("", "identity") else None
    body = bytearray()
    received = 0
    assert isinstance(answer.stream, httpx2.AsyncByteStream)
    async for chunk in answer.stream:
        received += len(chunk)
        try:
            body += chunk if unpack is None else unpack.decompress(chunk, max_bytes + 1 - len(body))
        except zlib.error:
            raise HttpError(f"{far_side} answers with a body that cannot be decompressed") from None
        if max(received, len(body)) > max_bytes:
            raise HttpError(f"{far_side} answers with more than {max_bytes} bytes")
    if unpack is not None and received and not unpack.eof:
        raise HttpError(f"{far_side} answers with a body that breaks off")
    return bytes(body)


def _next(url: str, location: str, may_follow: Callable[[str, str], bool], far_side: str) -> str:
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    if not may_follow(url, target):
        # Not even the host is repeated: what a hostile far side answers is not for texts.
        raise HttpError(f"{far_side} redirects to where the request must not go")
    return target


def _explained(error: Exception, proxy: Proxy | None, far_side: str) -> str:
    kind = type(error).__name__
    if proxy is None:
        return f"{far_side} cannot be reached ({kind})"
    if isinstance(error, httpx2.ProxyError) and (status := re.match(r"[1-5]\d\d\b", str(error))):
        return proxy.refused("the request", int(status[0]))
    return proxy.unreachable("the request", kind)


def _proxy_for(url: str, far_side: str) -> Proxy | None:
    try:
        return proxy_for(url)
    except InvalidInputError:
        raise
    except ValueError:
        raise HttpError(f"{far_side} has no usable URL") from None

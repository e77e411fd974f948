"""What a viewer is given by an HTTP request, without an inference session (docs/protocol.md, Viewers)."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from realtime_fast.aio.http import HttpError, Request, Response, open_http
from realtime_fast.control.refusals import server_failure
from realtime_fast.errors import (
    AuthenticationError,
    ConnectError,
    RealtimeError,
    ServerError,
    TransportName,
)
from realtime_fast.redaction import Secrets

T = TypeVar("T", bound=msgspec.Struct)

TIMEOUT = 30.0
"""Seconds for the whole request; the limits of the attempt may be shorter."""

MAX_GRANT_BYTES = 64 * 1024
"""Limit of the answer; a token has 16 KiB at most."""


class _Failure(msgspec.Struct):
    error: str = ""


async def request_grant(
    method: Literal["GET", "POST"],
    url: str,
    grant: type[T],
    *,
    api_key: str,
    agent: str,
    secrets: Secrets,
    transport: TransportName,
) -> T:
    """Ask the service for what a viewer needs.

    Raises:
        AuthenticationError: It rejected the API key.
        ConnectError: It cannot be reached, refused without a text (`status`), or its answer cannot be read.
        ServerError: It refused; the message is its own text, `status` that of HTTP.
    """
    request = Request(method, url, {"x-api-key": api_key, "user-agent": agent})
    try:
        async with open_http() as http:
            response = await http.send(
                request, far_side="The service", secrets=secrets, max_bytes=MAX_GRANT_BYTES, within=TIMEOUT
            )
    except HttpError as error:
        raise ConnectError(str(error), transport=transport) from error.__cause__
    if response.status in (401, 403):
        raise AuthenticationError(
            f"The service rejected the API key (HTTP {response.status}): check the key and its permissions"
        )
    if response.status != 200:
        raise _refused(response, secrets, transport)
    try:
        return msgspec.json.decode(response.body, type=grant)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        what = "stage" if transport == "ivs" else "room"
        raise ConnectError(f"The service's answer names no {what} to watch", transport=transport) from None


def _refused(response: Response, secrets: Secrets, transport: TransportName) -> RealtimeError:
    try:
        text = msgspec.json.decode(response.body, type=_Failure).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        plain = response.headers.get("content-type", "").startswith("text/plain")
        text = response.body.decode(errors="replace") if plain else ""
    text = secrets.clean(text)[:300]
    failure = server_failure(text) if text else None
    if response.status == 404 and not isinstance(failure, AuthenticationError):
        # A session that comes back has another name: asking again cannot help.
        return AuthenticationError(f"Invalid session: {text or 'it does not exist, or has ended'}")
    if isinstance(failure, ServerError):
        failure.status = response.status
    return failure or ConnectError(
        f"The service refused the viewer (HTTP {response.status})",
        status=response.status,
        transport=transport,
    )

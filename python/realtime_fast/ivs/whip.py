"""WHIP and WHEP as an Amazon IVS stage speaks them, without I/O (RFC 9725; docs/ivs-stage.md, Media).

Each exchange is a generator: it yields the `Request` to send, is sent the `Response`, and returns its result. The
driver owns sockets and timeouts; this module knows which answers are success, where a token may be sent, and what an
error body means.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar
from urllib.parse import quote, urljoin

import msgspec

from realtime_fast.aio.http import MAX_REDIRECTS, Request, Response
from realtime_fast.aio.origins import may_carry_token
from realtime_fast.errors import StageError
from realtime_fast.peer.descriptions import DescriptionError, tidied
from realtime_fast.redaction import Secrets

MAX_ANSWER_BYTES = 256 * 1024
"""Limit of an answer: no session description is longer."""

T = TypeVar("T")


Flow: TypeAlias = Generator[Request, Response, T]
"""Yields requests, is sent responses, returns a `T`."""


@dataclass(frozen=True, slots=True)
class Resource:
    """An open session: the stage's answer, completed for aiortc, and the URL that ends the session."""

    answer: str = field(repr=False)
    url: str


def publish(base: str, participant_id: str, token: str, offer: str) -> Flow[Resource]:
    """Publish as `participant_id`, the token's own.

    Args:
        base: The token's `whip_url`.
        participant_id: The token's `jti`.
        token: The raw participant token.
        offer: A complete SDP offer; an audio-only one is refused by production.

    Raises:
        StageError: The stage refused (see `status`), redirected to where the token must not go, or sent no valid
            answer.
    """
    return _open("publish", _place(base, "publish", participant_id), token, offer)


def subscribe(base: str, participant_id: str, token: str, offer: str) -> Flow[Resource]:
    """Subscribe to another participant; the arguments and errors are those of `publish`.

    A `StageError` of status 404 means that the participant publishes nothing at the moment.
    """
    return _open("subscribe", _place(base, "subscribe", participant_id), token, offer)


def end(url: str, token: str) -> Flow[None]:
    """Delete the session at `url`; one that is gone already counts as deleted.

    Raises:
        StageError: The stage refused.
    """
    response, _ = yield from _exchange(Request("DELETE", url, _headers(token)))
    if response.status not in (200, 204, 404):
        raise _refusal("end the session", response, token)


def _place(base: str, action: str, participant_id: str) -> str:
    if participant_id in ("", ".", ".."):  # no quoting keeps these from being taken for a step in the path
        raise StageError(f"Cannot {action}: {participant_id!r} is no participant id")
    return f"{base.rstrip('/')}/{action}/{quote(participant_id, safe='')}"


def _open(action: str, url: str, token: str, offer: str) -> Flow[Resource]:
    headers = {**_headers(token), "Content-Type": "application/sdp", "Accept": "application/sdp"}
    response, url = yield from _exchange(Request("POST", url, headers, offer.encode()))
    if response.status not in (200, 201):
        raise _refusal(action, response, token)
    location = response.headers.get("location")
    if not location:
        raise StageError(f"The stage's answer to {action} names no session (no Location header)")
    try:
        answer = response.body.decode()
    except UnicodeDecodeError:
        answer = ""
    if not answer.startswith("v=0"):
        raise StageError(f"The stage's answer to {action} is not a session description")
    try:
        answer = tidied(answer)
    except DescriptionError as error:
        raise StageError(f"The stage's answer to {action} cannot be used: {error}") from None
    return Resource(share_transport(answer), _follow(url, location))


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _exchange(request: Request) -> Flow[tuple[Response, str]]:
    """Send, and follow redirects; returns the response and its final URL."""
    for _ in range(MAX_REDIRECTS + 1):
        response = yield request
        if response.status not in (307, 308):
            return response, request.url
        location = response.headers.get("location")
        if not location:
            raise StageError(f"The stage redirects without saying where (HTTP {response.status})")
        request = replace(request, url=_follow(request.url, location))
    raise StageError(f"The stage redirects more than {MAX_REDIRECTS} times")


def _follow(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    if not may_carry_token(url, target):
        # The message omits even the host: a hostile stage must not write into logs.
        raise StageError(
            "The stage points to another site: a token travels only over https within one registrable domain"
        )
    return target


class _ErrorBody(msgspec.Struct):
    code: int | str | None = None
    message: str | None = None


def _refusal(action: str, response: Response, token: str) -> StageError:
    """The stage's error text, truncated, and without the token if it repeats that."""
    try:
        body = msgspec.json.decode(response.body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = _ErrorBody()
    words = [str(part) for part in (body.code, body.message) if part not in (None, "")]
    said = Secrets(token).clean(" ".join(words))[:300]
    status = f"HTTP {response.status}"
    return StageError(
        f"The stage refused to {action}: {said} ({status})"
        if said
        else f"The stage refused to {action} ({status})",
        status=response.status,
    )


_TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=ice-options:", "a=fingerprint:", "a=setup:")


def share_transport(answer: str) -> str:
    """Copy to every media section what a bundled answer may state in the first one only.

    Production lists ICE candidates in the first section alone (RFC 9143, section 7.3.3 allows it, since all
    sections share one transport); aiortc needs them, and `a=end-of-candidates`, in each.
    """
    session, *sections = re.split(r"(?m)^(?=m=)", answer.replace("\r\n", "\n"))
    if not sections:
        return answer
    first = sections[0].splitlines()
    candidates = [line for line in first if line.startswith("a=candidate:")]

    def completed(section: str) -> str:
        lines = section.splitlines()
        for prefix in _TRANSPORT:
            if not any(line.startswith(prefix) for line in lines):
                lines += [line for line in first if line.startswith(prefix)]
        if candidates:
            if not any(line.startswith("a=candidate:") for line in lines):
                lines += candidates
            if "a=end-of-candidates" not in lines:
                lines.append("a=end-of-candidates")
        return "".join(f"{line}\r\n" for line in lines)

    head = "".join(f"{line}\r\n" for line in session.splitlines())
    return head + "".join(map(completed, sections))

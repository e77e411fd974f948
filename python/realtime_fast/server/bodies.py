"""Bodies of requests, bounded in size and in time."""

from __future__ import annotations

import anyio
from starlette.requests import ClientDisconnect, Request

WITHIN = 10.0
"""Seconds that a body may take."""


class BodyError(Exception):
    """A body that is not taken; `status` is what to answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


async def bounded_body(request: Request, limit: int) -> bytes:
    """The body of a request.

    Args:
        request: Whose.
        limit: Bytes it may have.

    Raises:
        BodyError: It is longer, takes too long, or breaks off.
    """
    body = bytearray()
    try:
        with anyio.fail_after(WITHIN):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise BodyError(413, f"the body is longer than {limit} bytes")
    except TimeoutError:
        raise BodyError(408, f"the body did not come within {WITHIN:g} s") from None
    except ClientDisconnect:
        raise BodyError(400, "the body breaks off") from None
    return bytes(body)

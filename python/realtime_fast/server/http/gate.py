"""What every request passes before the application sees it: who may ask for what, and what a failure looks like."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from realtime_fast.aio.origins import is_loopback

logger = logging.getLogger(__name__)

DEVELOPER = "/dev/"
"""Where the routes begin that only this machine may use."""


class Gate:
    """The outermost layer of the application.

    - Developer routes are for this machine: the client's address and the name it used (`Host`) are loopback's, so that
      no web page gets there under a name of its own that resolves to this machine.
    - A web page says from where it comes (`Origin`): WebSockets and developer routes are for pages of loopback, for the
      service's own page where it is reached by an address, and for those that are allowed.
    - A request that makes a handler fail is answered and logged in one line. Texts from below may hold secrets.

    Args:
        app: The application.
        origins: Origins of pages that may connect, beside those of loopback; `*` for all.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answered = False

        async def watched(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            if (refusal := self._refusal(scope)) is not None:
                await refusal(scope, receive, watched)
            else:
                await self._app(scope, receive, watched)
        except (ClientDisconnect, WebSocketDisconnect):
            pass  # there is nobody to answer
        except Exception as error:  # noqa: BLE001 - whatever a request does to a handler is that request's end alone
            logger.error("a %s request failed on %s", scope["type"], where(error))
            if not answered:
                await JSONResponse({"error": "The service failed on this request"}, 500)(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = _host(f"http://{headers.get(b'host', '')}")
        if host is None:
            return JSONResponse({"error": "The Host header names no host"}, 400)
        for_developers = scope["path"].startswith(DEVELOPER)
        client = scope["client"][0] if scope.get("client") else ""
        if for_developers and not (is_loopback(client) and is_loopback(host)):
            return JSONResponse({"error": "Developer routes are for loopback only"}, 403)
        own = headers.get(b"host", "") if _is_address(host) else None
        if (for_developers or scope["type"] == "websocket") and not self._allows(headers.get(b"origin"), own):
            return JSONResponse(
                {"error": "Pages of this origin may not connect here: allow it in `origins`"}, 403
            )
        return None

    def _allows(self, origin: str | None, own: str | None) -> bool:
        if origin is None or "*" in self._origins or origin in self._origins:
            return True  # only browsers send one
        if not origin.startswith(("http://", "https://")):
            return False
        return is_loopback(_host(origin) or "") or origin.partition("://")[2] == own


def _is_address(host: str) -> bool:
    """Whether a host is named by its address, which nobody can make resolve to another machine."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def where(error: BaseException) -> str:
    """An error's type and place, without its own words."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _host(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return None
    return parts.hostname

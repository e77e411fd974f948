"""The service's URLs (docs/protocol.md, Control channel and Viewers)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import quote, urlencode, urlsplit

from realtime_fast.control.subscribe_token import TokenPayload
from realtime_fast.errors import InvalidInputError, TransportName
from realtime_fast.models import Model

_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)+")  # RFC 3986, path-absolute
_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


def package_version() -> str:
    """This package's version."""
    try:
        return version("realtime-fast")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"


def user_agent(integration: str | None) -> str:
    """The user agent of this client.

    Raises:
        InvalidInputError: The integration cannot be a part of an HTTP header.
    """
    if integration is not None and not (isinstance(integration, str) and _PRINTABLE.fullmatch(integration)):
        raise InvalidInputError(
            "integration must be printable ASCII text: it becomes a part of an HTTP header"
        )
    return f"realtime-fast/{package_version()} lang/py" + (f" {integration}" if integration else "")


def control_base(base_url: str) -> str:
    """The base of control channel URLs: `ws` or `wss`, no trailing slash.

    Raises:
        InvalidInputError: Not a ws, wss, http or https URL with a host, or one that holds more than scheme, host, port
            and path. The message does not repeat it.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port  # reading the port validates it
    except (ValueError, AttributeError, TypeError):
        host = None
    if not host or parts.scheme not in _SCHEMES:
        raise InvalidInputError("base_url must be a ws://, wss://, http:// or https:// URL with a host")
    if re.search(r"[\s\x00-\x20\x7f\\]", base_url):  # urlsplit leaves some of these out silently
        raise InvalidInputError(
            "base_url must not contain spaces, line breaks, control characters or backslashes"
        )
    if "@" in parts.netloc:
        raise InvalidInputError(
            "base_url must not hold a user name or a password: the API key goes into api_key"
        )
    if "?" in base_url or "#" in base_url:
        raise InvalidInputError(
            "base_url must end with its path: use extra_query_params instead of a query, and no fragment"
        )
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{parts.path.rstrip('/')}"


def http_base(base_url: str) -> str:
    """The base of HTTP requests: `ws` becomes `http`, `wss` becomes `https`."""
    return control_base(base_url).replace("ws", "http", 1)


def stream_url(
    base_url: str,
    model: Model,
    api_key: str,
    *,
    transport: TransportName,
    agent: str,
    resolution: str | None = None,
    speed: str | None = None,
    latency_diagnostics: bool = False,
    pixel_latency: bool = False,
    extra: Mapping[str, str] | None = None,
) -> str:
    """The control channel URL of a publisher. It contains the API key: never log it."""
    path = model.url_path
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise InvalidInputError(f"url_path of the model must be a path such as /v1/stream, not {path!r}")
    if transport == "ivs":
        path = path.rstrip("/") + "-ivs"
    query: dict[str, str] = {"api_key": api_key, "model": model.name}
    if resolution is not None:
        query["resolution"] = resolution
    if speed is not None:
        query["speed"] = speed
    own = dict(query)
    if transport == "livekit":
        query["livekit_early_room_info"] = "true"
        if pixel_latency:
            query["pixel_latency"] = "1"
    if latency_diagnostics:
        query["latency_diagnostics"] = "true"
    query |= extra or {}
    if transport == "livekit":
        query |= own  # there the caller's parameters yield to these
    query["user_agent"] = agent
    return f"{control_base(base_url)}{path}?{urlencode(query, quote_via=quote, safe='')}"


def subscribe_url(base_url: str, token: TokenPayload, api_key: str, *, agent: str) -> str:
    """The control channel URL of a webrtc viewer. It contains the API key: never log it."""
    query = {"IP": token.ip, "port": str(token.port), "api_key": api_key, "user_agent": agent}
    sid = quote(token.sid, safe="")
    return f"{control_base(base_url)}/subscribe/{sid}?{urlencode(query, quote_via=quote, safe='')}"


def ivs_subscribe_url(base_url: str, session_id: str) -> str:
    """The URL at which an ivs viewer requests its stage token."""
    return f"{http_base(base_url)}/v1/subscribe-ivs/{quote(session_id, safe='')}"


def watch_stream_url(base_url: str, room_name: str) -> str:
    """The URL at which a livekit viewer requests its access token."""
    return f"{http_base(base_url)}/watch-stream/{quote(room_name, safe='')}"

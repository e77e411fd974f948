"""Where a request may go on to: rules for redirects, and what is this machine. Pure; `http` and `ws` alike."""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

_SECURE = {"https": True, "wss": True, "http": False, "ws": False}
_FAMILY = {"https": "http", "http": "http", "wss": "ws", "ws": "ws"}


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def same_origin(url: str, target: str) -> bool:
    """Whether both are of one origin: scheme, host and port (RFC 6454)."""
    source, aim = _sound(url), _sound(target)
    return source is not None and aim is not None and _origin(source) == _origin(aim)


def never_less_secure(url: str, target: str) -> bool:
    """Whether `target` is encrypted if `url` was."""
    source, aim = _sound(url), _sound(target)
    return source is not None and aim is not None and _SECURE[aim.scheme] >= _SECURE[source.scheme]


def may_carry_token(url: str, target: str) -> bool:
    """Whether a token that was meant for `url` may be sent to `target` as well.

    Within one registrable domain and only encrypted; between loopback addresses also in the clear. WebSockets lead to
    WebSockets, other requests to others.
    """
    source, aim = _sound(url), _sound(target)
    if source is None or aim is None or _FAMILY[source.scheme] != _FAMILY[aim.scheme]:
        return False
    if is_loopback(source.hostname or ""):
        return is_loopback(aim.hostname or "")
    return _SECURE[aim.scheme] and _site(source.hostname or "") == _site(aim.hostname or "")


def is_token_base(url: str, scheme: str) -> bool:
    """Whether a token may be sent to what is below `url`: of that encrypted scheme, or of its twin on loopback.

    User info, a query or a fragment are no part of a base.
    """
    parts = _sound(url)
    if parts is None or "?" in url or "#" in url or _FAMILY[parts.scheme] != _FAMILY[scheme]:
        return False
    return _SECURE[parts.scheme] or is_loopback(parts.hostname or "")


def _sound(url: str) -> SplitResult | None:
    """The parts of a URL to which a secret could be sent at all; None for one that parsers disagree about."""
    if re.search(r"[\s\x00-\x20\x7f\\]", url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port  # raises for a port that is none
    except ValueError:
        return None
    if parts.scheme not in _SECURE or not parts.hostname or port == 0 or "@" in parts.netloc:
        return None
    return parts


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or (443 if _SECURE[parts.scheme] else 80)


def _site(host: str) -> str:
    """The registrable domain; a host without one (an address, a single label) is its own site."""
    host = host.lower().rstrip(".")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _public_suffixes().privatesuffix(host) or host
    return host


@cache
def _public_suffixes() -> Any:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()  # a 300 KB table: read once, at the first redirect to another host

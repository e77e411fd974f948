"""Which proxy a connection goes through, one rule for WebSockets and HTTP: the environment's or the system's.

This machine is always reached directly, whatever the environment says.
"""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from realtime_fast.aio.origins import is_loopback
from realtime_fast.errors import InvalidInputError

# A WebSocket prefers a SOCKS proxy, then that for https (RFC 6455, section 4.1).
_ORDER = {
    "wss": ("wss", "socks", "https", "all"),
    "ws": ("ws", "socks", "https", "http", "all"),
    "https": ("https", "all", "socks"),
    "http": ("http", "all", "socks"),
}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        url: Its URL, a password included: not for texts.
        place: Its host and port, for texts.
    """

    url: str = field(repr=False)
    place: str

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS."""
        return self.url.startswith("socks")

    def refused(self, what: str, status: int) -> str:
        """The sentence for a proxy that answers with an HTTP status of its own."""
        if status == 407:
            return (
                f"The proxy {self.place} wants a user name and a password for {what} (HTTP 407): "
                f"give them in its URL, http://USER:PASSWORD@{self.place}"
            )
        return f"The proxy {self.place} refused {what} with HTTP {status}"

    def unreachable(self, what: str, why: str) -> str:
        """The sentence for a proxy that does not let a connection come about."""
        return f"The proxy {self.place} did not connect {what}: {why}"

    def needs_packages(self) -> InvalidInputError:
        """The error where what speaks SOCKS is not installed."""
        return InvalidInputError(
            f"The SOCKS proxy {self.place} needs packages that are not installed: pip install 'realtime-fast[socks]'"
        )


def proxy_for(url: str) -> Proxy | None:
    """The proxy for a ws, wss, http or https URL, None for a direct connection.

    Raises:
        InvalidInputError: What the environment names as proxy is none; the message does not repeat it.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(f"{host}:{parts.port}" if parts.port else host):
        return None
    proxies = urllib.request.getproxies()
    for scheme in _ORDER[parts.scheme]:
        if found := proxies.get(scheme):
            return _parsed(found, scheme)
    return None


def _parsed(text: str, scheme: str) -> Proxy:
    url = text if "://" in text else f"http://{text}"
    if url.startswith("socks://"):
        url = f"socks5h{url[5:]}"
    elif scheme == "socks" and url.startswith("http://"):
        url = f"socks5h{url[4:]}"  # how systems spell it
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https", "socks5", "socks5h", "socks4", "socks4a"):
        raise InvalidInputError(
            f"The {scheme} proxy of the environment must look like http://host:port or socks5h://host:port"
        )
    default = 443 if parts.scheme == "https" else 1080 if parts.scheme.startswith("socks") else 80
    shown = f"[{host}]" if ":" in host else host
    return Proxy(url, f"{shown}:{port or default}")

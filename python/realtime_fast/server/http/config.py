"""Settings of the embedded service."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from realtime_fast.control.api_key import checked_key
from realtime_fast.errors import InvalidInputError
from realtime_fast.server.faults import Faults
from realtime_fast.server.network import NetworkProfile

MAX_DELAY_MS = 30_000.0
DEFAULT_PORT = 8890


@dataclass(frozen=True, kw_only=True)
class ServiceConfig:
    """How the service runs.

    Attributes:
        host: Address to bind to; loopback unless told otherwise.
        port: TCP port; 0 picks a free one.
        delay_ms: Milliseconds every picture and sound is held back, 0 … 30000.
        api_keys: The keys that are accepted; None accepts any that is not blank.
        origins: Origins of web pages that may open WebSockets, beside those on loopback; `*` for all.
        faults: What goes wrong.
        resume: Give a client that comes back the session id that it had, also after a restart of the service, and
            let viewers wait for it: subscribe tokens then outlive the session. Otherwise every session has a new id.
        network: What the network between the service and its clients is like; None for none in between.
        livekit_url: The LiveKit deployment that carries the rooms of sessions; None for rooms in this service.
        livekit_key: Its API key.
        livekit_secret: Its API secret.
        stage_front_door: Have IVS clients redirected from a front door to the stage, as in production.
        ivs_sdk: The file of Amazon's Web Broadcast SDK that the web page loads; None for Amazon's own address.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    delay_ms: float = 0.0
    api_keys: frozenset[str] | None = field(default=None, repr=False)
    origins: frozenset[str] = frozenset()
    faults: Faults = field(default_factory=Faults)
    resume: bool = False
    network: NetworkProfile | None = None
    livekit_url: str | None = None
    livekit_key: str = ""
    livekit_secret: str = field(default="", repr=False)
    stage_front_door: bool = False
    ivs_sdk: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InvalidInputError(f"port must be between 0 and 65535, not {self.port!r}")
        if not 0 <= self.delay_ms <= MAX_DELAY_MS:
            raise InvalidInputError(
                f"delay_ms must be between 0 and {MAX_DELAY_MS:g} milliseconds, not {self.delay_ms!r}"
            )
        for key in self.api_keys or ():
            checked_key(key)
        for origin in self.origins:
            if origin != "*" and not re.fullmatch(r"https?://[^/\s?#@]+", origin):
                raise InvalidInputError(f"origins must look like https://example.com, not {origin!r}")
        if self.ivs_sdk is not None and not (self.ivs_sdk.suffix == ".js" and self.ivs_sdk.is_file()):
            raise InvalidInputError(
                f"ivs_sdk must be the script of Amazon's Web Broadcast SDK, not {str(self.ivs_sdk)!r}: after "
                "`npm install amazon-ivs-web-broadcast` it is "
                "node_modules/amazon-ivs-web-broadcast/dist/amazon-ivs-web-broadcast.js"
            )
        if self.livekit_url is None:
            return
        if urlsplit(self.livekit_url).scheme not in ("ws", "wss"):
            raise InvalidInputError("livekit_url must be a ws:// or wss:// URL")
        if not self.livekit_key or not self.livekit_secret:
            raise InvalidInputError("livekit_url needs livekit_key and livekit_secret, which sign its tokens")

    def accepts(self, api_key: str) -> bool:
        """Whether a client with this key may use the service."""
        if not api_key.strip():
            return False
        if self.api_keys is None:
            return True
        given = api_key.encode(errors="replace")
        return sum(hmac.compare_digest(given, key.encode()) for key in self.api_keys) > 0

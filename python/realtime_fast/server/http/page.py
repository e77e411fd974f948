"""The web page of the service: its files, its settings, and what a browser lets it do (docs/page.md)."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from realtime_fast.control.urls import package_version
from realtime_fast.models import REALTIME_MODELS
from realtime_fast.server.http.config import ServiceConfig

FILES = Path(__file__).parents[1] / "page"

CDN = "https://web-broadcast.live-video.net"
"""Where Amazon publishes its Web Broadcast SDK."""
SDK_VERSION = "1.41.0"
LOCAL_SDK = "/page/ivs-sdk.js"

DEFAULT_MODEL = "lucy-2.1"

# Told to browsers, not looked up: on Windows the registry may call a script a text, which they would refuse to run.
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def page_routes(config: ServiceConfig) -> list[BaseRoute]:
    """The page at `/`, and below `/page/` what it is made of."""
    headers = _headers(config)
    files = {path.name: path for path in FILES.iterdir() if path.suffix in _TYPES}

    def file(path: Path) -> Response:
        return FileResponse(path, headers=headers, media_type=_TYPES[path.suffix])

    async def index(_: Request) -> Response:
        return file(files["index.html"])

    async def part(request: Request) -> Response:
        path = files.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        return file(path)

    async def settings(_: Request) -> Response:
        return JSONResponse(_settings(config), headers=headers)

    routes = [Route("/", index), Route("/page/settings.json", settings)]
    if (sdk := config.ivs_sdk) is not None:

        async def local_sdk(_: Request) -> Response:
            return file(sdk)

        routes.append(Route(LOCAL_SDK, local_sdk))
    return [*routes, Route("/page/{name}", part)]


def _settings(config: ServiceConfig) -> dict[str, object]:
    return {
        "version": package_version(),
        "anyKey": config.api_keys is None,
        "ivsSdk": LOCAL_SDK if config.ivs_sdk else f"{CDN}/{SDK_VERSION}/amazon-ivs-web-broadcast.js",
        "defaultModel": DEFAULT_MODEL,
        "models": [
            {
                "name": model.name,
                "path": model.url_path,
                "width": model.width,
                "height": model.height,
                "fps": model.fps,
            }
            for model in REALTIME_MODELS
        ],
    }


def _headers(config: ServiceConfig) -> dict[str, str]:
    """What holds for all of the page: it runs its own scripts, and talks to its own service only.

    Amazon's host is in it only where the script comes from there; its statistics are not let out in either case.
    """
    scripts = "'self'" if config.ivs_sdk else f"'self' {CDN}"
    policy = {
        "default-src": "'none'",
        "script-src": scripts,
        "style-src": "'self'",
        "img-src": "'self' blob:",
        "connect-src": "'self'",  # with WebSockets of the same host and port (CSP 3, 6.7.2.8)
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }

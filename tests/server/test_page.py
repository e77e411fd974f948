"""The web page over HTTP: its files, its headers, and who may connect from it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from realtime_fast.errors import InvalidInputError
from realtime_fast.server import Service, ServiceConfig
from realtime_fast.server.http import page

from tests.server.test_gate import headers, status_of

TYPES = {"/": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
STREAM = "/v1/stream?api_key=k&model=lucy-2.1"


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    path = tmp_path / "sdk.js"
    path.write_text("globalThis.IVSBroadcastClient = {};")
    return path


async def fetched(path: str, method: str = "GET", **settings: Any) -> httpx2.Response:
    async with (
        Service(ServiceConfig(port=0, **settings)) as service,
        httpx2.AsyncClient(trust_env=False) as http,
    ):
        return await http.request(method, service.page_url.rstrip("/") + path)


class Referring(HTMLParser):
    """Collects what a page refers to, and what a strict policy would not run."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.references += [value for name in ("src", "href") if (value := given.get(name))]
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)


async def test_every_part_is_served_with_its_type_and_the_policy() -> None:
    reader = Referring()
    reader.feed((await fetched("/")).text)
    assert reader.inline == []
    parts = {path for path in reader.references if path.startswith("/page/")}
    assert {"/page/main.js", "/page/page.css"} <= parts
    for path in page.FILES.glob("*.js"):
        imported = re.findall(r'from "\./([a-z-]+\.js)"', path.read_text())
        parts |= {f"/page/{name}" for name in imported}
    assert {part.removeprefix("/page/") for part in parts} == {path.name for path in page.FILES.iterdir()} - {
        "index.html"
    }
    async with Service(ServiceConfig(port=0)) as service, httpx2.AsyncClient(trust_env=False) as http:
        for part in ("/", *sorted(parts)):
            answer = await http.get(service.page_url.rstrip("/") + part)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(TYPES[part.rpartition(".")[2]])
            assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"


async def test_the_policy_names_amazon_only_where_its_script_comes_from_there(sdk: Path) -> None:
    theirs, ours = await fetched("/"), await fetched("/", ivs_sdk=sdk)
    assert (
        "script-src 'self' https://web-broadcast.live-video.net;" in theirs.headers["content-security-policy"]
    )
    assert "live-video" not in ours.headers["content-security-policy"]
    for answer in (theirs, ours):
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["connect-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert "unsafe" not in str(policy)


async def test_the_sdk_comes_from_the_file_that_was_given(sdk: Path) -> None:
    assert (
        (await fetched("/page/settings.json")).json()["ivsSdk"].startswith(f"{page.CDN}/{page.SDK_VERSION}/")
    )
    assert (await fetched(page.LOCAL_SDK)).status_code == 404
    settings = (await fetched("/page/settings.json", ivs_sdk=sdk)).json()
    answer = await fetched(settings["ivsSdk"], ivs_sdk=sdk)
    assert (answer.text, answer.headers["content-type"]) == (
        sdk.read_text(),
        "text/javascript; charset=utf-8",
    )


@pytest.mark.parametrize("name", ["missing.js", ".", "folder.js", "notes.txt"])
def test_a_file_that_is_no_script_is_one_clear_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.js").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(
        InvalidInputError, match=r"ivs_sdk must be the script .* not '.*': after `npm install"
    ):
        ServiceConfig(ivs_sdk=tmp_path / name)


@pytest.mark.parametrize(
    "path", ["/page/nothing.js", "/page/", "/page/..%2fapp.py", "/page/%2e%2e/http/app.py"]
)
async def test_nothing_else_is_served(path: str) -> None:
    assert (await fetched(path)).status_code == 404


async def test_the_page_is_read_only() -> None:
    assert (await fetched("/", "POST")).status_code == 405
    assert (await fetched("/", "HEAD")).status_code == 200


async def test_settings_tell_what_the_page_needs_and_no_secret() -> None:
    answer = await fetched("/page/settings.json", api_keys=frozenset({"s3cret"}))
    settings = answer.json()
    assert "s3cret" not in answer.text
    assert settings["anyKey"] is False
    assert (await fetched("/page/settings.json")).json()["anyKey"] is True
    model = next(model for model in settings["models"] if model["name"] == settings["defaultModel"])
    assert model == {"name": "lucy-2.1", "path": "/v1/stream", "width": 1088, "height": 624, "fps": 30}


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("192.0.2.1:8890", "http://192.0.2.1:8890", 204),
        ("[2001:db8::1]:8890", "http://[2001:db8::1]:8890", 204),
        ("192.0.2.1:8890", "http://192.0.2.1", 403),
        ("192.0.2.1:8890", "http://192.0.2.2:8890", 403),
        ("192.0.2.1:8890", "ftp://192.0.2.1:8890", 403),
        ("rebound.test:8890", "http://rebound.test:8890", 403),
    ],
)
async def test_the_page_may_connect_where_no_name_can_pretend_to_be_the_service(
    host: str, origin: str, status: int
) -> None:
    scope = {"type": "websocket", "path": "/v1/stream", "headers": headers(host=host, origin=origin)}
    assert await status_of(scope) == status


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]")],
)
def test_its_url_is_one_that_a_browser_opens(host: str, shown: str) -> None:
    assert Service(ServiceConfig(host=host, port=8890)).page_url == f"http://{shown}:8890/"


async def test_a_page_from_elsewhere_is_still_refused() -> None:
    async with Service(ServiceConfig(port=0)) as service:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(service.url + STREAM, origin=Origin("http://evil.test"), proxy=None)
        async with connect(
            service.url + STREAM, origin=Origin(service.page_url.rstrip("/")), proxy=None
        ) as socket:
            assert "session_id" in str(await socket.recv())


async def test_a_stage_is_not_opened_over_a_network_in_the_clear() -> None:
    async with Service(ServiceConfig(port=0)) as service:
        url = f"ws://192.0.2.1:{service.address[1]}{STREAM.replace('stream', 'stream-ivs')}"
        async with connect(url, host="127.0.0.1", port=service.address[1], proxy=None) as socket:
            assert "no token is sent in the clear" in str(await socket.recv())

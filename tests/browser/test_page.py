"""The service's web page, used in headless Chromium as a person would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import pytest

from realtime_fast import (
    LatencyTracking,
    PixelLatency,
    RealtimeClient,
    RealtimeConnectOptions,
    models,
    open_source,
)
from realtime_fast.control.subscribe_token import decode_subscribe_token
from realtime_fast.errors import TransportName
from realtime_fast.server import Service, ServiceConfig

from tests.browser.conftest import HERE, Browser
from tests.server.client import png

pytestmark = [pytest.mark.timeout(120), pytest.mark.alone]

SDK = HERE / "node_modules/amazon-ivs-web-broadcast/dist/amazon-ivs-web-broadcast.js"
SIZE = (320, 180)
FRAME_MS = 1000 / 30
ENOUGH = 60
"""Latencies that a median is made of."""
ROUNDS = 8
"""How often both clients may measure, side by side, until they agree: a machine has other things to do."""
TRANSPORTS: dict[TransportName, str] = {"webrtc": "WebRTC", "ivs": "Amazon IVS"}
OF_AMAZON = "live-video.net"
"""What the SDK tries to reach on its own, and the page's policy does not let it."""


LIVE = ("Connected", "Watching")


class Person:
    """Somebody in front of one page, who goes by what is written on it."""

    def __init__(self, browser: Browser, page: str) -> None:
        self._browser, self._page = browser, page

    async def do(self, op: str, **more: Any) -> Any:
        return await self._browser.do(op, self._page, **more)

    async def press(self, *keys: str) -> None:
        await self.do("press", keys=keys)

    async def click(self, name: str) -> None:
        await self.do("click", role="button", name=name)

    async def sees(self, condition: Any, within: float = 30.0) -> dict[str, Any]:
        return await self._browser.until(self._page, condition, within, look="see")

    async def sees_motion(self) -> dict[str, Any]:
        """Look until the picture that comes back is another one, and the page is done with connecting.

        The first pictures can be there before the last answer of the set-up is.
        """
        first = await self.sees(lambda page: page["print"] is not None)
        return await self.sees(
            lambda page: page["print"] not in (None, first["print"]) and page["state"] in LIVE
        )

    async def sets_up(self, transport: TransportName) -> None:
        await self.do("choose", label="Transport", option=TRANSPORTS[transport])
        await self.do("choose", label="Picture size", option=" \N{MULTIPLICATION SIGN} ".join(map(str, SIZE)))

    async def tabs_to(self, control: str) -> None:
        """Press Tab until a control has the focus."""
        for _ in range(40):
            if (await self.do("see"))["focus"] == control:
                return
            await self.press("Tab")
        raise AssertionError(f"Tab never reaches {control}")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service(ServiceConfig(port=0, ivs_sdk=SDK)) as running:
        yield running


@asynccontextmanager
async def visiting(browser: Browser, url: str, page: str = "page", **context: Any) -> AsyncIterator[Person]:
    person = Person(browser, page)
    await person.do("visit", url=url, **context)
    yield person
    seen = await person.do("see")
    assert [said for said in seen["complaints"] if OF_AMAZON not in said] == []
    await person.do("close")


async def python_median(service: Service, transport: TransportName) -> float:
    """The median latency that the Python client measures with the same pictures' size, in ms."""
    tracking = LatencyTracking(composite=False, pixel_marker=True, probe_interval_ms=0)
    model = models.realtime("lucy-2.1")
    options = RealtimeConnectOptions(model, latency_tracking=tracking, transport=transport)
    measured: list[float] = []
    async with (
        open_source("synthetic", size=SIZE, fps=model.fps) as source,
        RealtimeClient.connect(service.url, "any", source, options) as client,
    ):
        async for event in client.events():
            if isinstance(event, PixelLatency):
                measured.append(event.e2e_latency_ms)
                if len(measured) == ENOUGH:
                    break
    return median(measured)


def distance(one: list[float], other: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def came_back(page: dict[str, Any]) -> int:
    """How many of the numbers in the pictures came back, by what the page says."""
    _, _, rest = page["probes"].partition("sent ")
    return int(rest.partition(" came")[0].replace(",", "") or 0)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_person_watches_changes_measures_shares_leaves_and_returns(
    browser: Browser, service: Service, transport: TransportName
) -> None:
    async with visiting(browser, service.page_url) as person:
        await person.sets_up(transport)
        await person.click("Connect")
        plain = await person.sees_motion()
        assert plain["state"] == "Connected"
        assert plain["size"] == list(SIZE)
        assert plain["log"][0] == "client-token"
        assert plain["log"][-1] == "total"

        await person.do("write", label="Prompt", text="a castle")
        await person.click("Set prompt")
        await person.sees(lambda page: page["said"] == "The prompt is set.")
        await person.sees(lambda page: distance(page["colour"], plain["colour"]) > 20)
        assert [session.prompt for session in service.sessions.values()] == ["a castle"]

        async with visiting(browser, plain["link"], "viewer") as viewer:
            watched = await viewer.sees_motion()
            assert watched["state"] == "Watching"
            assert watched["link"] == ""
            await viewer.click("Disconnect")
            await viewer.sees(lambda page: page["state"] == "Disconnected")

        await person.click("Disconnect")
        left = await person.sees(lambda page: page["state"] == "Disconnected")
        assert left["focus"] == "connect"
        assert left["link"] == ""
        with anyio.fail_after(5):
            while service.sessions:
                await anyio.sleep(0.05)

        await person.click("Connect")
        again = await person.sees_motion()
        assert again["state"] == "Connected"
        assert [session.prompt for session in service.sessions.values()] == ["a castle"]
        measured = await person.sees(lambda page: came_back(page) >= ENOUGH)
        assert measured["shown"] >= measured["p50"]
        medians: list[tuple[float, float]] = []
        while not medians or abs(medians[-1][0] - medians[-1][1]) >= FRAME_MS:
            assert len(medians) < ROUNDS, f"(Python, page) never agree: {medians}"
            by_python = await python_median(service, transport)
            medians.append((by_python, (await person.do("see"))["recent"]))


async def test_by_keyboard_alone_with_a_camera_and_an_image(
    browser: Browser, service: Service, tmp_path: Path
) -> None:
    picture = tmp_path / "red.png"
    picture.write_bytes(png((255, 0, 0)))
    async with visiting(browser, service.page_url, camera=True) as person:
        await person.press("Tab", "Enter")  # the link over everything that comes before the video
        await person.tabs_to("transport")
        await person.press("ArrowDown", "ArrowUp")
        await person.tabs_to("source")
        await person.press("ArrowDown")
        await person.tabs_to("size")
        await person.press("End")
        await person.tabs_to("key")
        await person.press("Enter")
        seen = await person.sees_motion()
        assert seen["state"] == "Connected"
        assert seen["size"] == list(SIZE)
        red, green, blue = seen["colour"]
        assert green > max(red, blue) + 40, "Chromium's fake camera is green"

        await person.tabs_to("prompt")
        await person.do("type", text="snow")
        await person.press("Enter")
        await person.sees(lambda page: page["said"] == "The prompt is set.")
        await person.do("upload", label="Image", path=str(picture))
        await person.sees(lambda page: page["said"] == "The image is set.")
        (session,) = service.sessions.values()
        assert (session.prompt, session.image is not None) == ("snow", True)
        await person.tabs_to("remove-image")
        await person.press("Enter")
        await person.sees(lambda page: page["said"] == "No image is set.")
        assert session.image is None

        await person.press("Shift+Tab", "Shift+Tab", "Shift+Tab", "Shift+Tab")
        await person.tabs_to("disconnect")
        await person.press("Space")
        left = await person.sees(lambda page: page["state"] == "Disconnected")
        assert left["focus"] == "connect"


async def test_nothing_serious_is_in_the_way_of_anybody(browser: Browser, service: Service) -> None:
    async with visiting(browser, service.page_url) as person:
        await person.sets_up("webrtc")
        assert await faults(person) == []
        await person.click("Connect")
        link = (await person.sees_motion())["link"]
        assert await faults(person) == []
        async with visiting(browser, link, "viewer") as viewer:
            await viewer.sees_motion()
            assert await faults(viewer) == []
        await person.do("resize", size=(360, 740))
        assert (await person.do("see"))["overflow"] == 0
        await service.stop()
        failed = await person.sees(lambda page: page["state"] == "Failed")
        assert failed["error"] == "The service closed the connection: service stopped"
        assert await faults(person) == []


async def faults(person: Person) -> list[str]:
    """What axe finds serious or critical, in light and in dark."""
    found = []
    for scheme in ("dark", "light"):
        await person.do("appear", colorScheme=scheme)
        found += [f"{scheme}: {fault}" for fault in await person.do("check")]
    return found


async def test_what_goes_wrong_is_said_and_the_key_stays_here(browser: Browser) -> None:
    async with (
        Service(ServiceConfig(port=0, api_keys=frozenset({"s3cret"}))) as service,
        visiting(browser, service.page_url) as person,
    ):
        await person.sets_up("ivs")
        await person.do("write", label="API key", text="wr0ng")
        await person.click("Connect")
        refused = await person.sees(lambda page: page["state"] == "Failed")
        assert refused["error"] == "The service does not accept this API key"

        await person.do("write", label="API key", text="s3cret")
        await person.click("Connect")  # Amazon's address cannot be reached from here
        lacking = await person.sees(
            lambda page: page["state"] == "Failed" and page["error"] != refused["error"]
        )
        assert "could not be loaded from web-broadcast.live-video.net" in lacking["error"]
        assert "realtime-fast serve --ivs-sdk" in lacking["error"]

        await person.sets_up("webrtc")
        await person.click("Connect")
        connected = await person.sees_motion()
        assert connected["error"] == ""
        said = connected["link"] + str(connected["loaded"])
        assert "s3cret" not in said
        assert "s3cret" not in decode_subscribe_token(connected["link"].partition("=")[2]).sid

        await person.click("Disconnect")
        async with visiting(browser, connected["link"].replace("=", "=x", 1), "viewer") as viewer:
            await viewer.do("write", label="API key", text="s3cret")
            await viewer.click("Watch")
            broken = await viewer.sees(lambda page: page["state"] == "Failed")
            assert broken["error"].startswith("The link's subscribe token is invalid")

"""The hosted service's own SDK in headless Chromium, unmodified but for the address, on the embedded service."""

from __future__ import annotations

import pytest

from realtime_fast.server import Service, ServiceConfig

from tests.browser.conftest import Browser

pytestmark = [pytest.mark.timeout(120), pytest.mark.alone]

MODEL = "mirage_v2"


async def test_pictures_a_prompt_and_a_viewer(browser: Browser) -> None:
    async with Service(ServiceConfig(port=0)) as service:
        opened = await browser.open("camera", service.url, model=MODEL, prompt="snow")
        first = await browser.until("camera", lambda page: page["frames"] > 5)
        assert first["error"] is None
        assert [session.prompt for session in service.sessions.values()] == ["snow"]

        await browser.do("prompt", "camera", text="a castle")
        changed = await browser.until(
            "camera", lambda page: page["colour"] and distance(page["colour"], first["colour"]) > 20
        )
        assert changed["error"] is None

        await browser.open("viewer", service.url, token=opened["token"])
        await browser.until("viewer", lambda page: page["frames"] > 5)
        await browser.do("leave", "viewer")
        await browser.do("leave", "camera")
        await browser.until("camera", lambda page: page["connection"] == "disconnected")


def distance(one: list[float], other: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))

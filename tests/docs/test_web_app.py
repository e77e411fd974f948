"""The FastAPI app of docs/how-to/web-apps.md, visited; the blocks of other pages are only run."""

from __future__ import annotations

from typing import Any

import anyio
import httpx2

from realtime_fast.server import Service

from tests.docs.pages import PYTHON, blocks, here

pytestmark = here


async def test_pictures_come_and_the_prompt_changes(stage_service: Service) -> None:
    (block,) = (block for block in blocks(PYTHON) if "FastAPI(" in block.parsed)
    source = block.parsed.replace("ws://127.0.0.1:8890", stage_service.url)
    names: dict[str, Any] = {"__name__": "app"}
    exec(compile(source, block.path, "exec"), names)
    app = names["app"]
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://app") as browser,
    ):
        assert "/pictures" in (await browser.get("/")).text
        head, _, jpeg = (await anext(names["parts"]())).partition(b"\r\n\r\n")
        assert head == b"--picture\r\nContent-Type: image/jpeg"
        assert jpeg.startswith(b"\xff\xd8\xff")
        assert (await browser.put("/prompt", params={"text": "a woodcut"})).status_code == 200
    with anyio.fail_after(10):
        while not stage_service.ended:
            await anyio.sleep(0.02)
    assert stage_service.ended[-1]["prompts"][-1] == "a woodcut"

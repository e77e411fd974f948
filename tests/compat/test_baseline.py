"""The pure-Python SDK, unmodified, against the embedded service."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import anyio
import pytest
from tests.server.client import png

from realtime_fast.server import Service, ServiceConfig

PROGRAM = Path(__file__).with_name("program.py")

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("decart", "tenacity")),
    reason="needs the dependency group `compat`: uv pip install --group compat",
)


async def test_a_program_for_the_python_sdk_runs_against_the_service(tmp_path: Path) -> None:
    image = tmp_path / "reference.png"
    image.write_bytes(png())
    async with Service(ServiceConfig(port=0)) as service:
        with anyio.fail_after(50):
            done = await anyio.run_process(
                [sys.executable, str(PROGRAM), service.url, str(image)], check=False
            )
        assert done.returncode == 0, done.stderr.decode()
        saw = json.loads(done.stdout)
        await until_ended(service)
        (session,) = service.ended
    assert saw["session_id"] == session["id"]
    assert saw["first"] != saw["second"]
    assert saw["viewer"] == ["connected", True]
    assert saw["connected"] == [True, "generating"]
    assert saw["states"][:3] == ["connecting", "connected", "generating"]
    assert (saw["errors"], saw["ticks"]) == ([], [1, 2])
    assert session["prompts"] == ["a painting", "a photograph", "a drawing", "a sketch"]
    assert len(session["images"]) == 3


async def until_ended(service: Service) -> None:
    with anyio.fail_after(5):
        while service.sessions or service.viewers:
            await anyio.sleep(0.01)

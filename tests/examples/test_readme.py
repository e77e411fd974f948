"""The program in the README, as a reader copies it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from realtime_fast.server import Service, ServiceConfig

README = Path(__file__).parents[2] / "README.md"
URL = "ws://127.0.0.1:8890"


@pytest.mark.skipif(not README.exists(), reason="the README is not beside these tests")
async def test_the_program_runs_and_ends_in_silence(tmp_path: Path) -> None:
    (text,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert URL in text
    async with Service(ServiceConfig(port=0)) as service:
        program = tmp_path / "program.py"
        program.write_text(text.replace(URL, service.url))
        said = b""
        command = [sys.executable, "-u", str(program)]
        async with await anyio.open_process(command, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            with anyio.fail_after(50):
                while not re.search(rb"\d+ ms late", said):
                    said += await process.stdout.receive()
                process.send_signal(signal.SIGINT)
                complaints = b"".join([chunk async for chunk in process.stderr])
                assert await process.wait() == 0
    assert re.search(rb"\(\d+, \d+, 3\) \d", said)
    assert complaints == b""

"""`realtime-fast watch` as a process, on a stage of the embedded service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import av
import pytest

from realtime_fast.ivs import Stage

from tests.support import Colour, Issue, Tone, child, eventually

COMMAND = [sys.executable, "-c", "from realtime_fast.cli import main; main()", "watch"]


async def test_watches_records_and_ends_when_the_publisher_leaves(
    stage_token: Issue, camera: type[Colour], microphone: type[Tone], tmp_path: Path
) -> None:
    output = tmp_path / "seen.mp4"
    async with Stage(stage_token(user_id="camera")) as stage:
        video = camera(size=(320, 240))
        await stage.publish(video=video, audio=microphone())
        command = [*COMMAND, stage_token(publish=False), "--output", str(output)]
        async with child(command, stdout=subprocess.PIPE) as process:
            await eventually(output.exists, 20)  # from the first picture on
            enough = video.given + 45
            await eventually(lambda: video.given >= enough, 20)
            await stage.streams[stage.participant_id].aclose()
            said = b""
            with anyio.fail_after(20):
                assert process.stdout is not None
                async for chunk in process.stdout:
                    said += chunk
                assert await process.wait() == 0, said
    assert b"320x240" in said
    with av.open(output) as recording:
        assert {stream.type for stream in recording.streams} == {"video", "audio"}
        assert sum(1 for _ in recording.decode(video=0)) > 10


async def test_ends_after_the_time_it_was_given(stage_token: Issue, camera: type[Colour]) -> None:
    async with Stage(stage_token()) as stage:
        await stage.publish(video=camera())
        done = await anyio.run_process([*COMMAND, stage_token(), "--seconds", "8"])
    assert b"pictures" in done.stdout


async def test_the_token_comes_from_standard_input_or_the_environment(
    stage_token: Issue, camera: type[Colour]
) -> None:
    token = stage_token()
    async with Stage(stage_token()) as stage:
        await stage.publish(video=camera())
        command = [*COMMAND, "--seconds", "4"]  # those of waiting included
        done = await anyio.run_process([*command, "-"], input=f"{token}\n".encode())
        assert b"pictures" in done.stdout
        done = await anyio.run_process(command, env={**os.environ, "REALTIME_STAGE_TOKEN": token})
        assert b"pictures" in done.stdout
    done = await anyio.run_process(command, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"There is no participant token: set REALTIME_STAGE_TOKEN, or give - ")


async def test_nobody_who_publishes_is_an_exit_code(stage_token: Issue) -> None:
    done = await anyio.run_process([*COMMAND, stage_token(), "--seconds", "2"], check=False)
    assert done.returncode == 6
    assert b"waiting for a participant" in done.stdout
    assert b"first-picture" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("wanted", "says", "code"),
    [(None, b"not a JWT", 5), ({"ttl": -5}, b"expired", 5), ({"subscribe": False}, b"does not allow", 5)],
)
async def test_a_token_that_will_not_do_is_one_sentence(
    stage_token: Issue, camera: type[Colour], wanted: dict[str, Any] | None, says: bytes, code: int
) -> None:
    async with Stage(stage_token()) as stage:
        await stage.publish(video=camera())
        token = "nonsense" if wanted is None else stage_token(**wanted)
        done = await anyio.run_process([*COMMAND, token], check=False)
    assert done.returncode == code
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert token.encode()[:40] not in done.stderr

"""Programs written for the SDK, run on it and on this package: what they observe is the same."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import av
import numpy as np
import pytest

from realtime_fast.server import Service, ServiceConfig

from tests.server.client import png
from tests.support import eventually

PROGRAMS = Path(__file__).parent / "programs"
ON_THE_SDK: list[str] = []
ON_OURS = ["-m", "realtime_fast"]
KEY = "the/right+key"


@dataclass(frozen=True)
class Outcome:
    code: int
    output: str
    errors: str

    @property
    def facts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]


async def run(mode: list[str], *arguments: str | Path, cwd: Path | None = None) -> Outcome:
    with anyio.fail_after(50):
        done = await anyio.run_process([sys.executable, *mode, *map(str, arguments)], check=False, cwd=cwd)
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service(ServiceConfig(port=0, api_keys=frozenset({KEY}))) as service:
        yield service


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "reference.png"
    path.write_bytes(png())
    return path


async def last_session(service: Service) -> dict[str, Any]:
    """What the service knows of it, once all have ended."""
    await eventually(lambda: not (service.sessions or service.viewers))
    return service.ended[-1]


def recorded(path: Path) -> tuple[str, int, int]:
    """Codec and size of the recorded video, which must have pictures."""
    with av.open(path) as container:
        frames = list(container.decode(video=0))
        assert len(frames) > 10
        return container.streams.video[0].codec.name, frames[0].width, frames[0].height


@pytest.mark.timeout(120)
async def test_a_session(service: Service, image: Path, tmp_path: Path) -> None:
    outcomes: list[Outcome] = []
    told: list[dict[str, Any]] = []
    films: list[tuple[str, int, int]] = []
    for mode in ON_THE_SDK, ON_OURS:
        film = tmp_path / f"{len(films)}.mp4"
        outcome = await run(mode, PROGRAMS / "session.py", service.url, KEY, film, image)
        assert outcome.code == 0, outcome.errors
        outcomes.append(outcome)
        films.append(recorded(film))
        info = await last_session(service)
        told.append({name: info[name] for name in ("model", "resolution", "prompts", "images", "messages")})

    sdk, ours = outcomes
    assert ours.facts[-1] == {"what": "too late"}
    assert in_order(ours) == in_order(sdk)
    assert changes(ours) == changes(sdk)
    assert told[1] == told[0]
    assert films[1] == films[0]
    assert "validation error" not in ours.errors
    assert KEY not in ours.errors


def in_order(outcome: Outcome) -> list[dict[str, Any]]:
    """What the program did and saw of it; events come when they come, see `changes`."""
    return [one for one in outcome.facts if one["what"] not in ("connection_change", "generation_tick")]


def changes(outcome: Outcome) -> list[dict[str, Any]]:
    """The events, in order."""
    return [one for one in outcome.facts if one["what"] in ("connection_change", "generation_tick")]


@pytest.mark.timeout(120)
async def test_pictures_follow_the_prompt(service: Service, image: Path) -> None:
    saw = []
    for mode in ON_THE_SDK, ON_OURS:
        outcome = await run(mode, PROGRAMS / "pictures.py", service.url, KEY, image)
        assert outcome.code == 0, outcome.errors
        (facts,) = outcome.facts
        assert facts.pop("session_id") == (await last_session(service))["id"]
        saw.append(facts)
    sdk, ours = saw
    theirs, mine = (np.array([one.pop("first"), one.pop("second")]) for one in (sdk, ours))
    assert np.abs(np.diff(mine, axis=0)).max() > 8
    assert np.abs(theirs - mine).max() <= 2, "an encoder that is short of time may be a level off"
    assert ours == sdk


@pytest.mark.timeout(120)
async def test_a_connection_is_lost(service: Service) -> None:
    saw, prompts = [], []
    for mode in ON_THE_SDK, ON_OURS:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cut, service)
            outcome = await run(mode, PROGRAMS / "lost.py", service.url, KEY)
        assert outcome.code == 0, outcome.errors
        saw += outcome.facts
        await last_session(service)
        # The one that was cut may be the last to end.
        prompts += [info["prompts"] for info in service.ended if "and after" in info["prompts"]]
        service.ended.clear()
    sdk, ours = saw
    assert ours == sdk
    assert prompts == [[None, "and after"], ["until the end", "and after"]]  # the SDK forgets, see the docs


async def cut(service: Service) -> None:
    """End the session without a word once it generates and has its second prompt."""
    while True:
        for session in tuple(service.sessions.values()):
            if session.prompt == "until the end" and session.pipeline.frames_out > 30:
                session.cancel()
                return
        await anyio.sleep(0.02)


async def test_one_that_is_not_let_in(service: Service) -> None:
    sdk, ours = [
        await run(mode, PROGRAMS / "refused.py", service.url, "wrong") for mode in (ON_THE_SDK, ON_OURS)
    ]
    assert (ours.code, ours.output) == (sdk.code, sdk.output) == (3, sdk.output)
    assert "wrong" not in ours.errors


@pytest.mark.parametrize("how", [["untidy.py"], ["-m", "untidy"]], ids=["file", "module"])
async def test_a_program_finds_itself_as_if_python_had_run_it(how: list[str]) -> None:
    arguments = [*how, "--option", "value"]
    sdk, ours = [await run(mode, *arguments, cwd=PROGRAMS) for mode in (ON_THE_SDK, ON_OURS)]
    assert (ours.code, ours.output) == (sdk.code, sdk.output)
    assert ours.code == 1
    assert (
        ours.errors.splitlines()[-1] == sdk.errors.splitlines()[-1] == "decart.errors.WebRTCError: let pass"
    )


@pytest.mark.parametrize("arguments", [[], ["--frobnicate"], ["-m"], ["missing.py"]], ids=str)
async def test_bad_command_lines(arguments: list[str]) -> None:
    outcome = await run(ON_OURS, *arguments)
    assert outcome.code == 2
    assert len(outcome.errors.splitlines()) == 1

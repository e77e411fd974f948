"""`realtime-fast connect` as a process, and what it does with what is typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import pytest
from rich.console import Console

from realtime_fast.aio.drop_oldest import DropOldest
from realtime_fast.cli.connect import _prompts
from realtime_fast.cli.live_view import sparkline, table, view
from realtime_fast.cli.typed_prompts import TypedLine
from realtime_fast.errors import InvalidInputError, ServerError
from realtime_fast.media.inputs import open_input
from realtime_fast.report.run import Run, run_of, summary

from tests.cli.test_serve import serving
from tests.report.test_run import session


@pytest.mark.timeout(120)
def test_a_session_is_shown_recorded_and_summed_up(tmp_path: Path) -> None:
    output = tmp_path / "out.webm"
    command = [
        sys.executable,
        "-m",
        "realtime_fast.cli",
        "connect",
        "--seconds",
        "3",
        "--output",
        str(output),
    ]
    with serving() as (_, url):
        done = subprocess.run(
            [*command, "--url", url], input="oil on canvas\n", capture_output=True, text=True, timeout=100, check=False
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "marked pictures" in done.stdout
    with av.open(str(output)) as recorded:
        assert sum(1 for _ in recorded.decode(video=0)) > 5


class Refusing:
    """A client that refuses one prompt."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    async def set_prompt(self, prompt: str) -> None:
        self.prompts.append(prompt)
        if prompt == "bad":
            raise ServerError("no such style")


async def test_what_is_typed_becomes_the_prompt_and_a_refusal_is_shown() -> None:
    lines: DropOldest[str] = DropOldest(8)
    for line in ("bad", "oil on canvas"):
        lines.put(line)
    lines.close()
    client, errors = Refusing(), list[str]()
    await _prompts(client, lines, errors)  # type: ignore[arg-type]
    assert client.prompts == ["bad", "oil on canvas"]
    assert errors == ["WEBRTC_SERVER_ERROR: no such style"]


def test_a_window_without_a_display_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    command = [sys.executable, "-m", "realtime_fast.cli", "connect", "--show", "--seconds", "5"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 2
    assert "--show needs a display" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_typing_is_kept_until_the_line_is_done() -> None:
    line = TypedLine()
    assert list(line.feed("oil om")) == []
    assert list(line.feed("\x7f")) == []
    assert line.text == "oil o"
    assert list(line.feed("n canvas\n\n  \nink\x15pencil")) == ["oil on canvas"]
    assert line.text == "pencil"
    assert list(line.feed("\x1b[\r")) == ["pencil["]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("7", "There is no camera at /dev/video7"),
        ("clip", "a camera is called 0 or /dev/video0"),
        ("screen", "DISPLAY is not set"),
    ],
)
def test_what_is_not_there_is_named(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(InvalidInputError, match=said):
        open_input(name)


def shown(run: Run, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as written:
        console.print(view(run, 60, width))
    return written.get().rstrip().splitlines()


def test_the_view_fits_80_columns_and_has_curves_in_160() -> None:
    run = run_of(session())
    narrow, wide = shown(run, 80), shown(run, 160)
    assert max(len(narrow), len(wide)) < 12
    assert max(map(len, narrow)) <= 80
    for word in ("p50", "p99", "fair", "latency", "1 reconnects", "585 sent = 580 received"):
        assert any(word in line for line in narrow), word
    assert sum("▆" in line or "█" in line for line in narrow) == 1
    assert sum("▆" in line or "█" in line for line in wide) >= 3
    assert len(shown(Run(), 80)) < 12


def test_a_sparkline_shows_calm_as_calm() -> None:
    assert sparkline([], 8) == sparkline([0, 0], 8) == ""
    assert sparkline([100, 0], 8) == "█▁"
    assert sparkline([100, 99, 100], 8) == "█▇█" or set(sparkline([100, 99, 100], 8)) == {"█"}
    assert len(sparkline([1.0] * 50, 8)) == 8


def test_the_table_adds_up() -> None:
    console = Console(width=120, color_system=None)
    with console.capture() as written:
        console.print(table(summary(run_of(session()))))
    assert "585 sent = 580 received + 1 lost + 1 corrupted + 1 dropped + 2 pending" in written.get()

"""What the command line says of itself, and what it loads to do so."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
from typer.testing import CliRunner

from realtime_fast.cli.app import COMMANDS, app
from realtime_fast.cli.exit_codes import EXIT_CODES

HEAVY = {
    "numpy",
    "av",
    "aiortc",
    "anyio",
    "msgspec",
    "matplotlib",
    "starlette",
    "websockets",
    "httpx2",
    "rich",
}


def said(*arguments: str) -> str:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_what_needs_no_command_loads_none(argument: str) -> None:
    code = (
        f"import sys; sys.argv = ['realtime-fast', {argument!r}]; from realtime_fast.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sorted(name.partition('.')[0] for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.splitlines()[-1].split()) == set()


def test_help_lists_every_command_and_every_exit_code() -> None:
    text = said("--help")
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", text, re.MULTILINE)
    codes = text[text.index("Exit codes:") :]
    assert {int(code) for code in re.findall(r"\b\d+\b", codes)} == {0, *EXIT_CODES.values()}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says(name: str) -> None:
    function: Any = getattr(import_module(f"realtime_fast.cli.{name}"), name)
    first = (inspect.getdoc(function) or "").partition("\n")[0]
    assert first.startswith(COMMANDS[name].does.rstrip("."))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_breaks_no_word(name: str) -> None:
    text = said(name, "--help")
    assert [line for line in text.splitlines() if re.search(r"\w-$", line)] == []
    assert [line for line in text.splitlines() if len(line) > 80] == []

"""Holds the command lines of a page to what the commands accept; none is run."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from typer.main import get_command

from realtime_fast.cli.app import COMMANDS, app

from tests.docs.pages import ROOT

OTHERS = (
    "cd",
    "curl",
    "docker",
    "echo",
    "export",
    "git",
    "locust",
    "npm",
    "playwright",
    "streamlit",
    "uvicorn",
    "xdg-open",
)
"""Commands of others, whose arguments are theirs."""


def lines(source: str, prompts: bool) -> Iterator[str]:
    """The commands of a block; where there are prompts, the other lines are output."""
    for line in source.replace("\\\n", " ").splitlines():
        if prompts and not line.startswith("$ "):
            continue
        for command in re.split(r"\s+[|&;]+\s+", line.removeprefix("$ ").partition("  #")[0]):
            if command.strip():
                yield command.strip()


def check(command: str) -> None:
    """Raise unless the command is known, and takes these arguments."""
    name, *arguments = shlex.split(command)
    if name.removeprefix(".venv/bin/") == "realtime-fast":
        _check_ours(arguments)
    elif name == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        unknown = {word for word in arguments if not re.match(r"-|[A-Z_]+=", word)} - {*targets}
        assert not unknown, f"make has no target {unknown}"
    elif name == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = {extra for group in re.findall(r"\[([\w,]+)\]", command) for extra in group.split(",")}
        assert named <= {*extras}, f"there is no extra {named - {*extras}}"
    elif name.startswith("python") or name == "pytest":
        _check_python(arguments)
    else:
        assert name in (*OTHERS, "."), f"what is {name!r}?"


def _check_ours(arguments: list[str]) -> None:
    name, *rest = arguments
    ours: Any = get_command(app)
    if name.startswith("-"):
        known = {option for parameter in ours.params for option in parameter.opts}
        assert name in known, f"realtime-fast has no option {name}"
        return
    assert name in COMMANDS, f"realtime-fast has no command {name}"
    if {"-h", "--help"}.isdisjoint(rest):
        ours.get_command(None, name).make_context(name, rest)


def _check_python(arguments: list[str]) -> None:
    if arguments[:1] == ["-m"]:
        module = arguments[1]
        assert find_spec(module) or module in ("venv", "pip"), f"there is no module {module}"
    for word in arguments:
        if word.startswith(("examples/", "benches/", "tests/")):
            assert (ROOT / word).exists(), f"there is no file {word}"

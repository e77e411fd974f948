"""Runs the Python of a page as a reader does: as a program, which Ctrl-C ends if it does not end by itself.

A block whose first line is a file's name, `# app.py`, is that file and runs in a process of its own: by pytest, if it
is called `test_….py`.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sybil import Example

FIRST_LINE_LIMIT = 25.0
"""Seconds within which a program ends, or prints its first line."""

FILE_LIMIT = 50.0
"""Seconds that a file of its own takes at most."""

WATCHED = 1.0
"""Seconds for which a program that has printed goes on, before it is interrupted."""

_NEEDS = re.compile(r"# Needs (.+)")
_FILE = re.compile(r"# (\w+\.py)\n")


def needs(block: Example) -> str | None:
    """What a block needs that a test does not have: its first line is `# Needs a camera.`, for example."""
    found = _NEEDS.match(block.parsed)
    return found and found[1]


def run(block: Example, given: Mapping[str, Any], replaced: Mapping[str, str]) -> None:
    """Run a block, with names that the page takes for granted, and with some texts in place of others."""
    source = str(block.parsed)
    for text, other in replaced.items():
        source = source.replace(text, other)
    if named := _FILE.match(source):
        _run_file(Path(named[1]), source)
        return
    source = "\n" * (block.line + block.parsed.line_offset) + source
    code = compile(source, block.path, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    with _interrupted() as say:
        result = eval(code, {**given, "__name__": "__main__", "print": say})
        if inspect.iscoroutine(result):
            asyncio.run(result)


def _run_file(path: Path, source: str) -> None:
    """Run it in this directory; it must end well."""
    path.write_text(source)
    pytest = ("-m", "pytest", "-p", "anyio.pytest_plugin") if path.name.startswith("test_") else ()
    command = [sys.executable, *pytest, str(path)]
    quick = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=FILE_LIMIT, check=False, env=quick)
    assert done.returncode == 0, f"{path} ended with {done.returncode}\n{done.stdout}{done.stderr}"


@contextmanager
def _interrupted() -> Iterator[Callable[..., None]]:
    """Press Ctrl-C some time after the first line, or when that is overdue; yields what prints."""
    printed, ended, pressed = threading.Event(), threading.Event(), threading.Event()

    def say(*words: object) -> None:
        print(*words)  # noqa: T201 - in the program's place
        printed.set()

    def press() -> None:
        printed.wait(FIRST_LINE_LIMIT)
        if not ended.wait(WATCHED if printed.is_set() else 0):
            pressed.set()
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    presser = threading.Thread(target=press)
    presser.start()
    try:
        try:
            yield say
        finally:
            overdue = not printed.is_set()
            ended.set()
            printed.set()
            presser.join()
    except KeyboardInterrupt:
        if not pressed.is_set():
            raise
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed.is_set():
        assert not overdue, f"neither ended nor printed a line in {FIRST_LINE_LIMIT:g} s"


def check(block: Example) -> None:
    """For a block that cannot run: it compiles, and what it takes from modules is there, arguments included."""
    tree = ast.parse(block.parsed)
    missing = needs(block) or ""
    names: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            top = (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(
                "."
            )[0]
            if find_spec(top) is None and top.lower() in missing.lower():
                continue
            exec(compile(ast.Module([node], []), block.path, "exec"), names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            _value(node, names)
        elif isinstance(node, ast.Call) and (called := _value(node.func, names)) is not None:
            keywords = {keyword.arg: None for keyword in node.keywords if keyword.arg}
            inspect.signature(called).bind_partial(*node.args, **keywords)


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """What a chain of names that begins at an import stands for; None for everything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    owner = _value(node.value, names) if isinstance(node, ast.Attribute) else None
    if isinstance(node, ast.Attribute) and (inspect.ismodule(owner) or inspect.isclass(owner)):
        return getattr(owner, node.attr)
    return None

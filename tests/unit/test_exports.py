"""The flat public names: all there, all documented, none by accident."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import realtime_fast


def declared() -> dict[str, str]:
    """The names that type checkers see, and the module each comes from."""
    tree = ast.parse(Path(realtime_fast.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    return {
        name.name: node.module.removeprefix("realtime_fast").removeprefix(".")
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for name in node.names
    }


def test_all_is_sorted_and_names_what_checkers_and_programs_see() -> None:
    assert realtime_fast.__all__ == sorted(realtime_fast.__all__)
    seen = declared()
    homes = {name: home for home, names in realtime_fast._HOMES.items() for name in names}
    modules = dict.fromkeys(realtime_fast._MODULES, "")
    assert homes | modules == {name: home for name, home in seen.items() if name != "package_version"}
    assert set(realtime_fast.__all__) == {*homes, *modules, "__version__"}
    assert set(dir(realtime_fast)) == set(realtime_fast.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="RealtimeClint"):
        realtime_fast.RealtimeClint  # noqa: B018


@pytest.mark.sockets
def test_importing_the_package_imports_nothing_it_does_not_need() -> None:
    code = "import realtime_fast, sys; print(*sorted(name.partition('.')[0] for name in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"numpy", "av", "aiortc", "anyio", "msgspec", "websockets", "httpx2"}.isdisjoint(loaded)


@pytest.mark.parametrize("name", realtime_fast.__all__)
def test_each_name_is_documented(name: str) -> None:
    value = getattr(realtime_fast, name)
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        assert inspect.getdoc(value)

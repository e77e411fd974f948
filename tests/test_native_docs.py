"""The stub of the extension says what the extension itself says, where users see it."""

import ast
import inspect
from pathlib import Path

import pytest

from realtime_fast import _native, frames, marker

STUB = ast.parse(Path(_native.__file__).with_name("_native.pyi").read_text(encoding="utf-8"))
DOCUMENTED = {
    node.name: ast.get_docstring(node)
    for node in STUB.body
    if isinstance(node, ast.FunctionDef | ast.ClassDef)
}
PUBLIC = sorted(
    name
    for module in (frames, marker)
    for name in module.__all__
    if getattr(module, name) is getattr(_native, name, None)
)


def test_what_is_handed_on() -> None:
    assert PUBLIC == ["View", "read", "read_soft", "stamp"]


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_are_the_same(name: str) -> None:
    assert inspect.getdoc(getattr(_native, name)) == DOCUMENTED[name]

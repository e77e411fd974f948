"""The stub of the extension says what the extension itself says."""

import ast
import inspect
from pathlib import Path

import pytest

from realtime_fast import _native

STUB = ast.parse(Path(_native.__file__).with_name("_native.pyi").read_text(encoding="utf-8"))
DOCUMENTED = {
    node.name: ast.get_docstring(node)
    for node in STUB.body
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node)
}


def test_the_marker_is_documented() -> None:
    assert DOCUMENTED.keys() >= {"read", "read_soft", "stamp"}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstrings_are_the_same(name: str) -> None:
    assert inspect.getdoc(getattr(_native, name)) == DOCUMENTED[name]

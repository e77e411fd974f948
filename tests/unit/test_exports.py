"""The flat public names: all there, all documented, none by accident."""

from __future__ import annotations

import inspect

import pytest

import realtime_fast


def test_all_is_sorted_and_complete() -> None:
    assert realtime_fast.__all__ == sorted(realtime_fast.__all__)
    public = {
        name
        for name, value in vars(realtime_fast).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "annotations"
    }
    modules = {"frames", "ivs", "marker", "models"}
    assert set(realtime_fast.__all__) == public | modules | {"__version__"}


@pytest.mark.parametrize("name", realtime_fast.__all__)
def test_each_name_is_documented(name: str) -> None:
    value = getattr(realtime_fast, name)
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        assert inspect.getdoc(value)

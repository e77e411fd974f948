"""The SDK beside ours: `accelerate` for the length of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from realtime_fast.compat.decart import accelerate, restore


@pytest.fixture
def accelerated() -> Iterator[None]:
    accelerate()
    yield
    restore()

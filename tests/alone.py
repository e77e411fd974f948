"""Tests marked `alone` measure time or processor time: while one runs, no other worker of pytest-xdist runs a test.

Everybody else waits for sockets and clocks most of the time, so several of them share a core without harm.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

try:
    import fcntl
except ImportError:  # Windows, where tests run one after another
    SIDE_BY_SIDE = False
else:
    SIDE_BY_SIDE = "PYTEST_XDIST_WORKER" in os.environ


def alone(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker("alone") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They come first, so that the others wait once and not for each of them."""
    items.sort(key=lambda item: not alone(item))


class Turn:
    """A process's turn to run a test, agreed upon by locks on files; they end with the process.

    Args:
        room: Locked while a test runs: shared, or exclusively by one that runs alone.
        gate: Locked on the way in, so that nobody overtakes a test that waits to be alone.
    """

    def __init__(self, room: Path, gate: Path) -> None:
        self._room, self._gate = room, gate
        self._held = ExitStack()

    def take(self, *, alone: bool) -> None:
        gate = self._locked(self._gate, fcntl.LOCK_EX)
        self._locked(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        if not alone:
            fcntl.flock(gate, fcntl.LOCK_UN)

    def give_back(self) -> None:
        self._held.close()

    def _locked(self, path: Path, how: int) -> int:
        descriptor = self._held.enter_context(path.open("rb")).fileno()
        fcntl.flock(descriptor, how)
        return descriptor


class Turns:
    """Takes turns around tests; those that run alone one after another share one."""

    def __init__(self) -> None:
        self._turn = Turn(room=Path(__file__), gate=Path(__file__).with_name("conftest.py"))
        self._kept = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # before the time limit of the test begins
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        if not self._kept:
            self._turn.take(alone=alone(item))
        try:
            return (yield)
        finally:
            self._kept = alone(item) and alone(nextitem)
            if not self._kept:
                self._turn.give_back()


def pytest_configure(config: pytest.Config) -> None:
    if SIDE_BY_SIDE:
        config.pluginmanager.register(Turns())

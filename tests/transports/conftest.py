from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.transports.line import Line, Reports


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


@pytest.fixture
def reports() -> Reports:
    return Reports()

"""One statistics sample of a browser-size report beside the same parser in pure Python."""

import json
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from realtime_fast.stats import StatsParser

from tests.reference.reports import as_objects, browser_report
from tests.reference.stats import ReferenceParser

REPORT = browser_report()
WANTED = {"dicts": 5, "objects": 5, "JSON": 10}
INPUTS = {"dicts": REPORT, "objects": as_objects(REPORT), "JSON": json.dumps(REPORT)}


@pytest.mark.parametrize("source", INPUTS)
@pytest.mark.parametrize("who", ["ours", "Python"])
def test_sample(benchmark: BenchmarkFixture, who: str, source: str) -> None:
    benchmark.group = f"one stats sample from {source}"
    parser = StatsParser() if who == "ours" else ReferenceParser()
    report: Any = INPUTS[source]
    first, wanted = StatsParser().parse(report, 1.0), ReferenceParser().parse(report, 1.0)
    assert first.video is not None
    assert first.video.bytes_received == wanted["video"]["bytes_received"] == 625_000
    benchmark.extra_info["contender"] = who
    if who == "Python":
        benchmark.extra_info["wanted"] = WANTED[source]
    benchmark(lambda: parser.parse(report, 1.0))

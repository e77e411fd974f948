"""The network in a box, as Python holds it; what its conditions do is tested with the core."""

import re
from typing import Any

import pytest

from realtime_fast._native import NetworkLink
from realtime_fast.errors import InvalidInputError


def test_datagrams_come_out_when_they_have_arrived() -> None:
    link = NetworkLink(1, 10.0, {"delay": 0.04})
    assert link.deadline() is None
    datagram = b"some bytes"
    assert link.push(10.0, datagram)
    assert link.deadline() == 10.04
    assert link.pop(10.039) is None
    assert link.pop(10.04) is datagram
    assert link.pop(11.0) is None


def test_a_deadline_is_never_a_moment_too_soon() -> None:
    link = NetworkLink(1, 0.0, {"delay": 0.033333, "jitter": 0.01})
    for number in range(500):
        link.push(number / 30, b"x")
        while (deadline := link.deadline()) is not None:
            link.pop(deadline)
    assert link.figures()["delivered"] == 500


def test_a_seed_is_a_run() -> None:
    def run(seed: int) -> list[bool]:
        link = NetworkLink(seed, 0.0, {"loss": 0.3})
        return [link.push(number / 100, b"x") for number in range(200)]

    assert run(1) == run(1) != run(2)


def test_conditions_change_on_schedule_and_when_told() -> None:
    link = NetworkLink(1, 5.0, {"loss": 1.0}, [(1.0, {}), (2.0, {"loss": 1})])
    assert [link.push(now, b"x") for now in (5.0, 5.999, 6.0, 6.999, 7.0)] == [
        False,
        False,
        True,
        True,
        False,
    ]
    link.change(8.0)
    assert link.push(8.0, b"x")
    link.change(9.0, {"rate": 80_000, "queue": 0.1})
    assert [link.push(9.0, bytes(1000)) for _ in range(3)] == [True, True, False]
    figures = link.figures()
    assert (figures["packets"], figures["lost"], figures["dropped"]) == (9, 3, 1)
    assert figures["bytes"] == 3006


def test_some_datagrams_come_twice() -> None:
    link = NetworkLink(1, 0.0, {"duplicate": 1.0})
    link.push(0.0, b"x")
    assert [link.pop(0.0), link.pop(0.0), link.pop(0.0)] == [b"x", b"x", None]


@pytest.mark.parametrize("name", ["wifi", "lte", "3g", "transatlantic", "lossy", "600k"])
def test_profiles_make_links(name: str) -> None:
    for conditions in NetworkLink.profile(name):
        assert NetworkLink(1, 0.0, conditions).deadline() is None


def test_profiles_have_both_directions() -> None:
    up, down = NetworkLink.profile("3g")
    assert (up["rate"], down["rate"], up["delay"]) == (768_000, 1_600_000, 0.15)
    assert NetworkLink.profile("lossy")[0]["rate"] is None


UNKNOWN: Any = {"los": 0.1}
REFUSED: list[tuple[Any, str]] = [
    (lambda: NetworkLink(1, 0.0, {"loss": 2.0}), "loss: expected a share of 0 to 1, got 2"),
    (lambda: NetworkLink(1, 0.0, {"delay": -1.0}), "delay: expected seconds, at least 0, got -1"),
    (lambda: NetworkLink(1, 0.0, {"delay": 100.0}), "delay: expected at most 60 s, got 100 s"),
    (lambda: NetworkLink(1, 0.0, {"rate": 10}), "rate: expected at least 1000 bit/s, or none, got 10"),
    (
        lambda: NetworkLink(1, 0.0, {"rate": -10}),
        "rate: expected an integer of 0 to 18446744073709551615, got -10",
    ),
    (lambda: NetworkLink(1, 0.0, UNKNOWN), "conditions: expected 'loss', 'burst_loss', "),
    (
        lambda: NetworkLink(1, 0.0, {}, [(0.0, {})]),
        "schedule: expected times in ascending order, above 0, got 0 s",
    ),
    (lambda: NetworkLink(-1, 0.0), "seed: expected an integer of 0 to 18446744073709551615, got -1"),
    (lambda: NetworkLink(1, -1.0), "now: expected seconds, at least 0, got -1"),
    (
        lambda: NetworkLink.profile("5g"),
        "network profile: expected wifi, lte, 3g, transatlantic, lossy or 600k, got",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_cannot_be_worked_with_says_why(call: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(message)) as caught:
        call()
    assert isinstance(caught.value, ValueError)

"""Fault settings: how they are written, and whom they hit."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from realtime_fast.control import messages
from realtime_fast.errors import InvalidInputError
from realtime_fast.server.faults import CAPACITY_ERROR, HELP, Faults, Noise, Switch, noise


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], Faults()),
        (["http=503"], Faults(http=503)),
        (["error=offer"], Faults(error="offer", error_text=CAPACITY_ERROR)),
        (["error=open:no: room"], Faults(error="open", error_text="no: room")),
        (["close=answer:4000"], Faults(close="answer", close_code=4000)),
        (["drop=connected"], Faults(drop="connected")),
        (["delay=open:0.5", "delay=state:2"], Faults(delay={"open": 0.5, "state": 2.0})),
        (["ack=never", "ack-delay=1"], Faults(ack="never", ack_delay=1.0)),
        (["room=signal:1", "room=absent", "publish=audio-first"],
         Faults(room={"signal": 1, "absent": 0}, publish="audio-first")),
        (["stall", "silence=1.5", "cut", "renegotiate=2"], Faults(stall=0, silence=1.5, cut=0, renegotiate=2)),
        (["slow=0.2", "noise=garbage", "trickle=before", "times=3"],
         Faults(slow=0.2, noise="garbage", trickle="before", times=3)),
    ],
)  # fmt: skip
def test_options_are_read(options: list[str], expected: Faults) -> None:
    assert Faults.parse(options) == expected


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("explode", "No fault is called 'explode'; there are ack, ack-delay, close"),
        ("http=many", "expected http=STATUS"),
        ("http=200", "fault http must be an HTTP status from 400 to 599, not 200"),
        ("close", "expected close=PHASE"),
        ("close=open:1005", "fault close_code must be"),
        ("delay=open", "expected delay=PHASE:SECONDS"),
        ("delay=open:-1", "fault delay must be"),
        ("slow=nan", "fault slow must be 0 or more seconds"),
        ("times=-1", "fault times must be 0 or more"),
        ("ack=late", "expected ack=never|fail|wrong|twice"),
    ],
)
def test_what_does_not_fit_is_named(option: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Faults.parse([option])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"error": "lunch"},
        {"ack": "maybe"},
        {"noise": "loud"},
        {"trickle": "never"},
        {"stall": -1},
        {"publish": "nothing"},
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        Faults(**settings)


def test_every_fault_is_explained() -> None:
    assert {field.name for field in fields(Faults)} - HELP.keys() == {"error_text", "close_code"}


def test_only_what_was_set_is_given() -> None:
    assert Faults().given() == {}
    assert Faults(slow=1.0, close="open").given() == {"slow": 1.0, "close": "open"}


def test_a_switch_hits_so_many_connections() -> None:
    faults = Faults(http=503, times=2)
    switch = Switch(faults)
    assert [switch.take() for _ in range(3)] == [faults, faults, Faults()]
    switch.set(faults)
    assert switch.take() is faults
    switch.set(Faults(http=401))
    assert {switch.take().http for _ in range(5)} == {401}


@pytest.mark.parametrize("kind", ["garbage", "mutated"])
def test_noise_is_no_message(kind: Noise) -> None:
    for text in noise(kind):
        with pytest.raises(messages.MalformedMessageError):
            messages.decode_server(text)


def test_unknown_noise_is_of_unknown_type() -> None:
    assert {type(messages.decode_server(text)) for text in noise("unknown")} == {messages.Unknown}

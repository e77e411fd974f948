from __future__ import annotations

import pytest

from realtime_fast.control import messages
from realtime_fast.errors import AckTimeoutError, ConnectError, ServerError
from realtime_fast.session.acks import AckLedger, Settled

IMAGE = messages.SetImage(image_data="A")


def ack(prompt: str, error: str | None = None) -> messages.PromptAck:
    return messages.PromptAck(prompt=prompt, success=error is None, error=error)


def test_prompts_match_by_text_and_images_by_order() -> None:
    ledger = AckLedger()
    boat = ledger.add(messages.Prompt(prompt="boat"), timeout=15, now=0)
    first = ledger.add(IMAGE, timeout=30, now=0)
    tree = ledger.add(messages.Prompt(prompt="tree"), timeout=15, now=0)
    second = ledger.add(IMAGE, timeout=30, now=0)
    assert ledger.settle(ack("tree")) == Settled(tree, None)
    assert ledger.settle(messages.SetImageAck(success=True)) == Settled(first, None)
    assert ledger.settle(ack("boat")) == Settled(boat, None)
    assert ledger.settle(messages.SetImageAck(success=True)) == Settled(second, None)
    assert len(ledger) == 0


def test_equal_prompts_in_flight_are_settled_in_order() -> None:
    ledger = AckLedger()
    first, second = (ledger.add(messages.Prompt(prompt="boat"), timeout=15, now=0) for _ in range(2))
    refused = ledger.settle(ack("boat", "no boats"))
    assert refused is not None
    assert refused.ticket == first
    assert isinstance(refused.error, ServerError)
    assert str(refused.error) == "no boats"
    assert ledger.settle(ack("boat")) == Settled(second, None)


def test_an_ack_that_nothing_waits_for_settles_nothing() -> None:
    ledger = AckLedger()
    ledger.add(messages.Prompt(prompt="boat"), timeout=15, now=0)
    assert ledger.settle(ack("Boat")) is None
    assert ledger.settle(messages.SetImageAck(success=True)) is None
    assert len(ledger) == 1


def test_time_runs_out_for_each_command_on_its_own() -> None:
    ledger = AckLedger()
    prompt = ledger.add(messages.Prompt(prompt="boat"), timeout=15, now=100)
    image = ledger.add(IMAGE, timeout=30, now=100)
    assert ledger.deadline == 115
    assert list(ledger.expire(114.9)) == []
    (expired,) = ledger.expire(115)
    assert expired.ticket == prompt
    assert isinstance(expired.error, AckTimeoutError)
    assert ledger.deadline == 130
    ledger.forget(image)
    assert ledger.deadline is None
    assert ledger.settle(messages.SetImageAck(success=True)) is None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_lost_connection_settles_all(count: int) -> None:
    ledger = AckLedger()
    tickets = [ledger.add(IMAGE, timeout=1, now=0) for _ in range(count)]
    lost = ConnectError("gone")
    assert list(ledger.fail_all(lost)) == [Settled(ticket, lost) for ticket in tickets]
    assert len(ledger) == 0

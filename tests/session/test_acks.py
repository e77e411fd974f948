from __future__ import annotations

import pytest

from realtime_fast.control import messages
from realtime_fast.errors import AckTimeoutError, ConnectError, ServerError
from realtime_fast.session.acks import ABANDONED_LIMIT, AckLedger, Settled

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
    assert len(ledger) == 0
    assert ledger.settle(messages.SetImageAck(success=True)) is None, (
        "it came for the one that nobody waits for"
    )
    assert list(ledger.expire(1000)) == []
    assert ledger.deadline is None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_lost_connection_settles_all(count: int) -> None:
    ledger = AckLedger()
    tickets = [ledger.add(IMAGE, timeout=1, now=0) for _ in range(count)]
    lost = ConnectError("gone")
    assert list(ledger.fail_all(lost)) == [Settled(ticket, lost) for ticket in tickets]
    assert len(ledger) == 0


def refused(ticket: int, why: str, settled: Settled | None) -> None:
    assert settled is not None
    assert (settled.ticket, str(settled.error)) == (ticket, why)


NO = messages.SetImageAck(success=False, error="no")
YES = messages.SetImageAck(success=True)


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
def test_a_late_acknowledgement_does_not_settle_the_next_command(how: str) -> None:
    ledger = AckLedger()
    first = ledger.add(IMAGE, timeout=30, now=0)
    if how == "cancelled":
        ledger.forget(first)
    else:
        assert [settled.ticket for settled in ledger.expire(30)] == [first]
    second = ledger.add(IMAGE, timeout=30, now=31)
    assert ledger.settle(NO) is None
    assert ledger.settle(YES) == Settled(second, None)
    assert ledger.deadline is None


def test_a_late_acknowledgement_of_the_same_prompt_does_not_settle_the_next_one() -> None:
    ledger = AckLedger()
    ledger.forget(ledger.add(messages.Prompt(prompt="boat"), timeout=15, now=0))
    tree = ledger.add(messages.Prompt(prompt="tree"), timeout=15, now=0)
    boat = ledger.add(messages.Prompt(prompt="boat"), timeout=15, now=0)
    assert ledger.settle(ack("boat", "late")) is None
    assert ledger.settle(ack("tree")) == Settled(tree, None), "another text is another command"
    assert ledger.settle(ack("boat")) == Settled(boat, None)


def test_a_lost_acknowledgement_costs_the_next_command_time_but_not_its_outcome() -> None:
    ledger = AckLedger()
    list(ledger.expire(0))
    ledger.add(IMAGE, timeout=30, now=0)
    list(ledger.expire(30))
    second = ledger.add(IMAGE, timeout=30, now=31)
    assert ledger.settle(NO) is None, "it may be for the first"
    (settled,) = ledger.expire(61)
    refused(second, "no", settled)
    third = ledger.add(IMAGE, timeout=30, now=62)
    assert ledger.settle(YES) == Settled(third, None), "from here on all is well"


def test_several_commands_after_a_lost_acknowledgement_each_get_their_own_outcome() -> None:
    ledger = AckLedger()
    ledger.forget(ledger.add(IMAGE, timeout=30, now=0))
    second, third = (ledger.add(IMAGE, timeout=30, now=1) for _ in range(2))
    assert ledger.settle(NO) is None
    assert ledger.settle(YES) == Settled(second, None)
    (settled,) = ledger.expire(31)
    assert settled == Settled(third, None)


def test_a_command_that_was_abandoned_is_not_awaited_for_ever() -> None:
    ledger = AckLedger()
    ledger.forget(ledger.add(IMAGE, timeout=30, now=0))
    assert ledger.deadline == 60
    assert not ledger.awaits("set_image_ack")
    assert list(ledger.expire(60)) == []
    second = ledger.add(IMAGE, timeout=30, now=61)
    assert ledger.settle(YES) == Settled(second, None)


def test_abandoned_commands_are_bounded_and_fail_in_silence() -> None:
    ledger = AckLedger()
    for _ in range(10 * ABANDONED_LIMIT):
        ledger.forget(ledger.add(IMAGE, timeout=30, now=0))
    assert sum(ledger.settle(YES) is None for _ in range(ABANDONED_LIMIT)) == ABANDONED_LIMIT
    assert ledger.deadline is None
    ledger.forget(ledger.add(IMAGE, timeout=30, now=0))
    assert list(ledger.fail_all(ConnectError("gone"))) == []

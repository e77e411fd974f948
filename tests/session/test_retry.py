from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from realtime_fast.control.refusals import server_failure
from realtime_fast.errors import (
    AuthenticationError,
    ConnectTimeoutError,
    ControlChannelError,
    IceError,
    InvalidInputError,
    RealtimeError,
    ServerError,
    StageError,
)
from realtime_fast.options import ReconnectPolicy
from realtime_fast.session.retry import RetryBudget, is_permanent

LOST = IceError("gone")


DEFAULT = ReconnectPolicy()


def budget(policy: ReconnectPolicy | None = DEFAULT, random: float = 0.0) -> RetryBudget:
    return RetryBudget(policy, lambda: random)


def test_a_first_connect_is_retried_by_the_schedule() -> None:
    first = budget()
    assert [first.delay_after(LOST, lived=None) for _ in range(6)] == [1, 2, 4, 8, 10, None]


def test_a_loss_is_dialled_at_once_and_then_by_the_schedule() -> None:
    lost = budget()
    assert [lost.delay_after(LOST, lived=60)] + [lost.delay_after(LOST, lived=None) for _ in range(6)] == [
        0, 1, 2, 4, 8, 10, None,
    ]  # fmt: skip


@pytest.mark.parametrize("lived", [0.0, 3.0])
def test_the_first_loss_is_dialled_at_once_however_short_the_connection_lived(lived: float) -> None:
    lost = budget()
    assert [lost.delay_after(LOST, lived=lived)] + [lost.delay_after(LOST, lived=None) for _ in range(6)] == [
        0, 1, 2, 4, 8, 10, None,
    ]  # fmt: skip


def test_each_loss_is_dialled_at_once_while_the_budget_lasts() -> None:
    lost = budget()
    assert [lost.delay_after(LOST, lived=3) for _ in range(7)] == [0, 0, 0, 0, 0, 0, None]


def test_each_long_life_fills_the_budget_again() -> None:
    lost = budget()
    for _ in range(20):
        assert lost.delay_after(LOST, lived=60) == 0
        assert lost.delay_after(LOST, lived=None) == 1


def test_a_connection_that_only_flaps_uses_the_budget_up() -> None:
    flapping = budget()
    assert flapping.delay_after(LOST, lived=60) == 0
    assert [flapping.delay_after(LOST, lived=0.1) for _ in range(6)] == [1, 2, 4, 8, 10, None]


def test_the_session_has_a_budget_of_its_own() -> None:
    session = budget(ReconnectPolicy(session_retries=3))
    assert [session.delay_after(LOST, lived=lived) for lived in (60, None, None, 60, None, 60, None)] == [
        0, 1, 2, 0, 1, 0, None,
    ]  # fmt: skip


def test_jitter_only_shortens() -> None:
    assert budget(random=1.0).delay_after(LOST, lived=None) == pytest.approx(0.75)


def test_no_policy_never_dials_twice() -> None:
    assert budget(None).delay_after(LOST, lived=None) is None
    assert budget(None).delay_after(LOST, lived=60) is None


@pytest.mark.parametrize(
    "text",
    [
        "Permission denied",
        "model is not allowed",
        "Invalid session",
        "HTTP 401",
        "invalid API key",
        "Unauthorized",
    ],
)
def test_refusals_by_name_are_permanent(text: str) -> None:
    failure = server_failure(text)
    assert isinstance(failure, AuthenticationError)
    assert str(failure) == text
    assert budget().delay_after(failure, lived=60) is None


def test_other_texts_may_pass() -> None:
    failure = server_failure("No capacity available")
    assert isinstance(failure, ServerError)
    assert not is_permanent(failure)
    assert str(server_failure("")) != ""
    assert is_permanent(InvalidInputError("x"))


def caused(cause: Exception) -> ControlChannelError:
    failure = ControlChannelError("cannot be reached")
    failure.__cause__ = cause
    return failure


BOTH_LOOPBACKS = OSError(
    f"Multiple exceptions: [Errno {errno.ECONNREFUSED}] Connect call failed ('::1', 9, 0, 0), "
    f"[Errno {errno.ECONNREFUSED}] Connect call failed ('127.0.0.1', 9)"
)

NO_CHANCE = [
    caused(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")),
    caused(BOTH_LOOPBACKS),
    caused(socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
    ControlChannelError("refused", status=404),
    StageError("refused", status=400),
    ServerError("Unknown model 'lucy-9'; known are lucy-2.1"),
    ServerError("The model lucy-9 does not exist"),
]

A_CHANCE = [
    caused(TimeoutError(errno.ETIMEDOUT, "timed out")),
    ControlChannelError("hung up"),
    ControlChannelError("refused", status=503),
    ControlChannelError("refused", status=429),
    ConnectTimeoutError("websocket", 300),
    ServerError("The model has no capacity"),
]


@pytest.mark.parametrize("failure", NO_CHANCE, ids=str)
def test_a_first_connect_without_a_chance_fails_at_once(failure: RealtimeError) -> None:
    assert budget().delay_after(failure, lived=None) is None
    later = budget()
    assert later.delay_after(LOST, lived=None) == 1
    assert later.delay_after(failure, lived=None) is None


@pytest.mark.parametrize("failure", NO_CHANCE, ids=str)
def test_after_a_connection_or_with_patience_the_same_is_retried(failure: RealtimeError) -> None:
    lost = budget()
    assert lost.delay_after(LOST, lived=60) == 0
    assert lost.delay_after(failure, lived=None) == 1
    assert budget(ReconnectPolicy(patient=True)).delay_after(failure, lived=None) == 1


@pytest.mark.parametrize("failure", A_CHANCE, ids=str)
def test_a_first_connect_with_a_chance_is_retried(failure: RealtimeError) -> None:
    assert budget().delay_after(failure, lived=None) == 1


def test_a_policy_that_cannot_work_is_refused() -> None:
    bad_policies: list[dict[str, Any]] = [
        {"retries": -1},
        {"base_delay": 5, "max_delay": 1},
        {"jitter": 2},
        {"session_retries": -1},
    ]
    for bad in bad_policies:
        with pytest.raises(InvalidInputError):
            ReconnectPolicy(**bad)

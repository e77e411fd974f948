from __future__ import annotations

import itertools

import pytest

from realtime_fast.session.states import (
    ATTEMPT_TRANSITIONS,
    AttemptState,
    Generation,
    Signal,
    next_state,
    public_state,
)


def test_the_table_is_all_there_is() -> None:
    for link, signal in itertools.product(AttemptState, Signal):
        if (link, signal) in ATTEMPT_TRANSITIONS:
            assert next_state(link, signal) is ATTEMPT_TRANSITIONS[link, signal]
        else:
            with pytest.raises(RuntimeError, match=link.name):
                next_state(link, signal)


def test_closed_is_final_and_reachable_from_everywhere_else() -> None:
    assert {link for (link, signal), to in ATTEMPT_TRANSITIONS.items() if signal is Signal.ENDED} == set(
        AttemptState
    ) - {AttemptState.CLOSED}
    assert not any(link is AttemptState.CLOSED for link, _ in ATTEMPT_TRANSITIONS)


@pytest.mark.parametrize(
    ("link", "generation", "was_live", "state"),
    [
        (AttemptState.DIALING, Generation.IDLE, False, "connecting"),
        (AttemptState.PREPARING, Generation.RUNNING, False, "connecting"),
        (AttemptState.PREPARING, Generation.IDLE, True, "reconnecting"),
        (AttemptState.LIVE, Generation.IDLE, True, "connected"),
        (AttemptState.LIVE, Generation.RUNNING, False, "generating"),
    ],
)
def test_public_state(link: AttemptState, generation: Generation, was_live: bool, state: str) -> None:
    assert public_state(link, generation, was_live=was_live) == state

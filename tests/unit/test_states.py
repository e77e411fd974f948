from __future__ import annotations

import itertools

import pytest

from realtime_fast.states import LINK_MOVES, Generation, Link, Signal, moved, public_state


def test_the_table_is_all_there_is() -> None:
    for link, signal in itertools.product(Link, Signal):
        if (link, signal) in LINK_MOVES:
            assert moved(link, signal) is LINK_MOVES[link, signal]
        else:
            with pytest.raises(RuntimeError, match=link.name):
                moved(link, signal)


def test_closed_is_final_and_reachable_from_everywhere_else() -> None:
    assert {link for (link, signal), to in LINK_MOVES.items() if signal is Signal.ENDED} == set(Link) - {
        Link.CLOSED
    }
    assert not any(link is Link.CLOSED for link, _ in LINK_MOVES)


@pytest.mark.parametrize(
    ("link", "generation", "was_live", "state"),
    [
        (Link.DIALING, Generation.IDLE, False, "connecting"),
        (Link.PREPARING, Generation.RUNNING, False, "connecting"),
        (Link.PREPARING, Generation.IDLE, True, "reconnecting"),
        (Link.LIVE, Generation.IDLE, True, "connected"),
        (Link.LIVE, Generation.RUNNING, False, "generating"),
    ],
)
def test_public_state(link: Link, generation: Generation, was_live: bool, state: str) -> None:
    assert public_state(link, generation, was_live=was_live) == state

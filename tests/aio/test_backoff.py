from __future__ import annotations

from realtime_fast.aio.backoff import Backoff


def test_delays_grow_until_an_attempt_has_lived() -> None:
    pause = Backoff((0.0, 0.5, 2.0), enough=5.0)
    assert [pause.after(lived) for lived in (0, 0.1, 4.9, 0)] == [0.0, 0.5, 2.0, 2.0]
    assert [pause.after(lived) for lived in (5.0, 0.1, 60.0)] == [0.0, 0.5, 0.0]

from __future__ import annotations

from realtime_fast.diagnostics.telemetry_buffer import (
    BATCH_LIMIT,
    Batch,
    Reporter,
    TelemetryBuffer,
    camel_keys,
)


def names(batch: Batch) -> list[str]:
    return [item["name"] for item in batch.diagnostics]


def taken(buffer: TelemetryBuffer) -> Batch:
    """The next batch, which must be there."""
    batch = buffer.take()
    assert batch is not None
    return batch


def diagnose(buffer: TelemetryBuffer, *kinds: str) -> None:
    for kind in kinds:
        buffer.add_diagnostic(kind, {}, 0)


def test_diagnostics_before_the_session_are_kept_for_it() -> None:
    buffer = TelemetryBuffer()
    diagnose(buffer, "phaseTiming")
    assert buffer.take() is None
    buffer.identified("s1")
    batch = taken(buffer)
    assert (batch.session_id, names(batch)) == ("s1", ["phaseTiming"])
    assert buffer.take() is None


def test_a_new_session_ends_the_previous_reporter() -> None:
    buffer = TelemetryBuffer()
    buffer.identified("s1")
    diagnose(buffer, "a")
    buffer.add_stats({"n": 1})
    buffer.identified("s2")
    diagnose(buffer, "b")
    first, second = taken(buffer), taken(buffer)
    assert (first.session_id, names(first), first.stats) == ("s1", ["a"], ({"n": 1},))
    assert (second.session_id, names(second), second.stats) == ("s2", ["b"], ())


def test_what_was_left_of_the_old_session_goes_first_whichever_kind_it_is() -> None:
    buffer = TelemetryBuffer()
    buffer.identified("s1")
    buffer.add_stats({"n": 1})
    buffer.identified("s2")
    diagnose(buffer, "b")
    assert taken(buffer).session_id == "s1"
    buffer = TelemetryBuffer()
    buffer.identified("s1")
    diagnose(buffer, "a")
    buffer.identified("s2")
    buffer.add_stats({"n": 2})
    assert taken(buffer).session_id == "s1"


def test_many_items_take_many_requests() -> None:
    buffer = TelemetryBuffer()
    buffer.identified("s")
    for number in range(2 * BATCH_LIMIT + 1):
        buffer.add_stats({"n": number})
    sizes = []
    while batch := buffer.take():
        sizes.append(len(batch.stats))
    assert sizes == [BATCH_LIMIT, BATCH_LIMIT, 1]


def test_the_newest_win() -> None:
    buffer = TelemetryBuffer(limit=10)
    buffer.identified("s")
    diagnose(buffer, *map(str, range(14)))
    assert names(taken(buffer)) == [str(number) for number in range(4, 14)]


def test_the_wire_form() -> None:
    head = Reporter("1.2", "m", None, "ivs").head("s", 5.0)
    assert head == {
        "sessionId": "s",
        "timestamp": 5.0,
        "sdkVersion": "1.2",
        "model": "m",
        "tags": {"session_id": "s", "sdk_version": "1.2", "model": "m", "transport": "ivs"},
    }
    assert "model" not in Reporter("1.2", None, "app", "webrtc").head("s", 0)
    assert camel_keys({"duration_ms": 1, "local": {"candidate_type": "host"}, "pairs": [{"a_b": 1}]}) == {
        "durationMs": 1,
        "local": {"candidateType": "host"},
        "pairs": [{"aB": 1}],
    }

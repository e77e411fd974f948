"""Stage events as pure logic: messages, the roster, the heartbeat."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.ivs import events
from realtime_fast.ivs.events import (
    Disconnect,
    JoinError,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    Pong,
    Reassign,
    StageState,
)
from realtime_fast.ivs.participant_token import Claims
from realtime_fast.ivs.roster import Heartbeat, Roster


def state(sequence: int, *participants: dict[str, Any], prefix: str = "") -> Any:
    return events.decode(
        json.dumps(
            {
                "type": prefix + "STAGE_STATE",
                "payload": {"sequenceNumber": sequence, "stageId": "s", "participants": participants},
            }
        )
    )


def person(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "userId": f"user-{name}", "isPublishing": False, "attributes": {}, **more}


def test_the_url_names_the_topic_and_carries_no_token() -> None:
    claims = Claims(
        jti="p", resource="r", topic="a b", whip_url="https://x", events_url="wss://global.events", exp=1.0
    )
    assert (
        events.events_url(claims, "t-1")
        == "wss://global.events?error_over_ws=1&topic=a%20b/publishers&traceid=t-1"
    )


@pytest.mark.parametrize("prefix", ["", "aws:ivs:"])
def test_both_spellings_of_a_state_are_one(prefix: str) -> None:
    message = state(3, person("a", isPublishing=True, audioMuted=True, more="ignored"), prefix=prefix)
    assert isinstance(message, StageState)
    assert message.sequence_number == 3
    (participant,) = message.participants
    assert (participant.id, participant.user_id) == ("a", "user-a")
    assert participant.is_publishing
    assert participant.audio_muted
    assert not participant.video_stopped


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"PONG"}', Pong()),
        ('{"type":"PONG","payload":null}', Pong()),
        ('{"type":"aws:ivs:DISCONNECT","payload":{"reason":"kicked"}}', Disconnect("kicked")),
        ('{"type":"aws:ivs:REASSIGN","payload":{"anything":1}}', Reassign()),
        ('{"type":"aws:ivs:JOIN_ERROR","payload":{"code":"TOKEN_EXPIRED"}}', JoinError("TOKEN_EXPIRED")),
        ('{"type":"aws:ivs:SUBSCRIBER_COUNT","payload":{"count":3}}', None),
        ('{"type":"something else"}', None),
    ],
)
def test_messages(text: str | bytes, message: object) -> None:
    assert events.decode(text) == message


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", b"\xff", '{"type":"STAGE_STATE"}', '{"type":"STAGE_STATE","payload":[]}', "[" * 9999],
)
def test_malformed_messages_are_value_errors(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="expected a message"):
        events.decode(text)


@given(st.text() | st.binary())
def test_garbage_is_never_anything_else(text: str | bytes) -> None:
    with contextlib.suppress(ValueError):
        events.decode(text)


def test_messages_to_the_stage() -> None:
    assert json.loads(events.ping()) == {"type": "PING"}
    assert json.loads(events.set_state(audio_muted=True, video_stopped=False)) == {
        "type": "SET_STATE",
        "version": "0",
        "audioMuted": True,
        "videoStopped": False,
    }


def test_a_roster_tells_who_came_changed_and_left_and_never_counts_oneself() -> None:
    roster = Roster("me")
    (joined,) = roster.apply(state(1, person("me"), person("a")))
    assert isinstance(joined, ParticipantJoined)
    assert joined.participant.id == "a"
    (changed,) = roster.apply(state(2, person("me"), person("a", isPublishing=True)))
    assert isinstance(changed, ParticipantChanged)
    assert changed.participant.is_publishing
    assert not changed.previous.is_publishing
    assert list(roster.others) == ["a"]
    (left,) = roster.apply(state(3, person("me")))
    assert isinstance(left, ParticipantLeft)
    assert left.participant.is_publishing
    assert not roster.others


def test_stale_states_are_ignored_until_a_new_socket_counts_anew() -> None:
    roster = Roster("me")
    roster.apply(state(5, person("a")))
    assert roster.apply(state(5)) == []
    assert roster.apply(state(4)) == []
    assert list(roster.others) == ["a"]
    roster.restart()
    assert list(roster.others) == ["a"]
    (left,) = roster.apply(state(1))
    assert isinstance(left, ParticipantLeft)


@given(st.lists(st.tuples(st.integers(1, 9), st.sets(st.sampled_from("abc")))))
def test_the_events_add_up_to_the_newest_state(states: list[tuple[int, set[str]]]) -> None:
    roster, known, newest, wanted = Roster("me"), set(), 0, set()
    for sequence, names in states:
        if sequence > newest:
            newest, wanted = sequence, names
        for event in roster.apply(state(sequence, *map(person, sorted(names)))):
            if isinstance(event, ParticipantJoined):
                known.add(event.participant.id)
            elif isinstance(event, ParticipantLeft):
                known.remove(event.participant.id)
        assert known == wanted == set(roster.others)


def test_a_heartbeat_pings_and_gives_up_without_an_answer() -> None:
    beat = Heartbeat(100.0, interval=5, patience=3)
    assert beat.tick(104.9) is None
    assert beat.tick(105.0) == "ping"
    assert beat.deadline == 108.0
    beat.pong(105.5)
    assert beat.deadline == 110.5
    assert beat.tick(110.5) == "ping"
    assert beat.tick(113.4) is None
    assert beat.tick(113.5) == "dead"


@pytest.mark.parametrize(
    "attributes",
    ['{"a": ' + "[" * 500 + "]" * 500 + "}", "[" * 100_000, '{"a": {"b": 1}}', '{"a": [1]}'],
    ids=["deep", "endless", "object", "list"],
)
def test_attributes_are_flat(attributes: str) -> None:
    """Whatever is nested is refused before it takes memory many times its length."""
    text = (
        '{"type": "STAGE_STATE", "payload": {"sequenceNumber": 1, "participants": '
        f'[{{"id": "a", "userId": "b", "attributes": {attributes}}}]}}}}'
    )
    with pytest.raises(ValueError, match="expected a message"):
        events.decode(text)

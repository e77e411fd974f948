"""What must not show does not, in whatever spelling."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_fast.errors import ConnectError, ServerError
from realtime_fast.redaction import HIDDEN, PIECE, TEXT_LIMIT, Secrets, StandInError

KEY = 's3cret/+&key"\\42'
TOKEN = "eyJhbGciOiJFUzM4NCJ9." + "x7Q" * 100 + ".sIgNaTuRe-_0"


@pytest.mark.parametrize(
    "spelt",
    [
        KEY,
        quote(KEY),
        quote(KEY, safe=""),
        quote_plus(KEY),
        quote(KEY, safe="").lower().replace("s3cret", "s3cret"),
        quote(quote(KEY, safe=""), safe=""),
        "".join(f"%{ord(character):02X}" for character in KEY),
        json.dumps(KEY)[1:-1],
        json.dumps(KEY)[1:-1].replace("/", "\\/"),
        "".join(f"\\u{ord(character):04x}" for character in KEY),
        repr(KEY)[1:-1],
        quote(json.dumps(KEY)[1:-1]),
    ],
)
def test_every_spelling_is_hidden(spelt: str) -> None:
    text = f"wss://host/stream?api_key={spelt}&model=x"
    assert Secrets(KEY).clean(text) == f"wss://host/stream?api_key={HIDDEN}&model=x"


@given(st.data())
def test_no_piece_of_a_secret_gets_through(data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(TOKEN) - PIECE))
    end = data.draw(st.integers(begin + PIECE, len(TOKEN)))
    around = st.text(alphabet="~!|", max_size=20)
    before, after = data.draw(around), data.draw(around)
    assert Secrets(TOKEN).clean(before + TOKEN[begin:end] + after) == before + HIDDEN + after


@given(st.text(max_size=300))
def test_a_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert Secrets(KEY, TOKEN).clean(text) == text


def test_a_foreign_text_has_a_limit_and_a_secret_that_it_cuts_is_hidden_too() -> None:
    cut = Secrets(TOKEN).clean("~" * (TEXT_LIMIT - 50) + TOKEN)
    assert cut == "~" * (TEXT_LIMIT - 50) + HIDDEN


def test_what_is_too_short_to_be_told_from_a_word_is_no_secret() -> None:
    assert Secrets("in", None, "").clean("within") == "within"
    assert Secrets("demo").clean("demo") == HIDDEN


def test_values_of_all_kinds_are_cleaned_at_any_depth() -> None:
    secrets = Secrets(KEY)
    assert secrets.clean_data({"error": KEY, "n": 1, "list": [None, {"at": f"<{KEY}>"}]}) == {
        "error": HIDDEN,
        "n": 1,
        "list": [None, {"at": f"<{HIDDEN}>"}],
    }
    assert KEY not in repr(secrets)


class Foreign(Exception):
    """A library's error with more on it than it says."""

    def __init__(self, words: str, url: str) -> None:
        super().__init__(words)
        self.url = url


def test_our_error_is_cleaned_in_place_and_a_foreign_one_replaced() -> None:
    ours, foreign = ConnectError(f"no way to {KEY}"), Foreign(f"invalid {KEY}", "")
    ours.__cause__ = foreign
    assert Secrets(KEY).clean_error(ours) is ours
    assert str(ours) == ours.message == f"no way to {HIDDEN}"
    assert isinstance(ours.__cause__, StandInError)
    assert str(ours.__cause__) == f"Foreign: invalid {HIDDEN}"


def test_what_only_an_attribute_shows_is_replaced_as_well() -> None:
    ours = ConnectError("no")
    ours.__cause__ = Foreign("no", f"wss://host?api_key={KEY}")
    Secrets(KEY).clean_error(ours)
    assert isinstance(ours.__cause__, StandInError)


def test_a_harmless_cause_stays_the_same_object_and_the_chain_is_walked_to_its_end() -> None:
    deepest = Foreign(KEY, "")
    middle = ServerError("words")
    middle.__context__ = deepest
    harmless = OSError(104, "connection reset")
    harmless.__cause__ = middle
    ours = ConnectError("lost")
    ours.__cause__ = harmless
    ours.__suppress_context__ = False
    Secrets(KEY).clean_error(ours)
    assert ours.__cause__ is harmless
    assert harmless.__cause__ is middle
    assert isinstance(middle.__context__, StandInError)
    assert not middle.__suppress_context__


def test_a_circle_of_causes_ends() -> None:
    first, second = ConnectError(KEY), ServerError(KEY)
    first.__cause__, second.__cause__ = second, first
    Secrets(KEY).clean_error(first)
    assert str(first) == str(second) == HIDDEN


def test_an_error_that_cannot_be_printed_is_no_obstacle() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    ours = ConnectError(KEY)
    ours.__cause__ = Broken()
    Secrets(KEY).clean_error(ours)
    assert str(ours) == HIDDEN

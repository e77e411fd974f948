from __future__ import annotations

import pytest

from realtime_fast.control.api_key import checked_key
from realtime_fast.errors import AuthenticationError, InvalidInputError


@pytest.mark.parametrize("key", ["", " ", "\n", None, 5, b"bytes"])
def test_no_key_is_an_authentication_error(key: object) -> None:
    with pytest.raises(AuthenticationError, match="Missing API key"):
        checked_key(key)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("pa55word\n", "strip"),
        (" pa55word", "strip"),
        ("pa55\nword", "printable"),
        ("pa55 word", "printable"),
        ("pa55w\u00f6rd", "printable"),
        ("pa55\x00word", "printable"),
    ],
)
def test_what_no_key_has_is_said_without_showing_it(key: str, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as caught:
        checked_key(key)
    assert "pa55" not in str(caught.value)


def test_any_printable_key_passes() -> None:
    key = "".join(map(chr, range(0x21, 0x7F)))
    assert checked_key(key) == key

"""API keys: what can be told about one before anybody is asked. Pure text."""

from __future__ import annotations

import re
from typing import Any

from realtime_fast.errors import AuthenticationError, InvalidInputError


def checked_key(api_key: Any) -> str:
    """The API key, if a URL and an HTTP header can carry it; no message repeats it.

    Raises:
        AuthenticationError: It is missing.
        InvalidInputError: It has characters that no key has, such as the line break at the end of a file.
    """
    if not isinstance(api_key, str) or not api_key.strip():
        raise AuthenticationError("Missing API key: pass the key of your account as api_key")
    if api_key != api_key.strip():
        raise InvalidInputError("api_key begins or ends with a space or a line break: strip() it")
    if not re.fullmatch(r"[\x21-\x7e]+", api_key):
        raise InvalidInputError("api_key must be printable ASCII text without spaces and line breaks")
    return api_key

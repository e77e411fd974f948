from __future__ import annotations

import pytest

from realtime_fast.control.refusals import server_failure
from realtime_fast.errors import AuthenticationError, ServerError


@pytest.mark.parametrize(
    "text",
    [
        "Invalid API key",
        "invalid api_key",
        "Missing API key",
        "Permission denied",
        "You are not allowed to use this model",
        "Invalid session",
        "Unauthorized",
        "403 Forbidden",
        "401",
        "401: no such key",
        "HTTP 401",
        "HTTP/1.1 403 Denied",
        "upstream said HTTP status 403",
        "HTTP error 401",
        "status 403",
        "failed (status code: 401)",
        "error code 403",
        "401 Client Error: for url",
    ],
)
def test_a_refusal_is_permanent(text: str) -> None:
    failure = server_failure(text)
    assert isinstance(failure, AuthenticationError)
    assert str(failure) == text


@pytest.mark.parametrize(
    "text",
    [
        "GPU worker 14013 restarted",
        "worker 401 restarted",
        "403 frames were dropped",
        "node-403 is draining",
        "took 401 ms",
        "queue position 403",
        "HTTP 4010",
        "HTTP 500",
        "error 4031",
        "unforbiddenness",
        "the session became invalid",
        "Server at capacity",
        "",
    ],
)
def test_a_number_in_a_text_is_no_refusal(text: str) -> None:
    assert isinstance(server_failure(text), ServerError)

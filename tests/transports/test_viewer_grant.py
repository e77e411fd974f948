"""How a viewer's request for a grant is refused, and whether it is asked again."""

from __future__ import annotations

from typing import Literal

import pytest

from realtime_fast import RealtimeClient, RealtimeError, SubscribeOptions
from realtime_fast.control.subscribe_token import encode_room_token, encode_subscribe_token
from realtime_fast.errors import AuthenticationError, ConnectError, ServerError
from realtime_fast.options import ReconnectPolicy

from tests.far_side import far_side, http

TOKENS = {"ivs": encode_subscribe_token("sid", "", 0, "ivs"), "livekit": encode_room_token("room")}


@pytest.mark.parametrize("transport", ["ivs", "livekit"])
@pytest.mark.parametrize(
    ("answer", "kind", "status", "asked"),
    [
        (http(400, b'{"error": "no such viewer"}'), ServerError, 400, 1),
        (http(410), ConnectError, 410, 1),
        (http(401), AuthenticationError, None, 1),
        (http(404), AuthenticationError, None, 1),
        (http(429), ConnectError, 429, 3),
        (http(503, b'{"error": "full"}'), ServerError, 503, 3),
        (http(503), ConnectError, 503, 3),
    ],
)
async def test_a_refusal_for_good_is_not_asked_again_on_the_first_dial(
    transport: Literal["ivs", "livekit"],
    answer: bytes,
    kind: type[RealtimeError],
    status: int | None,
    asked: int,
) -> None:
    policy = ReconnectPolicy(retries=2, base_delay=0.01, max_delay=0.01)
    async with far_side(answer) as side:
        options = SubscribeOptions(TOKENS[transport], reconnect=policy, ice_servers=())
        with pytest.raises(kind) as caught:
            await RealtimeClient.subscribe(f"ws://{side.place}", "key", options)
        assert getattr(caught.value, "status", None) == status
        assert len(side.requests) == asked

"""Messages nobody would send: 100,000 into the core, 5,000 over a real socket into a live session."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import anyio

from realtime_fast import RealtimeClient, RealtimeError
from realtime_fast.control import messages
from realtime_fast.media.sources import MediaSource
from realtime_fast.redaction import Secrets
from realtime_fast.server import Service
from realtime_fast.session.acks import Settled
from realtime_fast.session.core import Ended, SessionCore
from realtime_fast.session.states import AttemptState

from tests.support import KEY, Watch, eventually, first_picture, leaving_nothing, options

GENUINE: tuple[dict[str, Any], ...] = (
    {"type": "session_id", "session_id": "s", "server_ip": "127.0.0.1", "server_port": 7},
    {"type": "ready"},
    {"type": "answer", "sdp": "v=0\r\n"},
    {"type": "offer", "sdp": "v=0\r\n"},
    {
        "type": "ice-candidate",
        "candidate": {"candidate": "candidate:1 1 udp 1 ::1 9 typ host", "sdpMid": "0"},
    },
    {"type": "ice-candidate", "candidate": None},
    {"type": "prompt_ack", "prompt": "boat", "success": True, "error": None},
    {"type": "set_image_ack", "success": False, "error": "no"},
    {"type": "generation_started"},
    {"type": "generation_tick", "seconds": 1},
    {"type": "generation_ended", "seconds": 2.5, "reason": "x"},
    {"type": "error", "error": "Model hiccup"},
    {"type": "ivs_stage_ready", "stage_arn": "arn", "client_token": "t"},
    {"type": "metrics_report", "input_fps": 30, "rtt_ms": None, "jitter_ms": 0.5},
    {"type": "latency_report", "server_proxy_rtt_ms": 1, "pipeline_latency_ms": 2},
)
ODDITIES: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 2**70, "", "x" * 3000, "\x00\ud83d", [], [[[]]], {}, {"a": {"b": []}}, "Invalid", 65536,
)  # fmt: skip
LETHAL = ("session", "allowed", "denied", "key", "40")
"""Words by which the service would rightly end a session."""


def mutated(dice: random.Random) -> str | bytes:
    """A genuine message with something wrong in it, or nothing of the sort."""
    message = dict(dice.choice(GENUINE))
    for _ in range(dice.randrange(3)):
        match dice.randrange(4):
            case 0 if len(message) > 1:
                del message[dice.choice(list(message))]
            case 1:
                message[dice.choice(list(message) or ["type"])] = dice.choice(ODDITIES)
            case 2:
                message[dice.choice(["extra", "type", "error", "sdp"])] = dice.choice(ODDITIES)
    text = json.dumps(message)
    match dice.randrange(12):
        case 0:
            at = dice.randrange(len(text))
            return text[:at] + chr(dice.randrange(1, 0x3000)) + text[at + dice.randrange(3) :]
        case 1:
            return text[: dice.randrange(len(text))]
        case 2:
            return dice.randbytes(dice.randrange(64))
        case 3:
            return text.encode()
        case _:
            return text


def mutations(seed: int, count: int) -> Iterator[str | bytes]:
    dice = random.Random(seed)
    return (mutated(dice) for _ in range(count))


def test_a_hundred_thousand_messages_into_the_core() -> None:
    """Whatever comes: every command is settled once, an attempt ends once, and time never stands still."""
    ends = settled = 0
    core, waiting, now = SessionCore("webrtc", Secrets()), set[int](), 0.0
    dice = random.Random(1)
    for number, text in enumerate(mutations(2, 100_000)):
        if core.state is AttemptState.CLOSED or number % 97 == 0:
            core.close()
            ends, settled = count(core, waiting, ends, settled)
            assert not waiting
            core = SessionCore("webrtc", Secrets())
            core.channel_opened()
            if dice.random() < 0.7:
                core.ready()
        now += dice.random() * 0.2
        if dice.random() < 0.2 and core.state is not AttemptState.CLOSED:
            command = (
                messages.Prompt(prompt="boat") if dice.random() < 0.5 else messages.SetImage(image_data=None)
            )
            waiting.add(core.request(command, timeout=dice.random() * 10, now=now))
        try:
            core.receive(messages.decode_server(text))
        except messages.MalformedMessageError as error:
            core.malformed(error, now)
        if (deadline := core.deadline) is not None and deadline <= now:
            core.tick(now)
            assert core.deadline is None or core.deadline > now
        ends, settled = count(core, waiting, ends, settled)
    assert ends > 1000
    assert settled > 1000


def count(core: SessionCore, waiting: set[int], ends: int, settled: int) -> tuple[int, int]:
    for output in core.take():
        if isinstance(output, Settled):
            waiting.remove(output.ticket)
            settled += 1
        ends += isinstance(output, Ended)
    return ends, settled


async def test_five_thousand_messages_into_a_live_session(
    service: Service, camera: MediaSource, watch: Watch
) -> None:
    async with (
        leaving_nothing(),
        RealtimeClient.connect(service.url, KEY, camera, options()) as client,
    ):
        await first_picture(client)
        (session,) = service.sessions.values()
        began, sent = time.monotonic(), 0
        for message in mutations(3, 20_000):
            if sent == 5_000:
                break
            # Signaling for a link of this kind is renegotiated or refused by the media path: see test_peer.
            if any(kind in str(message) for kind in ('"offer"', '"answer"', "ivs_stage_ready", *LETHAL)):
                continue
            session.emit_raw(message)
            sent += 1
            while session._outbox.statistics().current_buffer_used > 50:
                await anyio.sleep(0.002)
        assert sent == 5_000
        # The acknowledgements among them answer commands that nobody gave; the genuine ones come through.
        with anyio.fail_after(15):
            while session.prompt != "still here":
                with suppress(RealtimeError):  # a forged refusal may still be on its way
                    await client.set_prompt("still here")
        assert session.prompt == "still here"
        await first_picture(client)
        assert client.is_connected()
        assert list(service.sessions) == [session.id]
        assert time.monotonic() - began < 30
        await eventually(lambda: watch.errors)  # those that were well-formed `error` messages

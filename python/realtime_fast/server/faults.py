"""Faults for testing client resilience.

The answer is an SDP answer, or the information about a LiveKit room.

`Faults` is a frozen setting; `Switch` decides which connections it applies to. The fault of a phase takes effect when a
connection enters the phase:

| phase       | entered when                                    | takes effect before       |
|-------------|-------------------------------------------------|---------------------------|
| `open`      | the control channel is accepted                 | `session_id`              |
| `state`     | the first prompt or image arrives               | its ack                   |
| `offer`     | the first offer or `livekit_join` arrives       | the queue                 |
| `queue`     | its places have been told, if there are any     | the answer                |
| `answer`    | the answer is ready (a delay), or has been sent | media                     |
| `connected` | media is up                                     | `generation_started`      |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, get_args

from realtime_fast.errors import InvalidInputError

FaultPhase: TypeAlias = Literal["open", "state", "offer", "queue", "answer", "connected"]
AckFault: TypeAlias = Literal["never", "fail", "wrong", "twice"]
InfoFault: TypeAlias = Literal["never", "malformed", "dead", "expired"]
RoomFault: TypeAlias = Literal[
    "signal", "removed", "deleted", "twice", "absent", "back", "codec", "double", "foreign"
]
PublishFault: TypeAlias = Literal["audio-first", "two-videos"]
WatchFault: TypeAlias = Literal["401", "404", "500", "html", "partial"]
Noise: TypeAlias = Literal["garbage", "unknown", "mutated"]

CAPACITY_ERROR = "Service is at capacity. Please try again later."


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The faults to inject; none by default.

    Attributes:
        http: HTTP status (400 … 599) that refuses the WebSocket handshake.
        error: Phase in which the session is rejected with an `error` message, and then closed.
        error_text: What that message says.
        close: Phase in which the WebSocket is closed, with `close_code`.
        close_code: The close code.
        drop: Phase in which the TCP connection is reset.
        delay: Seconds each phase takes longer.
        ack: What happens to acknowledgements: none is sent, each reports failure, each is preceded by one for
            another text, each is sent twice.
        ack_delay: Seconds by which every acknowledgement is delayed, while everything else continues.
        noise: Sent before each genuine message: `garbage` (no valid messages), `unknown` (unknown types and
            fields) or `mutated` (known types with wrong fields).
        trickle: Take the candidates out of the answer and send them one by one, before or after it.
        renegotiate: Seconds after media is up at which the service sends an offer of its own.
        slow: Extra seconds that the model takes for each picture.
        stall: Seconds after media is up at which no more pictures are sent.
        resize: Seconds after media is up at which pictures are half as wide and high.
        silence: Seconds after media is up at which no more packets of any kind are sent.
        cut: Seconds after media is up at which the media sockets are closed without notice.
        queue: Places that a client waits for, one after another, before it is answered.
        room_info: What is wrong with the information about a LiveKit room: it never comes, is malformed, names a
            dead server, or has an expired token.
        room: Seconds after media is up at which something happens in the LiveKit room: the client's `signal` socket is
            cut, the client is `removed`, the room is `deleted`, somebody joins with the client's identity (`twice`),
            the service's participant is `absent`, comes `back`, publishes in another `codec`, or comes a second time
            (`double`), or a `foreign` participant publishes.
        late: Seconds after the invitation at which the service's participant comes into the room.
        publish: What the service's participant publishes in the LiveKit room: its sound long before its pictures, or
            its pictures twice.
        watch: How a viewer's request for a LiveKit room is answered: with a status, a page, or without a token.
        times: How many connections are affected; None for all.
    """

    http: int | None = None
    error: FaultPhase | None = None
    error_text: str = CAPACITY_ERROR
    close: FaultPhase | None = None
    close_code: int = 1011
    drop: FaultPhase | None = None
    delay: Mapping[FaultPhase, float] = field(default_factory=dict)
    ack: AckFault | None = None
    ack_delay: float = 0.0
    noise: Noise | None = None
    trickle: Literal["before", "after"] | None = None
    renegotiate: float | None = None
    slow: float = 0.0
    stall: float | None = None
    resize: float | None = None
    silence: float | None = None
    cut: float | None = None
    queue: int = 0
    room_info: InfoFault | None = None
    room: Mapping[RoomFault, float] = field(default_factory=dict)
    late: float = 0.0
    publish: PublishFault | None = None
    watch: WatchFault | None = None
    times: int | None = None

    def __post_init__(self) -> None:
        for name, (expected, holds) in _CHECKS.items():
            if not holds(getattr(self, name)):
                raise InvalidInputError(f"fault {name} must be {expected}, not {getattr(self, name)!r}")

    def given(self) -> dict[str, Any]:
        """The settings that differ from the defaults."""
        return {
            f.name: value for f in fields(self) if (value := getattr(self, f.name)) != getattr(_NONE, f.name)
        }

    @classmethod
    def parse(cls, options: Iterable[str]) -> Faults:
        """Read `NAME[=VALUE]` options, as the command line and `/dev/faults` take them (see `HELP`).

        Raises:
            InvalidInputError: No such fault, or a value that does not fit.
        """
        settings: dict[str, Any] = {}
        for option in options:
            name, _, value = option.partition("=")
            written = name.strip()
            name = written.replace("-", "_")
            if name not in _READERS:
                known = ", ".join(sorted(_READERS)).replace("_", "-")
                raise InvalidInputError(f"No fault is called {written!r}; there are {known}")
            try:
                _READERS[name](settings, value.strip())
            except ValueError as error:
                raise InvalidInputError(f"--fault {option}: expected {HELP[name]}") from error
        return cls(**settings)


class Switch:
    """Hands each new connection its faults, and stops after `times` of them."""

    def __init__(self, faults: Faults) -> None:
        self.set(faults)

    def set(self, faults: Faults) -> None:
        """Apply these to later connections; the count starts again."""
        self.faults = faults
        self._left = faults.times

    def take(self) -> Faults:
        """The faults of a new connection."""
        if self._left is None:
            return self.faults
        if self._left == 0:
            return Faults()
        self._left -= 1
        return self.faults


def noise(kind: Noise) -> tuple[str | bytes, ...]:
    """The messages of one kind of noise; none is a valid message of this protocol."""
    match kind:
        case "garbage":
            return (
                "",
                "not json",
                "[]",
                "{}",
                "42",
                '{"type": 7}',
                '{"type": "answer"',
                b"\x00\xff\xfe",
                "null",
            )
        case "unknown":
            return (
                '{"type": "weather", "degrees": 3}',
                '{"type": "x", "nested": {"type": "error", "error": "no"}}',
                '{"type": "generation_tick_v2", "seconds": 1}',
            )
        case "mutated":
            return (
                '{"type": "session_id", "session_id": null}',
                '{"type": "prompt_ack", "prompt": 5, "success": "maybe"}',
                '{"type": "set_image_ack"}',
                '{"type": "ice-candidate", "candidate": [1, 2]}',
                '{"type": "generation_tick", "seconds": "soon"}',
                '{"type": "metrics_report", "input_fps": {}}',
                '{"type": "queue_position", "position": "first"}',
            )


HELP: dict[str, str] = {
    "http": "http=STATUS, refuse the handshake, for example with 401, 403 or 503",
    "error": "error=PHASE[:TEXT], reject with an error message (a capacity error unless TEXT is given)",
    "close": "close=PHASE[:CODE], close the WebSocket (1011)",
    "drop": "drop=PHASE, reset the TCP connection",
    "delay": "delay=PHASE:SECONDS, make a phase longer (repeatable)",
    "ack": "ack=never|fail|wrong|twice, mistreat acknowledgements",
    "ack_delay": "ack-delay=SECONDS, acknowledge late",
    "noise": "noise=garbage|unknown|mutated, put such messages between the genuine ones",
    "trickle": "trickle=before|after, send candidates apart from the answer",
    "renegotiate": "renegotiate[=SECONDS], offer anew so long after media is up",
    "slow": "slow=SECONDS, the model takes so much longer for each picture",
    "stall": "stall[=SECONDS], send no more pictures from so long after media is up",
    "resize": "resize[=SECONDS], send smaller pictures from so long after media is up",
    "silence": "silence[=SECONDS], send no more packets from so long after media is up",
    "cut": "cut[=SECONDS], close the media sockets so long after media is up",
    "queue": "queue=N, have the client wait for N places of a queue",
    "room_info": "room-info=never|malformed|dead|expired, mistreat the information about a LiveKit room",
    "room": "room=WHAT[:SECONDS], in the LiveKit room so long after media is up: signal, removed, deleted, twice, "
    "absent, back, codec, double or foreign (repeatable)",
    "late": "late=SECONDS, have the service's participant come into the LiveKit room so late",
    "publish": "publish=audio-first|two-videos, have it publish sound long before pictures, or pictures twice",
    "watch": "watch=401|404|500|html|partial, answer a LiveKit viewer's request so",
    "times": "times=N, hit only the first N connections",
}
"""How each fault is written; phases are open, state, offer, queue, answer, connected."""


def _choice(value: str, allowed: tuple[Any, ...]) -> str:
    if value not in allowed:
        raise ValueError(value)
    return value


_PHASES = get_args(FaultPhase)
_Reader: TypeAlias = Callable[[dict[str, Any], str], None]


def _phase_with(name: str, extra: str, convert: Callable[[str], Any]) -> _Reader:
    def read(settings: dict[str, Any], value: str) -> None:
        phase, given, rest = value.partition(":")
        settings[name] = _choice(phase, _PHASES)
        if given:
            settings[extra] = convert(rest)

    return read


def _delay(settings: dict[str, Any], value: str) -> None:
    phase, _, seconds = value.partition(":")
    settings["delay"] = {**settings.get("delay", {}), _choice(phase, _PHASES): float(seconds)}


def _room(settings: dict[str, Any], value: str) -> None:
    fault, _, seconds = value.partition(":")
    settings["room"] = {**settings.get("room", {}), _choice(fault, get_args(RoomFault)): float(seconds or 0)}


def _value(name: str, convert: Callable[[str], Any], default: str = "") -> _Reader:
    def read(settings: dict[str, Any], value: str) -> None:
        settings[name] = convert(value or default)

    return read


def _one_of(name: str, allowed: tuple[Any, ...]) -> _Reader:
    return _value(name, lambda value: _choice(value, allowed))


_READERS: dict[str, _Reader] = {
    "http": _value("http", int),
    "error": _phase_with("error", "error_text", str),
    "close": _phase_with("close", "close_code", int),
    "drop": _one_of("drop", _PHASES),
    "delay": _delay,
    "ack": _one_of("ack", get_args(AckFault)),
    "ack_delay": _value("ack_delay", float),
    "noise": _one_of("noise", get_args(Noise)),
    "trickle": _one_of("trickle", ("before", "after")),
    "slow": _value("slow", float),
    **{name: _value(name, float, "0") for name in ("renegotiate", "stall", "resize", "silence", "cut")},
    "queue": _value("queue", int),
    "room_info": _one_of("room_info", get_args(InfoFault)),
    "room": _room,
    "late": _value("late", float),
    "publish": _one_of("publish", get_args(PublishFault)),
    "watch": _one_of("watch", get_args(WatchFault)),
    "times": _value("times", int),
}


def _seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < float("inf")


def _optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _within(*allowed: Any) -> Callable[[Any], bool]:
    return lambda value: value in allowed


_IN_PHASE = (f"one of {', '.join(_PHASES)}", _within(None, *_PHASES))
_SOME_SECONDS = ("0 or more seconds", _seconds)
_LATER = ("0 or more seconds, or None", _optional(_seconds))
_CLOSE_CODES = (1000, 1001, 1002, 1003, *range(1007, 1015))
_CHECKS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "http": ("an HTTP status from 400 to 599", _optional(lambda value: 400 <= value <= 599)),
    "error": _IN_PHASE,
    "close": _IN_PHASE,
    "close_code": (
        "1000, 1001, 1002 … 1014 or 3000 … 4999",
        lambda c: c in _CLOSE_CODES or 3000 <= c <= 4999,
    ),
    "drop": _IN_PHASE,
    "delay": (
        "a mapping of phases to seconds",
        lambda delays: all(phase in _PHASES and _seconds(s) for phase, s in delays.items()),
    ),
    "ack": ("never, fail, wrong or twice", _within(None, *get_args(AckFault))),
    "ack_delay": _SOME_SECONDS,
    "noise": ("garbage, unknown or mutated", _within(None, *get_args(Noise))),
    "trickle": ("before or after", _within(None, "before", "after")),
    "renegotiate": _LATER,
    "slow": _SOME_SECONDS,
    "stall": _LATER,
    "resize": _LATER,
    "silence": _LATER,
    "cut": _LATER,
    "queue": ("0 or more", lambda value: value >= 0),
    "room_info": ("never, malformed, dead or expired", _within(None, *get_args(InfoFault))),
    "room": (
        "a mapping of what happens to seconds",
        lambda faults: all(name in get_args(RoomFault) and _seconds(s) for name, s in faults.items()),
    ),
    "late": _SOME_SECONDS,
    "publish": ("audio-first or two-videos", _within(None, *get_args(PublishFault))),
    "watch": ("401, 404, 500, html or partial", _within(None, *get_args(WatchFault))),
    "times": ("0 or more, or None", _optional(lambda value: value >= 0)),
}
_NONE = Faults()

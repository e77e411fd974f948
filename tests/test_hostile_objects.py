"""Objects that change while they are read, interrupt, or have no end: the extension answers as Python itself would."""

from __future__ import annotations

import inspect
import itertools
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn, TypeAlias

import av
import numpy as np
import pytest

from realtime_fast import _native, marker
from realtime_fast._native import NetworkLink, ProbeLedger, RtpEndpoint, StatsParser, VideoMeter

INBOUND = {"type": "inbound-rtp", "kind": "video", "framesDecoded": 1}


class Interrupting:
    """Raises a `KeyboardInterrupt`, as a signal does, at whatever is done with it."""

    def _interrupt(self, *_: object) -> NoReturn:
        raise KeyboardInterrupt

    __getattr__ = __float__ = __index__ = __int__ = __len__ = __iter__ = __getitem__ = __repr__ = _interrupt
    __buffer__ = _interrupt


class Whole(int):
    """An integer that does something when it is read as a float."""

    then: Callable[[], object]

    def __float__(self) -> float:
        self.then()
        return 1.0


def whole(then: Callable[[], object]) -> Whole:
    number = Whole(1)
    number.then = then
    return number


def test_a_report_that_changes_while_it_is_read_is_a_runtime_error() -> None:
    report: dict[str, Any] = {"a": dict(INBOUND), "b": dict(INBOUND)}
    report["a"]["framesDecoded"] = whole(lambda: report.update(c=1))
    with pytest.raises(RuntimeError, match="changed size"):
        StatsParser().parse(report, 1.0)


def test_durations_that_change_while_they_are_read_are_left_out() -> None:
    durations: dict[str, Any] = {"cpu": 1.0, "none": 2.0}
    durations["cpu"] = whole(durations.clear)
    entry = {"type": "outbound-rtp", "kind": "video", "qualityLimitationDurations": durations}
    *_, outbound, _ = StatsParser().parse({"a": entry}, 1.0)
    assert outbound is not None


def test_conditions_that_change_while_they_are_read_are_a_runtime_error() -> None:
    conditions: Any = {"loss": 0.0, "delay": 0.0}
    conditions["loss"] = whole(lambda: conditions.update(jitter=0.1))
    with pytest.raises(RuntimeError, match="changed size"):
        NetworkLink(1, 0.0, conditions)


def interrupt() -> NoReturn:
    raise KeyboardInterrupt


FRAME = av.VideoFrame(64, 36, "yuv420p")
GREY = np.zeros((36, 64), np.uint8)

INTERRUPTED: dict[str, Callable[[], object]] = {
    "attributes of an entry": lambda: StatsParser().parse({"a": Interrupting()}, 1.0),
    "a number of an entry": lambda: StatsParser().parse({"a": {**INBOUND, "jitter": whole(interrupt)}}, 1.0),
    "the time": lambda: StatsParser().parse({}, Interrupting()),  # type: ignore[arg-type]
    "a side": lambda: _native.array_shape("gray8", (Interrupting(), 4)),  # type: ignore[arg-type]
    "a size": lambda: _native.array_shape("gray8", Interrupting()),  # type: ignore[arg-type]
    "a format": lambda: _native.array_shape(Interrupting(), (8, 8)),  # type: ignore[arg-type]
    "a number of a marker": lambda: marker.stamp(GREY, Interrupting()),  # type: ignore[arg-type]
    "numbers in flight": lambda: marker.read(GREY, "soft", in_flight=Interrupting()),
    "the meter's clock": lambda: VideoMeter().add(Interrupting(), 1, 1),  # type: ignore[arg-type]
    "the ledger's clock": lambda: ProbeLedger(1.0).stamp(Interrupting()),  # type: ignore[arg-type]
    "a seed": lambda: RtpEndpoint(Interrupting(), 0.0),  # type: ignore[arg-type]
    "a written number": lambda: VideoMeter().add(1.0, Huge(1 << 70), 1),
}


class Huge(int):
    """Too large, and an interrupt when it is written out."""

    def __repr__(self) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize("where", INTERRUPTED)
def test_an_interrupt_is_passed_on(where: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        INTERRUPTED[where]()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="buffers of Python classes are new in 3.12")
def test_an_interrupt_of_a_buffer_is_passed_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        marker.stamp(Interrupting(), 1)


@pytest.mark.parametrize("number", [-1, 1 << 40, 1 << 4000])
def test_what_does_not_fit_is_a_value_error(number: int) -> None:
    meter, ledger = VideoMeter(), ProbeLedger(1.0)
    calls: list[Callable[[], object]] = [
        lambda: meter.add(1.0, number, 1),
        lambda: meter.add(1.0, 1, number),
        lambda: ledger.observe(number, 1.0),
    ]
    if number > 1 << 2000:
        calls += [
            lambda: meter.add(number, 1, 1),
            lambda: meter.rate(number),
            lambda: meter.inbound(number),
            lambda: ledger.stamp(number),
            lambda: ledger.lost(number),
            lambda: ledger.observe("corrupted", number),
            lambda: ProbeLedger(number),
        ]
    for call in calls:
        with pytest.raises(ValueError, match=r"expected .*, got "):
            call()
    assert (meter.frames, len(ledger)) == (0, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: _native.array_shape("gray8", itertools.repeat(8)),  # type: ignore[arg-type]
        lambda: marker.read(GREY, "soft", in_flight=itertools.repeat(1)),
    ],
)
def test_what_has_no_end_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        call()


@pytest.mark.sockets  # it starts a process
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_where_there_is_no_memory_it_is_a_memory_error() -> None:
    program = """
import resource
import numpy as np
from realtime_fast.frames import convert
source, target = np.zeros((4000, 4000, 2), np.uint8), np.zeros((8, 8), np.uint8)
formats = {"source_format": "yuyv422", "target_format": "gray8"}
convert(np.zeros((8, 8, 2), np.uint8), target, **formats)
used = 4096 * int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (used + 12_000_000, used + 12_000_000))
try:
    convert(source, target, filter="area", **formats)
except MemoryError as error:
    assert "24000000 bytes" in str(error)
    print("no memory")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.stdout, done.returncode) == ("no memory\n", 0), done.stderr


def hostile(dice: random.Random) -> Any:
    """An object that somebody might pass by mistake or on purpose, with no interrupt among them."""

    class Raising:
        def _raise(self, *_: object) -> NoReturn:
            raise dice.choice([LookupError, RecursionError, MemoryError, StopIteration, OverflowError])

        __getattr__ = __float__ = __index__ = __len__ = __iter__ = __getitem__ = __repr__ = _raise

    changing: dict[Any, Any] = {"a": INBOUND, "loss": 0.1}
    changing["loss"] = whole(lambda: changing.update({dice.random(): 1}))
    makers: list[Callable[[], Any]] = [
        Raising,
        lambda: changing,
        lambda: {"a": changing, "b": Raising()},
        lambda: {str(n): {**INBOUND, "id": n} for n in range(9)},
        lambda: itertools.count(),
        lambda: None,
        lambda: dice.choice([0, -1, 1 << 31, 1 << 63, 1 << 9000, True]),
        lambda: dice.choice([0.0, -0.0, 1e308, float("nan"), float("inf"), -5.5]),
        lambda: dice.choice(["", "hard", "soft", "yuv420p", "bt601", "\ud800", "x" * 9999, "{}", "[" * 9999]),
        lambda: dice.choice([b"", b"\0" * 99, bytearray(64 * 36), b'{"a": {"type": "inbound-rtp"}}']),
        lambda: memoryview(bytes(96)).cast("I"),
        lambda: np.zeros(
            dice.choice([(0,), (4, 24), (36, 64), (54, 64), (36, 64, 3), (2, 2, 2, 2)]), np.uint8
        ),
        lambda: np.zeros((36, 64), np.uint8)[:: dice.choice([1, 2, -1]), :: dice.choice([1, 2, -1])],
        lambda: np.lib.stride_tricks.as_strided(np.zeros(64, np.uint8), (36, 64), (0, 1)),
        lambda: av.VideoFrame(
            *dice.choice([(64, 36), (1, 1), (25, 5)]), dice.choice(["yuv420p", "rgb24", "p010le"])
        ),
        lambda: (np.zeros((36, 64), np.uint8),) * dice.choice([0, 1, 2, 3]),
        lambda: (64, 36),
        lambda: [hostile(dice), hostile(dice)],
        lambda: ProbeLedger(1.0),
        lambda: type("Sub", (dict,), {"items": lambda self: itertools.repeat((1,))})(a=1),
        object,
    ]
    return dice.choice(makers)()


MADE: dict[type, Callable[[], object]] = {
    StatsParser: StatsParser,
    VideoMeter: VideoMeter,
    ProbeLedger: lambda: ProbeLedger(1.0),
    RtpEndpoint: lambda: RtpEndpoint(1, 0.0),
    NetworkLink: lambda: NetworkLink(1, 0.0),
    _native.Adaptation: lambda: _native.Adaptation("vp8", "balanced", 64, 36, 30, 300_000, 0.0),
    _native.View: lambda: _native.View(FRAME),
}

Getter: TypeAlias = Callable[[], Callable[..., object]]


def callables() -> Iterator[tuple[str, Getter, int, list[str]]]:
    """Every public function, constructor and method, how to get hold of it, and what it takes."""
    for name in _native.__all__:
        item = getattr(_native, name)
        if not callable(item):
            continue
        yield name, partial(getattr, _native, name), *taken(item)
        for method in dir(item) if item in MADE else ():
            if not method.startswith("_") and callable(getattr(item, method)):
                yield f"{name}.{method}", partial(method_of, item, method), *taken(getattr(item, method))


def method_of(kind: type, name: str) -> Callable[..., object]:
    method: Callable[..., object] = getattr(MADE[kind](), name)
    return method


def taken(item: Any) -> tuple[int, list[str]]:
    try:
        parameters = inspect.signature(item).parameters.values()
    except (ValueError, TypeError):
        return 2, []
    positional = [p for p in parameters if p.kind is not p.KEYWORD_ONLY and p.name != "self"]
    return len(positional), [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


@pytest.mark.parametrize(
    ("name", "get", "count", "keywords"), list(callables()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_no_hostile_object_brings_more_than_an_exception(
    name: str, get: Getter, count: int, keywords: list[str]
) -> None:
    dice = random.Random(name)
    for _ in range(150):
        call = get()
        given = {word: hostile(dice) for word in keywords if dice.random() < 0.3}
        try:
            call(
                *(hostile(dice) for _ in range(dice.choice([count, count, count, max(0, count - 1)]))),
                **given,
            )
        except Exception:
            continue  # a panic and an interrupt are none


def test_the_run_covers_what_there_is() -> None:
    names = {name for name, *_ in callables()}
    assert {"stamp", "read", "convert", "StatsParser.parse", "VideoMeter.add", "RtpEndpoint.receive"} <= names

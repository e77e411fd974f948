"""Errors travel: between processes, and as copies."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeAlias

import pytest

from realtime_fast import errors
from realtime_fast.errors import ConnectTimeoutError, RealtimeError, StageError

Kind: TypeAlias = type[RealtimeError]


def kinds(base: Kind = RealtimeError) -> Iterator[Kind]:
    yield base
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from kinds(kind)


def made(kind: type[RealtimeError]) -> RealtimeError:
    if kind is errors.InvalidSubscribeTokenError:
        return kind()
    if kind is ConnectTimeoutError:
        return ConnectTimeoutError("websocket", 2.5, transport="ivs")
    if kind is StageError:
        return StageError("words", status=403, phase="join")
    return kind("words", phase="websocket", transport="webrtc")


@pytest.mark.parametrize("kind", list(dict.fromkeys(kinds())))
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_every_error_can_be_copied_and_pickled(kind: type[RealtimeError], way: object) -> None:
    error = made(kind)
    error.add_note("a note")
    other = way(error)  # type: ignore[operator]
    assert type(other) is kind
    assert other is not error
    assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
    assert (other.code, other.data) == (error.code, error.data)


def fail() -> None:
    raise ConnectTimeoutError("websocket", 2.5, transport="ivs")


def test_an_error_comes_out_of_a_process_pool_as_itself() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(ConnectTimeoutError, match=r"not done within 2\.5 s") as caught,
    ):
        pool.submit(fail).result(timeout=50)
    assert (caught.value.code, caught.value.timeout_s) == ("IVS_TIMEOUT_ERROR", 2.5)

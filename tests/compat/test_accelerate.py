"""The import path of the pure-Python SDK leads here, and back again."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from typing import Any

import decart
import decart.client
import decart.errors
import decart.realtime
import pytest

import realtime_fast
from realtime_fast import errors
from realtime_fast.compat.decart import ERRORS, accelerate, restore

PUBLIC = ["client", "types", "subscribe", "messages"]
REALTIME_NAMES = [name for name in decart.realtime.__all__ if name != "GenerationTickMessage"]


def loaded() -> dict[str, Any]:
    """All that `accelerate` may touch."""
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "decart"}
    names = {
        f"{name}:{key}": value for name, module in modules.items() for key, value in vars(module).items()
    }
    bases = {name: kind.__bases__ for name, kind in vars(errors).items() if isinstance(kind, type)}
    return {**modules, **names, **bases, "exports": list(decart.__all__)}


def everything(kind: type[Exception] = errors.RealtimeError) -> list[type[Exception]]:
    return [kind, *(below for child in kind.__subclasses__() for below in everything(child))]


def example(kind: type[Exception]) -> Exception:
    if kind is errors.InvalidSubscribeTokenError:
        return kind()
    if kind is errors.ConnectTimeoutError:
        return kind("websocket", 1.0)
    return kind("what happened")


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)


def test_nothing_is_patched_unless_asked_for() -> None:
    done = run(
        "import realtime_fast, sys; assert 'decart' not in sys.modules\n"
        "import decart.realtime; assert decart.RealtimeClient.__module__ == 'decart.realtime.client'\n"
        "assert decart.realtime.webrtc_manager"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("accelerated")
def test_all_names_are_ours() -> None:
    package = importlib.import_module("decart.realtime")
    assert package is decart.realtime
    assert set(REALTIME_NAMES) <= set(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is getattr(realtime_fast, name), name
    for name in REALTIME_NAMES:
        assert getattr(decart, name) is getattr(realtime_fast, name), name
        assert name in decart.__all__
    assert decart.REALTIME_AVAILABLE
    assert vars(decart.client)["RealtimeClient"] is realtime_fast.RealtimeClient


@pytest.mark.usefixtures("accelerated")
@pytest.mark.parametrize("name", PUBLIC)
def test_public_submodules_are_ours(name: str) -> None:
    module = importlib.import_module(f"decart.realtime.{name}")
    assert module is getattr(decart.realtime, name)
    assert importlib.util.find_spec(f"decart.realtime.{name}") is module.__spec__
    for member in module.__all__:
        if member in decart.realtime.__all__:
            assert getattr(module, member) is getattr(realtime_fast, member)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_submodules_lack_no_class_that_was_there(name: str) -> None:
    theirs = importlib.import_module(f"decart.realtime.{name}")
    kinds = {
        key for key, value in vars(theirs).items() if getattr(value, "__module__", "") == theirs.__name__
    }
    kinds -= {"_image_to_base64"}  # private
    kinds -= {"parse_incoming_message", "message_to_json"}  # the wire's plumbing
    assert kinds
    accelerate()
    try:
        ours = importlib.import_module(f"decart.realtime.{name}")
        assert [key for key in sorted(kinds) if not hasattr(ours, key)] == []
    finally:
        restore()


@pytest.mark.usefixtures("accelerated")
def test_inner_modules_are_gone_rather_than_mixed() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"decart\.realtime\.webrtc_manager"):
        importlib.import_module("decart.realtime.webrtc_manager")


def test_restore_undoes_everything() -> None:
    before = loaded()
    for _ in range(2):
        accelerate()
        accelerate()
        assert loaded() != before
        restore()
        restore()
        assert loaded() == before
    assert issubclass(errors.InvalidInputError, ValueError)


@pytest.mark.usefixtures("accelerated")
@pytest.mark.parametrize("kind", everything()[1:])
def test_handlers_for_the_sdk_catch_ours(kind: type[Exception]) -> None:
    cause = OSError("underneath")
    with pytest.raises(decart.errors.DecartSDKError) as caught:
        raise example(kind) from cause
    error: Any = caught.value
    assert error.message == str(error) == error.args[0]
    assert error.cause is cause
    assert isinstance(error.data, dict)
    assert isinstance(error.code, str)


@pytest.mark.usefixtures("accelerated")
def test_errors_keep_their_meaning() -> None:
    assert all(issubclass(kind, decart.WebRTCError) for kind in everything(errors.ConnectError))
    for kind in errors.AuthenticationError, errors.ServerError, errors.AckTimeoutError:
        assert issubclass(kind, decart.WebRTCError)
    assert issubclass(errors.InvalidInputError, decart.InvalidInputError)
    assert not issubclass(errors.InvalidInputError, decart.WebRTCError)
    assert issubclass(errors.NotConnectedError, RuntimeError)  # what the SDK raises there
    assert not issubclass(decart.WebRTCError, errors.RealtimeError)  # theirs do not become ours


def test_every_branch_of_the_tree_is_covered() -> None:
    branches = errors.RealtimeError.__subclasses__()
    assert set(ERRORS) == {kind for kind in branches if kind.__module__ == errors.__name__}


def test_without_the_realtime_extra() -> None:
    done = run(
        "import sys; sys.modules['tenacity'] = None\n"
        "import decart, realtime_fast\n"
        "assert decart.RealtimeClient is None and not decart.REALTIME_AVAILABLE\n"
        "assert 'RealtimeClient' not in decart.__all__\n"
        "realtime_fast.accelerate()\n"
        "from decart import RealtimeClient, SetInput\n"
        "from decart.realtime.messages import GenerationTickMessage\n"
        "assert RealtimeClient is realtime_fast.RealtimeClient and decart.REALTIME_AVAILABLE\n"
        "assert 'RealtimeClient' in decart.__all__\n"
        "realtime_fast.restore()\n"
        "assert decart.RealtimeClient is None and not decart.REALTIME_AVAILABLE\n"
        "assert 'RealtimeClient' not in decart.__all__ and not hasattr(decart, 'realtime')\n"
    )
    assert done.returncode == 0, done.stderr


def test_without_the_sdk() -> None:
    done = run(
        "import sys; sys.modules['decart'] = None\n"
        "import realtime_fast\n"
        "try: realtime_fast.accelerate()\n"
        "except ImportError as error: print(error)\n"
        "realtime_fast.restore()"
    )
    assert done.returncode == 0, done.stderr
    assert "pip install decart" in done.stdout


def test_before_and_after_the_sdk_is_imported() -> None:
    for first, second in (("decart", "realtime_fast"), ("realtime_fast", "decart")):
        done = run(
            f"import {first}, {second}\n"
            "realtime_fast.accelerate()\n"
            "from decart.realtime.client import RealtimeClient\n"
            "assert RealtimeClient is realtime_fast.RealtimeClient is decart.RealtimeClient"
        )
        assert done.returncode == 0, done.stderr

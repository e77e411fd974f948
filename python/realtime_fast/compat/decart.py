"""Runs programs written for the pure-Python SDK on this package.

`accelerate()` installs this package as `decart.realtime`: in `sys.modules`, and under the names that `decart` imports
from there. Our error classes gain the SDK's as additional bases, so that existing `except` clauses catch them.
`restore()` undoes all of it. The rest of `decart` is left alone.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

from aiortc import MediaStreamTrack

from realtime_fast import errors
from realtime_fast.client.publisher import RealtimeClient
from realtime_fast.client.viewer import SubscribeClient
from realtime_fast.compat import rooms, rtc_bridge
from realtime_fast.control import messages
from realtime_fast.control.subscribe_token import TokenPayload, decode_subscribe_token, encode_subscribe_token
from realtime_fast.events import GenerationTickMessage
from realtime_fast.options import ConnectionState, RealtimeConnectOptions, SetInput, SubscribeOptions

SDK = "decart"
REALTIME = f"{SDK}.realtime"

EXPORTS: dict[str, Any] = {
    "RealtimeClient": RealtimeClient,
    "SetInput": SetInput,
    "SubscribeClient": SubscribeClient,
    "SubscribeOptions": SubscribeOptions,
    "encode_subscribe_token": encode_subscribe_token,
    "decode_subscribe_token": decode_subscribe_token,
    "GenerationTickMessage": GenerationTickMessage,
    "RealtimeConnectOptions": RealtimeConnectOptions,
    "ConnectionState": ConnectionState,
}
"""What `decart.realtime` exports."""

SUBMODULES: dict[str, dict[str, Any]] = {
    "client": {**EXPORTS, "MediaStreamTrack": MediaStreamTrack},
    "subscribe": {
        "SubscribeClient": SubscribeClient,
        "SubscribeOptions": SubscribeOptions,
        "TokenPayload": TokenPayload,
        "encode_subscribe_token": encode_subscribe_token,
        "decode_subscribe_token": decode_subscribe_token,
        "ConnectionState": ConnectionState,
    },
    "types": {
        "RealtimeConnectOptions": RealtimeConnectOptions,
        "ConnectionState": ConnectionState,
        "MediaStreamTrack": MediaStreamTrack,
    },
    "messages": {
        "GenerationTickMessage": GenerationTickMessage,
        "AnswerMessage": messages.Answer,
        "ErrorMessage": messages.Error,
        "GenerationEndedMessage": messages.GenerationEnded,
        "GenerationStartedMessage": messages.GenerationStarted,
        "IceCandidateMessage": messages.IceCandidate,
        "IceCandidatePayload": messages.Candidate,
        "OfferMessage": messages.Offer,
        "PromptAckMessage": messages.PromptAck,
        "PromptMessage": messages.Prompt,
        "ReadyMessage": messages.Ready,
        "SessionIdMessage": messages.SessionId,
        "SetAvatarImageMessage": messages.SetImage,
        "SetImageAckMessage": messages.SetImageAck,
    },
}
"""The public submodules of `decart.realtime`; the message classes are for annotations and `isinstance`."""

ERRORS: dict[type[errors.RealtimeError], tuple[str | type[Exception], ...]] = {
    errors.InvalidInputError: ("InvalidInputError",),
    errors.NotConnectedError: ("DecartSDKError", RuntimeError),
    errors.AuthenticationError: ("WebRTCError",),
    errors.AckTimeoutError: ("WebRTCError",),
    errors.ServerError: ("WebRTCError",),
    errors.ConnectError: ("WebRTCError",),
    errors.UnsupportedAiortcError: ("WebRTCError",),
}
"""Additional bases of our error classes: names in `decart.errors`, and built-in classes."""

_undo: list[Callable[[], None]] = []


def accelerate() -> None:
    """Make `decart.realtime`, its public submodules and its names in `decart` resolve to this package.

    Call it before the program imports names from `decart`: a name that a module has already imported stays.
    Works with and without the SDK's `realtime` extra. Calling it again changes nothing; `restore()` undoes it.

    Raises:
        ImportError: `decart` is not installed.
    """
    if _undo:
        return
    sdk = _import_sdk()
    exports, submodules = EXPORTS, SUBMODULES
    if _over_rooms():
        _prepare_rooms()
        exports, submodules = rooms.EXPORTS, rooms.SUBMODULES
    package = _facade(REALTIME, exports, is_package=True)
    for name in [name for name in sys.modules if name == REALTIME or name.startswith(f"{REALTIME}.")]:
        # Modules without a counterpart here are removed too: halves of two implementations cannot work together.
        _put(sys.modules, name, None)
    _put(sys.modules, REALTIME, package)
    for name, members in submodules.items():
        module = _facade(f"{REALTIME}.{name}", members)
        setattr(package, name, module)
        _put(sys.modules, module.__name__, module)

    names = {name: value for name, value in exports.items() if name != "GenerationTickMessage"}
    _rebind(sdk, realtime=package, REALTIME_AVAILABLE=True, **names)
    _rebind(sdk, __all__=[*sdk.__all__, *(name for name in names if name not in sdk.__all__)])
    _rebind(
        importlib.import_module(f"{SDK}.client"),
        REALTIME_AVAILABLE=True,
        RealtimeClient=exports["RealtimeClient"],
    )

    sdk_errors = importlib.import_module(f"{SDK}.errors")
    for error, gained in ERRORS.items():
        own, *others = error.__bases__
        extra = (getattr(sdk_errors, base) if isinstance(base, str) else base for base in gained)
        _rebase(error, (own, *extra, *others))


def restore() -> None:
    """Undo `accelerate()`; does nothing if there is nothing to undo."""
    while _undo:
        _undo.pop()()


def _import_sdk() -> ModuleType:
    try:
        return importlib.import_module(SDK)
    except ModuleNotFoundError as error:
        if error.name != SDK:
            raise
        raise ImportError(
            f"accelerate() needs {SDK!r}, which is not installed: pip install {SDK}, "
            "or import realtime_fast instead, which has the same names",
            name=SDK,
        ) from None


def _over_rooms() -> bool:
    """Whether the installed SDK is one whose media travels over LiveKit rooms: from 0.1 on."""
    numbers = re.match(r"(\d+)\.(\d+)", version(SDK))
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= (0, 1)


def _prepare_rooms() -> None:
    try:
        importlib.import_module("realtime_fast.livekit")
    except ImportError:
        raise ImportError(
            f"{SDK} {version(SDK)} uses LiveKit rooms: pip install 'realtime-fast[livekit]', or {SDK}<0.1",
            name=SDK,
        ) from None
    try:
        rtc: ModuleType | None = importlib.import_module("livekit.rtc")
    except ModuleNotFoundError:
        rtc = None  # a program without LiveKit's SDK has no tracks of it
    if rtc is not None:
        rtc_bridge.install(rtc, _replace)


def _facade(name: str, members: dict[str, Any], *, is_package: bool = False) -> ModuleType:
    module = module_from_spec(ModuleSpec(name, None, is_package=is_package))
    module.__doc__ = f"`{name}`, provided by realtime_fast."
    module.__dict__.update(members, __all__=list(members))
    return module


def _put(modules: dict[str, Any], name: str, module: ModuleType | None) -> None:
    """Exchange an entry of `modules`; None takes it out."""
    before = modules.pop(name, None)
    if module is not None:
        modules[name] = module

    def undo() -> None:
        modules.pop(name, None)
        if before is not None:
            modules[name] = before

    _undo.append(undo)


def _replace(owner: Any, name: str, value: Any) -> None:
    before = vars(owner)[name]
    setattr(owner, name, value)
    _undo.append(lambda: setattr(owner, name, before))


def _rebind(module: ModuleType, **names: Any) -> None:
    before = {name: vars(module)[name] for name in names if name in vars(module)}
    vars(module).update(names)

    def undo() -> None:
        for name in names:
            del vars(module)[name]
        vars(module).update(before)

    _undo.append(undo)


def _rebase(error: type[Exception], bases: tuple[type, ...]) -> None:
    before = error.__bases__
    error.__bases__ = bases

    def undo() -> None:
        error.__bases__ = before

    _undo.append(undo)

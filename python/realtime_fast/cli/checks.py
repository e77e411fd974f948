"""What `doctor` looks at. Each check finds out one thing, and says what to do about it."""

from __future__ import annotations

import glob
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import anyio
import av.codec
from av.codec.codec import UnknownCodecError

from realtime_fast import _native
from realtime_fast.cli.embedded import service_process
from realtime_fast.client.preflight import ConnectivityReport, check_connectivity
from realtime_fast.client.publisher import RealtimeClient
from realtime_fast.errors import AuthenticationError, RealtimeError, TransportName
from realtime_fast.events import Diagnostic
from realtime_fast.media.sources import open_source
from realtime_fast.models import Model, ModelDefinition
from realtime_fast.options import IceServer, RealtimeConnectOptions
from realtime_fast.peer import aiortc_seams

Verdict = Literal["ok", "warn", "fail"]

LOOPBACK_LIMIT = 20.0
"""Seconds for a picture through the embedded service and back."""

SHALLOW_LIMIT = 10.0
"""Seconds for the control channel of a service."""

NETWORK_LIMIT = 5.0
"""Seconds for STUN and TURN servers."""

CODECS: Final[Mapping[str, tuple[str, str]]] = {
    "vp8": ("libvpx", "vp8"),
    "h264": ("libx264", "h264"),
    "opus": ("libopus", "opus"),
}
"""What is sent and received: encoder and decoder in FFmpeg."""

ROOMS: Final = "livekit-protocol"
"""What the transport livekit needs beyond the others."""

LEVEL_FLAGS: Final[Sequence[tuple[str, tuple[str, ...]]]] = (
    ("avx512", ("avx512f", "avx512bw", "avx512vbmi", "avx2")),
    ("avx2", ("avx2",)),
    ("sse4.1", ("sse4_1",)),
)
"""CPU levels of the extension, highest first, and the flags of the processor that each needs (docs/conversion.md)."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was found.

    Attributes:
        name: What was looked at.
        verdict: `warn` where it works, but worse than it could; `fail` where something will not work.
        said: What is the case.
        advice: What to do; empty where there is nothing.
    """

    name: str
    verdict: Verdict
    said: str
    advice: str = ""


def check_aiortc() -> Check:
    """Whether the installed aiortc, aioice and pylibsrtp are ones this package was tested with."""
    installed = ", ".join(f"{name} {version(name)}" for name in aiortc_seams.SUPPORTED)
    if (fault := aiortc_seams.find_fault()) is not None:
        advice = "pip install --force-reinstall realtime-fast installs the releases it supports"
        return Check("aiortc", "fail", fault, advice)
    untested = [
        f"{name} {supported}"
        for name, supported in aiortc_seams.SUPPORTED.items()
        if not f"{version(name)}.".startswith(f"{supported}.")
    ]
    if untested:
        advice = f"tested is {', '.join(untested)}: install it if something goes wrong"
        return Check("aiortc", "warn", f"{installed} is an untested version", advice)
    return Check("aiortc", "ok", installed)


def check_level(flags: frozenset[str] | None, used: str) -> Check:
    """Whether the extension uses the vector instructions of the processor.

    Args:
        flags: The processor's, None where unknown.
        used: The level in use.
    """
    if flags is None:
        return Check("CPU level", "ok", f"{used}; the processor's flags are not known on this system")
    possible = next((name for name, needed in LEVEL_FLAGS if flags >= set(needed)), "scalar")
    if possible != used:
        advice = "install a wheel for this processor, or build the extension on it"
        return Check("CPU level", "warn", f"{used}, but the processor has {possible}", advice)
    highest, needed = LEVEL_FLAGS[0]
    if used == highest:
        return Check("CPU level", "ok", f"{used}, the highest there is")
    lacking = ", ".join(sorted(set(needed) - flags))
    return Check("CPU level", "ok", f"{used}; {highest} needs {lacking}, which the processor lacks")


def check_codecs() -> list[Check]:
    """Whether FFmpeg has what is sent and received."""
    found = []
    for name, (encoder, decoder) in CODECS.items():
        missing = [] if _has_codec(encoder, "w") else [f"encoder {encoder}"]
        missing += [] if _has_codec(decoder, "r") else [f"decoder {decoder}"]
        if missing:
            said = f"the FFmpeg of av {av.__version__} lacks the {' and the '.join(missing)}"
            advice = "install PyAV from its wheels, which have all of them: pip install --force-reinstall av"
            found.append(Check(f"codec {name}", "fail", said, advice))
        else:
            found.append(Check(f"codec {name}", "ok", f"{encoder}, {decoder}"))
    return found


def check_rooms(wanted: bool) -> Check:
    """Whether LiveKit rooms can be joined, which are `wanted`, or might be."""
    try:
        return Check("LiveKit rooms", "ok", f"livekit-protocol {version(ROOMS)}")
    except PackageNotFoundError:
        advice = "pip install 'realtime-fast[livekit]'"
        return Check("LiveKit rooms", "fail" if wanted else "warn", f"{ROOMS} is not installed", advice)


def check_camera() -> Check:
    """Whether there is a camera."""
    if not sys.platform.startswith("linux"):
        return Check("camera", "ok", "not looked for on this system")
    cameras = sorted(glob.glob("/dev/video*"))
    if not cameras:
        advice = "connect one for --input 0; files and 'synthetic' work without"
        return Check("camera", "warn", "there is none", advice)
    try:
        with open(cameras[0], "rb"):
            return Check("camera", "ok", ", ".join(cameras))
    except OSError as error:
        advice = f"let this user read it: sudo usermod -aG video $USER, and log in again ({error.strerror})"
        return Check("camera", "warn", f"{cameras[0]} cannot be opened", advice)


async def check_loopback() -> Check:
    """Whether pictures go through a service on this machine and back."""
    name = "loopback WebRTC"
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        return Check(name, "warn", "not tried: the embedded service is not installed",
                     "pip install 'realtime-fast[server]'")  # fmt: skip
    model = ModelDefinition("lucy-2.1", "/v1/stream", 30, 320, 180)
    options = RealtimeConnectOptions(model, ice_servers=(), reconnect=None, connect_timeout=LOOPBACK_LIMIT)
    began = anyio.current_time()
    try:
        with anyio.fail_after(LOOPBACK_LIMIT):
            async with (
                service_process() as url,
                open_source("synthetic", size=(model.width, model.height)) as source,
                RealtimeClient.connect(url, "doctor", source, options, "doctor") as client,
            ):
                began = anyio.current_time()
                async for _ in client.frames("yuv420p"):
                    break
    except TimeoutError:
        advice = "a firewall on this machine may block UDP between its own ports"
        return Check(name, "fail", f"no picture came back within {LOOPBACK_LIMIT:g} s", advice)
    except RealtimeError as error:
        return Check(name, "fail", f"{error.code}: {error}", "realtime-fast demo --debug shows more")
    return Check(
        name, "ok", f"a picture came back {1000 * (anyio.current_time() - began):.0f} ms after connecting"
    )


async def check_network(ice_servers: Sequence[IceServer], within: float = NETWORK_LIMIT) -> Check:
    """Whether UDP leaves this network, or a relay helps; asks for `within` seconds."""
    found = await check_connectivity(ice_servers=ice_servers, timeout=within)
    verdicts: dict[str | None, Verdict] = {"udp": "ok", "relay": "warn", "failed": "fail"}
    said = {
        "udp": f"UDP leaves this network; the STUN server answers in {found.metrics.rtt_ms or 0:.0f} ms",
        "relay": "UDP is blocked; the relay works",
        "failed": "UDP is blocked: neither a STUN nor a TURN server answers",
    }
    verdict = verdicts[found.transport]
    if verdict == "ok" and found.quality != "good":
        verdict = "warn"
    return Check("network", verdict, said[found.transport or "failed"], " ".join(found.reasons))


async def check_service(
    url: str, api_key: str, model: Model, transport: TransportName | Literal["auto"]
) -> Check:
    """Whether the service answers and takes the key: opens the control channel, and closes it again."""
    name = f"service {url.partition('?')[0]}"
    options = RealtimeConnectOptions(
        model, transport=transport, ice_servers=(), reconnect=None, connect_timeout=SHALLOW_LIMIT
    )
    connecting = RealtimeClient.connect(url, api_key, None, options, "doctor")
    took: float | None = None

    async def watch(scope: anyio.CancelScope) -> None:
        nonlocal took
        async for event in connecting.events():
            if (
                isinstance(event, Diagnostic)
                and event.data.get("phase") == "websocket"
                and event.data["success"]
            ):
                took = event.data["duration_ms"]
                scope.cancel()

    failure: RealtimeError | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch, tasks.cancel_scope)
        try:
            async with connecting:
                pass
        except RealtimeError as error:
            failure = error
        tasks.cancel_scope.cancel()
    if took is not None:
        return Check(name, "ok", f"takes the key, after {took:.0f} ms")
    return _refusal(name, failure)


async def check_session(
    url: str, api_key: str, model: Model, transport: TransportName | Literal["auto"]
) -> Check:
    """Whether a whole session is any good; it uses the service as a user does."""
    found: ConnectivityReport = await check_connectivity(
        deep=True, base_url=url, api_key=api_key, model=model, transport=transport
    )
    figures = found.metrics
    known = [
        f"{what} {value:.0f} ms"
        for what, value in (("first picture", figures.first_frame_ms), ("latency", figures.e2e_ms))
        if value is not None
    ]
    verdicts: dict[str, Verdict] = {"good": "ok", "critical": "fail"}
    said = f"{found.quality}: {', '.join(known)}" if known else found.quality
    return Check("session", verdicts.get(found.quality, "warn"), said, " ".join(found.reasons))


def processor_flags() -> frozenset[str] | None:
    """What the processor can do, as Linux names it; None where unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    listed = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), None)
    return None if listed is None else frozenset(listed)


def level_in_use() -> str:
    """The CPU level of the extension."""
    names: list[str] = _native._testing.levels()
    return names[-1]


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    try:
        av.codec.Codec(name, mode)
    except UnknownCodecError:
        return False
    return True


def _refusal(name: str, failure: RealtimeError | None) -> Check:
    if isinstance(failure, AuthenticationError):
        return Check(
            name, "fail", "the key is wrong, or has no access", "check REALTIME_API_KEY, and what it allows"
        )
    said = "it ended without a word" if failure is None else f"{failure.code}: {failure}"
    return Check(name, "fail", said, "check REALTIME_URL, and whether the service is up")

"""`doctor` names the cause of what it finds, and says what to do."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import get_args

import pytest

from realtime_fast.cli import checks
from realtime_fast.cli.checks import (
    Check,
    check_aiortc,
    check_codecs,
    check_level,
    check_network,
    check_rooms,
    check_service,
)
from realtime_fast.errors import TransportName
from realtime_fast.models import realtime
from realtime_fast.options import IceServer
from realtime_fast.peer import aiortc_seams
from realtime_fast.server import Service, ServiceConfig

MODEL = realtime("lucy-2.1")
EVERYTHING = frozenset({"avx512f", "avx512bw", "avx512vbmi", "avx2", "sse4_1"})


def is_advice(check: Check, verdict: str, *said: str) -> None:
    assert check.verdict == verdict, check
    assert [words for words in said if words not in check.said] == []
    assert check.advice


def test_a_codec_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CODECS", {"vp8": ("libvpx", "vp8"), "h264": ("libnothing", "h264")})
    good, bad = check_codecs()
    assert good.verdict == "ok"
    is_advice(bad, "fail", "encoder libnothing")


@pytest.mark.parametrize(
    ("flags", "used", "verdict", "said"),
    [
        (EVERYTHING, "avx512", "ok", "highest"),
        (EVERYTHING, "avx2", "warn", "the processor has avx512"),
        (EVERYTHING - {"avx512vbmi"}, "avx2", "ok", "avx512 needs avx512vbmi"),
        (EVERYTHING, "scalar", "warn", "the processor has avx512"),
        (frozenset(), "scalar", "ok", "avx512 needs"),
        (None, "scalar", "ok", "not known"),
    ],
)
def test_the_extension_on_a_lower_level_than_possible(
    flags: frozenset[str] | None, used: str, verdict: str, said: str
) -> None:
    check = check_level(flags, used)
    assert (check.verdict, said in check.said) == (verdict, True)
    assert (check.advice != "") is (verdict == "warn")


def test_the_level_in_use_is_one_of_the_table() -> None:
    assert checks.level_in_use() in {"scalar", *(name for name, _ in checks.LEVEL_FLAGS)}


def test_an_untested_aiortc(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_aiortc().verdict == "ok"
    monkeypatch.setattr(aiortc_seams, "SUPPORTED", {"aiortc": "1.1"})
    is_advice(check_aiortc(), "warn", "untested version")
    monkeypatch.setattr(aiortc_seams, "find_fault", lambda: "unsupported aiortc 9: no such name")
    is_advice(check_aiortc(), "fail", "unsupported aiortc 9")


@pytest.mark.parametrize(("wanted", "verdict"), [(True, "fail"), (False, "warn")])
def test_rooms_without_what_they_need(wanted: bool, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_rooms(wanted).verdict == "ok"
    monkeypatch.setattr(checks, "ROOMS", "livekit-protocol-that-is-not")
    is_advice(check_rooms(wanted), verdict, "is not installed")


async def test_udp_that_is_blocked() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = IceServer(f"stun:127.0.0.1:{silent.getsockname()[1]}")
        is_advice(await check_network([server], within=0.5), "fail", "UDP is blocked")


async def test_a_service_that_takes_the_key_refuses_it_or_is_down() -> None:
    async with Service(ServiceConfig(port=0, api_keys=frozenset({"right"}))) as service:
        url = service.url
        for transport in (*get_args(TransportName), "auto"):
            good = await check_service(url, "right", MODEL, transport)
            assert (good.verdict, good.advice) == ("ok", "")
        is_advice(await check_service(url, "wrong", MODEL, "webrtc"), "fail", "the key is wrong")
    is_advice(await check_service(url, "right", MODEL, "webrtc"), "fail", "cannot be reached")


def test_the_command_checks_this_machine() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "realtime_fast.cli", "doctor", "--url", "ws://127.0.0.1:9", "--json"],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    found = {check["name"]: check["verdict"] for check in json.loads(done.stdout)["checks"]}
    assert found["service ws://127.0.0.1:9"] == "fail"
    assert found["loopback WebRTC"] == found["aiortc"] == found["codec vp8"] == "ok"
    assert done.returncode == 1

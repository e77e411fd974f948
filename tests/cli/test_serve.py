"""`realtime-fast serve` as a process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import typer
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from realtime_fast.cli.serve import serve
from realtime_fast.server import ServiceConfig

COMMAND = [sys.executable, "-c", "from realtime_fast.cli import main; main()"]


@contextmanager
def serving(*options: str, typed: str = "", **popen: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running process, to which a line may be typed, and the URL that it printed."""
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **popen,
    ) as process:
        try:
            if typed:
                assert process.stdin is not None
                process.stdin.write(typed)
                process.stdin.flush()
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on ws://127.0.0.1:"), line or process.communicate()[1]
            url = line.removeprefix("listening on ").strip()
            if "--quiet" not in options:
                assert process.stdout.readline() == f"web page at {url.replace('ws', 'http', 1)}/\n"
            yield process, url
        finally:
            process.kill()


def failing(*options: str, typed: str = "") -> tuple[int, str]:
    """Exit code and stderr of a command that is expected to fail."""
    done = subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, timeout=50, check=False, input=typed
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_announces_its_url_and_leaves_cleanly_on_a_signal(number: signal.Signals) -> None:
    with serving() as (process, url), connect(f"{url}/v1/stream?api_key=k&model=lucy-2.1") as client:
        assert "session_id" in client.recv(timeout=10)
        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out) == (0, "")
        assert re.fullmatch(r"\S+  session \S+ began\n\S+  session \S+ ended after \S+ s\n", err), err
        assert time.monotonic() - began < 2


@pytest.mark.alone
@pytest.mark.parametrize("how", ["signal", "end of input"])
def test_leaves_within_two_seconds_however_busy_it_is(how: str) -> None:
    with (
        serving("--until-eof", stdin=subprocess.PIPE) as (process, url),
        ThreadPoolExecutor(4) as clients,
    ):
        asked = threading.Event()

        def flood() -> None:
            with suppress(ConnectionClosed), connect(f"{url}/v1/stream?api_key=k&model=lucy-2.1") as client:
                while True:
                    client.send('{"type": "prompt", "prompt": "more"}')
                    asked.set()

        for _ in range(4):
            clients.submit(flood)
        assert asked.wait(20)
        began = time.monotonic()
        if how == "signal":
            process.terminate()
        else:
            assert process.stdin is not None
            process.stdin.close()
        assert process.wait(10) == 0
        assert time.monotonic() - began < 2


AS_ON_WINDOWS = """
import asyncio
def missing(*_, **__):
    raise NotImplementedError
asyncio.SelectorEventLoop.add_signal_handler = asyncio.SelectorEventLoop.connect_read_pipe = missing
from realtime_fast.cli import main
main()
"""


@pytest.mark.parametrize("how", ["signal", "end of input"])
def test_it_needs_nothing_that_only_unix_has(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.COMMAND", [sys.executable, "-c", AS_ON_WINDOWS])
    with serving("--quiet", "--until-eof", stdin=subprocess.PIPE) as (process, _):
        if how == "signal":
            process.terminate()
        out, err = process.communicate(timeout=10)  # which closes its input
        assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("way", ["environment", "standard input"])
def test_a_key_comes_from_where_the_process_list_does_not_show_it(way: str) -> None:
    if way == "environment":
        started = serving(env={**os.environ, "REALTIME_API_KEY": "first s3cret"})
    else:
        started = serving("--api-key", "-", "--until-eof", stdin=subprocess.PIPE, typed="s3cret\n")
    with started as (process, url):
        for key in ("wrong", "s3cre"):
            with pytest.raises(InvalidStatus, match="401"):
                connect(f"{url}/v1/stream?api_key={key}&model=lucy-2.1")
        with connect(f"{url}/v1/stream?api_key=s3cret&model=lucy-2.1") as client:
            assert "session_id" in client.recv(timeout=10)
        assert "s3cret" not in Path(f"/proc/{process.pid}/cmdline").read_text()


def test_a_livekit_secret_is_a_line_of_standard_input_after_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    configs: list[ServiceConfig] = []
    monkeypatch.setattr("realtime_fast.cli.serve.anyio.run", lambda _, config, *__: configs.append(config))
    read, write = os.pipe()
    with os.fdopen(write, "w") as typing, os.fdopen(read) as stdin:
        typing.write("k3y\ns3cret\nof somebody else")
        typing.flush()
        monkeypatch.setattr(sys, "stdin", stdin)
        serve(
            api_key=["-"], livekit_url="ws://127.0.0.1:7880", livekit_key="k", livekit_secret="-", quiet=True
        )
    (config,) = configs
    assert (config.api_keys, config.livekit_secret) == (frozenset(["k3y"]), "s3cret")
    assert "s3cret" not in repr(config)


def test_a_missing_livekit_secret_says_where_to_give_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        serve(livekit_url="ws://127.0.0.1:7880", livekit_key="k")
    assert caught.value.exit_code == 2
    err = capsys.readouterr().err
    assert err.startswith("There is no LiveKit API secret: set LIVEKIT_API_SECRET, or give - ")


@pytest.mark.parametrize("given", ["", "  "])
def test_an_empty_key_says_where_to_give_one(given: str) -> None:
    code, err = failing("serve", "--port", "0", "--api-key", "-", typed=f"{given}\n")
    assert code == 2
    assert err.startswith("There is no API key: set REALTIME_API_KEY, or give - ")


def test_each_refusal_is_a_line() -> None:
    with serving("--api-key", "right") as (process, url):
        for key, model in (("wr0ng", "lucy-2.1"), ("right", "lucy-9")):
            with suppress(InvalidStatus), connect(f"{url}/v1/stream?api_key={key}&model={model}") as client:
                client.recv(timeout=10)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
    first, second = err.splitlines()
    assert "refused a client with HTTP 401: Invalid API key" in first
    assert "refused a client: Unknown model 'lucy-9'" in second
    assert "wr0ng" not in err


def test_faults_are_options() -> None:
    with serving("--fault", "error=open:no room", "--fault", "times=1") as (_, url):
        with connect(f"{url}/v1/stream?api_key=k&model=lucy-2.1") as client:
            assert "no room" in client.recv(timeout=10)
        with connect(f"{url}/v1/stream?api_key=k&model=lucy-2.1") as client:
            assert "session_id" in client.recv(timeout=10)


def test_a_port_in_use_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, err = failing("serve", "--port", str(port))
    assert (code, err) == (2, f"Port {port} on 127.0.0.1 is in use; choose another, or 0 for a free one\n")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--fault", "nonsense", "No fault is called 'nonsense'; there are ack, ack-delay, close"),
        ("--fault", "close=tomorrow", "expected close=PHASE"),
        ("--fault", "http=200", "400 to 599"),
        ("--delay-ms", "-1", "delay_ms must be between 0 and 30000"),
        ("--ivs-sdk", "/no/such/sdk.js", "npm install amazon-ivs-web-broadcast"),
        ("--port", "70000", "port must be between 0 and 65535"),
        ("--host", "192.0.2.77", "cannot listen on 192.0.2.77"),
    ],
)
def test_wrong_options_are_one_clear_sentence(option: str, value: str, said: str) -> None:
    code, err = failing("serve", "--port", "0", option, value)
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1


def test_the_traceback_is_shown_on_demand() -> None:
    code, err = failing("serve", "--delay-ms", "-1", "--debug")
    assert code == 1
    assert "Traceback" in err


def test_help_lists_every_fault() -> None:
    from realtime_fast.server.faults import HELP

    done = subprocess.run(
        [*COMMAND, "serve", "--help"], capture_output=True, text=True, timeout=50, check=True
    )
    said = " ".join(done.stdout.split())
    assert [line for line in HELP.values() if line not in said] == []


@pytest.mark.parametrize(
    ("missing", "hint"),
    [("typer", "pip install 'realtime-fast[cli]'"), ("uvicorn", "pip install 'realtime-fast[server]'")],
)
def test_a_missing_extra_says_what_to_install(missing: str, hint: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['realtime-fast', 'serve'];"
        "from realtime_fast.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 1
    assert hint in done.stderr
    assert len(done.stderr.splitlines()) == 1

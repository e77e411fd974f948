"""`realtime-fast serve` as a process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.client import connect

COMMAND = [sys.executable, "-c", "from realtime_fast.cli import main; main()"]


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running process and the URL that it printed."""
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on ws://127.0.0.1:"), line or process.communicate()[1]
            yield process, line.removeprefix("listening on ").strip()
        finally:
            process.kill()


def failing(*options: str) -> tuple[int, str]:
    """Exit code and stderr of a command that is expected to fail."""
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=50, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_announces_its_url_and_leaves_cleanly_on_a_signal(number: signal.Signals) -> None:
    with serving() as (process, url), connect(f"{url}/v1/stream?api_key=k&model=lucy-2.1") as client:
        assert "session_id" in client.recv(timeout=10)
        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")
        assert time.monotonic() - began < 2


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
        ("--fault", "nonsense", "No fault is called 'nonsense'"),
        ("--fault", "close=tomorrow", "expected close=PHASE"),
        ("--fault", "http=200", "400 to 599"),
        ("--delay-ms", "-1", "delay_ms must be between 0 and 30000"),
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
    assert [line for line in HELP.values() if line not in done.stdout] == []


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

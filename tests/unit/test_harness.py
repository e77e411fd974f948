"""What the tests themselves rest on: the guard against sockets, and turns between workers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.alone import Turn
from tests.sockets import GUARD, SocketOpenedError

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is guarded there")
def test_what_is_not_marked_opens_no_socket_and_starts_no_process() -> None:
    with pytest.raises(SocketOpenedError):
        socket.socket()
    with pytest.raises(SocketOpenedError):
        subprocess.Popen([sys.executable, "-c", ""])
    one, other = socket.socketpair()  # as event loops do
    one.close()
    other.close()
    tried, GUARD.tried = GUARD.tried, []
    assert tried == ["socket.__new__", "subprocess.Popen"]


def test_a_test_is_alone_or_among_others(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    room, gate = tmp_path / "room", tmp_path / "gate"
    room.touch()
    gate.touch()

    def may(how: int, path: Path) -> bool:
        """Whether somebody else would not have to wait."""
        with path.open("rb") as file:
            try:
                fcntl.flock(file, how | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    turn = Turn(room, gate)
    turn.take(alone=False)
    assert may(fcntl.LOCK_EX, gate)
    assert may(fcntl.LOCK_SH, room)
    assert not may(fcntl.LOCK_EX, room)
    turn.give_back()
    turn.take(alone=True)
    assert not may(fcntl.LOCK_EX, gate)
    assert not may(fcntl.LOCK_SH, room)
    turn.give_back()
    assert may(fcntl.LOCK_EX, room)
    assert may(fcntl.LOCK_EX, gate)


@pytest.mark.sockets
@pytest.mark.skipif(
    find_spec("cv2") is None or not (ROOT / "benches").is_dir(),
    reason="the benches, or what they need, are not here",
)
def test_the_benches_are_an_option_away() -> None:
    # Without those that import half of the world.
    options = ["--benchmark", "--collect-only", "-q", "--ignore-glob=*/benches/test_[!m]*"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=ROOT,
        env=outside,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    collected = [line.split("::")[0] for line in ran.stdout.splitlines() if "::" in line]
    assert "benches/test_marker.py" in collected
    assert all(path.startswith("benches/") for path in collected)

"""Sends a live stream on in a process of its own, so that a far end that hangs stops nothing else.

PyAV opens a network output with the interpreter locked, and FFmpeg does so without a time limit. This file is what the
parent uses, and the script that the process runs: that imports nothing but PyAV.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import av

CONTAINER = "matroska"
"""What the process is fed with."""

_PATIENCE = 5.0
"""Seconds that the far end may take to accept the stream, and each packet."""

_END_LIMIT = 7.0
"""Seconds for the process to send the rest; longer than it waits itself."""


class Restream:
    """A file of `CONTAINER` for writing, whose content is sent on to a URL. Blocking.

    Args:
        url: Where to; it is not shown in the process list.
        container: FFmpeg's name of the container to send.
    """

    def __init__(self, url: str, container: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this file
            [sys.executable, "-P", str(Path(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        self._stdin = self._process.stdin
        self.write(f"{container}\n{url}\n".encode())

    def write(self, data: bytes) -> int:
        """Send this.

        Raises:
            ConnectionError: The far end refused, or is gone.
        """
        try:
            self._stdin.write(data)
            self._stdin.flush()
        except OSError:
            self._end()
            raise ConnectionError(errno.EPIPE, self._reason()) from None
        return len(data)

    def finish(self) -> None:
        """Send what is left, and end.

        Raises:
            ConnectionError: The far end did not take it.
        """
        if self._end() != 0:
            raise ConnectionError(errno.EPIPE, self._reason())

    def abandon(self) -> None:
        """End without sending the rest; idempotent."""
        self._process.kill()
        self._end()

    def _end(self) -> int:
        with suppress(OSError):
            self._stdin.close()
        try:
            return self._process.wait(_END_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _reason(self) -> str:
        assert self._process.stderr is not None
        with suppress(ValueError):  # closed: it was read before
            said = self._process.stderr.read().decode(errors="replace").strip()
            self._process.stderr.close()
            return said.splitlines()[-1][:200] if said else f"it does not answer within {_PATIENCE:g} s"
        return "it has ended"


def main() -> int:
    """Send what comes on standard input, after two lines with the container and the URL."""
    given = sys.stdin.buffer
    container, url = (given.readline().decode().strip() for _ in range(2))
    try:
        with open(os.devnull, "w") as nowhere, av.open(given, "r", format=CONTAINER) as source:
            _watch(nowhere)
            with av.open(url, "w", format=container, options=_OPTIONS.get(container, {})) as out:
                streams = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
                for packet in source.demux():
                    if packet.dts is None:  # that which ends the demuxing
                        continue
                    packet.stream = streams[packet.stream.index]
                    _watch(nowhere)
                    out.mux(packet)
                    faulthandler.cancel_dump_traceback_later()
                _watch(nowhere)
    except (av.FFmpegError, OSError) as error:
        sys.stderr.write(f"{error.strerror or type(error).__name__}\n")
        return 1
    return 0


_OPTIONS = {
    "flv": {"flvflags": "no_duration_filesize", "flush_packets": "1"},
    "mpegts": {"flush_packets": "1"},
}


def _watch(nowhere: TextIO) -> None:
    """End the process unless it gets on: this watches without the interpreter, which FFmpeg may hold."""
    faulthandler.dump_traceback_later(_PATIENCE, exit=True, file=nowhere)


if __name__ == "__main__":
    sys.exit(main())

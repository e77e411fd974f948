"""Keys and tokens for a command, from where other users of the machine do not see them.

The arguments of a process are in the process list for everybody; its environment and its input are not.
"""

from __future__ import annotations

import getpass
import os
import sys

from realtime_fast.errors import InvalidInputError

API_KEY_VARIABLE = "REALTIME_API_KEY"
LIVEKIT_SECRET_VARIABLE = "LIVEKIT_API_SECRET"  # noqa: S105 - the name of one
STAGE_TOKEN_VARIABLE = "REALTIME_STAGE_TOKEN"  # noqa: S105 - the name of one

MAX_LINE = 64 * 1024


def resolved(value: str | None, *, name: str, variable: str) -> str:
    """A secret argument: as given (by option or environment), or one line of standard input for `-`.

    Raises:
        InvalidInputError: There is none; the message says where it can come from.
    """
    if value == "-":
        value = _line(name)
    if not value or not value.strip():
        raise InvalidInputError(
            f"There is no {name}: set {variable}, or give - and write it to standard input "
            f"(as an argument it would be in the process list)"
        )
    return value.strip()


def _line(name: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    # Byte by byte: what follows the line is somebody else's (see `serve --until-eof`).
    line = bytearray()
    while len(line) < MAX_LINE and (byte := os.read(sys.stdin.fileno(), 1)) not in (b"", b"\n"):
        line += byte
    return line.decode(errors="replace")

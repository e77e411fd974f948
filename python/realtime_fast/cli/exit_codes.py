"""How commands fail: with one clear sentence, and an exit code for the kind of failure."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from realtime_fast.errors import (
    AckTimeoutError,
    AuthenticationError,
    ConnectError,
    ConnectTimeoutError,
    InvalidInputError,
    RealtimeError,
    ServerError,
)

EXIT_CODES: dict[type[BaseException], int] = {
    InvalidInputError: 2,
    AuthenticationError: 3,
    ServerError: 4,
    ConnectTimeoutError: 6,
    AckTimeoutError: 6,
    ConnectError: 5,
    RealtimeError: 1,
    KeyboardInterrupt: 130,
    Exception: 1,
}
"""The first class that fits gives the code."""

HELP = (
    "\b\nExit codes: 0 done, 1 failed otherwise, 2 wrong arguments, 3 key or access refused,\n"
    "4 the service reported a failure, 5 no connection, 6 timed out, 130 interrupted."
)

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback when something fails.")]


@contextmanager
def reported(debug: bool) -> Iterator[None]:
    """Turn whatever fails inside into a sentence on stderr and an exit code; with `debug` let it through."""
    try:
        yield
    except typer.Exit:
        raise
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        print(_sentence(error), file=sys.stderr)
        code = next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
        raise typer.Exit(code) from error


def _sentence(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted"
    if isinstance(error, (RealtimeError, ImportError)):
        return str(error)
    return f"{type(error).__name__}: {error} (--debug shows where)"

"""`python -m realtime_fast app.py [args]`: run a program written for the pure-Python SDK on this package.

The program runs as it would under Python itself: `sys.argv`, `sys.path[0]` and `__name__` are its own, and its exit
code and exceptions pass through.
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import NoReturn

from realtime_fast.compat.decart import accelerate

USAGE = "usage: python -m realtime_fast (app.py | -m module) [args …]"


def main(arguments: list[str]) -> None:
    """Run the program that `arguments` name."""
    match arguments:
        case ["-h" | "--help", *_]:
            print(f"{USAGE}\n\nRun a program written for decart.realtime, unchanged, on realtime_fast.")
        case ["-m", module, *rest]:
            _accelerate()
            sys.argv = [module, *rest]  # runpy replaces the name by the file's path
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case [path, *rest] if not path.startswith("-"):
            program = os.path.abspath(path)
            if not os.path.exists(program):
                _fail(f"no such file: {path!r}", code=2)
            _accelerate()
            sys.argv = [program, *rest]
            sys.path[0] = os.path.dirname(program)
            runpy.run_path(program, run_name="__main__")
        case _:
            _fail(USAGE, code=2)


def _accelerate() -> None:
    try:
        accelerate()
    except ImportError as error:
        _fail(str(error), code=1)


def _fail(message: str, *, code: int) -> NoReturn:
    print(f"realtime_fast: {message}" if message != USAGE else message, file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main(sys.argv[1:])

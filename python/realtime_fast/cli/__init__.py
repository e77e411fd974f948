"""The command line `realtime-fast COMMAND`: one file per command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exits with the codes of `realtime_fast.cli.exit_codes`."""
    try:
        from realtime_fast.cli.app import app
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "rich", "click"):
            raise
        sys.exit("The command line needs its extra: pip install 'realtime-fast[cli]'")
    app()
